#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use std::{collections::BTreeMap, fs::read_dir};

use nix::{
    sys::wait::{Id, waitid},
    unistd::getpid,
};

use super::{
    super::process::{orphans, processes},
    *,
};

/// A sandbox with what a JVM noted, and one that "made" an archive of it: `script`.
fn settled(used: Use, script: &str) -> (tempfile::TempDir, Archivist) {
    let sandbox = tempfile::tempdir().unwrap();
    fs::create_dir(sandbox.path().join("data")).unwrap();
    fs::write(sandbox.path().join(CLASSES), "java/lang/Object id: 0\n").unwrap();
    let archive = Archive { file: "data/.jvm-archive/1.jsa".to_owned(), used };
    let maker = JvmCommand {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        environment: BTreeMap::new(),
    };
    let mut archivist = Archivist::default();
    archivist.started(getpid(), Some(Recipe { archive, maker }));
    (sandbox, archivist)
}

// A maker in a container that is almost full costs the broker its container.
#[test]
fn no_maker_where_memory_is_short_until_it_is_not() {
    let (sandbox, mut archivist) = settled(Use::Note, "exit 0");
    for room in [0, 300 << 20, MEMORY] {
        archivist.make(Some(room), sandbox.path());
        assert!(archivist.maker.is_none() && archivist.tight.is_some() && !archivist.failed, "{room}");
    }
    assert!(read_dir(sandbox.path().join("data")).unwrap().next().is_none(), "nothing was touched");
    archivist.make(Some(MEMORY + 1), sandbox.path());
    let maker = archivist.maker.take().unwrap();
    waitpid(maker.pid, None).unwrap();
    let (sandbox, mut archivist) = settled(Use::Note, "exit 0");
    archivist.make(None, sandbox.path());
    waitpid(archivist.maker.take().unwrap().pid, None).unwrap();
}

// It may end between our look and the family's, after one and the same SIGCHLD.
#[test]
fn a_maker_is_no_orphan() {
    let (sandbox, mut archivist) = settled(Use::Note, "echo archive > data/.jvm-archive/1.jsa.new");
    archivist.make(None, sandbox.path());
    let pid = archivist.maker.as_ref().unwrap().pid;
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    let found = processes(Path::new("/proc")).unwrap();
    assert!(!orphans(&found, getpid(), Pid::from_raw(1)).contains(&pid));
    archivist.reap(sandbox.path());
    assert!(archivist.maker.is_none() && !archivist.failed);
    assert_eq!(fs::read(sandbox.path().join("data/.jvm-archive/1.jsa")).unwrap(), b"archive\n");
}

#[tokio::test]
async fn only_a_jvm_that_was_to_map_an_archive_is_looked_at() {
    for used in [Use::Note, Use::None] {
        let (sandbox, archivist) = settled(used, "");
        assert!(archivist.check(sandbox.path()).is_none(), "{used:?}");
    }
    let (sandbox, mut archivist) = settled(Use::Map, "");
    let file = sandbox.path().join("data/.jvm-archive/1.jsa");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, "archive").unwrap();
    archivist.check(sandbox.path()).unwrap().await.unwrap();
    assert!(!file.exists(), "this process did not map it");
    // One that is gone tells nothing.
    fs::write(&file, "archive").unwrap();
    archivist.jvm.as_mut().unwrap().0 = Pid::from_raw(i32::MAX);
    archivist.check(sandbox.path()).unwrap().await.unwrap();
    assert!(file.exists());
}

#[test]
fn mappings_are_read_line_by_line() {
    let maps = b"7f00-7f01 r--p 00000000 08:01 7 /usr/lib/libc.so.6\n\
        7f01-7f02 rw-p 00000000 00:00 0\n\
        7f02-7f03 r--p 00000000 08:01 9 /vol/\xff/.jvm-archive/1.jsa\n\
        7f03-7f04 r--p 00000000 08:01 9 /last\n";
    let mut left = &maps[..];
    assert_eq!(is_mapped(&mut left, "1.jsa").unwrap(), Some(true));
    assert!(left.ends_with(b"/last\n") && left.len() < 50, "no further than needed");
    assert_eq!(is_mapped(&maps[..], "2.jsa").unwrap(), Some(false));
    assert_eq!(is_mapped(&b""[..], "1.jsa").unwrap(), None, "a zombie has no mappings");
}
