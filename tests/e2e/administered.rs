//! `dcos-kafka` beyond the guide, held against the cluster: settings, moves, elections, disks, groups.

use std::{collections::BTreeSet, process::Stdio, sync::Arc, time::Duration};

use ::kafka::{
    client::{Options, Resource},
    cluster::Cluster as Kafka,
    throttle::{self, Owner},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
};

use crate::{
    cluster::{Cluster, program, text},
    eventually::eventually,
    topics::{refuses, says},
};

const TOPIC: &str = "moved";
/// So many bytes of both partitions together are written.
const WRITTEN: u64 = 10_000 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// After a restart of `broker` somebody else leads for it, until it is elected. `topic` has as many partitions as there are
/// brokers, with a replica on each, so each is the preferred leader of one.
pub(crate) async fn preferred_leaders_return(cluster: &Cluster, topic: &str, broker: i64) {
    let led = leaders(cluster, topic).await;
    assert!(!led.contains(&broker), "it leads nothing after its restart: {led:?}");
    let answer = says(cluster, &format!("topic elect-leaders {topic}")).await;
    assert_eq!(answer["refused"], json!([]));
    let changed: BTreeSet<u64> = numbers(&answer["elected"], "partition").collect();
    let now = eventually("each broker leads one partition", PATIENCE, async || {
        let now = leaders(cluster, topic).await;
        if now.iter().collect::<BTreeSet<_>>().len() == led.len() { Ok(now) } else { Err(now) }
    })
    .await;
    for (partition, (before, after)) in (0..).zip(led.iter().zip(&now)) {
        assert_eq!(changed.contains(&partition), before != after, "{answer}: {led:?}, then {now:?}");
    }
    let again = says(cluster, &format!("topic elect-leaders {topic} --partition=0 --partition=1")).await;
    assert_eq!(again, json!({"elected": [], "refused": []}));
}

/// The whole of it; the cluster has three brokers, and writes to it go on meanwhile.
pub(crate) async fn administered(cluster: &Cluster) {
    says(cluster, &format!("topic create {TOPIC} --partitions=2 --replication=2")).await;
    settings(cluster).await;
    disks(cluster).await;
    moves(cluster).await;
    a_group(cluster).await;
}

async fn settings(cluster: &Cluster) {
    let setting =
        async |name: &str| says(cluster, &format!("topic config {TOPIC}")).await["config"][name].clone();
    assert_eq!(setting("retention.ms").await["source"], "default");
    // Nothing of a change is done where a part of it is wrong, and Kafka says which.
    let wrong = format!("topic config {TOPIC} --set=max.message.bytes=2000000 --set=retention.ms=soon");
    refuses(cluster, &wrong, &["retention.ms", "soon", "InvalidParameter"]).await;
    let set = format!("topic config {TOPIC} --set=retention.ms=3600000 --set=max.message.bytes=2000000");
    let done = json!({"message": format!("Output: Completed updating config for topic {TOPIC}.\n")});
    assert_eq!(says(cluster, &set).await, done);
    assert_eq!(says(cluster, &format!("topic config {TOPIC} --delete=max.message.bytes")).await, done);
    eventually("both changes are seen", PATIENCE, async || {
        let kept = setting("retention.ms").await;
        let seen = (&kept["source"], &kept["value"]) == (&json!("topic"), &json!("3600000"));
        if seen && setting("max.message.bytes").await["source"] == "default" { Ok(()) } else { Err(kept) }
    })
    .await;
    let described = described(cluster).await;
    assert!(described.contains("Configs: ") && described.contains("retention.ms=3600000"), "{described}");
    assert!(!described.contains("max.message.bytes"), "{described}");
    refuses(cluster, "topic config absent", &["\"absent\" does not exist", "TopicNotFound"]).await;
}

async fn disks(cluster: &Cluster) {
    let (_, before) = held(cluster).await;
    says(cluster, &format!("topic producer_test {TOPIC} 10000")).await;
    eventually("both replicas have grown", PATIENCE, async || {
        let (_, after) = held(cluster).await;
        if after - before >= 2 * WRITTEN { Ok(()) } else { Err((before, after)) }
    })
    .await;
    let one = says(cluster, "broker log-dirs 1").await;
    assert_eq!(numbers(&one["brokers"], "broker").collect::<Vec<_>>(), [1]);
    assert!(one["brokers"][0]["log_dirs"][0]["total_bytes"].as_u64() > Some(WRITTEN), "{one}");
}

async fn moves(cluster: &Cluster) {
    let (from, _) = held(cluster).await;
    // Each partition leaves one broker for the one that does not hold it.
    let wish = |partition: usize| {
        let kept = from[partition].iter().next().unwrap();
        let gained = (0..3).find(|broker| !from[partition].contains(broker)).unwrap();
        format!("--partition={partition}={gained},{kept}")
    };
    let reassign = format!("topic reassign {TOPIC} {} {}", wish(0), wish(1));

    let planned = says(cluster, &format!("{reassign} --dry-run")).await;
    assert_eq!((&planned["copies"], &planned["dry_run"]), (&json!(2), &json!(true)), "{planned}");
    assert_eq!(says(cluster, "topic reassignments").await, json!({"reassignments": []}));
    refuses(
        cluster,
        &format!("topic reassign {TOPIC} --brokers=1,7 --throttle=0 --replication=0"),
        &["throttle_bytes_per_second", "replication is 0", "InvalidParameter"],
    )
    .await;

    interrupted(cluster, &format!("{reassign} --throttle=1000 --wait"), &from).await;

    // Fast enough, followed to its end.
    let done = says(cluster, &format!("{reassign} --throttle=100000000 --wait --within=120")).await;
    // Kafka brings a cancelled partition back with the replicas it had, in whatever order.
    assert_eq!(done["copies"], planned["copies"], "{done}");
    let wanted = done["partitions"].as_array().unwrap().iter();
    let wanted: Vec<BTreeSet<u64>> = wanted
        .map(|change| change["to"].as_array().unwrap().iter().filter_map(Value::as_u64).collect())
        .collect();
    lies_on(cluster, &wanted).await;
    no_limit(cluster).await;
    let described = described(cluster).await;
    assert!(!described.contains("throttled"), "Kafka's own tool sees no limit either: {described}");
    let spread =
        says(cluster, &format!("topic reassign {TOPIC} --brokers=0,1,2 --replication=3 --wait")).await;
    assert_eq!(spread["copies"], 2, "{spread}");
    assert!(held(cluster).await.0.iter().all(|brokers| brokers.len() == 3), "a replica more");
}

/// A move that is limited to next to nothing and followed; Ctrl-C ends the following alone, and a cancel the move.
async fn interrupted(cluster: &Cluster, line: &str, from: &[BTreeSet<u64>]) {
    let mut command = Command::new(program("dcos-kafka"));
    command.env("KAFKA_SCHEDULER_URL", cluster.api().await.url().as_str()).args(line.split(' '));
    let mut waiting = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(waiting.stderr.take().unwrap());
    let mut said = String::new();
    tokio::time::timeout(PATIENCE, stderr.read_line(&mut said)).await.unwrap().unwrap();
    assert!(said.starts_with("2 of 2 partitions move"), "{said}");
    kill(Pid::from_raw(waiting.id().unwrap().cast_signed()), Signal::SIGINT).unwrap();
    tokio::time::timeout(PATIENCE, stderr.read_to_string(&mut said)).await.unwrap().unwrap();
    let status = waiting.wait().await.unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("error: interrupted; the partitions move on"), "{said}");
    eprintln!("dcos-kafka {line}: {said}");

    // Both are on their way, within a limit.
    let moving = says(cluster, "topic reassignments").await;
    let moving = moving["reassignments"].as_array().unwrap();
    assert_eq!(moving.len(), 2, "{moving:?}");
    assert!(moving.iter().all(|one| one["bytes_done"].as_u64() < one["bytes_total"].as_u64()), "{moving:?}");
    let settings = says(cluster, &format!("topic config {TOPIC}")).await;
    assert_eq!(settings["config"][throttle::FOLLOWER_REPLICAS]["source"], "topic", "{settings}");
    let stopped = says(cluster, &format!("topic cancel-reassignments {TOPIC}")).await;
    assert_eq!(numbers(&stopped["cancelled"], "partition").collect::<Vec<_>>(), [0, 1], "{stopped}");
    lies_on(cluster, from).await;
    no_limit(cluster).await;
}

/// Brokers delete what has left them, in a moment.
async fn lies_on(cluster: &Cluster, wanted: &[BTreeSet<u64>]) {
    eventually("all replicas lie where they are to be", PATIENCE, async || {
        let (held, _) = held(cluster).await;
        if held == wanted { Ok(()) } else { Err(held) }
    })
    .await;
}

/// Nobody limits replication, of the topic or of a broker.
async fn no_limit(cluster: &Cluster) {
    let servers = cluster.api().await.connection().await.unwrap().body.address;
    let kafka = Kafka::new(servers, Options::new("e2e", Duration::from_secs(5)));
    let rates = [throttle::LEADER_RATE, throttle::FOLLOWER_RATE];
    eventually("the limit is gone", PATIENCE, async || {
        let topic = Resource::Topic(TOPIC.parse().unwrap());
        let lists = kafka.settings(&topic, None).await.map_err(|error| error.to_string())?;
        for broker in 0..3 {
            let found = kafka.settings(&Resource::Broker(broker), Some(&rates)).await;
            let owner = throttle::of_broker(&found.map_err(|error| error.to_string())?);
            if owner != Owner::Nobody {
                return Err(format!("broker {broker}: {owner:?}"));
            }
        }
        let owner = throttle::of_topic(&lists);
        if owner == Owner::Nobody { Ok(()) } else { Err(format!("{TOPIC}: {owner:?}")) }
    })
    .await;
}

/// An offset that a consumer committed, and how far that is from the end.
async fn a_group(cluster: &Cluster) {
    let servers = cluster.api().await.connection().await.unwrap().body.address.join(",");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("group.id", "e2e.readers");
    let consumer: Arc<BaseConsumer> = Arc::new(config.create().unwrap());
    // It is the first group of all, so Kafka has a coordinator only after a while.
    eventually("an offset is committed", PATIENCE, async || {
        let consumer = consumer.clone();
        let commit = tokio::task::spawn_blocking(move || {
            let mut offsets = TopicPartitionList::new();
            offsets.add_partition_offset(TOPIC, 0, Offset::Offset(1000)).unwrap();
            consumer.commit(&offsets, CommitMode::Sync)
        });
        commit.await.unwrap()
    })
    .await;
    eventually("all coordinators answer", PATIENCE, async || {
        let list = says(cluster, "group list").await;
        let mut groups = list["groups"].as_array().unwrap().iter();
        let is_empty = groups.any(|group| group["group"] == "e2e.readers" && group["state"] == "Empty");
        if is_empty && list["silent"] == json!([]) { Ok(()) } else { Err(list) }
    })
    .await;
    let end: u64 =
        says(cluster, &format!("topic offsets {TOPIC}")).await[0]["0"].as_str().unwrap().parse().unwrap();
    let group = says(cluster, "group describe e2e.readers").await;
    let partition = json!({
        "committed": 1000, "end": end, "error": null, "lag": end - 1000, "partition": 0, "topic": TOPIC,
    });
    assert_eq!((&group["partitions"], &group["lag"]), (&json!([partition]), &json!(end - 1000)), "{group}");
    refuses(cluster, "group describe absent", &["\"absent\" does not exist", "GroupNotFound"]).await;
}

/// The brokers that hold each of the topic's two partitions, and the bytes of all its replicas, by `broker log-dirs`.
async fn held(cluster: &Cluster) -> ([BTreeSet<u64>; 2], u64) {
    let list = says(cluster, &format!("broker log-dirs --topic={TOPIC}")).await;
    let (mut held, mut bytes) = (<[BTreeSet<u64>; 2]>::default(), 0);
    for broker in list["brokers"].as_array().unwrap() {
        assert_eq!(broker["error"], Value::Null);
        for replica in
            broker["log_dirs"].as_array().unwrap().iter().flat_map(|dir| dir["replicas"].as_array().unwrap())
        {
            let partition = usize::try_from(replica["partition"].as_u64().unwrap()).unwrap();
            held[partition].insert(broker["broker"].as_u64().unwrap());
            bytes += replica["size_bytes"].as_u64().unwrap();
        }
    }
    (held, bytes)
}

/// The topic in the words of Kafka's own tool.
async fn described(cluster: &Cluster) -> String {
    let servers = cluster.api().await.connection().await.unwrap().body.address.join(",");
    let output =
        cluster.run(&["tool", "topics", "--bootstrap-server", &servers, "--describe", "--topic", TOPIC]);
    assert!(output.status.success());
    text(&output.stdout)
}

/// The leader of each partition, by number.
async fn leaders(cluster: &Cluster, topic: &str) -> Vec<i64> {
    let described = says(cluster, &format!("topic describe {topic}")).await;
    let partitions = described["partitions"].as_array().unwrap().iter();
    partitions.enumerate().map(|(number, one)| one[number.to_string()]["leader"].as_i64().unwrap()).collect()
}

/// One number out of each object of a list.
fn numbers<'a>(list: &'a Value, key: &'a str) -> impl Iterator<Item = u64> + 'a {
    list.as_array().unwrap().iter().map(move |one| one[key].as_u64().unwrap())
}
