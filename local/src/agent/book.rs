//! What an agent remembers of frameworks, their executors and tasks.
use std::collections::{BTreeMap, VecDeque};

use mesos::resource::Resources;
use mesos::v1;
use mesos::v1::{TaskState, task_status};

use super::{Container, Run, Ticket, Time};

/// Completed tasks kept of each executor, for views.
const COMPLETED_TASKS: usize = 200;

/// A framework with executors here.
#[derive(Debug)]
pub(super) struct Framework {
    pub(super) info: v1::FrameworkInfo,
    /// No updates are sent for it any more.
    pub(super) terminating: bool,
    pub(super) executors: BTreeMap<String, Executor>,
    pub(super) completed: VecDeque<Executor>,
}

impl Framework {
    pub(super) fn new(info: v1::FrameworkInfo) -> Self {
        Self { info, terminating: false, executors: BTreeMap::new(), completed: VecDeque::new() }
    }

    pub(super) fn partition_aware(&self) -> bool {
        use v1::framework_info::capability::Type;
        self.info.capabilities.iter().any(|capability| capability.r#type() == Type::PartitionAware)
    }

    /// `state` for a framework that knows of partitions, TASK_LOST for any other.
    pub(super) fn lost_or(&self, state: TaskState) -> TaskState {
        if self.partition_aware() { state } else { TaskState::TaskLost }
    }

    /// The executor that has a task, be it queued, launched, or ended with an unacknowledged update.
    pub(super) fn executor_of(&self, task_id: &str) -> Option<&str> {
        self.executors
            .iter()
            .find(|(_, executor)| executor.task(task_id).is_some())
            .map(|(id, _)| id.as_str())
    }
}

/// Where an executor stands. See the picture in [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Preparing,
    Launching,
    /// Its process runs, or ran when the agent was last alive; no SUBSCRIBE yet.
    Registering,
    Running,
    Terminating,
    Terminated,
}

/// What its tasks are told when an executor ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) state: TaskState,
    pub(super) reason: task_status::Reason,
    pub(super) message: String,
}

/// One run of an executor.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) info: v1::ExecutorInfo,
    pub(super) run: Run,
    pub(super) user: String,
    pub(super) phase: Phase,
    pub(super) pid: Option<u32>,
    pub(super) stream: Option<Ticket>,
    /// In the order they came.
    pub(super) tasks: Vec<Task>,
    pub(super) completed: VecDeque<v1::Task>,
    /// Whether any task was ever handed over to it.
    pub(super) delivered: bool,
    pub(super) register_by: Option<Time>,
    pub(super) destroy_at: Option<Time>,
    pub(super) heartbeat_at: Option<Time>,
    /// Why it ends, if for another reason than its own will.
    pub(super) cause: Option<Cause>,
}

impl Executor {
    pub(super) fn new(info: v1::ExecutorInfo, run: Run, user: String) -> Self {
        Self {
            info,
            run,
            user,
            phase: Phase::Preparing,
            pid: None,
            stream: None,
            tasks: Vec::new(),
            completed: VecDeque::new(),
            delivered: false,
            register_by: None,
            destroy_at: None,
            heartbeat_at: None,
            cause: None,
        }
    }

    pub(super) fn task(&self, task_id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.info.task_id.value == task_id)
    }

    pub(super) fn task_mut(&mut self, task_id: &str) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.info.task_id.value == task_id)
    }

    /// Tasks that have not ended.
    pub(super) fn live(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.stage != Stage::Ended)
    }

    pub(super) fn deadlines(&self) -> impl Iterator<Item = Time> + use<> {
        [self.register_by, self.destroy_at, self.heartbeat_at].into_iter().flatten()
    }

    /// Whether its container has, or will have, a process.
    pub(super) fn is_alive(&self) -> bool {
        self.phase != Phase::Terminated
    }

    /// The terminal update of a task is acknowledged: only views remember it.
    pub(super) fn complete(&mut self, task_id: &str) {
        if let Some(i) = self.tasks.iter().position(|task| task.info.task_id.value == task_id) {
            let task = self.tasks.remove(i);
            if self.completed.len() == COMPLETED_TASKS {
                self.completed.pop_front();
            }
            self.completed.push_back(task.record);
        }
    }

    /// What it holds: its own resources and those of its live tasks.
    pub(super) fn resources(&self) -> Resources {
        let tasks = self.live().flat_map(|task| &task.info.resources);
        let own = if self.is_alive() { &self.info.resources[..] } else { &[] };
        own.iter().chain(tasks).cloned().collect()
    }

    pub(super) fn container_status(&self, ip: &str) -> v1::ContainerStatus {
        v1::ContainerStatus {
            container_id: Some(container_id(&self.run.container)),
            network_infos: vec![v1::NetworkInfo {
                ip_addresses: vec![v1::network_info::IpAddress {
                    protocol: Some(v1::network_info::Protocol::IPv4.into()),
                    ip_address: Some(ip.to_owned()),
                }],
                ..Default::default()
            }],
            executor_pid: self.pid,
            ..Default::default()
        }
    }
}

/// Where a task stands between agent and executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its executor does not have it yet.
    Queued,
    /// Handed over.
    Launched,
    /// Ended; its terminal update is not acknowledged.
    Ended,
}

/// A task.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) info: v1::TaskInfo,
    pub(super) record: v1::Task,
    pub(super) stage: Stage,
}

impl Task {
    pub(super) fn new(
        framework: &v1::FrameworkInfo,
        executor: &v1::ExecutorInfo,
        info: v1::TaskInfo,
    ) -> Self {
        let record = v1::Task {
            name: info.name.clone(),
            task_id: info.task_id.clone(),
            framework_id: framework.id.clone().unwrap_or_default(),
            executor_id: Some(executor.executor_id.clone()),
            agent_id: info.agent_id.clone(),
            state: TaskState::TaskStaging.into(),
            resources: info.resources.clone(),
            labels: info.labels.clone(),
            discovery: info.discovery.clone(),
            container: info.container.clone(),
            user: Some(user(framework, executor)),
            health_check: info.health_check.clone(),
            kill_policy: info.kill_policy,
            limits: info.limits.clone(),
            ..Default::default()
        };
        Self { info, record, stage: Stage::Queued }
    }

    /// Notes a status: history keeps the last of each run of equal states, as Mesos does.
    pub(super) fn note(&mut self, status: &v1::TaskStatus) {
        self.record.state = status.state;
        match self.record.statuses.last_mut() {
            Some(last) if last.state == status.state => *last = status.clone(),
            _ => self.record.statuses.push(status.clone()),
        }
        if is_terminal(status.state()) {
            self.stage = Stage::Ended;
        }
    }
}

/// Who an executor runs as.
pub(super) fn user(framework: &v1::FrameworkInfo, executor: &v1::ExecutorInfo) -> String {
    let own = executor.command.as_ref().and_then(|command| command.user.clone());
    own.unwrap_or_else(|| framework.user.clone())
}

pub(super) fn container_id(container: &Container) -> v1::ContainerId {
    v1::ContainerId { value: container.0.clone(), ..Default::default() }
}

/// Whether a task in that state has ended (§2.11).
pub(super) fn is_terminal(state: TaskState) -> bool {
    use TaskState as S;
    match state {
        S::TaskFinished
        | S::TaskFailed
        | S::TaskKilled
        | S::TaskError
        | S::TaskLost
        | S::TaskDropped
        | S::TaskGone
        | S::TaskGoneByOperator => true,
        S::TaskStaging
        | S::TaskStarting
        | S::TaskRunning
        | S::TaskKilling
        | S::TaskUnreachable
        | S::TaskUnknown => false,
    }
}
