#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use std::{
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Child, Command, Stdio},
};

use super::*;

const PERFDATA: &[u8] = include_bytes!("../../../metrics/perfdata/java-17-g1.bin");

struct Sleeper(Child);

impl Sleeper {
    fn start() -> (Self, Jvm) {
        let forked = SystemTime::now();
        let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        let jvm = Jvm::new(Pid::from_raw(child.id().cast_signed()), forked, &[]);
        (Self(child), jvm)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_process_and_its_end() {
    let (sleeper, mut jvm) = Sleeper::start();
    let (mut buffer, mut counters) = (Buffer::default(), Counters::default());
    let mut gauges = Gauges::default();
    jvm.process(&mut buffer, &mut gauges, &mut counters).unwrap();
    assert!(gauges.get(Metric::JvmRss).unwrap() > 0.0);
    assert_eq!(gauges.get(Metric::JvmThreads), Some(1.0));
    assert!(gauges.get(Metric::JvmDescriptors).unwrap() >= 1.0);
    assert!(gauges.get(Metric::JvmDescriptorsMax).unwrap() >= 64.0);
    assert!(gauges.get(Metric::JvmUptime).unwrap() < 60.0);
    assert!(counters.total(Metric::JvmCpu).is_some());
    // Another process under the same number.
    jvm.started_ticks = jvm.started_ticks.map(|ticks| ticks + 1);
    assert_eq!(jvm.process(&mut buffer, &mut Gauges::default(), &mut counters), None);
    drop(sleeper);
    assert_eq!(jvm.process(&mut buffer, &mut Gauges::default(), &mut counters), None);
}

#[test]
fn performance_data_must_be_the_jvm_s_own() {
    let (_sleeper, jvm) = Sleeper::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("17");
    let user = nix::unistd::geteuid().as_raw();
    let why = |jvm: &Jvm, user| jvm.open(&path, user).unwrap_err().to_string();
    assert!(jvm.open(&path, user).is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    fs::write(&path, PERFDATA).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(jvm.open(&path, user).is_ok());
    assert!(why(&jvm, user + 1).ends_with("is not the JVM's user's file"));
    let later = Jvm { forked: SystemTime::now() + Duration::from_secs(3600), ..jvm };
    assert!(why(&later, user).ends_with("is older than the JVM"));
    let jvm = Jvm { forked: SystemTime::now() - Duration::from_secs(3600), ..later };
    File::options().write(true).open(&path).unwrap().set_len(LARGEST + 1).unwrap();
    assert!(why(&jvm, user).ends_with("is too large"));
    fs::remove_file(&path).unwrap();
    symlink("/etc/passwd", &path).unwrap();
    assert!(jvm.open(&path, user).is_err(), "no link is followed");
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(why(&jvm, user).ends_with("is not the JVM's user's file"), "and no pipe waited for");
}

#[test]
fn a_jvm_that_shares_nothing_is_said() {
    let (_sleeper, mut jvm) = Sleeper::start();
    let (mut buffer, mut counters) = (Buffer::default(), Counters::default());
    let mut read =
        |jvm: &mut Jvm| jvm.perfdata(&mut buffer, &mut Gauges::default(), &mut counters).unwrap_err();
    assert!(read(&mut jvm).ends_with(" of the JVM's user"), "{}", read(&mut jvm));
    jvm.hidden_by = Some("-XX:-UsePerfData".to_owned());
    assert_eq!(read(&mut jvm), "the JVM runs with -XX:-UsePerfData");
}
