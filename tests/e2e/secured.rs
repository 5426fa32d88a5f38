//! A broker that speaks SASL_SSL alone: launched, checked, and asked by every kind of topic route (D39), by the settings
//! that README shows.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use crate::{
    certificates::Certificates,
    cluster::{Cluster, FREE, UP, all_running, text},
    eventually::eventually,
    topics::{dcos_kafka, says},
};

const PASSWORD: &str = "open-sesame";
/// Where README has the scheduler's files.
const THERE: &str = "/etc/kafka/";

/// What the broker and the scheduler read: an authority, the broker's key, its user, the scheduler's password.
fn files(dir: &Path) {
    let certificates = Certificates::of(&["127.0.0.1", "localhost"]);
    let users = format!(
        "KafkaServer {{\n  org.apache.kafka.common.security.scram.ScramLoginModule required\n  \
         username=\"broker\" password=\"{PASSWORD}\";\n}};\n"
    );
    for (name, text) in [
        ("ca.pem", certificates.authority.clone()),
        ("broker.pem", certificates.keystore()),
        ("jaas.conf", users),
        ("mesos.password", format!("{PASSWORD}\n")),
        ("wrong", "guess\n".to_owned()),
    ] {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        let mode = if name == "ca.pem" { 0o644 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// The settings of README's example, its files in `dir`.
fn shown_settings(dir: &Path) -> Vec<(String, String)> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let example = readme.split("```").find(|block| block.starts_with("\nBROKER_SECURITY_PROTOCOL=")).unwrap();
    let words = example.split_whitespace().filter(|word| !matches!(*word, "\\" | "…"));
    let here = format!("{}/", dir.display());
    words
        .map(|word| word.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.replace(THERE, &here)))
        .collect()
}

/// Users that SCRAM knows are in ZooKeeper. The brokers' own must be there before they log in to each other, so they are
/// given by the tool that needs no broker, as README says; again until the first broker has made its place there.
async fn give_users(cluster: &Cluster) {
    let zookeeper = cluster.api().await.connection().await.unwrap().body.zookeeper;
    for user in ["broker", "mesos"] {
        let credentials = format!("SCRAM-SHA-512=[password={PASSWORD}]");
        let line = ["tool", "configs", "--zookeeper", &zookeeper, "--alter", "--entity-type", "users"];
        let line = [&line[..], &["--entity-name", user, "--add-config", &credentials]].concat();
        eventually("the user is known", Duration::from_secs(120), async || {
            let output = cluster.run(&line);
            if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_ask_who_we_are() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    let file = |name: &str| dir.path().join(name).display().to_string();
    let options =
        format!("-Djava.security.auth.login.config={} -Dzookeeper.sasl.client=false", file("jaas.conf"));
    let (authorities, store) = (file("ca.pem"), file("broker.pem"));
    let shown = shown_settings(dir.path());
    let shown = shown.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let keys = [
        ("BROKER_JVM_OPTS", options.as_str()),
        ("KAFKA_OVERRIDE_SSL_KEYSTORE_TYPE", "PEM"),
        ("KAFKA_OVERRIDE_SSL_KEYSTORE_LOCATION", &store),
        ("KAFKA_OVERRIDE_SSL_TRUSTSTORE_TYPE", "PEM"),
        ("KAFKA_OVERRIDE_SSL_TRUSTSTORE_LOCATION", &authorities),
    ];
    let settings: Vec<_> = shown.chain(keys).collect();
    assert!(settings.contains(&("KAFKA_CLIENT_SASL_MECHANISM", "SCRAM-SHA-512")), "{settings:?}");
    let mut cluster = Cluster::new(&settings);
    cluster.foreground(&[&FREE[..], &["--brokers", "1"]].concat());
    eventually("it is registered", UP, async || cluster.api().await.connection().await.map(|_| ())).await;
    give_users(&cluster).await;
    cluster.complete().await;
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
    assert!(!output.status.success() && said.contains("does not let in mesos by SCRAM-SHA-512"), "{said}");
    the_secret_is_nowhere(&cluster);
}

/// Neither in the state, nor in a log, nor in an argument of a process.
fn the_secret_is_nowhere(cluster: &Cluster) {
    let found = Command::new("grep").args(["-rl", PASSWORD]).arg(cluster.data()).output().unwrap();
    assert_eq!(text(&found.stdout), "");
    // Brokers and the service replace files all the while, and one may be gone that has just been listed.
    let troubles = text(&found.stderr);
    assert!(troubles.lines().all(|line| line.ends_with(": No such file or directory")), "{troubles}");
    assert!(found.status.code() == Some(1) || !troubles.is_empty(), "{found:?}");
    for jvm in cluster.jvms().values() {
        let command = fs::read(format!("/proc/{}/cmdline", jvm.process.pid)).unwrap();
        assert!(!text(&command).contains(PASSWORD));
    }
}
