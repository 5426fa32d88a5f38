//! The broker's processes: signal the group, notice the end, sweep until nobody is left.
//!
//! We are the subreaper of all our descendants, so whatever the JVM leaves behind becomes our child, in whichever
//! session it hides. The JVM itself is reaped last: as long as it is a zombie its pid, which is also the group's id,
//! cannot pass to a stranger.

use std::time::{Duration, Instant};

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
                for orphan in processes().into_iter().filter(|process| process.is_zombie_of(getpid())) {
                    reap(orphan.pid);
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

    /// Begins to sweep; [`Family::swept`] goes on.
    pub(super) fn sweep(&mut self) {
        self.sweep.get_or_insert_with(Instant::now);
    }

    /// One round of a sweep under way, to be called after each SIGCHLD and now and then: SIGKILL to everybody left.
    /// `Some` once nobody is, or with the number of those whom SIGKILL did not end in time; the family is then over.
    pub(super) fn swept(&mut self) -> Option<usize> {
        let began = self.sweep?;
        let us = getpid();
        let mut left = 0;
        for process in processes() {
            let ours = process.parent == us || process.group == self.leader || process.session == self.leader;
            if !ours || (process.pid == self.leader && self.ended) {
                continue;
            }
            if process.is_zombie_of(us) && process.pid != self.leader {
                reap(process.pid);
            } else if process.state != b'Z' {
                left += 1;
                debug!(pid = %process.pid, "SIGKILL to what the broker left behind");
                let _gone_is_fine = kill(process.pid, Signal::SIGKILL);
            } else {
                left += 1; // its parent is being killed; it comes to us next
            }
        }
        if left > 0 && began.elapsed() < PATIENCE {
            return None;
        }
        self.sweep = None;
        reap(self.leader);
        Some(left)
    }
}

fn reap(pid: Pid) {
    let _none_is_fine = waitpid(pid, Some(WaitPidFlag::WNOHANG));
}

/// A line of `/proc/<pid>/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Process {
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

/// Every process we may see. One that ends while we read is left out.
fn processes() -> Vec<Process> {
    let entries = match std::fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(error) => {
            warn!(%error, "cannot list /proc: the broker's group alone can be swept");
            return Vec::new();
        }
    };
    let numeric = entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    numeric.filter_map(|entry| parse(&std::fs::read_to_string(entry.path().join("stat")).ok()?)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_with_odd_names() {
        let pid = Pid::from_raw;
        assert_eq!(
            parse("42 (a) Z (b) S 1 40 39 0 -1 4194304"),
            Some(Process { pid: pid(42), state: b'S', parent: pid(1), group: pid(40), session: pid(39) })
        );
        assert_eq!(parse("42 (java) S"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn we_see_ourselves() {
        assert!(processes().iter().any(|process| process.pid == getpid() && process.state != b'Z'));
    }
}
