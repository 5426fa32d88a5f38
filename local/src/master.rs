//! The embedded Mesos master: a pure value that turns inputs into outputs.
//!
//! No IO, no clock, no chance: time is an argument, ids come from a seed. The HTTP shell, the end-to-end tests and the
//! seeded simulation of our scheduler all drive this one value through [`Master::handle`].
//!
//! ```text
//!           SUBSCRIBE ┌──────────┐ stream lost, failover_timeout > 0  ┌──────────────┐
//! framework ─────────>│ connected │──────────────────────────────────>│ disconnected │
//!                     └──────────┘<──────────────────────────────────└──────────────┘
//!                          │ TEARDOWN          SUBSCRIBE                     │ timeout
//!                          └───────────────────> completed <────────────────┘   (its id is dead)
//!
//!       Register ┌────────────┐ link lost ┌──────────────┐ no pong for ping × misses ┌─────────────┐
//! agent ────────>│ registered │──────────>│ disconnected │──────────────────────────>│ unreachable │
//!                └────────────┘<──────────└──────────────┘                           └─────────────┘
//!                      ^            Reregister                        Reregister            │
//!                      └─────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Files: `event` (what goes in and out), [`framework`] and `subscription` (life of a framework), `allocator` (who is
//! offered what, filters), `accept` with `launch` and `operation` (what is done with offers), `update` (task states),
//! `reconcile`, `agents` (life of an agent), `operator` (changes by an operator) and [`view`] (what an operator sees).
//!
//! Left out, as mesos-v1-http §13 allows: DRF weights, quota, revocable and shared resources, GPUs, resource providers,
//! nested containers, authorization, draining and maintenance.

mod accept;
mod agents;
mod allocator;
mod constraint;
mod event;
pub mod framework;
mod ids;
mod launch;
mod operation;
mod operator;
mod reconcile;
pub mod registry;
mod subscription;
mod task;
#[cfg(test)]
mod tests;
mod update;
pub mod validate;
pub mod view;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use mesos::{
    resource::Resources,
    v1::{self, DomainInfo, scheduler},
};

use crate::link::{LinkId, ToAgent};
use agents::Agent;
pub use event::{Answer, Change, Input, Output, StreamId, Ticket};
use framework::Framework;
use ids::Ids;
pub use registry::Registry;

/// The version of Apache Mesos whose behaviour this is.
pub const VERSION: &str = "1.12.0";

/// Completed frameworks kept for views; their ids are the ones refused as removed (§3.1).
const COMPLETED_FRAMEWORKS: usize = 50;

/// A moment: time since the Unix epoch.
pub type Time = Duration;

/// How a master behaves, and who it says it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the master listens.
    pub address: SocketAddr,
    /// The hostname it advertises.
    pub hostname: String,
    /// Its fault domain. Agents that have one are ignored by a master without.
    pub domain: Option<DomainInfo>,
    /// Pause between pings to an agent, and the time an agent has for its pong (Mesos: 15 s).
    pub agent_ping_timeout: Duration,
    /// Pings in a row without a pong until an agent is unreachable (Mesos: 5).
    pub max_agent_ping_timeouts: u32,
    /// How long a restarted master waits for the agents of its registry (Mesos: 10 min).
    pub agent_reregister_timeout: Duration,
    /// Pause between allocation cycles (Mesos: 1 s).
    pub allocation_interval: Duration,
    /// Pause between heartbeats on scheduler streams, told in SUBSCRIBED (Mesos: 15 s).
    pub heartbeat_interval: Duration,
    /// An offer holds at least one of these; each names amounts that are all needed (Mesos: 0.01 cpus or 32 mem).
    pub min_allocatable: Vec<BTreeMap<String, f64>>,
}

impl Options {
    /// Mesos's defaults for a master at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            hostname: address.ip().to_string(),
            domain: None,
            agent_ping_timeout: Duration::from_secs(15),
            max_agent_ping_timeouts: 5,
            agent_reregister_timeout: Duration::from_secs(600),
            allocation_interval: Duration::from_secs(1),
            heartbeat_interval: Duration::from_secs(15),
            min_allocatable: vec![[("cpus".to_owned(), 0.01)].into(), [("mem".to_owned(), 32.0)].into()],
        }
    }
}

/// An offer that is out.
#[derive(Clone, Debug)]
struct Offer {
    framework: String,
    agent: String,
    role: String,
    /// Not allocated, in post-format.
    resources: Resources,
}

/// The master.
#[derive(Debug)]
pub struct Master {
    options: Options,
    info: v1::MasterInfo,
    ids: Ids,
    now: Time,
    started: Time,
    next_allocation: Time,
    frameworks: BTreeMap<String, Framework>,
    completed: VecDeque<Framework>,
    agents: BTreeMap<String, Agent>,
    /// Agents of the registry that have not come back since the master's restart, and until when they may.
    recovered: BTreeMap<String, v1::AgentInfo>,
    recovery_ends: Time,
    registry: Registry,
    links: BTreeMap<LinkId, SocketAddr>,
    offers: BTreeMap<String, Offer>,
    outputs: Vec<Output>,
}

impl Master {
    /// A master that starts at `now` with what the last one left in its registry. `seed` fixes all ids it makes.
    pub fn new(options: Options, registry: Registry, seed: u64, now: Time) -> Self {
        let ids = Ids::new(seed);
        let info = master_info(&options, ids.master());
        Self {
            info,
            ids,
            now,
            started: now,
            next_allocation: now + options.allocation_interval,
            frameworks: BTreeMap::new(),
            completed: VecDeque::new(),
            agents: BTreeMap::new(),
            recovered: registry.agents.clone(),
            recovery_ends: now + options.agent_reregister_timeout,
            registry,
            links: BTreeMap::new(),
            offers: BTreeMap::new(),
            outputs: Vec::new(),
            options,
        }
    }

    /// Takes one input in and says what to do, in this order.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        self.now = self.now.max(now);
        match input {
            Input::Subscribe { stream, subscribe } => self.subscribe(stream, *subscribe),
            Input::StreamClosed(stream) => self.stream_closed(&stream),
            Input::Call { ticket, stream, call } => {
                let answer = self.call(stream.as_ref(), *call);
                self.outputs.push(Output::Answer { ticket, answer });
            }
            Input::Operator { ticket, change } => {
                let answer = self.change(*change);
                self.outputs.push(Output::Answer { ticket, answer });
            }
            Input::Linked { link, address } => {
                self.links.insert(link, address);
            }
            Input::Unlinked(link) => self.unlinked(link),
            Input::Agent { link, message } => self.agent_says(link, message),
            Input::Tick => {}
        }
        self.due();
        std::mem::take(&mut self.outputs)
    }

    /// When the next timer is due.
    pub fn wake_at(&self) -> Time {
        let frameworks = self.frameworks.values().flat_map(|framework| {
            [framework.failover_at, framework.stream.is_some().then_some(framework.heartbeat_at)]
        });
        let agents = self.agents.values().map(|agent| Some(agent.ping_at));
        let recovery = (!self.recovered.is_empty()).then_some(self.recovery_ends);
        frameworks.chain(agents).chain([recovery]).flatten().fold(self.next_allocation, Time::min)
    }

    /// Who this master says it is.
    pub fn info(&self) -> &v1::MasterInfo {
        &self.info
    }

    /// Everything whose time has come.
    fn due(&mut self) {
        self.expire_frameworks();
        self.heartbeat();
        self.ping();
        if self.next_allocation <= self.now {
            self.next_allocation = self.now + self.options.allocation_interval;
            self.allocate(None, None);
        }
    }

    /// Writes an event to a framework's stream; without one it is lost, as on a broken socket.
    fn send(&mut self, framework: &str, event: scheduler::Event) {
        if let Some(stream) = self.frameworks.get(framework).and_then(|framework| framework.stream.clone()) {
            self.outputs.push(Output::Event { stream, event: Box::new(event) });
        }
    }

    fn send_status(&mut self, framework: &str, status: v1::TaskStatus) {
        let update = Some(scheduler::event::Update { status });
        self.send(framework, scheduler::Event { update, ..event(scheduler::event::Type::Update) });
    }

    fn send_operation(&mut self, framework: &str, status: v1::OperationStatus) {
        let body = Some(scheduler::event::UpdateOperationStatus { status });
        let kind = scheduler::event::Type::UpdateOperationStatus;
        self.send(framework, scheduler::Event { update_operation_status: body, ..event(kind) });
    }

    /// Says something to an agent; without a link it is lost.
    fn tell(&mut self, agent: &str, message: ToAgent) {
        if let Some(link) = self.agents.get(agent).and_then(|agent| agent.link) {
            self.outputs.push(Output::ToAgent { link, message });
        }
    }

    /// What nobody is told otherwise.
    fn log(&mut self, text: impl Into<String>) {
        self.outputs.push(Output::Log(text.into()));
    }

    fn write_registry(&mut self) {
        self.outputs.push(Output::Registry(Box::new(self.registry.clone())));
    }
}

/// An event of a type, its body still to be set.
fn event(kind: scheduler::event::Type) -> scheduler::Event {
    scheduler::Event { r#type: Some(kind.into()), ..Default::default() }
}

/// Seconds since the epoch, as timestamps in messages have them.
fn seconds(time: Time) -> f64 {
    time.as_secs_f64()
}

fn time_info(time: Time) -> v1::TimeInfo {
    v1::TimeInfo { nanoseconds: i64::try_from(time.as_nanos()).unwrap_or(i64::MAX) }
}

fn master_info(options: &Options, id: &str) -> v1::MasterInfo {
    use v1::master_info::{Capability, capability::Type};
    let (ip, port) = (options.address.ip(), options.address.port());
    // Mesos keeps the four bytes in network order and reads them as a little-endian number (§2.6).
    let number = match ip {
        IpAddr::V4(ip) => u32::from_le_bytes(ip.octets()),
        IpAddr::V6(_) => 0,
    };
    v1::MasterInfo {
        id: id.to_owned(),
        ip: number,
        port: port.into(),
        pid: Some(format!("master@{}", options.address)),
        hostname: Some(options.hostname.clone()),
        version: Some(VERSION.to_owned()),
        address: Some(v1::Address {
            hostname: Some(options.hostname.clone()),
            ip: Some(ip.to_string()),
            port: port.into(),
        }),
        domain: options.domain.clone(),
        capabilities: [Type::AgentUpdate, Type::AgentDraining, Type::QuotaV2]
            .map(|kind| Capability { r#type: Some(kind.into()) })
            .to_vec(),
    }
}
