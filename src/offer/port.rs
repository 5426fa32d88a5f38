//! How a broker's port is chosen, and its executor's.

use mesos::resource::Ranges;
use rand::{Rng, RngExt as _};

use super::Refusal;
use crate::config::{Placement, Service};

/// The first port of the range brokers prefer (S-062).
const FIRST_PORT: u16 = 9092;
/// The last port of that range.
const LAST_PORT: u16 = 10092;

/// The ports of one broker.
pub(super) struct Ports {
    /// The broker's.
    pub(super) broker: u16,
    /// Its executor's admin endpoint.
    pub(super) api: u16,
    /// What an operator should know about the choice.
    pub(super) remark: Option<String>,
}

/// Chooses the broker's port and its executor's (D8): the configured one where it takes effect, else one in
/// 9092–10092 (at random for `BROKER_PORT=0`), else any that is offered, and says so.
pub(super) fn choose(service: &Service, offered: &Ranges, rng: &mut impl Rng) -> Result<Ports, Refusal> {
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
