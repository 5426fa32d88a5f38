//! How long to wait before a process that ended is started again: at once the first time, then longer and longer, and
//! from the beginning once it has stayed up. Marathon does the same with the real scheduler.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// A process that ran this long is taken to work.
const STABLE: Duration = Duration::from_secs(60);

/// The state of one process's restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The process ended by itself after `ran`: how long to wait now.
    pub fn ended(&mut self, ran: Duration) -> Duration {
        if ran >= STABLE {
            self.failures = 0;
        }
        let wait = match self.failures {
            0 => Duration::ZERO,
            failures => FIRST.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST),
        };
        self.failures += 1;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit_and_start_over() {
        let mut backoff = Backoff::default();
        let quick = Duration::from_secs(1);
        let waits: Vec<u128> = (0..9).map(|_| backoff.ended(quick).as_millis()).collect();
        assert_eq!(waits, [0, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        assert_eq!(backoff.ended(STABLE), Duration::ZERO);
        assert_eq!(backoff.ended(quick), FIRST);
    }
}
