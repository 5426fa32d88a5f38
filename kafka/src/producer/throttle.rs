//! How fast records may be sent: a rate that the tests under way share, and each one's credit. Pure but for one counter.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Records that are saved up at most, as time at the full rate. Without a limit, as Kafka's own throttle has none, a
/// cluster that hung for a minute would be flooded after it.
const SAVED: Duration = Duration::from_secs(1);
/// A first credit, so that a test of few records need not wait.
const FIRST: Duration = Duration::from_millis(2);
const SECOND: u128 = Duration::from_secs(1).as_nanos();

/// A rate that belongs to several tests together.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Records each second.
    rate: u64,
    taking: Arc<AtomicU64>,
}

/// One test's part of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub struct Share(Budget);

impl Budget {
    /// `rate` records each second for all shares together.
    pub fn new(rate: u64) -> Self {
        Self { rate, taking: Arc::default() }
    }

    /// One more takes part; from now on everybody has less.
    pub fn share(&self) -> Share {
        self.taking.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }
}

impl Share {
    /// Records each second, the same for every share there is now.
    pub fn rate(&self) -> u64 {
        let taking = self.0.taking.load(Ordering::Relaxed).max(1);
        (self.0.rate / taking).max(1)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.taking.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a test may send by now. Time is what is passed in; it is since any one moment.
#[derive(Debug)]
pub struct Throttle {
    last: Duration,
    /// Records × nanoseconds, so that nothing is lost by rounding.
    credit: u128,
}

impl Throttle {
    /// Starts to count at `now`.
    pub fn new(now: Duration, rate: u64) -> Self {
        Self { last: now, credit: u128::from(rate) * FIRST.as_nanos() }
    }

    /// How many records may be sent at `now`, at `rate` records each second since it was last asked.
    pub fn allows(&mut self, now: Duration, rate: u64) -> u64 {
        let rate = u128::from(rate);
        self.credit += rate * now.saturating_sub(self.last).as_nanos();
        self.credit = self.credit.min(rate * SAVED.as_nanos());
        self.last = now.max(self.last);
        u64::try_from(self.credit / SECOND).unwrap_or(u64::MAX)
    }

    /// Takes note of records sent; no more than were allowed.
    pub fn spend(&mut self, records: u64) {
        self.credit = self.credit.saturating_sub(u128::from(records) * SECOND);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_are_equal_and_come_back() {
        let budget = Budget::new(100_000);
        let first = budget.share();
        assert_eq!(first.rate(), 100_000);
        let second = budget.share();
        assert_eq!((first.rate(), second.rate()), (50_000, 50_000));
        drop(first);
        assert_eq!(second.rate(), 100_000);
    }

    #[test]
    fn what_is_saved_up_is_limited() {
        let mut throttle = Throttle::new(Duration::ZERO, 1000);
        assert_eq!(throttle.allows(Duration::ZERO, 1000), 2);
        assert_eq!(throttle.allows(Duration::from_secs(60), 1000), 1000);
        throttle.spend(1000);
        assert_eq!(throttle.allows(Duration::from_secs(60), 1000), 0);
        // A clock that goes back gives nothing.
        assert_eq!(throttle.allows(Duration::from_secs(1), 1000), 0);
        assert_eq!(throttle.allows(Duration::from_millis(60_001), 1000), 1);
    }

    proptest! {
        /// S-108: whatever the moments it is asked at, the target is kept to the record: never more, and all of it is
        /// had in the end where everything allowed is sent.
        #[test]
        fn the_target_is_kept(
            steps in prop::collection::vec((0_u64..900_000_000, any::<bool>()), 1..200),
            rate in 1_u64..200_000,
        ) {
            let mut throttle = Throttle::new(Duration::ZERO, rate);
            let (mut now, mut sent) = (Duration::ZERO, 0_u64);
            for (step, send) in steps {
                now += Duration::from_nanos(step);
                let allowed = throttle.allows(now, rate);
                let most = u128::from(rate) * (now + FIRST).as_nanos() / SECOND;
                prop_assert!(u128::from(sent + allowed) <= most, "{sent} and {allowed} of {most}");
                if send {
                    throttle.spend(allowed);
                    sent += allowed;
                }
            }
        }

        #[test]
        fn nothing_is_lost_between_two_questions(gaps in prop::collection::vec(1_u64..1_000_000, 1..500), rate in 1_u64..200_000) {
            let mut throttle = Throttle::new(Duration::ZERO, rate);
            let (mut now, mut sent) = (Duration::ZERO, 0_u64);
            for gap in gaps {
                now += Duration::from_nanos(gap);
                let allowed = throttle.allows(now, rate);
                throttle.spend(allowed);
                sent += allowed;
            }
            prop_assert_eq!(u128::from(sent), u128::from(rate) * (now + FIRST).as_nanos() / SECOND);
        }
    }
}
