//! What the v1 operator API of an agent shows.
use mesos::v1;
use mesos::v1::agent::response::{self, Type, get_containers, get_executors, get_frameworks};
use mesos::v1::agent::{Response, call};

use super::Agent;
use super::book::{Executor, Stage, Task, container_id};
use super::updates::Key;

impl Agent {
    /// The answer to a GET_… call about frameworks, executors, tasks, containers, operations or the agent itself;
    /// `None` for any other call.
    pub fn respond(&self, kind: call::Type) -> Option<Response> {
        let of = |kind: Type| Response { r#type: Some(kind.into()), ..Default::default() };
        Some(match kind {
            call::Type::GetHealth => {
                Response { get_health: Some(response::GetHealth { healthy: true }), ..of(Type::GetHealth) }
            }
            call::Type::GetState => {
                let state = response::GetState {
                    get_tasks: Some(self.tasks()),
                    get_executors: Some(self.executors()),
                    get_frameworks: Some(self.frameworks()),
                };
                Response { get_state: Some(state), ..of(Type::GetState) }
            }
            call::Type::GetTasks => Response { get_tasks: Some(self.tasks()), ..of(Type::GetTasks) },
            call::Type::GetExecutors => {
                Response { get_executors: Some(self.executors()), ..of(Type::GetExecutors) }
            }
            call::Type::GetFrameworks => {
                Response { get_frameworks: Some(self.frameworks()), ..of(Type::GetFrameworks) }
            }
            call::Type::GetContainers => {
                Response { get_containers: Some(self.containers()), ..of(Type::GetContainers) }
            }
            call::Type::GetOperations => {
                let operations = response::GetOperations { operations: self.operations.all() };
                Response { get_operations: Some(operations), ..of(Type::GetOperations) }
            }
            call::Type::GetAgent => {
                let agent = response::GetAgent { agent_info: Some(self.info()), ..Default::default() };
                Response { get_agent: Some(agent), ..of(Type::GetAgent) }
            }
            _ => return None,
        })
    }

    /// A task as the master and views have it: with the update that waits for acknowledgement.
    pub(super) fn task_for_master(&self, task: &Task) -> v1::Task {
        let key = Key {
            framework_id: task.record.framework_id.value.clone(),
            task_id: task.record.task_id.value.clone(),
        };
        let mut record = task.record.clone();
        if let Some((status, _)) = self.updates.outstanding(&key) {
            record.status_update_state = Some(status.state);
            record.status_update_uuid = status.uuid.clone();
        }
        record
    }

    fn all_executors(&self) -> impl Iterator<Item = &Executor> {
        self.frameworks.values().flat_map(|framework| framework.executors.values())
    }

    fn tasks(&self) -> response::GetTasks {
        let mut all = response::GetTasks::default();
        for executor in self.all_executors() {
            for task in &executor.tasks {
                let list = match task.stage {
                    Stage::Queued => &mut all.queued_tasks,
                    Stage::Launched => &mut all.launched_tasks,
                    Stage::Ended => &mut all.terminated_tasks,
                };
                list.push(self.task_for_master(task));
            }
            all.completed_tasks.extend(executor.completed.iter().cloned());
        }
        let completed =
            self.completed_frameworks.iter().chain(self.frameworks.values()).flat_map(|f| &f.completed);
        for executor in completed {
            all.completed_tasks.extend(executor.completed.iter().cloned());
            all.completed_tasks.extend(executor.tasks.iter().map(|task| task.record.clone()));
        }
        all
    }

    fn executors(&self) -> response::GetExecutors {
        let entry = |e: &Executor| get_executors::Executor { executor_info: e.info.clone() };
        let completed =
            self.completed_frameworks.iter().chain(self.frameworks.values()).flat_map(|f| &f.completed);
        response::GetExecutors {
            executors: self.all_executors().map(entry).collect(),
            completed_executors: completed.map(entry).collect(),
        }
    }

    fn frameworks(&self) -> response::GetFrameworks {
        let entry = |f: &super::Framework| get_frameworks::Framework { framework_info: f.info.clone() };
        response::GetFrameworks {
            frameworks: self.frameworks.values().map(entry).collect(),
            completed_frameworks: self.completed_frameworks.iter().map(entry).collect(),
        }
    }

    fn containers(&self) -> response::GetContainers {
        let ip = self.options.address.ip().to_string();
        let entry = |executor: &Executor| get_containers::Container {
            framework_id: Some(v1::FrameworkId { value: executor.run.framework_id.clone() }),
            executor_id: Some(executor.info.executor_id.clone()),
            executor_name: Some(executor.info.name().to_owned()),
            container_id: container_id(&executor.run.container),
            container_status: Some(executor.container_status(&ip)),
        };
        response::GetContainers {
            containers: self.all_executors().filter(|executor| executor.is_alive()).map(entry).collect(),
        }
    }
}
