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
    /// The generation that is to run: each restart in place gets the next one, so that they are in order (D31).
    pub generation: u64,
    /// A generation whose restart an operator wants without waiting for the others, until it is done (D26).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<u64>,
}

impl Broker {
    /// A broker nothing is known of but its number.
    pub fn new(id: BrokerId) -> Self {
        Self { id, home: None, task: None, failures: Failures::default(), generation: 0, forced: None }
    }

    /// Asks for one more restart, unless one is waiting already: operators ask again where nothing seems to happen.
    pub fn ask_restart(&mut self, forced: bool) {
        if self.task.as_ref().is_none_or(|task| self.generation <= task.newest_generation()) {
            self.next_generation();
        }
        if forced {
            self.forced = Some(self.generation);
        }
    }

    /// Another generation is to run. One that must not wait still must not: only a broker that came back is done with that.
    pub fn next_generation(&mut self) {
        let forced = self.is_forced();
        let newest = self.task.as_ref().map_or(0, Task::newest_generation);
        self.generation = self.generation.max(newest).saturating_add(1);
        if forced {
            self.forced = Some(self.generation);
        }
    }

    /// Whether the restart that is wanted now must not wait for the others.
    pub fn is_forced(&self) -> bool {
        self.forced == Some(self.generation)
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
    /// The configuration it runs: the one it was launched with, or that its executor named since (D31).
    pub config: ConfigId,
    /// The restart generation it runs.
    pub generation: u64,
    /// When its launch was stored.
    pub launched_at: Timestamp,
    /// What is known of it.
    pub condition: Condition,
    /// Whether we decided to stop it, to launch it anew; stored before the KILL leaves, which Mesos may deliver long
    /// after, so that no other broker is taken down meanwhile.
    #[serde(default)]
    pub stopping: bool,
    /// The restart in place that is under way; stored before its MESSAGE leaves, and until the executor says that it
    /// runs what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Whether its partitions were seen in sync while it ran (D18). Latched, so that another broker's trouble later
    /// does not undo this one's block.
    pub settled: bool,
    /// The last health verdict reported, if any (S-081).
    pub healthy: Option<bool>,
    /// The executor's or Mesos' last words, for people.
    pub message: String,
}

impl Task {
    /// The newest generation that its executor may run.
    pub fn newest_generation(&self) -> u64 {
        self.restart.as_ref().map_or(self.generation, |restart| restart.generation.max(self.generation))
    }
}

/// A restart of a task's JVM in place, as it was decided (D31).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// What is to run.
    pub config: ConfigId,
    /// As which generation; no other restart of this broker has it.
    pub generation: u64,
    /// Why it cannot be done in place, if so: then the task is killed and the broker launched anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
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
