//! The one clock: wall time as of the start, carried on by a clock that never jumps.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::event::Timestamp;

/// Tells the time. A step of the machine's clock shows only after a restart, so that no deadline passes by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Timestamp,
    since: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        // Proof of the cast: milliseconds since 1970 fit for 500 million years. Before 1970 counts as 1970.
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        Clock { start: Timestamp(start), since: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.start.plus(self.since.elapsed().as_millis() as u64)
    }
}
