//! Needs × offers → placements, or every reason why not.
//!
//! All stages run even after one fails, so that an operator sees everything an offer lacks at once. What an offer is
//! good for is decided here; what is then sent is `launch`'s business.

pub mod pool;

use std::fmt;

use api::ids::BrokerId;
use mesos::{
    resource::{Ranges, Scalar},
    v1,
};
use rand::{Rng, RngExt as _};
use uuid::Uuid;

use crate::{
    broker::{Hold, Home, HomeId, Size, Volume},
    config::{DiskType, Placement, Service},
    offer::pool::{Owner, Pool, amount},
};

/// The first port of the range brokers prefer (S-062).
pub const FIRST_PORT: u16 = 9092;
/// The last port of that range.
pub const LAST_PORT: u16 = 10092;

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

/// Why an offer does not meet a need. `Display` is what operators read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `PLACEMENT_STRATEGY=NODE` and another broker lives there (S-063).
    AgentTaken {
        /// Who lives there.
        by: BrokerId,
    },
    /// Maintenance is scheduled for the agent.
    Maintenance,
    /// Not enough of a scalar in one piece.
    TooLittle {
        /// cpus, mem or disk.
        what: &'static str,
        /// How much is needed.
        wanted: Scalar,
        /// The largest piece offered.
        offered: Scalar,
    },
    /// No MOUNT disk is large enough (S-068).
    NoMountDisk {
        /// The least size.
        wanted: Scalar,
        /// The largest offered.
        largest: Scalar,
    },
    /// The configured port is not among those offered.
    PortTaken {
        /// The port.
        port: u16,
        /// The variable that sets it.
        variable: &'static str,
    },
    /// Fewer than two ports are offered.
    TooFewPorts {
        /// How many are.
        offered: u64,
    },
    /// The broker's data is elsewhere.
    HomeElsewhere {
        /// The agent it was last seen on.
        hostname: String,
    },
    /// The home is there, but part of it is still in use, mostly by the executor before.
    HomeInUse {
        /// What is missing.
        missing: &'static str,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgentTaken { by } => {
                write!(
                    f,
                    "broker {by} lives on this agent, and PLACEMENT_STRATEGY=NODE wants one broker per agent"
                )
            }
            Self::Maintenance => f.write_str("maintenance is scheduled for this agent"),
            Self::TooLittle { what, wanted, offered } => {
                write!(f, "not enough {what}: {wanted} needed, {offered} offered")
            }
            Self::NoMountDisk { wanted, largest } => {
                write!(f, "no MOUNT disk of at least {wanted} MB: the largest offered has {largest}")
            }
            Self::PortTaken { port, variable } => write!(f, "port {port} ({variable}) is not offered"),
            Self::TooFewPorts { offered } => write!(f, "two ports are needed, {offered} offered"),
            Self::HomeElsewhere { hostname } => {
                write!(
                    f,
                    "the broker's data is on agent {hostname}: waiting for an offer with its reservation"
                )
            }
            Self::HomeInUse { missing } => {
                write!(f, "the broker's reserved {missing} is still in use by its previous executor")
            }
        }
    }
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
    let disk = take_disk(pool, service, &mut refusals);
    let ports = choose_ports(service, &pool.ports(Owner::Unreserved), rng).map_err(|r| refusals.push(r)).ok();
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
        volume: Volume { persistence_id: new_uuid(rng), size_mb: megabytes(&disk) },
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

fn take_disk(pool: &mut Pool, service: &Service, refusals: &mut Vec<Refusal>) -> Option<v1::Resource> {
    let wanted = Scalar::from_units(service.brokers.disk_mb.into());
    match service.brokers.disk_type {
        DiskType::Root => {
            let offered = pool.scalar(Owner::Unreserved, "disk");
            let disk = pool.take_scalar(Owner::Unreserved, "disk", wanted);
            if disk.is_none() {
                refusals.push(Refusal::TooLittle { what: "disk", wanted, offered });
            }
            disk
        }
        DiskType::Mount => {
            let largest = pool.largest_mount();
            let disk = pool.take_mount(wanted);
            if disk.is_none() {
                refusals.push(Refusal::NoMountDisk { wanted, largest });
            }
            disk
        }
    }
}

struct Ports {
    broker: u16,
    api: u16,
    remark: Option<String>,
}

/// Chooses the broker's port and its executor's (D8): the configured one where it takes effect, else one in
/// 9092–10092 (at random for `BROKER_PORT=0`), else any that is offered, and says so.
fn choose_ports(service: &Service, offered: &Ranges, rng: &mut impl Rng) -> Result<Ports, Refusal> {
    if offered.count() < 2 {
        return Err(Refusal::TooFewPorts { offered: offered.count() });
    }
    let wanted_api = service.executor.api_port;
    if wanted_api != 0 && !offered.has(wanted_api.into()) {
        return Err(Refusal::PortTaken { port: wanted_api, variable: "API_PORT" });
    }
    let configured = service.brokers.port;
    let valid = |port: u64| u16::try_from(port).ok().filter(|port| *port != 0 && *port != wanted_api);
    let preferred: Vec<u16> =
        offered.iter().filter_map(valid).filter(|port| (FIRST_PORT..=LAST_PORT).contains(port)).collect();
    let any = || offered.iter().find_map(valid);
    let (broker, remark) = if configured != 0 && service.brokers.placement == Placement::Node {
        if !offered.has(configured.into()) {
            return Err(Refusal::PortTaken { port: configured, variable: "BROKER_PORT" });
        }
        (configured, None)
    } else if preferred.is_empty() {
        let port = any().ok_or(Refusal::TooFewPorts { offered: offered.count() })?;
        let why = format!("the agent offers no port in {FIRST_PORT}-{LAST_PORT}, so it gets {port}");
        (port, Some(why))
    } else if configured == 0 {
        (preferred[rng.random_range(0..preferred.len())], None)
    } else if preferred.contains(&configured) {
        (configured, None)
    } else {
        let why = format!("port {configured} is taken on this agent, so it gets {}", preferred[0]);
        (preferred[0], Some(why))
    };
    let api = match wanted_api {
        // From the far end, to leave the range of brokers to brokers.
        0 => offered
            .intervals()
            .iter()
            .rev()
            .flat_map(|(begin, end)| (*begin..=*end).rev())
            .find_map(|port| valid(port).filter(|port| *port != broker)),
        port => Some(port).filter(|port| *port != broker),
    };
    let api = api.ok_or(Refusal::TooFewPorts { offered: offered.count() })?;
    Ok(Ports { broker, api, remark })
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

fn megabytes(disk: &v1::Resource) -> u64 {
    u64::try_from(amount(disk).thousandths() / 1000).unwrap_or(0)
}

/// A random uuid out of the given generator, so that a seed fixes it.
pub fn new_uuid(rng: &mut impl Rng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid()
}
