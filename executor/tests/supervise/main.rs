//! The real `kafka-executor` against a small agent, supervising processes that misbehave and a real Kafka.
//!
//! No process of a test outlives it, whatever happens: each executor's sandbox is killed empty when it is dropped.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]
#![allow(clippy::unwrap_used, missing_docs)] // a failed unwrap is a failed test

mod agent;
mod bench;
mod executor;
mod fence;
mod forensics;
mod health;
mod kafka;
mod launch;
mod life;
mod logs;
mod metrics;
mod misbehave;
mod restart;
mod rsyslog;
mod zookeeper;

use std::time::{Duration, Instant};

/// Longest anything is waited for: the starts of several real Kafkas at once on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `look` finds something; panics with `what` when that takes too long.
async fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
