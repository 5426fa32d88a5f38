//! What the master and its agents say to each other, and over what.
//!
//! Apache Mesos speaks its own internal protocol here; a client never sees it, so ours is plain values. Both pure
//! halves use them: [`ToMaster`] enters the master as an input, [`ToAgent`] leaves it as an output, and the other way
//! round in the agent. A link behaves like the socket it stands for: it keeps order, it may break at any moment with
//! messages still in it, and a broken link loses them. Whoever needs an answer asks again after re-registration.
//!
//! Resources travel in post-format (`reservations`): those of tasks and executors with `allocation_info`, those of
//! operations and agents without.

use mesos::v1;

/// One connection between an agent and the master. A restarted agent, or one that finds its link broken, gets a new
/// number; the master thereby tells a late word of a dead link from a word of the live one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Sixteen raw bytes of an RFC 4122 uuid, as they appear in `TaskStatus.uuid`.
pub type RawUuid = Vec<u8>;

/// What the master says to an agent.
#[derive(Clone, Debug, PartialEq)]
pub enum ToAgent {
    /// Answer to [`ToMaster::Register`]: this is your id from now on. Keep it on disk before using it.
    Registered {
        /// The new id.
        agent_id: v1::AgentId,
    },
    /// Answer to [`ToMaster::Reregister`].
    Reregistered {
        /// The agent's own id, unchanged.
        agent_id: v1::AgentId,
        /// Tasks the master has on record for this agent that the agent did not list: for each that the agent still
        /// does not know it sends a reliable `TASK_DROPPED`/`TASK_LOST`, `REASON_RECONCILIATION` (§5.5). The second
        /// part says whether the framework is PARTITION_AWARE.
        missing: Vec<MissingTask>,
        /// Frameworks as the master knows them now (name, failover timeout and so on may have changed).
        frameworks: Vec<v1::FrameworkInfo>,
    },
    /// Start this task, under its executor, which is started first if the agent has none of that id.
    RunTask {
        /// The task's framework; `id` is set.
        framework: Box<v1::FrameworkInfo>,
        /// The executor; `framework_id` is set.
        executor: Box<v1::ExecutorInfo>,
        /// The task; its resources carry `allocation_info`.
        task: Box<v1::TaskInfo>,
    },
    /// Kill a task (§5.3).
    KillTask {
        /// Owner of the task.
        framework_id: v1::FrameworkId,
        /// The task.
        task_id: v1::TaskId,
        /// Overrides `TaskInfo.kill_policy` for this kill.
        kill_policy: Option<v1::KillPolicy>,
    },
    /// SHUTDOWN to one executor, and its end after the grace period.
    ShutdownExecutor {
        /// Owner of the executor.
        framework_id: v1::FrameworkId,
        /// The executor.
        executor_id: v1::ExecutorId,
    },
    /// The framework is gone: shut all its executors down and forget its unacknowledged updates. The agent sends no
    /// updates for it any more, but does send [`ToMaster::ExecutorExited`].
    ShutdownFramework {
        /// The framework.
        framework_id: v1::FrameworkId,
    },
    /// The scheduler has this status update.
    AcknowledgeUpdate {
        /// Owner of the task.
        framework_id: v1::FrameworkId,
        /// The task.
        task_id: v1::TaskId,
        /// `TaskStatus.uuid` of the update.
        uuid: RawUuid,
    },
    /// A scheduler's MESSAGE for an executor; best effort.
    Message {
        /// Sender.
        framework_id: v1::FrameworkId,
        /// Receiver.
        executor_id: v1::ExecutorId,
        /// Opaque payload.
        data: Vec<u8>,
    },
    /// Apply a RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME or SHRINK_VOLUME and make it durable.
    ApplyOperation {
        /// The master's internal id of the operation.
        operation: RawUuid,
        /// Set when the framework asked for feedback: the agent then answers with reliable
        /// [`ToMaster::OperationUpdate`]s until [`ToAgent::AcknowledgeOperation`]. Without it nothing is answered.
        id: Option<v1::OperationId>,
        /// Owner; `None` for an operator's call.
        framework_id: Option<v1::FrameworkId>,
        /// The operation, already validated by the master.
        info: Box<v1::offer::Operation>,
    },
    /// The scheduler has this operation status.
    AcknowledgeOperation {
        /// The master's internal id of the operation.
        operation: RawUuid,
        /// `OperationStatus.uuid` of the acknowledged status.
        status: RawUuid,
    },
    /// FrameworkInfo changed, or its scheduler is back after an absence: send unacknowledged updates again at once.
    UpdateFramework {
        /// The framework; `id` is set.
        framework: Box<v1::FrameworkInfo>,
    },
    /// Are you there? `connected` is false when the master takes the agent for disconnected: it should then
    /// re-register.
    Ping {
        /// Whether the master holds the agent as connected.
        connected: bool,
    },
    /// End all executors and leave (agent marked gone, or its machine set down); never come back under this id.
    Shutdown {
        /// Why, for the log.
        message: String,
    },
}

/// A task the master knows and the agent did not list on re-registration.
#[derive(Clone, Debug, PartialEq)]
pub struct MissingTask {
    /// Owner.
    pub framework_id: v1::FrameworkId,
    /// Task.
    pub task_id: v1::TaskId,
    /// Whether the owner is PARTITION_AWARE: `TASK_DROPPED` then, `TASK_LOST` otherwise.
    pub partition_aware: bool,
}

/// What an agent says to the master.
#[derive(Clone, Debug, PartialEq)]
pub enum ToMaster {
    /// A new agent, without an id, wants one. Repeated until answered.
    Register {
        /// Hostname, port, configured total resources, attributes, domain; `id` unset.
        info: Box<v1::AgentInfo>,
        /// What the agent has now: the configured resources with the dynamic reservations and persistent volumes it
        /// keeps on disk (§5.9) applied. Without `allocation_info`.
        resources: Vec<v1::Resource>,
    },
    /// An agent with an id is back, after a broken link, its own restart or the master's. Repeated until answered.
    Reregister {
        /// As in [`ToMaster::Register`], with `id`.
        info: Box<v1::AgentInfo>,
        /// As in [`ToMaster::Register`].
        resources: Vec<v1::Resource>,
        /// Every live task, and every ended one whose terminal update is not acknowledged yet. `state` is the latest
        /// known, `status_update_state` and `status_update_uuid` those of the update awaiting acknowledgement (of the
        /// last one forwarded, if none waits). `statuses` holds at least the last status forwarded, container_status
        /// included: after the master's restart it is all the master knows for its reconciliation answers.
        tasks: Vec<v1::Task>,
        /// Every live executor; `framework_id` is set.
        executors: Vec<v1::ExecutorInfo>,
        /// The frameworks of these tasks and executors; `id` is set.
        frameworks: Vec<v1::FrameworkInfo>,
        /// Operations with feedback whose terminal status is not acknowledged yet.
        operations: Vec<v1::Operation>,
    },
    /// A task's status. With `status.uuid` it is reliable and repeated until [`ToAgent::AcknowledgeUpdate`].
    Update {
        /// Owner of the task.
        framework_id: v1::FrameworkId,
        /// The executor of the task, for the operator's views.
        executor_id: Option<v1::ExecutorId>,
        /// The status forwarded now.
        status: Box<v1::TaskStatus>,
        /// The newest state the agent knows; it may be terminal while an older update still waits (§5.1).
        latest_state: v1::TaskState,
    },
    /// An executor's container has ended.
    ExecutorExited {
        /// Owner of the executor.
        framework_id: v1::FrameworkId,
        /// The executor.
        executor_id: v1::ExecutorId,
        /// Raw `wait(2)` status, -1 if unknown.
        status: i32,
    },
    /// An executor's MESSAGE for its scheduler; best effort.
    Message {
        /// Receiver.
        framework_id: v1::FrameworkId,
        /// Sender.
        executor_id: v1::ExecutorId,
        /// Opaque payload.
        data: Vec<u8>,
    },
    /// Status of an operation that has an id; repeated until acknowledged when `status.uuid` is set.
    OperationUpdate {
        /// The master's internal id of the operation.
        operation: RawUuid,
        /// Owner; `None` for an operator's call.
        framework_id: Option<v1::FrameworkId>,
        /// The status; `operation_id`, `agent_id` and `uuid` are set.
        status: Box<v1::OperationStatus>,
    },
    /// The agent's resources are not what the master supposes (it had to refuse an operation): these are right.
    Resources {
        /// As in [`ToMaster::Register`].
        resources: Vec<v1::Resource>,
    },
    /// Answer to [`ToAgent::Ping`].
    Pong,
    /// The agent leaves in an orderly way, its executors ended or about to.
    Unregister,
}
