//! The clock the pure halves are told of: time since the epoch that never runs backwards.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Reads the wall clock once, and the monotonic one ever after.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Duration,
    start: Instant,
}

impl Clock {
    /// A clock set now.
    #[allow(clippy::new_without_default, reason = "making one reads the time, which a default should not")]
    pub fn new() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { epoch, start: Instant::now() }
    }

    /// Time since the Unix epoch.
    pub fn now(&self) -> Duration {
        self.epoch + self.start.elapsed()
    }

    /// When to wake up for `at`.
    pub fn instant(&self, at: Duration) -> Instant {
        self.start + at.saturating_sub(self.epoch)
    }
}
