//! Kill, shutdown, teardown, and what follows when an executor is gone (§5.3, §5.6, §5.7).
use std::time::Duration;

use mesos::v1;
use mesos::v1::executor::{self, event};
use mesos::v1::{TaskState, task_status::Reason};

use super::book::{Cause, Framework, Phase, Stage};
use super::status::of;
use super::{Agent, COMPLETED, Checkpoint, Ended, Output, Time, environment};
use crate::link::ToMaster;

impl Agent {
    pub(super) fn kill_task(
        &mut self,
        framework_id: &v1::FrameworkId,
        task_id: &v1::TaskId,
        kill_policy: Option<v1::KillPolicy>,
    ) {
        let framework_id = framework_id.value.as_str();
        let Some(framework) = self.frameworks.get(framework_id) else {
            return self
                .log(format!("kill of task {} ignored: its framework has nothing here", task_id.value));
        };
        let Some(executor_id) = framework.executor_of(&task_id.value).map(str::to_owned) else {
            let cause = Cause {
                state: framework.lost_or(TaskState::TaskDropped),
                reason: Reason::ExecutorTerminated,
                message: "Could not find an executor for the task".to_owned(),
            };
            return self.own_update(framework_id, None, &task_id.value, &cause);
        };
        let Some(executor) = framework.executors.get(&executor_id) else { return };
        if matches!(executor.phase, Phase::Terminating | Phase::Terminated) {
            return self.log(format!("kill of task {} ignored: its executor is ending", task_id.value));
        }
        let stage = executor.task(&task_id.value).map(|task| task.stage);
        if stage == Some(Stage::Queued) {
            let cause = Cause {
                state: TaskState::TaskKilled,
                reason: Reason::TaskKilledDuringLaunch,
                message: "Killed before delivery to the executor".to_owned(),
            };
            return self.own_update(framework_id, Some(&executor_id), &task_id.value, &cause);
        }
        match executor.stream {
            Some(stream) => {
                let kill = Some(event::Kill { task_id: task_id.clone(), kill_policy });
                self.event(stream, executor::Event { kill, ..of(event::Type::Kill) });
            }
            None => self.log(format!("kill of task {} lost: its executor is not connected", task_id.value)),
        }
    }

    pub(super) fn shutdown_executor(&mut self, framework_id: &v1::FrameworkId, executor_id: &v1::ExecutorId) {
        let known =
            self.frameworks.get(&framework_id.value).and_then(|f| f.executors.get(&executor_id.value));
        match known.map(|executor| executor.phase) {
            None | Some(Phase::Terminated) => {
                self.log(format!("shutdown of executor {} ignored: it is not here", executor_id.value))
            }
            Some(Phase::Terminating) => {}
            Some(_) => self.begin_shutdown(&framework_id.value, &executor_id.value, None),
        }
    }

    /// SHUTDOWN, and the end of the container when the grace period, at most `within`, is over.
    pub(super) fn begin_shutdown(&mut self, framework_id: &str, executor_id: &str, within: Option<Duration>) {
        let Some(executor) =
            self.frameworks.get_mut(framework_id).and_then(|f| f.executors.get_mut(executor_id))
        else {
            return;
        };
        if executor.phase == Phase::Terminated {
            return;
        }
        let grace = environment::shutdown_grace(&self.options, &executor.info);
        let at = self.now + within.map_or(grace, |within| within.min(grace));
        if executor.phase == Phase::Terminating {
            // A shutdown under way may be shortened, never prolonged.
            executor.destroy_at = executor.destroy_at.map(|before| before.min(at));
            return;
        }
        let running = executor.phase;
        executor.phase = Phase::Terminating;
        (executor.register_by, executor.destroy_at) = (None, Some(at));
        match executor.stream {
            Some(stream) => self.event(stream, of(event::Type::Shutdown)),
            // It has no process yet: there is nobody to be gentle with.
            None if matches!(running, Phase::Preparing) => executor.destroy_at = Some(self.now),
            None => {}
        }
    }

    pub(super) fn shutdown_framework(&mut self, framework_id: &str) {
        let Some(framework) = self.frameworks.get_mut(framework_id) else { return };
        framework.terminating = true;
        self.updates.forget(framework_id);
        let executors: Vec<String> = framework.executors.keys().cloned().collect();
        for executor_id in &executors {
            self.begin_shutdown(framework_id, executor_id, None);
            self.forget_if_done(framework_id, executor_id);
        }
        self.forget_framework_if_done(framework_id);
    }

    /// What falls due for executors: registration, grace periods, heartbeats.
    pub(super) fn executor_deadlines(&mut self) {
        let due = |at: Option<Time>| at.is_some_and(|at| at <= self.now);
        let mut late = Vec::new();
        let timeout = environment::duration_text(self.options.executor_registration_timeout);
        for executor in self.frameworks.values_mut().flat_map(|framework| framework.executors.values_mut()) {
            if due(executor.register_by) {
                executor.register_by = None;
                executor.phase = Phase::Terminating;
                executor.cause.get_or_insert(Cause {
                    state: TaskState::TaskFailed,
                    reason: Reason::ExecutorRegistrationTimeout,
                    message: format!("Executor did not register within {timeout}"),
                });
                late.push(executor.run.container.clone());
            }
            if due(executor.destroy_at) {
                executor.destroy_at = None;
                late.push(executor.run.container.clone());
            }
        }
        self.out.extend(late.into_iter().map(Output::Destroy));
        self.heartbeats();
    }

    /// No process of an executor is left.
    pub(super) fn executor_exited(&mut self, framework_id: &str, executor_id: &str, status: i32) {
        let Some(framework) = self.frameworks.get_mut(framework_id) else { return };
        let (checkpoint, terminating) = (framework.info.checkpoint(), framework.terminating);
        let Some(executor) = framework.executors.get_mut(executor_id).filter(|e| e.is_alive()) else {
            return;
        };
        executor.phase = Phase::Terminated;
        (executor.register_by, executor.destroy_at, executor.heartbeat_at) = (None, None, None);
        let cause = executor.cause.clone().unwrap_or_else(|| Cause {
            state: TaskState::TaskFailed,
            reason: Reason::ExecutorTerminated,
            message: "Executor terminated".to_owned(),
        });
        let live: Vec<String> = executor.live().map(|task| task.info.task_id.value.clone()).collect();
        let run = executor.run.clone();
        self.out.extend(executor.stream.take().map(Output::EndStream));
        if !terminating {
            for task_id in &live {
                self.own_update(framework_id, Some(executor_id), task_id, &cause);
            }
        }
        if checkpoint {
            self.out.push(Output::Checkpoint(Checkpoint::RunEnded(run)));
        }
        // A master that is away learns it from the list the agent re-registers with, unless that has left already.
        if self.membership.can_speak() {
            self.out.push(Output::Send(ToMaster::ExecutorExited {
                framework_id: v1::FrameworkId { value: framework_id.to_owned() },
                executor_id: v1::ExecutorId { value: executor_id.to_owned() },
                status,
            }));
        }
        self.forget_if_done(framework_id, executor_id);
    }

    /// Forgets an executor that has ended and whose updates are all acknowledged, and then its framework.
    pub(super) fn forget_if_done(&mut self, framework_id: &str, executor_id: &str) {
        let Some(framework) = self.frameworks.get_mut(framework_id) else { return };
        let done = |e: &super::book::Executor| !e.is_alive() && (e.tasks.is_empty() || framework.terminating);
        if framework.executors.get(executor_id).is_some_and(done)
            && let Some(executor) = framework.executors.remove(executor_id)
        {
            if framework.info.checkpoint() {
                self.out.push(Output::Checkpoint(Checkpoint::ForgetRun(executor.run.clone())));
            }
            if framework.completed.len() == COMPLETED {
                framework.completed.pop_front();
            }
            framework.completed.push_back(executor);
        }
        self.forget_framework_if_done(framework_id);
    }

    fn forget_framework_if_done(&mut self, framework_id: &str) {
        let empty = self.frameworks.get(framework_id).is_some_and(|framework| framework.executors.is_empty());
        if empty && let Some(framework) = self.frameworks.remove(framework_id) {
            if framework.info.checkpoint() {
                let (agent_id, framework_id) = (self.agent_id().value, framework_id.to_owned());
                self.out.push(Output::Checkpoint(Checkpoint::ForgetFramework { agent_id, framework_id }));
            }
            self.remember_completed(framework);
        }
    }

    /// One entry for each completed framework: one that came and went again joins its former self.
    fn remember_completed(&mut self, mut framework: Framework) {
        let before = self.completed_frameworks.iter().position(|f| f.info.id == framework.info.id);
        if let Some(before) = before.and_then(|i| self.completed_frameworks.remove(i)) {
            let mut completed = before.completed;
            completed.append(&mut framework.completed);
            while completed.len() > COMPLETED {
                completed.pop_front();
            }
            framework.completed = completed;
        }
        if self.completed_frameworks.len() == COMPLETED {
            self.completed_frameworks.pop_front();
        }
        self.completed_frameworks.push_back(framework);
    }

    /// Leaves the master in an orderly way.
    pub(super) fn unregister(&mut self) {
        self.out.push(Output::Send(ToMaster::Unregister));
        self.membership.leave();
        self.leaving.get_or_insert(Ended::Left);
        self.shutdown_frameworks();
    }

    /// The master wants this agent gone for good.
    pub(super) fn told_to_leave(&mut self, why: &str) {
        self.out.push(Output::Checkpoint(Checkpoint::ForgetAgent));
        self.membership.leave();
        self.leaving = Some(Ended::Told(why.to_owned()));
        self.shutdown_frameworks();
    }

    fn shutdown_frameworks(&mut self) {
        let all: Vec<String> = self.frameworks.keys().cloned().collect();
        for framework_id in all {
            self.shutdown_framework(&framework_id);
        }
    }

    /// Ends all executors; their last updates are kept for the next start where the framework is checkpointed.
    pub(super) fn stop(&mut self, within: Duration) {
        self.leaving.get_or_insert(Ended::Stopped);
        let all = self
            .frameworks
            .iter()
            .flat_map(|(f, it)| it.executors.keys().map(move |e| (f.clone(), e.clone())));
        let all: Vec<(String, String)> = all.collect();
        for (framework_id, executor_id) in all {
            self.begin_shutdown(&framework_id, &executor_id, Some(within));
        }
    }

    pub(super) fn exit_if_done(&mut self) {
        let alive =
            self.frameworks.values().flat_map(|framework| framework.executors.values()).any(|e| e.is_alive());
        if !alive && let Some(ended) = &self.leaving {
            let ended = ended.clone();
            self.out.push(Output::Exit(ended));
        }
    }
}
