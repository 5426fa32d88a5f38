//! Needs × offers → placements, or every reason why not.
//!
//! All stages run even after one fails, so that an operator sees everything an offer lacks at once. What an offer is
//! good for is decided here; what is then sent is `launch`'s business.

mod disk;
pub mod pool;
mod port;
mod refusal;

use api::ids::BrokerId;
use mesos::{
    resource::{Ranges, Scalar},
    v1,
};
pub use refusal::Refusal;

use rand::{Rng, RngExt as _};
use uuid::Uuid;

use crate::{
    broker::{Hold, Home, HomeId, Size, Volume},
    config::{Placement, Service},
    offer::pool::{Owner, Pool},
};

/// A broker that must be launched, and where that may happen.
#[derive(Clone, Debug)]
pub enum Need {
    /// Wherever there is room.
    Fresh(BrokerId),
    /// Only where its data is.
    AtHome(BrokerId, Home),
}

impl Need {
    /// Who needs it.
    pub fn broker(&self) -> BrokerId {
        match self {
            Self::Fresh(broker) | Self::AtHome(broker, _) => *broker,
        }
    }
}

/// A need met: the home, and the offer's resources for it in their present form (unreserved for a fresh one).
#[derive(Clone, Debug)]
pub struct Placed {
    /// The broker.
    pub broker: BrokerId,
    /// Where it will live.
    pub home: Home,
    /// Whether RESERVE and CREATE must go before the LAUNCH.
    pub fresh: bool,
    /// Resources of the task.
    pub task: Vec<v1::Resource>,
    /// Resources of the executor, the disk last.
    pub executor: Vec<v1::Resource>,
    /// What an operator should know about the choice.
    pub remark: Option<String>,
}

/// What placing needs to know besides need and offer.
pub struct Context<'a> {
    /// The configuration to launch with.
    pub service: &'a Service,
    /// Homes of all brokers, claimed ones included.
    pub homes: Vec<(BrokerId, &'a str)>,
}

/// Meets `need` out of `pool`, which is only touched when it can be met.
pub fn place(
    need: &Need,
    offer: &v1::Offer,
    pool: &mut Pool,
    context: &Context<'_>,
    rng: &mut impl Rng,
) -> Result<Placed, Vec<Refusal>> {
    let mut left = pool.clone();
    let placed = match need {
        Need::Fresh(broker) => place_fresh(*broker, offer, &mut left, context, rng),
        Need::AtHome(broker, home) => place_at_home(*broker, home, offer, &mut left, context.service),
    }?;
    *pool = left;
    Ok(placed)
}

fn place_fresh(
    broker: BrokerId,
    offer: &v1::Offer,
    pool: &mut Pool,
    context: &Context<'_>,
    rng: &mut impl Rng,
) -> Result<Placed, Vec<Refusal>> {
    let service = context.service;
    let mut refusals = Vec::new();
    if service.brokers.placement == Placement::Node
        && let Some((by, _)) =
            context.homes.iter().find(|(other, agent)| *other != broker && *agent == offer.agent_id.value)
    {
        refusals.push(Refusal::AgentTaken { by: *by });
    }
    if offer.unavailability.is_some() {
        refusals.push(Refusal::Maintenance);
    }
    let size = size(service);
    let cpus = two_scalars(pool, "cpus", size.task_cpus, size.executor_cpus, &mut refusals);
    let mem = two_scalars(pool, "mem", size.task_mem * 1000, size.executor_mem * 1000, &mut refusals);
    let disk = disk::take(pool, service, &mut refusals);
    let ports = port::choose(service, &pool.ports(Owner::Unreserved), rng).map_err(|r| refusals.push(r)).ok();
    let taken = ports.as_ref().and_then(|ports| {
        let broker_port = pool.take_ports(Owner::Unreserved, &single(ports.broker))?;
        Some((broker_port, pool.take_ports(Owner::Unreserved, &single(ports.api))?))
    });
    let (Some(cpus), Some(mem), Some(disk), Some(ports), Some(taken), true) =
        (cpus, mem, disk, ports, taken, refusals.is_empty())
    else {
        return Err(refusals);
    };
    let home = Home {
        id: HomeId(new_uuid(rng)),
        hold: Hold::Claimed,
        agent_id: offer.agent_id.value.clone(),
        hostname: offer.hostname.clone(),
        advertised_host: advertised_host(offer, service),
        port: ports.broker,
        api_port: ports.api,
        volume: Volume { persistence_id: new_uuid(rng), size_mb: disk::megabytes(&disk) },
        size,
    };
    Ok(Placed {
        broker,
        home,
        fresh: true,
        task: vec![cpus.0, mem.0, taken.0],
        executor: vec![cpus.1, mem.1, taken.1, disk],
        remark: ports.remark,
    })
}

fn place_at_home(
    broker: BrokerId,
    home: &Home,
    offer: &v1::Offer,
    pool: &mut Pool,
    service: &Service,
) -> Result<Placed, Vec<Refusal>> {
    if !pool.homes().contains(&home.id) {
        return Err(vec![Refusal::HomeElsewhere { hostname: home.hostname.clone() }]);
    }
    let owner = Owner::Home(home.id);
    let mut refusals = Vec::new();
    let mut missing = |what| refusals.push(Refusal::HomeInUse { missing: what });
    let mut scalar = |name: &'static str, thousandths: u64| {
        let piece = pool.take_scalar(owner, name, scalar_of(thousandths));
        if piece.is_none() {
            missing(name);
        }
        piece
    };
    let size = home.size;
    let task = [scalar("cpus", size.task_cpus), scalar("mem", size.task_mem * 1000)];
    let executor = [scalar("cpus", size.executor_cpus), scalar("mem", size.executor_mem * 1000)];
    let broker_port = pool.take_ports(owner, &single(home.port));
    let api_port = pool.take_ports(owner, &single(home.api_port));
    if broker_port.is_none() || api_port.is_none() {
        missing("ports");
    }
    let volume = pool.take_volume(home.id, &home.volume.persistence_id.to_string());
    if volume.is_none() {
        missing("volume");
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    // The agent may have a new id or address since; the reservation is what makes it home (mesos-v1-http 5.9).
    let home = Home {
        hold: Hold::Kept,
        agent_id: offer.agent_id.value.clone(),
        hostname: offer.hostname.clone(),
        advertised_host: advertised_host(offer, service),
        ..home.clone()
    };
    Ok(Placed {
        broker,
        home,
        fresh: false,
        task: task.into_iter().chain([broker_port]).flatten().collect(),
        executor: executor.into_iter().chain([api_port, volume]).flatten().collect(),
        remark: None,
    })
}

/// What a broker of this configuration reserves besides ports and volume.
pub fn size(service: &Service) -> Size {
    Size {
        task_cpus: service.brokers.cpus.0.into(),
        task_mem: service.brokers.mem_mb.into(),
        executor_cpus: service.executor.cpus.0.into(),
        executor_mem: service.executor.mem_mb.into(),
    }
}

fn two_scalars(
    pool: &mut Pool,
    what: &'static str,
    first: u64,
    second: u64,
    refusals: &mut Vec<Refusal>,
) -> Option<(v1::Resource, v1::Resource)> {
    let offered = pool.scalar(Owner::Unreserved, what);
    let pieces = pool.take_scalar(Owner::Unreserved, what, scalar_of(first)).zip(pool.take_scalar(
        Owner::Unreserved,
        what,
        scalar_of(second),
    ));
    if pieces.is_none() {
        refusals.push(Refusal::TooLittle { what, wanted: scalar_of(first + second), offered });
    }
    pieces
}

/// The host that clients are told: the agent's address out of the offer, or its hostname (D33).
fn advertised_host(offer: &v1::Offer, service: &Service) -> String {
    let address = offer.url.as_ref().and_then(|url| url.address.ip.clone());
    match address {
        Some(ip) if service.kafka.advertise_host_ip => ip,
        _ => offer.hostname.clone(),
    }
}

fn scalar_of(thousandths: u64) -> Scalar {
    Scalar::from_thousandths(i64::try_from(thousandths).unwrap_or(i64::MAX))
}

fn single(port: u16) -> Ranges {
    Ranges::from_intervals([(port.into(), port.into())])
}

/// A random uuid out of the given generator, so that a seed fixes it.
pub fn new_uuid(rng: &mut impl Rng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid()
}
