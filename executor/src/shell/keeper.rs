//! Incidents in the sandbox, from where they can be fetched: written beside the loop, which a busy disk must not hold up
//! while the dead broker's registration waits to be deleted (D38).

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};
use tracing::warn;

/// How long what is still being written may hold up our end.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Writes files, one after the other.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    turn: Arc<Mutex<()>>,
    writes: JoinSet<()>,
}

impl Keeper {
    /// Begins to write the file, unless it is there already.
    pub(super) fn keep(&mut self, path: PathBuf, bytes: Vec<u8>) {
        while self.writes.try_join_next().is_some() {}
        let turn = Arc::clone(&self.turn);
        self.writes.spawn_blocking(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            if path.exists() {
                return;
            }
            // On a full disk, say: the scheduler hears of it all the same.
            if let Err(error) = overrider::write::write(&path, &bytes) {
                warn!(%error, "an incident cannot be kept in the sandbox");
            }
        });
    }

    /// Waits until all is written, or `patience` is over.
    pub(super) async fn finish(&mut self, patience: Duration) {
        let written = async { while self.writes.join_next().await.is_some() {} };
        if timeout(patience, written).await.is_err() {
            warn!("the disk is too slow to keep every incident in the sandbox");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_holds_nobody_up_and_the_end_only_so_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("incident.json");
        let mut keeper = Keeper::default();
        let disk = Arc::clone(&keeper.turn);
        let (hang, hangs) = std::sync::mpsc::sync_channel::<()>(1);
        let (held, is_held) = std::sync::mpsc::sync_channel(1);
        let hanging = std::thread::spawn(move || {
            let _held = disk.lock().unwrap();
            held.send(()).unwrap();
            let _until_dropped = hangs.recv();
        });
        is_held.recv().unwrap();
        // Would never come back if it wrote here: this thread alone lets the disk go on.
        keeper.keep(path.clone(), b"first".to_vec());
        keeper.keep(path.clone(), b"told again".to_vec());
        keeper.finish(Duration::from_millis(50)).await;
        assert!(!path.exists());
        drop(hang);
        keeper.finish(Duration::from_secs(60)).await;
        hanging.join().unwrap();
        // Which of the two came first is the threads' affair; they tell the same incident.
        assert!(["first", "told again"].contains(&std::fs::read_to_string(&path).unwrap().as_str()));
    }
}
