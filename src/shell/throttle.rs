//! Removes limits of ours on replication once what they were for is over: done, cancelled, or found so after a restart
//! of the scheduler. Nothing about them is stored but in Kafka itself, see [`kafka::throttle`].

use std::{sync::Arc, time::Duration};

use ::kafka::cluster::Tended;
use tokio_util::sync::CancellationToken;

use super::{http::Real, log};

/// Between two looks while a limit of ours is there.
const BUSY: Duration = Duration::from_secs(5);
/// Between two looks otherwise: for what a scheduler before us left, and for topics that went while they moved.
const IDLE: Duration = Duration::from_secs(60);

/// Looks after limits until stopped; at once when a reassignment was begun or cancelled.
pub(crate) async fn keep(real: Arc<Real>, stop: CancellationToken) {
    let _ = stop.run_until_cancelled(keep_forever(&real)).await;
}

async fn keep_forever(real: &Real) {
    loop {
        let pause = if tend(real).await { IDLE } else { BUSY };
        let _ = tokio::time::timeout(pause, real.begun.notified()).await;
    }
}

/// Whether there is nothing to be looked after.
async fn tend(real: &Real) -> bool {
    match real.tend().await {
        Ok(tended) => {
            say(&tended);
            tended.is_over()
        }
        Err(error) => {
            // Brokers come and go; what is not removed now is next time.
            tracing::debug!(error = log::chain(&error), "limits on replication could not be looked after");
            true
        }
    }
}

fn say(tended: &Tended) {
    if !tended.topics.is_empty() || !tended.brokers.is_empty() {
        let topics: Vec<_> = tended.topics.iter().map(ToString::to_string).collect();
        tracing::info!(?topics, brokers = ?tended.brokers, "limits on replication removed: nothing is copied any more");
    }
    for failed in &tended.failed {
        tracing::warn!(failed, "a limit on replication could not be removed; it is tried again");
    }
}
