//! An agent that comes back: what it says it runs, and what the master thinks it runs, are brought in line.

use std::{collections::BTreeMap, net::SocketAddr};

use mesos::v1::{self, OperationState, TaskState, task_status::Reason};

use super::super::{
    Master, Output,
    framework::Framework,
    operation::{self, is_terminal as is_terminal_operation},
    task::{self, is_terminal},
};
use crate::link::{LinkId, MissingTask, ToAgent};

/// What a returned agent says of itself.
pub(super) struct Back {
    pub(super) resources: Vec<v1::Resource>,
    pub(super) tasks: Vec<v1::Task>,
    pub(super) executors: Vec<v1::ExecutorInfo>,
    pub(super) frameworks: Vec<v1::FrameworkInfo>,
    pub(super) operations: Vec<v1::Operation>,
}

impl Master {
    pub(super) fn reregister(&mut self, link: LinkId, address: SocketAddr, info: v1::AgentInfo, back: Back) {
        if self.ignores(&info) {
            return;
        }
        let Some(agent_id) = info.id.clone() else { return };
        let id = agent_id.value.clone();
        if self.registry.gone.contains_key(&id) {
            let message = ToAgent::Shutdown { message: "this agent was marked gone".to_owned() };
            self.outputs.push(Output::ToAgent { link, message });
            return;
        }
        self.log(format!("agent {id} at {address} is back"));
        let was_unreachable = self.registry.unreachable.contains_key(&id);
        self.recovered.remove(&id);
        if self.registry.agents.get(&id) != Some(&info) {
            self.registry.admit(&id, info.clone());
            self.write_registry();
        }
        self.rescind_agent(&id);
        let mut agent = self.new_agent(link, address, info, &back.resources);
        let mut known_operations = BTreeMap::new();
        if let Some(old) = self.agents.remove(&id) {
            if let Some(stale) = old.link.filter(|old| *old != link) {
                self.outputs.push(Output::Cut(stale));
            }
            agent.registered = old.registered;
            agent.kills = old.kills;
            known_operations = old.operations;
        }
        agent.reregistered = Some(self.now);
        self.agents.insert(id.clone(), agent);
        let missing = self.reconcile_tasks(&id, &back, was_unreachable);
        self.reconcile_executors(&id, &back);
        self.reconcile_operation_list(&id, known_operations, back.operations);
        let frameworks = back
            .frameworks
            .iter()
            .filter_map(|it| self.frameworks.get(&it.id.as_ref()?.value))
            .map(|framework| framework.info.clone())
            .collect();
        self.tell(&id, ToAgent::Reregistered { agent_id, missing, frameworks });
        self.send_kills(&id);
        self.allocate(None, Some(&id));
    }

    /// Brings the master's tasks in line with what a returned agent says it runs.
    fn reconcile_tasks(&mut self, id: &str, back: &Back, was_unreachable: bool) -> Vec<MissingTask> {
        for info in &back.frameworks {
            let Some(framework) = info.id.clone() else { continue };
            if self.completed.iter().any(|it| it.id() == framework) {
                self.tell(id, ToAgent::ShutdownFramework { framework_id: framework });
            } else {
                // After the master's restart this is how it learns of a framework that has not subscribed yet.
                self.frameworks.entry(framework.value).or_insert_with(|| {
                    let mut it = Framework::new(info.clone());
                    it.recovered = true;
                    it
                });
            }
        }
        let mut news = Vec::new();
        for task in &back.tasks {
            let Some(framework) = self.frameworks.get_mut(&task.framework_id.value) else { continue };
            let key = task.task_id.value.clone();
            let unreachable = framework.unreachable.remove(&key);
            let mut task = task.clone();
            if let Some(mine) = framework.tasks.get(&key).or(unreachable.as_ref())
                && (task.statuses.is_empty() || mine.statuses.len() > task.statuses.len())
            {
                task.statuses.clone_from(&mine.statuses);
            }
            if task.state() == TaskState::TaskUnreachable {
                task.state = task::forwarded_state(&task).into();
            }
            if was_unreachable && unreachable.is_some() {
                let message = "Unreachable agent re-registered";
                news.push((
                    task.framework_id.value.clone(),
                    task::known_status(self.now, &task, Reason::AgentReregistered, message),
                ));
            }
            framework.tasks.insert(key, task);
        }
        for (framework, status) in news {
            self.send_status(&framework, status);
        }
        let listed = |task: &v1::Task| {
            back.tasks.iter().any(|it| it.task_id == task.task_id && it.framework_id == task.framework_id)
        };
        // An end the agent has forgotten was acknowledged: only the word of it was lost with the old link.
        for framework in self.frameworks.values_mut() {
            let ended =
                |task: &v1::Task| task.agent_id.value == id && is_terminal(task.state()) && !listed(task);
            let ids: Vec<String> =
                framework.tasks.iter().filter(|(_, task)| ended(task)).map(|(id, _)| id.clone()).collect();
            for task in ids {
                if let Some(task) = framework.tasks.remove(&task) {
                    framework.complete(task);
                }
            }
        }
        self.frameworks
            .values()
            .flat_map(|framework| framework.tasks.values().map(move |task| (framework, task)))
            .filter(|(_, task)| task.agent_id.value == id && !is_terminal(task.state()) && !listed(task))
            .map(|(framework, task)| MissingTask {
                framework_id: task.framework_id.clone(),
                task_id: task.task_id.clone(),
                partition_aware: framework.partition_aware(),
            })
            .collect()
    }

    fn reconcile_executors(&mut self, id: &str, back: &Back) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        for executor in &back.executors {
            let Some(framework) = &executor.framework_id else { continue };
            if self.frameworks.contains_key(&framework.value) {
                let key = (framework.value.clone(), executor.executor_id.value.clone());
                agent.executors.insert(key, executor.clone());
            }
        }
    }

    /// Operations the agent still has replace ours; those it never got are lost.
    fn reconcile_operation_list(
        &mut self,
        id: &str,
        known: BTreeMap<Vec<u8>, v1::Operation>,
        has: Vec<v1::Operation>,
    ) {
        for (uuid, operation) in known {
            if has.iter().any(|it| it.uuid.value[..] == uuid[..])
                || is_terminal_operation(operation.latest_status.state())
            {
                continue;
            }
            let status = v1::OperationStatus {
                message: Some("the agent never received the operation".to_owned()),
                ..operation::status(&operation, OperationState::OperationDropped)
            };
            if let Some(framework) = &operation.framework_id {
                self.send_operation(&framework.value, status);
            }
        }
        let Some(agent) = self.agents.get_mut(id) else { return };
        agent.operations =
            has.into_iter().map(|operation| (operation.uuid.value.to_vec(), operation)).collect();
    }

    fn send_kills(&mut self, id: &str) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        for ((framework, task), kill_policy) in std::mem::take(&mut agent.kills) {
            let framework_id = v1::FrameworkId { value: framework };
            self.tell(
                id,
                ToAgent::KillTask { framework_id, task_id: v1::TaskId { value: task }, kill_policy },
            );
        }
    }
}
