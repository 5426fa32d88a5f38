//! A task's life with the agent: launch, refusals, the old registration, restarts of the agent, shutdown.

use std::time::Duration;

use api::launch::Layer;
use mesos::v1::{
    self, TaskState,
    executor::{Event, event},
};
use nix::unistd::Pid;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    agent::{Agent, of},
    executor::{Executor, contract, task},
    wait_for,
    zookeeper::FakeZooKeeper,
};

const TASK: &str = "broker-1__00000000-0000-0000-0000-000000000009";
/// A JVM that stops when asked.
const WAITS: &str = "echo $$ > pid\nexec sleep 1000";

pub(crate) async fn get(port: u16, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

// D18, D32, D33, D37, S-066, S-122
#[tokio::test]
async fn launch_writes_the_files_and_starts_the_jvm_cleanly() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 5.0)).await;
    let script = "env > env\nprintf '%s\\n' \"$@\" > args\npwd > cwd\nreadlink /proc/$$/fd/0 > stdin\n\
                  cut -d' ' -f1,5,6 /proc/$$/stat > ids\ngrep -c swordfish server.properties > secret\n\
                  echo to-stdout\necho to-stderr >&2\necho $$ > pid\nexec sleep 1000";
    let mut executor = Executor::with_java(script);
    executor.start(agent.address);
    let pid = executor.written("pid").await;
    agent.update("the pid", |update| update.message().contains(pid.trim())).await;

    let args = executor.read("args");
    for line in [
        "-Xms256M",
        "-Xmx256M",
        "-Dkey.password=swordfish",
        "-XX:+ExitOnOutOfMemoryError",
        "kafka.Kafka",
        "server.properties",
    ] {
        assert!(args.lines().any(|arg| arg == line), "{line} is not in {args}");
    }
    let environment = executor.read("env");
    assert!(!environment.contains("swordfish") && !environment.contains("MESOS_EXECUTOR"), "{environment}");
    assert_eq!(executor.read("cwd").trim(), executor.sandbox.path().to_str().unwrap());
    assert_eq!(executor.read("stdin").trim(), "/dev/null");
    let ids: Vec<_> = executor.read("ids").split_whitespace().map(str::to_owned).collect();
    assert_eq!(ids, vec![pid.trim(); 3], "it leads its own group and session");
    let properties = executor.read("server.properties");
    for line in ["broker.id=1", "log.dirs=data/kafka", &format!("zookeeper.connect={}", zookeeper.connect)] {
        assert!(properties.lines().any(|found| found == line), "{line} is not in {properties}");
    }
    assert_eq!(executor.read("secret"), "1\n", "the secret is set");
    let log = executor.read("stderr");
    assert!(
        log.contains("ssl.key.password: unset → [hidden] (service)") && !log.contains("swordfish"),
        "{log}"
    );
    assert!(log.contains("to-stderr") && executor.read("stdout").contains("to-stdout"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(executor.path("server.properties")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);

    assert!(get(contract.api_port, "/admin/ping").await.ends_with("pong"));
    let health = get(contract.api_port, "/admin/healthcheck").await;
    assert!(health.starts_with("HTTP/1.1 500 ") && health.contains(r#""state":"starting""#), "{health}");

    agent.kill("broker-2__unknown", None);
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
    assert!(executor.read("stderr").contains("KILL for broker-2__unknown, which is not here: ignored"));
}

// D37: all errors at once.
#[tokio::test]
async fn a_bad_contract_fails_with_all_errors() {
    let mut bad = contract("");
    bad.heap_mb = 0;
    let properties = [("log.dirs".to_owned(), "/tmp".to_owned())].into();
    bad.layers = vec![Layer { name: "KAFKA_OVERRIDE_*".to_owned(), properties }];
    let agent = Agent::start(task(&bad, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    executor.start(agent.address);
    let failed = agent.state(TaskState::TaskFailed).await;
    for part in ["heap_mb is 0", "metadata.connect", "log.dirs (layer KAFKA_OVERRIDE_*) is reserved: "] {
        assert!(failed.message().contains(part), "{part:?} is not in {:?}", failed.message());
    }
    assert_eq!(agent.states(), [TaskState::TaskFailed]);
    executor.end_well().await;
}

// D34
#[tokio::test]
async fn everything_missing_in_the_sandbox_is_named_at_once() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", contract.api_port)).await.unwrap();
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::new();
    std::fs::remove_dir(executor.path("data")).unwrap();
    executor.put("one/bin/java", "not a program");
    executor.start_with(&[
        ("MESOS_FRAMEWORK_ID", "F"),
        ("MESOS_EXECUTOR_ID", "E"),
        ("MESOS_SLAVE_PID", &format!("slave(1)@{}", agent.address)),
        ("MESOS_CHECKPOINT", "1"),
        ("JAVA_HOME", "/nowhere"),
    ]);
    let failed = agent.state(TaskState::TaskFailed).await;
    for part in [
        "no Kafka in the sandbox: none of its directories (one) has libs/kafka_",
        "JAVA_HOME is \"/nowhere\", but there is no program bin/java in it",
        "the volume \"data\" is not in the sandbox",
        &format!("the admin endpoint cannot listen on 127.0.0.1:{} (API_PORT): ", contract.api_port),
    ] {
        assert!(failed.message().contains(part), "{part:?} is not in {:?}", failed.message());
    }
    executor.end_well().await;
    drop(taken);
}

#[tokio::test]
async fn a_java_that_cannot_be_executed_is_named() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    let path = executor.put("jre/bin/java", "#!/nowhere/interpreter\n");
    executor.start(agent.address);
    let failed = agent.state(TaskState::TaskFailed).await;
    let expect = format!("cannot start {}: No such file or directory", path.display());
    assert!(failed.message().starts_with(&expect), "{}", failed.message());
    executor.end_well().await;
}

#[tokio::test]
async fn without_an_agent_s_environment_all_that_is_missing_is_said() {
    let mut executor = Executor::new();
    executor.start_with(&[]);
    assert_eq!(executor.end().await.code(), Some(2));
    let log = executor.read("stderr");
    assert!(log.contains("MESOS_FRAMEWORK_ID") && log.contains("MESOS_EXECUTOR_ID"), "{log}");
}

/// With 28 s in all, told in steps of five: there may have been a pause before the first look.
fn is_waiting(message: &str, what: &str) {
    let left = message.strip_prefix(what).and_then(|left| left.strip_suffix(" s left"));
    assert!(left.is_some_and(|left| ["30", "25", "20"].contains(&left)), "{message}");
}

// D38
#[tokio::test]
async fn an_old_registration_is_waited_for_with_its_owner_named() {
    let zookeeper = FakeZooKeeper::start().await;
    zookeeper.register(19092, 0x77);
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    executor.start(agent.address);
    let waiting = agent.update("the wait", |update| update.message().starts_with("waiting")).await;
    is_waiting(
        waiting.message(),
        "waiting for the old registration of broker 1 by 127.0.0.1:19092 (session 0x77), ",
    );
    assert_eq!(waiting.state(), TaskState::TaskStarting);
    assert!(executor.read("pid").is_empty(), "no JVM is started meanwhile");
    zookeeper.remove("/brokers/ids/1");
    executor.written("pid").await;
    agent.kill(TASK, None);
    executor.end_well().await;
}

// D38
#[tokio::test]
async fn an_old_registration_that_stays_fails_the_task_in_the_end() {
    let zookeeper = FakeZooKeeper::start().await;
    zookeeper.register(19092, 0x77);
    let mut contract = contract(&zookeeper.connect);
    // The wait is the session's timeout and ten seconds.
    let properties = [("zookeeper.session.timeout.ms".to_owned(), "500".to_owned())].into();
    contract.layers.push(Layer { name: "KAFKA_OVERRIDE_*".to_owned(), properties });
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    executor.start(agent.address);
    let failed = agent.state(TaskState::TaskFailed).await;
    assert!(failed.message().starts_with("broker 1 is still registered by 127.0.0.1:19092 (session 0x77): "));
    assert!(zookeeper.has("/brokers/ids/1"), "another's registration is not ours to delete");
    executor.end_well().await;
}

// D38
#[tokio::test]
async fn a_taken_port_is_waited_for_and_named() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", contract.port)).await.unwrap();
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    executor.start(agent.address);
    let waiting = agent.update("the wait", |update| update.message().starts_with("waiting")).await;
    let expect =
        format!("waiting for 127.0.0.1:{}, the port of broker 1: something listens there, ", contract.port);
    is_waiting(waiting.message(), &expect);
    assert!(executor.read("pid").is_empty(), "no JVM is started meanwhile");
    drop(taken);
    executor.written("pid").await;
    agent.kill(TASK, None);
    executor.end_well().await;
}

// D38
#[tokio::test]
async fn a_registration_older_than_the_jvm_is_not_deleted_after_it() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    executor.start(agent.address);
    let pid = executor.written("pid").await;
    // Another's of our address, seen only once our JVM runs.
    zookeeper.register_at(contract.port, 0x99, 1);
    agent.update("that it is registered", |update| update.message().contains("nothing listens on")).await;
    nix::sys::signal::kill(Pid::from_raw(pid.trim().parse().unwrap()), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
    agent.state(TaskState::TaskFailed).await;
    executor.end_well().await;
    assert!(zookeeper.has("/brokers/ids/1"), "another's registration is not ours to delete");
}

// D38
#[tokio::test]
async fn a_dead_jvm_s_own_registration_is_deleted_and_another_s_is_not() {
    for (controller, deleted) in [(0x99, true), (0x55, false)] {
        let zookeeper = FakeZooKeeper::start().await;
        let contract = contract(&zookeeper.connect);
        let agent = Agent::start(task(&contract, 5.0)).await;
        let mut executor = Executor::with_java(WAITS);
        executor.start(agent.address);
        let pid = executor.written("pid").await;
        zookeeper.put("/controller", r#"{"version":2,"brokerid":1,"timestamp":"1"}"#, controller);
        zookeeper.register(contract.port, 0x99);
        agent.update("that it is registered", |update| update.message().contains("nothing listens on")).await;
        nix::sys::signal::kill(Pid::from_raw(pid.trim().parse().unwrap()), nix::sys::signal::Signal::SIGKILL)
            .unwrap();
        let failed = agent.state(TaskState::TaskFailed).await;
        assert!(failed.message().contains("the JVM was ended by SIGKILL"), "{}", failed.message());
        executor.end_well().await;
        assert!(!zookeeper.has("/brokers/ids/1"), "gone before the executor is");
        assert_eq!(zookeeper.has("/controller"), !deleted);
    }
}

#[tokio::test]
async fn a_restart_of_the_agent_changes_nothing_and_loses_nothing() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let mut agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    executor.start(agent.address);
    let pid = executor.written("pid").await;
    agent.update("the pid", |update| update.message().contains(pid.trim())).await;
    agent.stop().await;
    // Registered somewhere else: news, while nobody is there to hear it.
    zookeeper.register(19092, 0x77);
    wait_for("its attempt to tell", || {
        executor.read("stderr").contains("is registered as 127.0.0.1:19092").then_some(())
    })
    .await;
    agent.back().await;
    agent.subscribed(2).await;
    let again = agent.subscriptions().pop().unwrap();
    let told =
        |part: &str| again.unacknowledged_updates.iter().any(|update| update.status.message().contains(part));
    assert!(told("is registered as 127.0.0.1:19092"), "{again:?}");
    assert_eq!(executor.written("pid").await, pid);
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
}

#[tokio::test]
async fn the_terminal_update_is_acknowledged_before_the_executor_leaves() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let mut agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    executor.start(agent.address);
    executor.written("pid").await;
    agent.fall_silent();
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    // Not acknowledged: it stays, tells the next agent, and leaves once that one has it.
    agent.stop().await;
    assert_eq!(executor.processes(), []);
    agent.back().await;
    agent.subscribed(2).await;
    let again = agent.subscriptions().pop().unwrap();
    let last = again.unacknowledged_updates.last().unwrap().status.clone();
    assert_eq!(last.state(), TaskState::TaskKilled);
    agent.acknowledge(&last);
    executor.end_well().await;
}

#[tokio::test]
async fn shutdown_stops_the_broker_within_the_agent_s_grace() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 300.0)).await;
    let mut executor = Executor::with_java("trap '' TERM\necho $$ > pid\nwhile :; do sleep 0.1; done");
    executor.start(agent.address);
    executor.written("pid").await;
    let asked = std::time::Instant::now();
    agent.shutdown();
    let killed = agent.state(TaskState::TaskKilled).await;
    assert!(
        killed.message().starts_with("executor shut down (the agent asks for it); "),
        "{}",
        killed.message()
    );
    executor.end_well().await;
    assert!(asked.elapsed() < Duration::from_secs(30), "the agent's grace is 4 s, the task's own 300 s");
}

#[tokio::test]
async fn a_kill_without_grace_kills_at_once() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 300.0)).await;
    let mut executor =
        Executor::with_java("trap 'echo > asked' TERM\necho $$ > pid\nwhile :; do sleep 0.1; done");
    executor.start(agent.address);
    executor.written("pid").await;
    agent.kill(TASK, Some(0.0));
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
    assert_eq!(executor.read("asked"), "", "nobody asked it");
}

#[tokio::test]
async fn a_second_task_is_refused() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(WAITS);
    executor.start(agent.address);
    executor.written("pid").await;
    let second =
        v1::TaskInfo { task_id: v1::TaskId { value: "broker-2__x".to_owned() }, ..task(&contract, 5.0) };
    agent.send(&Event { launch: Some(event::Launch { task: second }), ..of(event::Type::Launch) });
    let failed = agent.state(TaskState::TaskFailed).await;
    assert_eq!(failed.task_id.value, "broker-2__x");
    assert!(failed.message().contains(TASK), "{}", failed.message());
    agent.kill(TASK, None);
    assert_eq!(agent.state(TaskState::TaskKilled).await.task_id.value, TASK);
    executor.end_well().await;
}
