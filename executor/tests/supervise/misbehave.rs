//! JVMs that do what they should not: whatever they do, nobody of their group remains.

use std::time::{Duration, Instant};

use api::incident::{Cause, End, Incident, SHORT_LIMIT, file_name};
use mesos::v1::{self, TaskState};
use nix::sys::signal::Signal;

use crate::{
    agent::Agent,
    executor::{Executor, contract, health_check, task},
    wait_for,
    zookeeper::FakeZooKeeper,
};

const TASK: &str = "broker-1__00000000-0000-0000-0000-000000000009";

/// A running script, its agent, and the ZooKeeper that knows nobody.
async fn running(script: &str, grace: f64) -> (Executor, Agent, FakeZooKeeper) {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, grace)).await;
    let mut executor = Executor::with_java(script);
    executor.start(agent.address);
    (executor, agent, zookeeper)
}

// D36
#[tokio::test]
async fn one_that_ignores_term_is_killed_at_the_deadline() {
    let (mut executor, agent, _zookeeper) =
        running("trap '' TERM\necho $$ > pid\nwhile :; do sleep 0.1; done", 1.0).await;
    executor.written("pid").await;
    let asked = Instant::now();
    agent.kill(TASK, None);
    let killed = agent.state(TaskState::TaskKilled).await;
    assert!(asked.elapsed() >= Duration::from_secs(1), "it was given its grace");
    assert!(
        killed.message().contains("the JVM was ended by SIGKILL after the grace"),
        "{}",
        killed.message()
    );
    executor.end_well().await;
    let states = agent.states();
    assert!(states.ends_with(&[TaskState::TaskKilling, TaskState::TaskKilled]), "{states:?}");
    assert!(!states.contains(&TaskState::TaskRunning), "it never served");
}

#[tokio::test]
async fn grandchildren_go_with_it_in_whichever_session_they_hide() {
    let script = "sleep 1001 &\nsetsid sleep 1002 &\n(trap '' TERM; setsid setsid sleep 1003 &) \n\
                  setsid bash -c 'trap \"\" TERM HUP; sleep 1004 & sleep 1005' &\necho $$ > pid\nexec sleep 1000";
    let (mut executor, agent, _zookeeper) = running(script, 5.0).await;
    executor.written("pid").await;
    wait_for("whole family", || (executor.processes().len() >= 7).then_some(())).await;
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    assert_eq!(executor.processes(), [], "nobody is left before the terminal update");
    executor.end_well().await;
}

#[tokio::test]
async fn one_that_ends_at_once_fails_the_task_with_its_last_words() {
    let script = "echo '[2026-01-01] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)'\n\
                  echo 'java.net.BindException: Address already in use'\necho 'Exception: boom' >&2\nsleep 1000 &\nexit 7";
    let (mut executor, agent, _zookeeper) = running(script, 5.0).await;
    let failed = agent.state(TaskState::TaskFailed).await;
    let message = failed.message();
    for part in
        ["the JVM exited with code 7 after ", "something else listens on its port", "Address already in use"]
    {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    assert!(!message.contains("INFO"), "our own log is no last word of the JVM: {message:?}");
    executor.end_well().await;
}

// D29: with a logger of Mesos, that gives us pipes, all that is read of a JVM's output is read as well.
#[tokio::test]
async fn one_whose_executor_writes_into_pipes_is_read_all_the_same() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let mut task = task(&contract, 60.0);
    let check = health_check(&contract);
    task.health_check = Some(v1::HealthCheck { interval_seconds: Some(0.5), ..check });
    let agent = Agent::start(task).await;
    // It recovers for longer than three failed checks and the grace take, and then dies.
    let script = r#"
        [[ -p /proc/$$/fd/1 || -p /proc/$$/fd/2 ]] && exit 3
        at='[2026-11-25 21:03:35,185]'
        echo "$at INFO Loading logs from log dirs ArrayBuffer(/data) (kafka.log.LogManager)"
        echo "$at INFO Recovering 4 logs from /data since no clean shutdown file was found (kafka.log.LogManager)"
        for n in {0..24}; do
            echo "$at INFO [LogLoader partition=t-0, dir=/data] Recovering unflushed segment $n. $n/25 recovered for t-0. (kafka.log.LogLoader)"
            sleep 0.1
        done
        echo "$at ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)"
        echo 'java.net.BindException: Address already in use'
        echo 'Exception: boom' >&2
        exit 7"#;
    let mut executor = Executor::with_java(script);
    executor.piped = true;
    executor.start(agent.address);
    let failed = agent.state(TaskState::TaskFailed).await;
    for part in ["the JVM exited with code 7 after ", "Address already in use"] {
        assert!(failed.message().contains(part), "{part:?} is not in {:?}", failed.message());
    }
    assert!(executor.read("broker.out").contains("BindException"));
    assert_eq!(executor.read("broker.err"), "Exception: boom\n");
    executor.end_well().await;
    let said = "our stdout is no file: the JVM's is broker.out in the sandbox";
    let log = wait_for("word of it", || Some(executor.read("stderr")).filter(|log| log.contains(said))).await;
    assert!(log.contains("not counted (log recovery "), "the recovery was seen");
    assert_eq!(log.matches(said).count(), 1);
}

#[tokio::test]
async fn a_signal_is_named() {
    let (mut executor, agent, _zookeeper) = running("kill -SEGV $$", 5.0).await;
    let failed = agent.state(TaskState::TaskFailed).await;
    assert!(failed.message().contains("the JVM was ended by SIGSEGV after "), "{}", failed.message());
    executor.end_well().await;
}

#[tokio::test]
async fn one_that_floods_stdout_and_stderr_does_not_hold_us_up() {
    let script = "echo $$ > pid\nyes flood | head -c 30000000\nyes flood | head -c 30000000 >&2\n\
                  echo > flooded\nexec sleep 1000";
    let (mut executor, agent, _zookeeper) = running(script, 300.0).await;
    executor.written("flooded").await;
    assert!(
        std::fs::metadata(executor.path("stdout")).unwrap().len() >= 30_000_000,
        "every byte is in the sandbox"
    );
    let asked = Instant::now();
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    assert!(asked.elapsed() < Duration::from_secs(30), "its grace is 300 s");
    executor.end_well().await;
}

// S-081 to S-086, D17, D30
#[tokio::test]
async fn one_that_hangs_before_listening_is_given_up_by_its_health_check() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let mut task = task(&contract, 60.0);
    task.health_check = Some(health_check(&contract));
    let agent = Agent::start(task).await;
    let mut executor = Executor::with_java("trap '' TERM\nwhile :; do sleep 0.1; done");
    executor.start(agent.address);
    let failed = agent.state(TaskState::TaskFailed).await;
    let message = failed.message();
    assert!(message.contains("unhealthy after 3 failures in a row: "), "{message}");
    assert_eq!(failed.healthy, Some(false));
    let told: Vec<_> = agent.updates().iter().filter_map(|update| update.healthy).collect();
    assert_eq!(
        told, [false; 4],
        "two failures that count, TASK_KILLING, TASK_FAILED; those in the grace are not told"
    );
    executor.end_well().await;
}

// S-086, D29: a long start is not killed while it shows progress, and is once it hangs.
#[tokio::test]
async fn one_that_starts_for_long_is_left_alone_while_its_log_grows() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let mut task = task(&contract, 60.0);
    let check = health_check(&contract);
    task.health_check = Some(v1::HealthCheck { interval_seconds: Some(0.5), ..check });
    let agent = Agent::start(task).await;
    // Three failures take 1.5 s; it gets on for three times as long.
    let script = "for segment in {1..90}; do echo recovering $segment; sleep 0.05; done\n\
                  echo > silent\nexec sleep 1000";
    let mut executor = Executor::with_java(script);
    executor.start(agent.address);
    let failed = agent.state(TaskState::TaskFailed).await;
    let message = failed.message();
    assert!(message.contains("unhealthy after 3 failures in a row: "), "{message}");
    assert_eq!(executor.read("silent"), "\n", "it was given up while it got on");
    executor.end_well().await;
    let shown = "not counted (it starts, and its log grows): nothing listens on";
    assert!(executor.read("stderr").contains(shown));
}

#[tokio::test]
async fn the_jvm_never_outlives_the_executor() {
    let (mut executor, _agent, _zookeeper) =
        running("trap '' TERM HUP INT\necho $$ > pid\nwhile :; do :; done", 5.0).await;
    executor.written("pid").await;
    executor.signal(Signal::SIGKILL);
    executor.end().await;
    wait_for("end of the JVM", || executor.processes().is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_signal_to_the_executor_stops_the_broker() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        stops_the_broker(signal).await;
    }
}

async fn stops_the_broker(signal: Signal) {
    let (mut executor, agent, _zookeeper) =
        running("trap 'echo > stopped; exit 143' TERM\necho $$ > pid\nwhile :; do sleep 0.1; done", 5.0)
            .await;
    executor.written("pid").await;
    executor.signal(signal);
    let failed = agent.state(TaskState::TaskFailed).await;
    let expect = format!("executor ended by {signal}; the JVM exited with code 143 ");
    assert!(failed.message().starts_with(&expect), "{}", failed.message());
    assert_eq!(executor.read("stopped"), "\n");
    executor.end_well().await;
}

/// A JVM with much to say that dies of nothing known.
const WORDY: &str = "for n in {1..300}; do echo \"[2026-11-25 20:00:00,000] INFO line $n, password=swordfish (kafka.Log)\"; done\n\
                     echo last words >&2\nexit 9";

// D45: the whole incident by MESSAGE, the short one with the update, and the whole one in the sandbox.
#[tokio::test]
async fn an_end_is_told_whole_and_short_and_kept() {
    let (mut executor, agent, _zookeeper) = running(WORDY, 5.0).await;
    let failed = agent.state(TaskState::TaskFailed).await;
    executor.end_well().await;
    let told = agent.incidents();
    let [whole, ..] = &told[..] else { panic!("no incident") };
    assert_eq!((whole.cause, whole.end, whole.whole), (Cause::Unexplained, End::Code(9), true));
    assert_eq!((whole.stdout.len(), &whole.stderr[..]), (200, &["last words".to_owned()][..]));
    assert!(whole.stdout[199].contains("line 300, password=[hidden] (kafka.Log)"), "{}", whole.stdout[199]);
    assert_eq!((whole.task.to_string().as_str(), whole.asked.as_deref()), (TASK, None));
    assert!(whole.disks.iter().all(|disk| disk.total > 0) && whole.disks.len() == 2);
    let short: Incident = serde_json::from_slice(failed.data()).unwrap();
    assert!(failed.data().len() <= SHORT_LIMIT && !short.whole && short.id == whole.id);
    assert_eq!((&short.summary, short.stdout.last()), (&whole.summary, whole.stdout.last()));
    let kept: Incident = serde_json::from_str(&executor.read(&file_name(whole.id))).unwrap();
    assert_eq!(&kept, whole);
    let mode = std::fs::metadata(executor.path(&file_name(whole.id))).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    assert!(!executor.read("stderr").contains("swordfish"));
}

// D45: nobody stores it, so it is told again, and the executor leaves all the same.
#[tokio::test]
async fn an_incident_that_nobody_stores_is_waited_for_five_seconds() {
    let (mut executor, agent, _zookeeper) = running(WORDY, 5.0).await;
    agent.forget_incidents();
    agent.fall_silent();
    let failed = agent.state(TaskState::TaskFailed).await;
    // Before the five seconds begin: a machine may stall for all of them.
    wait_for("the incident again", || (agent.incidents().len() > 1).then_some(())).await;
    let acknowledged = Instant::now();
    agent.acknowledge(&failed);
    executor.end_well().await;
    let waited = acknowledged.elapsed();
    assert!(waited > Duration::from_secs(4) && waited < Duration::from_secs(30), "{waited:?}");
    let told = agent.incidents();
    assert!(told.iter().all(|incident| incident.id == told[0].id), "{told:#?}");
}

// D45: what -XX:+ExitOnOutOfMemoryError misses, and a broker would limp on with.
#[tokio::test]
async fn one_that_is_out_of_direct_memory_and_goes_on_is_stopped() {
    let script = "trap 'exit 143' TERM\necho '[2026-11-25 20:00:00,000] ERROR Processor got uncaught exception. (kafka.network.Processor)'\n\
                  echo 'java.lang.OutOfMemoryError: Direct buffer memory'\nwhile :; do sleep 0.1; done";
    let (mut executor, agent, _zookeeper) = running(script, 60.0).await;
    let failed = agent.state(TaskState::TaskFailed).await;
    let message = failed.message();
    let begin = "out of memory; the JVM exited with code 143 ";
    assert!(message.starts_with(begin), "{message}");
    assert!(
        message.contains(
            "no direct buffer could be had (java.lang.OutOfMemoryError: Direct buffer memory): raise "
        ),
        "{message}"
    );
    executor.end_well().await;
    let incident = &agent.incidents()[0];
    assert_eq!((incident.cause, incident.stdout.len()), (Cause::DirectMemory, 2));
}
