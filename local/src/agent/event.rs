//! What goes into an agent and what comes out.
use std::path::PathBuf;
use std::time::Duration;

use mesos::v1;
use mesos::v1::executor;

use crate::link::{RawUuid, ToAgent, ToMaster};

/// An executor's HTTP request. A SUBSCRIBE's ticket names its stream from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A container: the text of its ContainerID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Container(pub String);

/// One run of an executor: where its sandbox and its checkpoints are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The agent it runs on.
    pub agent_id: String,
    /// Its framework.
    pub framework_id: String,
    /// The executor.
    pub executor_id: String,
    /// Its container.
    pub container: Container,
}

/// What happens to an agent.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection to a master is there.
    Linked,
    /// It has broken.
    Unlinked,
    /// The master says something.
    Master(ToAgent),
    /// An executor's call; headers and body were fine.
    Call {
        /// Whom to answer.
        ticket: Ticket,
        /// The call.
        call: Box<executor::Call>,
    },
    /// An executor's stream has broken.
    StreamClosed(Ticket),
    /// Something happened to a container.
    Container {
        /// Which.
        container: Container,
        /// What.
        event: ContainerEvent,
    },
    /// Leave the master in an orderly way: end all executors, then [`Output::Exit`].
    Unregister,
    /// End all executors without leaving the master for good, then [`Output::Exit`].
    Stop {
        /// Upper bound over each executor's own grace period.
        within: Duration,
    },
    /// Time has passed.
    Tick,
}

/// What happens to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerEvent {
    /// The sandbox is there, with everything fetched.
    Prepared,
    /// Preparing or launching has failed; nothing runs.
    Failed(String),
    /// The executor's process runs.
    Launched {
        /// Its process id.
        pid: u32,
    },
    /// No process of the container is left.
    Exited {
        /// Raw `wait(2)` status of the executor's process, -1 if unknown.
        status: i32,
    },
}

/// A volume in a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount {
    /// Name in the sandbox, a single path component.
    pub name: String,
    /// The volume's directory.
    pub target: PathBuf,
}

/// What an agent wants done. In order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Make it durable before going on.
    Checkpoint(Checkpoint),
    /// Tell the master; lost if there is no link.
    Send(ToMaster),
    /// Answer an executor's call.
    Answer {
        /// The call.
        ticket: Ticket,
        /// The answer.
        answer: Answer,
    },
    /// An event on an executor's stream.
    Event {
        /// The stream.
        stream: Ticket,
        /// The event.
        event: Box<executor::Event>,
    },
    /// End a stream after what was written to it.
    EndStream(Ticket),
    /// Make the sandbox, mount, fetch; then [`ContainerEvent::Prepared`] or [`ContainerEvent::Failed`].
    Prepare {
        /// Where.
        run: Run,
        /// Who the sandbox belongs to.
        user: String,
        /// What to fetch, in order.
        uris: Vec<v1::command_info::Uri>,
        /// Volumes to show in it.
        mounts: Vec<Mount>,
    },
    /// Start the executor; then [`ContainerEvent::Launched`] or [`ContainerEvent::Failed`], and in the end, however it
    /// comes, [`ContainerEvent::Exited`].
    Launch {
        /// Where.
        run: Run,
        /// As whom.
        user: String,
        /// What.
        command: Box<v1::CommandInfo>,
        /// All its environment.
        environment: Vec<(String, String)>,
    },
    /// Show volumes in a sandbox.
    Mount {
        /// The sandbox.
        run: Run,
        /// The volumes.
        mounts: Vec<Mount>,
    },
    /// Show them no more.
    Unmount {
        /// The sandbox.
        run: Run,
        /// The volumes.
        mounts: Vec<Mount>,
    },
    /// End every process of the container, at once; then [`ContainerEvent::Exited`]. Also while it is being prepared.
    Destroy(Container),
    /// Make a volume's directory; what is in there already stays.
    CreateVolume(PathBuf),
    /// Remove a volume's content; and its directory too, unless it is a mount point.
    DestroyVolume {
        /// The directory.
        path: PathBuf,
        /// Whether the directory itself stays.
        keep_root: bool,
    },
    /// The agent's work is done: end it.
    Exit(Ended),
    /// Something worth a line in the log.
    Log(String),
}

/// Why an agent has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It left the master ([`Input::Unregister`]).
    Left,
    /// It was stopped ([`Input::Stop`]).
    Stopped,
    /// The master told it to, for good.
    Told(String),
}

/// The answer to an executor's call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 202.
    Accepted,
    /// 200 and a stream.
    Stream,
    /// Anything else.
    Refused {
        /// HTTP status.
        status: u16,
        /// Why.
        why: String,
    },
}

impl Answer {
    pub(super) fn refused(status: u16, why: impl Into<String>) -> Self {
        Self::Refused { status, why: why.into() }
    }
}

/// What is kept on disk (§7.1). Frameworks without `checkpoint` leave nothing there.
#[derive(Clone, Debug, PartialEq)]
pub enum Checkpoint {
    /// Who the agent is.
    Agent(Box<v1::AgentInfo>),
    /// It is nobody any more: the next start registers afresh.
    ForgetAgent,
    /// A framework.
    Framework {
        /// The agent.
        agent_id: String,
        /// The framework; `id` is set.
        info: Box<v1::FrameworkInfo>,
    },
    /// A framework has nothing left here.
    ForgetFramework {
        /// The agent.
        agent_id: String,
        /// The framework.
        framework_id: String,
    },
    /// An executor and its run.
    Executor {
        /// The run.
        run: Run,
        /// The executor.
        info: Box<v1::ExecutorInfo>,
    },
    /// The run's processes are gone; some update may still wait.
    RunEnded(Run),
    /// Nothing of the run matters any more.
    ForgetRun(Run),
    /// A task goes to its executor.
    Task {
        /// Its run.
        run: Run,
        /// The task.
        info: Box<v1::TaskInfo>,
    },
    /// A step in the life of a task's updates.
    Update {
        /// The task's run.
        run: Run,
        /// The task.
        task_id: String,
        /// The step.
        record: UpdateRecord,
    },
    /// Reservations, volumes, and operations that wait for acknowledgement.
    Resources {
        /// What differs from the configuration: reserved by operation, or persistent.
        resources: Vec<v1::Resource>,
        /// The operations.
        operations: Vec<StoredOperation>,
    },
}

/// A step in the life of a task's updates.
#[derive(Clone, Debug, PartialEq)]
pub enum UpdateRecord {
    /// An update to deliver.
    Update(Box<v1::TaskStatus>),
    /// The scheduler has it.
    Acknowledged(RawUuid),
}

/// An operation whose status the framework has not acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredOperation {
    /// The operation as views and the master have it; `uuid` is the master's.
    pub operation: v1::Operation,
}
