//! Health checks against what they are for: a broker that recovers its logs for long, one that hangs, a ZooKeeper that is
//! away, peers in the same trouble, and checks that are not ours.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use ::kafka::{
    client::{Connection, Options},
    cluster::Cluster,
    topic::NewTopic,
};
use api::launch::{Health, LaunchContract};
use mesos::v1::{self, TaskState, TaskStatus};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::{
    agent::Agent,
    executor::{Executor, contract, health_check, task},
    kafka::{Ensemble, KAFKA, TASK, broker, executor, executor_of, launched},
    life::get,
    zookeeper::FakeZooKeeper,
};

const LIMIT: Duration = Duration::from_secs(60);

/// The body of `/admin/healthcheck`, once it `shows` what is waited for.
async fn shown(contract: &LaunchContract, what: &str, shows: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + crate::PATIENCE;
    loop {
        let answer = get(contract.api_port, "/admin/healthcheck").await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(head.starts_with("HTTP/1.1 200 "), body["healthy"] == true, "{head}");
        if shows(&body) {
            return body;
        }
        assert!(Instant::now() < deadline, "{what} is not shown: {body:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Makes `count` segments, spread over partitions as a broker's are: each takes one record.
async fn make_segments(contract: &LaunchContract, partitions: u32, count: u32) {
    let address = format!("127.0.0.1:{}", contract.port);
    let cluster = Cluster::new([address.clone()], Options::new("test", LIMIT));
    let configs = [("segment.bytes", "100"), ("segment.index.bytes", "64")];
    let configs = configs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let topic = NewTopic { partitions: Some(partitions), configs, ..NewTopic::new("t".parse().unwrap()) };
    cluster.create_topic(&topic).await.unwrap();
    let each = (0..partitions).map(|partition| {
        let (address, topic) = (&address, &topic.name);
        async move {
            let mut connection = Connection::connect(address, &Options::new("test", LIMIT)).await.unwrap();
            let mut made = 0;
            while made < count / partitions {
                match connection.produce(topic, partition, vec![b'x'; 20].into(), 1).await {
                    Ok(_) => made += 1,
                    // Its leader is being made.
                    Err(error) => assert!(made == 0, "{error:?}"),
                }
            }
        }
    });
    futures_util::future::join_all(each).await;
}

/// Runs a broker, leaves it with so many segments, kills it, and runs it again with `check` as its health check and so
/// many threads to recover; gives how far it was said to be at each update, and how long it took from LAUNCH to
/// TASK_RUNNING.
async fn recovered(
    version: &str,
    segments: u32,
    threads: &str,
    check: v1::HealthCheck,
) -> (BTreeSet<u64>, Duration) {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let contract = broker(&ensemble, &[("num.recovery.threads.per.data.dir", threads)]);
    let mut first = executor_of(version, volume.path());
    let agent = launched(&mut first, &contract).await;
    agent.state(TaskState::TaskRunning).await;
    let producing = Instant::now();
    make_segments(&contract, 16, segments).await;
    eprintln!("{segments} segments made in {:?}", producing.elapsed());
    let [jvm] = first.processes()[..] else { panic!("one JVM") };
    kill(jvm, Signal::SIGKILL).unwrap();
    agent.state(TaskState::TaskFailed).await;
    first.end_well().await;

    let mut second = executor_of(version, volume.path());
    let mut task = task(&contract, 60.0);
    let with_port = health_check(&contract);
    task.health_check = Some(v1::HealthCheck { http: with_port.http, ..check });
    let agent = Agent::start(task).await;
    let began = Instant::now();
    second.start(agent.address);
    let percent = |update: &TaskStatus| {
        let percent = update.message().strip_prefix("log recovery ")?.strip_suffix(" %")?;
        percent.parse::<u64>().ok()
    };
    // In steps, each of which may take its time.
    let on_its_way = |update: &TaskStatus| percent(update).is_some_and(|percent| percent >= 10);
    agent.update("the recovery begun", |update| percent(update).is_some()).await;
    let body =
        shown(&contract, "progress", |body| text(body, "/progress").starts_with("log recovery ")).await;
    assert_eq!(body["state"], "starting");
    agent.update("the recovery on its way", on_its_way).await;
    agent.state(TaskState::TaskRunning).await;
    let took = began.elapsed();
    let updates = agent.updates();
    let starting = |update: &&TaskStatus| percent(update).is_some();
    assert!(updates.iter().filter(starting).all(|update| update.state() == TaskState::TaskStarting));
    let log = second.read("stdout");
    let recovered = log.lines().filter(|line| line.contains("Recovering unflushed segment")).count();
    assert!(recovered >= segments as usize, "{recovered} segments were recovered");
    let excused = ["not counted (log recovery ", "not counted (grace period)"];
    assert!(excused.iter().any(|text| second.read("stderr").contains(text)));
    shown(&contract, "health", |body| body["healthy"] == true && body["progress"].is_null()).await;
    agent.kill(TASK, Some(0.0));
    second.end_well().await;
    (updates.iter().filter_map(percent).collect(), took)
}

// D18, D29, S-086: a start that takes longer than the timing allows, because there is so much to recover.
#[tokio::test]
async fn a_long_recovery_is_shown_and_waited_for() {
    let check = v1::HealthCheck {
        delay_seconds: Some(0.2),
        interval_seconds: Some(0.4),
        timeout_seconds: Some(0.3),
        grace_period_seconds: Some(6.0),
        consecutive_failures: Some(6),
        ..health_check(&contract("x"))
    };
    // A machine that stalls may let a check or two count: a row of six is another matter, and would have ended the task.
    let (percents, took) = recovered(KAFKA, 4_480, "1", check).await;
    eprintln!("4480 segments: LAUNCH to TASK_RUNNING in {took:?}, told at {percents:?} %");
    assert!(took > Duration::from_secs_f64(6.0 + 6.0 * (0.4 + 0.3)), "{took:?} is no long start");
    assert!(percents.len() >= 2, "{percents:?}");
}

// D18, D27: an older Kafka says less, and the rest is counted.
#[tokio::test]
async fn an_old_kafka_s_recovery_is_shown_too() {
    let check = v1::HealthCheck { grace_period_seconds: Some(120.0), ..health_check(&contract("x")) };
    let (percents, _) = recovered("2.8.2", 2_400, "1", check).await;
    assert!(percents.len() >= 2, "{percents:?}");
}

// S-081 to S-086, D29, D31: the contract's timing, a record to its own topic and back; ZooKeeper away for longer than it
// would take to be given up; then a broker that hangs, and is gone in time.
#[tokio::test]
async fn zookeeper_s_absence_is_waited_for_and_a_broker_that_hangs_is_not() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let mut contract = broker(&ensemble, &[("zookeeper.session.timeout.ms", "30000")]);
    contract.health = Some(Health {
        enabled: true,
        delay_secs: 1,
        interval_secs: 1,
        timeout_secs: 1,
        grace_secs: 9,
        max_failures: 3,
        topic: Some("health".to_owned()),
    });
    let given_up = Duration::from_secs(3 * (1 + 1));
    let mut executor = executor(volume.path());
    let began = Instant::now();
    let agent = launched(&mut executor, &contract).await;
    agent.state(TaskState::TaskRunning).await;
    let record =
        |body: &Value| text(body, "/check/message").contains("; a record went to partition 0 and back");
    let body = shown(&contract, "a record", record).await;
    assert_eq!(body["timing"]["interval"], 1.0);
    assert_eq!(
        (&body["check"]["kind"], &body["check"]["counted"]),
        (&Value::from("own"), &Value::from(true))
    );
    tokio::time::sleep_until((began + Duration::from_secs(10)).into()).await;

    // No clock of ours makes ZooKeeper's absence shorter: this is how long it takes to show that it is no reason.
    ensemble.signal(Signal::SIGSTOP);
    let away = Instant::now();
    let excused = |body: &Value| text(body, "/check/excuse") == "ZooKeeper is away";
    // A machine that stalls for a second makes a check of its own fail, which is said and rightly so: before and after.
    let said = || agent.updates().iter().filter(|update| update.healthy == Some(false)).count();
    shown(&contract, "ZooKeeper's absence", excused).await;
    let before = said();
    while away.elapsed() < given_up + Duration::from_secs(2) {
        let body = shown(&contract, "ZooKeeper's absence", excused).await;
        assert_eq!((&body["check"]["counted"], &body["check"]["failures"]), (&false.into(), &0.into()));
        assert_eq!(body["state"], "running");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        said(),
        before,
        "ZooKeeper's absence is held against the broker: {:#?}\n{}",
        agent.updates(),
        executor.read("stderr")
    );
    ensemble.signal(Signal::SIGCONT);
    shown(&contract, "health", |body| body["healthy"] == true).await;

    let [jvm] = executor.processes()[..] else { panic!("one JVM") };
    kill(jvm, Signal::SIGSTOP).unwrap();
    let stopped = Instant::now();
    let failed = agent.state(TaskState::TaskFailed).await;
    let took = stopped.elapsed();
    eprintln!("SIGSTOP to TASK_FAILED: {took:?}");
    assert!(took <= given_up + Duration::from_secs(30), "{took:?}");
    let message = failed.message();
    assert!(message.contains("unhealthy after 3 failures in a row: "), "{message}");
    assert!(message.contains(" did not answer within 1000 ms"), "{message}");
    assert_eq!(failed.healthy, Some(false));
    executor.end_well().await;
}

// D29: peers that fail in the same way, and none.
#[tokio::test]
async fn peers_in_the_same_trouble_excuse_a_broker() {
    let zookeeper = FakeZooKeeper::start().await;
    for broker in [2, 3] {
        // Nothing listens there, as at our own broker.
        zookeeper.register_broker(broker, 1, 0x20, 1);
    }
    let contract = contract(&zookeeper.connect);
    let mut task = task(&contract, 60.0);
    task.health_check = Some(health_check(&contract));
    let agent = Agent::start(task).await;
    let mut executor = Executor::with_java("echo $$ > pid\nexec sleep 1000");
    executor.start(agent.address);
    executor.written("pid").await;
    let excuse = "brokers 2 and 3, asked too, fail in the same way";
    shown(&contract, "the excuse", |body| text(body, "/check/excuse") == excuse).await;
    // And again: each row of failures ends so.
    shown(&contract, "a new row", |body| body["check"]["failures"] == 1).await;
    shown(&contract, "the excuse again", |body| text(body, "/check/excuse") == excuse).await;
    for broker in [2, 3] {
        zookeeper.remove(&format!("/brokers/ids/{broker}"));
    }
    let failed = agent.state(TaskState::TaskFailed).await;
    assert!(failed.message().contains("unhealthy after 3 failures in a row: "), "{}", failed.message());
    executor.end_well().await;
}

// D30, mesos-v1-http 6.6
#[tokio::test]
async fn a_foreign_check_is_run_as_it_is_written() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let mut task = task(&contract, 60.0);
    let command = v1::CommandInfo {
        value: Some("test ! -e sick -a \"$MARK\" = here && sleep 0.05 && setsid true".to_owned()),
        environment: Some(v1::Environment {
            variables: vec![v1::environment::Variable {
                name: "MARK".to_owned(),
                value: Some("here".to_owned()),
                ..Default::default()
            }],
        }),
        ..Default::default()
    };
    task.health_check = Some(v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Command as i32),
        http: None,
        command: Some(command),
        interval_seconds: Some(0.1),
        timeout_seconds: Some(60.0),
        consecutive_failures: Some(2),
        ..health_check(&contract)
    });
    task.check = Some(v1::CheckInfo::default());
    let agent = Agent::start(task).await;
    let mut executor = Executor::with_java("echo $$ > pid\nexec sleep 1000");
    executor.start(agent.address);
    executor.written("pid").await;
    let well = agent.update("health", |update| update.healthy == Some(true)).await;
    assert_eq!(well.message(), "the task's health check passes");
    let body = shown(&contract, "health", |body| body["check"]["healthy"] == true).await;
    assert_eq!(body["check"]["kind"], "COMMAND");
    executor.put("sick", "");
    let failed = agent.state(TaskState::TaskFailed).await;
    let expect = "unhealthy: unhealthy after 2 failures in a row: /bin/sh ended with exit status: 1; ";
    assert!(failed.message().starts_with(expect), "{}", failed.message());
    let told: Vec<_> = agent.updates().iter().filter_map(|update| update.healthy).collect();
    assert_eq!(told, [true, false, false, false], "a success, a failure, TASK_KILLING, TASK_FAILED");
    executor.end_well().await;
    assert!(executor.read("stderr").contains("the task's check (CheckInfo) is not run"));
}
