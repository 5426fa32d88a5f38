//! Old sandboxes go: a week after their executor ended, sooner as the disk fills (§7.1). Volumes never do.
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;
use tokio_util::sync::CancellationToken;

use super::record::Records;

/// How long a sandbox is kept on an empty disk.
const KEEP: Duration = Duration::from_secs(7 * 86_400);

/// Part of the disk that is to stay free (Mesos: `--gc_disk_headroom`).
const HEADROOM: f64 = 0.1;

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_secs(600);

/// Collects until cut.
pub(super) async fn run(work_dir: PathBuf, cut: CancellationToken) {
    let collect = async {
        loop {
            let directory = work_dir.clone();
            let work = move || collect(&directory, age(&directory), SystemTime::now());
            // It only fails when the runtime ends.
            let _ = tokio::task::spawn_blocking(work).await;
            tokio::time::sleep(INTERVAL).await;
        }
    };
    cut.run_until_cancelled(collect).await;
}

/// The age from which sandboxes go, by how full the disk is.
fn age(work_dir: &Path) -> Duration {
    let Ok(disk) = statvfs(work_dir) else { return KEEP };
    #[allow(clippy::cast_precision_loss, reason = "a share of the disk, not a count of blocks")]
    let used = 1.0 - disk.blocks_available() as f64 / (disk.blocks() as f64).max(1.0);
    KEEP.mul_f64((1.0 - HEADROOM - used).max(0.0))
}

/// Removes the sandboxes whose executor ended longer than `age` before `now`.
fn collect(work_dir: &Path, age: Duration, now: SystemTime) {
    let live: Vec<PathBuf> = Records::new(work_dir).all().into_iter().map(|record| record.sandbox).collect();
    for sandbox in sandboxes(&work_dir.join("slaves"), 6) {
        // Both logs are written to the end: the last change tells when that was.
        let touched = ["stdout", "stderr", "."].iter().filter_map(|name| {
            let facts = std::fs::metadata(sandbox.join(name)).ok()?;
            facts.modified().ok()
        });
        let old = touched.max().is_some_and(|last| now.duration_since(last).is_ok_and(|since| since > age));
        if !old || live.contains(&sandbox) {
            continue;
        }
        match std::fs::remove_dir_all(&sandbox) {
            Ok(()) => tracing::info!(sandbox = %sandbox.display(), "an old sandbox is removed"),
            Err(error) => {
                tracing::warn!(sandbox = %sandbox.display(), %error, "an old sandbox cannot be removed")
            }
        }
    }
}

/// `<agent>/frameworks/<framework>/executors/<executor>/runs/<run>` below `top`: directories, `latest` left out.
fn sandboxes(top: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(top) else { return Vec::new() };
    let entries =
        entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let paths = entries.map(|entry| entry.path());
    if depth == 0 { paths.collect() } else { paths.flat_map(|path| sandboxes(&path, depth - 1)).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::super::record::Record;
    use super::*;

    #[test]
    fn only_old_sandboxes_of_ended_executors_go() {
        let directory = tempfile::tempdir().unwrap();
        let runs = directory.path().join("slaves/A/frameworks/F/executors/E/runs");
        let sandbox = |name: &str| {
            let path = runs.join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("stdout"), "").unwrap();
            path
        };
        let (ended, live) = (sandbox("ended"), sandbox("live"));
        let volume = directory.path().join("volumes/roles/r/v");
        std::fs::create_dir_all(&volume).unwrap();
        std::os::unix::fs::symlink(&volume, ended.join("data")).unwrap();
        std::fs::write(volume.join("log"), "data").unwrap();
        let record = Record { container: "live".into(), sandbox: live.clone(), process: None };
        Records::new(directory.path()).write(&record).unwrap();
        let week = Duration::from_secs(7 * 86_400);
        collect(directory.path(), week, SystemTime::now() + week - Duration::from_secs(60));
        assert!(ended.exists());
        collect(directory.path(), week, SystemTime::now() + week + Duration::from_secs(60));
        assert!(!ended.exists() && live.exists() && volume.join("log").exists());
    }
}
