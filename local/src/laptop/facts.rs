//! Looks at the machine for [`super::preflight`], and chooses ports that were left open.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    distribution,
    environment::Environment,
    holder,
    home::{Home, Part},
    identity::Identity,
    java::{Java, NoJava},
    ports::Ranges,
    preflight::{Busy, Facts},
    settings::{Offered, Settings},
    sweep,
};

/// Ports chosen for brokers when the user leaves the choice to us: enough for twenty brokers and their executors. They
/// lie below those that Linux gives to outgoing connections (`ip_local_port_range`, 32768 upwards).
const CHOSEN: usize = 40;
const CHOOSE_FROM: std::ops::Range<u16> = 12_000..32_000;

/// The programs of ours that a cluster runs.
pub const PROGRAMS: [&str; 3] = ["mesos-local", "kafka-scheduler", "kafka-executor"];

/// Gives every port and resource that is still open a value.
///
/// # Errors
/// If the system gives no free port.
pub fn choose(settings: &mut Settings, data: &Path) -> std::io::Result<()> {
    // All are held until the last one is chosen, so that none is chosen twice.
    let mut held = Vec::new();
    let mut own: BTreeSet<u16> = settings.own_ports().map(|(port, ..)| port).into();
    let Settings { zookeeper_port, master_port, agent_port, api_port, .. } = settings;
    for port in [zookeeper_port, master_port, agent_port, api_port] {
        while *port == 0 {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            let free = listener.local_addr()?.port();
            held.push(listener);
            // One that was asked for by number for another part is no choice.
            if own.insert(free) {
                *port = free;
            }
        }
    }
    // Our own may be free still, and would be taken by a broker.
    let usable = |port: u16| !own.contains(&port) && holder::is_free(port);
    if settings.offered.is_none() {
        let ports = if settings.broker_ports.is_empty() {
            free_block(usable)
        } else {
            Ranges::of(settings.broker_ports.ports().filter(|port| usable(*port)))
        };
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        settings.offered = Some(Offered {
            // Nothing enforces them: room for as many brokers as memory allows.
            cpus: u32::try_from(cpus).unwrap_or(1).saturating_mul(4).max(16),
            mem_mb: memory().total_mb,
            disk_mb: disk(data).0,
            ports,
        });
    }
    Ok(())
}

const MIB: u64 = 1024 * 1024;

/// Free ports that lie together, from a place that differs between runs, so that two clusters started at the same
/// moment do not choose alike.
fn free_block(usable: impl Fn(u16) -> bool) -> Ranges {
    let span = usize::from(CHOOSE_FROM.end - CHOOSE_FROM.start);
    let start = std::process::id() as usize * CHOSEN % span;
    let around = (0..span).map(|step| CHOOSE_FROM.start + u16::try_from((start + step) % span).unwrap_or(0));
    let mut ports: Vec<u16> = around.filter(|port| usable(*port)).take(CHOSEN).collect();
    ports.sort_unstable();
    Ranges::of(ports)
}

/// Total and free MiB of the file system that holds `path`.
fn disk(path: &Path) -> (u64, u64) {
    match nix::sys::statvfs::statvfs(path) {
        Ok(stat) => {
            let block = stat.fragment_size();
            (stat.blocks() * block / MIB, stat.blocks_available() * block / MIB)
        }
        // Not knowing must not stop anyone: preflight then has nothing to object to.
        Err(_) => (u64::MAX / MIB, u64::MAX / MIB),
    }
}

/// Memory of this machine, in MiB.
struct Memory {
    total_mb: u64,
    /// What programs could take now; less than the machine has where a control group says so.
    available_mb: u64,
}

fn memory() -> Memory {
    // Not knowing must not stop anyone, as with the disk.
    let Ok(mut system) = sysinfo::System::new() else {
        return Memory { total_mb: u64::MAX / MIB, available_mb: u64::MAX / MIB };
    };
    system.refresh_memory();
    let machine = system.available_memory();
    // What the group uses but for its page cache, which gives way.
    let in_group = system.cgroup_limits().map(|limits| limits.total_memory.saturating_sub(limits.rss));
    let available = in_group.map_or(machine, |group| machine.min(group));
    Memory { total_mb: system.total_memory() / MIB, available_mb: available / MIB }
}

/// The ports that brokers of the last run have reserved, and will take again.
///
/// # Errors
/// If the agent's memory cannot be read.
pub fn placed(home: &Home) -> std::io::Result<Ranges> {
    let kept = crate::shell::agent::kept_resources(&home.mesos())?;
    let ranges = kept.iter().filter(|resource| resource.name == "ports").filter_map(|r| r.ranges.as_ref());
    let ports = ranges.flat_map(|ranges| &ranges.range).flat_map(|range| range.begin..=range.end);
    let ports: BTreeSet<u16> = ports.filter_map(|port| u16::try_from(port).ok()).collect();
    Ok(Ranges::of(ports))
}

/// What the machine has for a cluster with these settings, and with brokers on the `placed` ports.
pub fn gather(
    settings: &Settings,
    environment: &Environment,
    home: &Home,
    programs: &Path,
    placed: &Ranges,
    java: Result<Java, NoJava>,
    mistakes: Vec<String>,
) -> Facts {
    let running = all_running(home);
    let own = settings.own_ports().map(|(port, wanted_for, flag)| (port, wanted_for, Some(flag)));
    let placed = placed.ports().map(|port| (port, "a broker that is placed on it", None));
    let busy = own.into_iter().chain(placed);
    let busy = busy.filter(|(port, ..)| running.is_empty() && !holder::is_free(*port));
    let ports = settings.offered.as_ref().map_or(&settings.broker_ports, |offered| &offered.ports);
    Facts {
        busy: busy
            .map(|(port, wanted_for, flag)| Busy { port, wanted_for, flag, holder: holder::of(port) })
            .collect(),
        broker_ports_free: ports.ports().filter(|port| holder::is_free(*port)).count(),
        memory_available_mb: memory().available_mb,
        disk_free_mb: disk(home.root()).1,
        data: home.root().to_owned(),
        java,
        missing: PROGRAMS.iter().map(|name| programs.join(name)).filter(|path| !path.is_file()).collect(),
        kafka: distribution::source(environment).map(drop).map_err(|error| error.to_string()),
        mistakes,
        running,
    }
}

/// The parts of the cluster that run.
pub fn running(home: &Home) -> Vec<(Part, Identity)> {
    [Part::Supervisor, Part::ZooKeeper, Part::Mesos, Part::Scheduler]
        .into_iter()
        .filter_map(|part| Some((part, Identity::running(&home.pid(part))?)))
        .collect()
}

/// Everything of the cluster that runs, by name and pid: its parts, and executors and brokers that outlived theirs. Their
/// volumes are in use as long as they live, whatever the pid files say.
fn all_running(home: &Home) -> Vec<(String, i32)> {
    let parts = running(home).into_iter().map(|(part, identity)| (part.name().to_owned(), identity.pid));
    let left = sweep::inside(&home.mesos()).into_iter().map(|identity| {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", identity.pid)).unwrap_or_default();
        (format!("{} of a broker", name.trim()), identity.pid)
    });
    parts.chain(left).collect()
}

/// The directory that holds our programs: the one this program lies in.
pub fn programs() -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().map(Path::to_owned).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use clap::Parser;

    use super::*;
    use crate::laptop::args::Cli;

    // D47: every port can be set; 0 is a free one.
    #[test]
    fn open_ports_are_chosen_apart_and_stay() {
        let dir = tempfile::tempdir().unwrap();
        let line =
            "kafka-local --zookeeper-port 0 --master-port 0 --agent-port 0 --api-port 0 --broker-ports 0";
        let up = Cli::parse_from(line.split(' ')).up;
        let mut settings = Settings::resolve(&up, &Environment::new(), None).unwrap();
        choose(&mut settings, dir.path()).unwrap();
        let mut ports =
            vec![settings.zookeeper_port, settings.master_port, settings.agent_port, settings.api_port];
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 4);
        assert!(!ports.contains(&0));
        let offered = settings.offered.clone().unwrap();
        assert_eq!(offered.ports.len(), CHOSEN);
        assert!(offered.mem_mb > 0 && offered.disk_mb > 0 && offered.cpus >= 16);
        let before = settings.clone();
        choose(&mut settings, dir.path()).unwrap();
        assert_eq!(settings, before);
    }

    // `--fresh` must never delete volumes under live brokers: without any pid file, they still run.
    #[test]
    fn brokers_that_outlived_their_agent_count_as_running() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("data")).unwrap();
        let mut broker = std::process::Command::new("/bin/sleep");
        let mut broker = broker.arg("60").env("MESOS_SANDBOX", home.mesos().join("s")).spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let up = Cli::parse_from(["kafka-local"]).up;
        let settings = Settings::resolve(&up, &Environment::new(), None).unwrap();
        let facts = loop {
            let java = Err(NoJava::Missing);
            let (none, placed) = (Environment::new(), Ranges::of([]));
            let facts = gather(&settings, &none, &home, dir.path(), &placed, java, Vec::new());
            if !facts.running.is_empty() || std::time::Instant::now() > deadline {
                break facts;
            }
        };
        broker.kill().unwrap();
        let pid = broker.id();
        broker.wait().unwrap();
        assert_eq!(facts.running, [("sleep of a broker".to_owned(), i32::try_from(pid).unwrap())]);
    }

    #[test]
    fn a_taken_port_is_not_offered_to_brokers() {
        let dir = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap().port();
        let port = taken.to_string();
        let up = Cli::parse_from(["kafka-local", "--broker-ports", &port, "--api-port", &port]).up;
        let mut settings = Settings::resolve(&up, &Environment::new(), None).unwrap();
        choose(&mut settings, dir.path()).unwrap();
        assert_eq!(settings.offered.as_ref().unwrap().ports.len(), 0);
        let home = Home::open(&dir.path().join("data")).unwrap();
        let (none, java) = (Environment::new(), Err(NoJava::Missing));
        let facts = gather(&settings, &none, &home, dir.path(), &Ranges::of([taken]), java, Vec::new());
        assert_eq!(facts.broker_ports_free, 0);
        let busy = facts.busy.iter().filter(|busy| busy.port == taken);
        // Wanted for the API, and by a broker that is placed and cannot move.
        assert_eq!(busy.map(|busy| busy.flag).collect::<Vec<_>>(), [Some("--api-port"), None]);
        assert_eq!(facts.missing.len(), PROGRAMS.len());
    }

    #[test]
    fn our_own_ports_are_not_offered_to_brokers() {
        let dir = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let line = format!("kafka-local --broker-ports {free} --api-port {free} --master-port 0");
        let mut settings =
            Settings::resolve(&Cli::parse_from(line.split(' ')).up, &Environment::new(), None).unwrap();
        choose(&mut settings, dir.path()).unwrap();
        assert!(!settings.offered.unwrap().ports.contains(free));
    }

    #[test]
    fn ports_of_placed_brokers_are_read_from_the_agents_memory() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("data")).unwrap();
        assert!(placed(&home).unwrap().is_empty());
        let state = home.mesos().join("meta/resources/resources_and_operations.state");
        std::fs::create_dir_all(state.parent().unwrap()).unwrap();
        let ranges = |from: u16, to: u16| {
            serde_json::json!({
                "name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": from, "end": to}]},
                "reservations": [{"type": "DYNAMIC", "role": "kafka-role"}],
            })
        };
        let cpus = serde_json::json!({"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}});
        let all = serde_json::json!({"resources": [ranges(9095, 9095), cpus, ranges(9092, 9093)], "operations": []});
        std::fs::write(state, all.to_string()).unwrap();
        assert_eq!(placed(&home).unwrap(), Ranges::of([9092, 9093, 9095]));
    }
}
