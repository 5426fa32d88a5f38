//! `kafka-scheduler` as a process: arguments, exit codes, signals. No Mesos is needed for these.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The scheduler with an environment of its own; nothing listens at the master's address.
fn scheduler(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-scheduler"));
    command.env_clear().envs(settings.iter().copied());
    command
}

fn valid(state: &Path) -> Command {
    let mut command = scheduler(&[
        ("MESOS_MASTER", "127.0.0.1:1"),
        ("LISTEN_ADDRESS", "127.0.0.1"),
        ("PORT1", "0"),
        ("KAFKA_URI", "file:///k.tgz"),
        ("EXECUTOR_URI", "file:///e"),
    ]);
    command.env("SCHEDULER_STATE_URI", format!("file://{}", state.display()));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

// S-047: every mistake at once, each with its variable.
#[test]
fn a_wrong_configuration_ends_with_its_code_and_all_mistakes() {
    for arguments in [&[][..], &["--check"]] {
        let mut command =
            scheduler(&[("BROKER_COUNT", "none"), ("BROKER_MEM", "100"), ("FRAMEWORK_NAME", "Kafka!")]);
        let output = run(command.args(arguments));
        assert_eq!(output.status.code(), Some(3));
        let told = text(&output.stderr);
        for field in ["FRAMEWORK_NAME", "BROKER_COUNT", "BROKER_HEAP_MB", "KAFKA_URI", "SCHEDULER_STATE_URI"]
        {
            assert!(told.contains(&format!("Validation error on field \"{field}\": ")), "{field} in {told}");
        }
    }
}

#[test]
fn a_valid_configuration_is_said_to_be_so() {
    let temp = tempfile::tempdir().unwrap();
    let output = run(valid(temp.path()).env("BROKER_COUNTS", "5").arg("--check"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "the configuration is valid\n");
    assert!(text(&output.stderr).contains("is BROKER_COUNT meant?"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0, "a check writes nothing");
}

#[test]
fn help_names_every_variable_and_exit_code() {
    let help = text(&run(scheduler(&[]).arg("--help")).stdout);
    for variable in scheduler::config::VARIABLES {
        assert!(help.contains(variable.name), "{}", variable.name);
    }
    for exit in scheduler::shell::Exit::ALL {
        assert!(help.contains(&format!("{}  {}", exit.code(), exit.meaning())), "{exit:?}");
    }
    assert_eq!(run(scheduler(&[]).arg("--unknown")).status.code(), Some(2));
}

/// A running scheduler, killed with its test.
struct Running(Child);

impl Running {
    /// Started, and listening.
    fn start(command: &mut Command) -> Running {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let running = Running(child);
        let (sender, lines) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            // Read to the end, so that the scheduler never waits for us.
            for line in stderr.lines().map_while(Result::ok) {
                if line.contains("listening (PORT1)") {
                    let _ = sender.try_send(());
                }
            }
        });
        lines.recv_timeout(Duration::from_secs(20)).unwrap();
        running
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_signal_stops_it_cleanly_and_the_next_one_starts_on_the_same_state() {
    let temp = tempfile::tempdir().unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let mut running = Running::start(&mut valid(temp.path()));
        running.signal(signal);
        let status = running.0.wait().unwrap();
        let killed = signal == Signal::SIGKILL;
        assert_eq!(status.code(), (!killed).then_some(0), "{signal}: {status}");
    }
    let _running = Running::start(&mut valid(temp.path()));
}
