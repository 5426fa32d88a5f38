//! The processes of a container, found and ended: its session and process group, everything descended from them, and
//! whatever still carries the sandbox in its environment after it made itself a daemon.
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::process::{Identity, Stat, kill};

/// Pauses between looks at `/proc` while processes are ending.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How processes of a container are told from others.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// The executor's process, leader of the container's session; `None` if it is not known.
    pub(super) leader: Option<Identity>,
    /// `MESOS_DIRECTORY=<sandbox>`: no other container has it.
    variable: Vec<u8>,
}

impl Marks {
    pub(super) fn new(leader: Option<Identity>, sandbox: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let mut variable = b"MESOS_DIRECTORY=".to_vec();
        variable.extend_from_slice(sandbox.as_os_str().as_bytes());
        Self { leader, variable }
    }
}

/// Ends every process of the container; returns when none is left.
pub(super) async fn end(marks: &Marks) {
    let mut pause = FIRST_PAUSE;
    loop {
        // A scan of /proc takes milliseconds and touches no disk.
        let left = members(marks);
        if left.is_empty() {
            return;
        }
        left.iter().for_each(kill);
        if pause == LONGEST_PAUSE {
            let pids: Vec<u32> = left.iter().map(|stat| stat.pid).collect();
            tracing::warn!(?pids, "processes outlive SIGKILL; waiting for them");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The container's processes that have not exited.
pub(super) fn members(marks: &Marks) -> Vec<Stat> {
    let all = all();
    // As long as a session or group has members, the kernel gives its number to nobody else. If another process has
    // the leader's number, ours has no members any more.
    let leader = marks.leader.as_ref().filter(|leader| {
        let now = all.iter().find(|stat| stat.pid == leader.pid);
        now.is_none_or(|now| now.started == leader.started)
    });
    let me = std::process::id();
    let mut found: BTreeSet<u32> = all
        .iter()
        .filter(|stat| stat.pid != me)
        .filter(|stat| {
            leader.is_some_and(|l| [stat.pid, stat.session, stat.group].contains(&l.pid))
                || carries(stat.pid, &marks.variable)
        })
        .map(|stat| stat.pid)
        .collect();
    loop {
        let children = all.iter().filter(|stat| found.contains(&stat.parent) && stat.pid != me);
        let before = found.len();
        let children: Vec<u32> = children.map(|stat| stat.pid).collect();
        found.extend(children);
        if found.len() == before {
            return all.into_iter().filter(|stat| !stat.zombie && found.contains(&stat.pid)).collect();
        }
    }
}

fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Stat::read(pid).ok())
        .collect()
}

fn carries(pid: u32, variable: &[u8]) -> bool {
    // Another user's environment cannot be read; a process of ours can be another user's only if we are root.
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == variable))
}
