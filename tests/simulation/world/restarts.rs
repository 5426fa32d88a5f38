//! Restarts in place: operators who want them, and executors that make them.

use api::{
    ids::BrokerId,
    launch::{LABEL_CONFIG, LABEL_GENERATION, LaunchContract},
    message::{ToExecutor, ToScheduler},
};
use local::agent;
use mesos::v1::{self, TaskState, executor};
use scheduler::event::{Command, Event, Ticket};
use uuid::Uuid;

use super::{Happening, World};
use crate::planted::Planted;

/// What a TASK_RUNNING says of what runs.
pub(super) fn labels((config, generation): (Uuid, u64)) -> v1::Labels {
    let pairs = [(LABEL_CONFIG, config.to_string()), (LABEL_GENERATION, generation.to_string())];
    let labels = pairs.map(|(key, value)| v1::Label { key: key.to_owned(), value: Some(value) });
    v1::Labels { labels: labels.into() }
}

impl World {
    /// Somebody wants a broker restarted, at once perhaps.
    pub(super) fn operator_restarts(&mut self) {
        let Some(core) = &self.process.core else { return };
        let brokers: Vec<u32> = core.state().stored.brokers.keys().map(|id| id.0).collect();
        let broker = brokers[self.chance.pick(brokers.len())];
        let mut force = self.chance.happens(150);
        if force {
            self.forced.insert(broker);
        }
        force |= self.planted == Some(Planted::UngatedRestart);
        let ticket = Ticket(self.ticket());
        self.note(&format!("an operator restarts broker {broker}{}", if force { " at once" } else { "" }));
        self.core_takes(Event::Command(ticket, Command::Restart { broker: BrokerId(broker), force }));
    }

    /// The scheduler's MESSAGE reaches an executor.
    pub(super) fn executor_hears(&mut self, node: usize, container: &str, data: &[u8]) {
        let ToExecutor::Restart { task, contract } = serde_json::from_slice(data).unwrap() else { return };
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        let here = executor.task_id() == Some(&task.to_string());
        if executor.deaf || executor.ending || executor.stopping || !here {
            return;
        }
        if contract.generation <= executor.staged {
            let runs = executor.runs == (contract.config_id, contract.generation);
            // Its word on what runs may have been lost on the way.
            if runs && executor.serving {
                self.update(node, container, TaskState::TaskRunning);
            }
            return;
        }
        if self.happens(|rates| rates.restart_refused) {
            self.note(&format!("executor on agent {node}: refuses to restart {task}"));
            let (config_id, generation) = (contract.config_id, contract.generation);
            let reason = "no room".to_owned();
            return self.executor_says(
                node,
                container,
                &ToScheduler::RestartRefused { task, config_id, generation, reason },
            );
        }
        executor_of(self, node, container).staged = contract.generation;
        let delay = self.chance.millis(0, 500);
        self.after(delay, Happening::ExecutorRestarts(node, container.to_owned(), contract));
    }

    /// All is prepared: the JVM goes, and another one comes.
    pub(super) fn restart_executor(&mut self, node: usize, container: &str, contract: &LaunchContract) {
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        if executor.ending || executor.stopping || contract.generation <= executor.runs.1 {
            return;
        }
        self.tell_incident(node, container, true);
        let executor = executor_of(self, node, container);
        executor.runs = (contract.config_id, contract.generation);
        executor.serving = false;
        if let Some(broker) = executor.broker() {
            self.kafka.leave(broker, self.now);
        }
        self.update(node, container, TaskState::TaskStarting);
        self.start_jvm(node, container, contract.generation);
    }

    pub(super) fn executor_says(&mut self, node: usize, container: &str, said: &ToScheduler) {
        let ticket = agent::Ticket(self.ticket());
        let executor = executor_of(self, node, container);
        if executor.stream.is_none() {
            return;
        }
        let call = Box::new(executor::Call {
            executor_id: v1::ExecutorId { value: executor.run.executor_id.clone() },
            framework_id: v1::FrameworkId { value: executor.run.framework_id.clone() },
            r#type: Some(executor::call::Type::Message.into()),
            message: Some(executor::call::Message { data: serde_json::to_vec(said).unwrap() }),
            ..Default::default()
        });
        self.agent_takes(node, agent::Input::Call { ticket, call });
    }
}

pub(super) fn executor_of<'a>(
    world: &'a mut World,
    node: usize,
    container: &str,
) -> &'a mut crate::node::Executor {
    world.nodes[node].executors.get_mut(container).unwrap()
}
