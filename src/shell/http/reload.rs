//! Files whose change is taken over while we run: looked at every second, read again when they changed and then stood
//! still for one look, so that nothing half written counts. One that cannot be used changes nothing and is said so.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::config::ValidationError;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Longest file read, in bytes.
const LIMIT: u64 = 1 << 20;

/// Who may do more with a file than is good for us, as bits of its mode.
#[derive(Clone, Copy, Debug)]
pub(in crate::shell) enum Keep {
    /// It holds a secret: others may not read it, nor others than the owner write it.
    Secret,
    /// It holds what everybody may know: only its owner may write it.
    Public,
}

/// What became of a file, for the log and for `GET /v1/debug/http`.
pub(in crate::shell) type Trouble = ValidationError;

/// How files become a value.
type Load<T> = dyn Fn() -> Result<T, Trouble> + Send + Sync;

/// A value out of files, always the last one that could be used.
pub(super) struct Watched<T> {
    files: Vec<PathBuf>,
    load: Box<Load<T>>,
    current: RwLock<Arc<T>>,
    /// Held during a look, so for as long as a file system hangs; by nobody else.
    seen: Mutex<Seen>,
    /// Apart from it, and held for a moment only: it is shown to whoever asks.
    trouble: Mutex<Option<Trouble>>,
}

struct Seen {
    /// What was there when it was loaded last, well or not.
    loaded: Vec<Stamp>,
    /// What was there at the last look, and differs.
    changed: Option<Vec<Stamp>>,
}

/// Tells one state of a file from another: device, inode, size, and both times to the nanosecond. `None`: it is away.
type Stamp = Option<[i128; 5]>;

impl<T> Watched<T> {
    /// Loads for the first time.
    pub(super) fn open(
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, Trouble> + Send + Sync + 'static,
    ) -> Result<Self, Trouble> {
        let loaded = stamps(&files);
        let current = RwLock::new(Arc::new(load()?));
        let seen = Mutex::new(Seen { loaded, changed: None });
        Ok(Self { files, load: Box::new(load), current, seen, trouble: Mutex::default() })
    }

    /// The value that holds now.
    pub(super) fn get(&self) -> Arc<T> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn say(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

impl<T> fmt::Debug for Watched<T> {
    /// What it reads may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Something that looks after its files.
pub(super) trait Look: Send + Sync {
    /// Looks once. Waits for the file system, however long that takes.
    fn look(&self);
    /// Why the files as they are now are not used. Waits for nothing.
    fn trouble(&self) -> Option<Trouble>;
}

impl<T: Send + Sync> Look for Watched<T> {
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.files);
        if now == seen.loaded {
            seen.changed = None;
            return;
        }
        if seen.changed.as_ref() != Some(&now) {
            seen.changed = Some(now);
            return;
        }
        let loaded = (self.load)();
        if stamps(&self.files) != now {
            return;
        }
        let files = self.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        match loaded {
            Ok(value) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
                tracing::info!(files, "changed and taken over");
                self.say(None);
            }
            Err(trouble) => {
                let (setting, error) = (&trouble.field, &trouble.message);
                tracing::error!(
                    setting,
                    files,
                    error,
                    "changed and not taken over: what was read before still holds"
                );
                self.say(Some(trouble));
            }
        }
        seen.loaded = now;
        seen.changed = None;
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks after all until `stop`.
pub(super) async fn watch(all: Vec<Arc<dyn Look>>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        for one in &all {
            let one = one.clone();
            // A file system that hangs holds up nothing but this.
            let looked = tokio::task::spawn_blocking(move || one.look());
            if stop.run_until_cancelled(looked).await.is_none() {
                return;
            }
        }
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| {
        let meta = fs::metadata(file).ok()?;
        let time = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let (modified, changed) =
            (time(meta.mtime(), meta.mtime_nsec()), time(meta.ctime(), meta.ctime_nsec()));
        Some([meta.dev().into(), meta.ino().into(), meta.size().into(), modified, changed])
    };
    files.iter().map(stamp).collect()
}

/// The bytes of the file that `setting` names.
pub(in crate::shell) fn read(setting: &str, path: &Path, keep: Keep) -> Result<Vec<u8>, Trouble> {
    use io::Read as _;

    let trouble = |what: String| trouble(setting, path, &what);
    let failed = |error: io::Error| trouble(format!("cannot be read: {error}"));
    // Asked first: a pipe would be waited for.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(trouble("is no file".to_owned()));
    }
    let file = fs::File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    let mode = meta.mode() & 0o777;
    let (unwanted, whom, instead) = match keep {
        Keep::Secret => (mode & 0o026, "others than its owner and readers of its group", "600 or 640"),
        Keep::Public => (mode & 0o022, "others than its owner to write it", "644"),
    };
    if unwanted != 0 {
        return Err(trouble(format!("has mode {mode:03o}, which lets in {whom}: chmod it to {instead}")));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(trouble(format!("is longer than {LIMIT} bytes")));
    }
    Ok(bytes)
}

/// What is wrong with the file at `path`, in the words of a wrong setting.
pub(in crate::shell) fn trouble(setting: &str, path: &Path, what: &str) -> Trouble {
    ValidationError { field: setting.to_owned(), message: format!("{} {what}", path.display()) }
}

#[cfg(test)]
mod tests;
