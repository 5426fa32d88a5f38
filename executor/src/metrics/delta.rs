//! Counters: what was read of them, how much it is in all, and what a receiver has not heard of yet.
//!
//! Statsd's counters are sums of what is sent, so only growth may be sent, and all of it once. The counters of a JVM
//! begin at zero with it: the first reading of each new one is growth as it stands. What could not be sent is sent with
//! the next; what was sent to a port that turned out to be closed counts as not sent.

use super::catalog::{COUNT, Kind, Metric};

/// All counters.
#[derive(Clone, Debug)]
pub struct Counters {
    /// As last read.
    last: [u64; COUNT],
    /// All growth since this executor began.
    total: [Option<u64>; COUNT],
    /// Growth that no receiver was told.
    pending: [u64; COUNT],
    /// Growth on its way.
    sent: [u64; COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self { last: [0; COUNT], total: [None; COUNT], pending: [0; COUNT], sent: [0; COUNT] }
    }
}

impl Counters {
    /// A new JVM: what it counts begins at zero.
    pub fn jvm_started(&mut self) {
        for metric in Metric::ALL.iter().filter(|metric| metric.row().source.is_the_jvm()) {
            self.last[*metric as usize] = 0;
        }
    }

    /// A counter stands at `value`. One that went back began anew.
    pub fn read(&mut self, metric: Metric, value: u64) {
        let last = std::mem::replace(&mut self.last[metric as usize], value);
        self.grow(metric, value.checked_sub(last).unwrap_or(value));
    }

    /// A counter of our own grew.
    pub fn grow(&mut self, metric: Metric, growth: u64) {
        let index = metric as usize;
        self.total[index] = Some(self.total[index].unwrap_or(0).saturating_add(growth));
        self.pending[index] = self.pending[index].saturating_add(growth);
    }

    /// How much in all, if it was ever read.
    pub fn total(&self, metric: Metric) -> Option<u64> {
        self.total[metric as usize]
    }

    /// What is to be sent of each counter that was ever read, zeros too: a name is there from the beginning on. It is on
    /// its way until [`Counters::settle`] says how that went.
    pub fn send(&mut self) -> impl Iterator<Item = (Metric, u64)> {
        self.settle(true);
        self.sent = std::mem::replace(&mut self.pending, [0; COUNT]);
        let counters = Metric::ALL.iter().filter(|metric| metric.row().kind == Kind::Counter);
        counters
            .filter(|metric| self.total(**metric).is_some())
            .map(|&metric| (metric, self.sent[metric as usize]))
    }

    /// What was on its way arrived, as far as anybody can tell, or did not, and waits again.
    pub fn settle(&mut self, arrived: bool) {
        for (pending, sent) in self.pending.iter_mut().zip(&mut self.sent) {
            let sent = std::mem::take(sent);
            if !arrived {
                *pending = pending.saturating_add(sent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(counters: &mut Counters, metric: Metric) -> Option<u64> {
        counters.send().find_map(|(found, growth)| (found == metric).then_some(growth))
    }

    // D23
    #[test]
    fn only_growth_is_sent_and_each_jvm_begins_at_zero() {
        let mut counters = Counters::default();
        assert_eq!(sent(&mut counters, Metric::MessagesIn), None, "never read");
        counters.read(Metric::MessagesIn, 0);
        assert_eq!(sent(&mut counters, Metric::MessagesIn), Some(0));
        counters.read(Metric::MessagesIn, 70);
        counters.read(Metric::MessagesIn, 100);
        assert_eq!(sent(&mut counters, Metric::MessagesIn), Some(100));
        assert_eq!(sent(&mut counters, Metric::MessagesIn), Some(0));
        counters.jvm_started();
        counters.read(Metric::MessagesIn, 130);
        assert_eq!(sent(&mut counters, Metric::MessagesIn), Some(130), "the new one's, whole");
        counters.read(Metric::MessagesIn, 5);
        assert_eq!(sent(&mut counters, Metric::MessagesIn), Some(5), "it went back: it began anew");
        assert_eq!(counters.total(Metric::MessagesIn), Some(235));
    }

    #[test]
    fn the_executor_s_own_go_on_with_the_next_jvm() {
        let mut counters = Counters::default();
        counters.read(Metric::ExecutorCpu, 50);
        counters.jvm_started();
        counters.read(Metric::ExecutorCpu, 60);
        assert_eq!(counters.total(Metric::ExecutorCpu), Some(60));
    }

    #[test]
    fn what_did_not_arrive_is_sent_again_once() {
        let mut counters = Counters::default();
        counters.grow(Metric::HealthChecks, 3);
        assert_eq!(sent(&mut counters, Metric::HealthChecks), Some(3));
        counters.grow(Metric::HealthChecks, 1);
        counters.settle(false);
        counters.settle(false);
        assert_eq!(sent(&mut counters, Metric::HealthChecks), Some(4));
        counters.settle(true);
        counters.settle(false);
        assert_eq!(sent(&mut counters, Metric::HealthChecks), Some(0));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Produced(u16),
        Read,
        Died,
        Sent(bool),
    }

    proptest! {
        /// Whatever happens in which order: what arrived, and what waits, is what was read in all.
        #[test]
        fn the_sum_at_the_receiver(steps in prop::collection::vec(prop_oneof![
            any::<u16>().prop_map(Step::Produced),
            Just(Step::Read),
            Just(Step::Died),
            any::<bool>().prop_map(Step::Sent),
        ], 0..200)) {
            let mut counters = Counters::default();
            let (mut jvm, mut exposed, mut dead, mut received) = (0_u64, 0, 0, 0);
            for step in steps {
                match step {
                    Step::Produced(messages) => jvm += u64::from(messages),
                    Step::Read => {
                        counters.read(Metric::MessagesIn, jvm);
                        exposed = jvm;
                    }
                    Step::Died => {
                        dead += exposed;
                        (jvm, exposed) = (0, 0);
                        counters.jvm_started();
                    }
                    Step::Sent(arrives) => {
                        let growth = sent(&mut counters, Metric::MessagesIn).unwrap_or(0);
                        counters.settle(arrives);
                        received += if arrives { growth } else { 0 };
                    }
                }
            }
            received += sent(&mut counters, Metric::MessagesIn).unwrap_or(0);
            prop_assert_eq!(received, dead + exposed);
        }
    }
}
