//! May this broker be taken down now, to follow a changed configuration?
//!
//! One at a time by our hand, none while another is down for any reason, and only while every partition keeps its
//! `min.insync.replicas` without it (D26). Asked anew each time, since the plan is derived.

use std::fmt;

use api::ids::BrokerId;
use kafka::{
    availability::{self, Verdict},
    snapshot::PartitionId,
};

use crate::{
    broker::{Broker, Condition, Task},
    event::{Effects, Timestamp},
    plan,
    state::State,
};

/// A picture of Kafka older than this says nothing about now.
pub const MAX_AGE_MS: u64 = 10_000;

/// A broker that is heard to be starting for this long is not about to serve.
const SLOW_MS: u64 = 60_000;

/// Why a broker may not be taken down now. `Display` is what operators read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Not every task was heard from since we subscribed.
    Reconciling,
    /// Its agent is out of sight.
    OutOfSight,
    /// It is coming up.
    Starting,
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
            Self::OutOfSight => f.write_str("its agent is unreachable"),
            Self::Starting => f.write_str("it is coming up"),
            Self::Other { broker } => write!(f, "broker-{broker} is not back yet"),
            Self::NoPicture { error: None } => f.write_str("Kafka was not asked yet"),
            Self::NoPicture { error: Some(error) } => write!(f, "Kafka could not be asked: {error}"),
            Self::Kafka { detail } => f.write_str(detail),
        }
    }
}

/// Takes down the next broker that runs an older configuration, if that may be; and goes on with the one under way.
pub fn roll(state: &mut State, now: Timestamp, effects: &mut Effects) {
    if let Some(broker) = next(state)
        && gate(state, broker, now).is_ok()
        && let Some(task) = state.stored.brokers.get_mut(&broker).and_then(|broker| broker.task.as_mut())
    {
        effects.notes.push(format!("broker {broker}: restarting it with the target configuration"));
        task.stopping = true;
    }
    let stopping = |broker: &&Broker| {
        broker.live_task().is_some_and(|task| task.stopping && task.condition != Condition::Stopping)
    };
    let under_way: Vec<BrokerId> =
        state.stored.brokers.values().filter(stopping).map(|broker| broker.id).collect();
    for id in under_way {
        // A KILL that may not have arrived is repeated only while it still may be sent: another broker may be down by now.
        let allowed = gate(state, id, now).is_ok();
        let broker = &state.stored.brokers[&id];
        let Some(task) = broker.live_task() else { continue };
        if allowed {
            let agent = broker.home.as_ref().map(|home| home.agent_id.clone());
            state.kills.add(task.id, agent, now);
        } else {
            state.kills.done(task.id);
        }
    }
}

/// The broker to roll next: one that does not serve as it should before one that does, the active controller last,
/// since its move stops the cluster's housekeeping for a moment.
pub fn next(state: &State) -> Option<BrokerId> {
    let controller = state.kafka.as_ref().and_then(|snapshot| snapshot.controller);
    let candidate = |broker: &&Broker| {
        let reachable = |task: &Task| matches!(task.condition, Condition::Starting | Condition::Running);
        broker.live_task().is_some_and(|task| reachable(task) && !task.stopping)
            && !plan::is_current(state, broker)
    };
    let candidates = state.stored.brokers.values().filter(candidate);
    candidates
        .min_by_key(|broker| (serves(broker), controller == Some(broker.id.0), broker.id))
        .map(|broker| broker.id)
}

/// Whether the broker serves and was in sync: the ones that must not all go.
fn serves(broker: &Broker) -> bool {
    broker
        .live_task()
        .is_some_and(|task| task.condition == Condition::Running && task.settled && !task.stopping)
}

/// Whether the broker has been starting for long.
fn is_slow(state: &State, broker: BrokerId, now: Timestamp) -> bool {
    let since = state.heard.get(&broker).filter(|(condition, _)| *condition == Condition::Starting);
    since.is_some_and(|(_, since)| now.since(*since) >= SLOW_MS)
}

/// Whether the broker serves, as far as anyone can tell from here.
fn may_serve(broker: &Broker) -> bool {
    let may = |task: &Task| matches!(task.condition, Condition::Running | Condition::Unreachable);
    broker.live_task().is_some_and(may)
}

/// Whether `broker` may be taken down now, and if not, why. Answers the partitions that are unavailable to `acks=all`
/// writers meanwhile, whatever the order.
pub fn gate(state: &State, broker: BrokerId, now: Timestamp) -> Result<Vec<PartitionId>, Blocked> {
    if !state.reconcile.is_complete() {
        return Err(Blocked::Reconciling);
    }
    let Some(record) = state.stored.brokers.get(&broker) else { return Ok(Vec::new()) };
    match record.live_task().map(|task| task.condition) {
        Some(Condition::Running) => {}
        // It may serve as well as ever.
        Some(Condition::Unreachable) => return Err(Blocked::OutOfSight),
        // It may be about to serve, or do so already: what we hear after a subscription is old.
        Some(Condition::Starting) if !is_slow(state, broker, now) => return Err(Blocked::Starting),
        // No other broker can serve, so there is nothing to take away, and nobody to ask.
        _ if !state.stored.brokers.values().any(|other| other.id != broker && may_serve(other)) => {
            return Ok(Vec::new());
        }
        // It may serve already, though its word has not reached us: Kafka knows.
        _ => {}
    }
    // Brokers that have data and do not serve come first: taking one more down would make two. One without a home has
    // none, and waits for this roll itself (D40). One that lags itself is judged by its partitions alone, or two of
    // them would wait for each other for ever.
    let settled = record.live_task().is_some_and(|task| task.settled);
    let down = |other: &&Broker| other.id != broker && other.home.is_some() && !serves(other);
    if settled && let Some(other) = state.stored.brokers.values().find(down) {
        return Err(Blocked::Other { broker: other.id });
    }
    // A picture from before a broker came back does not show what its restart did.
    let serving = state.stored.brokers.keys().filter_map(|id| state.serving_since(*id));
    let since = serving.max().unwrap_or_default();
    let Some(snapshot) = state.kafka.as_ref().filter(|snapshot| snapshot.taken_at >= since.0) else {
        return Err(Blocked::NoPicture { error: state.kafka_error.clone() });
    };
    match availability::may_stop(snapshot, broker.0, now.0, MAX_AGE_MS) {
        Verdict::Ok { unavoidable } => Ok(unavoidable),
        Verdict::Blocked { partitions } => {
            let named: Vec<_> = partitions.iter().take(3).map(ToString::to_string).collect();
            Err(Blocked::Kafka { detail: named.join("; ") })
        }
        Verdict::Unknown(unknown) => Err(Blocked::Kafka { detail: unknown.to_string() }),
    }
}
