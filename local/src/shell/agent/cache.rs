//! The agent-wide cache of fetched files (§7.3): by user and URI, never refreshed.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// Files together, in bytes, beyond which the longest unused ones go.
const CAPACITY: u64 = 2 << 30;

/// A directory of cached files, each under a hash of its user and URI.
#[derive(Clone, Debug)]
pub(super) struct Cache(PathBuf);

impl Cache {
    pub(super) fn new(work_dir: &Path) -> Self {
        Self(work_dir.join("fetch"))
    }

    /// Where the file of `uri` is, or belongs.
    pub(super) fn path(&self, user: &str, uri: &str) -> PathBuf {
        let hash = Sha256::digest(format!("{user}\n{uri}"));
        self.0.join(hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// Whether the file is there; one that is counts as just used.
    pub(super) fn has(&self, path: &Path) -> bool {
        fs::File::options()
            .append(true)
            .open(path)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .is_ok()
    }

    /// A place to write a new file to, in the same file system; [`Cache::keep`] puts it in.
    pub(super) fn beside(&self) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.0)?;
        Ok(self.0.join(format!(".{}", uuid::Uuid::new_v4())))
    }

    /// Puts a written file in, and makes room.
    pub(super) fn keep(&self, beside: &Path, path: &Path) -> io::Result<()> {
        fs::rename(beside, path)?;
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let (entry, facts) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            if entry != path {
                files.push((facts.modified()?, facts.len(), entry));
            }
        }
        let mut total: u64 = fs::metadata(path)?.len() + files.iter().map(|(_, size, _)| size).sum::<u64>();
        files.sort();
        for (_, size, file) in files {
            if total <= CAPACITY {
                break;
            }
            fs::remove_file(file)?;
            total -= size;
        }
        Ok(())
    }
}
