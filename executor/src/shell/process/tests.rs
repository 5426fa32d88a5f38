#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use std::{fs, os::unix::process::CommandExt as _, process::Command};

use super::*;

/// A `/proc` with these lines.
fn proc(lines: &[(u32, &[u8])]) -> tempfile::TempDir {
    let proc = tempfile::tempdir().unwrap();
    for (pid, stat) in lines {
        fs::create_dir(proc.path().join(pid.to_string())).unwrap();
        fs::write(proc.path().join(pid.to_string()).join("stat"), stat).unwrap();
    }
    proc
}

/// The family of a child that leads its own group and has ended, but is not reaped.
#[expect(clippy::zombie_processes, reason = "a zombie is what is wanted; the family reaps it")]
fn ended() -> Family {
    let child = Command::new("true").process_group(0).spawn().unwrap();
    let leader = Pid::from_raw(child.id().cast_signed());
    waitid(Id::Pid(leader), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    Family::new(leader)
}

/// Nobody seen is not nobody there.
#[test]
fn a_sweep_that_cannot_look_is_not_over() {
    let mut family = ended();
    assert_eq!(family.reap(), Some(How::Code(0)));
    family.sweep();
    let nowhere = tempfile::tempdir().unwrap().path().join("gone");
    assert_eq!(family.swept_in(&nowhere), None);
    // A line that can't be read hides somebody too: here it is a directory.
    let broken = proc(&[]);
    fs::create_dir_all(broken.path().join("7/stat")).unwrap();
    assert_eq!(family.swept_in(broken.path()), None);
    assert_eq!(family.swept_in(proc(&[]).path()), Some(0));
}

/// Each round begins with the whole group.
#[test]
fn a_sweep_kills_the_group_even_if_it_sees_nobody() {
    let mut child = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    let mut family = Family::new(Pid::from_raw(child.id().cast_signed()));
    family.sweep();
    assert_eq!(family.swept_in(Path::new("/nowhere")), None);
    let deadline = Instant::now() + Duration::from_secs(10);
    while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    // In time or not, it does not outlive us; its end is the first that came.
    let _may_have_ended = child.kill();
    let status = child.wait().unwrap();
    assert!(Instant::now() < deadline, "the sweep did not end it");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
}

/// The round that reaps is not the last one.
#[test]
fn a_round_that_reaps_is_followed_by_another() {
    let (family, orphan) = (ended(), ended().leader);
    let line = format!("{orphan} (orphan) Z {} {orphan} {orphan} 0", getpid());
    let proc = proc(&[(orphan.as_raw().unsigned_abs(), line.as_bytes())]);
    assert_eq!(family.round(proc.path()), Round { left: 0, reaped: 1 });
    assert!(waitpid(orphan, None).is_err(), "it is reaped");
    assert!(reap(family.leader));
}

/// The leader that ended since it was asked about keeps its status.
#[test]
fn the_leader_is_no_orphan() {
    let pid = Pid::from_raw;
    let zombie = |of| Process { pid: pid(of), state: b'Z', parent: pid(1), group: pid(9), session: pid(9) };
    let alive = Process { state: b'S', ..zombie(11) };
    let foreign = Process { parent: pid(2), ..zombie(12) };
    assert_eq!(orphans(&[zombie(9), zombie(10), alive, foreign], pid(1), pid(9)), [pid(10)]);
}

#[test]
fn a_name_in_no_encoding_hides_nobody() {
    let found = processes(proc(&[(42, b"42 (\xff\xfe) S 1 40 39 0")]).path()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].pid, found[0].group), (Pid::from_raw(42), Pid::from_raw(40)));
}

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
    let found = processes(Path::new(PROC)).unwrap();
    assert!(found.iter().any(|process| process.pid == getpid() && process.state != b'Z'));
}
