//! A restart in place (D31), with JVMs that do as they are told.

use api::{
    ids::TaskId,
    launch::{LaunchContract, Layer},
    message::{ToExecutor, ToScheduler},
};
use mesos::v1::TaskState;
use nix::{sys::signal::kill, unistd::Pid};

use crate::{
    agent::Agent,
    executor::{Executor, contract, task},
    wait_for,
    zookeeper::FakeZooKeeper,
};

const TASK: &str = "broker-1__00000000-0000-0000-0000-000000000009";
/// Notes itself and what it reads; stops when asked, once it is allowed to.
const JVM: &str = "trap 'echo asked >> life; until [ -e go ]; do sleep 0.02; done; exit 143' TERM\n\
                   echo \"$$ $(grep retention server.properties)\" >> life\nwhile :; do sleep 0.05; done";

pub(crate) fn restart(contract: &LaunchContract, hours: u32) -> (LaunchContract, ToExecutor) {
    let properties = [("log.retention.hours".to_owned(), hours.to_string())].into();
    let layers = vec![Layer { name: "KAFKA_OVERRIDE".to_owned(), properties }];
    let generation = u64::from(hours);
    let next = LaunchContract { layers, generation, ..contract.clone() };
    let task: TaskId = TASK.parse().unwrap();
    (next.clone(), ToExecutor::Restart { task, contract: Box::new(next) })
}

async fn lives(executor: &Executor, lines: usize) -> Vec<String> {
    wait_for("line of the JVMs' life", || {
        let life: Vec<_> = executor.read("life").lines().map(str::to_owned).collect();
        (life.len() >= lines).then_some(life)
    })
    .await
}

// D31
#[tokio::test]
async fn the_next_jvm_has_the_next_files_and_the_one_before_keeps_its_own() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 300.0)).await;
    let mut executor = Executor::with_java(JVM);
    executor.start(agent.address);
    lives(&executor, 1).await;
    let (_, message) = restart(&contract, 100);
    agent.say(&message);
    agent.say(&message);
    lives(&executor, 2).await;
    assert!(executor.read("staged/1/server.properties").contains("log.retention.hours=100"));
    assert!(!executor.read("server.properties").contains("retention"), "the JVM before still runs");
    executor.put("go", "");
    let life = lives(&executor, 3).await;
    assert!(life[2].ends_with(" log.retention.hours=100"), "{life:?}");
    assert_ne!(life[0].split(' ').next(), life[2].split(' ').next(), "another process");
    assert!(!executor.path("staged/1").exists());
    agent
        .update("the next JVM", |update| update.message().contains(life[2].split(' ').next().unwrap()))
        .await;
    // S-122: against what the JVM before had.
    let log = executor.read("stderr");
    let told: Vec<_> = log.lines().filter_map(|line| line.split_once("server.properties: ")).collect();
    let retention: Vec<_> = told.iter().filter(|(_, change)| change.starts_with("log.retention")).collect();
    assert!(
        matches!(retention[..], [(_, change)] if change.starts_with("log.retention.hours: unset → 100 ("))
    );
    let twice = told.iter().filter(|(_, change)| change.starts_with("broker.id: ")).count();
    assert_eq!(twice, 1, "what stays the same is told once: {told:?}");
    let states = agent.states();
    assert!(states.iter().all(|state| *state == TaskState::TaskStarting), "one task, going on: {states:?}");
    assert!(agent.updates().iter().all(|update| update.healthy != Some(false)));
    assert_eq!(agent.messages(), []);
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
}

// D31: what stands in the way is said while the JVM goes on.
#[tokio::test]
async fn a_restart_that_cannot_be_is_refused_and_the_jvm_goes_on() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java(JVM);
    executor.start(agent.address);
    let life = lives(&executor, 1).await;
    std::fs::rename(executor.path("kafka_2.13-3.9.2"), executor.path("away")).unwrap();
    std::fs::remove_file(executor.path("away/libs/kafka_2.13-3.9.2.jar")).unwrap();
    let (next, message) = restart(&contract, 100);
    agent.say(&message);
    let refusal = wait_for("refusal", || agent.messages().into_iter().next()).await;
    let ToScheduler::RestartRefused { task, config_id, generation, reason } = refusal else {
        panic!("{refusal:?}")
    };
    assert_eq!((task.to_string().as_str(), config_id, generation), (TASK, next.config_id, next.generation));
    assert!(reason.starts_with("no Kafka in the sandbox"), "{reason}");
    let moved = LaunchContract { port: contract.port + 1, ..next };
    agent.say(&ToExecutor::Restart { task, contract: Box::new(moved) });
    let refusal = wait_for("refusal", || agent.messages().into_iter().nth(1)).await;
    let ToScheduler::RestartRefused { reason, .. } = refusal else { panic!("{refusal:?}") };
    assert!(reason.contains("port cannot change in place"), "{reason}");
    let pid = Pid::from_raw(life[0].split(' ').next().unwrap().parse().unwrap());
    kill(pid, None).expect("the JVM goes on");
    assert_eq!(executor.read("life").lines().count(), 1, "nobody asked it to stop");
    executor.put("go", "");
    agent.kill(TASK, None);
    executor.end_well().await;
}

// S-086, D31: the JVM after a bad restart dies as any other, and so does the task.
#[tokio::test]
async fn a_jvm_that_does_not_come_up_again_fails_the_task() {
    let zookeeper = FakeZooKeeper::start().await;
    let contract = contract(&zookeeper.connect);
    let agent = Agent::start(task(&contract, 5.0)).await;
    let script = "if grep -q retention server.properties; then echo 'bad retention' >&2; exit 1; fi\n\
                  echo $$ > pid\nexec sleep 1000";
    let mut executor = Executor::with_java(script);
    executor.start(agent.address);
    executor.written("pid").await;
    agent.say(&restart(&contract, 100).1);
    let failed = agent.state(TaskState::TaskFailed).await;
    assert!(failed.message().contains("the JVM exited with code 1 after "), "{}", failed.message());
    assert!(failed.message().contains("bad retention"), "{}", failed.message());
    executor.end_well().await;
}
