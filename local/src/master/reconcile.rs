//! What the master answers when asked for the state of tasks and operations (mesos-v1-http §4.4, §5.4).

use mesos::v1::{self, OperationState, TaskState, scheduler::call, task_status::Reason};

use super::{
    Master, operation,
    task::{Made, known_status, or_lost},
};

impl Master {
    /// RECONCILE: every known task if `tasks` is empty, else an answer for each, where one can be given.
    pub(super) fn reconcile(&mut self, framework: &str, tasks: &[call::reconcile::Task]) {
        let statuses: Vec<_> = if tasks.is_empty() {
            let Some(it) = self.frameworks.get(framework) else { return };
            it.tasks.values().map(|task| self.known(task)).collect()
        } else {
            tasks.iter().filter_map(|task| self.task_answer(framework, task)).collect()
        };
        for status in statuses {
            self.send_status(framework, status);
        }
    }

    fn known(&self, task: &v1::Task) -> v1::TaskStatus {
        known_status(self.now, task, Reason::Reconciliation, "Reconciliation: Latest task state")
    }

    fn task_answer(&self, framework: &str, asked: &call::reconcile::Task) -> Option<v1::TaskStatus> {
        let it = self.frameworks.get(framework)?;
        if let Some(task) = it.tasks.get(&asked.task_id.value) {
            return Some(self.known(task));
        }
        let agent = asked.agent_id.as_ref().map(|id| id.value.as_str());
        let waits = match agent {
            Some(agent) => self.recovered.contains_key(agent),
            None => !self.recovered.is_empty(),
        };
        if waits {
            // The agent has yet to return after the master's restart: nobody can tell. The scheduler asks again.
            return None;
        }
        let unreachable = agent.and_then(|agent| self.registry.unreachable.get(agent)).copied();
        let (state, message) = match agent {
            Some(agent) if self.agents.contains_key(agent) => {
                (TaskState::TaskGone, "Reconciliation: Task is unknown to the agent")
            }
            Some(_) if unreachable.is_some() => {
                (TaskState::TaskUnreachable, "Reconciliation: Task is unreachable")
            }
            Some(agent) if self.registry.gone.contains_key(agent) => {
                (TaskState::TaskGoneByOperator, "Reconciliation: Task is gone")
            }
            _ => (TaskState::TaskUnknown, "Reconciliation: Task is unknown"),
        };
        let state = or_lost(it.partition_aware(), state);
        let made = Made { state, reason: Reason::Reconciliation, message, unreachable };
        Some(made.status(self.now, asked.task_id.clone(), asked.agent_id.clone(), None))
    }

    /// RECONCILE_OPERATIONS: every known one if `operations` is empty, else an answer for each.
    pub(super) fn reconcile_operations(
        &mut self,
        framework: &str,
        asked: &[call::reconcile_operations::Operation],
    ) {
        let statuses: Vec<_> = if asked.is_empty() {
            self.agents
                .values()
                .flat_map(|agent| agent.operations.values())
                .filter(|it| it.framework_id.as_ref().is_some_and(|id| id.value == framework))
                .map(|it| operation::status(it, it.latest_status.state()))
                .collect()
        } else {
            asked.iter().map(|it| self.operation_answer(framework, it)).collect()
        };
        for status in statuses {
            self.send_operation(framework, status);
        }
    }

    fn operation_answer(
        &self,
        framework: &str,
        asked: &call::reconcile_operations::Operation,
    ) -> v1::OperationStatus {
        let known = self.agents.values().flat_map(|agent| agent.operations.values()).find(|it| {
            it.framework_id.as_ref().is_some_and(|id| id.value == framework)
                && it.info.id.as_ref() == Some(&asked.operation_id)
        });
        if let Some(known) = known {
            return operation::status(known, known.latest_status.state());
        }
        let agent = asked.agent_id.as_ref().map(|id| id.value.as_str());
        let (state, message) = match agent {
            Some(agent) if self.recovered.contains_key(agent) => (
                OperationState::OperationRecovering,
                "Reconciliation: Agent is recovered but has not re-registered",
            ),
            Some(agent) if self.registry.unreachable.contains_key(agent) => {
                (OperationState::OperationUnreachable, "Reconciliation: Agent is unreachable")
            }
            Some(agent) if self.registry.gone.contains_key(agent) => {
                (OperationState::OperationGoneByOperator, "Reconciliation: Agent marked gone by operator")
            }
            _ => (OperationState::OperationUnknown, "Reconciliation: Operation is unknown"),
        };
        v1::OperationStatus {
            operation_id: Some(asked.operation_id.clone()),
            state: state.into(),
            message: Some(message.to_owned()),
            agent_id: asked.agent_id.clone(),
            resource_provider_id: asked.resource_provider_id.clone(),
            ..Default::default()
        }
    }
}
