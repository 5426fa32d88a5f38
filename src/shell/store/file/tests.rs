#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use super::*;
use crate::{event::Write, shell::store::conformance};

fn put(key: &str, value: String) -> Write {
    Write::Put { key: key.into(), value: value.into() }
}

#[tokio::test]
async fn conforms() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("made/on/demand");
    conformance::check(|| FileStore::open(&path).unwrap()).await;
}

/// A loss of power after the first commit must not take the directory away.
#[tokio::test]
async fn a_directory_is_durable_before_anything_is_stored_in_it() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    let path = root.join("made/on/demand");
    let open = || {
        let mut synced = Vec::new();
        let mut sync = |directory: &Path| {
            synced.push(directory.to_owned());
            // As another user's directory above ours.
            if directory.starts_with(&root) {
                sync(directory)
            } else {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        };
        let store = FileStore::open_with(&path, &mut sync).unwrap();
        (store, synced)
    };
    // Nothing is stored yet the second time either: the first start may have been killed before it synced.
    for _ in 0..2 {
        let (_, synced) = open();
        let above: Vec<_> = path.ancestors().skip(1).collect();
        assert_eq!(synced, above);
        assert!(synced.contains(&root.join("made")) && synced.contains(&root));
    }
    open().0.commit(&Batch(vec![put("a", "1".into())])).await.unwrap();
    assert_eq!(open().1, Vec::<PathBuf>::new());

    let mut full = |_: &Path| Err(io::ErrorKind::StorageFull.into());
    let error = FileStore::open_with(&root.join("other"), &mut full).unwrap_err();
    assert!(error.to_string().starts_with("cannot sync"), "{error}");
}

#[tokio::test]
async fn nobody_else_can_read_it() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state-of-kafka");
    let mut store = FileStore::open(&path).unwrap();
    store.commit(&Batch(vec![put("a", "1".into())])).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!((mode(&path.join("state")), mode(&path.join("lock"))), (0o600, 0o600));
}

#[test]
fn a_second_scheduler_is_told_who_is_there() {
    let temp = tempfile::tempdir().unwrap();
    let first = FileStore::open(temp.path()).unwrap();
    let error = FileStore::open(temp.path()).unwrap_err().to_string();
    assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
    drop(first);
    FileStore::open(temp.path()).unwrap();
}

#[test]
fn a_foreign_or_damaged_file_is_named_and_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state");
    for (content, says) in
        [("my diary", "is not a state file"), ("kafka-scheduler-state 1 00\nx", "is damaged")]
    {
        std::fs::write(&path, content).unwrap();
        let error = FileStore::open(temp.path()).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(path.to_str().unwrap()), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = FileStore::open(&file.join("below")).unwrap_err();
    assert!(error.to_string().starts_with("cannot create directory"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_failed_write_keeps_the_state_before_it() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = FileStore::open(temp.path()).unwrap();
    store.commit(&Batch(vec![put("a", "1".into())])).await.unwrap();
    // A directory in the way fails the write, also for root.
    std::fs::create_dir(temp.path().join("state.next")).unwrap();
    let error = store.commit(&Batch(vec![put("a", "2".into())])).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot write"), "{error}");
    drop(store);
    std::fs::remove_dir(temp.path().join("state.next")).unwrap();
    assert_eq!(FileStore::open(temp.path()).unwrap().load().await.unwrap()["a"], b"1");
}

/// The names of long values' files.
fn long(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory.join("long")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

// D45: a hundred brokers' incidents are not written anew with each status of a task.
#[tokio::test]
async fn a_commit_writes_no_long_value_but_its_own() {
    use std::os::unix::fs::MetadataExt as _;
    let temp = tempfile::tempdir().unwrap();
    let mut store = FileStore::open(temp.path()).unwrap();
    let text = |n: u32| n.to_string().repeat(30_000);
    store.commit(&Batch((0..9).map(|n| put(&format!("incidents/{n}"), text(n))).collect())).await.unwrap();
    let before = long(temp.path());
    let written = |name: &String| {
        let data = std::fs::metadata(temp.path().join("long").join(name)).unwrap();
        (data.ino(), data.mtime(), data.mtime_nsec(), data.mode() & 0o777)
    };
    let times: Vec<_> = before.iter().map(written).collect();
    assert!(times.iter().all(|(.., mode)| *mode == 0o600));
    store.commit(&Batch(vec![put("brokers/0", "{}".into())])).await.unwrap();
    let small = std::fs::metadata(temp.path().join("state")).unwrap().len();
    assert!(small < 2000, "{small} bytes");
    assert_eq!(before.iter().map(written).collect::<Vec<_>>(), times);
    // One that two records have stays until neither has it; one that is replaced goes.
    let delete = |key: &str| Write::Delete { key: key.to_owned() };
    store.commit(&Batch(vec![put("twin", text(1)), put("incidents/2", text(20))])).await.unwrap();
    assert_eq!(long(temp.path()).len(), 9);
    store.commit(&Batch(vec![delete("incidents/1"), delete("incidents/3")])).await.unwrap();
    assert_eq!(long(temp.path()).len(), 8);
    drop(store);
    let records = FileStore::open(temp.path()).unwrap().load().await.unwrap();
    assert_eq!((records["twin"].clone(), records["incidents/2"].clone()), (text(1).into(), text(20).into()));
}

/// What a killed process has left is removed; what is gone or changed is said.
#[tokio::test]
async fn long_values_that_do_not_fit_are_named() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = FileStore::open(temp.path()).unwrap();
    store.commit(&Batch(vec![put("a", "1".repeat(10_000))])).await.unwrap();
    drop(store);
    let [name] = &long(temp.path())[..] else { panic!("one file") };
    let left = temp.path().join("long/left");
    std::fs::write(&left, "half").unwrap();
    let reload = async || FileStore::open(temp.path()).unwrap().load().await;
    assert_eq!(reload().await.unwrap()["a"].len(), 10_000);
    assert!(!left.exists());
    let path = temp.path().join("long").join(name);
    std::fs::write(&path, "2".repeat(10_000)).unwrap();
    let damaged = reload().await.unwrap_err().to_string();
    assert!(damaged.contains(name) && damaged.contains("is damaged"), "{damaged}");
    std::fs::remove_file(&path).unwrap();
    let gone = reload().await.unwrap_err().to_string();
    assert!(gone.contains(name) && gone.starts_with("cannot read"), "{gone}");
}

const CHILD_DIRECTORY: &str = "FILE_STORE_CRASH_TEST_DIRECTORY";

/// Not a test of its own: the child of the test below, which commits batch after batch until it is killed.
#[tokio::test]
async fn writer_of_the_crash_test() {
    let Some(directory) = std::env::var_os(CHILD_DIRECTORY) else { return };
    let mut store = FileStore::open(Path::new(&directory)).unwrap();
    let records = store.load().await.unwrap();
    let first = records.get("a").map_or(0, |n| String::from_utf8_lossy(n).trim().parse::<u64>().unwrap());
    for n in first + 1.. {
        // Sizes differ, so that a mixture of two batches could not pass for one.
        let value = format!("{n}{}", " ".repeat((n % 97) as usize * 150));
        store.commit(&Batch(["a", "b", "c"].map(|key| put(key, value.clone())).into())).await.unwrap();
        println!("committed {n}");
    }
}

/// Killed at any moment, the file holds one whole batch: the last one acknowledged or the one after it.
#[tokio::test]
async fn kill_9_leaves_one_whole_batch() {
    let temp = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..25 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["shell::store::file::tests::writer_of_the_crash_test", "--exact", "--nocapture"])
            .env(CHILD_DIRECTORY, temp.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut committed = lines.filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok());
        // After a different number of commits each time, and at whatever point of the next one that happens to be.
        last = committed.by_ref().take(1 + round % 7).last().expect("the child commits");
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had acknowledged before it died counts too.
        last = committed.last().unwrap_or(last);

        let records = FileStore::open(temp.path()).unwrap().load().await.unwrap();
        let found: u64 = String::from_utf8_lossy(&records["a"]).trim().parse().unwrap();
        assert!(found == last || found == last + 1, "acknowledged {last}, found {found}");
        assert!(records.len() == 3 && records["a"] == records["b"] && records["b"] == records["c"]);
    }
    assert!(last >= 25);
}
