//! The world of one run: who exists, what is under way between them, and the one clock.

mod disasters;
mod executors;
mod incidents;
mod machines;
mod masters;
mod restarts;
mod shell;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use api::{incident::Incident, launch::LaunchContract};
use local::{
    agent::{self, ContainerEvent},
    link::{LinkId, ToAgent, ToMaster},
    master::{self, Master, Registry, StreamId},
};
use mesos::v1::{self, TaskState, executor, scheduler as wire};
use scheduler::event::{Event, Timestamp};

use crate::{
    chance::Chance,
    invariant::{self, Check},
    kafka_truth::KafkaTruth,
    node::Node,
    planted::Planted,
    process::Process,
};

/// How long faults go on.
const FAULTY_MS: u64 = 4 * 60_000;
/// How long a healed cluster may take: longer than any back-off of Mesos or ours.
const HEALING_MS: u64 = 45 * 60_000;
/// How long a converged cluster is watched: longer than a MESSAGE or a KILL waits for its repetition.
const QUIET_MS: u64 = 130_000;
/// Lines of trace in a failure's report.
const TRACE_SHOWN: usize = 60;
/// When a run begins.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// Something that is under way and will happen.
#[allow(clippy::large_enum_variant, reason = "few are alive at once")]
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
    /// Node, container, and the generation whose JVM it is.
    ExecutorServes(usize, String, u64),
    ExecutorRestarts(usize, String, Box<LaunchContract>),
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
    /// Every incident as its executor's sandbox keeps it.
    incidents: BTreeMap<uuid::Uuid, Incident>,
    /// Volumes that a broker ever served from.
    served: BTreeSet<String>,
    /// Brokers killed or restarted by us and not back.
    down: BTreeSet<u32>,
    /// Brokers that an operator once wanted restarted at once.
    forced: BTreeSet<u32>,
    faulty: bool,
    /// Since when all is as it is wanted.
    converged_at: Option<u64>,
    violation: Option<String>,
    trace: Vec<String>,
    /// Print the trace as it grows.
    pub print: bool,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut chance = Chance::new(seed);
        if planted == Some(Planted::LeakedClaim) {
            // A claim is let go in few runs; here in most.
            chance.rates.cut_at_launch = 300;
            chance.rates.crash_after_commit = 40;
        }
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
            incidents: BTreeMap::new(),
            served: BTreeSet::new(),
            down: BTreeSet::new(),
            forced: BTreeSet::new(),
            faulty: true,
            converged_at: None,
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
            if self.converged_at.is_none() && !self.faulty && self.has_converged() {
                self.converge();
            }
            if self.converged_at.is_some_and(|since| at >= since + QUIET_MS) {
                break;
            }
            if at >= end && self.converged_at.is_none() {
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

    /// All is as it is wanted: from here on nothing is to be done.
    fn converge(&mut self) {
        self.note("--- converged");
        self.converged_at = Some(self.now);
        if self.planted == Some(Planted::UnaskedRestart) {
            self.operator_restarts();
        }
    }

    fn has_converged(&mut self) -> bool {
        let Some(core) = &self.process.core else { return false };
        let state = core.state();
        let idle = state.offer_flow == scheduler::state::OfferFlow::Suppressed;
        let truth = state.stored.brokers.values().all(|broker| {
            let task = broker.task.as_ref().map(|task| task.id.to_string());
            let executors = self.nodes.iter().flat_map(|node| node.executors.values());
            let mut serving = executors.filter(|executor| executor.serving);
            serving.any(|executor| {
                executor.task_id() == task.as_deref()
                    && invariant::runs_what_is_wanted(broker, executor.runs, core)
            })
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
            Happening::ExecutorServes(node, container, generation) => {
                self.serve(node, &container, generation);
            }
            Happening::ExecutorRestarts(node, container, contract) => {
                self.restart_executor(node, &container, &contract);
            }
            Happening::ExecutorEnds(node, container, state) => self.end_task(node, &container, state),
            Happening::ProcessStart => self.start_process(),
            Happening::ProcessTick(life) => {
                if self.process.life == life && self.process.core.is_some() {
                    self.ask_kafka();
                    self.read_sandbox();
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
}
