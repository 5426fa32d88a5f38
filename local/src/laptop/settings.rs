//! How a laptop cluster is started: flags, then the environment, then what the last start used, then defaults.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{args::Up, memory::Memory, ports::Ranges};

/// The version this build writes and reads.
const VERSION: u32 = 1;

/// Kept in the data directory, so that the next start and every other command find the same cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    version: u32,
    /// Brokers wanted at the start; `configure BROKER_COUNT=` may have changed it since.
    pub brokers: u32,
    /// Heap of a broker in MiB.
    pub heap_mb: u32,
    /// Port of ZooKeeper; 0 while it is not chosen yet, like those below.
    pub zookeeper_port: u16,
    /// Port of the Mesos master.
    pub master_port: u16,
    /// Port of the Mesos agent.
    pub agent_port: u16,
    /// Port of the service's REST API.
    pub api_port: u16,
    /// What was asked to be offered to brokers.
    pub broker_ports: Ranges,
    /// What the agent says it has. Fixed at the first start: an agent that comes back with other resources would be
    /// another agent.
    pub offered: Option<Offered>,
    /// What each broker reserves. Fixed at the first start as well.
    pub memory: Option<Memory>,
}

/// Resources of the agent. It offers them for the scheduler to plan with; nothing on a laptop enforces them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub mem_mb: u64,
    /// Disk in MiB.
    pub disk_mb: u64,
    /// Ports, those of [`Settings::broker_ports`] that were free.
    pub ports: Ranges,
}

impl Settings {
    /// What this start uses. Every mistake in the environment is reported, not only the first.
    pub fn resolve(
        up: &Up,
        environment: &BTreeMap<String, String>,
        remembered: Option<Settings>,
    ) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let mut number = |name: &str, least: u32, most: u32| {
            let text = environment.get(name).filter(|text| !text.is_empty())?;
            match text.parse::<u32>() {
                Ok(value) if (least..=most).contains(&value) => Some(value),
                _ => {
                    wrong.push(format!("{name} is {text:?}, not a number from {least} to {most}"));
                    None
                }
            }
        };
        let brokers = number("BROKER_COUNT", 1, 100);
        let heap = number("BROKER_HEAP_MB", 1, u32::MAX);
        let api = number("PORT1", 0, 65535).and_then(|port| u16::try_from(port).ok());
        // A port asked to be free (0) is the one chosen before, if there is one.
        let port = |asked: Option<u16>, before: Option<u16>, default: u16| match asked {
            Some(0) | None => before.or(asked).unwrap_or(default),
            Some(port) => port,
        };
        let before = remembered.as_ref();
        let broker_ports = match (&up.broker_ports, before) {
            (Some(asked), Some(before)) if !asked.is_empty() && *asked != before.broker_ports => {
                let offered = before.offered.as_ref().map_or(&before.broker_ports, |offered| &offered.ports);
                wrong.push(format!(
                    "--broker-ports {asked} cannot replace {offered}, which brokers were placed on: leave the flag out, or \
                     forget the data with --fresh"
                ));
                before.broker_ports.clone()
            }
            (_, Some(before)) => before.broker_ports.clone(),
            (Some(asked), None) => asked.clone(),
            (None, None) => Ranges::of(9092..=10092),
        };
        let settings = Self {
            version: VERSION,
            brokers: up.brokers.or(brokers).or(before.map(|b| b.brokers)).unwrap_or(3),
            heap_mb: up.heap.or(heap).or(before.map(|b| b.heap_mb)).unwrap_or(256),
            zookeeper_port: port(up.zookeeper_port, before.map(|b| b.zookeeper_port), 2181),
            master_port: port(up.master_port, before.map(|b| b.master_port), 5050),
            agent_port: port(up.agent_port, before.map(|b| b.agent_port), 5051),
            api_port: port(up.api_port.or(api), before.map(|b| b.api_port), 8080),
            broker_ports,
            offered: before.and_then(|before| before.offered.clone()),
            memory: before.and_then(|before| before.memory),
        };
        wrong.extend(settings.clashes());
        if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
    }

    /// The ports of the cluster's own parts, with what each is for and the flag that sets it.
    pub fn own_ports(&self) -> [(u16, &'static str, &'static str); 4] {
        [
            (self.zookeeper_port, "ZooKeeper", "--zookeeper-port"),
            (self.master_port, "the Mesos master", "--master-port"),
            (self.agent_port, "the Mesos agent", "--agent-port"),
            (self.api_port, "the REST API", "--api-port"),
        ]
    }

    /// Ports that two want. Those still to be chosen (0) are chosen apart.
    fn clashes(&self) -> Vec<String> {
        let own = self.own_ports();
        let mut clashes = Vec::new();
        for (index, (port, what, flag)) in own.iter().enumerate().filter(|(_, own)| own.0 != 0) {
            for (_, other, other_flag) in own[..index].iter().filter(|(other, ..)| other == port) {
                clashes.push(format!(
                    "port {port} is wanted for both {other} and {what}: set {other_flag} or {flag} to another"
                ));
            }
            // At the first start they are kept out of what is offered.
            if self.offered.as_ref().is_some_and(|offered| offered.ports.contains(*port)) {
                clashes.push(format!(
                    "port {port}, wanted for {what}, is one of those offered to brokers ({}): set {flag} to another, or forget \
                     the data with --fresh",
                    self.broker_ports
                ));
            }
        }
        clashes
    }

    /// Reads what the last start used; `None` before the first.
    pub fn load(file: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let settings: Self = serde_json::from_str(&text)?;
        if settings.version != VERSION {
            let said =
                format!("written by another kafka-local (version {}, not {VERSION})", settings.version);
            return Err(io::Error::new(io::ErrorKind::InvalidData, said));
        }
        Ok(Some(settings))
    }

    /// Writes them, whole or not at all.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        write(file, &serde_json::to_vec_pretty(self)?)
    }
}

/// Writes a file whole or not at all, also when the machine loses its power.
pub(super) fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let beside = file.with_extension("new");
    let mut new = fs::File::create(&beside)?;
    new.write_all(content)?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    // The new name is durable only with its directory.
    file.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use clap::Parser;

    use super::*;
    use crate::laptop::args::Cli;

    fn resolve(
        line: &str,
        environment: &[(&str, &str)],
        remembered: Option<Settings>,
    ) -> Result<Settings, Vec<String>> {
        let up = Cli::parse_from(std::iter::once("kafka-local").chain(line.split_whitespace())).up;
        let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Settings::resolve(&up, &environment, remembered)
    }

    // S-016 and the issue: three brokers, small heaps, the ports everybody knows.
    #[test]
    fn defaults() {
        let settings = resolve("", &[], None).unwrap();
        assert_eq!((settings.brokers, settings.heap_mb), (3, 256));
        let Settings { zookeeper_port, master_port, agent_port, api_port, broker_ports, .. } = settings;
        assert_eq!((zookeeper_port, master_port, agent_port, api_port), (2181, 5050, 5051, 8080));
        assert_eq!(broker_ports.to_string(), "9092-10092"); // D8
    }

    #[test]
    fn flags_go_before_environment_before_memory() {
        let before = resolve("--brokers 5 --heap 300 --api-port 8081 --agent-port 7", &[], None).unwrap();
        let environment = [("BROKER_COUNT", "4"), ("PORT1", "8082"), ("BROKER_HEAP_MB", "")];
        let next = resolve("--agent-port 8", &environment, Some(before.clone())).unwrap();
        assert_eq!((next.brokers, next.heap_mb, next.api_port, next.agent_port), (4, 300, 8082, 8));
        assert_eq!(resolve("--brokers 6", &environment, Some(before)).unwrap().brokers, 6);
    }

    // A restarted cluster is found where it was, also when its ports were chosen for it.
    #[test]
    fn a_free_port_stays_once_chosen() {
        let mut first = resolve("--master-port 0 --broker-ports 0", &[], None).unwrap();
        assert_eq!((first.master_port, first.broker_ports.is_empty()), (0, true));
        first.master_port = 4711;
        let ports = Ranges::of(20000..=20100);
        first.offered = Some(Offered { cpus: 8, mem_mb: 9, disk_mb: 10, ports });
        for line in ["--master-port 0 --broker-ports 0", ""] {
            let next = resolve(line, &[], Some(first.clone())).unwrap();
            assert_eq!((next.master_port, &next.offered), (4711, &first.offered), "{line}");
        }
        // Brokers that are placed keep their ports: an agent with others would not take its old data back.
        let wrong = resolve("--broker-ports 10-20 --api-port 20001", &[], Some(first)).unwrap_err();
        assert!(wrong[0].starts_with("--broker-ports 10-20 cannot replace 20000-20100, which"), "{wrong:?}");
        assert!(wrong[1].starts_with("port 20001, wanted for the REST API, is one of those"), "{wrong:?}");
        assert_eq!(wrong.len(), 2);
    }

    #[test]
    fn a_port_serves_one_thing() {
        let wrong = resolve("--api-port 5050 --agent-port 2181", &[], None).unwrap_err();
        assert_eq!(
            wrong,
            [
                "port 2181 is wanted for both ZooKeeper and the Mesos agent: set --zookeeper-port or --agent-port to another",
                "port 5050 is wanted for both the Mesos master and the REST API: set --master-port or --api-port to another",
            ]
        );
        assert!(resolve("--api-port 0 --agent-port 0", &[], None).is_ok());
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let wrong = resolve("", &[("BROKER_COUNT", "many"), ("PORT1", "70000")], None).unwrap_err();
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].contains("BROKER_COUNT") && wrong[1].contains("PORT1"), "{wrong:?}");
    }

    #[test]
    fn saved_settings_are_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s.json");
        assert_eq!(Settings::load(&file).unwrap(), None);
        let settings = resolve("--brokers 2", &[], None).unwrap();
        settings.save(&file).unwrap();
        assert_eq!(Settings::load(&file).unwrap(), Some(settings));
        fs::write(&file, "{}").unwrap();
        assert!(Settings::load(&file).is_err());
    }
}
