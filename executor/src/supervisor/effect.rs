//! What the supervisor asks the shell to do.

use api::{ids::TaskId, incident::Incident, launch::LaunchContract};
use uuid::Uuid;

/// One thing to do. Effects are carried out in order; those with an answer name the event that brings it.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Tell the agent.
    Update(Update),
    /// Find the artifacts and write the files of this contract, beside those in use if there are any → `Prepared`.
    Prepare(Box<LaunchContract>),
    /// See who is registered under the broker's id → `Registration`.
    Look,
    /// Put the files prepared last into their place, start the JVM, then probe its readiness and check its health until [`Effect::Rest`] → `Spawned`, then
    /// `Session`, `Ready`, `Checked`, `Unhealthy`.
    Spawn,
    /// Stop probing and checking.
    Rest,
    /// Send a signal to the JVM's process group.
    Signal(Signal),
    /// SIGKILL whatever is left of the broker, grandchildren in sessions of their own included, until nobody is → `Swept`.
    Sweep,
    /// Collect what the JVM that ended left behind; never for longer than a few seconds → `Examined`.
    Examine,
    /// Delete the dead broker's own registration, and `/controller`, where this session owns them (D38) → `Forgotten`.
    Forget {
        /// The ZooKeeper session it was registered under.
        session: i64,
    },
    /// Tell the scheduler that a restart in place is not possible; the JVM goes on as it was (D31).
    Refuse(Box<Refusal>),
    /// Keep the whole incident in the sandbox and tell the scheduler (D45) → `IncidentStored`. Comes again until that does.
    Tell(Box<Incident>),
    /// End this process.
    Exit(ExitCode),
    /// What an operator would tell a colleague.
    Note(String),
    /// Unexpected, and handled.
    Warn(String),
}

/// A restart that is not made, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose it was to be.
    pub task: TaskId,
    /// The configuration that was to run.
    pub config_id: Uuid,
    /// The restart generation that was to run.
    pub generation: u64,
    /// Why not, for the operator.
    pub reason: String,
}

/// A signal to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Please stop.
    Term,
    /// Stop.
    Kill,
}

/// A status update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Whose.
    pub task: String,
    /// The state.
    pub state: TaskState,
    /// What is going on, for operators.
    pub message: String,
    /// The last health verdict that counted; `None` before the first.
    pub healthy: Option<bool>,
    /// Mesos' reason, where there is one.
    pub reason: Option<Reason>,
    /// What runs (D31).
    pub labels: Vec<(String, String)>,
    /// Of a terminal one: how the JVM ended, in short (D45).
    pub incident: Option<Box<Incident>>,
}

/// The task states this executor sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// TASK_STARTING
    Starting,
    /// TASK_RUNNING
    Running,
    /// TASK_KILLING
    Killing,
    /// TASK_KILLED
    Killed,
    /// TASK_FAILED
    Failed,
}

impl TaskState {
    /// Whether no update may follow.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Killed | Self::Failed)
    }
}

/// The reasons this executor gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
    Health,
}

/// How this process ends; the number is its exit code, and numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// The task ended and the agent knows it, or there was none.
    Done = 0,
    /// Something of ours failed: the log says what.
    Failed = 1,
    /// Not started by a Mesos agent: its environment is missing or wrong.
    Environment = 2,
    /// The agent refused this executor for good.
    Refused = 3,
    /// The task ended, but no agent acknowledged it in time.
    Unacknowledged = 4,
}

impl Update {
    /// TASK_FAILED of a task that never got as far as labels or health.
    pub(super) fn failed(task: &str, message: String) -> Self {
        Self {
            task: task.to_owned(),
            state: TaskState::Failed,
            message,
            healthy: None,
            reason: None,
            labels: Vec::new(),
            incident: None,
        }
    }
}
