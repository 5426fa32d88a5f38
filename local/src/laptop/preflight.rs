//! May the cluster start? Everything that stands in the way, at once, before anything starts.
//!
//! The judgement is pure; [`super::facts`] looks at the machine.

use std::{fmt, path::PathBuf};

use super::java::{self, Java, NoJava};

/// Memory for everything but the brokers: ZooKeeper's JVM, Mesos, the scheduler, in MiB.
pub const BESIDE_BROKERS_MB: u64 = 256;
/// Free disk that even an old cluster needs to go on, in MiB.
pub const LEAST_DISK_MB: u64 = 512;

/// What a start needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Brokers that will run.
    pub brokers: u64,
    /// Heap of each, in MiB.
    pub heap_mb: u64,
    /// Memory of each beside the heap, executor included, in MiB.
    pub beside_heap_mb: u64,
    /// Disk each reserves, in MiB.
    pub disk_mb: u64,
    /// Whether the volumes exist already: their data then is no longer free disk.
    pub has_data: bool,
}

/// What the machine has.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Needed ports that somebody listens on.
    pub busy: Vec<Busy>,
    /// Of the ports asked for brokers, how many are free.
    pub broker_ports_free: usize,
    /// Memory that programs could take now, in MiB.
    pub memory_available_mb: u64,
    /// Disk free below the data directory, in MiB.
    pub disk_free_mb: u64,
    /// The data directory, for the message.
    pub data: PathBuf,
    /// Java, or why there is none.
    pub java: Result<Java, NoJava>,
    /// Programs of ours that are not built.
    pub missing: Vec<PathBuf>,
    /// The Kafka distribution, or why there is none.
    pub kafka: Result<(), String>,
    /// What the scheduler says against its settings.
    pub mistakes: Vec<String>,
    /// What of this cluster runs already: name and pid.
    pub running: Vec<(String, i32)>,
}

/// A port that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The port.
    pub port: u16,
    /// What we want it for.
    pub wanted_for: &'static str,
    /// The flag that chooses another; `None` if there is no choice any more.
    pub flag: Option<&'static str>,
    /// Who has it, where the system tells.
    pub holder: Option<String>,
}

/// One thing in the way, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The cluster, or what a killed kafka-local left of it, runs.
    Running(Vec<(String, i32)>),
    /// Somebody else has the port.
    Port(Busy),
    /// Too few ports for brokers and their executors.
    BrokerPorts {
        /// Free.
        free: usize,
        /// Needed.
        needed: u64,
    },
    /// Not enough memory.
    Memory {
        /// Needed, in MiB.
        needed: u64,
        /// Available, in MiB.
        available: u64,
        /// How the need adds up.
        needs: Needs,
    },
    /// Not enough disk.
    Disk {
        /// Needed, in MiB.
        needed: u64,
        /// Free, in MiB.
        free: u64,
        /// Where.
        data: PathBuf,
    },
    /// No Java.
    NoJava(NoJava),
    /// A Java that is too old.
    OldJava(Java),
    /// A program of ours is not built.
    Missing(PathBuf),
    /// No Kafka.
    NoKafka(String),
    /// A setting that the scheduler refuses.
    Setting(String),
}

/// Everything that stands in the way of a start; empty when it may go on.
pub fn problems(needs: &Needs, facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !facts.running.is_empty() {
        // The ports are then taken by the cluster itself; to say so as well would only mislead.
        problems.push(Problem::Running(facts.running.clone()));
    } else {
        problems.extend(facts.busy.iter().cloned().map(Problem::Port));
        // A broker takes a port for clients and one for its executor.
        let needed = needs.brokers * 2;
        if (facts.broker_ports_free as u64) < needed {
            problems.push(Problem::BrokerPorts { free: facts.broker_ports_free, needed });
        }
    }
    let needed = needs.brokers * (needs.heap_mb + needs.beside_heap_mb) + BESIDE_BROKERS_MB;
    if facts.running.is_empty() && facts.memory_available_mb < needed {
        let available = facts.memory_available_mb;
        problems.push(Problem::Memory { needed, available, needs: needs.clone() });
    }
    let needed = if needs.has_data { LEAST_DISK_MB } else { needs.brokers * needs.disk_mb + LEAST_DISK_MB };
    if facts.disk_free_mb < needed {
        problems.push(Problem::Disk { needed, free: facts.disk_free_mb, data: facts.data.clone() });
    }
    match &facts.java {
        Err(why) => problems.push(Problem::NoJava(why.clone())),
        Ok(java) if java.feature < java::OLDEST => problems.push(Problem::OldJava(java.clone())),
        Ok(_) => {}
    }
    problems.extend(facts.missing.iter().cloned().map(Problem::Missing));
    if let Err(why) = &facts.kafka {
        problems.push(Problem::NoKafka(why.clone()));
    }
    problems.extend(facts.mistakes.iter().cloned().map(Problem::Setting));
    problems
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(parts) => {
                let parts: Vec<String> =
                    parts.iter().map(|(name, pid)| format!("{name} (pid {pid})")).collect();
                write!(f, "already running: {}; `stop` ends it", parts.join(", "))
            }
            Self::Port(Busy { port, wanted_for, flag, holder }) => {
                let holder = holder.as_deref().unwrap_or("a process the system does not name to this user");
                write!(f, "port {port}, wanted for {wanted_for}, is in use by {holder}; stop that, or ")?;
                match flag {
                    Some(flag) => write!(f, "choose another port with {flag}"),
                    None => f.write_str("forget the data with --fresh"),
                }
            }
            Self::BrokerPorts { free, needed } => write!(
                f,
                "only {free} of the ports for brokers are free and {needed} are needed, two for each; choose others with --broker-ports"
            ),
            Self::Memory { needed, available, needs: Needs { brokers, heap_mb, beside_heap_mb, .. } } => {
                write!(
                    f,
                    "too little memory: {needed} MiB needed ({brokers} brokers x ({heap_mb} MiB heap + {beside_heap_mb} MiB beside it) \
                 + {BESIDE_BROKERS_MB} MiB for the rest), {available} MiB available; use fewer --brokers or a smaller --heap"
                )
            }
            Self::Disk { needed, free, data } => write!(
                f,
                "too little disk: {needed} MiB needed below {}, {free} MiB free; use another --data, fewer --brokers or a smaller BROKER_DISK",
                data.display()
            ),
            Self::NoJava(why) => write!(
                f,
                "{why}; Java {} or newer is needed (Debian: apt-get install default-jre-headless)",
                java::OLDEST
            ),
            Self::OldJava(found) => write!(
                f,
                "Java {} at {} is too old: {} or newer is needed; set JAVA_HOME to a newer one",
                found.version,
                found.program.display(),
                java::OLDEST
            ),
            Self::Missing(program) => {
                write!(f, "{} is missing; build it with: cargo build --workspace --bins", program.display())
            }
            Self::NoKafka(why) => write!(f, "no Kafka: {why}"),
            Self::Setting(said) => f.write_str(said),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn needs() -> Needs {
        Needs { brokers: 3, heap_mb: 256, beside_heap_mb: 224, disk_mb: 1000, has_data: false }
    }

    fn facts() -> Facts {
        Facts {
            busy: Vec::new(),
            broker_ports_free: 6,
            memory_available_mb: 8192,
            disk_free_mb: 3512,
            data: "/d".into(),
            java: Ok(Java {
                program: "/usr/bin/java".into(),
                version: "17.0.1".to_owned(),
                feature: 17,
                home: None,
            }),
            missing: Vec::new(),
            kafka: Ok(()),
            mistakes: Vec::new(),
            running: Vec::new(),
        }
    }

    // Issue 3: three brokers with their executors fit a laptop with 8 GiB.
    #[test]
    fn a_laptop_will_do() {
        assert_eq!(problems(&needs(), &facts()), []);
        assert_eq!(problems(&needs(), &Facts { memory_available_mb: 2048, ..facts() }), []);
    }

    // Issue 3: a port in use, too little memory or disk, no Java: said clearly, before anything starts; all at once.
    #[test]
    fn everything_in_the_way_is_said_at_once() {
        let busy = Busy {
            port: 5050,
            wanted_for: "the Mesos master",
            flag: Some("--master-port"),
            holder: Some("python3 (pid 77)".to_owned()),
        };
        let facts = Facts {
            busy: vec![busy],
            broker_ports_free: 5,
            memory_available_mb: 1695,
            disk_free_mb: 3511,
            java: Err(NoJava::Missing),
            missing: vec!["/t/mesos-local".into()],
            kafka: Err("x".to_owned()),
            mistakes: vec!["Validation error on field \"BROKER_MEM\": must be a number".to_owned()],
            ..facts()
        };
        let said: Vec<String> = problems(&needs(), &facts).iter().map(ToString::to_string).collect();
        for (said, expected) in said.iter().zip([
            "port 5050, wanted for the Mesos master, is in use by python3 (pid 77)",
            "only 5 of the ports",
            "too little memory: 1696 MiB needed (3 brokers x (256 MiB heap + 224 MiB beside it)",
            "too little disk: 3512 MiB needed below /d, 3511 MiB free",
            "no Java: JAVA_HOME is not set",
            "/t/mesos-local is missing",
            "no Kafka: x",
            "Validation error on field",
        ]) {
            assert!(said.starts_with(expected), "{said}");
        }
        assert_eq!(said.len(), 8);
    }

    // D32: a broker's home has its ports.
    #[test]
    fn a_port_of_a_placed_broker_cannot_be_chosen_again() {
        let busy =
            Busy { port: 9092, wanted_for: "a broker", flag: None, holder: Some("nc (pid 5)".to_owned()) };
        let said = problems(&needs(), &Facts { busy: vec![busy], ..facts() });
        let expected = "port 9092, wanted for a broker, is in use by nc (pid 5); stop that, or forget the data with --fresh";
        assert_eq!(said[0].to_string(), expected);
    }

    #[test]
    fn an_old_java_is_named() {
        let java = Ok(Java { program: "/j".into(), version: "11.0.2".to_owned(), feature: 11, home: None });
        let said = problems(&needs(), &Facts { java, ..facts() });
        assert!(said[0].to_string().contains("Java 11.0.2 at /j is too old"), "{said:?}");
    }

    #[test]
    fn old_data_is_no_new_need() {
        let needs = Needs { has_data: true, ..needs() };
        assert_eq!(problems(&needs, &Facts { disk_free_mb: 512, ..facts() }), []);
    }

    #[test]
    fn our_own_ports_are_not_blamed() {
        let busy = Busy { port: 1, wanted_for: "x", flag: Some("y"), holder: None };
        let running = vec![("zookeeper".to_owned(), 12)];
        let facts = Facts { running, busy: vec![busy], memory_available_mb: 1, ..facts() };
        let said = problems(&needs(), &facts);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].to_string(), "already running: zookeeper (pid 12); `stop` ends it");
    }
}
