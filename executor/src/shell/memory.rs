//! Watches the JVM's logs for what `-XX:+ExitOnOutOfMemoryError` misses (direct buffers, threads).
//!
//! A line is judged by [`out_of_memory`], which knows what the JVM ends itself for; nothing here decides.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::tail::{Follow, Mark};
use crate::{diagnosis::out_of_memory, supervisor::Event};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Tells once, then ends.
pub(super) async fn watch(mark: Mark, events: mpsc::Sender<Event>) {
    let mut logs = [Follow::since(mark), Follow::stderr_since(mark)];
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let mut found = None;
        for log in &mut logs {
            log.lines(|line| {
                if found.is_none() {
                    found = out_of_memory(line).map(str::to_owned);
                }
            });
        }
        if let Some(said) = found {
            let _loop_has_ended = events.send(Event::OutOfMemory(said)).await;
            return;
        }
    }
}
