//! The class-data archive on disk: looking for the one that fits, and having it made once the broker is at rest.
//!
//! Whatever goes wrong is said once, and brokers start without an archive, as they would have.

use std::{
    fs,
    io::{self, BufRead},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::Path,
    time::Duration,
};

use api::launch::LaunchContract;
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::Instant,
};
use tracing::{info, warn};

use super::{
    artifacts::jre_of,
    cgroup, fork, limits,
    process::{self, Awaited},
};
use crate::{
    archive::{Archive, CLASSES, LIST, LOG, Looks, Stamp, Use, file, wanted},
    artifact::{Java, Kafka},
    command::JvmCommand,
    supervisor::How,
};

/// How long a broker serves before its archive is made: a cluster that starts has better things to do.
const SETTLED: Duration = Duration::from_secs(10);
/// Room that the volume must keep beyond the archive, in bytes.
const ROOM: u64 = 512 << 20;
/// Memory that the container must have left for the maker, in bytes: it takes 150 to 300 MiB, and where a container's
/// limit is hit Mesos ends it with all that is in it, the broker first of all.
const MEMORY: u64 = 512 << 20;
/// Between two looks at a container that is too full.
const TIGHT: Duration = Duration::from_secs(60);
/// A maker that takes longer is ended. Five seconds of a processor are usual, and it gets only what is left over.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The archive for this broker, if it is to have one.
pub(super) fn find(contract: &LaunchContract, kafka: &Kafka, java: &Java, sandbox: &Path) -> Option<Archive> {
    if !wanted(contract, java) {
        return None;
    }
    let looks = match looks(kafka, java, sandbox) {
        Ok(looks) => looks,
        Err(error) => {
            info!(%error, "no class-data archive: what it depends on cannot be looked at");
            return None;
        }
    };
    let file = file(contract, kafka, &looks);
    let used = if sandbox.join(&file).is_file() { Use::Map } else { Use::Note };
    Some(Archive { file, used })
}

fn looks(kafka: &Kafka, java: &Java, sandbox: &Path) -> io::Result<Looks> {
    let jre = jre_of(&java.program)?;
    let libs = sandbox.join(&kafka.directory).join("libs");
    let jre_files = ["lib/modules", "lib/server/libjvm.so"];
    Ok(Looks {
        release: fs::read_to_string(jre.join("release"))?,
        jre: jre_files.iter().map(|name| stamp(&jre.join(name))).collect::<io::Result<_>>()?,
        jars: kafka.jars.iter().map(|name| stamp(&libs.join(name))).collect::<io::Result<_>>()?,
    })
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let file = fs::metadata(path)?;
    Ok(Stamp {
        size: file.len(),
        changed: i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec()),
    })
}

/// How an archive is made for the JVM that runs.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) archive: Archive,
    pub(super) maker: JvmCommand,
}

/// Has the archive made, at most once at a time and never again after a failure.
#[derive(Debug, Default)]
pub(super) struct Archivist {
    /// The JVM that runs, and what it was started with.
    jvm: Option<(Pid, Recipe)>,
    /// Since when it serves.
    serves: Option<Instant>,
    maker: Option<Maker>,
    /// When the container was last found too full for it.
    tight: Option<Instant>,
    failed: bool,
}

#[derive(Debug)]
struct Maker {
    pid: Pid,
    /// We reap it, not [`super::process::Family`].
    _awaited: Awaited,
    recipe: Recipe,
    since: Instant,
    /// Whether its broker has ended meanwhile, and it is swept with it.
    swept: bool,
}

impl Archivist {
    /// A JVM was started; with what, if it is to have an archive.
    pub(super) fn started(&mut self, pid: Pid, recipe: Option<Recipe>) {
        self.jvm = recipe.map(|recipe| (pid, recipe));
        self.serves = None;
    }

    /// Called often: whether the broker serves now. Starts the maker when the time has come; must be called on the
    /// main thread, as all that forks.
    pub(super) fn look(&mut self, serves: bool, sandbox: &Path) {
        if !serves {
            self.serves = None;
            return;
        }
        let since = match self.serves {
            Some(since) => since,
            None => {
                let _goes_on_beside_the_loop = self.check(sandbox);
                *self.serves.insert(Instant::now())
            }
        };
        if let Some(maker) = &self.maker {
            if maker.since.elapsed() > LONGEST {
                let _gone_is_fine = kill(maker.pid, Signal::SIGKILL);
            }
            return;
        }
        let noted = self.jvm.as_ref().is_some_and(|(_, recipe)| recipe.archive.used == Use::Note);
        let tight = self.tight.is_some_and(|looked| looked.elapsed() < TIGHT);
        if self.failed || since.elapsed() < SETTLED || !noted || tight {
            return;
        }
        self.make(cgroup::place().and_then(|place| cgroup::room(&place)), sandbox);
    }

    /// When [`Archivist::look`] is next of use, time alone passing.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.serves?;
        if let Some(maker) = &self.maker {
            return Some(maker.since + LONGEST);
        }
        let noted = self.jvm.as_ref().is_some_and(|(_, recipe)| recipe.archive.used == Use::Note);
        let tight = self.tight.map(|looked| looked + TIGHT);
        (noted && !self.failed).then(|| tight.map_or(since + SETTLED, |tight| tight.max(since + SETTLED)))
    }

    /// Starts the maker, unless the container's memory has too little `room` for it now.
    fn make(&mut self, room: Option<u64>, sandbox: &Path) {
        if let Some(room) = room.filter(|room| *room <= MEMORY) {
            if self.tight.replace(Instant::now()).is_none() {
                let (left, needed) = (room >> 20, MEMORY >> 20);
                info!(
                    "no class-data archive yet: the container has {left} MiB left, and {needed} MiB are wanted"
                );
            }
            return;
        }
        let Some((_, recipe)) = self.jvm.take() else { return };
        match begin(&recipe, sandbox) {
            Ok(pid) => {
                info!(%pid, file = recipe.archive.file, "making the class-data archive");
                let (_awaited, since) = (Awaited::new(pid), Instant::now());
                self.maker = Some(Maker { pid, _awaited, recipe, since, swept: false });
            }
            Err(error) => self.give_up(&error),
        }
    }

    /// A JVM is silent about an archive that it did not map. One that is no good goes, and the next start makes room
    /// for a better one. A large broker maps thousands of files, so this is not for the loop.
    fn check(&self, sandbox: &Path) -> Option<JoinHandle<()>> {
        let (pid, Recipe { archive, .. }) = self.jvm.as_ref()?;
        if archive.used != Use::Map {
            return None;
        }
        let (pid, archive, sandbox) = (*pid, archive.clone(), sandbox.to_owned());
        Some(spawn_blocking(move || {
            // The volume may be a link in the sandbox; the kernel names the file behind it.
            let name = archive.file.rsplit_once('/').map_or(&*archive.file, |(_, name)| name);
            let maps = fs::File::open(format!("/proc/{pid}/maps"));
            if let Ok(Some(false)) = maps.and_then(|maps| is_mapped(io::BufReader::new(maps), name)) {
                remove(&archive, &sandbox, "the JVM did not take it");
            }
        }))
    }

    /// The JVM has ended. One that crashed before it ever served had perhaps a bad archive.
    pub(super) fn ended(&mut self, how: How, sandbox: &Path) {
        let served = self.serves.take().is_some();
        if let Some(maker) = &mut self.maker {
            maker.swept = true;
        }
        if let Some((_, Recipe { archive, .. })) = self.jvm.take()
            && !served
            && archive.used == Use::Map
            && matches!(how, How::Signal(_))
        {
            remove(&archive, sandbox, "the JVM crashed before it served");
        }
    }

    /// After a SIGCHLD, before anybody else waits for children: puts the archive into its place if it is done.
    pub(super) fn reap(&mut self, sandbox: &Path) {
        let Some(Maker { pid, .. }) = self.maker else { return };
        let ended = match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return,
            Ok(WaitStatus::Exited(_, 0)) => Ok(()),
            Ok(WaitStatus::Exited(_, code)) => Err(Some(How::Code(code))),
            Ok(WaitStatus::Signaled(_, signal, _)) => Err(Some(How::Signal(signal as i32))),
            // Somebody else waited for it: the sweep.
            Ok(_) | Err(_) => Err(None),
        };
        let Some(Maker { recipe, since, swept, .. }) = self.maker.take() else { return };
        // Its score makes it the kernel's first choice where memory runs out.
        if let Err(Some(How::Signal(number))) = ended
            && number == Signal::SIGKILL as i32
            && !swept
            && since.elapsed() <= LONGEST
        {
            process::other_was_killed();
        }
        match ended {
            Ok(()) => match finish(&recipe.archive, sandbox) {
                Ok(size) => {
                    let (file, took) = (&recipe.archive.file, since.elapsed());
                    info!(file, size, ?took, "the class-data archive is made");
                }
                Err(error) => self.give_up(&error),
            },
            Err(Some(_)) if swept => {}
            Err(Some(how)) => self.give_up(&format!("its maker {how}; {LOG} says more")),
            Err(None) => {}
        }
    }

    fn give_up(&mut self, why: &dyn std::fmt::Display) {
        self.failed = true;
        warn!("no class-data archive, so brokers start without one: {why}");
    }
}

/// Whether one of these mappings is of a file of this name; nobody knows where there are none, as of one that ended.
fn is_mapped(mut maps: impl BufRead, name: &str) -> io::Result<Option<bool>> {
    let (mut line, mut any) = (Vec::new(), None);
    while maps.read_until(b'\n', &mut line)? > 0 {
        if line.windows(name.len()).any(|part| part == name.as_bytes()) {
            return Ok(Some(true));
        }
        any = Some(false);
        line.clear();
    }
    Ok(any)
}

fn remove(archive: &Archive, sandbox: &Path, why: &str) {
    match fs::remove_file(sandbox.join(&archive.file)) {
        Ok(()) => info!(file = archive.file, why, "the class-data archive is removed"),
        Err(error) => warn!(file = archive.file, why, %error, "the class-data archive cannot be removed"),
    }
}

fn begin(recipe: &Recipe, sandbox: &Path) -> io::Result<Pid> {
    let file = sandbox.join(&recipe.archive.file);
    let directory = file.parent().unwrap_or(sandbox);
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Older ones fit no more, and what is unfinished was left by somebody who died.
    for entry in fs::read_dir(directory)? {
        fs::remove_file(entry?.path())?;
    }
    // The JVM may be in the middle of a line, which would end the maker.
    let classes = fs::read(sandbox.join(CLASSES))?;
    let whole = classes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    fs::write(sandbox.join(LIST), &classes[..whole])?;
    let free = limits::free(directory).ok_or_else(|| io::Error::other("the volume's size is unknown"))?;
    if free < ROOM {
        return Err(io::Error::other(format!("the volume has only {} MiB left", free >> 20)));
    }
    fork::spawn_idle(&recipe.maker, sandbox, fs::File::create(sandbox.join(LOG))?)
}

fn finish(archive: &Archive, sandbox: &Path) -> io::Result<u64> {
    let made = sandbox.join(archive.unfinished());
    let size = fs::metadata(&made)?.len();
    fs::rename(&made, sandbox.join(&archive.file))?;
    Ok(size)
}

#[cfg(test)]
mod tests;
