//! Task states: from executors and from the agent itself, kept, acknowledged to the executor, forwarded.
use mesos::v1;
use mesos::v1::executor::{self, event};
use mesos::v1::{TaskState, task_status};

use super::book::{Cause, is_terminal};
use super::updates::{Acknowledged, Key, Taken};
use super::{Agent, Checkpoint, Output, Ticket, UpdateRecord};
use crate::link::{MissingTask, ToMaster};

impl Agent {
    /// An executor's UPDATE, checked by [`super::call`]. It gets ACKNOWLEDGED on its present stream once the update is
    /// kept.
    pub(super) fn executor_update(
        &mut self,
        framework_id: &str,
        executor_id: &str,
        mut status: v1::TaskStatus,
    ) {
        let ip = self.options.address.ip().to_string();
        let agent_id = self.agent_id();
        let now = self.now;
        let Some(framework) = self.frameworks.get(framework_id) else { return };
        let Some(executor) = framework.executors.get(executor_id) else { return };
        if framework.terminating {
            return self.log(format!(
                "update of task {} dropped: its framework is being shut down",
                status.task_id.value
            ));
        }
        if status.agent_id.as_ref().is_some_and(|id| *id != agent_id) {
            return self
                .log(format!("update of task {} dropped: it names another agent", status.task_id.value));
        }
        let facts = executor.container_status(&ip);
        let stream = executor.stream;
        status.agent_id = Some(agent_id);
        status.timestamp.get_or_insert(now.as_secs_f64());
        let given = status.container_status.get_or_insert_default();
        given.container_id = facts.container_id;
        given.executor_pid = facts.executor_pid;
        if given.network_infos.is_empty() {
            given.network_infos = facts.network_infos;
        }
        let acknowledged = event::Acknowledged {
            task_id: status.task_id.clone(),
            uuid: status.uuid.clone().unwrap_or_default(),
        };
        let first = self.keep(framework_id, Some(executor_id), status);
        if let Some(stream) = stream {
            self.event(
                stream,
                executor::Event { acknowledged: Some(acknowledged), ..of(event::Type::Acknowledged) },
            );
        }
        if let Some(key) = first {
            self.forward(&key);
        }
    }

    /// An update of the agent's own, reliable like any other.
    pub(super) fn own_update(
        &mut self,
        framework_id: &str,
        executor_id: Option<&str>,
        task_id: &str,
        cause: &Cause,
    ) {
        let status = v1::TaskStatus {
            task_id: v1::TaskId { value: task_id.to_owned() },
            state: cause.state.into(),
            source: Some(task_status::Source::Agent.into()),
            reason: Some(cause.reason.into()),
            message: Some(cause.message.clone()),
            agent_id: Some(self.agent_id()),
            executor_id: executor_id.map(|id| v1::ExecutorId { value: id.to_owned() }),
            timestamp: Some(self.now.as_secs_f64()),
            uuid: Some(self.fresh_uuid().as_bytes().to_vec()),
            ..Default::default()
        };
        if let Some(key) = self.keep(framework_id, executor_id, status) {
            self.forward(&key);
        }
    }

    /// Files an update; gives its key if it is the one to send now.
    fn keep(&mut self, framework_id: &str, executor_id: Option<&str>, status: v1::TaskStatus) -> Option<Key> {
        let task_id = status.task_id.value.clone();
        let key = Key { framework_id: framework_id.to_owned(), task_id: task_id.clone() };
        let framework = self.frameworks.get_mut(framework_id);
        let checkpoint = framework.as_ref().is_some_and(|f| f.info.checkpoint());
        // The task's own executor counts, not the one that happens to send the update.
        let owner = framework.as_ref().and_then(|f| f.executor_of(&task_id).map(str::to_owned));
        let owner = owner.or(executor_id.map(str::to_owned));
        let executor = framework.and_then(|f| f.executors.get_mut(owner.as_deref()?));
        let run = executor.as_ref().filter(|_| checkpoint).map(|e| e.run.clone());
        let taken = self.updates.take(self.now, &key, owner.as_deref(), run.clone(), status.clone());
        match taken {
            Taken::Known => return None,
            Taken::TooLate => {
                self.log(format!("update of task {task_id} dropped: its terminal update is already here"));
                return None;
            }
            Taken::First | Taken::Queued => {}
        }
        if let Some(run) = run {
            let record = UpdateRecord::Update(Box::new(status.clone()));
            self.out.push(Output::Checkpoint(Checkpoint::Update { run, task_id: task_id.clone(), record }));
        }
        if let Some(executor) = executor
            && let Some(task) = executor.task_mut(&task_id)
        {
            task.note(&status);
            if is_terminal(status.state()) {
                let owner = owner.unwrap_or_default();
                self.unmount_unused(framework_id, &owner, &task_id);
            }
        }
        (taken == Taken::First).then_some(key)
    }

    /// Sends a task's outstanding update to the master, if there is one to hear it.
    pub(super) fn forward(&mut self, key: &Key) {
        if !self.membership.is_connected() {
            return;
        }
        let Some((status, executor_id)) = self.updates.outstanding(key) else { return };
        let message = ToMaster::Update {
            framework_id: v1::FrameworkId { value: key.framework_id.clone() },
            executor_id: executor_id.map(|id| v1::ExecutorId { value: id.to_owned() }),
            latest_state: self.updates.newest(key).unwrap_or(status.state()),
            status: Box::new(status.clone()),
        };
        self.out.push(Output::Send(message));
        self.updates.sent(self.now, key);
    }

    /// The scheduler has an update.
    pub(super) fn acknowledged(&mut self, framework_id: &v1::FrameworkId, task_id: &v1::TaskId, uuid: &[u8]) {
        let key = Key { framework_id: framework_id.value.clone(), task_id: task_id.value.clone() };
        let run = self.updates.run(&key).cloned();
        let done = self.updates.acknowledge(&key, uuid);
        if done == Acknowledged::Ignored {
            return self.log(format!(
                "acknowledgement for task {} ignored: it names no outstanding update",
                task_id.value
            ));
        }
        if let Some(run) = run {
            let record = UpdateRecord::Acknowledged(uuid.to_vec());
            self.out.push(Output::Checkpoint(Checkpoint::Update {
                run,
                task_id: key.task_id.clone(),
                record,
            }));
        }
        match done {
            Acknowledged::Next => self.forward(&key),
            Acknowledged::Over => {
                let framework = self.frameworks.get_mut(&key.framework_id);
                let owner = framework.as_ref().and_then(|f| f.executor_of(&key.task_id).map(str::to_owned));
                if let (Some(framework), Some(owner)) = (framework, owner) {
                    if let Some(executor) = framework.executors.get_mut(&owner) {
                        executor.complete(&key.task_id);
                    }
                    self.forget_if_done(&key.framework_id, &owner);
                }
            }
            Acknowledged::Idle | Acknowledged::Ignored => {}
        }
    }

    /// Tasks only the master knows of: they are nowhere.
    pub(super) fn report_missing(&mut self, missing: Vec<MissingTask>) {
        for MissingTask { framework_id, task_id, partition_aware } in missing {
            let key = Key { framework_id: framework_id.value, task_id: task_id.value };
            let known = self.updates.knows(&key)
                || self
                    .frameworks
                    .get(&key.framework_id)
                    .is_some_and(|f| f.executor_of(&key.task_id).is_some());
            if !known {
                let cause = Cause {
                    state: if partition_aware { TaskState::TaskDropped } else { TaskState::TaskLost },
                    reason: task_status::Reason::Reconciliation,
                    message: "Task is unknown to the agent".to_owned(),
                };
                self.own_update(&key.framework_id, None, &key.task_id, &cause);
            }
        }
    }

    /// Puts an event on an executor's stream.
    pub(super) fn event(&mut self, stream: Ticket, event: executor::Event) {
        self.out.push(Output::Event { stream, event: Box::new(event) });
    }
}

/// An event of that type, still without a body.
pub(super) fn of(kind: event::Type) -> executor::Event {
    executor::Event { r#type: Some(kind.into()), ..Default::default() }
}
