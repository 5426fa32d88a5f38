//! May this broker be taken down now, to follow a changed configuration or an operator's wish? And how: by a restart in place
//! where the same task can go on, else by KILL and LAUNCH at home (D31).
//!
//! One at a time by our hand, none while another is down for any reason, and only while every partition keeps its
//! `min.insync.replicas` without it (D26). Asked anew each time, since the plan is derived.

use std::fmt;

use api::ids::BrokerId;
use kafka::{
    availability::{self, Verdict},
    topic::TopicPartition,
};

use crate::{
    broker::{Broker, Condition, Restart, Task},
    config::{self, Cost},
    event::{Effects, Timestamp},
    kill::Grace,
    launch, plan, restart,
    state::{Connection, State},
};

/// A picture of Kafka older than this says nothing about now.
pub const MAX_AGE_MS: u64 = 10_000;

/// A broker that is heard to be starting for this long is not about to serve.
const SLOW_MS: u64 = 60_000;

/// Why a broker may not be taken down now. `Display` is what operators read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Mesos is not there.
    Disconnected {
        /// What happened to the subscription.
        reason: String,
    },
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
            Self::Disconnected { reason } => write!(f, "not connected to Mesos: {reason}"),
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

/// How a broker comes to run what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Another JVM in the same task.
    InPlace,
    /// Another task, on the same home.
    Anew {
        /// Why not in place, where that would do for what changed.
        refused: Option<String>,
    },
}

/// How this broker would come to run what is wanted.
pub fn how(state: &State, broker: &Broker) -> How {
    let Some(task) = broker.live_task() else { return How::Anew { refused: None } };
    if task.stopping {
        let refused = task.restart.as_ref().and_then(|restart| restart.refused.clone());
        return How::Anew { refused };
    }
    if let Some(restart) = &task.restart
        && restart.refused.is_some()
        && is_wanted(state, broker, restart)
    {
        return How::Anew { refused: restart.refused.clone() };
    }
    // What was launched differs from what runs by nothing that takes another task, or it would be another task.
    let cost = state.stored.configs.get(&task.config).map(|runs| config::diff(runs, state.target()).cost());
    match cost {
        Some(None | Some(Cost::Scheduler | Cost::Restart)) => How::InPlace,
        None | Some(Some(Cost::Relaunch | Cost::Reservation)) => How::Anew { refused: None },
    }
}

/// Whether a restart brings what is wanted now.
fn is_wanted(state: &State, broker: &Broker, restart: &Restart) -> bool {
    restart.generation == broker.generation && plan::is_target(state, restart.config)
}

/// Whether a restart in place is under way that brings what is wanted now.
pub fn is_restarting(state: &State, broker: &Broker) -> bool {
    let restart = broker.live_task().filter(|task| !task.stopping).and_then(|task| task.restart.as_ref());
    restart.is_some_and(|restart| restart.refused.is_none() && is_wanted(state, broker, restart))
}

/// Takes down the next broker that runs something else than is wanted, if that may be; and goes on with the one under way.
pub fn roll(state: &mut State, now: Timestamp, effects: &mut Effects) {
    if let Some(broker) = next(state)
        && gate(state, broker, now).is_ok()
    {
        begin(state, broker, effects);
    }
    kill(state, now);
    restart(state, now, effects);
}

fn begin(state: &mut State, id: BrokerId, effects: &mut Effects) {
    let (how, target) = (how(state, &state.stored.brokers[&id]), state.stored.target);
    let Some(broker) = state.stored.brokers.get_mut(&id) else { return };
    // One generation, one restart: so that a late MESSAGE never undoes a newer one.
    let taken = broker.task.as_ref().is_some_and(|task| broker.generation <= task.newest_generation());
    if how == How::InPlace && taken {
        broker.next_generation();
    }
    let generation = broker.generation;
    let Some(task) = &mut broker.task else { return };
    match how {
        How::InPlace => {
            effects.notes.push(format!(
                "broker {id}: restarting it in place, to configuration {}, generation {generation}",
                target.0
            ));
            task.restart = Some(Restart { config: target, generation, refused: None });
        }
        How::Anew { refused } => {
            let why = refused.map(|reason| format!(", not in place: {reason}")).unwrap_or_default();
            effects.notes.push(format!("broker {id}: restarting it with the target configuration{why}"));
            task.stopping = true;
        }
    }
}

/// Repeats the KILLs of brokers that were decided on.
fn kill(state: &mut State, now: Timestamp) {
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
            state.kills.add(task.id, agent, Grace::Task, now);
        } else {
            state.kills.done(task.id);
        }
    }
}

/// Repeats the MESSAGEs of restarts under way, until their executors say what runs.
fn restart(state: &mut State, now: Timestamp, effects: &mut Effects) {
    let under_way: Vec<BrokerId> = state
        .stored
        .brokers
        .values()
        .filter(|broker| is_restarting(state, broker))
        .map(|broker| broker.id)
        .collect();
    let live = |id: BrokerId| state.stored.brokers[&id].live_task().map(|task| task.id);
    let tasks: Vec<_> = under_way.iter().filter_map(|id| live(*id)).collect();
    state.restarts.retain(|id| tasks.contains(&id));
    for id in under_way {
        // As with a KILL: one that may not have arrived is repeated only while it still may be sent.
        if gate(state, id, now).is_err() {
            continue;
        }
        let serving = state.serving_since(id);
        let Some(broker) = state.stored.brokers.get_mut(&id) else { continue };
        let (Some(task), Some(home)) = (&mut broker.task, &broker.home) else { continue };
        let Some(wanted) = &mut task.restart else { continue };
        let silent = serving.and_then(|since| state.restarts.silent(task.id, wanted.generation, since, now));
        if let Some(tries) = silent {
            let reason =
                format!("its executor did not answer {tries} requests; it may be of an older version");
            effects.notes.push(format!("broker {id}: cannot be restarted in place: {reason}"));
            wanted.refused = Some(reason);
            continue;
        }
        if state.restarts.is_due(task.id, wanted.generation, now)
            && let Some(service) = state.stored.configs.get(&wanted.config)
        {
            let next = Task { config: wanted.config, generation: wanted.generation, ..task.clone() };
            let contract = launch::contract(&next, home, service);
            effects.calls.push(restart::message(task.id, home.agent_id.clone(), contract));
        }
    }
}

/// The broker to roll next: one that must not wait first, then one that does not serve as it should before one that does,
/// the active controller last, since its move stops the cluster's housekeeping for a moment.
pub fn next(state: &State) -> Option<BrokerId> {
    let controller = state.kafka.as_ref().and_then(|snapshot| snapshot.controller);
    let candidate = |broker: &&Broker| {
        let reachable = |task: &Task| matches!(task.condition, Condition::Starting | Condition::Running);
        broker.live_task().is_some_and(|task| reachable(task) && !task.stopping)
            && !plan::is_current(state, broker)
            && !is_restarting(state, broker)
    };
    let candidates = state.stored.brokers.values().filter(candidate);
    candidates
        .min_by_key(|broker| {
            (!broker.is_forced(), serves(broker), controller == Some(broker.id.0), broker.id)
        })
        .map(|broker| broker.id)
}

/// Whether the broker serves and was in sync: the ones that must not all go.
fn serves(broker: &Broker) -> bool {
    broker
        .live_task()
        .is_some_and(|task| task.condition == Condition::Running && task.settled && !is_touched(task))
}

/// Whether it is being taken down by our hand, as far as we know.
fn is_touched(task: &Task) -> bool {
    task.stopping || task.restart.is_some()
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
pub fn gate(state: &State, broker: BrokerId, now: Timestamp) -> Result<Vec<TopicPartition>, Blocked> {
    if let Connection::Disconnected { reason } = &state.connection {
        return Err(Blocked::Disconnected { reason: reason.clone() });
    }
    if !state.reconcile.is_complete() {
        return Err(Blocked::Reconciling);
    }
    let Some(record) = state.stored.brokers.get(&broker) else { return Ok(Vec::new()) };
    match record.live_task().map(|task| task.condition) {
        Some(Condition::Running) if !record.is_forced() => {}
        // It may serve as well as ever.
        Some(Condition::Unreachable) => return Err(Blocked::OutOfSight),
        // The operator knows what that costs (D26).
        _ if record.is_forced() => return Ok(Vec::new()),
        // It may be about to serve, or do so already: what we hear after a subscription is old.
        Some(Condition::Starting) if !is_slow(state, broker, now) => return Err(Blocked::Starting),
        // No other broker can serve, so there is nothing to take away, and nobody to ask.
        _ if !state.stored.brokers.values().any(|other| other.id != broker && may_serve(other)) => {
            return Ok(Vec::new());
        }
        // It may serve already, though its word has not reached us: Kafka knows.
        _ => {}
    }
    // One at a time by our hand: what we asked for may have arrived, and not be heard of yet.
    let touched = |other: &&Broker| other.id != broker && other.live_task().is_some_and(is_touched);
    if let Some(other) = state.stored.brokers.values().find(touched) {
        return Err(Blocked::Other { broker: other.id });
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
