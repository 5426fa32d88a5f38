//! Removes limits of ours on replication once what they were for is over: done, cancelled, or found so after a restart
//! of the scheduler. Nothing about them is stored but in Kafka itself, see [`kafka::throttle`].
//!
//! Where that does not go well, limits stay: the log says so once, and `GET /v1/reassignments` for as long as it lasts.

use std::{sync::Arc, time::Duration};

use ::kafka::cluster::{AdminError, Tended};
use tokio_util::sync::CancellationToken;

use super::{Clock, http::Real, log};

mod care;

pub(super) use care::Care;

/// Between two looks while a limit of ours is there.
const BUSY: Duration = Duration::from_secs(5);
/// Between two looks otherwise: for what a scheduler before us left, and for topics that went while they moved.
const IDLE: Duration = Duration::from_secs(60);

/// Looks after limits until stopped; at once when a reassignment was begun or cancelled.
pub(crate) async fn keep(real: Arc<Real>, clock: Clock, stop: CancellationToken) {
    let _ = stop.run_until_cancelled(keep_forever(&real, clock)).await;
}

async fn keep_forever(real: &Real, clock: Clock) {
    // Whether there is, or may be, something to be looked after.
    let mut busy = false;
    loop {
        // A look that failed tells nothing new.
        busy = tend(real, clock).await.unwrap_or(busy);
        let pause = if busy { BUSY } else { IDLE };
        busy |= tokio::time::timeout(pause, real.begun.notified()).await.is_ok();
    }
}

/// Whether there is something to be looked after; `None` where that could not be told.
async fn tend(real: &Real, clock: Clock) -> Option<bool> {
    match real.tend().await {
        Ok(tended) => {
            say(&tended);
            let failed = (!tended.failed.is_empty()).then(|| tended.failed.join("; "));
            real.care.looked(clock.now(), failed);
            Some(!tended.is_over())
        }
        // Before the first broker runs there is nobody to ask, and nothing to be asked about.
        Err(AdminError::NoBroker(nobody)) if nobody.tried.is_empty() => None,
        Err(error) => {
            // Brokers come and go; what is not removed now is next time.
            real.care.looked(clock.now(), Some(log::chain(&error)));
            None
        }
    }
}

fn say(tended: &Tended) {
    if !tended.topics.is_empty() || !tended.brokers.is_empty() {
        let topics: Vec<_> = tended.topics.iter().map(ToString::to_string).collect();
        tracing::info!(?topics, brokers = ?tended.brokers, "limits on replication removed: nothing is copied any more");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use ::kafka::{client::security::Security, keeper::Keeper};
    use tokio::sync::watch;

    use super::*;
    use crate::{shell::http, view::View};

    /// The brokers of a service, each at one of these addresses.
    fn real(addresses: &[&str]) -> (Real, watch::Sender<Arc<View>>) {
        let mut view = http::tests::view(api::rest::Status::Complete);
        view.connection.address = addresses.iter().map(|address| (*address).to_owned()).collect();
        let (shown, view) = watch::channel(Arc::new(view));
        (Real::new(Keeper::KRaft, "test", Security::default(), view), shown)
    }

    #[tokio::test]
    async fn a_failed_look_is_remembered() {
        // Nobody is there yet, which is no failure.
        let (nobody, _shown) = real(&[]);
        assert_eq!((tend(&nobody, Clock::start()).await, nobody.care.untended()), (None, None));
        // Nobody listens on port 1.
        let (away, _shown) = real(&["127.0.0.1:1"]);
        assert_eq!(tend(&away, Clock::start()).await, None);
        let untended = away.care.untended().unwrap();
        assert!(untended.message.contains("127.0.0.1:1 can't be reached"), "{}", untended.message);
    }
}
