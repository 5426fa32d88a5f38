//! A broker: its home (where its data lives), its task (what runs there), its failures, and what was asked of it.
//!
//! ```text
//!            ACCEPT stored            Mesos shows it
//!   no home ───────────────► Claimed ───────────────► Kept ──► (relaunched here for ever)
//!      ▲                        │
//!      └────────────────────────┘ Mesos denies it: error, dropped, gone (never merely unreachable)
//! ```

use api::ids::{BrokerId, TaskId};
use mesos::v1;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{backoff::Failures, event::Timestamp};

/// Identifies a configuration. Derived from its content, so that re-applying an old one is that old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigId(pub Uuid);

/// Identifies one reservation of a home; in the label of every resource reserved for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HomeId(pub Uuid);

/// One broker of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broker {
    /// Kafka's `broker.id`.
    pub id: BrokerId,
    /// Where its data lives; agent, ports, volume and reservation exist together or not at all.
    pub home: Option<Home>,
    /// Its newest task, ended or not.
    pub task: Option<Task>,
    /// What delays its next launch.
    pub failures: Failures,
    /// How often a restart was asked for; part of the launch contract (D31).
    pub generation: u64,
}

impl Broker {
    /// A broker nothing is known of but its number.
    pub fn new(id: BrokerId) -> Self {
        Self { id, home: None, task: None, failures: Failures::default(), generation: 0 }
    }

    /// The task, unless it has ended.
    pub fn live_task(&self) -> Option<&Task> {
        self.task.as_ref().filter(|task| !task.condition.is_ended())
    }
}

/// The place of a broker: reserved together, from the first launch on (D32).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Carried by the reservation's labels.
    pub id: HomeId,
    /// How sure we are that Mesos made it.
    pub hold: Hold,
    /// The agent it was last seen on. An agent's id may change and keep the volume (mesos-v1-http 5.9).
    pub agent_id: String,
    /// The agent's hostname, for people and for placement.
    pub hostname: String,
    /// Host that clients are told (D33).
    pub advertised_host: String,
    /// Port of the broker.
    pub port: u16,
    /// Port of the executor's admin endpoint.
    pub api_port: u16,
    /// The persistent volume.
    pub volume: Volume,
    /// What is reserved besides ports and volume.
    pub size: Size,
}

impl Home {
    /// Where clients reach the broker: `host:port`, an IPv6 address in brackets.
    pub fn address(&self) -> String {
        match self.advertised_host.contains(':') {
            true => format!("[{}]:{}", self.advertised_host, self.port),
            false => format!("{}:{}", self.advertised_host, self.port),
        }
    }
}

/// Whether Mesos has shown a home to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Written ahead of the ACCEPT; may be denied.
    Claimed,
    /// Seen in a status or an offer; given up only on an operator's word.
    Kept,
}

/// A broker's persistent volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Mesos' persistence id, a UUID.
    pub persistence_id: Uuid,
    /// Its size in MB; of a MOUNT disk the whole disk's.
    pub size_mb: u64,
}

/// Scalars reserved for a broker and its executor. CPUs in thousandths, memory in MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// CPUs of the broker's task, in thousandths.
    pub task_cpus: u64,
    /// Memory of the broker's task, in MB.
    pub task_mem: u64,
    /// CPUs of the executor, in thousandths.
    pub executor_cpus: u64,
    /// Memory of the executor, in MB.
    pub executor_mem: u64,
}

/// One stay of a broker on its home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Never reused.
    pub id: TaskId,
    /// The configuration it was launched with.
    pub config: ConfigId,
    /// The restart generation it was launched with.
    pub generation: u64,
    /// When its launch was stored.
    pub launched_at: Timestamp,
    /// What is known of it.
    pub condition: Condition,
    /// Whether we decided to stop it, to launch it anew; stored before the KILL leaves, which Mesos may deliver long
    /// after, so that no other broker is taken down meanwhile.
    #[serde(default)]
    pub stopping: bool,
    /// Whether its partitions were seen in sync while it ran (D18). Latched, so that another broker's trouble later
    /// does not undo this one's block.
    pub settled: bool,
    /// The last health verdict reported, if any (S-081).
    pub healthy: Option<bool>,
    /// The executor's or Mesos' last words, for people.
    pub message: String,
}

/// What is known of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Condition {
    /// Stored, perhaps sent; nothing heard.
    Launching,
    /// The executor is bringing the broker up.
    Starting,
    /// The broker serves.
    Running,
    /// A gentle stop is under way.
    Stopping,
    /// Its agent is out of sight; it may run and may come back.
    Unreachable,
    /// It runs no more, for sure.
    Ended {
        /// When that was learned.
        at: Timestamp,
    },
}

impl Condition {
    /// Whether the task certainly runs no more.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

/// Whether a state means that the task runs no more, for sure (mesos-v1-http 2.11).
pub fn is_terminal(state: v1::TaskState) -> bool {
    use v1::TaskState::*;
    match state {
        TaskFinished | TaskFailed | TaskKilled | TaskError | TaskLost | TaskDropped | TaskGone
        | TaskGoneByOperator => true,
        TaskStaging | TaskStarting | TaskRunning | TaskKilling | TaskUnreachable | TaskUnknown => false,
    }
}
