use expect_test::expect;

use super::*;

fn contract() -> LaunchContract {
    let layer = |name: &str, key: &str, value: &str| Layer {
        name: name.to_owned(),
        properties: BTreeMap::from([(key.to_owned(), value.to_owned())]),
    };
    LaunchContract {
        version: VERSION,
        service: "kafka".to_owned(),
        broker: BrokerId(2),
        config_id: Uuid::from_u128(7),
        generation: 1,
        heap_mb: 1024,
        jvm_options: vec!["-XX:+UseG1GC".to_owned()],
        volume: "data".to_owned(),
        metadata: Metadata::ZooKeeper { connect: "master.mesos:2181/dcos-service-kafka".to_owned() },
        listen_address: "0.0.0.0".to_owned(),
        advertised_host: "10.0.0.211".to_owned(),
        port: 9843,
        protocol: Protocol::SaslSsl,
        api_port: 9844,
        layers: vec![
            layer("service", "offsets.topic.replication.factor", "3"),
            layer("KAFKA_OVERRIDE_*", "log.retention.hours", "128"),
        ],
        health: None,
        jvm_archive: false,
        jmx_port: None,
        metrics_agent: None,
        metrics: Metrics::default(),
        logs: Logs::default(),
    }
}

// What an executor of this version reads. A change of meaning here needs a new VERSION.
#[test]
fn contract_on_the_wire() {
    let text = serde_json::to_string_pretty(&contract()).unwrap();
    expect![[r#"
        {
          "version": 1,
          "service": "kafka",
          "broker": 2,
          "config_id": "00000000-0000-0000-0000-000000000007",
          "generation": 1,
          "heap_mb": 1024,
          "jvm_options": [
            "-XX:+UseG1GC"
          ],
          "volume": "data",
          "metadata": {
            "kind": "zookeeper",
            "connect": "master.mesos:2181/dcos-service-kafka"
          },
          "listen_address": "0.0.0.0",
          "advertised_host": "10.0.0.211",
          "port": 9843,
          "protocol": "SASL_SSL",
          "api_port": 9844,
          "layers": [
            {
              "name": "service",
              "properties": {
                "offsets.topic.replication.factor": "3"
              }
            },
            {
              "name": "KAFKA_OVERRIDE_*",
              "properties": {
                "log.retention.hours": "128"
              }
            }
          ],
          "health": null,
          "jvm_archive": false,
          "jmx_port": null,
          "metrics_agent": null,
          "metrics": {
            "statsd": null,
            "prefix": "",
            "tags": "none"
          },
          "logs": {
            "syslog": null,
            "sandbox_mb": 0
          }
        }"#]]
    .assert_eq(&text);
    assert_eq!(serde_json::from_str::<LaunchContract>(&text).unwrap(), contract());
}

// Added optional fields need no new version: an older executor passes over them.
#[test]
fn unknown_fields_are_passed_over() {
    let mut value = serde_json::to_value(contract()).unwrap();
    value["colour"] = "blue".into();
    assert_eq!(serde_json::from_value::<LaunchContract>(value).unwrap(), contract());
}

// Kafka's own names, on the wire too.
#[test]
fn protocols() {
    for protocol in Protocol::ALL {
        assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.as_str());
        assert_eq!(protocol.tls(), protocol.as_str().ends_with("SSL"));
        assert_eq!(protocol.sasl(), protocol.as_str().starts_with("SASL"));
    }
}

// D27: where metadata lives is one explicit type; an unknown kind is refused by name, never guessed at.
#[test]
fn unknown_metadata_is_refused() {
    let mut value = serde_json::to_value(contract()).unwrap();
    value["metadata"]["kind"] = "kraft".into();
    let error = serde_json::from_value::<LaunchContract>(value).unwrap_err();
    assert!(error.to_string().contains("kraft"), "{error}");
}

// D31: scheduler and executor must agree on these.
#[test]
fn labels() {
    assert_eq!((LABEL_CONFIG, LABEL_GENERATION), ("config_id", "generation"));
}
