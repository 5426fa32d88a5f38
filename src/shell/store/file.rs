//! State in a directory of this machine: `file:///directory` (D21).
//!
//! One file holds all records, or says where they are; a batch writes the next one beside it, syncs, renames and syncs the
//! directory, so that the file is always one whole batch, whatever is killed or loses power when. It is a few kilobytes per
//! broker: to write it whole is cheaper than a log with its compaction. Long values have files of their own (`apart`). The
//! operating system holds the lock, so that a killed scheduler leaves none behind.

mod apart;
mod format;

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::fcntl::{Flock, FlockArg};

use self::format::{Index, Value};
use super::{Batch, Records, Store, StoreError};
use crate::event::Write;

/// A directory with one state file, locked for as long as this value lives.
#[derive(Debug)]
pub struct FileStore {
    directory: Arc<Directory>,
    /// What the file holds.
    index: Index,
}

/// The locked directory.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    _lock: Flock<File>,
}

impl FileStore {
    /// Opens the directory, making it if need be, takes its lock, and reads its state. Blocks for some milliseconds.
    ///
    /// # Errors
    /// It cannot be made or read, another scheduler holds it, or its state is not ours or damaged.
    pub fn open(path: &Path) -> Result<FileStore, StoreError> {
        Self::open_with(path, &mut sync)
    }

    fn open_with(
        path: &Path,
        sync: &mut dyn FnMut(&Path) -> io::Result<()>,
    ) -> Result<FileStore, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at("create directory", path))?;
        let lock = lock(path)?;
        let directory = Directory { path: path.to_owned(), _lock: lock };
        let index = directory.read()?;
        // Once there is a state file, an earlier start has been here.
        match directory.state().exists() {
            true => apart::sweep(path, &apart::names(&index))?,
            false => sync_parents(path, sync)?,
        }
        Ok(FileStore { directory: Arc::new(directory), index })
    }
}

impl Store for FileStore {
    async fn load(&mut self) -> Result<Records, StoreError> {
        let read = |(key, value): (&String, &Value)| {
            let bytes = match value {
                Value::Here(bytes) => bytes.clone(),
                Value::Apart { length, sum } => apart::read(&self.directory.path, *length, sum)?,
            };
            Ok((key.clone(), bytes))
        };
        self.index.iter().map(read).collect()
    }

    async fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.0.is_empty() {
            return Ok(());
        }
        let mut index = self.index.clone();
        for write in &batch.0 {
            match write {
                Write::Put { key, value } => index.insert(key.clone(), Value::Here(value.clone())),
                Write::Delete { key } => index.remove(key),
            };
        }
        let (before, mut long) = (apart::names(&self.index), apart::take(&mut index));
        long.retain(|name, _| !before.contains(name));
        let (bytes, after) = (format::encode(&index), apart::names(&index));
        let directory = Arc::clone(&self.directory);
        // A sync takes milliseconds on a good disk and seconds on a bad one: not on a thread that serves others.
        let write = move || {
            apart::write(&directory.path, &long)?;
            directory.write(&bytes)?;
            let named = before.iter().chain(long.keys());
            apart::remove(&directory.path, named.filter(|name| !after.contains(*name)));
            Ok(())
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        self.index = index;
        Ok(())
    }
}

impl Directory {
    fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    fn read(&self) -> Result<Index, StoreError> {
        let path = self.state();
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => format::decode(&bytes).map_err(|error| error.at(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Index::new()),
            Err(error) => Err(at("read", &path)(error)),
        }
    }

    /// Replaces the state file by `bytes`, durably.
    fn write(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let next = self.path.join("state.next");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let write = || {
            let mut file = options.open(&next)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(at("write", &next))?;
        std::fs::rename(&next, self.state()).map_err(at("rename", &next))?;
        // Without this the rename itself may be lost with the power.
        sync(&self.path).map_err(at("sync", &self.path))
    }
}

/// Makes the names in a directory durable.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes the directory itself durable: each name on the way to it stands in the directory above, and may be lost with the
/// power. All of them, since a start that was killed may have made some.
fn sync_parents(directory: &Path, sync: &mut dyn FnMut(&Path) -> io::Result<()>) -> Result<(), StoreError> {
    const EXCUSED: [io::ErrorKind; 4] = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::ReadOnlyFilesystem,
        io::ErrorKind::InvalidInput,
        io::ErrorKind::Unsupported,
    ];
    let whole = directory.canonicalize().map_err(at("resolve", directory))?;
    for parent in whole.ancestors().skip(1) {
        match sync(parent) {
            // Not ours to write in, so we made no name there; and what knows no sync has none to wait for.
            Err(error) if EXCUSED.contains(&error.kind()) => {
                tracing::debug!(path = %parent.display(), %error, "cannot be synced");
            }
            other => other.map_err(at("sync", parent))?,
        }
    }
    Ok(())
}

/// Takes the directory's lock and leaves our process id in it, for the message of whoever comes second.
fn lock(directory: &Path) -> Result<Flock<File>, StoreError> {
    let path = directory.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(at("open", &path))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
            written.map_err(at("write", &path))?;
            Ok(lock)
        }
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut holder = String::new();
            // Who it is, is a help; that it is, is certain.
            let _ = file.read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            Err(StoreError::Locked { path: directory.to_owned(), holder })
        }
        Err((_, errno)) => Err(at("lock", &path)(errno.into())),
    }
}

fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
