//! What the next life of the agent must know of a container to find its processes, checkpointed framework or not.
//! Written before a process exists and removed when none is left: no process can be forgotten.
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::process::Identity;
use super::store::write_atomically;

/// A container on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) container: String,
    pub(super) sandbox: PathBuf,
    /// `None` while the process is being started.
    pub(super) process: Option<Identity>,
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Records(PathBuf);

impl Records {
    pub(super) fn new(work_dir: &Path) -> Self {
        Self(work_dir.join("meta/containers"))
    }

    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        write_atomically(&self.path(&record.container), &serde_json::to_vec(record)?)
    }

    pub(super) fn remove(&self, container: &str) {
        // Gone already, or left for the next start, which finds no process to it.
        let _ = std::fs::remove_file(self.path(container));
    }

    /// The process of a container, if it got so far.
    pub(super) fn process(&self, container: &str) -> Option<Identity> {
        read(&self.path(container))?.process
    }

    pub(super) fn all(&self) -> Vec<Record> {
        let Ok(entries) = std::fs::read_dir(&self.0) else { return Vec::new() };
        entries.filter_map(|entry| read(&entry.ok()?.path())).collect()
    }

    fn path(&self, container: &str) -> PathBuf {
        self.0.join(container)
    }
}

fn read(path: &Path) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
