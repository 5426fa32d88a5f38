//! RunTask: an executor made or found, its container prepared and launched, the task handed over.
use mesos::resource::identity;
use mesos::v1;
use mesos::v1::executor::{self, event};
use mesos::v1::{TaskState, task_status::Reason};

use super::book::{Cause, Executor, Framework, Phase, Stage, Task, user};
use super::status::of;
use super::{Agent, Checkpoint, Container, ContainerEvent, Mount, Output, Run, environment, layout};

impl Agent {
    pub(super) fn run_task(
        &mut self,
        framework: v1::FrameworkInfo,
        executor: v1::ExecutorInfo,
        task: v1::TaskInfo,
    ) {
        let framework_id = framework.id.clone().unwrap_or_default().value;
        let (executor_id, task_id) = (executor.executor_id.value.clone(), task.task_id.value.clone());
        if self.leaving.is_some() || self.frameworks.get(&framework_id).is_some_and(|f| f.terminating) {
            return self
                .log(format!("task {task_id} not run: its framework or the agent is being shut down"));
        }
        let agent_id = self.agent_id().value;
        if !self.frameworks.contains_key(&framework_id) {
            if framework.checkpoint() {
                let info = Box::new(framework.clone());
                self.out.push(Output::Checkpoint(Checkpoint::Framework { agent_id: agent_id.clone(), info }));
            }
            self.frameworks.insert(framework_id.clone(), Framework::new(framework));
        }
        if let Some(cause) = self.launch_obstacle(&framework_id, &executor, &task) {
            self.own_update(&framework_id, Some(&executor_id), &task_id, &cause);
            return self.forget_if_done(&framework_id, &executor_id);
        }
        let container = Container(self.fresh_uuid().to_string());
        let Some(framework) = self.frameworks.get_mut(&framework_id) else { return };
        let checkpoint = framework.info.checkpoint();
        let task = Task::new(&framework.info, &executor, task);
        if let Some(known) = framework.executors.get_mut(&executor_id) {
            known.tasks.push(task);
            if known.phase == Phase::Running {
                self.hand_over(&framework_id, &executor_id);
            }
            return;
        }
        let run =
            Run { agent_id, framework_id: framework_id.clone(), executor_id: executor_id.clone(), container };
        let mut new = Executor::new(executor, run, String::new());
        new.user = user(&framework.info, &new.info);
        new.tasks.push(task);
        if checkpoint {
            let info = Box::new(new.info.clone());
            self.out.push(Output::Checkpoint(Checkpoint::Executor { run: new.run.clone(), info }));
        }
        let resources =
            new.info.resources.iter().chain(new.tasks.iter().flat_map(|task| &task.info.resources));
        self.out.push(Output::Prepare {
            run: new.run.clone(),
            user: new.user.clone(),
            uris: new.info.command.iter().flat_map(|command| command.uris.iter().cloned()).collect(),
            mounts: mounts(&self.options.work_dir, resources),
        });
        framework.executors.insert(executor_id, new);
    }

    /// Why a task cannot go to its executor, as the update its framework gets.
    fn launch_obstacle(
        &self,
        framework_id: &str,
        executor: &v1::ExecutorInfo,
        task: &v1::TaskInfo,
    ) -> Option<Cause> {
        let framework = self.frameworks.get(framework_id)?;
        let known = framework.executors.get(&executor.executor_id.value);
        let dropped = |reason, message: &str| {
            Some(Cause {
                state: framework.lost_or(TaskState::TaskDropped),
                reason,
                message: message.to_owned(),
            })
        };
        if known.is_some_and(|known| matches!(known.phase, Phase::Terminating | Phase::Terminated)) {
            return dropped(Reason::ExecutorTerminated, "Executor terminating or terminated");
        }
        let own = if known.is_none() { &executor.resources[..] } else { &[] };
        let kept = |r: &&v1::Resource| identity::is_volume(r) || identity::is_dynamically_reserved(r);
        let unknown = own.iter().chain(&task.resources).filter(kept).find(|resource| {
            let bare = v1::Resource { allocation_info: None, ..(*resource).clone() };
            !self.total.contains_one(&bare)
        });
        unknown.and_then(|resource| {
            let message =
                format!("The agent does not have the reserved or persistent resource `{}`", resource.name);
            dropped(Reason::ResourcesUnknown, &message)
        })
    }

    /// Something happened to a container.
    pub(super) fn container_says(&mut self, container: &Container, event: ContainerEvent) {
        let Some((framework_id, executor_id)) = self.owner_of(container) else {
            return self.log(format!("container {} says {event:?}, but no executor has it", container.0));
        };
        let Some(framework) = self.frameworks.get_mut(&framework_id) else { return };
        let Some(executor) = framework.executors.get_mut(&executor_id) else { return };
        match event {
            ContainerEvent::Prepared if executor.phase == Phase::Preparing => {
                executor.phase = Phase::Launching;
                let environment =
                    environment::of(&self.options, &executor.run, &framework.info, &executor.info);
                self.out.push(Output::Launch {
                    run: executor.run.clone(),
                    user: executor.user.clone(),
                    command: Box::new(executor.info.command.clone().unwrap_or_default()),
                    environment,
                });
            }
            ContainerEvent::Launched { pid } => {
                executor.pid = Some(pid);
                if executor.phase == Phase::Launching {
                    executor.phase = Phase::Registering;
                    executor.register_by = Some(self.now + self.options.executor_registration_timeout);
                }
            }
            ContainerEvent::Failed(why) => {
                executor.cause.get_or_insert(Cause {
                    state: TaskState::TaskFailed,
                    reason: Reason::ContainerLaunchFailed,
                    message: format!("Failed to launch container: {why}"),
                });
                // What Mesos's launcher exits with when the container cannot start: exit code 1.
                self.executor_exited(&framework_id, &executor_id, 256);
            }
            ContainerEvent::Exited { status } => self.executor_exited(&framework_id, &executor_id, status),
            // Destroyed while it was being prepared: its exit is on the way.
            ContainerEvent::Prepared => {}
        }
    }

    pub(super) fn owner_of(&self, container: &Container) -> Option<(String, String)> {
        self.frameworks.iter().find_map(|(framework_id, framework)| {
            let (executor_id, _) =
                framework.executors.iter().find(|(_, e)| e.is_alive() && e.run.container == *container)?;
            Some((framework_id.clone(), executor_id.clone()))
        })
    }

    /// Sends every queued task down the executor's stream; without one they wait for its next SUBSCRIBE.
    pub(super) fn hand_over(&mut self, framework_id: &str, executor_id: &str) {
        let Some(framework) = self.frameworks.get_mut(framework_id) else { return };
        let checkpoint = framework.info.checkpoint();
        let Some(executor) = framework.executors.get_mut(executor_id) else { return };
        let Some(stream) = executor.stream else { return };
        let run = executor.run.clone();
        for task in executor.tasks.iter_mut().filter(|task| task.stage == Stage::Queued) {
            task.stage = Stage::Launched;
            executor.delivered = true;
            if checkpoint {
                let info = Box::new(task.info.clone());
                self.out.push(Output::Checkpoint(Checkpoint::Task { run: run.clone(), info }));
            }
            let mounts = mounts(&self.options.work_dir, &task.info.resources);
            if !mounts.is_empty() {
                self.out.push(Output::Mount { run: run.clone(), mounts });
            }
            let launch = event::Launch { task: task.info.clone() };
            let event = executor::Event { launch: Some(launch), ..of(event::Type::Launch) };
            self.out.push(Output::Event { stream, event: Box::new(event) });
        }
    }

    /// A task has ended: its volumes leave the sandbox unless someone else in it has them too.
    pub(super) fn unmount_unused(&mut self, framework_id: &str, executor_id: &str, task_id: &str) {
        let executor = self.frameworks.get(framework_id).and_then(|f| f.executors.get(executor_id));
        let Some(executor) = executor.filter(|e| e.is_alive()) else { return };
        let Some(task) = executor.task(task_id) else { return };
        let others = executor.live().filter(|other| other.info.task_id.value != task_id);
        let kept = executor.info.resources.iter().chain(others.flat_map(|other| &other.info.resources));
        let kept = mounts(&self.options.work_dir, kept);
        let mut gone = mounts(&self.options.work_dir, &task.info.resources);
        gone.retain(|mount| !kept.contains(mount));
        if !gone.is_empty() {
            let run = executor.run.clone();
            self.out.push(Output::Unmount { run, mounts: gone });
        }
    }
}

/// The volumes among `resources`, as they appear in a sandbox. A container path that is no single name is left out, as
/// Mesos does without a filesystem isolator (§7.2).
fn mounts<'a>(
    work_dir: &std::path::Path,
    resources: impl IntoIterator<Item = &'a v1::Resource>,
) -> Vec<Mount> {
    let mount = |resource: &v1::Resource| {
        let name = resource.disk.as_ref()?.volume.as_ref()?.container_path.clone();
        if name.contains('/') || matches!(name.as_str(), "" | "." | "..") {
            return None;
        }
        let (target, _) = layout::volume(work_dir, resource)?;
        Some(Mount { name, target })
    };
    let mut all: Vec<Mount> = resources.into_iter().filter_map(mount).collect();
    all.sort();
    all.dedup();
    all
}
