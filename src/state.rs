//! What the scheduler knows, and how an event changes it.
//!
//! [`Stored`] is what cannot be derived; it is written whenever it changes, by comparing before and after, so no
//! change can be forgotten. [`State`] adds what a restart may lose: the subscription, who was heard from, pending
//! kills, the latest picture of Kafka. Plans are in neither: they are views (`plan`).
//!
//! [`State::absorb`] folds one event in and answers what only the event itself can ask for (acknowledgements).
//! What follows from the new state is `decide`'s business.

use std::collections::{BTreeMap, VecDeque};

use api::{
    ids::{BrokerId, TaskId},
    message::ToScheduler,
    rest::offer::OfferOutcome,
};
use kafka::snapshot::Snapshot;
use mesos::v1::{self, TaskState, task_status::Reason};
use serde::{Deserialize, Serialize};

use crate::{
    acknowledge,
    broker::{Broker, Condition, ConfigId, Hold, Home, HomeId, Task, is_terminal},
    config::{Service, ValidationError},
    event::{Effects, Event, Timestamp},
    fetch::Fetches,
    incident::{self, Incidents},
    kill::Kills,
    reconcile::Reconcile,
};

/// Everything that must survive a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Our id at Mesos, once it gave one.
    pub framework_id: Option<String>,
    /// The configuration wanted now; a key of `configs`.
    pub target: ConfigId,
    /// Every configuration that is or was the target.
    pub configs: BTreeMap<ConfigId, Service>,
    /// One record per broker.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// Homes let go whose reservations may still have to be returned.
    pub released: BTreeMap<HomeId, Released>,
    /// How the brokers' JVMs ended.
    pub incidents: BTreeMap<BrokerId, Incidents>,
}

/// A home that was let go. Only these are ever destroyed; a reservation nobody remembers is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Whose home it was.
    pub broker: BrokerId,
    /// Where it was claimed.
    pub agent_id: String,
    /// Since when it is nobody's.
    pub since: Timestamp,
}

/// The subscription as seen from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Not subscribed, and why.
    Disconnected {
        /// For the operator.
        reason: String,
    },
    /// Subscribed.
    Subscribed,
}

/// What offers are wanted, as last told to Mesos on this subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferFlow {
    /// Nothing said yet since the subscription began.
    Unsaid,
    /// SUPPRESS was sent.
    Suppressed,
    /// REVIVE was sent for these brokers at this time.
    Revived {
        /// Whom the offers are for.
        needs: Vec<BrokerId>,
        /// When it was last sent.
        at: Timestamp,
    },
}

/// Offer outcomes kept for operators.
const OUTCOMES_KEPT: usize = 20;

/// All that the scheduler knows.
#[derive(Debug)]
pub struct State {
    /// What a restart keeps.
    pub stored: Stored,
    /// Why the environment's configuration is not the target, if it was refused (S-046).
    pub refused: Vec<ValidationError>,
    /// The subscription.
    pub connection: Connection,
    /// Who was heard from on this subscription.
    pub reconcile: Reconcile,
    /// Whether every task was heard from at least once since this process started.
    pub reconciled: bool,
    /// Tasks that must end.
    pub kills: Kills,
    /// What was last said about offers.
    pub offer_flow: OfferFlow,
    /// Kafka as last seen.
    pub kafka: Option<Snapshot>,
    /// What each broker's live task was last heard to be, and since when, by this process.
    pub heard: BTreeMap<BrokerId, (Condition, Timestamp)>,
    /// Why Kafka could not be asked the last time, if so.
    pub kafka_error: Option<String>,
    /// Which incidents were tried to be read out of their sandboxes.
    pub fetches: Fetches,
    /// The latest offer evaluations, newest last.
    pub outcomes: VecDeque<OfferOutcome>,
}

impl State {
    /// The state at start-up: what was stored, and nothing heard yet.
    pub fn new(stored: Stored, refused: Vec<ValidationError>) -> Self {
        Self {
            stored,
            refused,
            connection: Connection::Disconnected { reason: "not subscribed yet".to_owned() },
            reconcile: Reconcile::default(),
            reconciled: false,
            kills: Kills::default(),
            offer_flow: OfferFlow::Unsaid,
            kafka: None,
            heard: BTreeMap::new(),
            kafka_error: None,
            fetches: Fetches::default(),
            outcomes: VecDeque::new(),
        }
    }

    /// The configuration wanted now.
    pub fn target(&self) -> &Service {
        // `restore` refuses records whose target is not among them, and nothing removes configurations.
        &self.stored.configs[&self.stored.target]
    }

    /// Since when a broker is known to serve, if it does.
    pub fn serving_since(&self, broker: BrokerId) -> Option<Timestamp> {
        self.heard
            .get(&broker)
            .filter(|(condition, _)| *condition == Condition::Running)
            .map(|(_, since)| *since)
    }

    /// Remember how an offer fared, for operators.
    pub fn remember(&mut self, outcome: OfferOutcome) {
        if self.outcomes.len() == OUTCOMES_KEPT {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(outcome);
    }

    /// Folds one event in. Offers are handed back: they never outlive the `handle` that brought them.
    pub fn absorb(&mut self, now: Timestamp, event: Event, effects: &mut Effects) -> Vec<v1::Offer> {
        match event {
            Event::Subscribed { framework_id } => self.subscribed(now, framework_id, effects),
            Event::Disconnected { reason } => {
                effects.notes.push(format!("disconnected from Mesos: {reason}"));
                self.connection = Connection::Disconnected { reason };
            }
            Event::Offers(offers) => return offers,
            Event::Update(status) => self.update(now, &status, effects),
            Event::Message(said) => match *said {
                ToScheduler::Incident(incident) => incident::told(self, *incident, now, effects),
                // Nothing acts on one yet.
                ToScheduler::RestartRefused { .. } => {}
            },
            Event::Fetched { id, result } => incident::fetched(self, id, result, now, effects),
            Event::Command(_, command) => match command {},
            Event::Kafka(Ok(snapshot)) => {
                self.kafka = Some(snapshot);
                self.kafka_error = None;
            }
            Event::Kafka(Err(error)) => self.kafka_error = Some(error),
            Event::Tick => {}
        }
        Vec::new()
    }

    fn subscribed(&mut self, now: Timestamp, framework_id: String, effects: &mut Effects) {
        if self.stored.framework_id.as_ref() != Some(&framework_id) {
            effects.notes.push(format!("registered with Mesos as framework {framework_id}"));
            self.stored.framework_id = Some(framework_id);
        } else {
            effects.notes.push("subscribed to Mesos".to_owned());
        }
        self.connection = Connection::Subscribed;
        self.offer_flow = OfferFlow::Unsaid;
        let live = self.stored.brokers.values().filter_map(Broker::live_task).map(|task| task.id);
        self.reconcile = Reconcile::begin(now, live);
        self.kills.resend(now);
    }

    fn update(&mut self, now: Timestamp, status: &v1::TaskStatus, effects: &mut Effects) {
        effects.calls.extend(acknowledge::of(status));
        let Ok(id) = status.task_id.value.parse::<TaskId>() else {
            effects.notes.push(format!("status of a task that is none of ours: {}", status.task_id.value));
            return;
        };
        self.reconcile.heard(id);
        let state = status.state();
        if is_terminal(state) {
            incident::reported(self, status, now, effects);
        }
        if is_terminal(state) || state == TaskState::TaskUnknown {
            self.kills.done(id);
        }
        let current = self
            .stored
            .brokers
            .get_mut(&id.broker)
            .filter(|broker| broker.live_task().is_some_and(|task| task.id == id));
        match current {
            Some(broker) => {
                let released = follow(broker, status, now, effects);
                self.stored.released.extend(released);
                match broker.live_task().map(|task| task.condition) {
                    Some(condition)
                        if self.heard.get(&id.broker).is_some_and(|(before, _)| *before == condition) => {}
                    Some(condition) => {
                        self.heard.insert(id.broker, (condition, now));
                    }
                    None => {
                        self.heard.remove(&id.broker);
                    }
                }
            }
            None if is_live(state) => {
                // A live task that is not its broker's current one is killed, never adopted: its broker may have
                // been launched anew, and two of one id must not serve.
                effects.notes.push(format!("task {id} runs and should not: killing it"));
                self.kills.add(id, status.agent_id.as_ref().map(|agent| agent.value.clone()), now);
            }
            None => {}
        }
    }
}

/// Whether the state says that the task runs, or is about to.
fn is_live(state: TaskState) -> bool {
    use TaskState::*;
    matches!(state, TaskStaging | TaskStarting | TaskRunning | TaskKilling)
}

/// Follows a status of the broker's current, live task. Answers the home to return, if the status denies its claim.
fn follow(
    broker: &mut Broker,
    status: &v1::TaskStatus,
    now: Timestamp,
    effects: &mut Effects,
) -> Option<(HomeId, Released)> {
    let id = broker.id;
    let state = status.state();
    let task = broker.task.as_mut()?;
    if let Some(healthy) = status.healthy {
        task.healthy = Some(healthy);
    }
    // An answer to RECONCILE carries Mesos' words about reconciliation, never the executor's (D31).
    let reconciled = status.reason == Some(Reason::Reconciliation.into());
    if !reconciled && let Some(message) = &status.message {
        task.message.clone_from(message);
    }
    let before = task.condition;
    task.condition = match state {
        // Known to the master and not started, so nothing new.
        TaskState::TaskStaging => task.condition,
        TaskState::TaskStarting => Condition::Starting,
        TaskState::TaskRunning => Condition::Running,
        TaskState::TaskKilling => Condition::Stopping,
        // The master has no idea: its agent may yet come back.
        TaskState::TaskUnreachable | TaskState::TaskUnknown => Condition::Unreachable,
        _ => Condition::Ended { at: now },
    };
    if task.condition != before {
        let words = if task.message.is_empty() { String::new() } else { format!(": {}", task.message) };
        effects.notes.push(format!("broker {id}: task {} is {}{words}", task.id, state.as_str_name()));
    }
    // An end that somebody asked for is no failure: a roll, or an agent that was stopped.
    if task.condition.is_ended() && !task.stopping && state != TaskState::TaskKilled {
        broker.failures = broker.failures.again(task.launched_at, now);
    }
    let claim = broker.home.as_mut().filter(|home| home.hold == Hold::Claimed);
    match (claim, meaning_for_claim(status)) {
        (Some(home), Claim::Shown) => keep(home, status),
        (Some(_), Claim::Denied { returned }) => {
            let home = broker.home.take()?;
            effects
                .notes
                .push(format!("broker {id}: its claim on agent {} was denied and is let go", home.agent_id));
            let released = Released { broker: id, agent_id: home.agent_id, since: now };
            return returned.then_some((home.id, released));
        }
        _ => {}
    }
    None
}

/// What a status of its task says about a claimed home.
enum Claim {
    /// Nothing: Mesos may or may not have made it.
    Open,
    /// It is there.
    Shown,
    /// It is not there, as far as anyone can tell.
    Denied {
        /// Whether what may be there after all held no broker for sure, so that it may be returned when it turns up.
        returned: bool,
    },
}

fn meaning_for_claim(status: &v1::TaskStatus) -> Claim {
    use TaskState::*;
    match status.state() {
        // The master has the launch; its agent may not.
        TaskStaging | TaskUnreachable | TaskUnknown => Claim::Open,
        TaskStarting | TaskRunning | TaskKilling | TaskFinished | TaskFailed | TaskKilled => Claim::Shown,
        // By the agent: its executor was there, and is no more.
        TaskGone if status.uuid.is_some() => Claim::Shown,
        TaskError | TaskDropped | TaskGone => Claim::Denied { returned: true },
        // Its agent has left: a broker may have served there unheard.
        TaskLost | TaskGoneByOperator => Claim::Denied { returned: false },
    }
}

/// Mesos has shown the home: from now on only an operator can give it up.
fn keep(home: &mut Home, status: &v1::TaskStatus) {
    home.hold = Hold::Kept;
    if let Some(agent) = &status.agent_id {
        home.agent_id.clone_from(&agent.value);
    }
}

/// A fresh launch of `broker`, as it is stored before its ACCEPT.
pub fn launching(id: TaskId, config: ConfigId, generation: u64, now: Timestamp) -> Task {
    Task {
        id,
        config,
        generation,
        launched_at: now,
        condition: Condition::Launching,
        stopping: false,
        settled: false,
        healthy: None,
        message: String::new(),
    }
}
