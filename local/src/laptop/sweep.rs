//! What is left in the agent's sandboxes once the agent is gone.
//!
//! The agent ends its executors, and they their brokers. Only where the agent itself was killed do they live on, as
//! they should on a real machine; stopping the laptop cluster then has to find them. A process that works inside the
//! data directory's sandboxes is one of them, whatever its name or parent.

use std::{fs, path::Path, time::Duration};

use nix::sys::signal::Signal;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::identity::Identity;

const LOOK: Duration = Duration::from_millis(50);

/// Processes whose working directory lies below `dir`.
pub fn inside(dir: &Path) -> Vec<Identity> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // Of a deleted directory the link says "<path> (deleted)": still below it.
            let cwd = fs::read_link(entry.path().join("cwd")).ok()?;
            cwd.starts_with(dir).then(|| Identity::of(pid)).flatten()
        })
        .collect()
}

/// Ends all of them: SIGTERM first, SIGKILL after `grace` or when `force` is cancelled. Returns how many there were.
pub async fn clear(dir: &Path, grace: Duration, force: &CancellationToken) -> usize {
    let found = inside(dir);
    for process in &found {
        process.signal(Signal::SIGTERM);
    }
    let deadline = Instant::now() + grace;
    loop {
        // Looked for anew each time: one that is ending may still have started another.
        let left = inside(dir);
        if left.is_empty() {
            return found.len();
        }
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
    async fn only_processes_inside_are_ended() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (inner, outer) = (root.join("mesos/sandbox"), root.join("other"));
        let start = |dir: &Path, script: &str| {
            fs::create_dir_all(dir).unwrap();
            std::process::Command::new("/bin/sh").args(["-c", script]).current_dir(dir).spawn().unwrap()
        };
        let deaf = "trap '' TERM; while :; do /bin/sleep 1; done";
        let (mut gentle, mut hard, mut stranger) =
            (start(&inner, "exec /bin/sleep 60"), start(&inner, deaf), start(&outer, "exec /bin/sleep 60"));
        let dir = root.join("mesos");
        let deadline = Instant::now() + Duration::from_secs(20);
        while inside(&dir).len() < 3 {
            // The deaf one and its first sleep.
            assert!(Instant::now() < deadline);
            tokio::time::sleep(LOOK).await;
        }
        assert!(clear(&dir, Duration::from_millis(200), &CancellationToken::new()).await >= 3);
        assert!(inside(&dir).is_empty());
        gentle.wait().unwrap();
        hard.wait().unwrap();
        assert_eq!(inside(&outer).len(), 1);
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
