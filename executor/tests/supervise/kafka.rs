//! A real Kafka with a real ZooKeeper, from LAUNCH to KILL, through a crash of the JVM and one of the executor.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpStream as Socket,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use api::{
    launch::{LaunchContract, Layer},
    message::ToExecutor,
};
use kafka::zookeeper::ZooKeeper;
use mesos::v1::{TaskState, TaskStatus};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    agent::Agent,
    executor::{Executor, contract, free_port, health_check, task},
    life::get,
    wait_for,
};

pub(crate) const TASK: &str = "broker-1__00000000-0000-0000-0000-000000000009";

/// The line that runs unless a test says otherwise.
pub(crate) const KAFKA: &str = "3.9.2";

/// The distribution of Kafka `version`, unpacked once per archive and target directory.
pub(crate) fn distribution(version: &str) -> PathBuf {
    static HOMES: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut homes = HOMES.lock().unwrap_or_else(PoisonError::into_inner);
    homes.entry(version.to_owned()).or_insert_with(|| unpack(version)).clone()
}

fn unpack(version: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/fetch-kafka.sh");
    let fetched = Command::new(&script).arg(version).stderr(Stdio::inherit()).output().unwrap();
    assert!(fetched.status.success(), "{} must give Kafka {version}", script.display());
    let archive = PathBuf::from(String::from_utf8(fetched.stdout).unwrap().trim());
    let sum = fs::read_to_string(archive.with_extension("tgz.sha256")).unwrap();
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kafka-{}", &sum[..12]));
    if !home.exists() {
        // Unpacked beside and renamed: nobody ever sees half of it.
        let beside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let tar = ["-xzf", archive.to_str().unwrap(), "--strip-components=1", "-C"];
        assert!(Command::new("tar").args(tar).arg(beside.path()).status().unwrap().success());
        if fs::rename(beside.path(), &home).is_ok() {
            let _renamed_away = beside.keep();
        }
    }
    home
}

/// A ZooKeeper of one server, gone with its value, and with the test's thread.
pub(crate) struct Ensemble {
    jvm: Child,
    pub(crate) connect: String,
    _data: tempfile::TempDir,
}

impl Ensemble {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let port = free_port();
        // Short ticks allow short sessions: a session lives at least two, and at most twenty unless more are allowed.
        let config = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ntickTime=500\n\
             maxSessionTimeout=60000\n",
            data.path().display()
        );
        fs::write(data.path().join("zoo.cfg"), config).unwrap();
        let jvm = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(distribution(KAFKA).join("libs/*"))
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(data.path().join("zoo.cfg"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv (util-linux) and java must be installed");
        wait_for("ZooKeeper", || Socket::connect(("127.0.0.1", port)).ok()).await;
        Self { jvm, connect: format!("127.0.0.1:{port}/dcos-service-kafka"), _data: data }
    }
}

impl Ensemble {
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.jvm.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        let _may_have_ended = self.jvm.kill();
        let _reaped = self.jvm.wait();
    }
}

/// An executor whose sandbox has a distribution, and this volume.
pub(crate) fn executor(volume: &Path) -> Executor {
    executor_of(KAFKA, volume)
}

pub(crate) fn executor_of(version: &str, volume: &Path) -> Executor {
    let executor = Executor::new();
    fs::remove_dir(executor.path("data")).unwrap();
    symlink(volume, executor.path("data")).unwrap();
    symlink(distribution(version), executor.path("kafka")).unwrap();
    executor
}

pub(crate) fn broker(ensemble: &Ensemble, overrides: &[(&str, &str)]) -> LaunchContract {
    let mut contract = contract(&ensemble.connect);
    contract.jvm_options = vec!["-XX:TieredStopAtLevel=1".to_owned()];
    let properties = overrides.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    contract.layers = vec![Layer { name: "KAFKA_OVERRIDE_*".to_owned(), properties }];
    contract
}

/// D30's check with a grace that covers a start on a loaded machine.
pub(crate) async fn launched(executor: &mut Executor, contract: &LaunchContract) -> Agent {
    let mut task = task(contract, 60.0);
    let mut check = health_check(contract);
    check.grace_period_seconds = Some(120.0);
    task.health_check = Some(check);
    let agent = Agent::start(task).await;
    executor.start(agent.address);
    agent
}

pub(crate) fn label<'a>(status: &'a TaskStatus, name: &str) -> Option<&'a str> {
    status.labels.as_ref()?.labels.iter().find(|label| label.key == name)?.value.as_deref()
}

// S-081, D18, D30, D31, D32, D36, D37, D38, D44
#[tokio::test]
async fn a_broker_s_life() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    fs::create_dir(volume.path().join("lost+found")).unwrap();
    let layers = |session, hours| {
        broker(&ensemble, &[("zookeeper.session.timeout.ms", session), ("log.retention.hours", hours)]).layers
    };
    let contract = LaunchContract { layers: layers("60000", "100"), ..broker(&ensemble, &[]) };
    let zookeeper =
        ZooKeeper::new(&ensemble.connect, Duration::from_secs(10)).unwrap().limit(crate::PATIENCE);

    // It serves, and says what runs.
    let mut first = executor(volume.path());
    let began = Instant::now();
    let agent = launched(&mut first, &contract).await;
    let running = agent.state(TaskState::TaskRunning).await;
    eprintln!("LAUNCH to TASK_RUNNING: {:?}", began.elapsed());
    assert_eq!(label(&running, "config_id"), Some(contract.config_id.to_string().as_str()));
    assert_eq!(label(&running, "generation"), Some("3"));
    let states = agent.states();
    let before = states.iter().take_while(|state| **state != TaskState::TaskRunning);
    assert!(before.into_iter().all(|state| *state == TaskState::TaskStarting), "{states:?}");
    let registration = zookeeper.registration(1).await.unwrap().unwrap();
    assert!(registration.serves(&format!("127.0.0.1:{}", contract.port)));
    let serves =
        |update: &TaskStatus| update.state() == TaskState::TaskRunning && update.healthy == Some(true);
    // The first check may have passed just before the probe did; then the next update of any kind says so.
    let healthy = agent.update("healthy=true", serves).await;
    assert_eq!(label(&healthy, "generation"), Some("3"));
    let health = get(contract.api_port, "/admin/healthcheck").await;
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    assert!(volume.path().join("kafka/meta.properties").is_file(), "log.dirs is below the volume");
    assert!(first.read("stdout").contains("started (kafka.server.KafkaServer)"), "the main log is on stdout");
    assert!(!first.read("logs/controller.log").is_empty());
    assert!(!first.read("stdout").contains("(kafka.controller."), "side logs do not go to stdout too");
    assert!(!first.read("logs/gc.log").is_empty());

    // D31: another JVM with another configuration in the same task, without a word of ill health.
    let [before] = first.processes()[..] else { panic!("one JVM") };
    let restart = LaunchContract { generation: 4, layers: layers("60000", "101"), ..contract.clone() };
    let began = Instant::now();
    agent.say(&ToExecutor::Restart { task: TASK.parse().unwrap(), contract: Box::new(restart.clone()) });
    agent.update("the new generation", |update| label(update, "generation") == Some("4")).await;
    eprintln!("restart in place to TASK_RUNNING: {:?}", began.elapsed());
    let [after] = first.processes()[..] else { panic!("one JVM") };
    assert_ne!(before, after);
    assert!(first.read("server.properties").contains("log.retention.hours=101"));
    assert!(
        first.read("stdout").contains("shut down completed (kafka.server.KafkaServer)"),
        "it stopped gently"
    );
    assert!(agent.updates().iter().all(|update| update.healthy != Some(false)));
    let known = |state: &TaskState| matches!(state, TaskState::TaskStarting | TaskState::TaskRunning);
    assert!(agent.states().iter().all(known), "{:?}", agent.states());

    let status = fs::read_to_string(format!("/proc/{}/status", first.pid())).unwrap();
    eprintln!("executor: {}", status.lines().find(|line| line.starts_with("VmRSS")).unwrap());

    // Its JVM dies: its nodes go at once, not with the session up to 60 s later.
    assert!(zookeeper.controller().await.unwrap().is_some());
    let [jvm] = first.processes()[..] else { panic!("one JVM") };
    let died = Instant::now();
    kill(jvm, Signal::SIGKILL).unwrap();
    let failed = agent.state(TaskState::TaskFailed).await;
    assert!(failed.message().starts_with("the JVM was ended by SIGKILL after "), "{}", failed.message());
    first.end_well().await;
    assert_eq!(zookeeper.registration(1).await.unwrap(), None);
    assert_eq!(zookeeper.controller().await.unwrap(), None);
    eprintln!("SIGKILL to no registration and no executor: {:?}", died.elapsed());
    assert!(died.elapsed() < Duration::from_secs(30), "{:?}", died.elapsed());

    // Back on the same volume without a wait, with a session short enough to be waited out.
    let mut second = executor(volume.path());
    let short = LaunchContract { layers: layers("10000", "100"), ..contract.clone() };
    let agent = launched(&mut second, &short).await;
    agent.state(TaskState::TaskRunning).await;
    assert!(!agent.updates().iter().any(|update| update.message().starts_with("waiting")));

    // The next one waits for the old registration, and names it; begun while that is sure to be there.
    let mut third = executor(volume.path());
    let contract = LaunchContract { api_port: free_port(), ..contract };
    let agent = launched(&mut third, &contract).await;
    let wait =
        format!("waiting for the old registration of broker 1 by 127.0.0.1:{} (session 0x", contract.port);
    agent.update("the wait", |update| update.message().starts_with(&wait)).await;

    // The executor before it is killed, and nobody tidies up: the session's end does, and the next one serves.
    second.signal(Signal::SIGKILL);
    second.end().await;
    wait_for("end of the JVM", || second.processes().is_empty().then_some(())).await;
    assert!(zookeeper.registration(1).await.unwrap().is_some(), "the session lives on");
    assert_eq!(third.processes(), [], "no JVM is started meanwhile");
    agent.state(TaskState::TaskRunning).await;

    // Asked to, it stops as Kafka does, and leaves nothing.
    agent.kill(TASK, None);
    let killed = agent.state(TaskState::TaskKilled).await;
    assert!(
        killed.message().starts_with("killed as asked; the JVM exited with code 143 "),
        "{}",
        killed.message()
    );
    third.end_well().await;
    assert!(third.read("stdout").contains("shut down completed (kafka.server.KafkaServer)"));
    assert_eq!(zookeeper.registration(1).await.unwrap(), None);
}

#[tokio::test]
async fn a_property_that_kafka_refuses_is_named() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let contract = broker(&ensemble, &[("num.io.threads", "several")]);
    let mut executor = executor(volume.path());
    let agent = launched(&mut executor, &contract).await;
    let failed = agent.state(TaskState::TaskFailed).await;
    let message = failed.message();
    assert!(message.contains("the JVM exited with code 1 after "), "{message}");
    assert!(message.contains("Invalid value several for configuration num.io.threads"), "{message}");
    executor.end_well().await;
}
