//! A master, a clock and whatever they said so far.

use std::time::Duration;

use mesos::{
    resource::{Resources, parse},
    v1::{
        self, TaskState,
        framework_info::{Capability, capability::Type as CapabilityType},
        offer::{Operation, operation},
        scheduler::{self, call, event::Type as EventType},
    },
};

use crate::{
    link::{LinkId, ToAgent, ToMaster},
    master::{Answer, Input, Master, Options, Output, Registry, StreamId, Ticket},
};

pub(super) const LINK: LinkId = LinkId(1);

pub(super) struct World {
    pub(super) master: Master,
    pub(super) now: Duration,
    pub(super) outputs: Vec<Output>,
    pub(super) registry: Registry,
    streams: u64,
}

pub(super) fn resources(text: &str) -> Vec<v1::Resource> {
    parse::resources(text).unwrap().to_vec()
}

pub(super) fn bag(resources: &[v1::Resource]) -> Resources {
    resources.iter().cloned().collect::<Resources>().unallocated()
}

pub(super) fn info(role: &str, capabilities: &[CapabilityType]) -> v1::FrameworkInfo {
    v1::FrameworkInfo {
        user: "u".to_owned(),
        name: "f".to_owned(),
        principal: Some("p".to_owned()),
        failover_timeout: Some(60.0),
        checkpoint: Some(true),
        roles: vec![role.to_owned()],
        capabilities: capabilities.iter().map(|it| Capability { r#type: Some((*it).into()) }).collect(),
        ..Default::default()
    }
}

pub(super) const MODERN: [CapabilityType; 3] =
    [CapabilityType::MultiRole, CapabilityType::ReservationRefinement, CapabilityType::PartitionAware];

impl World {
    pub(super) fn new() -> Self {
        Self::with(Registry::default(), Duration::from_secs(1_000_000), 1)
    }

    pub(super) fn with(registry: Registry, now: Duration, seed: u64) -> Self {
        let mut options = Options::new("127.0.0.1:5050".parse().unwrap());
        options.agent_ping_timeout = Duration::from_secs(2);
        let master = Master::new(options, registry.clone(), seed, now);
        Self { master, now, outputs: Vec::new(), registry, streams: 0 }
    }

    /// One input; its outputs are also kept.
    pub(super) fn give(&mut self, input: Input) -> Vec<Output> {
        let outputs = self.master.handle(self.now, input);
        for output in &outputs {
            if let Output::Registry(registry) = output {
                self.registry = (**registry).clone();
            }
        }
        self.outputs.extend(outputs.clone());
        outputs
    }

    /// Time passes, from timer to timer. The agent's pongs are given, if it is `alive`.
    pub(super) fn pass(&mut self, seconds: f64, alive: Option<LinkId>) -> Vec<Output> {
        let end = self.now + Duration::from_secs_f64(seconds);
        let mut all = Vec::new();
        while self.master.wake_at() <= end {
            self.now = self.master.wake_at().max(self.now);
            let outputs = self.give(Input::Tick);
            let pinged =
                outputs.iter().any(|it| matches!(it, Output::ToAgent { message: ToAgent::Ping { .. }, .. }));
            if let Some(link) = alive.filter(|_| pinged) {
                all.extend(self.say(link, ToMaster::Pong));
            }
            all.extend(outputs);
        }
        self.now = end;
        all
    }

    pub(super) fn subscribe(&mut self, info: v1::FrameworkInfo) -> (StreamId, Vec<Output>) {
        self.streams += 1;
        let stream = StreamId(format!("stream-{}", self.streams));
        let subscribe = Box::new(call::Subscribe { framework_info: info, ..Default::default() });
        let outputs = self.give(Input::Subscribe { stream: stream.clone(), subscribe });
        (stream, outputs)
    }

    /// A call on a stream; gives the answer.
    pub(super) fn call(&mut self, stream: &StreamId, call: scheduler::Call) -> (Answer, Vec<Output>) {
        let (stream, call) = (Some(stream.clone()), Box::new(call));
        let outputs = self.give(Input::Call { ticket: Ticket(0), stream, call });
        (answer(&outputs), outputs)
    }

    pub(super) fn say(&mut self, link: LinkId, message: ToMaster) -> Vec<Output> {
        self.give(Input::Agent { link, message })
    }

    /// An agent of these resources registers; gives its id.
    pub(super) fn agent(&mut self, link: LinkId, has: &str) -> v1::AgentId {
        self.give(Input::Linked { link, address: format!("127.0.0.1:{}", 6000 + link.0).parse().unwrap() });
        let info = Box::new(v1::AgentInfo { hostname: "h".to_owned(), ..Default::default() });
        let outputs = self.say(link, ToMaster::Register { info, resources: resources(has) });
        outputs
            .iter()
            .find_map(|it| match it {
                Output::ToAgent { message: ToAgent::Registered { agent_id }, .. } => Some(agent_id.clone()),
                _ => None,
            })
            .unwrap()
    }

    /// What the agent says when it comes back.
    pub(super) fn reregister(
        &mut self,
        link: LinkId,
        id: &v1::AgentId,
        has: &[v1::Resource],
        tasks: Vec<v1::Task>,
    ) -> Vec<Output> {
        self.give(Input::Linked { link, address: "127.0.0.1:6001".parse().unwrap() });
        let info =
            Box::new(v1::AgentInfo { hostname: "h".to_owned(), id: Some(id.clone()), ..Default::default() });
        let frameworks = tasks.iter().map(framework_of).collect();
        let (executors, operations) = (Vec::new(), Vec::new());
        self.say(
            link,
            ToMaster::Reregister { info, resources: has.to_vec(), tasks, executors, frameworks, operations },
        )
    }

    /// A framework that runs one task; gives its stream, its id and the agent's.
    pub(super) fn with_task(&mut self, info: v1::FrameworkInfo) -> (StreamId, v1::FrameworkId, v1::AgentId) {
        let agent = self.agent(LINK, "cpus:4;mem:1024");
        let (stream, outputs) = self.subscribe(info);
        let offer = offers(&outputs).remove(0);
        let task = task("t1", &agent, "cpus:1;mem:64");
        self.call(&stream, accept(&offer, vec![launch(vec![task])]));
        let framework = offer.framework_id;
        self.say(LINK, update(&framework, "t1", TaskState::TaskRunning, 1, &agent));
        (stream, framework, agent)
    }
}

fn framework_of(task: &v1::Task) -> v1::FrameworkInfo {
    v1::FrameworkInfo { id: Some(task.framework_id.clone()), ..info("r", &MODERN) }
}

pub(super) fn answer(outputs: &[Output]) -> Answer {
    outputs
        .iter()
        .find_map(|it| if let Output::Answer { answer, .. } = it { Some(answer.clone()) } else { None })
        .unwrap()
}

pub(super) fn events(outputs: &[Output]) -> Vec<scheduler::Event> {
    outputs
        .iter()
        .filter_map(|it| if let Output::Event { event, .. } = it { Some((**event).clone()) } else { None })
        .collect()
}

pub(super) fn kinds(outputs: &[Output]) -> Vec<EventType> {
    events(outputs).iter().map(scheduler::Event::r#type).collect()
}

pub(super) fn offers(outputs: &[Output]) -> Vec<v1::Offer> {
    events(outputs).into_iter().filter_map(|event| event.offers).flat_map(|offers| offers.offers).collect()
}

pub(super) fn statuses(outputs: &[Output]) -> Vec<v1::TaskStatus> {
    events(outputs).into_iter().filter_map(|event| event.update).map(|update| update.status).collect()
}

pub(super) fn operation_statuses(outputs: &[Output]) -> Vec<v1::OperationStatus> {
    events(outputs)
        .into_iter()
        .filter_map(|event| event.update_operation_status)
        .map(|update| update.status)
        .collect()
}

pub(super) fn to_agent(outputs: &[Output]) -> Vec<ToAgent> {
    outputs
        .iter()
        .filter_map(|it| if let Output::ToAgent { message, .. } = it { Some(message.clone()) } else { None })
        .filter(|it| !matches!(it, ToAgent::Ping { .. }))
        .collect()
}

pub(super) fn of(kind: call::Type) -> scheduler::Call {
    scheduler::Call { r#type: Some(kind.into()), ..Default::default() }
}

/// `call` in the name of the framework an offer was made to.
pub(super) fn by(framework: &v1::FrameworkId, call: scheduler::Call) -> scheduler::Call {
    scheduler::Call { framework_id: Some(framework.clone()), ..call }
}

pub(super) fn accept(offer: &v1::Offer, operations: Vec<Operation>) -> scheduler::Call {
    let filters = Some(v1::Filters { refuse_seconds: Some(0.0) });
    let body = call::Accept { offer_ids: vec![offer.id.clone()], operations, filters };
    by(&offer.framework_id, scheduler::Call { accept: Some(body), ..of(call::Type::Accept) })
}

pub(super) fn decline(offer: &v1::Offer, seconds: Option<f64>) -> scheduler::Call {
    let filters = seconds.map(|seconds| v1::Filters { refuse_seconds: Some(seconds) });
    let body = call::Decline { offer_ids: vec![offer.id.clone()], filters };
    by(&offer.framework_id, scheduler::Call { decline: Some(body), ..of(call::Type::Decline) })
}

pub(super) fn launch(task_infos: Vec<v1::TaskInfo>) -> Operation {
    Operation {
        r#type: Some(operation::Type::Launch.into()),
        launch: Some(operation::Launch { task_infos }),
        ..Default::default()
    }
}

/// A task of these resources under executor `e`, which takes 0.1 cpus and 32 mem.
pub(super) fn task(id: &str, agent: &v1::AgentId, has: &str) -> v1::TaskInfo {
    v1::TaskInfo {
        name: id.to_owned(),
        task_id: v1::TaskId { value: id.to_owned() },
        agent_id: agent.clone(),
        resources: resources(has),
        executor: Some(v1::ExecutorInfo {
            executor_id: v1::ExecutorId { value: "e".to_owned() },
            command: Some(v1::CommandInfo { value: Some("run".to_owned()), ..Default::default() }),
            resources: resources("cpus:0.1;mem:32"),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// An update as an agent sends it; `n` makes its uuid.
pub(super) fn update(
    framework: &v1::FrameworkId,
    task: &str,
    state: TaskState,
    n: u8,
    agent: &v1::AgentId,
) -> ToMaster {
    let status = v1::TaskStatus {
        task_id: v1::TaskId { value: task.to_owned() },
        state: state.into(),
        agent_id: Some(agent.clone()),
        uuid: Some(uuid(n)),
        healthy: Some(true),
        data: Some(vec![1]),
        ..Default::default()
    };
    ToMaster::Update {
        framework_id: framework.clone(),
        executor_id: None,
        status: Box::new(status),
        latest_state: state,
    }
}

pub(super) fn uuid(n: u8) -> Vec<u8> {
    let mut bytes = vec![n; 16];
    (bytes[6], bytes[8]) = (0x40, 0x80);
    bytes
}

pub(super) fn acknowledge(
    framework: &v1::FrameworkId,
    task: &str,
    n: u8,
    agent: &v1::AgentId,
) -> scheduler::Call {
    let body = call::Acknowledge {
        agent_id: agent.clone(),
        task_id: v1::TaskId { value: task.to_owned() },
        uuid: uuid(n),
    };
    by(framework, scheduler::Call { acknowledge: Some(body), ..of(call::Type::Acknowledge) })
}

pub(super) fn reconcile(
    framework: &v1::FrameworkId,
    tasks: &[(&str, Option<&v1::AgentId>)],
) -> scheduler::Call {
    let tasks = tasks
        .iter()
        .map(|(task, agent)| call::reconcile::Task {
            task_id: v1::TaskId { value: (*task).to_owned() },
            agent_id: agent.cloned(),
        })
        .collect();
    by(framework, scheduler::Call { reconcile: Some(call::Reconcile { tasks }), ..of(call::Type::Reconcile) })
}
