//! Figures, each beside its plain case in the same run: `scripts/bench.sh`. Not for a machine that has other things to do.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use api::{
    ids::TaskId,
    launch::{Health, LABEL_GENERATION, LaunchContract, Logs, Syslog, SyslogFormat},
    message::ToExecutor,
};
use healthcheck::check::{self, Target};
use kafka::zookeeper::ZooKeeper;
use mesos::v1::TaskState;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    agent::Agent,
    executor::{Executor, contract, free_port, task},
    kafka::{Ensemble, KAFKA, TASK, broker, distribution, executor, label, launched},
    launch::made,
    metrics::{cost, receivers::fetched},
    zookeeper::FakeZooKeeper,
};

const ROUNDS: usize = 5;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn show(what: &str, times: &[Duration]) {
    let seconds: Vec<_> = times.iter().map(|time| format!("{:.3}", time.as_secs_f64())).collect();
    println!("{what:<44} median {:.3} s of {}", median(times.to_vec()).as_secs_f64(), seconds.join(" "));
}

/// Kafka as its own script would start it, by hand, without the script's own time.
struct Bare {
    jvm: Child,
    target: Target,
    zookeeper: ZooKeeper,
    place: tempfile::TempDir,
}

impl Bare {
    async fn start(connect: &str, heap_mb: u32) -> Self {
        let place = tempfile::tempdir().unwrap();
        let port = free_port();
        let properties = format!(
            "broker.id=1\nlog.dirs=data/kafka\nzookeeper.connect={connect}\nlisteners=PLAINTEXT://127.0.0.1:{port}\n"
        );
        fs::write(place.path().join("server.properties"), properties).unwrap();
        fs::write(place.path().join("log4j.properties"), executor::command::logging(LINE).text).unwrap();
        fs::create_dir_all(place.path().join("logs")).unwrap();
        symlink(distribution(KAFKA), place.path().join("kafka")).unwrap();
        let address = format!("127.0.0.1:{port}");
        let mut bare = Self {
            jvm: jvm(place.path(), heap_mb),
            target: Target { broker: 1, advertised: address.clone(), address, secured: None },
            zookeeper: ZooKeeper::new(connect, Duration::from_secs(10)).unwrap(),
            place,
        };
        bare.serves().await;
        bare
    }

    async fn serves(&mut self) {
        while check::run(&self.zookeeper, &self.target, None, Duration::from_secs(2)).await.is_err() {
            assert!(self.jvm.try_wait().unwrap().is_none(), "it ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn signal(&self) {
        kill(Pid::from_raw(self.jvm.id().cast_signed()), Signal::SIGTERM).unwrap();
    }

    async fn restart(&mut self, heap_mb: u32) -> Duration {
        let began = Instant::now();
        self.signal();
        while self.jvm.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.jvm = jvm(self.place.path(), heap_mb);
        self.serves().await;
        began.elapsed()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _may_have_ended = self.jvm.kill();
        let _reaped = self.jvm.wait();
    }
}

const LINE: executor::artifact::Line = executor::artifact::Line(3, 9);

fn jvm(place: &Path, heap_mb: u32) -> Child {
    // What kafka-server-start.sh and kafka-run-class.sh of 3.9 end in.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "java"]);
    command.args([format!("-Xmx{heap_mb}M"), format!("-Xms{heap_mb}M")]);
    command.args(
        "-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 \
         -XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true \
         -Xlog:gc*:file=logs/kafkaServer-gc.log:time,tags:filecount=10,filesize=100M \
         -Dcom.sun.management.jmxremote=true -Dcom.sun.management.jmxremote.authenticate=false \
         -Dcom.sun.management.jmxremote.ssl=false -Dkafka.logs.dir=logs \
         -Dlog4j.configuration=file:log4j.properties -cp kafka/libs/* kafka.Kafka server.properties"
            .split_whitespace(),
    );
    let output = fs::File::options().create(true).append(true).open(place.join("stdout")).unwrap();
    command.current_dir(place).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    command.spawn().unwrap()
}

// The goal: a restart through us is faster than a bare stop and start by hand, all of ours included.
#[tokio::test]
#[ignore = "a benchmark: scripts/bench.sh"]
async fn bench_restart() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let mut contract =
        LaunchContract { jvm_archive: true, jvm_options: Vec::new(), ..broker(&ensemble, &[]) };
    let mut executor = executor(volume.path());
    let agent = launched(&mut executor, &contract).await;
    agent.state(TaskState::TaskRunning).await;
    let mut bare =
        Bare::start(&ensemble.connect.replace("dcos-service-kafka", "bare"), contract.heap_mb).await;
    made(&executor, volume.path()).await;

    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    // The first of each is to warm up; ours maps the archive from then on.
    for round in 0..=ROUNDS {
        contract.generation += 1;
        let generation = contract.generation.to_string();
        let began = Instant::now();
        let task: TaskId = TASK.parse().unwrap();
        agent.say(&ToExecutor::Restart { task, contract: Box::new(contract.clone()) });
        let runs = |update: &mesos::v1::TaskStatus| {
            update.state() == TaskState::TaskRunning && label(update, LABEL_GENERATION) == Some(&*generation)
        };
        agent.update("the next generation", runs).await;
        let took = agent.received(runs) - began;
        let by_hand = bare.restart(contract.heap_mb).await;
        if round > 0 {
            ours.push(took);
            plain.push(by_hand);
        }
    }
    println!("--- restart, SIGTERM to serving again, {} MB heap", contract.heap_mb);
    show("through us: MESSAGE to TASK_RUNNING", &ours);
    show("by hand: kill, wait, start, until it answers", &plain);
    println!("ratio {:.2}", median(ours).as_secs_f64() / median(plain).as_secs_f64());
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
}

// The budgets: LAUNCH to the JVM's exec 100 ms, its end noticed in 50 ms.
#[tokio::test]
#[ignore = "a benchmark: scripts/bench.sh"]
async fn bench_launch_and_end() {
    let zookeeper = FakeZooKeeper::start().await;
    let (mut launch, mut end) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let contract = LaunchContract { jvm_archive: true, ..contract(&zookeeper.connect) };
        let agent = Agent::start(task(&contract, 5.0)).await;
        // The real distribution, so that a hundred jars are looked at; what runs is no JVM, since nobody waits for it.
        let mut executor = Executor::new();
        symlink(distribution(KAFKA), executor.path("kafka")).unwrap();
        executor.java("echo $$ > pid\nexec sleep 1000");
        executor.start(agent.address);
        let pid = executor.written("pid").await;
        let started = |update: &mesos::v1::TaskStatus| update.message().contains(pid.trim());
        agent.update("the pid", started).await;
        launch.push(agent.received(started) - agent.launched());
        let died = Instant::now();
        kill(Pid::from_raw(pid.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
        agent.state(TaskState::TaskFailed).await;
        end.push(agent.received(|update| update.state() == TaskState::TaskFailed) - died);
        executor.end_well().await;
    }
    println!("--- LAUNCH and end, at the agent");
    show("LAUNCH to \"the JVM runs as process\"", &launch);
    show("SIGKILL of the JVM to TASK_FAILED", &end);
}

// The budgets: what a round of metrics costs, of everything there is to read.
#[tokio::test]
#[ignore = "a benchmark: scripts/bench.sh"]
async fn bench_metrics() {
    const EVERY: Duration = Duration::from_millis(100);
    let ensemble = Ensemble::start().await;
    let receiver = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let statsd = receiver.local_addr().unwrap().to_string();
    println!("--- metrics of a real Kafka with a Jolokia agent, to a statsd server");
    let mut costs = Vec::new();
    for interval in [Duration::from_secs(3600), EVERY] {
        let volume = tempfile::tempdir().unwrap();
        let mut contract = broker(&ensemble, &[]);
        contract.metrics_agent = Some("metrics-agent.jar".to_owned());
        contract.metrics.statsd = Some(statsd.clone());
        let mut executor = executor(volume.path());
        fs::copy(fetched("fetch-jolokia.sh"), executor.path("metrics-agent.jar")).unwrap();
        executor.also("KAFKA_EXECUTOR_METRICS_INTERVAL_MS", &interval.as_millis().to_string());
        executor.also("RUST_LOG", "info");
        // No health check: what is left is the loop alone.
        let agent = Agent::start(task(&contract, 60.0)).await;
        executor.start(agent.address);
        agent.state(TaskState::TaskRunning).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (before, began) = (cost(executor.pid()), Instant::now());
        tokio::time::sleep(Duration::from_secs(10)).await;
        let (after, took) = (cost(executor.pid()), began.elapsed());
        costs.push((after.0 - before.0, after.1, took));
        agent.kill(TASK, None);
        agent.state(TaskState::TaskKilled).await;
        executor.end_well().await;
    }
    let [(idle, without, _), (busy, with, took)] = costs[..] else { panic!("two runs") };
    let rounds = took.as_secs_f64() / (EVERY.as_secs_f64() + 0.015);
    let round = busy.saturating_sub(idle) as f64 / rounds;
    println!("idle, no rounds: {idle} ms of processor time in 10 s, {without} KiB");
    println!("some {rounds:.0} rounds: {busy} ms, {with} KiB");
    println!("a round: {round:.2} ms; one every 10 s: {:.4} % of a core", round / 100.0);
}

/// A line as Kafka's own, and how many.
const LINES: u32 = 1_000_000;
const EACH: &str = "[2026-11-25 20:46:53,123] INFO [Partition orders-7 broker=1] ISR updated to 1,2,0 and version updated to 7 (kafka.cluster.Partition)\n";

/// A TLS server that takes everything, and the file with its certificate.
fn sink(place: &Path) -> (Child, u16, String) {
    let port = free_port();
    let openssl = |arguments: String| {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(place).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let made = openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
         -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
            .to_owned(),
    );
    assert!({ made }.status().unwrap().success(), "openssl made no certificate");
    let served =
        format!("s_server -accept 127.0.0.1:{port} -cert cert.pem -key key.pem -quiet -naccept 1000");
    // At the end of its input it would close what it accepted.
    (
        openssl(served).stdin(Stdio::piped()).spawn().unwrap(),
        port,
        place.join("cert.pem").display().to_string(),
    )
}

// The budgets: the executor's memory and idle time with all it does, after a million lines over TLS.
// KAFKA_SOAK_MINUTES says how long checks and metrics go on, 30 by default.
#[tokio::test]
#[ignore = "a benchmark: scripts/bench.sh"]
async fn bench_soak() {
    let minutes = std::env::var("KAFKA_SOAK_MINUTES").map_or(30, |text| text.parse::<u64>().unwrap());
    let ensemble = Ensemble::start().await;
    let (place, volume) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut server, port, ca_file) = sink(place.path());
    let statsd = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut contract = broker(&ensemble, &[]);
    contract.metrics_agent = Some("metrics-agent.jar".to_owned());
    contract.metrics.statsd = Some(statsd.local_addr().unwrap().to_string());
    contract.health = Some(Health {
        enabled: true,
        delay_secs: 15,
        interval_secs: 10,
        timeout_secs: 20,
        grace_secs: 10,
        max_failures: 3,
        topic: Some("health".to_owned()),
    });
    contract.logs = Logs {
        syslog: Some(Syslog {
            uri: format!("tls://localhost:{port}"),
            facility: "daemon".to_owned(),
            format: SyslogFormat::Rfc5424,
            ca_file: Some(ca_file),
            spool_mb: 256,
            executor: true,
        }),
        sandbox_mb: 256,
    };
    let mut executor = executor(volume.path());
    fs::copy(fetched("fetch-jolokia.sh"), executor.path("metrics-agent.jar")).unwrap();
    executor.also("RUST_LOG", "info");
    let agent = launched(&mut executor, &contract).await;
    agent.state(TaskState::TaskRunning).await;

    let rss = || cost(executor.pid()).1;
    println!(
        "--- the executor: checks with a record, metrics by Jolokia to statsd, logs over TLS; KiB resident"
    );
    println!("serving                            {:>6}", rss());
    let shipped = async || {
        let body = crate::metrics::shown(contract.api_port).await.0;
        body.get("log.lines_shipped").and_then(|metric| metric["value"].as_f64()).unwrap_or(0.0) as u32
    };
    let before = cost(executor.pid()).0;
    let mut log = fs::File::options().append(true).open(executor.path("stdout")).unwrap();
    for _ in 0..LINES / 1000 {
        std::io::Write::write_all(&mut log, EACH.repeat(1000).as_bytes()).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let deadline = Instant::now() + Duration::from_secs(300);
    while shipped().await < LINES {
        assert!(Instant::now() < deadline, "{} lines were shipped", shipped().await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    println!(
        "{LINES} lines later               {:>6}, {} ms of processor",
        rss(),
        cost(executor.pid()).0 - before
    );
    let (idle, began, mut most) = (cost(executor.pid()).0, Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(60 * minutes) {
        most = most.max(rss());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (spent, took) = (cost(executor.pid()).0 - idle, began.elapsed());
    println!(
        "{minutes} minutes later, the most        {most:>6}, {:.3} % of a core",
        0.1 * spent as f64 / took.as_secs_f64()
    );
    println!(
        "{}",
        fs::read_to_string(format!("/proc/{}/status", executor.pid()))
            .unwrap()
            .lines()
            .filter(|line| line.starts_with("VmHWM") || line.starts_with("Rss"))
            .collect::<Vec<_>>()
            .join("; ")
    );
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
    let _ended = server.kill().and_then(|()| server.wait().map(drop));
}
