//! A machine: an agent's process, its disk, its link to the master, and the executors on it.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use local::{
    agent::{self, Agent, Run},
    link::LinkId,
};
use mesos::v1;
use uuid::Uuid;

use crate::disk::Disk;

/// One machine.
pub struct Node {
    pub address: SocketAddr,
    /// The agent's process; `None` while it is dead.
    pub agent: Option<Agent>,
    pub disk: Disk,
    /// The link to the master.
    pub link: Option<LinkId>,
    /// No link before this.
    pub cut_until: u64,
    /// Nothing passes the link before this, though neither end knows.
    pub silent_until: u64,
    /// Executors by container; the dead are gone from it.
    pub executors: BTreeMap<String, Executor>,
}

/// An executor's process.
#[derive(Debug)]
pub struct Executor {
    pub run: Run,
    /// Its stream to the agent.
    pub stream: Option<agent::Ticket>,
    pub task: Option<v1::TaskInfo>,
    /// Sent and not acknowledged, oldest first.
    pub updates: Vec<v1::TaskStatus>,
    /// Whether no update of the task was acknowledged yet.
    pub task_unacknowledged: bool,
    /// Whether the broker serves.
    pub serving: bool,
    /// Set once its terminal update was made: it leaves when that is acknowledged.
    pub ending: bool,
    /// Whether a stop is under way.
    pub stopping: bool,
    /// The configuration and the generation that run, or are about to.
    pub runs: (Uuid, u64),
    /// The newest generation that is prepared for.
    pub staged: u64,
    /// What its terminal update will say of its JVM's end.
    pub data: Option<Vec<u8>>,
    /// Whether it knows no MESSAGE.
    pub deaf: bool,
}

impl Node {
    /// A new machine with room for several brokers.
    pub fn new(number: usize) -> Self {
        let address = SocketAddr::from(([10, 0, 0, u8::try_from(number).unwrap() + 1], 5051));
        Self {
            address,
            agent: None,
            disk: Disk::default(),
            link: None,
            cut_until: 0,
            silent_until: 0,
            executors: BTreeMap::new(),
        }
    }

    /// The agent's id, once it has one.
    pub fn id(&self) -> Option<String> {
        Some(self.agent.as_ref()?.id()?.value.clone())
    }

    /// Starts the agent's process on what is on its disk.
    pub fn start(&mut self, seed: u64, now: u64) {
        let resources =
            mesos::resource::parse::resources("cpus:8;mem:16384;disk:40000;ports:[9092-9192]").unwrap();
        let mut options = agent::Options::new(self.address, PathBuf::from("/work"), resources);
        options.hostname = format!("agent-{}", self.address.ip());
        let agent = Agent::new(options, self.disk.read(), seed, Duration::from_millis(now)).unwrap();
        self.agent = Some(agent);
    }
}

impl Executor {
    /// A process just started.
    pub fn new(run: Run) -> Self {
        Self {
            run,
            stream: None,
            task: None,
            updates: Vec::new(),
            task_unacknowledged: false,
            serving: false,
            ending: false,
            stopping: false,
            runs: (Uuid::nil(), 0),
            staged: 0,
            data: None,
            deaf: false,
        }
    }

    /// Its task's broker.
    pub fn broker(&self) -> Option<u32> {
        let id: api::ids::TaskId = self.task.as_ref()?.task_id.value.parse().ok()?;
        Some(id.broker.0)
    }

    /// Its task's id.
    pub fn task_id(&self) -> Option<&str> {
        Some(&self.task.as_ref()?.task_id.value)
    }
}
