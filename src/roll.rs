//! May this broker be taken down now, to follow a changed configuration?
//!
//! One at a time by our hand, none while another is down for any reason, and only while every partition keeps its
//! `min.insync.replicas` without it (D26). Asked anew each time, since the plan is derived.

use std::fmt;

use api::ids::BrokerId;
use kafka::availability::{self, Verdict};

use crate::{
    broker::Condition,
    event::{Effects, Timestamp},
    plan,
    state::State,
};

/// A picture of Kafka older than this says nothing about now.
pub const MAX_AGE_MS: u64 = 10_000;

/// Why a broker may not be taken down now. `Display` is what operators read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Not every task was heard from since we subscribed.
    Reconciling,
    /// Another broker comes first, or is down.
    Other {
        /// Which.
        broker: BrokerId,
    },
    /// Kafka was not asked yet, or did not answer.
    NoPicture {
        /// Why not.
        error: Option<String>,
    },
    /// Kafka says no, or does not know.
    Kafka {
        /// Its partitions and their in-sync replicas.
        detail: String,
    },
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reconciling => f.write_str("Mesos has not reported on every task yet"),
            Self::Other { broker } => write!(f, "broker-{broker} is not back yet"),
            Self::NoPicture { error: None } => f.write_str("Kafka was not asked yet"),
            Self::NoPicture { error: Some(error) } => write!(f, "Kafka could not be asked: {error}"),
            Self::Kafka { detail } => f.write_str(detail),
        }
    }
}

/// Takes down the next broker that runs an older configuration, if that may be.
pub fn roll(state: &mut State, now: Timestamp, effects: &mut Effects) {
    let Some(broker) = next(state) else { return };
    if gate(state, broker, now).is_err() {
        return;
    }
    let Some(record) = state.stored.brokers.get(&broker) else { return };
    let Some(task) = record.live_task().map(|task| task.id) else { return };
    if state.kills.contains(task) {
        return;
    }
    let agent = record.home.as_ref().map(|home| home.agent_id.clone());
    effects.notes.push(format!("broker {broker}: restarting it with the target configuration"));
    state.kills.add(task, agent, now);
}

/// The broker to roll next: the active controller last, since its move stops the cluster's housekeeping for a moment.
fn next(state: &State) -> Option<BrokerId> {
    let controller = state.kafka.as_ref().and_then(|snapshot| snapshot.controller);
    state
        .stored
        .brokers
        .values()
        .filter(|b| {
            b.live_task().is_some_and(|t| t.condition == Condition::Running) && !plan::is_current(state, b)
        })
        .map(|broker| broker.id)
        .min_by_key(|id| (controller == Some(id.0), *id))
}

/// Whether `broker` may be taken down now, and if not, why.
pub fn gate(state: &State, broker: BrokerId, now: Timestamp) -> Result<(), Blocked> {
    if !state.reconcile.is_complete() {
        return Err(Blocked::Reconciling);
    }
    // Brokers that do not serve come first: taking one more down would make two.
    let down = state.stored.brokers.values().find(|other| {
        other.id != broker
            && (other.home.is_some() || other.task.is_some())
            && !other.live_task().is_some_and(|task| {
                task.condition == Condition::Running && task.settled && !state.kills.contains(task.id)
            })
    });
    if let Some(other) = down {
        return Err(Blocked::Other { broker: other.id });
    }
    if let Some(first) = next(state).filter(|first| *first != broker) {
        return Err(Blocked::Other { broker: first });
    }
    let Some(snapshot) = &state.kafka else {
        return Err(Blocked::NoPicture { error: state.kafka_error.clone() });
    };
    match availability::may_stop(snapshot, broker.0, now.0, MAX_AGE_MS) {
        Verdict::Ok { .. } => Ok(()),
        Verdict::Blocked { partitions } => {
            let named: Vec<_> = partitions.iter().take(3).map(ToString::to_string).collect();
            Err(Blocked::Kafka { detail: named.join("; ") })
        }
        Verdict::Unknown(unknown) => Err(Blocked::Kafka { detail: unknown.to_string() }),
    }
}
