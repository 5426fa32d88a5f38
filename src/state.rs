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
use mesos::v1::{self, TaskState};
use serde::{Deserialize, Serialize};

use crate::{
    acknowledge,
    broker::{Broker, Condition, ConfigId, HomeId, Task, is_terminal},
    config::{Service, ValidationError},
    event::{Command, Effects, Event, Reply, Timestamp},
    fetch::Fetches,
    incident::{self, Incidents},
    kill::{Grace, Kills},
    reconcile::Reconcile,
    restart::Restarts,
    status::{follow, is_live},
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
    /// Restarts in place that were asked for.
    pub restarts: Restarts,
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
            restarts: Restarts::default(),
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
            Event::Message(said) => self.message(*said, now, effects),
            Event::Fetched { id, result } => incident::fetched(self, id, result, now, effects),
            Event::Command(ticket, Command::Restart { broker, force }) => {
                let reply = self.restart(broker, force, effects);
                effects.replies.push((ticket, reply));
            }
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
        self.restarts.resend();
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
                let generation = |broker: &Broker| broker.task.as_ref().map(|task| task.generation);
                let before = generation(broker);
                let released = follow(broker, status, now, effects);
                self.stored.released.extend(released);
                match broker.live_task().map(|task| task.condition) {
                    Some(condition)
                        if before == generation(broker)
                            && self.heard.get(&id.broker).is_some_and(|(heard, _)| *heard == condition) => {}
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
                let agent = status.agent_id.as_ref().map(|agent| agent.value.clone());
                self.kills.add(id, agent, Grace::Zero, now);
            }
            None => {}
        }
    }

    /// An executor says something.
    fn message(&mut self, said: ToScheduler, now: Timestamp, effects: &mut Effects) {
        match said {
            ToScheduler::RestartRefused { task: id, config_id, generation, reason } => {
                let broker = self.stored.brokers.get_mut(&id.broker);
                let task = broker.and_then(|broker| broker.task.as_mut()).filter(|task| task.id == id);
                // An answer to an earlier one says nothing about this one.
                let restart = task.and_then(|task| task.restart.as_mut()).filter(|restart| {
                    (restart.config.0, restart.generation) == (config_id, generation)
                        && restart.refused.is_none()
                });
                if let Some(restart) = restart {
                    effects
                        .notes
                        .push(format!("broker {}: cannot be restarted in place: {reason}", id.broker));
                    restart.refused = Some(reason);
                }
            }
            ToScheduler::Incident(incident) => incident::told(self, *incident, now, effects),
        }
    }

    /// An operator wants a restart. When it comes is `roll`'s business.
    fn restart(&mut self, id: BrokerId, force: bool, effects: &mut Effects) -> Reply {
        let count = self.target().brokers.count;
        let Some(broker) = self.stored.brokers.get_mut(&id).filter(|_| id.0 < count) else {
            return Reply::NoSuchBroker;
        };
        broker.ask_restart(force);
        let how = if force { ", without waiting for the others" } else { "" };
        effects.notes.push(format!("broker {id}: a restart is asked for{how}"));
        Reply::Restarting(broker.task.as_ref().map(|task| task.id))
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
        restart: None,
        settled: false,
        healthy: None,
        message: String::new(),
    }
}
