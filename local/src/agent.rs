//! The embedded Mesos agent: a pure value that turns inputs into outputs.
//!
//! No IO, no clock, no chance: time is an argument, ids come from a seed. `shell::agent` drives it with real files and
//! processes, the seeded simulation with made-up ones.
//!
//! ```text
//!             RunTask    ┌───────────┐ ready  ┌───────────┐ SUBSCRIBE ┌─────────┐
//! executor ─────────────>│ preparing │───────>│ launching │──────────>│ running │
//!                        └───────────┘        │registering│           └─────────┘
//!                              │              └───────────┘                │
//!                              │ fetch failed       │ timeout              │ SHUTDOWN, grace over
//!                              v                    v                      v
//!                        ┌────────────────────────────────────────────────────┐ exited  ┌────────────┐
//!                        │ terminating: its whole process tree is being ended │────────>│ terminated │─> forgotten once
//!                        └────────────────────────────────────────────────────┘         └────────────┘   all is acknowledged
//! ```
//!
//! Outputs are carried out in order, and a [`Checkpoint`] is durable before what follows it leaves: an executor gets
//! ACKNOWLEDGED only for an update that is on disk.
//!
//! Files: `book` (frameworks, executors, tasks as remembered), `registration`, `recovery`, `launch` with `environment`
//! and [`layout`], `call` (what executors say), `status` with `updates` (task states, reliable), `control` (kill,
//! shutdown, exits), `operation` (reservations and volumes), [`view`] and `state` (what an operator sees).
//!
//! Left out, as mesos-v1-http §13 allows: task groups, nested containers, images, limits, draining, resource providers,
//! enforcement of anything.

mod book;
mod call;
mod control;
mod environment;
mod event;
mod launch;
pub mod layout;
mod operation;
mod recovery;
mod registration;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod updates;
pub mod view;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mesos::resource::Resources;
use mesos::v1;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use book::Framework;
pub use environment::duration_text;
pub use event::{
    Answer, Checkpoint, Container, ContainerEvent, Ended, Input, Mount, Output, Run, StoredOperation, Ticket,
    UpdateRecord,
};
use operation::Operations;
pub use recovery::{Incompatible, Recovered, RecoveredExecutor, RecoveredFramework, RecoveredTask};
use registration::Membership;
use updates::StatusUpdates;

/// A moment: time since the Unix epoch.
pub type Time = Duration;

/// Completed executors, and completed frameworks, kept for views.
const COMPLETED: usize = 50;

/// How an agent behaves, and who it says it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the agent's HTTP endpoint is, for executors and the network facts in statuses.
    pub address: SocketAddr,
    /// The hostname it advertises.
    pub hostname: String,
    /// What it has, as configured: unreserved and statically reserved.
    pub resources: Resources,
    /// Its attributes.
    pub attributes: Vec<v1::Attribute>,
    /// Its fault domain.
    pub domain: Option<v1::DomainInfo>,
    /// The directory everything lives under, absolute.
    pub work_dir: PathBuf,
    /// Variables each executor starts from (Mesos: `--executor_environment_variables`); a PATH is added if missing.
    pub executor_environment: BTreeMap<String, String>,
    /// From launch to SUBSCRIBE (Mesos: 1 min).
    pub executor_registration_timeout: Duration,
    /// What executors of a former life have to subscribe again (Mesos: 2 s).
    pub executor_reregistration_timeout: Duration,
    /// From SHUTDOWN to the end of the container, unless the ExecutorInfo says otherwise (Mesos: 5 s).
    pub executor_shutdown_grace_period: Duration,
    /// How long executors try to find an agent that has gone (Mesos: 15 min).
    pub recovery_timeout: Duration,
    /// Pause between attempts to register.
    pub registration_backoff: Duration,
    /// First pause before an unacknowledged update is sent again; doubles to [`Options::status_update_retry_max`] (Mesos: 10 s).
    pub status_update_retry: Duration,
    /// Longest pause between repetitions of an update (Mesos: 10 min).
    pub status_update_retry_max: Duration,
}

impl Options {
    /// Mesos's defaults for an agent at `address` with `resources` and its files under `work_dir`.
    pub fn new(address: SocketAddr, work_dir: PathBuf, resources: Resources) -> Self {
        Self {
            address,
            hostname: address.ip().to_string(),
            resources,
            attributes: Vec::new(),
            domain: None,
            work_dir,
            executor_environment: BTreeMap::new(),
            executor_registration_timeout: Duration::from_secs(60),
            executor_reregistration_timeout: Duration::from_secs(2),
            executor_shutdown_grace_period: Duration::from_secs(5),
            recovery_timeout: Duration::from_secs(15 * 60),
            registration_backoff: Duration::from_secs(1),
            status_update_retry: Duration::from_secs(10),
            status_update_retry_max: Duration::from_secs(600),
        }
    }
}

/// The agent.
#[derive(Debug)]
pub struct Agent {
    options: Options,
    now: Time,
    started: Time,
    chance: StdRng,
    membership: Membership,
    id: Option<v1::AgentId>,
    /// Configured resources with the reservations and volumes made since; unallocated.
    total: Resources,
    frameworks: BTreeMap<String, Framework>,
    completed_frameworks: VecDeque<Framework>,
    updates: StatusUpdates,
    operations: Operations,
    /// Set once the agent is to end: when the last container has, [`Output::Exit`] says this.
    leaving: Option<Ended>,
    out: Vec<Output>,
}

impl Agent {
    /// An agent that starts at `now` on what [`Recovered`] says its work directory holds. `seed` fixes all ids it makes;
    /// it must differ from start to start.
    ///
    /// # Errors
    /// When the kept reservations do not fit into the configured resources any more.
    pub fn new(options: Options, recovered: Recovered, seed: u64, now: Time) -> Result<Self, Incompatible> {
        let total = recovery::total(&options.resources, &recovered.resources)?;
        let mut agent = Self {
            updates: StatusUpdates::new(options.status_update_retry, options.status_update_retry_max),
            operations: Operations::default(),
            options,
            now,
            started: now,
            chance: StdRng::seed_from_u64(seed),
            membership: Membership::new(),
            id: recovered.agent_id.clone(),
            total,
            frameworks: BTreeMap::new(),
            completed_frameworks: VecDeque::new(),
            leaving: None,
            out: Vec::new(),
        };
        agent.recover(recovered);
        Ok(agent)
    }

    /// Takes in what happened, at `now`, and says what to do, in order.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        self.now = self.now.max(now);
        match input {
            Input::Linked => self.linked(),
            Input::Unlinked => self.unlinked(),
            Input::Master(message) => self.master_says(message),
            Input::Call { ticket, call } => self.executor_says(ticket, *call),
            Input::StreamClosed(stream) => self.stream_closed(stream),
            Input::Container { container, event } => self.container_says(&container, event),
            Input::Unregister => self.unregister(),
            Input::Stop { within } => self.stop(within),
            Input::Tick => {}
        }
        self.tick();
        std::mem::take(&mut self.out)
    }

    /// When something happens next without any input: give a [`Input::Tick`] then. `None` if nothing will.
    pub fn next_deadline(&self) -> Option<Time> {
        let executors =
            self.frameworks.values().flat_map(|f| f.executors.values()).flat_map(book::Executor::deadlines);
        let reliable = if self.membership.is_connected() {
            [self.updates.next_due(), self.operations.next_due()]
        } else {
            [None, None]
        };
        executors.chain(reliable.into_iter().flatten()).chain(self.membership.next_deadline()).min()
    }

    /// The agent's id, once it has one.
    pub fn id(&self) -> Option<&v1::AgentId> {
        self.id.as_ref()
    }

    /// Whether the master has this agent as registered.
    pub fn is_registered(&self) -> bool {
        self.membership.is_connected()
    }

    fn tick(&mut self) {
        self.registration_tick();
        self.executor_deadlines();
        if self.membership.is_connected() {
            for key in self.updates.due(self.now) {
                self.forward(&key);
            }
            self.resend_operations();
        }
        self.exit_if_done();
    }

    fn master_says(&mut self, message: crate::link::ToAgent) {
        use crate::link::ToAgent as Say;
        match message {
            Say::Registered { agent_id } => self.registered(agent_id),
            Say::Reregistered { agent_id, missing, frameworks } => {
                self.reregistered(&agent_id, missing, frameworks)
            }
            Say::RunTask { framework, executor, task } => self.run_task(*framework, *executor, *task),
            Say::KillTask { framework_id, task_id, kill_policy } => {
                self.kill_task(&framework_id, &task_id, kill_policy)
            }
            Say::ShutdownExecutor { framework_id, executor_id } => {
                self.shutdown_executor(&framework_id, &executor_id)
            }
            Say::ShutdownFramework { framework_id } => self.shutdown_framework(&framework_id.value),
            Say::AcknowledgeUpdate { framework_id, task_id, uuid } => {
                self.acknowledged(&framework_id, &task_id, &uuid)
            }
            Say::Message { framework_id, executor_id, data } => {
                self.message_to_executor(&framework_id, &executor_id, data)
            }
            Say::ApplyOperation { operation, id, framework_id, info } => {
                self.apply(operation, id, framework_id, *info)
            }
            Say::AcknowledgeOperation { operation, status } => {
                self.operation_acknowledged(&operation, &status)
            }
            Say::UpdateFramework { framework } => self.framework_changed(*framework),
            Say::Ping { connected } => self.ping(connected),
            Say::Shutdown { message } => self.told_to_leave(&message),
        }
    }

    /// A line for the agent's log: something was ignored or given up, and why.
    fn log(&mut self, why: impl Into<String>) {
        self.out.push(Output::Log(why.into()));
    }

    fn agent_id(&self) -> v1::AgentId {
        self.id.clone().unwrap_or_default()
    }

    fn fresh_uuid(&mut self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.chance.random()).into_uuid()
    }
}
