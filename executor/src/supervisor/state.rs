//! The states, each holding exactly what it has.

use std::time::Duration;

use api::{
    ids::BrokerId,
    launch::{LABEL_CONFIG, LABEL_GENERATION, LaunchContract},
};
use uuid::Uuid;

use super::{
    DEFAULT_GRACE,
    effect::{Effect, TaskState, Update},
    incidents::Death,
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
    Stopping { task: Task, jvm: Jvm, after: After, phase: Phase },
    /// The terminal update is sent.
    Done(Done),
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    /// What runs, or is about to.
    pub(super) contract: Box<LaunchContract>,
    /// What is being prepared for a restart, while whatever runs goes on.
    pub(super) staging: Option<Staging>,
    /// Between SIGTERM and SIGKILL.
    pub(super) grace: Duration,
    /// The last verdict that counted.
    pub(super) healthy: Option<bool>,
    /// Whether somebody who ends the whole executor waits, whatever ended the task first.
    pub(super) hurried: bool,
    /// How many [`Effect::Forget`](super::Effect::Forget) are not answered yet.
    pub(super) forgetting: usize,
}

/// A restart whose [`Effect::Prepare`](super::Effect::Prepare) is not answered yet; a newer one waits for that.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) contract: Box<LaunchContract>,
    pub(super) newer: Option<Box<LaunchContract>>,
}

/// A restart that is prepared.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) contract: Box<LaunchContract>,
    /// Of the new broker's ZooKeeper session.
    pub(super) session_timeout: Duration,
}

/// What follows once the JVM is gone.
#[derive(Debug)]
pub(super) enum After {
    /// The end of the task.
    End(Ending),
    /// Another JVM in the same task (D31).
    Start(Next),
}

/// What happens before the JVM is started.
#[derive(Debug)]
pub(super) enum Step {
    /// Artifacts are found, files written. `newer`: a restart that was asked for meanwhile.
    Files { newer: Option<Box<LaunchContract>> },
    /// Somebody may still be registered under our id. `asking`: an answer is on its way; `shown`: the last message.
    Registration { until: Duration, asking: bool, shown: String },
    /// The fork is under way. `next`: a restart that was prepared meanwhile.
    Spawn { next: Option<Next> },
}

#[derive(Debug)]
pub(super) struct Jvm {
    pub(super) since: Duration,
    /// The ZooKeeper session it registered under, once seen.
    pub(super) session: Option<i64>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// SIGTERM was sent. `note`: when to say next how far it has come.
    Asked { deadline: Duration, asked: Duration, note: Duration },
    /// SIGKILL was sent.
    Forced,
    /// The JVM is gone: what it left is being examined, and the rest of its group swept. `left`: who even SIGKILL did
    /// not end, once that is known.
    Sweeping { end: Told, left: Option<usize> },
}

/// The story of an end.
#[derive(Debug)]
pub(super) enum Told {
    /// Nobody knows it yet.
    Open(Box<Death>),
    /// In one line.
    Report(String),
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
    pub(super) fn new(id: String, contract: LaunchContract, grace: Option<Duration>) -> Self {
        Self {
            id,
            contract: Box::new(contract),
            staging: None,
            grace: grace.unwrap_or(DEFAULT_GRACE),
            healthy: None,
            hurried: false,
            forgetting: 0,
        }
    }

    pub(super) fn broker(&self) -> BrokerId {
        self.contract.broker
    }

    /// Prepares a restart, or remembers it until the one before is prepared.
    pub(super) fn stage(&mut self, contract: Box<LaunchContract>, out: &mut Vec<Effect>) {
        match &mut self.staging {
            Some(staging) => staging.newer = Some(contract),
            None => {
                out.push(Effect::Prepare(contract.clone()));
                self.staging = Some(Staging { contract, newer: None });
            }
        }
    }

    /// Asks for what the dead broker's session holds to be deleted (D38).
    pub(super) fn forget(&mut self, session: i64, out: &mut Vec<Effect>) {
        self.forgetting += 1;
        out.push(Effect::Forget { session });
    }

    pub(super) fn update(&self, state: TaskState, message: impl Into<String>) -> Update {
        // Only an update of a running broker says what runs.
        let labels = match state {
            TaskState::Running => vec![
                (LABEL_CONFIG.to_owned(), self.contract.config_id.to_string()),
                (LABEL_GENERATION.to_owned(), self.contract.generation.to_string()),
            ],
            _ => Vec::new(),
        };
        Update {
            task: self.id.clone(),
            state,
            message: message.into(),
            healthy: self.healthy,
            reason: None,
            labels,
            incident: None,
        }
    }

    /// Configuration and restart generation of what runs.
    pub(super) fn runs(&self) -> (Option<Uuid>, u64) {
        (Some(self.contract.config_id), self.contract.generation)
    }
}

impl State {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Preparing { .. } => "preparing",
            Self::Starting { .. } => "starting",
            Self::Running { .. } => "running",
            Self::Stopping { after: After::Start(_), .. } => "restarting",
            Self::Stopping { .. } => "stopping",
            Self::Done(_) => "done",
        }
    }

    /// When time alone brings it on.
    pub(super) fn due(&self) -> Option<Duration> {
        match self {
            Self::Preparing { step: Step::Registration { asking: false, .. }, .. } => Some(Duration::ZERO),
            Self::Stopping { phase: Phase::Asked { deadline, note, .. }, .. } => Some(*deadline.min(note)),
            Self::Done(done) => Some(done.until),
            _ => None,
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

    /// The task, unless it is ending or has ended.
    pub(super) fn going_on(&mut self) -> Option<&mut Task> {
        match self {
            Self::Idle | Self::Done(_) | Self::Stopping { after: After::End(_), .. } => None,
            Self::Preparing { task, .. }
            | Self::Starting { task, .. }
            | Self::Running { task, .. }
            | Self::Stopping { task, after: After::Start(_), .. } => Some(task),
        }
    }
}
