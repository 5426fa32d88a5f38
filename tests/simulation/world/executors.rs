//! Executors: what they do with events, and what they say.

use api::launch::LaunchContract;
use local::agent::{self, ContainerEvent};
use mesos::v1::{self, TaskState, executor};

use super::{Happening, World, restarts};
use crate::{invariant, node::Executor};

impl World {
    pub(super) fn start_executor(&mut self, node: usize, run: agent::Run) {
        let container = run.container.0.clone();
        if !self.nodes[node].disk.is_running(&container) {
            return;
        }
        let deaf = self.happens(|rates| rates.deaf);
        let executor = Executor { deaf, ..Executor::new(run) };
        self.nodes[node].executors.insert(container.clone(), executor);
        self.after(0, Happening::Container(node, container.clone(), ContainerEvent::Launched { pid: 1 }));
        let delay = self.chance.millis(1, 500);
        self.after(delay, Happening::ExecutorSubscribe(node, container));
    }

    pub(super) fn subscribe_executor(&mut self, node: usize, container: &str) {
        let stream = agent::Ticket(self.ticket());
        if self.nodes[node].agent.is_none() {
            return; // it is asked again when its agent starts
        }
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        executor.stream = Some(stream);
        let tasks = executor.task.iter().filter(|_| executor.task_unacknowledged).cloned().collect();
        let updates =
            executor.updates.iter().map(|status| executor::call::Update { status: status.clone() }).collect();
        let call = executor::Call {
            executor_id: v1::ExecutorId { value: executor.run.executor_id.clone() },
            framework_id: v1::FrameworkId { value: executor.run.framework_id.clone() },
            r#type: Some(executor::call::Type::Subscribe.into()),
            subscribe: Some(executor::call::Subscribe {
                unacknowledged_tasks: tasks,
                unacknowledged_updates: updates,
            }),
            ..Default::default()
        };
        self.agent_takes(node, agent::Input::Call { ticket: stream, call: Box::new(call) });
    }

    pub(super) fn executor_takes(
        &mut self,
        node: usize,
        container: &str,
        stream: agent::Ticket,
        event: executor::Event,
    ) {
        use executor::event::Type;
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        if executor.stream != Some(stream) {
            return;
        }
        match event.r#type() {
            Type::Launch => {
                let task = event.launch.unwrap().task;
                let contract: LaunchContract = serde_json::from_slice(task.data()).unwrap();
                executor.runs = (contract.config_id, contract.generation);
                executor.staged = contract.generation;
                executor.task = Some(task);
                executor.task_unacknowledged = true;
                let check = invariant::one_live_task(&self.nodes);
                self.check(check);
                self.update(node, container, TaskState::TaskStarting);
                self.start_jvm(node, container, contract.generation);
            }
            Type::Message => self.executor_hears(node, container, &event.message.unwrap().data),
            Type::Kill if !executor.stopping && executor.task.is_some() => {
                executor.stopping = true;
                self.update(node, container, TaskState::TaskKilling);
                let delay = self.chance.millis(10, 3000);
                self.after(delay, Happening::ExecutorEnds(node, container.to_owned(), TaskState::TaskKilled));
            }
            Type::Acknowledged => {
                let uuid = event.acknowledged.unwrap().uuid;
                executor.updates.retain(|status| status.uuid.as_ref() != Some(&uuid));
                executor.task_unacknowledged = false;
                if executor.ending && executor.updates.is_empty() {
                    self.executor_dies(node, container, 0);
                }
            }
            Type::Shutdown if !executor.ending => {
                let delay = self.chance.millis(10, 2000);
                if executor.task.is_some() {
                    self.after(
                        delay,
                        Happening::ExecutorEnds(node, container.to_owned(), TaskState::TaskKilled),
                    );
                } else {
                    self.executor_dies(node, container, 0);
                }
            }
            _ => {}
        }
    }

    /// A JVM of this generation is started; it serves after a while, if all goes well.
    pub(super) fn start_jvm(&mut self, node: usize, container: &str, generation: u64) {
        let delay = self.chance.millis(100, 5000);
        let happening = if self.happens(|rates| rates.start_fails) {
            Happening::ExecutorEnds(node, container.to_owned(), TaskState::TaskFailed)
        } else {
            Happening::ExecutorServes(node, container.to_owned(), generation)
        };
        self.after(delay, happening);
    }

    pub(super) fn serve(&mut self, node: usize, container: &str, generation: u64) {
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        if executor.ending || executor.stopping || executor.runs.1 != generation {
            return;
        }
        executor.serving = true;
        let (Some(broker), Some(task)) = (executor.broker(), &executor.task) else { return };
        let volumes = task.executor.iter().flat_map(|executor| &executor.resources);
        self.served.extend(volumes.filter_map(mesos::resource::identity::persistence_id).map(str::to_owned));
        self.down.remove(&broker);
        let in_sync_at = self.now + self.chance.millis(0, 5000);
        self.kafka.serve(broker, in_sync_at);
        self.update(node, container, TaskState::TaskRunning);
    }

    pub(super) fn end_task(&mut self, node: usize, container: &str, state: TaskState) {
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        if executor.ending {
            return;
        }
        executor.ending = true;
        executor.serving = false;
        if let Some(broker) = executor.broker() {
            self.kafka.leave(broker, self.now);
        }
        self.tell_incident(node, container, state == TaskState::TaskKilled);
        self.update(node, container, state);
    }

    /// A status of the executor's task.
    pub(super) fn update(&mut self, node: usize, container: &str, state: TaskState) {
        let uuid = {
            use rand::RngExt as _;
            uuid::Builder::from_random_bytes(self.chance.rng.random()).into_uuid()
        };
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        let Some(task) = &executor.task else { return };
        let status = v1::TaskStatus {
            task_id: task.task_id.clone(),
            state: state.into(),
            source: Some(v1::task_status::Source::Executor.into()),
            executor_id: Some(v1::ExecutorId { value: executor.run.executor_id.clone() }),
            uuid: Some(uuid.as_bytes().to_vec()),
            data: scheduler::broker::is_terminal(state).then(|| executor.data.take()).flatten(),
            labels: (state == TaskState::TaskRunning).then(|| restarts::labels(executor.runs)),
            ..Default::default()
        };
        let line = format!("executor on agent {node}: {} is {}", task.task_id.value, state.as_str_name());
        executor.updates.push(status.clone());
        self.note(&line);
        self.send_update(node, container, status);
    }

    pub(super) fn send_update(&mut self, node: usize, container: &str, status: v1::TaskStatus) {
        let ticket = agent::Ticket(self.ticket());
        let Some(executor) = self.nodes[node].executors.get(container) else { return };
        // Without a stream it waits for the next SUBSCRIBE, which carries it; an acknowledged one is done.
        if executor.stream.is_none() || !executor.updates.iter().any(|update| update.uuid == status.uuid) {
            return;
        }
        let call = Box::new(executor::Call {
            executor_id: v1::ExecutorId { value: executor.run.executor_id.clone() },
            framework_id: v1::FrameworkId { value: executor.run.framework_id.clone() },
            r#type: Some(executor::call::Type::Update.into()),
            update: Some(executor::call::Update { status: status.clone() }),
            ..Default::default()
        });
        let time = self.time();
        let Some(agent) = &mut self.nodes[node].agent else { return };
        let outputs = agent.handle(time, agent::Input::Call { ticket, call });
        let refused = outputs.iter().any(|output| {
            matches!(output, agent::Output::Answer { answer: agent::Answer::Refused { status: 503, .. }, .. })
        });
        for output in outputs {
            self.agent_does(node, output);
        }
        if refused {
            self.after(200, Happening::ExecutorUpdate(node, container.to_owned(), status));
        }
    }

    pub(super) fn executor_dies(&mut self, node: usize, container: &str, status: i32) {
        let gone = self.nodes[node].executors.remove(container);
        if let Some(broker) = gone.as_ref().filter(|executor| executor.serving).and_then(Executor::broker) {
            self.kafka.leave(broker, self.now);
        }
        let event = ContainerEvent::Exited { status };
        self.after(10, Happening::Container(node, container.to_owned(), event));
    }
}
