//! What the JVM is started with, shown on real ones.

use mesos::v1::TaskState;

use crate::kafka::{Ensemble, TASK, broker, executor_of, launched};

// S-081, D18, D34, D36, D44: the other line of Kafka that is supported, on the same Java.
#[tokio::test]
async fn kafka_2_8_serves_and_stops_gently() {
    let ensemble = Ensemble::start().await;
    let volume = tempfile::tempdir().unwrap();
    let contract = broker(&ensemble, &[("zookeeper.session.timeout.ms", "6000")]);
    let mut executor = executor_of("2.8.2", volume.path());
    let agent = launched(&mut executor, &contract).await;
    let running = agent.state(TaskState::TaskRunning).await;
    assert_eq!(running.message(), "broker 1 is registered and answers");
    assert!(executor.read("stdout").contains("Kafka version: 2.8.2"), "its own word");
    assert!(!executor.read("logs/controller.log").is_empty());
    assert!(!executor.read("stdout").contains("(kafka.controller."), "side logs do not go to stdout too");

    agent.kill(TASK, None);
    let killed = agent.state(TaskState::TaskKilled).await;
    let gently = "killed as asked; the JVM exited with code 143 ";
    assert!(killed.message().starts_with(gently), "{}", killed.message());
    assert!(executor.read("stdout").contains("shut down completed (kafka.server.KafkaServer)"));
    executor.end_well().await;
}
