//! A laptop cluster of its own for one test.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use api::{
    client::{Client, Options},
    ids::BrokerId,
    rest::{Broker, Status, TaskState},
};
use local::laptop::{
    facts,
    home::{Home, Part},
    identity::Identity,
    settings::Settings,
    sweep,
};
use nix::sys::signal::Signal;

use crate::eventually::eventually;

/// One cluster at a time: each has three JVMs, and machines have as few as two processors.
static ONE: Mutex<()> = Mutex::new(());

/// Arguments that let a cluster run beside any other.
pub(crate) const FREE: [&str; 10] = [
    "--zookeeper-port",
    "0",
    "--master-port",
    "0",
    "--agent-port",
    "0",
    "--api-port",
    "0",
    "--broker-ports",
    "0",
];

/// How long a cluster may take to come up, on a busy machine.
pub(crate) const UP: Duration = Duration::from_secs(300);

/// One of our programs.
#[track_caller]
pub(crate) fn program(name: &str) -> PathBuf {
    // The scheduler belongs to this package, so cargo has built it, and the others lie beside it.
    let path = Path::new(env!("CARGO_BIN_EXE_kafka-scheduler")).with_file_name(name);
    assert!(path.is_file(), "{} is missing; build it with: cargo build --workspace --bins", path.display());
    path
}

/// A test's cluster; ended, with all its processes, when dropped.
pub(crate) struct Cluster {
    /// Its data directory lies in here.
    directory: Option<tempfile::TempDir>,
    environment: Vec<(String, String)>,
    /// `kafka-local up` in the foreground, where it was started so.
    foreground: Option<Child>,
    _one: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Nothing runs yet. Every command is given this environment.
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        for name in ["kafka-local", "mesos-local", "kafka-executor", "dcos-kafka"] {
            program(name);
        }
        // A test that panicked has cleaned up all the same.
        let one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let directory = tempfile::Builder::new().prefix("kafka-e2e-").tempdir().unwrap();
        let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { directory: Some(directory), environment, foreground: None, _one: one }
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.as_ref().unwrap().path().join("data")
    }

    /// Its data directory, as `kafka-local` sees it.
    pub(crate) fn home(&self) -> Home {
        Home::open(&self.data()).unwrap()
    }

    /// `kafka-local` with these arguments, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("kafka-local"));
        command
            .args(arguments)
            .env("KAFKA_LOCAL_DATA", self.data())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.as_ref().unwrap().path())
            .stdin(Stdio::null());
        command
    }

    /// Runs `kafka-local` with these arguments to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        eprintln!("kafka-local {}: {}", arguments.join(" "), output.status);
        // CI shows only so many lines of a test.
        if !output.status.success() {
            eprint!("{}{}", text(&output.stdout), text(&output.stderr));
        }
        output
    }

    /// `kafka-local up --detach`, which must succeed; what it printed.
    pub(crate) fn up(&self, arguments: &[&str]) -> String {
        let output = self.run(&[&["up", "--detach"], arguments].concat());
        assert!(output.status.success());
        text(&output.stdout)
    }

    /// `kafka-local up` in the foreground; its output goes to `foreground.log`.
    pub(crate) fn foreground(&mut self, arguments: &[&str]) {
        let log = File::create(self.foreground_log()).unwrap();
        let mut command = self.command(&[&["up"], arguments].concat());
        self.foreground = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    /// What the foreground's output goes to.
    pub(crate) fn foreground_log(&self) -> PathBuf {
        self.directory.as_ref().unwrap().path().join("foreground.log")
    }

    /// Presses Ctrl-C and waits for the end.
    pub(crate) async fn interrupt(&mut self) -> std::process::ExitStatus {
        let mut child = self.foreground.take().unwrap();
        Identity::of(i32::try_from(child.id()).unwrap()).unwrap().signal(Signal::SIGINT);
        eventually("kafka-local ends after Ctrl-C", Duration::from_secs(180), async || {
            child.try_wait().unwrap().ok_or("it still runs")
        })
        .await
    }

    /// How it was started.
    pub(crate) async fn settings(&self) -> Settings {
        eventually("settings are written", Duration::from_secs(30), async || {
            let file = self.data().join("kafka-local.json");
            Settings::load(&file).map_err(|error| error.to_string())?.ok_or_else(|| "no file".to_owned())
        })
        .await
    }

    /// A client of its REST API.
    pub(crate) async fn api(&self) -> Client {
        let url = format!("http://127.0.0.1:{}", self.settings().await.api_port);
        Client::new(Options { url, token: None, ca_pem: None, deadline: Duration::from_secs(10) }).unwrap()
    }

    /// Waits until every block of the plan is complete.
    pub(crate) async fn complete(&self) {
        let api = self.api().await;
        eventually("the plan is Complete", UP, async || {
            let plan = api.plan().await.map_err(|error| error.to_string())?.body;
            let brokers = plan
                .phases
                .iter()
                .flat_map(|phase| &phase.blocks)
                .filter(|block| block.name != "Reconciliation");
            let done = plan.status == Status::Complete && brokers.count() > 0;
            if done { Ok(()) } else { Err(serde_json::to_string(&plan).unwrap()) }
        })
        .await;
    }

    /// What the API says of each of these brokers.
    pub(crate) async fn brokers(&self, count: u32) -> Vec<Broker> {
        let api = self.api().await;
        let mut brokers = Vec::new();
        for id in 0..count {
            let broker = eventually("the broker is known", Duration::from_secs(30), async || {
                api.broker(BrokerId(id)).await.map(|answer| answer.body).map_err(|error| error.to_string())
            });
            brokers.push(broker.await);
        }
        brokers
    }

    /// The running part.
    #[track_caller]
    pub(crate) fn part(&self, part: Part) -> Identity {
        let running = Identity::running(&self.home().pid(part));
        running.unwrap_or_else(|| panic!("{} does not run", part.name()))
    }

    /// The JVM of each broker that has one.
    pub(crate) fn jvms(&self) -> BTreeMap<u32, Jvm> {
        let inside = sweep::inside(&self.home().mesos());
        let jvms = inside.into_iter().filter_map(|process| {
            let proc = PathBuf::from(format!("/proc/{}", process.pid));
            let command = fs::read(proc.join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).into_owned();
            if !command.split('\0').any(|word| word == "kafka.Kafka") {
                return None;
            }
            let sandbox = fs::read_link(proc.join("cwd")).ok()?;
            let volume = volume(&sandbox)?;
            // broker.id as this very broker wrote it down.
            let meta = fs::read_to_string(volume.join("kafka/meta.properties")).ok()?;
            let id = meta.lines().find_map(|line| line.strip_prefix("broker.id="))?.parse().ok()?;
            Some((id, Jvm { process, volume }))
        });
        jvms.collect()
    }

    /// The sandbox of every executor that was ever launched.
    pub(crate) fn sandboxes(&self) -> Vec<PathBuf> {
        // Each run of an executor keeps what the executor prints.
        let logs = find(&self.data().join("mesos"), &["stderr"]);
        logs.into_iter().map(|log| log.parent().unwrap().to_owned()).collect()
    }

    /// Every process that belongs to the cluster.
    pub(crate) fn processes(&self) -> Vec<String> {
        let home = self.home();
        let parts =
            facts::running(&home).into_iter().map(|(part, identity)| (part.name().to_owned(), identity));
        let inside = sweep::inside(home.root()).into_iter().map(|identity| {
            let name = fs::read_to_string(format!("/proc/{}/comm", identity.pid)).unwrap_or_default();
            (name.trim().to_owned(), identity)
        });
        parts.chain(inside).map(|(name, identity)| format!("{name} (pid {})", identity.pid)).collect()
    }

    /// Prints the end of every log, for a test that failed.
    fn print_logs(&self) {
        let mut logs = vec![self.foreground_log()];
        let dirs = [self.data().join("log")];
        logs.extend(
            dirs.iter().flat_map(|dir| fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path())),
        );
        logs.extend(find(&self.data().join("mesos"), &["stderr", "stdout"]));
        for log in logs {
            let text =
                fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            if !lines.is_empty() {
                eprintln!("--- {} ({} lines)", log.display(), lines.len());
                eprintln!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
            }
        }
    }
}

/// A broker's JVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Jvm {
    /// The process.
    pub(crate) process: Identity,
    /// Where its volume really lies.
    pub(crate) volume: PathBuf,
}

/// Where the volume of a sandbox, or of a directory below one, really lies.
fn volume(directory: &Path) -> Option<PathBuf> {
    directory
        .ancestors()
        .find_map(|dir| dir.join("data/kafka").exists().then(|| dir.join("data").canonicalize().ok())?)
}

fn find(dir: &Path, names: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(find(&entry.path(), names));
        } else if names.iter().any(|name| entry.file_name() == *name) {
            found.push(entry.path());
        }
    }
    found
}

/// Output for people.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether every broker serves.
pub(crate) fn all_running(brokers: &[Broker]) -> bool {
    brokers.iter().all(|broker| broker.task_state == Some(TaskState::Running))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed {
            self.print_logs();
        }
        if self.data().exists() {
            let home = self.home();
            // The orderly way first; a failed test has no time for it.
            if !failed {
                let _ = self.command(&["stop"]).output();
            }
            let end = Instant::now() + Duration::from_secs(20);
            loop {
                let parts = facts::running(&home);
                let inside = sweep::inside(home.root());
                if parts.is_empty() && inside.is_empty() || Instant::now() > end {
                    break;
                }
                for (_, identity) in parts {
                    identity.signal_group(Signal::SIGKILL);
                    identity.signal(Signal::SIGKILL);
                }
                for identity in inside {
                    identity.signal(Signal::SIGKILL);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if let Some(mut child) = self.foreground.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if failed && std::env::var_os("KEEP_E2E").is_some() {
            let kept = self.directory.take().map(tempfile::TempDir::keep);
            eprintln!("kept: {kept:?}");
        }
    }
}
