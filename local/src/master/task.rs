//! Task states, and the status updates a master makes itself.

use mesos::v1::{
    self, TaskState,
    task_status::{Reason, Source},
};

use super::{Time, seconds, time_info};

/// Whether a task in this state has ended for good. UNREACHABLE and UNKNOWN have not (§2.11).
pub(crate) fn is_terminal(state: TaskState) -> bool {
    use TaskState::*;
    match state {
        TaskFinished | TaskFailed | TaskKilled | TaskError | TaskLost | TaskDropped | TaskGone
        | TaskGoneByOperator => true,
        TaskStaging | TaskStarting | TaskRunning | TaskKilling | TaskUnreachable | TaskUnknown => false,
    }
}

/// `state`, or TASK_LOST for a framework that is not PARTITION_AWARE.
pub(crate) fn or_lost(partition_aware: bool, state: TaskState) -> TaskState {
    if partition_aware { state } else { TaskState::TaskLost }
}

/// A master's own update: no uuid, never acknowledged.
pub(crate) struct Made<'a> {
    pub(crate) state: TaskState,
    pub(crate) reason: Reason,
    pub(crate) message: &'a str,
    pub(crate) unreachable: Option<Time>,
}

impl Made<'_> {
    pub(crate) fn status(
        &self,
        now: Time,
        task: v1::TaskId,
        agent: Option<v1::AgentId>,
        executor: Option<v1::ExecutorId>,
    ) -> v1::TaskStatus {
        v1::TaskStatus {
            task_id: task,
            state: self.state.into(),
            message: Some(self.message.to_owned()),
            source: Some(Source::Master.into()),
            reason: Some(self.reason.into()),
            agent_id: agent,
            executor_id: executor,
            timestamp: Some(seconds(now)),
            unreachable_time: self.unreachable.map(time_info),
            ..Default::default()
        }
    }
}

/// An answer about a task the master knows: its last forwarded state and facts, but no data, labels or uuid (§5.4).
pub(crate) fn known_status(now: Time, task: &v1::Task, reason: Reason, message: &str) -> v1::TaskStatus {
    let last = task.statuses.last();
    v1::TaskStatus {
        healthy: last.and_then(|status| status.healthy),
        check_status: last.and_then(|status| status.check_status),
        container_status: last.and_then(|status| status.container_status.clone()),
        ..Made { state: forwarded_state(task), reason, message, unreachable: None }.status(
            now,
            task.task_id.clone(),
            Some(task.agent_id.clone()),
            task.executor_id.clone(),
        )
    }
}

/// The state last forwarded to the scheduler; the newest state itself may be ahead of it (§5.1).
pub(crate) fn forwarded_state(task: &v1::Task) -> TaskState {
    if task.status_update_state.is_some() { task.status_update_state() } else { task.state() }
}

/// Adds a status to the history, where the last of several in a row with one state is kept (seen in real transcripts).
pub(crate) fn remember(task: &mut v1::Task, status: v1::TaskStatus) {
    if task.statuses.last().is_some_and(|last| last.state == status.state) {
        task.statuses.pop();
    }
    // `data` may be large and is of no use to any view.
    task.statuses.push(v1::TaskStatus { data: None, ..status });
}
