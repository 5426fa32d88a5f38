//! The states, each holding exactly what it has.

use std::time::Duration;

use api::{
    ids::BrokerId,
    launch::{LABEL_CONFIG, LABEL_GENERATION, LaunchContract},
};

use super::{
    DEFAULT_GRACE,
    effect::{TaskState, Update},
    stop::Ending,
};

#[derive(Debug, Default)]
pub(super) enum State {
    /// No task yet.
    #[default]
    Idle,
    /// A task, but no JVM yet.
    Preparing { task: Task, step: Step },
    /// The JVM runs but does not serve yet. `shown`: the last message about that.
    Starting { task: Task, jvm: Jvm, shown: String },
    /// The broker serves.
    Running { task: Task, jvm: Jvm },
    /// The JVM is being stopped, or has ended and is being swept up after.
    Stopping { task: Task, jvm: Jvm, ending: Ending, phase: Phase },
    /// The terminal update is sent.
    Done(Done),
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) broker: BrokerId,
    /// What runs (D31).
    pub(super) labels: Vec<(String, String)>,
    /// Between SIGTERM and SIGKILL.
    pub(super) grace: Duration,
    /// The last verdict that counted.
    pub(super) healthy: Option<bool>,
    /// Whether somebody who ends the whole executor waits, whatever ended the task first.
    pub(super) hurried: bool,
}

/// What happens before the JVM is started.
#[derive(Debug)]
pub(super) enum Step {
    /// Artifacts are found, files written.
    Files,
    /// Somebody may still be registered under our id. `asking`: an answer is on its way; `shown`: the last message.
    Registration { until: Duration, asking: bool, shown: String },
    /// The fork is under way.
    Spawn,
}

#[derive(Debug)]
pub(super) struct Jvm {
    pub(super) since: Duration,
    /// The ZooKeeper session it registered under, once seen.
    pub(super) session: Option<i64>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// SIGTERM was sent.
    Asked { deadline: Duration, asked: Duration },
    /// SIGKILL was sent.
    Forced,
    /// The JVM is gone: how it ended, and the rest of its group is being swept. `forgetting`: how many
    /// [`Effect::Forget`](super::Effect::Forget) are not answered yet.
    Sweeping { report: String, forgetting: usize },
}

#[derive(Debug)]
pub(super) struct Done {
    pub(super) task: String,
    /// When to leave without the acknowledgement.
    pub(super) until: Duration,
    pub(super) acknowledged: bool,
    /// What is still being deleted in ZooKeeper.
    pub(super) forgetting: usize,
}

impl Task {
    pub(super) fn new(id: String, contract: &LaunchContract, grace: Option<Duration>) -> Self {
        let labels = vec![
            (LABEL_CONFIG.to_owned(), contract.config_id.to_string()),
            (LABEL_GENERATION.to_owned(), contract.generation.to_string()),
        ];
        Self {
            id,
            broker: contract.broker,
            labels,
            grace: grace.unwrap_or(DEFAULT_GRACE),
            healthy: None,
            hurried: false,
        }
    }

    pub(super) fn update(&self, state: TaskState, message: impl Into<String>) -> Update {
        // Only an update of a running broker says what runs.
        let labels = if state == TaskState::Running { self.labels.clone() } else { Vec::new() };
        Update {
            task: self.id.clone(),
            state,
            message: message.into(),
            healthy: self.healthy,
            reason: None,
            labels,
        }
    }
}

impl State {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Preparing { .. } => "preparing",
            Self::Starting { .. } => "starting",
            Self::Running { .. } => "running",
            Self::Stopping { .. } => "stopping",
            Self::Done(_) => "done",
        }
    }

    pub(super) fn task(&self) -> Option<&String> {
        match self {
            Self::Idle => None,
            Self::Preparing { task, .. }
            | Self::Starting { task, .. }
            | Self::Running { task, .. }
            | Self::Stopping { task, .. } => Some(&task.id),
            Self::Done(done) => Some(&done.task),
        }
    }
}
