//! What a LAUNCH holds.

use api::{ids::BrokerId, launch::LaunchContract};
use mesos::v1::{self, TaskInfo, discovery_info::Visibility};

use super::world::*;
use crate::config::Settings;

fn launched(changes: &str) -> TaskInfo {
    let mut world = World::new(changes);
    world.subscribe();
    let effects = world.offer("A-1", plenty());
    accepted(&effects).unwrap()[2].launch.as_ref().unwrap().task_infos[0].clone()
}

fn contract(task: &TaskInfo) -> LaunchContract {
    serde_json::from_slice(task.data.as_ref().unwrap()).unwrap()
}

fn labels(labels: Option<&v1::Labels>) -> Vec<(&str, &str)> {
    let labels = labels.into_iter().flat_map(|labels| &labels.labels);
    labels.map(|label| (label.key.as_str(), label.value.as_deref().unwrap_or_default())).collect()
}

// S-101, D31: the task's name and id, and its configuration in labels.
#[test]
fn a_task_is_named_for_its_broker() {
    let task = launched("");
    assert_eq!(task.name, "broker-0");
    assert!(task.task_id.value.starts_with("broker-0__"));
    let keys: Vec<_> = labels(task.labels.as_ref()).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["config_id", "generation"]);
}

// D30, S-081 to S-086, D17: Mesos counts grace from the launch, so it is delay + grace.
#[test]
fn the_health_check_shows_the_timing() {
    let task = launched("API_PORT=9999");
    let check = task.health_check.unwrap();
    let http = check.http.as_ref().unwrap();
    assert_eq!(check.r#type(), v1::health_check::Type::Http);
    assert_eq!(http.path.as_deref(), Some("/admin/healthcheck"));
    assert_eq!(http.port, u32::from(contract(&launched("API_PORT=9999")).api_port));
    assert_eq!(
        (check.delay_seconds, check.interval_seconds, check.timeout_seconds, check.grace_period_seconds),
        (Some(15.0), Some(10.0), Some(20.0), Some(25.0))
    );
    assert_eq!(check.consecutive_failures, Some(3));
    assert!(launched("ENABLE_BROKER_HEALTH_CHECK=false").health_check.is_none());
}

// D36: the executor may take longer than its broker, or a teardown would kill both.
#[test]
fn stopping_takes_its_time() {
    let task = launched("BROKER_KILL_GRACE_SEC=60");
    let seconds = |duration: Option<v1::DurationInfo>| duration.unwrap().nanoseconds / 1_000_000_000;
    assert_eq!(seconds(task.kill_policy.unwrap().grace_period), 60);
    assert_eq!(seconds(task.executor.unwrap().shutdown_grace_period), 90);
}

// S-090, D35: what the load balancer and service discovery read.
#[test]
fn the_broker_can_be_discovered() {
    let task = launched("");
    let port = contract(&task).port;
    let discovery = task.discovery.unwrap();
    assert_eq!(discovery.visibility(), Visibility::External);
    assert_eq!(discovery.name.as_deref(), Some("broker-0"));
    let ports = discovery.ports.unwrap().ports;
    assert_eq!(ports[0].number, u32::from(port));
    assert_eq!(labels(ports[0].labels.as_ref()), [("VIP_0", "broker:9092")]);
}

// D34: the bare program, or an archive that holds it.
#[test]
fn the_executor_comes_bare_or_packed() {
    let bare = launched("").executor.unwrap().command.unwrap();
    assert_eq!((bare.value.as_deref(), bare.shell), (Some("./kafka-executor"), Some(false)));
    assert_eq!(bare.uris[0].output_file.as_deref(), Some("kafka-executor"));
    assert_eq!((bare.uris[0].executable, bare.uris[0].extract), (Some(true), Some(false)));
    assert_eq!((bare.uris[1].cache, bare.uris[1].extract), (Some(true), Some(true)));

    let packed = launched("EXECUTOR_URI=http://h/executor-1.0.tar.gz?v=2 JAVA_URI=http://h/jre.tgz");
    let packed = packed.executor.unwrap().command.unwrap();
    assert_eq!(packed.shell, Some(true));
    assert!(packed.value.unwrap().contains("kafka-executor"));
    assert_eq!((packed.uris[0].executable, packed.uris[0].extract), (Some(false), Some(true)));
    assert_eq!(packed.uris[2].value, "http://h/jre.tgz");
}

// D7, D28, D33, D37, S-066, S-071: facts for the executor; layers lowest first.
#[test]
fn the_contract_holds_all_that_the_executor_needs() {
    let changes = "KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100 BROKER_HEAP_MB=512 BROKER_JVM_OPTS=-Dx=y BROKER_LISTEN_ADDRESS=127.0.0.1";
    let contract = contract(&launched(changes));
    let service = Settings::from_env(&settings(changes)).unwrap().service;
    assert_eq!(contract.config_id, crate::config_id(&service).0);
    assert_eq!((contract.broker, contract.service.as_str()), (BrokerId(0), "kafka"));
    assert_eq!((contract.heap_mb, contract.jvm_options.as_slice()), (512, ["-Dx=y".to_owned()].as_slice()));
    assert_eq!((contract.volume.as_str(), contract.listen_address.as_str()), ("data", "127.0.0.1"));
    assert_eq!(contract.advertised_host, "10.0.0.5");
    let api::launch::Metadata::ZooKeeper { connect } = &contract.metadata;
    assert_eq!(connect, "127.0.0.1:2181/dcos-service-kafka");
    let layers: Vec<_> = contract.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(layers, ["service default", "KAFKA_OVERRIDE"]);
    assert_eq!(contract.layers[0].properties["offsets.topic.replication.factor"], "3");
    assert_eq!(contract.layers[1].properties["log.retention.hours"], "100");

    // D33: the agent's hostname instead of its address.
    assert_eq!(self::contract(&launched("KAFKA_ADVERTISE_HOST_IP=false")).advertised_host, "A-1.local");
}
