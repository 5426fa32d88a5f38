//! What is left in the agent's sandboxes once the agent is gone.
//!
//! The agent ends its executors, and they their brokers. Only where the agent itself was killed do they live on, as
//! they should on a real machine; stopping the laptop cluster then has to find them. A process that carries a sandbox
//! of the data directory as its MESOS_DIRECTORY or MESOS_SANDBOX is one of them, whatever its name or parent, as the agent itself tells
//! its containers' processes. A user's shell that only stands in there is none.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::identity::Identity;

const LOOK: Duration = Duration::from_millis(50);
/// Set by the agent for each executor, both to its sandbox. A broker's JVM is given the second one only.
const VARIABLES: [&[u8]; 2] = [b"MESOS_DIRECTORY=", b"MESOS_SANDBOX="];

/// Processes whose sandbox lies below `dir`, this one never among them.
pub fn inside(dir: &Path) -> Vec<Identity> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let me = i32::try_from(std::process::id()).ok();
    processes
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let below = Some(pid) != me && sandbox(&entry.path())?.starts_with(dir);
            below.then(|| Identity::of(pid)).flatten()
        })
        .collect()
}

/// The sandbox a process belongs to; `None` also for another user's, whose environment cannot be read.
fn sandbox(process: &Path) -> Option<PathBuf> {
    let environment = fs::read(process.join("environ")).ok()?;
    let mut pairs = environment.split(|byte| *byte == 0);
    let value = pairs.find_map(|pair| VARIABLES.iter().find_map(|name| pair.strip_prefix(*name)))?;
    Some(PathBuf::from(OsStr::from_bytes(value)))
}

/// Ends all of them: SIGTERM first, SIGKILL after `grace` or when `force` is cancelled. Returns how many there were.
pub async fn clear(dir: &Path, grace: Duration, force: &CancellationToken) -> usize {
    let found = inside(dir);
    for process in &found {
        process.signal(Signal::SIGTERM);
    }
    let deadline = Instant::now() + grace;
    let mut before = found.len();
    loop {
        // Looked for anew each time: one that is ending may still have started another. Twice at the end: a process has
        // no environment to be known by while it becomes another program.
        let left = inside(dir);
        if left.is_empty() && before == 0 {
            return found.len();
        }
        before = left.len();
        if force.is_cancelled() || Instant::now() >= deadline {
            for process in &left {
                process.signal(Signal::SIGKILL);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    // D47: no process is left behind, and nobody else's is touched.
    #[tokio::test]
    async fn only_processes_of_the_clusters_sandboxes_are_ended() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (mesos, sandbox) = (root.join("mesos"), root.join("mesos/sandbox"));
        fs::create_dir_all(&sandbox).unwrap();
        let start = |variable: &str, sandbox: &Path, cwd: &Path, script: &str| {
            let mut command = std::process::Command::new("/bin/sh");
            command.args(["-c", script]).current_dir(cwd).env(variable, sandbox).spawn().unwrap()
        };
        let (sleep, deaf) = ("exec /bin/sleep 60", "trap '' TERM; while :; do /bin/sleep 1; done");
        let mut gentle = start("MESOS_DIRECTORY", &sandbox, &root, sleep);
        let mut hard = start("MESOS_SANDBOX", &sandbox, &sandbox, deaf);
        // A user's shell in a sandbox, and an executor of another Mesos.
        let mut shell = start("PWD", &sandbox, &sandbox, sleep);
        let other = root.join("mesos-other/sandbox");
        let mut stranger = start("MESOS_DIRECTORY", &other, &sandbox, sleep);
        let deadline = Instant::now() + Duration::from_secs(20);
        while inside(&mesos).len() < 3 {
            // The deaf one and its first sleep.
            assert!(Instant::now() < deadline);
            tokio::time::sleep(LOOK).await;
        }
        assert!(clear(&mesos, Duration::from_millis(200), &CancellationToken::new()).await >= 3);
        assert!(inside(&mesos).is_empty());
        gentle.wait().unwrap();
        hard.wait().unwrap();
        assert_eq!(inside(&other).len(), 1);
        for spared in [&mut shell, &mut stranger] {
            assert!(spared.try_wait().unwrap().is_none());
            spared.kill().unwrap();
            spared.wait().unwrap();
        }
    }
}
