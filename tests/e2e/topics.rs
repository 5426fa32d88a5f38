//! The guide's commands for topics and connection, through `dcos-kafka` and over REST, on a cluster that runs already.

use std::{process::Output, time::Duration};

use api::{client::Error, rest::ErrorCode};
use tokio::process::Command;

use crate::{
    cluster::{Cluster, program, text},
    eventually::eventually,
};

/// `dcos-kafka` with these words.
pub(crate) async fn dcos_kafka(cluster: &Cluster, line: &str) -> Output {
    let url = cluster.api().await.url().to_string();
    let mut command = Command::new(program("dcos-kafka"));
    let output = command.env("KAFKA_SCHEDULER_URL", url).args(line.split(' ')).output().await.unwrap();
    // Its words are told where they surprise; CI shows only so many lines.
    eprintln!("dcos-kafka {line}: {}", output.status);
    output
}

/// What it prints where it must succeed.
pub(crate) async fn says(cluster: &Cluster, line: &str) -> serde_json::Value {
    let output = dcos_kafka(cluster, line).await;
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What it refuses, and in which words.
pub(crate) async fn refuses(cluster: &Cluster, line: &str, words: &[&str]) {
    let output = dcos_kafka(cluster, line).await;
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()), "{line}");
    let said = text(&output.stderr);
    assert!(words.iter().all(|words| said.contains(words)), "{line}: {said}");
}

/// The guide's commands; topic1 is there and holds one record.
pub(crate) async fn guide(cluster: &Cluster) {
    connection(cluster).await;
    offsets(cluster).await;
    let message = |text: &str| serde_json::json!({ "message": text });

    // S-104, D48; the warning, as Kafka's tool prints it.
    let created = says(cluster, "topic create guide.topic --partitions=2 --replication=3").await;
    let created = created["message"].as_str().unwrap();
    assert!(created.starts_with("Output: WARNING: Due to limitations in metric names"), "{created}");
    assert!(created.ends_with("Created topic \"guide.topic\".\n"), "{created}");
    refuses(cluster, "topic create guide.topic", &["already exists", "TopicAlreadyExists"]).await;
    refuses(cluster, "topic create guide_topic", &["collides with", "guide.topic", "InvalidParameter"]).await;
    refuses(cluster, "topic create guide --replication=9", &["larger than available brokers", "Invalid"])
        .await;

    // S-102, S-103, D5
    let topics = says(cluster, "topic list").await;
    assert!(topics.as_array().unwrap().iter().any(|topic| topic == "guide.topic"), "{topics}");
    let described = says(cluster, "topic describe guide.topic").await;
    let partitions = described["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 2);
    for (number, partition) in partitions.iter().enumerate() {
        let state = &partition[number.to_string()];
        assert_eq!((state["isr"].as_array().unwrap().len(), &state["version"]), (3, &1.into()), "{state}");
        assert!(state["controller_epoch"].as_i64().unwrap() >= 1, "{state}");
    }

    // S-106: more partitions; as many, and fewer, are refused with Kafka's reason.
    let added = says(cluster, "topic partitions guide.topic 3").await;
    let words = "Output: WARNING: If partitions are increased for a topic that has a key, the partition logic or \
                 ordering of the messages will be affected\nAdding partitions succeeded!\n";
    assert_eq!(added, message(words));
    refuses(cluster, "topic partitions guide.topic 3", &["3 partition", "InvalidParameter"]).await;
    refuses(cluster, "topic partitions guide.topic 2", &["3 partition", "InvalidParameter"]).await;

    // S-110…S-112, S-119: all is well once the new replicas have caught up.
    eventually("every replica is in sync", Duration::from_secs(60), async || {
        let under = says(cluster, "topic under_replicated_partitions").await;
        let lines = under["message"].as_str().unwrap().to_owned();
        assert!(lines.lines().all(|line| line.starts_with("\tTopic: ")), "{lines}");
        if under == message("") { Ok(()) } else { Err(lines) }
    })
    .await;
    assert_eq!(says(cluster, "topic unavailable-partitions").await, message(""));
    well(cluster).await;

    // S-109, D16
    let deleted = says(cluster, "topic delete guide.topic").await;
    let words = "Topic guide.topic is marked for deletion.\n\
                 Note: This will have no impact if delete.topic.enable is not set to true.\n";
    assert_eq!(deleted, message(words));
    let api = cluster.api().await;
    eventually("the topic is gone", Duration::from_secs(60), async || match api.topic("guide.topic").await {
        Err(Error::Refused { code, status: 404, .. }) if code == ErrorCode::TopicNotFound.as_str() => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let words = ["topic \"guide.topic\" does not exist", "TopicNotFound"];
    // One broker hears of it later than another.
    eventually("nobody tells its offsets", Duration::from_secs(60), async || {
        let told = dcos_kafka(cluster, "topic offsets guide.topic").await;
        let said = text(&told.stderr);
        if words.iter().all(|words| said.contains(words)) { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    for line in ["topic delete guide.topic", "topic partitions guide.topic 9"] {
        refuses(cluster, line, &words).await;
    }
}

/// Waits until every check of the service passes.
pub(crate) async fn well(cluster: &Cluster) {
    eventually("the service is well", Duration::from_secs(60), async || {
        let output = dcos_kafka(cluster, "health --table").await;
        if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) }
    })
    .await;
}

// S-088, S-089: the parts are those of the whole.
async fn connection(cluster: &Cluster) {
    let whole = says(cluster, "connection").await;
    assert_eq!(says(cluster, "connection address").await["address"], whole["address"]);
    assert_eq!(says(cluster, "connection dns").await["dns"], whole["dns"]);
}

// S-105, D6: every spelling, over REST as by the command; a time after the last record is where the next one goes.
async fn offsets(cluster: &Cluster) {
    let (first, last) = (serde_json::json!([{"0": "0"}]), serde_json::json!([{"0": "1"}]));
    for (time, expected) in [
        ("", &last),
        (" --time=last", &last),
        (" --time=-1", &last),
        (" --time=first", &first),
        (" --time=-2", &first),
        (" --time=0", &first),
        (" --time=4102444800000", &last),
    ] {
        assert_eq!(says(cluster, &format!("topic offsets topic1{time}")).await, *expected, "{time}");
    }
    let over_rest = cluster.api().await.offsets("topic1", Some("last")).await.unwrap();
    assert_eq!(over_rest.json, last);
}

/// D42: where `delete.topic.enable` is false nothing is deleted, and the answer names the setting.
pub(crate) async fn deletion_is_disabled(cluster: &Cluster, topic: &str) {
    let words =
        ["Topic deletion is disabled.", "KAFKA_OVERRIDE_DELETE_TOPIC_ENABLE", "TopicDeletionDisabled"];
    refuses(cluster, &format!("topic delete {topic}"), &words).await;
    assert!(cluster.api().await.topic(topic).await.is_ok(), "it is still there");
}
