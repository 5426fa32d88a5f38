//! The world of one run: who exists, what is under way between them, and the one clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use local::{
    agent::{self, ContainerEvent},
    link::{LinkId, ToAgent, ToMaster},
    master::{self, Master, Registry, StreamId},
};
use mesos::v1::{self, TaskState, executor, scheduler as wire};
use scheduler::event::{Event, Timestamp, Write};

use crate::{
    chance::Chance,
    invariant::{self, Check},
    kafka_truth::KafkaTruth,
    node::{Executor, Node},
    planted::Planted,
    process::Process,
};

/// How long faults go on.
const FAULTY_MS: u64 = 4 * 60_000;
/// How long a healed cluster may take: longer than any back-off of Mesos or ours.
const HEALING_MS: u64 = 45 * 60_000;
/// Lines of trace in a failure's report.
const TRACE_SHOWN: usize = 60;
/// When a run begins.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// Something that is under way and will happen.
enum Happening {
    MasterTick,
    NodeTick(usize),
    MasterStart,
    NodeStart(usize),
    NodeLink(usize),
    ToMaster(LinkId, ToMaster),
    ToAgent(usize, LinkId, ToAgent),
    Container(usize, String, ContainerEvent),
    ExecutorStart(usize, agent::Run),
    ExecutorSubscribe(usize, String),
    ExecutorEvent(usize, String, agent::Ticket, Box<executor::Event>),
    ExecutorUpdate(usize, String, v1::TaskStatus),
    ExecutorServes(usize, String),
    ExecutorEnds(usize, String, TaskState),
    ProcessStart,
    ProcessTick(u64),
    Subscribe(u64),
    StreamEvent(StreamId, Box<wire::Event>),
    StreamEnd(StreamId),
    Call(StreamId, Box<wire::Call>),
    Lie(u64, Box<v1::TaskStatus>),
    Cut(usize, u64),
    Disaster,
}

/// The agent of an ACCEPT that launches something.
fn launched_on(accept: &wire::call::Accept) -> Option<String> {
    let launch = accept.operations.iter().find_map(|operation| operation.launch.as_ref())?;
    Some(launch.task_infos.first()?.agent_id.value.clone())
}

/// How a run ended.
pub struct Outcome {
    /// What fixes the run.
    pub seed: u64,
    /// What is wrong, if anything.
    pub violation: Option<String>,
    /// The last events.
    pub trace: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.trace.len().saturating_sub(TRACE_SHOWN);
        for line in &self.trace[skipped..] {
            writeln!(f, "{line}")?;
        }
        match &self.violation {
            None => write!(f, "seed {}: all invariants hold", self.seed),
            Some(violation) => write!(
                f,
                "seed {}: {violation}\nreplay: SIMULATION_SEED={} cargo test --test simulation replay -- --nocapture",
                self.seed, self.seed
            ),
        }
    }
}

pub struct World {
    seed: u64,
    chance: Chance,
    planted: Option<Planted>,
    now: u64,
    /// What will happen, in order of time and then of making.
    agenda: BTreeMap<(u64, u64), Happening>,
    made: u64,
    /// When the last message of an ordered channel arrives.
    last_on: BTreeMap<String, u64>,
    master: Option<Master>,
    registry: Registry,
    nodes: Vec<Node>,
    process: Process,
    kafka: KafkaTruth,
    tickets: u64,
    /// Every update the scheduler was sent, by uuid.
    updates: BTreeMap<Vec<u8>, v1::TaskStatus>,
    /// Volumes that a broker ever served from.
    served: BTreeSet<String>,
    /// Brokers killed by us and not back.
    down: BTreeSet<u32>,
    faulty: bool,
    violation: Option<String>,
    trace: Vec<String>,
    /// Print the trace as it grows.
    pub print: bool,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut chance = Chance::new(seed);
        let machines = 1 + chance.pick(4);
        let placement = if machines >= 3 && chance.happens(500) { "NODE" } else { "ANY" };
        let brokers = u32::try_from(1 + chance.pick(3)).unwrap();
        Self {
            seed,
            chance,
            planted,
            now: EPOCH_MS,
            agenda: BTreeMap::new(),
            made: 0,
            last_on: BTreeMap::new(),
            master: None,
            registry: Registry::default(),
            nodes: (0..machines).map(Node::new).collect(),
            process: Process::new(brokers, placement),
            kafka: KafkaTruth::default(),
            tickets: 0,
            updates: BTreeMap::new(),
            served: BTreeSet::new(),
            down: BTreeSet::new(),
            faulty: true,
            violation: None,
            trace: Vec::new(),
            print: false,
        }
    }

    /// Runs to the end: faults, healing, convergence.
    pub fn run(&mut self) -> Outcome {
        self.after(0, Happening::MasterStart);
        for node in 0..self.nodes.len() {
            let delay = self.chance.millis(0, 2000);
            self.after(delay, Happening::NodeStart(node));
        }
        let delay = self.chance.millis(0, 3000);
        self.after(delay, Happening::ProcessStart);
        self.after(1000, Happening::Disaster);
        let (faulty_until, end) = (EPOCH_MS + FAULTY_MS, EPOCH_MS + FAULTY_MS + HEALING_MS);
        while self.violation.is_none() {
            let Some(((at, _), happening)) = self.agenda.pop_first() else { break };
            self.now = at;
            if self.faulty && at >= faulty_until {
                self.heal();
            }
            self.happen(happening);
            if !self.faulty && self.has_converged() {
                break;
            }
            if at >= end {
                let stuck = self.process.core.as_ref().map(|core| {
                    let plan = core.view(Timestamp(self.now)).plan;
                    let blocks = plan.phases.iter().flat_map(|phase| &phase.blocks);
                    let flow = format!("{:?}", core.state().offer_flow);
                    let released = format!("{:?}", core.state().stored.released);
                    format!(
                        "{:?} {flow} {released}",
                        blocks.map(|block| block.message.clone()).collect::<Vec<_>>()
                    )
                });
                self.check(Err(format!("a healed cluster completes its plan: {stuck:?}")));
            }
        }
        if self.violation.is_none()
            && let Some(core) = &self.process.core
        {
            let check = invariant::nothing_leaks(&self.nodes, core);
            self.check(check);
        }
        self.outcome(self.violation.clone())
    }

    /// The outcome as far as it is known.
    pub fn outcome(&self, violation: Option<String>) -> Outcome {
        Outcome { seed: self.seed, violation, trace: self.trace.clone() }
    }

    fn check(&mut self, check: Check) {
        if let Err(violation) = check
            && self.violation.is_none()
        {
            self.note(&violation);
            self.violation = Some(violation);
        }
    }

    fn note(&mut self, line: &str) {
        let line = format!("{:9.3} {line}", (self.now - EPOCH_MS) as f64 / 1000.0);
        if self.print {
            eprintln!("{line}");
        }
        self.trace.push(line);
    }

    fn after(&mut self, millis: u64, happening: Happening) {
        self.made += 1;
        self.agenda.insert((self.now + millis, self.made), happening);
    }

    /// Like `after`, but never before what went onto the same channel earlier.
    fn in_order(&mut self, channel: String, millis: u64, happening: Happening) {
        let last = self.last_on.entry(channel).or_default();
        let at = (self.now + millis).max(*last);
        *last = at;
        self.after(at - self.now, happening);
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    fn time(&self) -> Duration {
        Duration::from_millis(self.now)
    }

    fn happens(&mut self, rate: impl Fn(&crate::chance::Rates) -> u32) -> bool {
        let rate = rate(&self.chance.rates);
        self.faulty && self.chance.happens(rate)
    }

    /// No fault from here on.
    fn heal(&mut self) {
        self.note("--- faults stop");
        self.faulty = false;
        for node in &mut self.nodes {
            node.cut_until = 0;
            node.silent_until = 0;
        }
    }

    fn has_converged(&mut self) -> bool {
        let Some(core) = &self.process.core else { return false };
        let state = core.state();
        let idle = state.offer_flow == scheduler::state::OfferFlow::Suppressed;
        let truth = state.stored.brokers.values().all(|broker| {
            let task = broker.task.as_ref().map(|task| task.id.to_string());
            let executors = self.nodes.iter().flat_map(|node| node.executors.values());
            executors.filter(|executor| executor.serving).any(|e| e.task_id() == task.as_deref())
        });
        idle && truth && core.view(Timestamp(self.now)).plan.status == api::rest::Status::Complete
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::MasterTick => {
                self.master_takes(master::Input::Tick);
                self.after(500, Happening::MasterTick);
            }
            Happening::NodeTick(node) => {
                self.agent_takes(node, agent::Input::Tick);
                self.after(500, Happening::NodeTick(node));
            }
            Happening::MasterStart => self.start_master(),
            Happening::NodeStart(node) => self.start_node(node),
            Happening::NodeLink(node) => self.link(node),
            Happening::ToMaster(link, message) => {
                let hears = |node: &Node| node.link == Some(link) && node.silent_until <= self.now;
                if self.nodes.iter().any(hears) {
                    self.master_takes(master::Input::Agent { link, message });
                }
            }
            Happening::ToAgent(node, link, message) => {
                if self.nodes[node].link == Some(link) && self.nodes[node].silent_until <= self.now {
                    self.agent_takes(node, agent::Input::Master(message));
                }
            }
            Happening::Container(node, container, event) => {
                let container = agent::Container(container);
                self.agent_takes(node, agent::Input::Container { container, event });
            }
            Happening::ExecutorStart(node, run) => self.start_executor(node, run),
            Happening::ExecutorSubscribe(node, container) => self.subscribe_executor(node, &container),
            Happening::ExecutorEvent(node, container, stream, event) => {
                self.executor_takes(node, &container, stream, *event);
            }
            Happening::ExecutorUpdate(node, container, status) => self.send_update(node, &container, status),
            Happening::ExecutorServes(node, container) => self.serve(node, &container),
            Happening::ExecutorEnds(node, container, state) => self.end_task(node, &container, state),
            Happening::ProcessStart => self.start_process(),
            Happening::ProcessTick(life) => {
                if self.process.life == life && self.process.core.is_some() {
                    self.ask_kafka();
                    self.core_takes(Event::Tick);
                    self.after(1000, Happening::ProcessTick(life));
                }
            }
            Happening::Subscribe(life) => self.subscribe(life),
            Happening::StreamEvent(stream, event) => self.stream_says(&stream, *event),
            Happening::StreamEnd(stream) => self.stream_ends(&stream),
            Happening::Call(stream, call) => {
                if self.process.stream.as_ref() == Some(&stream) {
                    self.call_arrives(stream, *call);
                }
            }
            Happening::Lie(life, status) => {
                if self.process.life == life && self.process.core.is_some() {
                    self.note(&format!("(lie) {} is {}", status.task_id.value, status.state().as_str_name()));
                    self.core_takes(Event::Update(status));
                }
            }
            Happening::Cut(node, millis) => {
                self.note(&format!("link of agent {node} breaks in the middle of a launch, for {millis} ms"));
                self.unlink(node, millis);
            }
            Happening::Disaster => {
                if self.happens(|rates| rates.disaster) {
                    self.disaster();
                }
                if self.faulty {
                    self.after(1000, Happening::Disaster);
                }
            }
        }
    }

    // === the master

    fn start_master(&mut self) {
        if self.master.is_some() {
            return;
        }
        self.note("master starts");
        let options = master::Options::new(([10, 0, 0, 100], 5050).into());
        let seed = self.chance.seed();
        self.master = Some(Master::new(options, self.registry.clone(), seed, self.time()));
        self.after(0, Happening::MasterTick);
        for node in 0..self.nodes.len() {
            self.after(100, Happening::NodeLink(node));
        }
    }

    fn kill_master(&mut self) {
        self.note("master dies");
        self.master = None;
        self.agenda.retain(|_, happening| !matches!(happening, Happening::MasterTick));
        for node in 0..self.nodes.len() {
            self.unlink(node, 0);
        }
        if let Some(stream) = self.process.stream.clone() {
            self.after(1, Happening::StreamEnd(stream));
        }
        let delay = self.chance.millis(100, 20_000);
        self.after(delay, Happening::MasterStart);
    }

    fn master_takes(&mut self, input: master::Input) {
        let time = self.time();
        let Some(master) = &mut self.master else { return };
        for output in master.handle(time, input) {
            match output {
                master::Output::Event { stream, event } => self.send_event(stream, event),
                master::Output::End(stream) => {
                    self.in_order(format!("stream {}", stream.0), 1, Happening::StreamEnd(stream));
                }
                master::Output::ToAgent { link, message } => {
                    if let Some(node) = self.nodes.iter().position(|node| node.link == Some(link)) {
                        let delay = self.chance.millis(0, 20);
                        self.in_order(
                            format!("to agent {link:?}"),
                            delay,
                            Happening::ToAgent(node, link, message),
                        );
                    }
                }
                master::Output::Cut(link) => {
                    if let Some(node) = self.nodes.iter().position(|node| node.link == Some(link)) {
                        self.unlink(node, 0);
                    }
                }
                master::Output::Registry(registry) => self.registry = *registry,
                master::Output::Answer { .. } | master::Output::Log(_) => {}
            }
        }
    }

    /// An event goes onto a stream: in order, unless it is an update that comes late, or twice.
    fn send_event(&mut self, stream: StreamId, event: Box<wire::Event>) {
        let delay = self.chance.millis(0, 50);
        if let Some(update) = &event.update {
            if let Some(uuid) = &update.status.uuid {
                self.updates.insert(uuid.clone(), update.status.clone());
                if self.happens(|rates| rates.update_twice) {
                    let later = self.chance.millis(0, 3000);
                    self.after(delay + later, Happening::StreamEvent(stream.clone(), event.clone()));
                }
                // Only its own task's updates are ordered, by the acknowledgement protocol.
                if self.happens(|rates| rates.update_late) {
                    let later = self.chance.millis(0, 3000);
                    return self.after(delay + later, Happening::StreamEvent(stream, event));
                }
            }
        }
        self.in_order(format!("stream {}", stream.0), delay, Happening::StreamEvent(stream, event));
    }

    // === machines

    fn start_node(&mut self, node: usize) {
        if self.nodes[node].agent.is_some() {
            return;
        }
        self.note(&format!("agent {node} starts"));
        let (seed, now) = (self.chance.seed(), self.now);
        self.nodes[node].start(seed, now);
        self.after(0, Happening::NodeTick(node));
        self.after(10, Happening::NodeLink(node));
        let containers: Vec<String> = self.nodes[node].disk.containers();
        for container in containers {
            if self.nodes[node].executors.contains_key(&container) {
                let delay = self.chance.millis(0, 1500);
                self.after(delay, Happening::ExecutorSubscribe(node, container));
            } else if self.nodes[node].disk.is_running(&container) {
                self.after(5, Happening::Container(node, container, ContainerEvent::Exited { status: -1 }));
            }
        }
    }

    fn kill_agent(&mut self, node: usize) {
        self.note(&format!("agent {node} dies"));
        self.nodes[node].agent = None;
        self.agenda.retain(|_, happening| !matches!(happening, Happening::NodeTick(n) if *n == node));
        for executor in self.nodes[node].executors.values_mut() {
            executor.stream = None;
        }
        self.unlink(node, 0);
        let delay = self.chance.millis(100, 90_000);
        self.after(delay, Happening::NodeStart(node));
    }

    fn link(&mut self, node: usize) {
        let late = self.nodes[node].cut_until.saturating_sub(self.now);
        if self.master.is_none() || self.nodes[node].agent.is_none() || self.nodes[node].link.is_some() {
            return;
        }
        if late > 0 {
            return self.after(late, Happening::NodeLink(node));
        }
        let link = LinkId(self.ticket());
        self.nodes[node].link = Some(link);
        let address = self.nodes[node].address;
        self.master_takes(master::Input::Linked { link, address });
        self.agent_takes(node, agent::Input::Linked);
    }

    /// The link breaks, with all that is on it, for at least so long.
    fn unlink(&mut self, node: usize, millis: u64) {
        self.nodes[node].cut_until = self.now + millis;
        if let Some(link) = self.nodes[node].link.take() {
            self.master_takes(master::Input::Unlinked(link));
            self.agent_takes(node, agent::Input::Unlinked);
        }
        self.after(millis + 200, Happening::NodeLink(node));
    }

    fn agent_takes(&mut self, node: usize, input: agent::Input) {
        let time = self.time();
        let Some(agent) = &mut self.nodes[node].agent else { return };
        for output in agent.handle(time, input) {
            self.agent_does(node, output);
        }
    }

    fn agent_does(&mut self, node: usize, output: agent::Output) {
        match output {
            agent::Output::Checkpoint(checkpoint) => self.nodes[node].disk.write(checkpoint),
            agent::Output::Send(message) => {
                if let Some(link) = self.nodes[node].link {
                    let delay = self.chance.millis(0, 20);
                    self.in_order(format!("to master {link:?}"), delay, Happening::ToMaster(link, message));
                }
            }
            agent::Output::Event { stream, event } => {
                let executors = &self.nodes[node].executors;
                if let Some(container) =
                    executors.iter().find(|(_, e)| e.stream == Some(stream)).map(|(c, _)| c.clone())
                {
                    let happening = Happening::ExecutorEvent(node, container, stream, event);
                    self.in_order(format!("executor {stream:?}"), 1, happening);
                }
            }
            agent::Output::EndStream(stream) => {
                for executor in self.nodes[node].executors.values_mut().filter(|e| e.stream == Some(stream)) {
                    executor.stream = None;
                }
            }
            agent::Output::Prepare { run, .. } => {
                let event = if self.happens(|rates| rates.start_fails) {
                    ContainerEvent::Failed("cannot fetch".to_owned())
                } else {
                    ContainerEvent::Prepared
                };
                let delay = self.chance.millis(1, 2000);
                self.after(delay, Happening::Container(node, run.container.0, event));
            }
            agent::Output::Launch { run, .. } => {
                let delay = self.chance.millis(1, 200);
                self.after(delay, Happening::ExecutorStart(node, run));
            }
            agent::Output::Destroy(container) => self.executor_dies(node, &container.0, 9),
            agent::Output::Answer { .. }
            | agent::Output::Mount { .. }
            | agent::Output::Unmount { .. }
            | agent::Output::CreateVolume(_)
            | agent::Output::DestroyVolume { .. }
            | agent::Output::Log(_) => {}
            agent::Output::Exit(_) => self.nodes[node].agent = None,
        }
    }

    // === executors

    fn start_executor(&mut self, node: usize, run: agent::Run) {
        let container = run.container.0.clone();
        if !self.nodes[node].disk.is_running(&container) {
            return;
        }
        self.nodes[node].executors.insert(container.clone(), Executor::new(run));
        self.after(0, Happening::Container(node, container.clone(), ContainerEvent::Launched { pid: 1 }));
        let delay = self.chance.millis(1, 500);
        self.after(delay, Happening::ExecutorSubscribe(node, container));
    }

    fn subscribe_executor(&mut self, node: usize, container: &str) {
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

    fn executor_takes(
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
                executor.task = Some(task);
                executor.task_unacknowledged = true;
                let check = invariant::one_live_task(&self.nodes);
                self.check(check);
                self.update(node, container, TaskState::TaskStarting);
                let delay = self.chance.millis(100, 5000);
                let happening = if self.happens(|rates| rates.start_fails) {
                    Happening::ExecutorEnds(node, container.to_owned(), TaskState::TaskFailed)
                } else {
                    Happening::ExecutorServes(node, container.to_owned())
                };
                self.after(delay, happening);
            }
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

    fn serve(&mut self, node: usize, container: &str) {
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        if executor.ending || executor.stopping {
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

    fn end_task(&mut self, node: usize, container: &str, state: TaskState) {
        let Some(executor) = self.nodes[node].executors.get_mut(container) else { return };
        if executor.ending {
            return;
        }
        executor.ending = true;
        executor.serving = false;
        if let Some(broker) = executor.broker() {
            self.kafka.leave(broker, self.now);
        }
        self.update(node, container, state);
    }

    /// A status of the executor's task.
    fn update(&mut self, node: usize, container: &str, state: TaskState) {
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
            ..Default::default()
        };
        let line = format!("executor on agent {node}: {} is {}", task.task_id.value, state.as_str_name());
        executor.updates.push(status.clone());
        self.note(&line);
        self.send_update(node, container, status);
    }

    fn send_update(&mut self, node: usize, container: &str, status: v1::TaskStatus) {
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

    fn executor_dies(&mut self, node: usize, container: &str, status: i32) {
        let gone = self.nodes[node].executors.remove(container);
        if let Some(broker) = gone.as_ref().filter(|executor| executor.serving).and_then(Executor::broker) {
            self.kafka.leave(broker, self.now);
        }
        let event = ContainerEvent::Exited { status };
        self.after(10, Happening::Container(node, container.to_owned(), event));
    }

    // === the scheduler

    fn start_process(&mut self) {
        if self.process.core.is_some() {
            return;
        }
        self.note("scheduler starts");
        let seed = self.chance.seed();
        self.process.start(seed);
        let life = self.process.life;
        self.after(1000, Happening::ProcessTick(life));
        self.after(50, Happening::Subscribe(life));
    }

    fn crash(&mut self, why: &str) {
        self.note(&format!("scheduler dies: {why}"));
        if let Some(stream) = self.process.stream.clone() {
            self.master_takes(master::Input::StreamClosed(stream));
        }
        self.process.die();
        let delay = self.chance.millis(100, 5000);
        self.after(delay, Happening::ProcessStart);
    }

    fn subscribe(&mut self, life: u64) {
        let Some(core) = self.process.core.as_ref().filter(|_| self.process.life == life) else { return };
        if self.process.stream.is_some() {
            return;
        }
        if self.master.is_none() {
            return self.after(500, Happening::Subscribe(life));
        }
        let subscribe = wire::call::Subscribe { framework_info: core.framework_info(), ..Default::default() };
        let stream = StreamId(format!("S-{}", self.ticket()));
        self.process.stream = Some(stream.clone());
        self.process.calls_die = false;
        self.master_takes(master::Input::Subscribe { stream, subscribe: Box::new(subscribe) });
    }

    fn stream_says(&mut self, stream: &StreamId, event: wire::Event) {
        use wire::event::Type;
        if self.process.stream.as_ref() != Some(stream) {
            return;
        }
        match event.r#type() {
            Type::Subscribed => {
                let framework_id = event.subscribed.unwrap().framework_id.value;
                self.core_takes(Event::Subscribed { framework_id });
                if self.planted == Some(Planted::RelaunchBeforeReconciliation) {
                    self.lie_about_launches(0);
                }
            }
            Type::Offers => self.core_takes(Event::Offers(event.offers.unwrap().offers)),
            Type::Update => {
                let status = event.update.unwrap().status;
                self.note(&format!("update: {} is {}", status.task_id.value, status.state().as_str_name()));
                self.core_takes(Event::Update(Box::new(status)));
            }
            Type::Error => {
                let message = event.error.unwrap().message;
                self.check(Err(format!("the framework is never given up: {message}")));
            }
            _ => {}
        }
    }

    fn stream_ends(&mut self, stream: &StreamId) {
        if self.process.stream.as_ref() != Some(stream) {
            return;
        }
        self.process.stream = None;
        self.master_takes(master::Input::StreamClosed(stream.clone()));
        self.core_takes(Event::Disconnected { reason: "the stream ended".to_owned() });
        let (life, delay) = (self.process.life, self.chance.millis(0, 500));
        self.after(delay, Happening::Subscribe(life));
    }

    fn ask_kafka(&mut self) {
        let asked = self.process.core.as_ref().is_some_and(|core| core.wants_kafka().is_some());
        if asked {
            let answer = match self.happens(|rates| rates.kafka_silent) {
                true => Err("no answer".to_owned()),
                false => Ok(self.kafka.snapshot(self.now)),
            };
            self.core_takes(Event::Kafka(answer));
        }
    }

    /// One event through the core; then its effects as the shell carries them out, unless the process dies meanwhile.
    fn core_takes(&mut self, event: Event) {
        let offers: Vec<String> = match &event {
            Event::Offers(offers) => offers.iter().map(|offer| offer.id.value.clone()).collect(),
            _ => Vec::new(),
        };
        let now = Timestamp(self.now);
        let Some(core) = &mut self.process.core else { return };
        let before = invariant::kept_homes(core);
        let mut effects = core.handle(now, event);
        let check = invariant::homes_are_kept(&before, &invariant::kept_homes(core));
        self.check(check);
        for note in std::mem::take(&mut effects.notes) {
            self.note(&format!("scheduler: {note}"));
        }
        let check = invariant::offers_are_answered(&offers, &effects.calls);
        self.check(check);
        let early: Vec<wire::Call>;
        (early, effects.calls) =
            std::mem::take(&mut effects.calls).into_iter().partition(|call| match self.planted {
                Some(Planted::AcceptBeforeStore) => call.accept.is_some(),
                Some(Planted::AcknowledgeBeforeStore) => call.acknowledge.is_some(),
                _ => false,
            });
        for call in early {
            self.send_call(call);
        }
        if self.happens(|rates| rates.crash_before_commit) {
            return self.crash("before the commit");
        }
        if !effects.writes.0.is_empty() && self.happens(|rates| rates.store_fails) {
            return self.crash("the store failed");
        }
        if self.planted == Some(Planted::LeakedClaim) {
            effects
                .writes
                .0
                .retain(|write| !matches!(write, Write::Put { key, .. } if key.starts_with("released/")));
        }
        let wrote = !effects.writes.0.is_empty();
        self.process.commit(&effects.writes);
        if wrote && let Some(core) = &self.process.core {
            let check = invariant::store_is_state(&self.process.store, core, self.planted);
            self.check(check);
        }
        if wrote && self.happens(|rates| rates.crash_after_commit) {
            return self.crash("between commit and calls");
        }
        for call in effects.calls {
            self.send_call(call);
            if self.happens(|rates| rates.crash_midway) {
                return self.crash("midway through its calls");
            }
        }
    }

    /// A call leaves for Mesos; it may be lost, and dies with its subscription.
    fn send_call(&mut self, mut call: wire::Call) {
        let Some(core) = &self.process.core else { return };
        let store = &self.process.store;
        let checks = [
            invariant::launch_is_stored(store, &call),
            invariant::acknowledged_is_stored(store, &call, &self.updates),
            invariant::destroyed_held_nothing(&call, &self.served),
        ];
        let down = invariant::one_down_by_our_hand(&call, core, &self.serving(), &self.down);
        call.framework_id = core.state().stored.framework_id.clone().map(|value| v1::FrameworkId { value });
        for check in checks {
            self.check(check);
        }
        match down {
            Ok(Some(broker)) => {
                self.down.insert(broker);
                let since = self.now.saturating_sub(scheduler::roll::MAX_AGE_MS);
                if !self.kafka.may_stop(broker, since) {
                    self.check(Err(format!("none is below min ISR by our hand: KILL of broker {broker}")));
                }
            }
            Ok(None) => {}
            Err(violation) => self.check(Err(violation)),
        }
        if let Err(refusal) = master::validate::call(&call) {
            self.check(Err(format!("every call is valid: {refusal:?}")));
        }
        self.note(&format!("call: {}", invariant::describe(&call)));
        let launches = call.accept.as_ref().is_some_and(|a| a.operations.iter().any(|o| o.launch.is_some()));
        if let Some(stream) = self.process.stream.clone().filter(|_| !self.process.calls_die) {
            let lost = self.happens(|rates| rates.call_lost);
            // A call without an answer ends its subscription, whether it arrived or not: an offer that nobody
            // answered would be held for ever. All calls after it die with the subscription.
            if lost {
                self.note("  (no answer)");
                self.process.calls_die = true;
                let delay = self.chance.millis(0, 5000);
                self.after(delay, Happening::StreamEnd(stream.clone()));
            }
            if !lost || self.chance.happens(500) {
                let delay = self.chance.millis(0, 50);
                self.in_order(format!("calls {}", stream.0), delay, Happening::Call(stream, Box::new(call)));
            }
        }
        if launches && self.planted == Some(Planted::DoubleLaunch) {
            self.lie_about_launches(200);
        }
    }

    fn call_arrives(&mut self, stream: StreamId, call: wire::Call) {
        let ticket = master::Ticket(self.ticket());
        let launched_on = call.accept.as_ref().and_then(launched_on);
        self.master_takes(master::Input::Call { ticket, stream: Some(stream), call: Box::new(call) });
        // What follows from an ACCEPT reaches the agent in several messages: the link may break between any two.
        if let Some(agent) = launched_on
            && self.happens(|rates| rates.cut_at_launch)
            && let Some(node) =
                self.nodes.iter().position(|node| node.id().as_deref() == Some(agent.as_str()))
        {
            let (delay, millis) = (self.chance.millis(0, 40), self.chance.millis(0, 60_000));
            self.after(delay, Happening::Cut(node, millis));
        }
    }

    /// Tells the core that its launches are lost, without having asked anybody.
    fn lie_about_launches(&mut self, delay: u64) {
        let Some(core) = &self.process.core else { return };
        let launching = core.state().stored.brokers.values().filter_map(|broker| broker.task.as_ref());
        let lies: Vec<_> = launching
            .filter(|task| task.condition == scheduler::broker::Condition::Launching)
            .map(|task| v1::TaskStatus {
                task_id: v1::TaskId { value: task.id.to_string() },
                state: TaskState::TaskGone.into(),
                ..Default::default()
            })
            .collect();
        let life = self.process.life;
        for lie in lies {
            self.after(delay, Happening::Lie(life, Box::new(lie)));
        }
    }

    /// The tasks whose brokers truly serve.
    fn serving(&self) -> BTreeSet<String> {
        let executors = self.nodes.iter().flat_map(|node| node.executors.values()).filter(|e| e.serving);
        executors.filter_map(Executor::task_id).map(str::to_owned).collect()
    }

    // === disasters

    fn disaster(&mut self) {
        let node = self.chance.pick(self.nodes.len());
        match self.chance.pick(10) {
            9 => {
                let millis = self.chance.millis(1000, 150_000);
                self.note(&format!("link of agent {node} falls silent for {millis} ms, then breaks"));
                self.nodes[node].silent_until = self.now + millis;
                self.after(millis, Happening::Cut(node, 0));
            }
            0 if self.master.is_some() => self.kill_master(),
            1 if self.nodes[node].agent.is_some() => self.kill_agent(node),
            2 => {
                let millis = self.chance.millis(0, 60_000);
                self.note(&format!("link of agent {node} breaks for {millis} ms"));
                self.unlink(node, millis);
            }
            3 => {
                let millis = self.chance.millis(80_000, 150_000);
                self.note(&format!("agent {node} is out of sight for {millis} ms"));
                self.unlink(node, millis);
            }
            4 | 5 => {
                let executors = &self.nodes[node].executors;
                if executors.is_empty() || self.nodes[node].agent.is_none() {
                    return;
                }
                let index = self.chance.pick(executors.len());
                let container = self.nodes[node].executors.keys().nth(index).unwrap().clone();
                if self.chance.happens(500) {
                    self.note(&format!("an executor on agent {node} is killed"));
                    self.executor_dies(node, &container, 9);
                } else {
                    self.note(&format!("a broker on agent {node} dies"));
                    self.end_task(node, &container, TaskState::TaskFailed);
                }
            }
            6 => {
                if let Some(stream) = self.process.stream.clone() {
                    self.note("the stream breaks");
                    self.stream_ends(&stream);
                }
            }
            7 if self.process.core.is_some() => self.crash("killed"),
            8 if self.process.core.is_some() => self.reconfigure(),
            _ => {}
        }
    }

    /// Somebody edits the environment, and the scheduler is started again with it.
    fn reconfigure(&mut self) {
        let environment = &mut self.process.environment;
        if self.chance.happens(500) {
            let hours = self.chance.pick(5) + 100;
            environment.insert("KAFKA_OVERRIDE_LOG_RETENTION_HOURS".to_owned(), hours.to_string());
        } else {
            let count = environment["BROKER_COUNT"].parse::<usize>().unwrap();
            let room = if environment["PLACEMENT_STRATEGY"] == "NODE" { self.nodes.len() } else { 5 };
            environment.insert("BROKER_COUNT".to_owned(), (count + 1).min(room).to_string());
        }
        self.crash("reconfigured");
    }
}
