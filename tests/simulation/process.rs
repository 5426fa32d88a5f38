//! The scheduler's process: the core, its store, its subscription; and how the process dies.

use std::collections::BTreeMap;

use local::master::StreamId;
use scheduler::{
    Scheduler,
    config::Settings,
    event::{Batch, Records, Write},
};

/// The scheduler's process and what outlives it.
pub struct Process {
    /// The core; `None` while the process is dead.
    pub core: Option<Scheduler>,
    /// The store; outlives the process.
    pub store: Records,
    /// Counts starts, so that what belongs to an earlier life is told apart.
    pub life: u64,
    /// The subscription, if there is one.
    pub stream: Option<StreamId>,
    /// Whether a call went unanswered: the subscription is about to end, and no further call leaves.
    pub calls_die: bool,
    /// The environment it starts with.
    pub environment: BTreeMap<String, String>,
}

impl Process {
    /// A process not started yet.
    pub fn new(brokers: u32, placement: &str) -> Self {
        let text = format!(
            "MESOS_MASTER=127.0.0.1:5050 SCHEDULER_STATE_URI=file:///state FRAMEWORK_USER=kafka \
             KAFKA_URI=file:///kafka.tgz EXECUTOR_URI=file:///kafka-executor BROKER_COUNT={brokers} \
             PLACEMENT_STRATEGY={placement} BROKER_PORT=0 BROKER_KILL_GRACE_SEC=30"
        );
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { core: None, store: Records::new(), life: 0, stream: None, calls_die: false, environment }
    }

    /// Starts the process.
    pub fn start(&mut self, seed: u64) {
        let service = Settings::from_env(&self.environment).unwrap().service;
        let (core, effects) = Scheduler::restore(service, &self.store, seed).unwrap();
        self.commit(&effects.writes);
        self.core = Some(core);
        self.life += 1;
    }

    /// The process dies at once.
    pub fn die(&mut self) {
        self.core = None;
        self.stream = None;
    }

    /// Makes a batch durable.
    pub fn commit(&mut self, batch: &Batch) {
        for write in &batch.0 {
            match write {
                Write::Put { key, value } => self.store.insert(key.clone(), value.clone()),
                Write::Delete { key } => self.store.remove(key),
            };
        }
    }
}
