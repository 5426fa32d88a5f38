//! What the scheduler shows: the bodies of every GET, made anew after each change and read by the HTTP server alone.
//!
//! A view is published whole, so that one request never sees half of a change. It holds nothing that is not shown.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    ids::BrokerId,
    incident::Incident,
    rest::{self, Check, CheckName, Status, Wait as Waiting, WaitReason},
};
use uuid::Uuid;

use crate::{
    broker::{Broker, Condition},
    event::Timestamp,
    plan::{self, Step, Wait},
    roll::{self, How},
    state::{Connection, State},
};

/// All that can be read over HTTP, as of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// When it was made. Every tick makes a new one, so an old one shows that the scheduler's loop stands still.
    pub made_at: Timestamp,
    /// Why this service has not registered with Mesos yet; `None` once it has a framework id, also while it is
    /// disconnected. While set, `/v1/connection`, `/v1/brokers` and `/v1/topics` answer 503 (D16): there is nothing
    /// to tell yet. Plan, health and debug routes answer always.
    pub not_registered: Option<String>,
    /// `GET /v1/plan`.
    pub plan: rest::Plan,
    /// `GET /v1/plan/status`; `rest::PlanActive::from(&plan)`.
    pub active: rest::PlanActive,
    /// `GET /v1/brokers` and `GET /v1/brokers/{id}`: every configured broker, ids ascending (D4).
    pub brokers: Vec<rest::Broker>,
    /// `GET /v1/brokers/{id}/incidents`: of every configured broker, newest first (D45).
    pub incidents: BTreeMap<BrokerId, Vec<Arc<Incident>>>,
    /// `GET /v1/connection`: brokers that run. Topic routes use its `address` and `zookeeper` to reach Kafka.
    pub connection: rest::Connection,
    /// `GET /admin/healthcheck` (D19), every check always present.
    pub health: rest::Health,
    /// `GET /v1/debug/offers`: the latest, newest first.
    pub offers: Vec<rest::OfferOutcome>,
}

/// Everything that can be read, as the state has it at `now`.
pub fn view(state: &State, now: Timestamp) -> View {
    let plan = plan_body(state, now);
    View {
        made_at: now,
        not_registered: not_registered(state),
        active: rest::PlanActive::from(&plan),
        plan,
        brokers: plan::wanted(state).map(|broker| broker_body(state, broker, now)).collect(),
        incidents: incidents(state),
        connection: connection_body(state),
        health: health_body(state, now),
        offers: state.outcomes.iter().rev().cloned().collect(),
    }
}

fn incidents(state: &State) -> BTreeMap<BrokerId, Vec<Arc<Incident>>> {
    let of =
        |broker: BrokerId| state.stored.incidents.get(&broker).into_iter().flat_map(|all| all.iter().rev());
    plan::wanted(state).map(|broker| (broker.id, of(broker.id).cloned().collect())).collect()
}

fn not_registered(state: &State) -> Option<String> {
    match (&state.stored.framework_id, &state.connection) {
        (Some(_), _) => None,
        (None, Connection::Disconnected { reason }) => Some(reason.clone()),
        (None, Connection::Subscribed) => Some("Mesos has given no framework id yet".to_owned()),
    }
}

/// The plan with its two phases (S-038 to S-046).
fn plan_body(state: &State, now: Timestamp) -> rest::Plan {
    let target = state.stored.target.0;
    // Derived, so that they are the same after a restart (D40).
    let id = |name: &str| Uuid::new_v5(&target, name.as_bytes());
    let reconciliation = reconciliation_block(state, id("block Reconciliation"));
    let blocks: Vec<_> = plan::wanted(state)
        .map(|broker| {
            broker_block(broker.id, plan::step(state, broker, now), id(&format!("block {}", broker.id)))
        })
        .collect();
    let phases = vec![
        rest::Phase {
            id: id("phase Reconciliation"),
            name: "Reconciliation".to_owned(),
            status: reconciliation.status,
            blocks: vec![reconciliation],
        },
        rest::Phase {
            id: id("phase Update"),
            name: format!("Update to: {target}"),
            status: fold(blocks.iter().map(|block| block.status)),
            blocks,
        },
    ];
    let errors: Vec<_> = state.refused.iter().map(ToString::to_string).collect();
    let status =
        if errors.is_empty() { fold(phases.iter().map(|phase| phase.status)) } else { Status::Error };
    rest::Plan { errors, phases, status }
}

/// The status of a whole out of its parts': done when all are, pending when none was begun.
fn fold(parts: impl Iterator<Item = Status>) -> Status {
    let (mut all_complete, mut all_pending) = (true, true);
    for part in parts {
        all_complete &= part == Status::Complete;
        all_pending &= part == Status::Pending;
    }
    match (all_complete, all_pending) {
        (true, _) => Status::Complete,
        (false, true) => Status::Pending,
        (false, false) => Status::InProgress,
    }
}

/// The reconciliation phase is done once every task was heard from in this process's life: a subscription lost later
/// is no rollout, and shows in `/admin/healthcheck` (S-048, D19).
fn reconciliation_block(state: &State, id: Uuid) -> rest::Block {
    let wait = match &state.connection {
        Connection::Disconnected { reason } => Some(Wait::Subscription { reason: reason.clone() }),
        Connection::Subscribed if state.reconcile.is_complete() => None,
        Connection::Subscribed => Some(Wait::Reconciliation { tasks: state.reconcile.unheard().count() }),
    };
    let status = match (&wait, state.reconciled) {
        (None, _) | (_, true) => Status::Complete,
        (Some(Wait::Reconciliation { .. }), false) => Status::InProgress,
        (Some(_), false) => Status::Pending,
    };
    let message = match &wait {
        None => "Reconciliation complete".to_owned(),
        Some(wait) => format!("Reconciliation is {status}: {wait}"),
    };
    let waiting = wait.as_ref().map(waiting);
    rest::Block { has_decision_point: false, id, message, name: "Reconciliation".to_owned(), status, waiting }
}

fn broker_block(broker: BrokerId, step: Step, id: Uuid) -> rest::Block {
    let status = match &step {
        Step::Complete => Status::Complete,
        Step::InProgress(_) => Status::InProgress,
        Step::Pending(_) => Status::Pending,
    };
    let detail = step.wait().map(|wait| format!(": {wait}")).unwrap_or_default();
    rest::Block {
        has_decision_point: false,
        id,
        message: format!("Broker-{broker} is {status}{detail}"),
        name: format!("broker-{broker}"),
        status,
        waiting: step.wait().map(waiting),
    }
}

fn waiting(wait: &Wait) -> Waiting {
    let reason = match wait {
        Wait::Subscription { .. } => WaitReason::Mesos,
        Wait::Reconciliation { .. } => WaitReason::Reconciliation,
        Wait::Turn { .. } => WaitReason::Turn,
        Wait::Backoff { .. } => WaitReason::Backoff,
        Wait::Offer { .. } => WaitReason::Offer,
        Wait::Agent { .. } => WaitReason::Agent,
        Wait::Launch | Wait::Start { .. } => WaitReason::Start,
        Wait::InSync { .. } => WaitReason::InSync,
        Wait::Restart { restart: plan::Restart { how: How::InPlace, .. }, .. } => WaitReason::Start,
        Wait::Stop | Wait::Restart { .. } => WaitReason::Stop,
        Wait::Roll { .. } => WaitReason::Roll,
    };
    Waiting::new(reason, wait.to_string())
}

fn broker_body(state: &State, broker: &Broker, now: Timestamp) -> rest::Broker {
    let (home, task) = (broker.home.as_ref(), broker.task.as_ref());
    let health = match broker.live_task().and_then(|task| task.healthy) {
        Some(true) => rest::BrokerHealth::Healthy,
        Some(false) => rest::BrokerHealth::Unhealthy,
        None => rest::BrokerHealth::Unknown,
    };
    rest::Broker {
        agent: home.map(|home| rest::Agent { hostname: home.hostname.clone(), id: home.agent_id.clone() }),
        config_id: task.map(|task| task.config.0),
        generation: broker.generation,
        health,
        host: home.map(|home| home.advertised_host.clone()),
        id: broker.id,
        message: task.map(|task| task.message.clone()).unwrap_or_default(),
        port: home.map(|home| home.port),
        task_id: task.map(|task| task.id),
        task_state: task.map(|task| task_state(task.condition)),
        waiting: plan::step(state, broker, now).wait().map(waiting),
    }
}

fn task_state(condition: Condition) -> rest::TaskState {
    match condition {
        Condition::Launching => rest::TaskState::Launching,
        Condition::Starting => rest::TaskState::Starting,
        Condition::Running => rest::TaskState::Running,
        Condition::Stopping => rest::TaskState::Stopping,
        Condition::Unreachable => rest::TaskState::Unreachable,
        Condition::Ended { .. } => rest::TaskState::Ended,
    }
}

fn serves(broker: &Broker) -> bool {
    broker.live_task().is_some_and(|task| task.condition == Condition::Running)
}

/// How clients reach the brokers that serve (S-088, S-089).
fn connection_body(state: &State) -> rest::Connection {
    let service = state.target();
    let name = &service.framework.name;
    let serving = || {
        let brokers = plan::wanted(state).filter(|broker| serves(broker));
        brokers.filter_map(|broker| Some((broker.id, broker.home.as_ref()?)))
    };
    rest::Connection {
        address: serving().map(|(_, home)| home.address()).collect(),
        dns: serving().map(|(id, home)| format!("broker-{id}.{name}.mesos:{}", home.port)).collect(),
        vip: format!("broker.{name}.l4lb.thisdcos.directory:9092"),
        zookeeper: service.zookeeper_connect(),
    }
}

/// Every check of D19. The store's passes whenever there is a view: a failed commit ends the process. While one hangs
/// there is no new view, and whoever shows the last one says so.
fn health_body(state: &State, now: Timestamp) -> rest::Health {
    let missing: Vec<_> =
        plan::wanted(state).filter(|broker| !serves(broker)).map(|broker| broker.id.to_string()).collect();
    let count = state.target().brokers.count as usize;
    let brokers = Check {
        healthy: missing.is_empty(),
        message: match missing.as_slice() {
            [] => format!("{count} of {count} brokers run"),
            _ => format!("{} of {count} brokers run; missing: {}", count - missing.len(), missing.join(", ")),
        },
    };
    let registered = match &state.connection {
        Connection::Subscribed => Check { healthy: true, message: "subscribed to Mesos".to_owned() },
        Connection::Disconnected { reason } => {
            Check { healthy: false, message: format!("not connected to Mesos: {reason}") }
        }
    };
    let store = Check { healthy: true, message: "the last commit succeeded".to_owned() };
    rest::Health(
        [
            (CheckName::BrokerCount, brokers),
            (CheckName::Registered, registered),
            (CheckName::Store, store),
            (CheckName::UnderReplicated, under_replicated(state, now)),
        ]
        .into(),
    )
}

/// Whether any partition lacks an in-sync replica (S-119). Unknown is not healthy, unless no broker can have any yet.
fn under_replicated(state: &State, now: Timestamp) -> Check {
    let unknown = |why: String| Check { healthy: false, message: format!("not known: {why}") };
    if !plan::wanted(state).any(serves) {
        return unknown("no broker runs".to_owned());
    }
    let Some(snapshot) = &state.kafka else {
        return unknown(state.kafka_error.clone().unwrap_or_else(|| "Kafka was not asked yet".to_owned()));
    };
    let age = now.0.saturating_sub(snapshot.taken_at);
    if age > 3 * roll::MAX_AGE_MS {
        let why = state.kafka_error.as_deref().unwrap_or("no answer");
        return unknown(format!("Kafka was last seen {} s ago: {why}", age / 1000));
    }
    let under = snapshot.under_replicated();
    if under.is_empty() {
        return Check { healthy: true, message: "every partition has all its replicas in sync".to_owned() };
    }
    let named: Vec<_> = under.iter().take(5).map(ToString::to_string).collect();
    let more = if under.len() > 5 { ", …" } else { "" };
    Check { healthy: false, message: format!("{} under-replicated: {}{more}", under.len(), named.join(", ")) }
}
