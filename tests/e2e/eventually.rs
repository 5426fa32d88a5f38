//! Waiting: on a condition, with a deadline, never for a time.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until `look` finds something, and says what was seen last if it never does.
pub(crate) async fn eventually<T, E: Debug>(
    what: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => {
                assert!(Instant::now() < end, "not within {deadline:?}: {what}; last seen: {seen:?}")
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
