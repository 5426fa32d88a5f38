//! Task states as they arrive from agents, their acknowledgement, and what schedulers ask of running tasks
//! (mesos-v1-http §5.1, §5.3, §5.6).

use mesos::v1::{
    self, TaskState,
    scheduler::{self, call, event::Type as EventType},
};

use super::{
    Master, event,
    task::{is_terminal, remember},
};
use crate::link::ToAgent;

impl Master {
    /// A status from an agent: recorded, and forwarded if the scheduler is there. The agent repeats it otherwise.
    pub(super) fn update(&mut self, framework: &str, status: v1::TaskStatus, latest: TaskState) {
        let Some(it) = self.frameworks.get_mut(framework) else { return };
        if let Some(task) = it.tasks.get_mut(&status.task_id.value) {
            // A terminal newest state frees the task's resources at once, acknowledged or not: see `used`.
            if !is_terminal(task.state()) {
                task.state = latest.into();
            }
            let duplicate = status.uuid.is_some() && task.status_update_uuid == status.uuid;
            if !duplicate {
                task.status_update_state = Some(status.state);
                task.status_update_uuid.clone_from(&status.uuid);
                remember(task, status.clone());
            }
        }
        self.send_status(framework, status);
    }

    pub(super) fn executor_exited(
        &mut self,
        agent: &str,
        framework: &str,
        executor_id: v1::ExecutorId,
        status: i32,
    ) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.executors.remove(&(framework.to_owned(), executor_id.value.clone()));
        }
        let failure = Some(scheduler::event::Failure {
            agent_id: Some(v1::AgentId { value: agent.to_owned() }),
            executor_id: Some(executor_id),
            status: Some(status),
        });
        self.send(framework, scheduler::Event { failure, ..event(EventType::Failure) });
    }

    /// ACKNOWLEDGE: passed on; an ended task is forgotten with the acknowledgement of its end. Dropped in silence when
    /// the agent is not there: the update comes again.
    pub(super) fn acknowledge(&mut self, framework: &str, acknowledge: call::Acknowledge) {
        let agent = &acknowledge.agent_id.value;
        if self.agents.get(agent).is_none_or(|agent| agent.link.is_none()) {
            return;
        }
        let Some(it) = self.frameworks.get_mut(framework) else { return };
        let id = &acknowledge.task_id.value;
        if let Some(task) = it.tasks.get(id).filter(|task| task.agent_id.value == *agent) {
            if task.status_update_state.is_none() {
                return;
            }
            let is_last = task.status_update_uuid.as_deref() == Some(&acknowledge.uuid[..]);
            if is_last
                && is_terminal(task.status_update_state())
                && let Some(task) = it.tasks.remove(id)
            {
                it.complete(task);
            }
        }
        let message = ToAgent::AcknowledgeUpdate {
            framework_id: v1::FrameworkId { value: framework.to_owned() },
            task_id: acknowledge.task_id.clone(),
            uuid: acknowledge.uuid.to_vec(),
        };
        self.tell(&acknowledge.agent_id.value, message);
    }

    /// KILL: an unknown task is answered as by reconciliation, a wrong agent id is ignored, and for an agent that is
    /// away the kill is kept.
    pub(super) fn kill(&mut self, framework: &str, kill: call::Kill) {
        let Some(it) = self.frameworks.get(framework) else { return };
        let Some(task) = it.tasks.get(&kill.task_id.value) else {
            let asked = call::reconcile::Task { task_id: kill.task_id, agent_id: kill.agent_id };
            return self.reconcile(framework, &[asked]);
        };
        if kill.agent_id.as_ref().is_some_and(|agent| *agent != task.agent_id) {
            return;
        }
        let (agent, framework_id) = (task.agent_id.value.clone(), it.id());
        let Some(state) = self.agents.get_mut(&agent) else { return };
        if state.link.is_none() {
            state.kills.insert((framework.to_owned(), kill.task_id.value), kill.kill_policy);
            return;
        }
        self.tell(
            &agent,
            ToAgent::KillTask { framework_id, task_id: kill.task_id, kill_policy: kill.kill_policy },
        );
    }

    /// SHUTDOWN of an executor; dropped in silence when its agent is not there.
    pub(super) fn shutdown(&mut self, framework: &str, shutdown: call::Shutdown) {
        let framework_id = v1::FrameworkId { value: framework.to_owned() };
        let message = ToAgent::ShutdownExecutor { framework_id, executor_id: shutdown.executor_id };
        self.tell(&shutdown.agent_id.value, message);
    }

    /// MESSAGE to an executor: at most once, dropped in silence when anybody on the way is not there.
    pub(super) fn message(&mut self, framework: &str, message: call::Message) {
        let framework_id = v1::FrameworkId { value: framework.to_owned() };
        let (executor_id, data) = (message.executor_id, message.data.to_vec());
        self.tell(&message.agent_id.value, ToAgent::Message { framework_id, executor_id, data });
    }
}
