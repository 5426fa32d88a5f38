//! Deploy and recovery as a view: what each broker lacks to be as the target wants it, and why it waits.
//!
//! A plan has no memory. It is computed from the target, the broker records and the subscription whenever somebody
//! asks, so a restart cannot disagree with it (code-anchors 4.1).

use std::fmt;

use api::ids::BrokerId;
use kafka::topic::TopicPartition;

use crate::{
    broker::{Broker, Condition, ConfigId},
    config::{self, Cost},
    event::Timestamp,
    roll::{self, Blocked, How},
    state::{Connection, State},
};

/// How far a broker is from what the target wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It serves, with the target configuration, and was seen in sync.
    Complete,
    /// A task of it is on its way up or down.
    InProgress(Wait),
    /// Nothing of it runs as it should, and nothing is under way.
    Pending(Wait),
}

impl Step {
    /// Whether nothing is left to do.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }

    /// What it waits for.
    pub fn wait(&self) -> Option<&Wait> {
        match self {
            Self::Complete => None,
            Self::InProgress(wait) | Self::Pending(wait) => Some(wait),
        }
    }
}

/// What a step waits for. `Display` is what operators read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Mesos is not there.
    Subscription {
        /// What happened to it.
        reason: String,
    },
    /// Not every task was heard from.
    Reconciliation {
        /// How many are missing.
        tasks: usize,
    },
    /// Another broker comes first.
    Turn {
        /// Which.
        after: BrokerId,
    },
    /// It ended too often lately.
    Backoff {
        /// How long still, in seconds.
        seconds: u64,
        /// How many ends in a row.
        failures: u32,
        /// The last end's words.
        message: String,
    },
    /// No offer fitted yet.
    Offer {
        /// Where it must be, if it has a home.
        hostname: Option<String>,
        /// The end before, if there was one.
        message: String,
    },
    /// Its LAUNCH was stored; nothing was heard since.
    Launch,
    /// The executor brings it up.
    Start {
        /// The executor's words.
        message: String,
    },
    /// It serves, but its partitions were not yet seen in sync (D18).
    InSync {
        /// What is missing.
        detail: String,
    },
    /// It is being stopped.
    Stop,
    /// Its agent is out of sight.
    Agent {
        /// Which.
        hostname: String,
    },
    /// It is to be restarted and may not be taken down now.
    Roll {
        /// What for.
        restart: Restart,
        /// Why not.
        blocked: Blocked,
    },
    /// It is being restarted.
    Restart {
        /// What for.
        restart: Restart,
        /// Partitions that no order of restarts keeps available to `acks=all` writers (D26).
        unavoidable: Vec<TopicPartition>,
    },
}

/// What a broker is restarted for, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Whether the operator asked for it, not a changed configuration.
    pub asked: bool,
    /// In place, or by another task.
    pub how: How,
}

impl Restart {
    fn of(state: &State, broker: &Broker) -> Self {
        let asked = broker.task.as_ref().is_some_and(|task| is_target(state, task.config));
        Self { asked, how: roll::how(state, broker) }
    }

    fn not_in_place(&self) -> String {
        match &self.how {
            How::Anew { refused: Some(reason) } => format!(" (not in place: {reason})"),
            How::Anew { refused: None } | How::InPlace => String::new(),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after =
            |message: &String| if message.is_empty() { String::new() } else { format!(" ({message})") };
        match self {
            Self::Subscription { reason } => write!(f, "not connected to Mesos: {reason}"),
            Self::Reconciliation { tasks } => write!(f, "waiting for Mesos to report on {tasks} task(s)"),
            Self::Turn { after } => write!(f, "waiting for broker-{after}"),
            Self::Backoff { seconds, failures, message } => {
                write!(
                    f,
                    "launched again in {seconds} s, after {failures} failures in a row{}",
                    after(message)
                )
            }
            Self::Offer { hostname: Some(host), message } => {
                write!(f, "waiting for an offer with its reservation on agent {host}{}", after(message))
            }
            Self::Offer { hostname: None, message } => {
                write!(f, "waiting for an offer with room for it{}", after(message))
            }
            Self::Launch => f.write_str("placed, waiting for its executor"),
            Self::Start { message } if message.is_empty() => f.write_str("starting"),
            Self::Start { message } => write!(f, "starting: {message}"),
            Self::InSync { detail } => {
                write!(f, "serving, waiting for its partitions to be in sync: {detail}")
            }
            Self::Stop => f.write_str("stopping"),
            Self::Agent { hostname } => {
                write!(f, "agent {hostname} is unreachable; the broker may still run there")
            }
            Self::Roll { restart, blocked } => {
                let why = if restart.asked { "asked to restart" } else { "runs an older configuration" };
                write!(f, "{why}, restart blocked{}: {blocked}", restart.not_in_place())
            }
            Self::Restart { restart, unavoidable } => {
                let how =
                    if restart.how == How::InPlace { "restarting in place" } else { "stopping, to restart" };
                let what = if restart.asked { "" } else { " with the target configuration" };
                write!(f, "{how}{what}{}", restart.not_in_place())?;
                if unavoidable.is_empty() {
                    return Ok(());
                }
                let named: Vec<_> = unavoidable.iter().take(5).map(ToString::to_string).collect();
                let more = if unavoidable.len() > 5 { ", …" } else { "" };
                write!(
                    f,
                    "; unavailable meanwhile, since no other broker can stand in: {}{more}",
                    named.join(", ")
                )
            }
        }
    }
}

/// Whether the broker's task runs what the target wants.
pub fn is_current(state: &State, broker: &Broker) -> bool {
    let Some(task) = &broker.task else { return false };
    task.generation == broker.generation && is_target(state, task.config)
}

/// Whether to a broker this configuration is the same as the target.
pub fn is_target(state: &State, config: ConfigId) -> bool {
    let free = |config: &config::Service| {
        config::diff(config, state.target()).cost().is_none_or(|cost| cost == Cost::Scheduler)
    };
    config == state.stored.target || state.stored.configs.get(&config).is_some_and(free)
}

/// Whether the broker is as the target wants it, whatever the subscription.
pub fn is_complete(state: &State, broker: &Broker) -> bool {
    broker
        .live_task()
        .is_some_and(|task| task.condition == Condition::Running && task.settled && !task.stopping)
        && is_current(state, broker)
}

/// The brokers that the target wants, in order.
pub fn wanted(state: &State) -> impl Iterator<Item = &Broker> {
    let count = state.target().brokers.count;
    state.stored.brokers.values().filter(move |broker| broker.id.0 < count)
}

/// How far one broker is.
pub fn step(state: &State, broker: &Broker, now: Timestamp) -> Step {
    let Some(task) = broker.live_task() else {
        return Step::Pending(why_not_launched(state, broker, now));
    };
    let restart = || Restart::of(state, broker);
    let stopping = task.stopping && task.condition != Condition::Stopping;
    let restarting = task.condition == Condition::Running && roll::is_restarting(state, broker);
    if stopping || restarting {
        return Step::InProgress(match roll::gate(state, broker.id, now) {
            Ok(unavoidable) => Wait::Restart { restart: restart(), unavoidable },
            Err(blocked) => Wait::Roll { restart: restart(), blocked },
        });
    }
    match task.condition {
        Condition::Running if is_current(state, broker) => match task.settled {
            true => Step::Complete,
            false => Step::InProgress(Wait::InSync { detail: crate::settle::missing(state, broker.id) }),
        },
        Condition::Running => match roll::next(state).filter(|first| *first != broker.id) {
            Some(first) => Step::Pending(Wait::Turn { after: first }),
            None => match roll::gate(state, broker.id, now) {
                Ok(unavoidable) => Step::InProgress(Wait::Restart { restart: restart(), unavoidable }),
                Err(blocked) => Step::Pending(Wait::Roll { restart: restart(), blocked }),
            },
        },
        Condition::Launching => Step::InProgress(Wait::Launch),
        Condition::Starting => Step::InProgress(Wait::Start { message: task.message.clone() }),
        Condition::Stopping => Step::InProgress(Wait::Stop),
        Condition::Unreachable => {
            let hostname = broker.home.as_ref().map(|home| home.hostname.clone()).unwrap_or_default();
            Step::InProgress(Wait::Agent { hostname })
        }
        // Proof: a live task has not ended.
        Condition::Ended { .. } => unreachable!("a live task has not ended"),
    }
}

fn why_not_launched(state: &State, broker: &Broker, now: Timestamp) -> Wait {
    if let Connection::Disconnected { reason } = &state.connection {
        return Wait::Subscription { reason: reason.clone() };
    }
    let message = broker.task.as_ref().map(|task| task.message.clone()).unwrap_or_default();
    if broker.home.is_none() {
        // A new broker comes only when every one before it is complete (S-033, D40).
        if let Some(earlier) = wanted(state).find(|other| other.id < broker.id && !is_complete(state, other))
        {
            return Wait::Turn { after: earlier.id };
        }
        if !state.reconcile.is_complete() {
            return Wait::Reconciliation { tasks: state.reconcile.unheard().count() };
        }
    }
    let wait = broker.failures.wait(now);
    if wait > 0 {
        return Wait::Backoff { seconds: wait.div_ceil(1000), failures: broker.failures.count, message };
    }
    Wait::Offer { hostname: broker.home.as_ref().map(|home| home.hostname.clone()), message }
}
