//! The broker's processes: signal the group, notice the end, sweep until nobody is left.
//!
//! We are the subreaper of all our descendants, so whatever the JVM leaves behind becomes our child, in whichever
//! session it hides. The JVM itself is reaped last: as long as it is a zombie its pid, which is also the group's id,
//! cannot pass to a stranger.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        prctl,
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::{Pid, getpid},
};
use tracing::{debug, warn};

use crate::supervisor::How;

/// How long a sweep goes on before it gives up on processes that SIGKILL does not end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes orphans among our descendants our children.
pub(super) fn adopt_orphans() -> nix::Result<()> {
    prctl::set_child_subreaper(true)
}

/// The JVM and all it started.
#[derive(Debug)]
pub(super) struct Family {
    leader: Pid,
    ended: bool,
    sweep: Option<Instant>,
}

impl Family {
    /// The family of the JVM `leader`, which leads its own session and group.
    pub(super) fn new(leader: Pid) -> Self {
        Self { leader, ended: false, sweep: None }
    }

    /// Sends `signal` to the whole group. Nobody there is what we want, not an error.
    pub(super) fn signal(&self, signal: Signal) {
        match killpg(self.leader, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => warn!(%error, %signal, group = %self.leader, "cannot signal the broker's group"),
        }
    }

    /// To be called after each SIGCHLD: how the JVM ended, once, if it did. Adopted orphans that ended are reaped.
    pub(super) fn reap(&mut self) -> Option<How> {
        if self.ended {
            return None;
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.leader), flags) {
            Ok(WaitStatus::Exited(_, code)) => self.ended(How::Code(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => self.ended(How::Signal(signal as i32)),
            Ok(_) => {
                // A sweep looks again and says what it cannot see.
                let found = processes(Path::new(PROC)).unwrap_or_default();
                for orphan in orphans(&found, getpid(), self.leader) {
                    reap(orphan);
                }
                None
            }
            // Nobody but us waits for it; still, a JVM that is no child of ours any more is gone.
            Err(error) => {
                warn!(%error, jvm = %self.leader, "cannot wait for the JVM; taken as gone");
                self.ended(How::Code(-1))
            }
        }
    }

    fn ended(&mut self, how: How) -> Option<How> {
        self.ended = true;
        Some(how)
    }

    /// Whether a sweep is under way.
    pub(super) fn is_swept(&self) -> bool {
        self.sweep.is_some()
    }

    /// Begins to sweep; [`Family::swept`] goes on.
    pub(super) fn sweep(&mut self) {
        self.sweep.get_or_insert_with(Instant::now);
    }

    /// One round of a sweep under way, to be called after each SIGCHLD and now and then: SIGKILL to everybody left.
    /// `Some` once nobody is, or with the number of those whom SIGKILL did not end in time; the family is then over.
    pub(super) fn swept(&mut self) -> Option<usize> {
        self.swept_in(Path::new(PROC))
    }

    fn swept_in(&mut self, proc: &Path) -> Option<usize> {
        let began = self.sweep?;
        let left = loop {
            let round = self.round(proc);
            // Whom we reaped may have left us children that were not ours when we looked: only a round in which nothing
            // was found is the last one.
            if round.left > 0 || round.reaped == 0 || began.elapsed() >= PATIENCE {
                break round.left;
            }
        };
        if left > 0 && began.elapsed() < PATIENCE {
            return None;
        }
        self.sweep = None;
        reap(self.leader);
        Some(left)
    }

    fn round(&self, proc: &Path) -> Round {
        // The group at once and by the kernel's own list: one that forks as fast as we look does not slip through.
        self.signal(Signal::SIGKILL);
        let us = getpid();
        let found = match processes(proc) {
            Ok(found) => found,
            Err(error) => {
                warn!(%error, "cannot list processes: who is left of the broker is unknown");
                return Round { left: 1, reaped: 0 };
            }
        };
        let mut round = Round { left: 0, reaped: 0 };
        for process in found {
            let ours = process.parent == us || process.group == self.leader || process.session == self.leader;
            if !ours || (process.pid == self.leader && self.ended) {
                continue;
            }
            let reapable = process.is_zombie_of(us) && process.pid != self.leader;
            if reapable && reap(process.pid) {
                round.reaped += 1;
                continue;
            }
            // A zombie is its parent's to reap, who is being killed, or one whose other threads still run.
            round.left += 1;
            debug!(pid = %process.pid, "SIGKILL to what the broker left behind");
            let _gone_is_fine = kill(process.pid, Signal::SIGKILL);
        }
        round
    }
}

/// What one look of a sweep found.
#[derive(Debug, PartialEq, Eq)]
struct Round {
    /// Who has to go yet; one at least where nobody can tell.
    left: usize,
    reaped: usize,
}

/// Whether `pid` was a child that had ended, and now is gone.
fn reap(pid: Pid) -> bool {
    match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => false,
        // No child of ours (any more): nothing is left to reap.
        Ok(_) | Err(_) => true,
    }
}

/// The ended children of `us` but for `leader`, which may have ended since it was asked about, and whose status is the one
/// that counts; and but for those that are [`Awaited`].
pub(super) fn orphans(found: &[Process], us: Pid, leader: Pid) -> Vec<Pid> {
    let awaited = awaited();
    found
        .iter()
        .filter(|process| {
            process.is_zombie_of(us) && process.pid != leader && !awaited.contains(&process.pid)
        })
        .map(|process| process.pid)
        .collect()
}

/// A child of ours, beside the JVM, whose end somebody else of us waits for: while this lives, it is not taken for an
/// orphan.
#[derive(Debug)]
pub(super) struct Awaited(Pid);

/// Those there are. One list for the process, as there is one list of children.
static AWAITED: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());

impl Awaited {
    /// To be called before anybody else may see that it ended: on the thread that started it, before the next await.
    pub(super) fn new(pid: Pid) -> Self {
        awaited().insert(pid);
        Self(pid)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        awaited().remove(&self.0);
    }
}

fn awaited() -> MutexGuard<'static, BTreeSet<Pid>> {
    AWAITED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many of them somebody else ended by SIGKILL. Orphans that we adopt are not among them: nobody knows whose they were.
static KILLED: AtomicU64 = AtomicU64::new(0);

/// A child of ours, beside the JVM, was ended by a SIGKILL that was not ours.
pub(super) fn other_was_killed() {
    KILLED.fetch_add(1, Ordering::Relaxed);
}

/// How many were so far.
pub(super) fn others_killed() -> u64 {
    KILLED.load(Ordering::Relaxed)
}

/// Whose child each process is, as far as that can be seen.
pub(super) fn parents() -> BTreeMap<i32, i32> {
    let found = processes(Path::new(PROC)).unwrap_or_default();
    found.iter().map(|process| (process.pid.as_raw(), process.parent.as_raw())).collect()
}

const PROC: &str = "/proc";

/// A line of `/proc/<pid>/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Process {
    pid: Pid,
    state: u8,
    parent: Pid,
    group: Pid,
    session: Pid,
}

impl Process {
    fn is_zombie_of(&self, parent: Pid) -> bool {
        self.state == b'Z' && self.parent == parent
    }
}

/// Every process that `proc` shows. One that ends while we read is left out.
///
/// # Errors
/// Where the list or a line of it can't be read: whom it leaves out is unknown then.
pub(super) fn processes(proc: &Path) -> io::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        match std::fs::read(entry.path().join("stat")) {
            // A process may name itself as it likes, in no encoding too.
            Ok(stat) => found.extend(parse(&String::from_utf8_lossy(&stat))),
            Err(error) if has_ended(&error) || is_a_strangers(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}

/// `pid (name) state parent group session …`; the name may hold anything, parentheses and blanks included.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = *fields.next()?.as_bytes().first()?;
    let mut number = || fields.next()?.parse().ok().map(Pid::from_raw);
    Some(Process {
        pid: Pid::from_raw(pid.parse().ok()?),
        state,
        parent: number()?,
        group: number()?,
        session: number()?,
    })
}

/// `/proc` mounted with `hidepid=1` shows other users' processes only by number; none of those could be killed either.
fn is_a_strangers(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

#[cfg(test)]
mod tests;
