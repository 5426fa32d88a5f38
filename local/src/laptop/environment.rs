//! The scheduler's environment: what `kafka-local` was started with, what `configure` changed, and the laptop's defaults
//! for the rest. Every setting of the contract reaches the scheduler, but for the few that say where this cluster itself is
//! ([`OURS`]).

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{home::Home, settings::Settings};

/// The environment of a process.
pub type Environment = BTreeMap<String, String>;

/// Memory a broker's JVM needs beside its heap: metaspace, code, threads, direct buffers, in MiB.
pub const BESIDE_HEAP_MB: u32 = 192;

/// What `configure` changed: a new value, or `None` for a name taken out of the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Configured(BTreeMap<String, Option<String>>);

/// Set by `kafka-local` alone: with another value its scheduler would belong to another Mesos, another ZooKeeper or other
/// data, or be looked for in the wrong place.
pub const OURS: [&str; 5] =
    ["MESOS_MASTER", "SCHEDULER_STATE_URI", "KAFKA_ZOOKEEPER_URI", "LISTEN_ADDRESS", "PORT1"];

/// The values of [`OURS`].
fn ours(settings: &Settings, home: &Home) -> [(&'static str, String); OURS.len()] {
    let [master, state, zookeeper, listen, port] = OURS;
    [
        (master, format!("http://127.0.0.1:{}", settings.master_port)),
        (state, format!("file://{}", home.scheduler().display())),
        (zookeeper, format!("127.0.0.1:{}", settings.zookeeper_port)),
        (listen, "127.0.0.1".to_owned()), // D33
        (port, settings.api_port.to_string()),
    ]
}

impl Configured {
    /// Reads `NAME=VALUE` and `NAME=`; all mistakes at once.
    pub fn parse(changes: &[String]) -> Result<Self, Vec<String>> {
        let mut parsed = BTreeMap::new();
        let mut wrong = Vec::new();
        for change in changes {
            match change.split_once('=') {
                None => wrong.push(format!("{change:?} has no =; write NAME=VALUE, or NAME= to unset")),
                Some((name, _)) if !is_name(name) => {
                    wrong.push(format!(
                        "{name:?} is not a setting's name: capital letters, digits and _ only"
                    ));
                }
                Some((name, _)) if OURS.contains(&name) => wrong.push(format!(
                    "{name} is kafka-local's own and cannot be configured; ports change at a start, by flags like --api-port"
                )),
                Some((name, value)) => {
                    parsed.insert(name.to_owned(), Some(value.to_owned()).filter(|value| !value.is_empty()));
                }
            }
        }
        if wrong.is_empty() { Ok(Self(parsed)) } else { Err(wrong) }
    }

    /// Adds later changes to these.
    pub fn extend(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Forgets what was configured for this name.
    pub fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Names and values, in order of their names; `None` is unset.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Reads what was configured; empty if nothing ever was.
    pub fn load(file: &Path) -> io::Result<Self> {
        match fs::read(file) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes it, whole or not at all.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        super::settings::write(file, &serde_json::to_vec_pretty(self)?)
    }
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_uppercase())
        && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// What stands besides the user's own words: programs and archives of this cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifacts {
    /// `KAFKA_URI`, where the user gives none.
    pub kafka: String,
    /// `EXECUTOR_URI`, where the user gives none.
    pub executor: String,
}

/// The environment the scheduler starts with. [`OURS`] are ours whatever anybody says; for the rest `configured` goes before
/// `inherited`, both go before the defaults.
pub fn of_scheduler(
    inherited: &Environment,
    configured: &Configured,
    settings: &Settings,
    artifacts: &Artifacts,
    home: &Home,
) -> Environment {
    let mut environment = inherited.clone();
    // The settings know which of flag, environment and last start wins; the raw environment would go before a flag.
    environment.insert("BROKER_COUNT".to_owned(), settings.brokers.to_string());
    environment.insert("BROKER_HEAP_MB".to_owned(), settings.heap_mb.to_string());
    for (name, value) in &configured.0 {
        match value {
            Some(value) => environment.insert(name.clone(), value.clone()),
            None => environment.remove(name),
        };
    }
    // An unset name falls back to the laptop's default; so does an empty one, as in a shell's ${NAME:-default}.
    let mut default = |name: &str, value: String| {
        let slot = environment.entry(name.to_owned()).or_default();
        if slot.is_empty() {
            *slot = value;
        }
    };
    default("BROKER_LISTEN_ADDRESS", "127.0.0.1".to_owned()); // D33
    default("KAFKA_URI", artifacts.kafka.clone());
    default("EXECUTOR_URI", artifacts.executor.clone());
    default("BROKER_COUNT", settings.brokers.to_string());
    default("BROKER_HEAP_MB", settings.heap_mb.to_string());
    default("BROKER_CPUS", "0.5".to_owned());
    default("BROKER_DISK", "1000".to_owned());
    // One compiler instead of two: less work for few processors while three JVMs start (1 to 4 s of 17 to 19, measured).
    default("BROKER_JVM_OPTS", "-XX:TieredStopAtLevel=1".to_owned());
    let heap =
        environment.get("BROKER_HEAP_MB").and_then(|heap| heap.parse().ok()).unwrap_or(settings.heap_mb);
    let mem = environment.entry("BROKER_MEM".to_owned()).or_default();
    if mem.is_empty() {
        let kept = settings.memory.map(|memory| memory.mem_mb);
        *mem = kept.unwrap_or_else(|| heap.saturating_add(BESIDE_HEAP_MB)).to_string();
    }
    environment.extend(ours(settings, home).map(|(name, value)| (name.to_owned(), value)));
    environment
}

/// Names a start silently could get wrong: set in the shell, yet configured to something else, or ours alone.
pub fn overruled(
    inherited: &Environment,
    configured: &Configured,
    settings: &Settings,
    home: &Home,
) -> Vec<String> {
    let ours = ours(settings, home).into_iter().filter_map(|(name, value)| {
        let shell = inherited.get(name).filter(|shell| !shell.is_empty() && **shell != value)?;
        Some(format!("{name} is {value:?} in this cluster, not {shell:?} as in the environment"))
    });
    let configured =
        configured.iter().filter(|(name, _)| !OURS.contains(name)).filter_map(|(name, value)| {
            let shell = inherited.get(name)?;
            (value != Some(shell)).then(|| {
                let now = value.map_or_else(|| "unset".to_owned(), |value| format!("{value:?}"));
                format!("{name} is {now} since `configure`, not {shell:?} as in the environment")
            })
        });
    ours.chain(configured).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|word| (*word).to_owned()).collect()
    }

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(&dir.path().join("data")).unwrap();
        (dir, home)
    }

    fn shell(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn settings(line: &str, inherited: &Environment) -> Settings {
        let words = std::iter::once("kafka-local").chain(line.split_whitespace());
        let up = <crate::laptop::args::Cli as clap::Parser>::parse_from(words).up;
        Settings::resolve(&up, inherited, None).unwrap()
    }

    fn build(inherited: &[(&str, &str)], changes: &[&str]) -> Environment {
        start("", inherited, changes)
    }

    fn start(line: &str, inherited: &[(&str, &str)], changes: &[&str]) -> Environment {
        let (_dir, home) = home();
        let inherited = shell(inherited);
        let settings = settings(line, &inherited);
        let artifacts = Artifacts { kafka: "file:///k.tgz".to_owned(), executor: "file:///e".to_owned() };
        of_scheduler(&inherited, &Configured::parse(&words(changes)).unwrap(), &settings, &artifacts, &home)
    }

    // Issue 3: every service setting in its environment reaches the scheduler.
    #[test]
    fn the_users_words_go_before_the_defaults() {
        let environment = build(
            &[
                ("KAFKA_OVERRIDE_LOG_RETENTION_HOURS", "7"),
                ("BROKER_COUNT", "5"),
                ("KAFKA_URI", ""),
                ("PATH", "/bin"),
            ],
            &["BROKER_COUNT=6"],
        );
        let get = |name: &str| environment.get(name).map(String::as_str);
        assert_eq!(get("KAFKA_OVERRIDE_LOG_RETENTION_HOURS"), Some("7"));
        assert_eq!(get("BROKER_COUNT"), Some("6"));
        assert_eq!(get("PATH"), Some("/bin"));
        assert_eq!(get("KAFKA_URI"), Some("file:///k.tgz"));
        assert_eq!(get("MESOS_MASTER"), Some("http://127.0.0.1:5050"));
        assert_eq!(get("BROKER_LISTEN_ADDRESS"), Some("127.0.0.1")); // D33
        assert_eq!(get("PORT1"), Some("8080"));
    }

    // D47: `NAME=` unsets, also what the shell set; where the laptop has a default, that one holds again.
    #[test]
    fn unset_removes_and_falls_back() {
        let environment =
            build(&[("KAFKA_OVERRIDE_X", "1"), ("BROKER_CPUS", "2")], &["KAFKA_OVERRIDE_X=", "BROKER_CPUS="]);
        assert_eq!(environment.get("KAFKA_OVERRIDE_X"), None);
        assert_eq!(environment["BROKER_CPUS"], "0.5");
    }

    // S-046: brokers that are placed keep their memory, so the scheduler is told the same at every start.
    #[test]
    fn memory_stays_as_at_the_first_start() {
        let (_dir, home) = home();
        let (none, nothing) = (Environment::new(), Configured::default());
        let mut settings = settings("--heap 400", &none);
        settings.memory = crate::laptop::memory::Memory::first(&none, &nothing, &settings);
        settings.heap_mb = 100;
        let artifacts = Artifacts { kafka: "file:///k.tgz".to_owned(), executor: "file:///e".to_owned() };
        let environment = of_scheduler(&none, &nothing, &settings, &artifacts, &home);
        assert_eq!((&*environment["BROKER_MEM"], &*environment["BROKER_HEAP_MB"]), ("592", "100"));
    }

    // D47: what a flag says goes before the environment, also in the scheduler's own; `configure` changes it later.
    #[test]
    fn a_flag_wins_everywhere() {
        let inherited = [("BROKER_COUNT", "3"), ("BROKER_HEAP_MB", "300")];
        let environment = start("--brokers 5 --heap 400", &inherited, &[]);
        assert_eq!((&*environment["BROKER_COUNT"], &*environment["BROKER_HEAP_MB"]), ("5", "400"));
        assert_eq!(environment["BROKER_MEM"], (400 + BESIDE_HEAP_MB).to_string());
        let environment = start("", &inherited, &[]);
        assert_eq!((&*environment["BROKER_COUNT"], &*environment["BROKER_HEAP_MB"]), ("3", "300"));
        assert_eq!(start("--brokers 5", &inherited, &["BROKER_COUNT=6"])["BROKER_COUNT"], "6");
    }

    #[test]
    fn memory_follows_the_heap_unless_given() {
        assert_eq!(build(&[], &[])["BROKER_MEM"], (256 + BESIDE_HEAP_MB).to_string());
        assert_eq!(
            build(&[("BROKER_HEAP_MB", "512")], &[])["BROKER_MEM"],
            (512 + BESIDE_HEAP_MB).to_string()
        );
        assert_eq!(build(&[("BROKER_MEM", "9000")], &[])["BROKER_MEM"], "9000");
    }

    #[test]
    fn changes_are_checked_all_at_once() {
        let wrong = Configured::parse(&words(&[
            "BROKER_COUNT",
            "broker=1",
            "PORT1=80",
            "A=1",
            "=x",
            "MESOS_MASTER=h:1",
        ]))
        .unwrap_err();
        assert_eq!(wrong.len(), 5, "{wrong:?}");
        // A value may hold anything.
        let good = Configured::parse(&words(&["BROKER_JVM_OPTS=-Da=b -Dc"])).unwrap();
        assert_eq!(good.iter().collect::<Vec<_>>(), [("BROKER_JVM_OPTS", Some("-Da=b -Dc"))]);
    }

    #[test]
    fn what_was_configured_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.json");
        let mut configured = Configured::load(&file).unwrap();
        configured.extend(Configured::parse(&words(&["A=1", "B=2"])).unwrap());
        configured.extend(Configured::parse(&words(&["B=", "C=3"])).unwrap());
        configured.save(&file).unwrap();
        let mut again = Configured::load(&file).unwrap();
        assert_eq!(again.iter().collect::<Vec<_>>(), [("A", Some("1")), ("B", None), ("C", Some("3"))]);
        again.forget("A");
        assert_eq!(again.iter().count(), 2);
    }

    #[test]
    fn a_contradiction_is_said() {
        let (_dir, home) = home();
        let inherited = shell(&[("A", "1"), ("B", "1"), ("C", "1")]);
        let configured = Configured::parse(&words(&["A=2", "B=1", "C=", "D=4"])).unwrap();
        let said = overruled(&inherited, &configured, &settings("", &inherited), &home);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("A is \"2\"") && said[1].starts_with("C is unset"), "{said:?}");
    }

    // A master exported for something else must not get a laptop's scheduler; and nothing of that is silent.
    #[test]
    fn where_the_cluster_is_is_ours_to_say() {
        let (_dir, home) = home();
        let inherited = [
            ("MESOS_MASTER", "http://10.0.0.1:5050"),
            ("SCHEDULER_STATE_URI", "file:///var/lib/kafka"),
            ("KAFKA_ZOOKEEPER_URI", "10.0.0.1:2181"),
            ("LISTEN_ADDRESS", "0.0.0.0"),
            ("PORT1", "8085"),
        ];
        let environment = start("--api-port 8086", &inherited, &[]);
        assert_eq!(environment["MESOS_MASTER"], "http://127.0.0.1:5050");
        assert!(environment["SCHEDULER_STATE_URI"].ends_with("/data/scheduler"));
        assert_eq!(environment["KAFKA_ZOOKEEPER_URI"], "127.0.0.1:2181");
        assert_eq!(environment["LISTEN_ADDRESS"], "127.0.0.1"); // D33
        assert_eq!(environment["PORT1"], "8086");

        let inherited = shell(&inherited);
        let with_flag = settings("--api-port 8086", &inherited);
        let said = overruled(&inherited, &Configured::default(), &with_flag, &home);
        assert_eq!(said.len(), 5, "{said:?}");
        assert_eq!(
            said[0],
            "MESOS_MASTER is \"http://127.0.0.1:5050\" in this cluster, not \"http://10.0.0.1:5050\" as in the environment"
        );
        // PORT1 alone is a wish that is granted where no flag says otherwise.
        let without = settings("", &inherited);
        assert_eq!(overruled(&inherited, &Configured::default(), &without, &home).len(), 4);
    }
}
