//! A `kafka-executor` in a sandbox of its own, started the way an agent does.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use api::{
    ids::{BrokerId, TaskId},
    launch::{LaunchContract, Layer, Logs, Metadata, Metrics, VERSION},
};
use mesos::v1::{self, TaskInfo};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use uuid::Uuid;

use crate::wait_for;

/// A sandbox, and the executor in it once started.
pub(crate) struct Executor {
    pub(crate) sandbox: tempfile::TempDir,
    /// Variables beside the agent's.
    more: Vec<(String, String)>,
    /// Its stdout and stderr are pipes, as a logger of Mesos gives them.
    pub(crate) piped: bool,
    child: Option<Child>,
}

/// A free port that no outgoing connection takes meanwhile: below the range the system gives those from. Each process
/// of tests looks from a place of its own on, and gives none twice.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const PORTS: std::ops::Range<u32> = 12_000..32_000;
    let first = std::process::id().wrapping_mul(97);
    loop {
        let offset = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS.len() as u32;
        let port = (PORTS.start + offset) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A contract for a broker on loopback.
pub(crate) fn contract(zookeeper: &str) -> LaunchContract {
    LaunchContract {
        version: VERSION,
        service: "kafka".to_owned(),
        broker: BrokerId(1),
        config_id: Uuid::from_u128(7),
        generation: 3,
        heap_mb: 256,
        jvm_options: vec!["-Dlast=1".to_owned(), "-Dkey.password=swordfish".to_owned()],
        volume: "data".to_owned(),
        metadata: Metadata::ZooKeeper { connect: zookeeper.to_owned() },
        listen_address: "127.0.0.1".to_owned(),
        advertised_host: "127.0.0.1".to_owned(),
        port: free_port(),
        api_port: free_port(),
        layers: vec![Layer {
            name: "service".to_owned(),
            properties: [("ssl.key.password".to_owned(), "swordfish".to_owned())].into(),
        }],
        health: None,
        jvm_archive: false,
        protocol: api::launch::Protocol::Plaintext,
        jmx_port: None,
        metrics_agent: None,
        metrics: Metrics::default(),
        logs: Logs::default(),
    }
}

/// Its task, with the given grace.
pub(crate) fn task(contract: &LaunchContract, grace: f64) -> TaskInfo {
    TaskInfo {
        name: "broker-1".to_owned(),
        task_id: v1::TaskId { value: TaskId { broker: BrokerId(1), uuid: Uuid::from_u128(9) }.to_string() },
        agent_id: v1::AgentId { value: "A".to_owned() },
        data: Some(serde_json::to_vec(contract).unwrap()),
        kill_policy: Some(v1::KillPolicy {
            grace_period: Some(v1::DurationInfo { nanoseconds: (grace * 1e9) as i64 }),
        }),
        ..Default::default()
    }
}

/// D30: the executor's own check, here with a broker that has little time.
pub(crate) fn health_check(contract: &LaunchContract) -> v1::HealthCheck {
    let http = v1::health_check::HttpCheckInfo {
        port: u32::from(contract.api_port),
        path: Some("/admin/healthcheck".to_owned()),
        ..Default::default()
    };
    v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Http as i32),
        http: Some(http),
        delay_seconds: Some(0.2),
        interval_seconds: Some(0.2),
        timeout_seconds: Some(5.0),
        grace_period_seconds: Some(0.5),
        consecutive_failures: Some(3),
        ..Default::default()
    }
}

impl Executor {
    /// An empty sandbox but for the volume.
    pub(crate) fn new() -> Self {
        let sandbox = tempfile::tempdir().unwrap();
        fs::create_dir(sandbox.path().join("data")).unwrap();
        Self { sandbox, more: Vec::new(), piped: false, child: None }
    }

    /// One with a Kafka in name, and a `java` that is this shell script.
    pub(crate) fn with_java(script: &str) -> Self {
        let executor = Self::new();
        executor.put("kafka_2.13-3.9.2/libs/kafka_2.13-3.9.2.jar", "");
        executor.java(script);
        executor
    }

    pub(crate) fn java(&self, script: &str) {
        let path = self.put("jre/bin/java", &format!("#!/bin/bash\n{script}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Starts it for the agent at `agent`, environment as in mesos-v1-http 6.1.
    pub(crate) fn start(&mut self, agent: SocketAddr) {
        self.start_by(&[env!("CARGO_BIN_EXE_kafka-executor")], agent);
    }

    /// The same through another program, which ends as the executor.
    pub(crate) fn start_by(&mut self, program: &[&str], agent: SocketAddr) {
        self.start_as(
            program,
            &[
                ("MESOS_FRAMEWORK_ID", "F"),
                ("MESOS_EXECUTOR_ID", "E"),
                ("MESOS_SLAVE_ID", "A"),
                ("MESOS_SLAVE_PID", &format!("slave(1)@{agent}")),
                ("MESOS_AGENT_ENDPOINT", &agent.to_string()),
                ("MESOS_CHECKPOINT", "1"),
                ("MESOS_RECOVERY_TIMEOUT", "15mins"),
                ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "200ms"),
                ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "4secs"),
                ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "swordfish"),
            ],
        );
    }

    pub(crate) fn start_with(&mut self, environment: &[(&str, &str)]) {
        self.start_as(&[env!("CARGO_BIN_EXE_kafka-executor")], environment);
    }

    /// A variable that it is started with, beside the agent's.
    pub(crate) fn also(&mut self, name: &str, value: &str) {
        self.more.push((name.to_owned(), value.to_owned()));
    }

    fn start_as(&mut self, program: &[&str], environment: &[(&str, &str)]) {
        let output = |name| {
            let file = File::create(self.path(name)).unwrap();
            if !self.piped {
                return Stdio::from(file);
            }
            let (mut reader, writer) = std::io::pipe().unwrap();
            std::thread::spawn(move || std::io::copy(&mut reader, &mut &file));
            writer.into()
        };
        let child = Command::new(program[0])
            .args(&program[1..])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("MESOS_SANDBOX", self.sandbox.path())
            .env("RUST_LOG", "debug,hyper=info,h2=info")
            .envs(environment.iter().copied())
            .envs(self.more.iter().cloned())
            .current_dir(&self.sandbox)
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .process_group(0)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.as_ref().unwrap().id().cast_signed())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits until it has ended.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let child = self.child.as_mut().unwrap();
        wait_for("end of the executor", || child.try_wait().unwrap()).await
    }

    /// Ended with code 0, and nobody of its sandbox is left.
    pub(crate) async fn end_well(&mut self) {
        let status = self.end().await;
        assert_eq!(status.code(), Some(0), "{status}; its log:\n{}", self.read("stderr"));
        assert_eq!(self.processes(), [], "processes are left");
    }

    /// Waits until the script has written this file; what it says.
    pub(crate) async fn written(&self, name: &str) -> String {
        wait_for(name, || Some(self.read(name)).filter(|text| text.ends_with('\n'))).await
    }

    /// Every process but the executor whose environment names our sandbox, and that is no zombie.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let mark = format!("MESOS_SANDBOX={}", self.sandbox.path().display());
        let own = self.child.as_ref().map(|child| child.id().cast_signed());
        let named = |pid: &i32| {
            let environment = fs::read(Path::new("/proc").join(pid.to_string()).join("environ"));
            environment
                .is_ok_and(|bytes| bytes.split(|&byte| byte == 0).any(|entry| entry == mark.as_bytes()))
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| Some(*pid) != own).filter(named).map(Pid::from_raw).collect()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _may_have_ended = child.kill();
            let _reaped = child.wait();
        }
        for pid in self.processes() {
            let _may_have_ended = kill(pid, Signal::SIGKILL);
        }
        if std::thread::panicking() {
            for name in ["stderr", "stdout"] {
                let text = self.read(name);
                let lines: Vec<_> = text.lines().rev().take(40).collect();
                eprintln!("--- end of {name}:");
                lines.iter().rev().for_each(|line| eprintln!("{:.400}", line));
            }
        }
    }
}
