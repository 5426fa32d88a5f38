//! Reservations nobody needs → DESTROY, then UNRESERVE.
//!
//! Only homes that were let go on record are returned. A reservation of our role that nobody remembers may be all that
//! is left of somebody's data (a lost state directory, a restored backup), so it is left alone and shown.

use mesos::{
    resource::{identity, reservation},
    v1::{
        self,
        offer::{Operation, operation},
    },
};

use crate::{event::Timestamp, offer::pool::Pool, state::Stored};

/// How long offers are asked for in the hope of finding a released home; seen later, it is returned all the same. It
/// may be in use by a task that is still being killed, and then no offer shows it; and it may be back after it was
/// returned, if its agent never heard of that.
const SEARCH_MS: u64 = 15 * 60_000;
/// How long a released home is remembered at most.
const REMEMBER_MS: u64 = 7 * 24 * 3_600_000;

/// What one offer tells about reservations of ours.
#[derive(Debug, Default)]
pub struct Cleaning {
    /// Operations that return them.
    pub operations: Vec<Operation>,
    /// What an operator should know.
    pub remarks: Vec<String>,
}

/// Returns what the offer holds of released homes, and says what it leaves alone.
pub fn clean(stored: &mut Stored, offer: &v1::Offer, pool: &mut Pool) -> Cleaning {
    let mut cleaning = Cleaning::default();
    let agent = &offer.agent_id.value;
    let homes = pool.homes();
    for home in homes {
        if let Some(released) = stored.released.get_mut(&home) {
            released.agent_id.clone_from(agent);
            cleaning.operations.extend(give_back(pool.take_home(home)));
            cleaning
                .remarks
                .push(format!("returning the released home {} of broker {}", home.0, released.broker));
        } else if !stored.brokers.values().any(|broker| broker.home.as_ref().is_some_and(|h| h.id == home)) {
            cleaning
                .remarks
                .push(format!("reservation of unknown home {} left alone: it may hold data", home.0));
        }
    }
    cleaning
}

/// Whether offers are still worth asking for.
pub fn is_searching(stored: &Stored, now: Timestamp) -> bool {
    stored.released.values().any(|released| now.since(released.since) < SEARCH_MS)
}

/// Forgets released homes that never turned up.
pub fn forget(stored: &mut Stored, now: Timestamp) {
    stored.released.retain(|_, released| now.since(released.since) < REMEMBER_MS);
}

fn give_back(resources: Vec<v1::Resource>) -> Vec<Operation> {
    let volumes: Vec<_> = resources.iter().filter(|r| identity::is_volume(r)).cloned().collect();
    let destroy = (!volumes.is_empty()).then(|| Operation {
        r#type: Some(operation::Type::Destroy.into()),
        destroy: Some(operation::Destroy { volumes }),
        ..Default::default()
    });
    let unreserve = Operation {
        r#type: Some(operation::Type::Unreserve.into()),
        unreserve: Some(operation::Unreserve {
            resources: resources.into_iter().map(reservation::without_volume).collect(),
        }),
        ..Default::default()
    };
    destroy.into_iter().chain([unreserve]).collect()
}
