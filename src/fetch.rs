//! Which incident is to be read out of its sandbox: one whose executor left before the whole of it had arrived (D45).
//!
//! A view of the state like any other: the shell asks what is wanted, reads, and says what came of it. The MESSAGE that may
//! still be on its way has its chance first, and an agent that does not answer is not asked for ever.

use std::collections::BTreeMap;

use api::{ids::TaskId, incident::Incident};
use uuid::Uuid;

use crate::{
    event::Timestamp,
    state::{Connection, State},
};

/// Before the first try: an executor tells its incident for 5 s at least.
const FIRST_MS: u64 = 10_000;
/// Between two tries, doubled each time.
const AGAIN_MS: u64 = 60_000;
/// Tries before the short form is all there will be.
const TRIES: u32 = 4;
/// An older incident is left as it is: a scheduler that starts anew does not know what it asked for before.
const OLD_MS: u64 = 24 * 3_600_000;

/// An incident to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Which.
    pub id: Uuid,
    /// In whose sandbox: an executor bears its task's id.
    pub task: TaskId,
    /// On which agent.
    pub agent_id: String,
    /// Our id.
    pub framework_id: String,
}

/// What was tried. Not stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetches(BTreeMap<Uuid, Tries>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tries {
    made: u32,
    next: Timestamp,
}

impl Fetches {
    /// A short one came.
    pub fn short(&mut self, id: Uuid, now: Timestamp) {
        self.0.entry(id).or_insert(Tries { made: 0, next: now.plus(FIRST_MS) });
    }

    /// The whole one is here; what becomes of it later is no reason to read it again.
    pub fn whole(&mut self, id: Uuid) {
        self.0.insert(id, Tries { made: TRIES, next: Timestamp(0) });
    }

    /// It could not be read.
    pub fn failed(&mut self, id: Uuid, now: Timestamp) {
        let tries = self.0.entry(id).or_insert(Tries { made: 0, next: now });
        tries.next = now.plus(AGAIN_MS << tries.made.min(8));
        tries.made += 1;
    }

    fn is_due(&self, incident: &Incident, now: Timestamp) -> bool {
        match self.0.get(&incident.id) {
            Some(tries) => tries.made < TRIES && tries.next <= now,
            None => now.since(Timestamp(incident.at)) < OLD_MS,
        }
    }

    /// Forgets those that nobody knows any more.
    fn retain(&mut self, known: impl Fn(&Uuid) -> bool) {
        self.0.retain(|id, _| known(id));
    }
}

/// The next incident to read, if any is due.
pub fn wanted(state: &State, now: Timestamp) -> Option<Fetch> {
    if state.connection != Connection::Subscribed {
        return None;
    }
    let framework_id = state.stored.framework_id.clone()?;
    let short = state.stored.incidents.iter().flat_map(|(broker, all)| {
        let due =
            |incident: &&std::sync::Arc<Incident>| !incident.whole && state.fetches.is_due(incident, now);
        all.iter().rev().filter(due).map(move |incident| (broker, incident))
    });
    let mut located = short.filter_map(|(broker, incident)| {
        let home = state.stored.brokers.get(broker)?.home.as_ref()?;
        Some(Fetch {
            id: incident.id,
            task: incident.task,
            agent_id: home.agent_id.clone(),
            framework_id: framework_id.clone(),
        })
    });
    located.next()
}

/// Forgets what was tried for incidents that are no longer kept.
pub fn forget(state: &mut State) {
    let incidents = &state.stored.incidents;
    state.fetches.retain(|id| incidents.values().any(|all| all.iter().any(|incident| incident.id == *id)));
}
