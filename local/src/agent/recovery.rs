//! Starting on what a former life left on disk (§5.7, §5.9).
use mesos::resource::{Resources, reservation};
use mesos::v1;
use mesos::v1::{TaskState, task_status::Reason};

use super::book::{Cause, Executor, Framework, Phase, Task, user};
use super::updates::Key;
use super::{Agent, Container, Output, Run, StoredOperation, UpdateRecord, environment};

/// What is on disk. The default is an empty work directory.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The agent's id.
    pub agent_id: Option<v1::AgentId>,
    /// Reserved by operation, or persistent.
    pub resources: Vec<v1::Resource>,
    /// Operations that wait for acknowledgement.
    pub operations: Vec<StoredOperation>,
    /// Checkpointing frameworks.
    pub frameworks: Vec<RecoveredFramework>,
}

impl Recovered {
    /// The runs whose end was not noted: the agent awaits a container event of each.
    pub fn running(&self) -> Vec<Run> {
        let agent_id = self.agent_id.clone().unwrap_or_default().value;
        let run = |framework: &RecoveredFramework, executor: &RecoveredExecutor| Run {
            agent_id: agent_id.clone(),
            framework_id: framework.info.id.clone().unwrap_or_default().value,
            executor_id: executor.info.executor_id.value.clone(),
            container: executor.container.clone(),
        };
        let of = |framework: &RecoveredFramework| {
            let live = framework.executors.iter().filter(|executor| !executor.ended);
            live.map(|executor| run(framework, executor)).collect::<Vec<_>>()
        };
        self.frameworks.iter().flat_map(of).collect()
    }
}

/// A framework on disk.
#[derive(Clone, Debug)]
pub struct RecoveredFramework {
    /// The framework; `id` is set.
    pub info: v1::FrameworkInfo,
    /// Its executors.
    pub executors: Vec<RecoveredExecutor>,
}

/// An executor's latest run on disk.
#[derive(Clone, Debug)]
pub struct RecoveredExecutor {
    /// The executor.
    pub info: v1::ExecutorInfo,
    /// Its container.
    pub container: Container,
    /// Its process, if it got so far. Whether it still runs is told later, by a container event.
    pub pid: Option<u32>,
    /// Whether its end was noted.
    pub ended: bool,
    /// Its tasks.
    pub tasks: Vec<RecoveredTask>,
}

/// A task on disk.
#[derive(Clone, Debug)]
pub struct RecoveredTask {
    /// Its id.
    pub task_id: String,
    /// The task; `None` if it ended before it was handed over.
    pub info: Option<v1::TaskInfo>,
    /// The steps of its updates, in order.
    pub updates: Vec<UpdateRecord>,
}

/// The configuration has too little for what was reserved under a former one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "the agent's resources ({configured}) no longer hold what is reserved or persistent on it ({kept}): \
     configure at least that, or start with an empty work directory"
)]
pub struct Incompatible {
    /// As configured.
    pub configured: Box<Resources>,
    /// As kept.
    pub kept: Box<Resources>,
}

/// The configured resources with what was made of them.
pub(super) fn total(configured: &Resources, kept: &[v1::Resource]) -> Result<Resources, Incompatible> {
    let mut total = configured.clone();
    let kept: Resources = kept.iter().cloned().collect();
    let base: Resources = kept.iter().cloned().map(reservation::to_configured).collect();
    if total.subtract(&base).is_err() {
        return Err(Incompatible { configured: Box::new(configured.clone()), kept: Box::new(kept) });
    }
    total.add_all(&kept);
    Ok(total)
}

impl Agent {
    pub(super) fn recover(&mut self, recovered: Recovered) {
        let agent_id = self.agent_id().value;
        for StoredOperation { operation } in recovered.operations {
            self.operations.insert(operation, self.options.status_update_retry, self.now);
        }
        let mut awaited = false;
        for RecoveredFramework { info, executors } in recovered.frameworks {
            let framework_id = info.id.clone().unwrap_or_default().value;
            let mut framework = Framework::new(info);
            for recovered in executors {
                let run = Run {
                    agent_id: agent_id.clone(),
                    framework_id: framework_id.clone(),
                    executor_id: recovered.info.executor_id.value.clone(),
                    container: recovered.container.clone(),
                };
                let executor = self.recover_executor(&framework.info, run, recovered);
                awaited |= executor.is_alive();
                if executor.is_alive() || !executor.tasks.is_empty() {
                    framework.executors.insert(executor.info.executor_id.value.clone(), executor);
                }
            }
            if !framework.executors.is_empty() {
                self.frameworks.insert(framework_id, framework);
            }
        }
        if awaited {
            self.membership.recover_until(self.now + self.options.executor_reregistration_timeout);
        }
    }

    fn recover_executor(
        &mut self,
        framework: &v1::FrameworkInfo,
        run: Run,
        recovered: RecoveredExecutor,
    ) -> Executor {
        let user = user(framework, &recovered.info);
        let mut executor = Executor::new(recovered.info, run.clone(), user);
        executor.pid = recovered.pid;
        executor.phase = if recovered.ended { Phase::Terminated } else { Phase::Registering };
        for RecoveredTask { task_id, info, updates } in recovered.tasks {
            executor.delivered |= info.is_some();
            // A task that was never handed over is known by its updates alone.
            let info = info.unwrap_or_else(|| v1::TaskInfo {
                task_id: v1::TaskId { value: task_id.clone() },
                agent_id: self.agent_id(),
                ..Default::default()
            });
            let mut task = Task::new(framework, &executor.info, info);
            task.stage = super::book::Stage::Launched;
            let key = Key { framework_id: run.framework_id.clone(), task_id: task_id.clone() };
            for record in updates {
                match record {
                    UpdateRecord::Update(status) => {
                        task.note(&status);
                        self.updates.take(self.now, &key, Some(&run.executor_id), Some(run.clone()), *status);
                    }
                    UpdateRecord::Acknowledged(uuid) => {
                        self.updates.acknowledge(&key, &uuid);
                    }
                }
            }
            let over = task.stage == super::book::Stage::Ended && !self.updates.knows(&key);
            executor.tasks.push(task);
            if over {
                executor.complete(&task_id);
            }
        }
        executor
    }

    /// Executors had their time: those that did not subscribe again are ended.
    pub(super) fn end_recovery(&mut self) {
        let timeout = environment::duration_text(self.options.executor_reregistration_timeout);
        let mut silent = Vec::new();
        for framework in self.frameworks.values_mut() {
            let state = framework.lost_or(TaskState::TaskGone);
            for executor in
                framework.executors.values_mut().filter(|executor| executor.phase == Phase::Registering)
            {
                executor.phase = Phase::Terminating;
                executor.cause.get_or_insert(Cause {
                    state,
                    reason: Reason::ExecutorReregistrationTimeout,
                    message: format!("Executor did not reregister within {timeout}"),
                });
                silent.push(executor.run.container.clone());
            }
        }
        self.out.extend(silent.into_iter().map(Output::Destroy));
    }
}
