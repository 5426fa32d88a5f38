//! An agent on a bench: a clock, a master and executors played by the test.
use std::time::Duration;

use mesos::resource::{Resources, parse};
use mesos::v1;
use mesos::v1::executor::{self, call, event};
use mesos::v1::{TaskState, task_status};

use crate::agent::{
    Agent, Answer, Checkpoint, Container, ContainerEvent, Input, Options, Output, Recovered,
    RecoveredExecutor, RecoveredFramework, RecoveredTask, Ticket, Time, UpdateRecord,
};
use crate::link::{ToAgent, ToMaster};

pub(super) struct Bench {
    pub(super) agent: Agent,
    pub(super) now: Time,
    next_ticket: u64,
    /// All checkpoints so far: the agent's disk.
    pub(super) disk: Vec<Checkpoint>,
}

pub(super) fn options() -> Options {
    let resources = parse::resources("cpus:4;mem:4096;disk:8192;ports:[31000-31009]").unwrap();
    Options {
        executor_registration_timeout: Duration::from_secs(6),
        ..Options::new(([127, 0, 0, 1], 5051).into(), "/w".into(), resources)
    }
}

pub(super) fn framework(checkpoint: bool, partition_aware: bool) -> v1::FrameworkInfo {
    use v1::framework_info::capability::Type;
    let aware = v1::framework_info::Capability { r#type: Some(Type::PartitionAware.into()) };
    v1::FrameworkInfo {
        user: "u".into(),
        name: "f".into(),
        id: Some(v1::FrameworkId { value: "F".into() }),
        checkpoint: Some(checkpoint),
        capabilities: if partition_aware { vec![aware] } else { vec![] },
        ..Default::default()
    }
}

pub(super) fn executor(id: &str) -> v1::ExecutorInfo {
    v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: id.into() },
        framework_id: Some(framework_id()),
        command: Some(v1::CommandInfo { value: Some("run".into()), ..Default::default() }),
        ..Default::default()
    }
}

pub(super) fn task(id: &str) -> v1::TaskInfo {
    v1::TaskInfo {
        name: id.into(),
        task_id: v1::TaskId { value: id.into() },
        agent_id: v1::AgentId { value: "A".into() },
        resources: parse::resources("cpus:1;mem:32").unwrap().to_vec(),
        ..Default::default()
    }
}

pub(super) fn framework_id() -> v1::FrameworkId {
    v1::FrameworkId { value: "F".into() }
}

pub(super) fn status(task_id: &str, state: TaskState, n: u8) -> v1::TaskStatus {
    let mut uuid = vec![n; 16];
    (uuid[6], uuid[8]) = (0x40, 0x80);
    v1::TaskStatus {
        task_id: v1::TaskId { value: task_id.into() },
        state: state.into(),
        source: Some(task_status::Source::Executor.into()),
        uuid: Some(uuid),
        ..Default::default()
    }
}

impl Bench {
    /// Registered as agent `A`.
    pub(super) fn new() -> Self {
        let mut bench = Self::start(Recovered::default());
        bench.give(Input::Linked);
        bench.give(Input::Master(ToAgent::Registered { agent_id: v1::AgentId { value: "A".into() } }));
        assert!(bench.agent.is_registered());
        bench
    }

    fn start(recovered: Recovered) -> Self {
        let now = Time::from_secs(1000);
        let agent = Agent::new(options(), recovered, 7, now).unwrap();
        Self { agent, now, next_ticket: 0, disk: Vec::new() }
    }

    /// SIGKILL of the agent, and its start on the same disk.
    pub(super) fn restart(self) -> Self {
        let mut bench = Self::start(recovered(&self.disk));
        (bench.disk, bench.next_ticket) = (self.disk, self.next_ticket);
        bench
    }

    pub(super) fn give(&mut self, input: Input) -> Vec<Output> {
        let out = self.agent.handle(self.now, input);
        self.disk.extend(out.iter().filter_map(|output| match output {
            Output::Checkpoint(checkpoint) => Some(checkpoint.clone()),
            _ => None,
        }));
        out
    }

    pub(super) fn master(&mut self, message: ToAgent) -> Vec<Output> {
        self.give(Input::Master(message))
    }

    /// Lets time pass, with a tick at each deadline on the way.
    pub(super) fn wait(&mut self, duration: Duration) -> Vec<Output> {
        let (end, mut out) = (self.now + duration, Vec::new());
        while let Some(at) = self.agent.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            out.extend(self.give(Input::Tick));
        }
        self.now = end;
        out
    }

    pub(super) fn run_task(
        &mut self,
        framework: &v1::FrameworkInfo,
        executor: &v1::ExecutorInfo,
        task: &v1::TaskInfo,
    ) -> Vec<Output> {
        self.master(ToAgent::RunTask {
            framework: Box::new(framework.clone()),
            executor: Box::new(executor.clone()),
            task: Box::new(task.clone()),
        })
    }

    pub(super) fn container(&mut self, container: &Container, event: ContainerEvent) -> Vec<Output> {
        self.give(Input::Container { container: container.clone(), event })
    }

    /// Task `t` on executor `e` of a framework, its process started, not subscribed.
    pub(super) fn launched(&mut self, framework: &v1::FrameworkInfo) -> Container {
        let out = self.run_task(framework, &executor("e"), &task("t"));
        let container = out
            .iter()
            .find_map(|output| match output {
                Output::Prepare { run, .. } => Some(run.container.clone()),
                _ => None,
            })
            .unwrap();
        self.container(&container, ContainerEvent::Prepared);
        self.container(&container, ContainerEvent::Launched { pid: 42 });
        container
    }

    pub(super) fn call(&mut self, call: executor::Call) -> (Ticket, Vec<Output>) {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        let out = self.give(Input::Call { ticket, call: Box::new(call) });
        (ticket, out)
    }

    pub(super) fn subscribe(
        &mut self,
        executor_id: &str,
        tasks: Vec<v1::TaskInfo>,
        updates: Vec<v1::TaskStatus>,
    ) -> (Ticket, Vec<Output>) {
        let updates = updates.into_iter().map(|status| call::Update { status }).collect();
        let subscribe = call::Subscribe { unacknowledged_tasks: tasks, unacknowledged_updates: updates };
        self.call(executor::Call { subscribe: Some(subscribe), ..of(executor_id, call::Type::Subscribe) })
    }

    pub(super) fn update(&mut self, executor_id: &str, status: v1::TaskStatus) -> Vec<Output> {
        let update = Some(call::Update { status });
        self.call(executor::Call { update, ..of(executor_id, call::Type::Update) }).1
    }

    /// Acknowledges the status last sent for a task.
    pub(super) fn acknowledge(&mut self, task_id: &str, uuid: Option<Vec<u8>>) -> Vec<Output> {
        self.master(ToAgent::AcknowledgeUpdate {
            framework_id: framework_id(),
            task_id: v1::TaskId { value: task_id.into() },
            uuid: uuid.unwrap(),
        })
    }
}

pub(super) fn of(executor_id: &str, kind: call::Type) -> executor::Call {
    executor::Call {
        executor_id: v1::ExecutorId { value: executor_id.into() },
        framework_id: framework_id(),
        r#type: Some(kind.into()),
        ..Default::default()
    }
}

/// Statuses among the outputs: task, state, reason if any.
pub(super) fn sent(out: &[Output]) -> Vec<v1::TaskStatus> {
    let of = |output: &Output| match output {
        Output::Send(ToMaster::Update { status, .. }) => Some((**status).clone()),
        _ => None,
    };
    out.iter().filter_map(of).collect()
}

pub(super) fn states(out: &[Output]) -> Vec<(String, TaskState, Option<task_status::Reason>)> {
    let brief = |s: v1::TaskStatus| (s.task_id.value.clone(), s.state(), s.reason.map(|_| s.reason()));
    sent(out).into_iter().map(brief).collect()
}

/// Types of the events among the outputs.
pub(super) fn events(out: &[Output]) -> Vec<event::Type> {
    let of = |output: &Output| match output {
        Output::Event { event, .. } => Some(event.r#type()),
        _ => None,
    };
    out.iter().filter_map(of).collect()
}

pub(super) fn answer(out: &[Output]) -> Answer {
    let of = |output: &Output| match output {
        Output::Answer { answer, .. } => Some(answer.clone()),
        _ => None,
    };
    out.iter().find_map(of).unwrap()
}

pub(super) fn exited(out: &[Output]) -> Option<i32> {
    out.iter().find_map(|output| match output {
        Output::Send(ToMaster::ExecutorExited { status, .. }) => Some(*status),
        _ => None,
    })
}

pub(super) fn destroys(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::Destroy(_)))
}

/// What a store makes of these checkpoints; `shell::agent::store` does the same with files.
pub(super) fn recovered(disk: &[Checkpoint]) -> Recovered {
    let (mut all, mut forgotten) = (Recovered::default(), false);
    for checkpoint in disk {
        match checkpoint.clone() {
            Checkpoint::Agent(info) => all.agent_id = info.id,
            Checkpoint::ForgetAgent => forgotten = true,
            Checkpoint::Framework { info, .. } => {
                match all.frameworks.iter_mut().find(|f| f.info.id == info.id) {
                    Some(known) => known.info = *info,
                    None => all.frameworks.push(RecoveredFramework { info: *info, executors: vec![] }),
                }
            }
            Checkpoint::ForgetFramework { framework_id, .. } => {
                all.frameworks.retain(|f| f.info.id.as_ref().unwrap().value != framework_id);
            }
            Checkpoint::Executor { run, info } => {
                let executors = &mut framework_of(&mut all, &run.framework_id).executors;
                executors.retain(|e| e.info.executor_id != info.executor_id);
                executors.push(RecoveredExecutor {
                    info: *info,
                    container: run.container,
                    pid: Some(42),
                    ended: false,
                    tasks: vec![],
                });
            }
            Checkpoint::RunEnded(run) => executor_of(&mut all, &run).ended = true,
            Checkpoint::ForgetRun(run) => {
                let executors = &mut framework_of(&mut all, &run.framework_id).executors;
                executors.retain(|e| e.info.executor_id.value != run.executor_id);
            }
            Checkpoint::Task { run, info } => {
                let id = info.task_id.value.clone();
                task_of(executor_of(&mut all, &run), &id).info = Some(*info);
            }
            Checkpoint::Update { run, task_id, record } => {
                task_of(executor_of(&mut all, &run), &task_id).updates.push(record);
            }
            Checkpoint::Resources { resources, operations } => {
                (all.resources, all.operations) = (resources, operations);
            }
        }
    }
    // What is under the old id stays there, and nobody looks.
    if forgotten { Recovered { agent_id: None, frameworks: vec![], ..all } } else { all }
}

fn framework_of<'a>(all: &'a mut Recovered, id: &str) -> &'a mut RecoveredFramework {
    all.frameworks.iter_mut().find(|f| f.info.id.as_ref().unwrap().value == id).unwrap()
}

fn executor_of<'a>(all: &'a mut Recovered, run: &crate::agent::Run) -> &'a mut RecoveredExecutor {
    let executors = &mut framework_of(all, &run.framework_id).executors;
    executors.iter_mut().find(|e| e.info.executor_id.value == run.executor_id).unwrap()
}

fn task_of<'a>(executor: &'a mut RecoveredExecutor, id: &str) -> &'a mut RecoveredTask {
    if !executor.tasks.iter().any(|task| task.task_id == id) {
        executor.tasks.push(RecoveredTask { task_id: id.to_owned(), info: None, updates: vec![] });
    }
    executor.tasks.iter_mut().find(|task| task.task_id == id).unwrap()
}

/// The order of steps on disk and events: an update is kept before the executor hears of it.
pub(super) fn kept_before_acknowledged(out: &[Output]) -> bool {
    let kept = out.iter().position(|output| {
        matches!(output, Output::Checkpoint(Checkpoint::Update { record: UpdateRecord::Update(_), .. }))
    });
    let told = out.iter().position(
        |output| matches!(output, Output::Event { event, .. } if event.r#type() == event::Type::Acknowledged),
    );
    matches!((kept, told), (Some(kept), Some(told)) if kept < told)
}

/// Resources from text, as the agent has them.
pub(super) fn resources(text: &str) -> Resources {
    parse::resources(text).unwrap()
}
