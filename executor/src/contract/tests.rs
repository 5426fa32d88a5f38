#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use api::{
    ids::BrokerId,
    launch::{Layer, Logs, Metrics, Protocol},
};
use serde_json::json;
use uuid::Uuid;

use super::*;

const TASK: &str = "broker-1__11111111-2222-4333-8444-555555555555";

/// A contract in which all is well.
pub(crate) fn good() -> LaunchContract {
    LaunchContract {
        version: VERSION,
        service: "kafka".to_owned(),
        broker: BrokerId(1),
        config_id: Uuid::from_u128(7),
        generation: 2,
        heap_mb: 1024,
        jvm_options: vec!["-XX:MaxDirectMemorySize=64m".to_owned()],
        volume: "data".to_owned(),
        metadata: Metadata::ZooKeeper { connect: "zk1:2181,zk2:2181/dcos-service-kafka".to_owned() },
        listen_address: "0.0.0.0".to_owned(),
        advertised_host: "10.0.0.5".to_owned(),
        port: 9092,
        protocol: Protocol::Plaintext,
        api_port: 9093,
        layers: vec![
            layer("default", &[("offsets.topic.replication.factor", "3")]),
            layer("service", &[("log.retention.hours", "100")]),
        ],
        health: None,
        jvm_archive: false,
        jmx_port: None,
        metrics_agent: None,
        metrics: Metrics::default(),
        logs: Logs::default(),
    }
}

pub(crate) fn layer(name: &str, pairs: &[(&str, &str)]) -> Layer {
    let properties = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Layer { name: name.to_owned(), properties }
}

fn bytes(contract: &LaunchContract) -> Vec<u8> {
    serde_json::to_vec(contract).unwrap()
}

#[test]
fn a_good_one_is_read() {
    assert_eq!(read(TASK, &bytes(&good())), Ok(good()));
    assert_eq!(read("a-task-of-another-name", &bytes(&good())), Ok(good()));
}

// D37, and all errors at once.
#[test]
fn every_problem_is_named() {
    let mut bad = good();
    bad.broker = BrokerId(2);
    bad.heap_mb = 0;
    bad.port = 0;
    bad.api_port = 0;
    bad.volume = "../data".to_owned();
    bad.listen_address = String::new();
    bad.advertised_host = "a,PLAINTEXT://b".to_owned();
    bad.metadata = Metadata::ZooKeeper { connect: String::new() };
    bad.layers.push(layer("override", &[("log.dirs", "/tmp"), ("port", "1"), ("log.retention.hours", "1")]));
    let Problems(problems) = read(TASK, &bytes(&bad)).unwrap_err();
    assert_eq!(
        problems,
        [
            format!("broker is 2, but the task is {TASK}").as_str(),
            "heap_mb is 0",
            "port is 0",
            "api_port is 0",
            "port and api_port are both 0",
            "volume \"../data\" is not a plain name",
            "listen_address \"\" is not a host",
            "advertised_host \"a,PLAINTEXT://b\" is not a host",
            "metadata.connect \"\" is not of the form host:port[,host:port…][/chroot]: \"\" names no host",
            "log.dirs (layer override) is reserved: the log directory is on the broker's volume, sized by \
             BROKER_DISK and DISK_TYPE",
            "port (layer override) is reserved: use BROKER_PORT",
        ]
    );
}

#[test]
fn a_newer_or_foreign_one_says_so() {
    let newer = serde_json::to_vec(&json!({"version": VERSION + 1, "unheard": true})).unwrap();
    assert_eq!(
        read(TASK, &newer).unwrap_err().to_string(),
        "the launch contract cannot be carried out: it is of version 2, this executor reads up to 1"
    );
    let Problems(problems) = read(TASK, b"\x00\x01").unwrap_err();
    assert!(problems[0].starts_with("TaskInfo.data is not one: "), "{problems:?}");
    let mut kraft = serde_json::to_value(good()).unwrap();
    kraft["metadata"] = json!({"kind": "kraft"});
    let Problems(problems) = read(TASK, &serde_json::to_vec(&kraft).unwrap()).unwrap_err();
    assert!(problems[0].contains("unknown variant `kraft`"), "{problems:?}");
}

proptest::proptest! {
    #[test]
    fn changed_bytes(
        changes in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), proptest::prelude::any::<u8>()), 0..4),
    ) {
        let mut bytes = serde_json::to_vec(&good()).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fuzz(&bytes);
    }
}
