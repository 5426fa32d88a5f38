//! The ends of the brokers' JVMs, kept after their sandboxes are gone (D45).
//!
//! An incident comes short with the terminal update, whole in MESSAGE, and either way perhaps more than once; one of each id
//! is kept, the whole one where it came. Whoever told it in MESSAGE is told that it is stored: in the effects of the event
//! that brought it, so after the write.

use std::sync::Arc;

use api::{
    incident::{Incident, SHORT_LIMIT, WHOLE_LIMIT},
    message::ToExecutor,
};
use mesos::v1::{self, scheduler::call};
use uuid::Uuid;

use crate::{
    broker::Home,
    event::{Effects, Timestamp},
    fetch,
    state::State,
};

/// Incidents kept of each broker.
pub const KEPT: usize = 20;
/// Bytes kept of each broker's incidents: where they are more, the oldest lose their logs.
const BYTES: usize = 512 * 1024;

/// The latest incidents of one broker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Incidents(Vec<Kept>);

/// One of them. Shared, since views and what is written show it too.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    incident: Arc<Incident>,
    size: usize,
}

impl Kept {
    fn new(incident: Incident) -> Self {
        Self { size: incident.size(), incident: Arc::new(incident) }
    }
}

impl Incidents {
    /// All of them, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Incident>> {
        self.0.iter().map(|kept| &kept.incident)
    }

    /// Adds one that was read from the store.
    pub(crate) fn restore(&mut self, incident: Incident) {
        self.put(incident);
    }

    /// Keeps `incident`; says whether anything changed.
    pub fn add(&mut self, incident: Incident) -> bool {
        let known = self.0.iter().position(|kept| kept.incident.id == incident.id);
        if let Some(known) = known {
            if self.0[known].incident.whole || !incident.whole {
                return false;
            }
            self.0.remove(known);
        }
        self.put(incident.within(WHOLE_LIMIT));
        let surplus = self.0.len().saturating_sub(KEPT);
        self.0.drain(..surplus);
        let newest = self.0.len() - 1;
        for at in 0..newest {
            if self.0.iter().map(|kept| kept.size).sum::<usize>() <= BYTES {
                break;
            }
            let kept = &self.0[at];
            if kept.size > SHORT_LIMIT {
                self.0[at] = Kept::new((*kept.incident).clone().within(SHORT_LIMIT));
            }
        }
        true
    }

    fn put(&mut self, incident: Incident) {
        let order = |incident: &Incident| (incident.at, incident.id);
        let at = self.0.partition_point(|kept| order(&kept.incident) <= order(&incident));
        self.0.insert(at, Kept::new(incident));
    }
}

/// An executor tells of an incident in MESSAGE.
pub fn told(state: &mut State, incident: Incident, now: Timestamp, effects: &mut Effects) {
    let (id, task) = (incident.id, incident.task);
    let home = state.stored.brokers.get(&task.broker).and_then(|broker| broker.home.as_ref());
    // Nobody is on a home that was let go.
    let stored = home.map(|home| stored(home, task.to_string(), &ToExecutor::IncidentStored { id }));
    if keep(state, incident, now, effects) {
        effects.calls.extend(stored);
    }
}

/// A terminal update may bring an incident.
pub fn reported(state: &mut State, status: &v1::TaskStatus, now: Timestamp, effects: &mut Effects) {
    let Some(data) = status.data.as_ref().filter(|data| !data.is_empty()) else { return };
    match serde_json::from_slice::<Incident>(data) {
        Ok(incident) if incident.task.to_string() == status.task_id.value => {
            keep(state, incident, now, effects);
        }
        Ok(incident) => effects.notes.push(format!(
            "an update of task {} brings an incident of {}: ignored",
            status.task_id.value, incident.task
        )),
        Err(error) => effects.notes.push(format!(
            "an update of task {} has data that is no incident: {error}",
            status.task_id.value
        )),
    }
}

/// One was read out of its sandbox, or could not be.
pub fn fetched(
    state: &mut State,
    id: Uuid,
    result: Result<Box<Incident>, String>,
    now: Timestamp,
    effects: &mut Effects,
) {
    let problem = match result {
        Ok(incident) if incident.id != id => "the file in its sandbox is of another one".to_owned(),
        Ok(incident) if !incident.whole => "its sandbox has no more of it either".to_owned(),
        Ok(incident) => {
            if keep(state, *incident, now, effects) {
                return;
            }
            "the file in its sandbox is of another broker".to_owned()
        }
        Err(problem) => problem,
    };
    state.fetches.failed(id, now);
    effects.notes.push(format!("incident {id} cannot be read whole: {problem}"));
}

/// Keeps an incident of a broker of ours; says whether it is one.
fn keep(state: &mut State, mut incident: Incident, now: Timestamp, effects: &mut Effects) -> bool {
    let broker = incident.broker;
    if !state.stored.brokers.contains_key(&broker) || incident.task.broker != broker {
        effects.notes.push(format!("incident {} is of no broker of ours: ignored", incident.id));
        return false;
    }
    // An agent whose clock is ahead must not drive out what comes after it was set right.
    incident.at = incident.at.min(now.0);
    match incident.whole {
        true => state.fetches.whole(incident.id),
        false => state.fetches.short(incident.id, now),
    }
    let incidents = state.stored.incidents.entry(broker).or_default();
    let news = incidents.iter().all(|known| known.id != incident.id);
    if news {
        effects.notes.push(format!("broker {broker}: incident {}: {}", incident.cause, incident.summary));
    }
    incidents.add(incident);
    fetch::forget(state);
    true
}

/// A MESSAGE for the executor of a task, which bears the task's id.
fn stored(home: &Home, executor: String, message: &ToExecutor) -> v1::scheduler::Call {
    v1::scheduler::Call {
        r#type: Some(call::Type::Message.into()),
        message: Some(call::Message {
            agent_id: v1::AgentId { value: home.agent_id.clone() },
            executor_id: v1::ExecutorId { value: executor },
            // Proof: a message of ours is always JSON.
            data: serde_json::to_vec(message).unwrap_or_default(),
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
