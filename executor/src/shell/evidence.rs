//! Collecting what a JVM leaves when it ends: the end of its logs, its crash file, what the kernel counted, its disks.
//!
//! All reads are of files on this machine, bounded, and no failure of one keeps another from being read.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use api::{
    incident::{CrashFile, Disk, Memory},
    launch::{LaunchContract, Metadata},
};
use nix::{sys::statvfs::statvfs, unistd::Pid};
use overrider::layer::is_secret;
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};
use tracing::warn;
use uuid::Uuid;

use super::{
    cgroup, process,
    tail::{self, Mark},
};
use crate::{
    command::JvmCommand,
    diagnosis::{
        Evidence, Facts,
        cgroup::Place,
        lines,
        victims::{EVERY, Look, Victims},
    },
    properties::bracketed,
};

/// How much of a crash file's beginning is kept: its summary ends well before.
const CRASH_HEAD: u64 = 8 * 1024;
/// How long a disk may take to show what was left. The end of the task, or the next JVM, waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of a JVM before it starts, and where its end will show.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    facts: Facts,
    /// Values that must not show.
    secrets: Vec<String>,
}

/// What was so when the JVM started.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) mark: Mark,
    pid: Pid,
    crash_file: PathBuf,
    memory: Option<Count>,
}

/// What the kernel counts in our memory cgroup.
#[derive(Debug)]
struct Count {
    place: Place,
    victims: Arc<Mutex<Victims>>,
    /// Looks at it now and then.
    _looking: JoinSet<()>,
}

impl Count {
    /// Of the cgroup we are in, if it can be read.
    fn begin() -> Option<Self> {
        let place = cgroup::place()?;
        let victims = Arc::new(Mutex::new(Victims::new(look(&place)?)));
        let (at, shared) = (place.clone(), Arc::clone(&victims));
        let looking = async move {
            loop {
                sleep(EVERY).await;
                if let Some(look) = look(&at) {
                    shared.lock().unwrap_or_else(PoisonError::into_inner).look(look);
                }
            }
        };
        Some(Self { place, victims, _looking: JoinSet::from_iter([looking]) })
    }

    fn memory(&self) -> Option<Memory> {
        let now = look(&self.place)?;
        let oom_kills = self.victims.lock().unwrap_or_else(PoisonError::into_inner).new_by(now);
        Some(Memory { limit: cgroup::limit(&self.place), oom_kills })
    }
}

fn look(place: &Place) -> Option<Look> {
    Some(Look { counted: cgroup::oom_kills(place)?, others: process::others_killed() })
}

impl Witness {
    pub(super) fn of(contract: &LaunchContract) -> Self {
        let Metadata::ZooKeeper { connect } = &contract.metadata;
        let facts = Facts {
            java: String::new(),
            heap_mb: contract.heap_mb.into(),
            address: format!("{}:{}", bracketed(&contract.listen_address), contract.port),
            volume: contract.volume.clone(),
            zookeeper: connect.clone(),
        };
        let properties = contract.layers.iter().flat_map(|layer| &layer.properties);
        let options =
            contract.jvm_options.iter().filter_map(|option| option.strip_prefix("-D")?.split_once('='));
        let secrets = properties
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .chain(options)
            .filter(|(key, _)| is_secret(key))
            .map(|(_, value)| value.to_owned());
        Self { facts, secrets: secrets.collect() }
    }

    /// To be called when the JVM has been started; `mark` was taken before.
    pub(super) fn start(mark: Mark, pid: Pid, command: &JvmCommand, sandbox: &Path) -> Start {
        let set = command.arguments.iter().rev().find_map(|option| option.strip_prefix("-XX:ErrorFile="));
        let name = set.unwrap_or("hs_err_pid%p.log").replace("%p", &pid.to_string());
        Start { mark, pid, crash_file: sandbox.join(name), memory: Count::begin() }
    }

    /// To be called when the JVM is gone: what it left, collected beside the loop, as far as the disk shows it in time.
    pub(super) async fn examine(self, start: Start, program: PathBuf, sandbox: PathBuf) -> Evidence {
        let facts = self.facts.clone();
        let collect = spawn_blocking(move || self.evidence(&start, &program, &sandbox));
        match timeout(PATIENCE, collect).await {
            Ok(Ok(evidence)) => evidence,
            Ok(Err(error)) => {
                warn!(%error, "what the JVM left cannot be collected");
                Evidence { facts, ..nothing() }
            }
            Err(_) => {
                warn!("the disk is too slow to show what the JVM left");
                Evidence { facts, ..nothing() }
            }
        }
    }

    fn evidence(&self, start: &Start, program: &Path, sandbox: &Path) -> Evidence {
        // First, as it changes.
        let memory = start.memory.as_ref().and_then(Count::memory);
        let (stdout, stderr) = tail::ends(start.mark);
        let disk = |path: &str| {
            let found = statvfs(&sandbox.join(path)).ok()?;
            let (free, all, size) = (found.blocks_available(), found.blocks(), found.fragment_size());
            Some(Disk { free: free * size, path: path.to_owned(), total: all * size })
        };
        Evidence {
            facts: Facts { java: program.display().to_string(), ..self.facts.clone() },
            stdout: lines::last(&stdout, &self.secrets),
            stderr: lines::last(&stderr, &self.secrets),
            crash: self.crash(start),
            shared: memory.as_ref().is_some_and(|memory| memory.oom_kills > 0)
                && start.memory.as_ref().is_some_and(|count| cgroup::is_shared(&count.place)),
            memory,
            disks: [&self.facts.volume, "."].into_iter().filter_map(disk).collect(),
            ..nothing()
        }
    }

    fn crash(&self, start: &Start) -> Option<CrashFile> {
        let head = cgroup::read_head(&start.crash_file, CRASH_HEAD)?;
        let name = start.crash_file.file_name()?.to_string_lossy().into_owned();
        tracing::debug!(jvm = %start.pid, name, "it left a crash file");
        Some(CrashFile { head: lines::first(&head, &self.secrets), name })
    }
}

/// An end of which only the time is known.
pub(super) fn nothing() -> Evidence {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
    Evidence { id: Uuid::new_v4(), at, ..Evidence::default() }
}
