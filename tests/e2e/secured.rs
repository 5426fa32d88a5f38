//! A broker that speaks SASL_SSL alone: launched, checked, and asked by every kind of topic route (D39).

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::{
    cluster::{Cluster, FREE, all_running, text},
    topics::{dcos_kafka, says},
};

const PASSWORD: &str = "open-sesame";

/// What the broker and the scheduler read: an authority, the broker's key, its users, the scheduler's password.
fn files(dir: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1", "localhost"].map(str::to_owned);
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let users = format!(
        "KafkaServer {{\n  org.apache.kafka.common.security.plain.PlainLoginModule required\n  \
         username=\"broker\" password=\"{PASSWORD}\" user_broker=\"{PASSWORD}\" user_mesos=\"{PASSWORD}\";\n}};\n"
    );
    for (name, text) in [
        ("ca.pem", root.pem()),
        ("broker.pem", format!("{}{}", key.serialize_pem(), leaf.pem())),
        ("jaas.conf", users),
        ("password", format!("{PASSWORD}\n")),
        ("wrong", "guess\n".to_owned()),
    ] {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        let mode = if name == "ca.pem" { 0o644 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_ask_who_we_are() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    let file = |name: &str| dir.path().join(name).display().to_string();
    let options =
        format!("-Djava.security.auth.login.config={} -Dzookeeper.sasl.client=false", file("jaas.conf"));
    let (authorities, store, password) = (file("ca.pem"), file("broker.pem"), file("password"));
    let cluster = Cluster::new(&[
        ("BROKER_SECURITY_PROTOCOL", "SASL_SSL"),
        ("BROKER_JVM_OPTS", &options),
        ("KAFKA_OVERRIDE_SASL_ENABLED_MECHANISMS", "PLAIN"),
        ("KAFKA_OVERRIDE_SASL_MECHANISM_INTER_BROKER_PROTOCOL", "PLAIN"),
        ("KAFKA_OVERRIDE_SSL_KEYSTORE_TYPE", "PEM"),
        ("KAFKA_OVERRIDE_SSL_KEYSTORE_LOCATION", &store),
        ("KAFKA_OVERRIDE_SSL_TRUSTSTORE_TYPE", "PEM"),
        ("KAFKA_OVERRIDE_SSL_TRUSTSTORE_LOCATION", &authorities),
        ("KAFKA_CLIENT_CA_FILE", &authorities),
        ("KAFKA_CLIENT_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_CLIENT_SASL_USER", "mesos"),
        ("KAFKA_CLIENT_SASL_PASSWORD_FILE", &password),
    ]);
    cluster.up(&[&FREE[..], &["--brokers", "1"]].concat());
    assert!(all_running(&cluster.brokers(1).await));

    let created = says(&cluster, "topic create orders --partitions=2 --replication=1").await;
    assert_eq!(created["message"], "Output: Created topic \"orders\".\n");
    assert_eq!(says(&cluster, "topic list").await, serde_json::json!(["orders"]));
    let described = says(&cluster, "topic describe orders").await;
    assert_eq!(described["partitions"][1]["1"]["isr"], serde_json::json!([0]));
    says(&cluster, "topic partitions orders 3").await;
    let tested = says(&cluster, "topic producer_test orders 100").await;
    assert!(tested["message"].as_str().unwrap().starts_with("100 records sent, "), "{tested}");
    let offsets = says(&cluster, "topic offsets orders").await;
    let sent = |partition: (usize, &serde_json::Value)| {
        partition.1[partition.0.to_string()].as_str().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(offsets.as_array().unwrap().iter().enumerate().map(sent).sum::<u64>(), 100, "{offsets}");
    assert_eq!(says(&cluster, "topic under_replicated_partitions").await["message"], "");
    says(&cluster, "topic delete orders").await;

    // The health of the service is known, so the scheduler's own question is answered too; the executor's check passes.
    crate::topics::well(&cluster).await;
    the_secret_is_nowhere(&cluster);

    // Who is not let in is told so.
    let wrong = format!("KAFKA_CLIENT_SASL_PASSWORD_FILE={}", file("wrong"));
    assert!(cluster.run(&["configure", &wrong]).status.success());
    cluster.complete().await;
    let output = dcos_kafka(&cluster, "topic create orders").await;
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("does not let in mesos by PLAIN"), "{said}");
    the_secret_is_nowhere(&cluster);
}

/// Neither in the state, nor in a log, nor in an argument of a process.
fn the_secret_is_nowhere(cluster: &Cluster) {
    let found = Command::new("grep").args(["-rl", PASSWORD]).arg(cluster.data()).output().unwrap();
    assert_eq!((found.status.code(), text(&found.stdout)), (Some(1), String::new()), "{found:?}");
    for jvm in cluster.jvms().values() {
        let command = fs::read(format!("/proc/{}/cmdline", jvm.process.pid)).unwrap();
        assert!(!text(&command).contains(PASSWORD));
    }
}
