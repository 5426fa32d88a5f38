//! How long a broker whose tasks keep ending waits for its next launch.

use serde::{Deserialize, Serialize};

use crate::event::Timestamp;

/// Consecutive ends of a broker's tasks, and the delay they earn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// How many in a row.
    pub count: u32,
    /// No launch before this.
    pub not_before: Timestamp,
}

/// A task that ran this long has not failed *again*: its end starts a new row.
const STABLE_MS: u64 = 10 * 60 * 1000;
/// First delay; the very first end of a row costs none, since most ends are one-off (S-079).
const BACKOFF_BASE_MS: u64 = 1000;
/// Longest delay between two launches.
const BACKOFF_CAP_MS: u64 = 5 * 60 * 1000;

impl Failures {
    /// How long the next launch still waits, in milliseconds. More than the longest delay can only come from a clock
    /// that was set back; it is no reason to wait.
    pub fn wait(self, now: Timestamp) -> u64 {
        Some(self.not_before.since(now)).filter(|wait| *wait <= BACKOFF_CAP_MS).unwrap_or_default()
    }

    /// One more end at `now` of a task launched at `launched_at`: 0 s, 1 s, 2 s, 4 s … 5 min.
    pub fn again(self, launched_at: Timestamp, now: Timestamp) -> Self {
        let count = if now.since(launched_at) >= STABLE_MS { 1 } else { self.count.saturating_add(1) };
        let delay = match count {
            0 | 1 => 0,
            n => BACKOFF_BASE_MS.saturating_mul(1 << (n - 2).min(20)).min(BACKOFF_CAP_MS),
        };
        Self { count, not_before: now.plus(delay) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // S-079: recovery in place goes on without limit, at a bounded pace.
    #[test]
    fn delay_doubles_up_to_its_cap() {
        let mut failures = Failures::default();
        let mut delays = Vec::new();
        for _ in 0..12 {
            failures = failures.again(Timestamp(0), Timestamp(1000));
            delays.push(failures.not_before.since(Timestamp(1000)) / 1000);
        }
        assert_eq!(delays, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn a_clock_set_back_delays_nothing() {
        let failures = Failures { count: 3, not_before: Timestamp(86_400_000) };
        assert_eq!(failures.wait(Timestamp(0)), 0);
        assert_eq!(failures.wait(Timestamp(86_399_000)), 1000);
    }

    #[test]
    fn a_long_run_starts_a_new_row() {
        let worn = Failures { count: 9, not_before: Timestamp(0) };
        let fresh = worn.again(Timestamp(0), Timestamp(STABLE_MS));
        assert_eq!(fresh, Failures { count: 1, not_before: Timestamp(STABLE_MS) });
    }
}
