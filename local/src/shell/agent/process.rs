//! One process and its identity: a process id alone may be someone else's by now, so its start time goes with it.
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal, waitid,
};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process, unmistakably.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) pid: u32,
    /// Clock ticks since boot.
    pub(super) started: u64,
    pub(super) boot_id: String,
}

impl Identity {
    /// The process that has `pid` now.
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let started = Stat::read(pid)?.started;
        Ok(Self { pid, started, boot_id: boot_id()? })
    }

    /// Whether the process, or the zombie of it, is still there.
    pub(super) fn exists(&self) -> bool {
        boot_id().is_ok_and(|boot| boot == self.boot_id)
            && Stat::read(self.pid).is_ok_and(|stat| stat.started == self.started)
    }
}

/// Changes with every start of the machine.
fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// What the kernel says of a process, the part we use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: u32,
    pub(super) zombie: bool,
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) session: u32,
    pub(super) started: u64,
}

impl Stat {
    pub(super) fn read(pid: u32) -> io::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(pid, &text).ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat reads `{text}`")))
    }

    /// The name comes in parentheses and may hold any of them itself: fields count from the last one.
    fn parse(pid: u32, text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |i: usize| fields.get(i)?.parse().ok();
        Some(Self {
            pid,
            zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

/// A handle that stays with one process however ids are reused; our child or not.
#[derive(Debug)]
pub(super) struct Handle(AsyncFd<OwnedFd>);

impl Handle {
    /// For `identity`; `None` if that process is gone altogether.
    pub(super) fn open(identity: &Identity) -> io::Result<Option<Self>> {
        let Some(fd) = open(identity.pid) else { return Ok(None) };
        // Between reading and opening the id may have changed hands: look again now that the handle holds it.
        if !identity.exists() {
            return Ok(None);
        }
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, and needless here: an OwnedFd stays open while it lives"
        )]
        let registered = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok(Some(Self(registered)))
    }

    /// Returns when the process has exited.
    pub(super) async fn exited(&self) -> io::Result<()> {
        self.0.readable().await.map(drop)
    }

    /// The raw `wait(2)` status of an exited process, and the end of its zombie; `None` if it is not our child.
    pub(super) fn reap(&self) -> Option<i32> {
        let status =
            waitid(WaitId::PidFd(self.0.get_ref().as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        status.ok().flatten().map(|status| raw(&status))
    }
}

fn raw(status: &WaitIdStatus) -> i32 {
    const CORE_DUMPED: i32 = 0x80;
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) => signal | if status.dumped() { CORE_DUMPED } else { 0 },
        (None, None) => -1,
    }
}

/// SIGKILL to exactly the process `stat` was read from.
pub(super) fn kill(stat: &Stat) {
    let Some(fd) = open(stat.pid) else { return };
    if Stat::read(stat.pid).is_ok_and(|now| now.started == stat.started) {
        // It may have gone in this moment, which is what is wanted.
        let _ = pidfd_send_signal(fd, Signal::KILL);
    }
}

fn open(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) (b) c) S 7 42 41 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987 0 0";
        let stat = Stat { pid: 42, zombie: false, parent: 7, group: 42, session: 41, started: 987 };
        assert_eq!(Stat::parse(42, text), Some(stat));
        assert_eq!(Stat::parse(42, "42 (a) S 7"), None);
    }

    /// As after a SIGKILL of the whole mesos-local: the executor is nobody's child here.
    #[tokio::test]
    async fn the_end_of_a_process_that_is_no_child_is_noticed() {
        let script = "sleep 1000 >/dev/null 2>&1 & echo $!";
        let output =
            std::process::Command::new("sh").args(["-c", script]).output().unwrap_or_else(|e| panic!("{e}"));
        let pid = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|e| panic!("{e}"));
        let identity = Identity::of(pid).unwrap_or_else(|e| panic!("{e}"));
        let handle = Handle::open(&identity).ok().flatten().unwrap_or_else(|| panic!("it runs"));
        kill(&Stat::read(pid).unwrap_or_else(|e| panic!("{e}")));
        let ended = tokio::time::timeout(std::time::Duration::from_secs(30), handle.exited()).await;
        assert!(matches!(ended, Ok(Ok(()))));
        assert_eq!(handle.reap(), None, "its status is its parent's to know");
    }

    #[test]
    fn only_the_same_start_is_the_same_process() {
        let me = Identity::of(std::process::id()).unwrap_or_else(|e| panic!("{e}"));
        assert!(me.exists());
        assert!(!Identity { started: me.started + 1, ..me.clone() }.exists());
        assert!(!Identity { boot_id: "another".into(), ..me }.exists());
    }
}
