//! `kafka-scheduler` as a process: arguments, exit codes, signals. No Mesos is needed for these.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and looks at the clock"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
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
        Running::start_at(command).0
    }

    /// The same, and the port of its API.
    fn start_at(command: &mut Command) -> (Running, u16) {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let running = Running(child);
        let (sender, lines) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            // Read to the end, so that the scheduler never waits for us.
            for line in stderr.lines().map_while(Result::ok) {
                if line.contains("listening (PORT1)") {
                    let port = line.split("127.0.0.1:").nth(1).and_then(|rest| {
                        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u16>().ok()
                    });
                    let _ = sender.try_send(port.unwrap_or(0));
                }
            }
        });
        let port = lines.recv_timeout(Duration::from_secs(20)).unwrap();
        (running, port)
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

/// The octet-counted messages of one connection, up to its end.
fn messages(listener: TcpListener) -> Vec<String> {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let mut rest = bytes.as_slice();
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let blank = rest.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = text(&rest[..blank]).parse().unwrap();
        messages.push(text(&rest[blank + 1..blank + 1 + length]));
        rest = &rest[blank + 1 + length..];
    }
    messages
}

// D24: the scheduler's own log goes to syslog when asked, down to its last line, whatever stderr gets.
#[test]
fn its_log_goes_to_syslog() {
    for format in ["text", "json"] {
        let temp = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("tcp://{}", listener.local_addr().unwrap());
        let received = std::thread::spawn(|| messages(listener));
        let mut command = valid(temp.path());
        command.envs([
            ("SCHEDULER_SYSLOG_URI", server.as_str()),
            ("SCHEDULER_SYSLOG_FACILITY", "local0"),
            ("FRAMEWORK_NAME", "logged"),
            ("LOG_FORMAT", format),
            ("BROKER_PORT", "9093"),
        ]);
        let mut running = Running::start(&mut command);
        running.signal(Signal::SIGTERM);
        assert_eq!(running.0.wait().unwrap().code(), Some(0));
        let received = received.join().unwrap();
        let process = running.0.id();
        let tail =
            format!(" kafka-scheduler {process} log [kafka@32473 framework=\"logged\" stream=\"log\"] ");
        // local0 is 16: its INFO 134, its WARN 132.
        for (priority, words) in [
            ("<134>1 ", "scheduler::shell: starting version="),
            ("<132>1 ", "BROKER_PORT=9093 has no effect"),
            ("<134>1 ", "listening (PORT1)"),
            ("<134>1 ", "scheduler::shell: stopped"),
        ] {
            let found = received.iter().filter(|message| message.contains(words)).collect::<Vec<_>>();
            assert!(
                found.len() == 1 && found[0].starts_with(priority) && found[0].contains(&tail),
                "{words}: {found:?} of {received:?}"
            );
        }
        assert!(!received.iter().any(|message| message.contains('\u{1b}')), "no colours");
    }
}

// D24: a server that is away neither keeps it from running nor from ending.
#[test]
fn a_syslog_server_that_is_away_holds_up_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = valid(temp.path());
    let mut running = Running::start(command.env("SCHEDULER_SYSLOG_URI", format!("tcp://{nobody}")));
    let asked = Instant::now();
    running.signal(Signal::SIGTERM);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
}

/// Writes a file that only we read.
fn secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A certificate for 127.0.0.1 and its key, in files.
fn certificate(directory: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(directory.join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    secret(&directory.join("key.pem"), &key.serialize_pem());
}

/// A scheduler with HTTPS and two tokens.
fn guarded(directory: &Path) -> Command {
    use sha2::Digest as _;
    certificate(directory);
    let line = |name: &str, role: &str| {
        secret(&directory.join(name), &format!("{name}-token\n"));
        let hash = sha2::Sha256::digest(format!("{name}-token"));
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{name} {role} sha256:{hex}\n")
    };
    secret(&directory.join("tokens"), &(line("ops", "operator") + &line("monitor", "read-only")));
    let mut command = valid(&directory.join("state"));
    for (setting, file) in
        [("API_TOKENS_FILE", "tokens"), ("API_TLS_CERT_FILE", "cert.pem"), ("API_TLS_KEY_FILE", "key.pem")]
    {
        command.env(setting, directory.join(file));
    }
    command
}

// S-093, S-095, D39: the command line against a scheduler with HTTPS and tokens, as processes.
#[test]
fn the_command_line_comes_in_with_certificate_and_token() {
    let temp = tempfile::tempdir().unwrap();
    let (_running, port) = Running::start_at(&mut guarded(temp.path()));
    let path = |name: &str| temp.path().join(name).display().to_string();
    let program = Path::new(env!("CARGO_BIN_EXE_kafka-scheduler")).with_file_name("dcos-kafka");
    assert!(program.is_file(), "{} is missing; build it with: cargo build -p cli", program.display());
    let ask = |scheme: &str, options: &[(&str, &str)], words: &[&str]| {
        let mut command = Command::new(&program);
        command.env_clear().arg("--url").arg(format!("{scheme}://127.0.0.1:{port}"));
        for (option, file) in options {
            command.arg(option).arg(path(file));
        }
        text(&run(command.args(words)).stderr)
    };
    let (ca, ops, monitor) =
        (("--ca-cert", "cert.pem"), ("--token-file", "ops"), ("--token-file", "monitor"));
    let (list, restart) = (&["broker", "list"][..], &["broker", "restart", "0"][..]);
    // It is not registered, and says so to whom it may concern.
    for (options, words, told) in [
        (&[ca, ops][..], list, "NotRegistered"),
        (&[ca, ops], restart, "NotRegistered"),
        (&[ca, monitor], list, "NotRegistered"),
        (&[ca, monitor], restart, "token:monitor is read-only, which takes GET and HEAD only (Forbidden"),
        (&[ca], list, "a token is needed"),
        (&[ca, ("--token-file", "none")], list, "none"),
        (&[ops], list, "cannot reach https://"),
    ] {
        let answer = ask("https", options, words);
        assert!(answer.contains(told), "{options:?} {words:?}: {answer}");
        assert!(!answer.contains("ops-token") && !answer.contains("monitor-token"), "{answer}");
    }
    let answer = ask("http", &[ops], list);
    assert!(answer.contains("this port speaks HTTPS") && answer.contains("HttpsRequired"), "{answer}");
}

// S-047, D39: all mistakes at once, before anything starts, also with --check.
#[test]
fn files_of_the_api_that_cannot_be_used_end_it() {
    let temp = tempfile::tempdir().unwrap();
    let mut command = guarded(temp.path());
    std::fs::remove_file(temp.path().join("tokens")).unwrap();
    let other = tempfile::tempdir().unwrap();
    certificate(other.path());
    std::fs::copy(other.path().join("key.pem"), temp.path().join("key.pem")).unwrap();
    let check = run(command.arg("--check"));
    assert_eq!(check.status.code(), Some(3));
    let told = text(&check.stderr);
    for words in
        ["field \"API_TOKENS_FILE\"", "field \"API_TLS_KEY_FILE\"", "is not the key of the certificate"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let mut command = valid(&temp.path().join("state"));
    let output = run(command.env("API_TOKENS_FILE", temp.path().join("tokens")));
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("API_TOKENS_FILE"), "{}", text(&output.stderr));
    assert!(!temp.path().join("state").exists(), "nothing was begun");
}
