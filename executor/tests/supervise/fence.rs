//! Two JVMs of one broker id never serve: whoever may have been given up stops its JVM, gently where there is time.

use std::time::{Duration, Instant};

use mesos::v1::TaskState;

use crate::{
    agent::Agent,
    executor::{Executor, contract, task},
    zookeeper::FakeZooKeeper,
};

/// A JVM that says so when it is asked to stop, and takes its time.
const SLOW: &str = "trap 'echo > asked; sleep 0.3; echo > stopped; exit 143' TERM\necho $$ > pid\n\
                    while :; do sleep 0.05; done";

/// Running, with a grace of five minutes and an agent that is believed in for so long.
async fn running(script: &str, away: &str) -> (Executor, Agent, FakeZooKeeper) {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 300.0)).await;
    let mut executor = Executor::with_java(script);
    executor.start_with(&[
        ("MESOS_FRAMEWORK_ID", "F"),
        ("MESOS_EXECUTOR_ID", "E"),
        ("MESOS_SLAVE_PID", &format!("slave(1)@{}", agent.address)),
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_RECOVERY_TIMEOUT", away),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "100ms"),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "330secs"),
    ]);
    executor.written("pid").await;
    (executor, agent, zookeeper)
}

/// An agent that does not know us: another may run in our place already.
#[tokio::test]
async fn a_refused_subscription_ends_the_jvm_at_once() {
    let (mut executor, mut agent, _zookeeper) = running(SLOW, "5mins").await;
    agent.stop().await;
    agent.refuse();
    agent.back().await;
    let status = executor.end().await;
    assert_eq!(status.code(), Some(3), "{}", executor.read("stderr"));
    assert_eq!(executor.read("asked"), "", "there is no time to ask");
    assert_eq!(executor.processes(), []);
    let log = executor.read("stderr");
    assert!(log.contains("the agent refuses the subscription: 400 Executor cannot be found"), "{log}");
}

/// An agent that stays away, its machine with it perhaps: the broker stops as gently as ever, and then we leave.
#[tokio::test]
async fn an_agent_gone_for_good_ends_the_jvm_gently() {
    let (mut executor, mut agent, _zookeeper) = running(SLOW, "2secs").await;
    let away = Instant::now();
    agent.stop().await;
    let status = executor.end().await;
    assert_eq!(status.code(), Some(4), "nobody acknowledged the end: {}", executor.read("stderr"));
    assert!(away.elapsed() >= Duration::from_secs(2), "the agent was waited for: {:?}", away.elapsed());
    assert_eq!((executor.read("asked"), executor.read("stopped")), ("\n".to_owned(), "\n".to_owned()));
    assert_eq!(executor.processes(), []);
    let log = executor.read("stderr");
    assert!(log.contains("the agent was away for longer than the recovery timeout of 2 s"), "{log}");
}

// D36: asked to, it begins at once, and the broker has its grace.
#[tokio::test]
async fn a_shutdown_begins_at_once_and_gently() {
    let (mut executor, agent, _zookeeper) = running(SLOW, "5mins").await;
    agent.shutdown();
    executor.written("asked").await;
    let killed = agent.state(TaskState::TaskKilled).await;
    assert!(killed.message().contains("the JVM exited with code 143 "), "{}", killed.message());
    assert_eq!(executor.read("stopped"), "\n");
    executor.end_well().await;
}

/// The scheduler's KILL of a task that it has given up has no grace (see `kill` in the scheduler).
#[tokio::test]
async fn a_kill_without_grace_ends_the_jvm_at_once_amid_a_gentle_stop_too() {
    let script = "trap 'echo > asked' TERM\necho $$ > pid\nwhile :; do sleep 0.05; done";
    let (mut executor, agent, _zookeeper) = running(script, "5mins").await;
    let id = "broker-1__00000000-0000-0000-0000-000000000009";
    agent.kill(id, None);
    executor.written("asked").await;
    agent.kill(id, Some(0.0));
    let killed = agent.state(TaskState::TaskKilled).await;
    assert!(killed.message().contains("SIGKILL after the grace"), "{}", killed.message());
    executor.end_well().await;
}
