//! Collecting what a JVM leaves when it ends: the end of its logs, its crash file, what the kernel counted, its disks.
//!
//! All reads are of files on this machine, bounded, and no failure of one keeps another from being read.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use api::{
    incident::{CrashFile, Disk, Memory},
    launch::{LaunchContract, Metadata},
};
use nix::{sys::statvfs::statvfs, unistd::Pid};
use overrider::layer::is_secret;
use uuid::Uuid;

use super::{
    cgroup,
    tail::{self, Mark},
};
use crate::{
    command::JvmCommand,
    diagnosis::{Evidence, Facts, cgroup::Place, lines},
    properties::bracketed,
};

/// How much of a crash file's beginning is kept: its summary ends well before.
const CRASH_HEAD: u64 = 8 * 1024;

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
    memory: Option<(Place, u64)>,
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
        let memory = cgroup::place().and_then(|place| Some((cgroup::oom_kills(&place)?, place)));
        Start {
            mark,
            pid,
            crash_file: sandbox.join(name),
            memory: memory.map(|(kills, place)| (place, kills)),
        }
    }

    /// To be called when the JVM is gone.
    pub(super) fn evidence(&self, start: &Start, program: &Path, sandbox: &Path) -> Evidence {
        let (stdout, stderr) = tail::ends(start.mark);
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let disk = |path: &str| {
            let found = statvfs(&sandbox.join(path)).ok()?;
            let (free, all, size) = (found.blocks_available(), found.blocks(), found.fragment_size());
            Some(Disk { free: free * size, path: path.to_owned(), total: all * size })
        };
        Evidence {
            id: Uuid::new_v4(),
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            facts: Facts { java: program.display().to_string(), ..self.facts.clone() },
            stdout: lines::last(&stdout, &self.secrets),
            stderr: lines::last(&stderr, &self.secrets),
            crash: self.crash(start),
            memory: memory(start),
            disks: [&self.facts.volume, "."].into_iter().filter_map(disk).collect(),
        }
    }

    fn crash(&self, start: &Start) -> Option<CrashFile> {
        let head = cgroup::read_head(&start.crash_file, CRASH_HEAD)?;
        let name = start.crash_file.file_name()?.to_string_lossy().into_owned();
        tracing::debug!(jvm = %start.pid, name, "it left a crash file");
        Some(CrashFile { head: lines::first(&head, &self.secrets), name })
    }
}

fn memory(start: &Start) -> Option<Memory> {
    let (place, before) = start.memory.as_ref()?;
    let now = cgroup::oom_kills(place)?;
    Some(Memory { limit: cgroup::limit(place), oom_kills: now.saturating_sub(*before) })
}
