//! `kafka-local` as a process, among programs that only pretend: what Ctrl-C does while a cluster comes up (D47).

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and these are all effects"
)]

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use local::laptop::{
    facts,
    home::{Home, Part},
    identity::Identity,
};
use nix::sys::signal::Signal;

/// Less than a download may stay silent before it is given up.
const SOON: Duration = Duration::from_secs(20);

/// A directory of programs and one for data; whatever still runs is ended when dropped.
struct Stage {
    directory: tempfile::TempDir,
    /// Accepts connections and never answers.
    silent: TcpListener,
}

impl Stage {
    fn new() -> Self {
        // Beside the real program, so that it can be linked: it looks for the others where it lies itself.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let stage = Self { directory, silent: TcpListener::bind("127.0.0.1:0").unwrap() };
        fs::create_dir_all(stage.path("jdk/bin")).unwrap();
        fs::hard_link(env!("CARGO_BIN_EXE_kafka-local"), stage.path("kafka-local")).unwrap();
        for (name, script) in [
            ("jdk/bin/java", "echo 'openjdk version \"17.0.1\"' >&2"),
            ("mesos-local", "exec sleep 600"),
            ("kafka-executor", ""),
            ("kafka-scheduler", "test \"$1\" = --check && exit; echo brokers $BROKER_COUNT; exec sleep 600"),
        ] {
            fs::write(stage.path(name), format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(stage.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Child {
        const FREE: [&str; 5] =
            ["--zookeeper-port=0", "--master-port=0", "--agent-port=0", "--api-port=0", "--broker-ports=0"];
        let free = if arguments[0] == "up" { &FREE[..] } else { &[] };
        Command::new(self.path("kafka-local"))
            .args(arguments)
            .args(free)
            .env("KAFKA_LOCAL_DATA", self.path("data"))
            .env("JAVA_HOME", self.path("jdk"))
            .env("KAFKA_URI", format!("http://{}/kafka.tgz", self.silent.local_addr().unwrap()))
            .env("BROKER_COUNT", "2")
            .env("BROKER_DISK", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path("stderr")).unwrap())
            .spawn()
            .unwrap()
    }

    fn home(&self) -> Home {
        Home::existing(&self.path("data")).unwrap()
    }

    fn said(&self) -> String {
        read(&self.path("stderr"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let Ok(home) = Home::existing(&self.path("data")) else { return };
        for (_, identity) in facts::running(&home) {
            identity.signal_group(Signal::SIGKILL);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(Instant::now() < deadline, "{what} never came"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn interrupt(child: &mut Child) -> ExitStatus {
    Identity::of(i32::try_from(child.id()).unwrap()).unwrap().signal(Signal::SIGINT);
    wait_for("the end", || child.try_wait().unwrap())
}

// D47: Ctrl-C stops everything, at once also while something is being downloaded.
#[test]
fn ctrl_c_ends_a_start_that_waits_for_a_download() {
    let stage = Stage::new();
    let mut child = stage.run(&["up", "--brokers", "1", "--heap", "64"]);
    let _download = stage.silent.accept().unwrap();
    // A flag goes before the environment, also for the scheduler.
    wait_for("the scheduler", || {
        read(&stage.home().log(Part::Scheduler)).contains("brokers 1\n").then_some(())
    });
    let status = interrupt(&mut child);
    assert!(status.success(), "{status}: {}", stage.said());
    assert!(stage.said().contains("stopped; the data stays in"), "{}", stage.said());
    assert!(facts::running(&stage.home()).is_empty());
}

// D47: with --detach the cluster is on its own; whoever no longer waits is told so, and how to stop it.
#[test]
fn ctrl_c_leaves_a_detached_cluster_running_and_says_so() {
    let stage = Stage::new();
    let mut child = stage.run(&["up", "--detach", "--brokers", "1", "--heap", "64"]);
    let _download = stage.silent.accept().unwrap();
    let status = interrupt(&mut child);
    assert_eq!(status.code(), Some(1), "{}", stage.said());
    let said = stage.said();
    assert!(said.contains("the cluster goes on") && said.contains("kafka-local stop --data"), "{said}");
    assert!(Identity::running(&stage.home().pid(Part::Supervisor)).is_some());

    let mut stop = stage.run(&["stop"]);
    assert!(wait_for("the end of stop", || stop.try_wait().unwrap()).success(), "{}", stage.said());
    assert!(facts::running(&stage.home()).is_empty());
}
