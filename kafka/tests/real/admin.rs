//! What administrators ask, of real clusters of each kind: settings, moving partitions, elections, disks, groups.

use std::collections::{BTreeMap, BTreeSet};

use kafka::{
    client::{Change, Elected, Error, Options, Resource, Setting, Source, Topics},
    cluster::{AdminError, Cluster},
    reassign::{self, Assignment},
    report::Report,
    snapshot::Partition,
    throttle::{self, FOLLOWER_RATE, FOLLOWER_REPLICAS, LEADER_RATE, LEADER_REPLICAS, Owner},
    topic::{NewTopic, TopicName, TopicPartition},
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, CommitMode, Consumer},
};

use crate::{
    cluster::{Kind, RealCluster},
    harness::{PATIENCE, until},
};

struct World<'a> {
    real: &'a RealCluster,
    cluster: Cluster,
}

impl World<'_> {
    /// The cluster as each of its brokers has it: with KRaft they learn a little later what the controller knows.
    fn each(&self) -> impl Iterator<Item = Cluster> {
        self.real.bootstrap().into_iter().map(|broker| self.cluster.at([broker]))
    }
}

/// A limited broker still fetches once in some seconds, up to this much: a limit of next to nothing then lasts minutes. And
/// nobody is given up for having had no processor for some seconds.
pub(crate) const STEADY: &str = "\
replica.fetch.max.bytes=65536
zookeeper.session.timeout.ms=10000
broker.session.timeout.ms=9000
controller.quorum.fetch.timeout.ms=6000
";

/// All of it. The cluster is a [`Setup`] with [`STEADY`], and has had no group yet.
pub(crate) async fn administration(real: &RealCluster) {
    let cluster = Cluster::new(real.bootstrap(), Options::new("test", PATIENCE));
    let world = World { real, cluster };
    settings(&world).await;
    moved_with_a_limit(&world).await;
    limits_of_others(&world).await;
    elections(&world).await;
    disks(&world).await;
    a_group(&world).await;
    if real.kind == Kind::KRaft {
        a_group_of_the_new_protocol(&world).await;
    }
    the_cluster(&world).await;
}

fn name(text: &str) -> TopicName {
    text.parse().unwrap()
}

fn change(set: &[(&str, &str)], unset: &[&str]) -> Change {
    Change {
        set: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        unset: unset.iter().map(|name| (*name).to_owned()).collect(),
    }
}

async fn create(world: &World<'_>, topic: &str, partitions: u32, replication: u16) {
    let topic = NewTopic {
        partitions: Some(partitions),
        replication: Some(replication),
        ..NewTopic::new(name(topic))
    };
    world.cluster.create_topic(&topic).await.unwrap();
    // Tools and consumers ask whichever broker they like.
    for broker in world.each() {
        until("a leader of each partition", async || {
            let names = [topic.name.clone()];
            let metadata = broker.metadata(Topics::Named(&names)).await.ok()?;
            let found = metadata.topics.get(topic.name.as_str())?;
            let led = found.partitions.values().filter(|state| state.leader.is_some()).count();
            (led == usize::try_from(partitions).unwrap()).then_some(())
        })
        .await;
    }
}

/// Waits until each broker knows settings of the topic in which `right` holds; all are told what the last one has.
async fn known(
    world: &World<'_>,
    topic: &str,
    what: &str,
    right: impl Fn(&BTreeMap<String, Setting>) -> bool,
) -> BTreeMap<String, Setting> {
    let mut last = BTreeMap::new();
    for broker in world.each() {
        last = until(what, async || {
            let found = broker.settings(&Resource::Topic(name(topic)), None).await.unwrap();
            right(&found).then_some(found)
        })
        .await;
    }
    last
}

/// What Kafka's own tool says of a topic.
fn described(world: &World<'_>, topic: &str) -> String {
    let printed = world.real.topic_command(&["--describe", "--topic", topic]).end();
    assert!(printed.success, "{printed:?}");
    printed.stdout
}

async fn settings(world: &World<'_>) {
    let cluster = &world.cluster;
    create(world, "set", 1, 2).await;
    let topic = Resource::Topic(name("set"));
    let wanted = change(&[("retention.ms", "3600000"), ("cleanup.policy", "compact,delete")], &[]);
    // A trial changes nothing.
    cluster.alter_settings(&topic, &wanted, true).await.unwrap();
    let found = cluster.settings(&topic, None).await.unwrap();
    assert_ne!(found["retention.ms"].source, Source::Topic);
    assert!(found.len() > 15, "all settings are told: {found:?}");

    cluster.alter_settings(&topic, &wanted, false).await.unwrap();
    let set = |found: &BTreeMap<String, Setting>| found["retention.ms"].source == Source::Topic;
    let found = known(world, "set", "the setting", set).await;
    assert_eq!(found["retention.ms"].value.as_deref(), Some("3600000"));
    assert!(!found["retention.ms"].sensitive);
    let text = described(world, "set");
    assert!(text.contains("retention.ms=3600000"), "{text}");
    assert!(text.contains("cleanup.policy=compact,delete"), "{text}");

    // The other stays.
    cluster.alter_settings(&topic, &change(&[], &["retention.ms"]), false).await.unwrap();
    known(world, "set", "the setting to go", |found| {
        found["retention.ms"].source != Source::Topic && found["cleanup.policy"].source == Source::Topic
    })
    .await;

    // Refusals, in Kafka's words.
    let error = cluster.alter_settings(&topic, &change(&[("retention.ms", "soon")], &[]), false).await;
    let error = error.unwrap_err();
    // Its code changed in 3.0.
    let code = if world.real.kind == Kind::Old { "INVALID_REQUEST" } else { "INVALID_CONFIG" };
    assert!(matches!(&error, AdminError::Refused(error) if error.name == code), "{error:?}");
    assert!(error.to_string().contains("soon"), "{error}");
    let nowhere = Resource::Topic(name("nowhere"));
    let error = cluster.settings(&nowhere, None).await.unwrap_err();
    assert!(matches!(error, AdminError::UnknownTopic(_)), "{error:?}");
    let error = cluster.alter_settings(&nowhere, &wanted, false).await.unwrap_err();
    assert!(matches!(error, AdminError::UnknownTopic(_)), "{error:?}");

    let broker = cluster.settings(&Resource::Broker(1), None).await.unwrap();
    assert_eq!(broker["offsets.topic.num.partitions"].value.as_deref(), Some("3"));
    assert_eq!(broker["offsets.topic.num.partitions"].source, Source::StaticBroker);
    assert!(broker["log.dirs"].read_only);
    let secret = &broker["ssl.keystore.password"];
    assert!(secret.sensitive && secret.value.is_none(), "{secret:?}");
    let error = cluster.settings(&Resource::Broker(9), None).await.unwrap_err();
    assert_eq!(error.to_string(), "broker 9 does not run: 0, 1, 2 do");
}

/// Where a topic's partitions lie.
async fn assignment(world: &World<'_>, topic: &str) -> Assignment {
    world.cluster.assignment(&BTreeSet::from([name(topic)])).await.unwrap()
}

/// Waits until each broker knows that a topic lies there.
async fn lies(world: &World<'_>, topic: &str, expect: &Assignment) {
    for broker in world.each() {
        until("all brokers to know", async || {
            let found = broker.assignment(&BTreeSet::from([name(topic)])).await.unwrap();
            (found == *expect).then_some(())
        })
        .await;
    }
}

/// Brings the partitions of a topic to where they are to be.
async fn bring(world: &World<'_>, from: &Assignment, to: &Assignment, rate: Option<u64>) {
    let outcome = world.cluster.reassign(from, to, rate).await.unwrap();
    assert!(outcome.refused.is_empty(), "{outcome:?}");
    assert_eq!(outcome.started.len(), reassign::changes(from, to).count());
}

async fn arrived(world: &World<'_>) {
    until("all to have arrived", async || world.cluster.progress().await.unwrap().is_empty().then_some(()))
        .await;
}

/// Writes records of `size` bytes to each partition. A new leader may need a moment to know that it is one.
async fn fill(world: &World<'_>, topic: &str, partitions: u32, records: usize, size: usize) {
    let names = [name(topic)];
    // Older records would soon be removed.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = i64::try_from(now).unwrap();
    for number in 0..partitions {
        for round in 0..records {
            // No two alike, so that nobody compresses them.
            let value: Vec<u8> = (round..round + size).map(|at| (at * at % 251) as u8).collect();
            until("a record to be written", async || {
                let metadata = world.cluster.metadata(Topics::Named(&names)).await.ok()?;
                let leader = metadata.topics[topic].partitions[&number].leader?;
                let mut connection = world.cluster.connect(metadata.brokers.get(&leader)?).await.ok()?;
                connection.produce(&names[0], number, value.clone().into(), now).await.ok()
            })
            .await;
        }
    }
}

async fn moved_with_a_limit(world: &World<'_>) {
    let cluster = &world.cluster;
    create(world, "moved", 2, 1).await;
    fill(world, "moved", 2, 54, 50_000).await;
    let from = assignment(world, "moved").await;
    // Away from where they are, with a replica more.
    let held: BTreeSet<u32> = from.values().flatten().copied().collect();
    let gone = *held.first().unwrap();
    let wished: BTreeSet<u32> = (0..3).filter(|id| *id != gone).collect();
    let to = reassign::spread(&from, &wished, Some(2)).unwrap();

    // So slow that it does not end while we look.
    bring(world, &from, &to, Some(500)).await;
    let progress = until("bytes to be copied", async || {
        let progress = cluster.progress().await.unwrap();
        progress.values().all(|one| one.total.is_some_and(|total| total > 0)).then_some(progress)
    })
    .await;
    assert!(!progress.is_empty());
    for (partition, one) in &progress {
        // KRaft's controller tells them in an order of its own.
        let adding: BTreeSet<u32> = one.moving.adding.iter().copied().collect();
        assert_eq!(adding, reassign::copies(&from[partition], &to[partition]).collect());
        let (total, done) = (one.total.unwrap(), one.done.unwrap());
        assert!(total >= 2_700_000 && done < total, "{one:?}");
    }
    // What is on its way counts as arrived.
    let sorted = |replicas: &[u32]| replicas.iter().copied().collect::<BTreeSet<u32>>();
    until("the replicas to come", async || {
        let expected = assignment(world, "moved").await;
        let all = expected.iter().all(|(partition, replicas)| sorted(replicas) == sorted(&to[partition]));
        all.then_some(())
    })
    .await;
    known(world, "moved", "the limit", |found| throttle::of_topic(found) == Owner::Us).await;
    let text = described(world, "moved");
    assert!(text.contains(LEADER_REPLICAS) && text.contains(FOLLOWER_REPLICAS), "{text}");
    // S-110: what only waits for a new replica is well, for Kafka's tool and for us.
    until("the report to be Kafka's", async || {
        let printed = world.real.topic_command(&["--describe", "--under-replicated-partitions"]).end();
        let lines = cluster.report(Report::UnderReplicated).await.ok()?;
        let ours: String = lines.iter().map(|line| format!("{line}\n")).collect();
        (printed.success && printed.stdout == ours).then_some(())
    })
    .await;
    // S-119, D18: nor is it missed by the check of the service's health, or waited for after a restart; but it is there.
    let snapshot = cluster.snapshot(0).await.unwrap();
    let moved = &snapshot.topics[&name("moved")].partitions;
    assert!(moved.values().all(|partition| !partition.under_replicated()), "{moved:?}");
    let is_bringing =
        |partition: &Partition| partition.coming.iter().any(|replica| partition.replicas.contains(replica));
    assert!(moved.values().any(is_bringing), "{moved:?}");
    // While it is on its way the limit stays.
    let tended = cluster.tend().await.unwrap();
    assert_eq!(tended.moving, BTreeSet::from([name("moved")]));
    assert!(tended.brokers.is_empty() && tended.topics.is_empty() && !tended.is_over(), "{tended:?}");

    // Asked for once more with another rate, it goes on within that, on all brokers that copy.
    let outcome = cluster.reassign(&assignment(world, "moved").await, &to, Some(1_000)).await.unwrap();
    assert!(outcome.refused.is_empty(), "{outcome:?}");
    assert!(outcome.limited.keys().eq(progress.keys()), "{outcome:?}");
    for id in outcome.limited.values().flat_map(|copied| copied.from.union(&copied.to)) {
        until("the other rate", async || {
            let found = cluster.settings(&Resource::Broker(*id), None).await.unwrap();
            let is = |name, rate| found[name].value.as_deref() == Some(rate);
            (is(FOLLOWER_RATE, "1000") && is(LEADER_RATE, "1001")).then_some(())
        })
        .await;
    }
    assert!(cluster.progress().await.unwrap().keys().eq(progress.keys()));

    let cancelled = cluster.cancel(Some(&BTreeSet::from([name("moved")]))).await.unwrap();
    assert_eq!(cancelled.started, progress.keys().cloned().collect());
    arrived(world).await;
    lies(world, "moved", &from).await;
    no_limit_after(world, "moved").await;

    // Once more, fast enough, and somebody else than who began it cleans up.
    bring(world, &from, &to, Some(100_000_000)).await;
    arrived(world).await;
    lies(world, "moved", &to).await;
    no_limit_after(world, "moved").await;
    let nothing = cluster.cancel(None).await.unwrap();
    assert!(nothing.started.is_empty() && nothing.refused.is_empty());

    // What can't be.
    let partition = TopicPartition { topic: name("moved"), number: 0 };
    let wrong = Assignment::from([(partition, vec![1, 9])]);
    let error = cluster.reassign(&to, &wrong, None).await.unwrap_err();
    assert_eq!(error.to_string(), "broker 9 does not run: 0, 1, 2 do");
    let absent = TopicPartition { topic: name("moved"), number: 7 };
    let outcome = cluster
        .reassign(
            &Assignment::from([(absent.clone(), vec![0])]),
            &Assignment::from([(absent, vec![1])]),
            None,
        )
        .await
        .unwrap();
    assert_eq!(outcome.refused.values().next().unwrap().name, "UNKNOWN_TOPIC_OR_PARTITION");
}

/// A new client, that knows of nothing, removes what is left, and Kafka's tool sees none of it.
async fn no_limit_after(world: &World<'_>, topic: &str) {
    let stranger = Cluster::new(world.real.bootstrap(), Options::new("stranger", PATIENCE));
    let tended = stranger.tend().await.unwrap();
    assert_eq!(tended.topics, BTreeSet::from([name(topic)]), "{tended:?}");
    assert!(!tended.brokers.is_empty() && tended.is_over(), "{tended:?}");
    known(world, topic, "the limit to go", |found| throttle::of_topic(found) == Owner::Nobody).await;
    for id in 0..3 {
        until("the rates to go", async || {
            let found = stranger.settings(&Resource::Broker(id), None).await.unwrap();
            (throttle::of_broker(&found) == Owner::Nobody).then_some(())
        })
        .await;
    }
    let text = described(world, topic);
    assert!(!text.contains("throttled"), "{text}");
    until("nothing to be left", async || {
        (stranger.tend().await.unwrap() == kafka::cluster::Tended::default()).then_some(())
    })
    .await;
}

async fn limits_of_others(world: &World<'_>) {
    let cluster = &world.cluster;
    let from = assignment(world, "moved").await;
    let to = reassign::spread(&from, &(0..3).collect(), Some(3)).unwrap();
    let foreign = change(&[(LEADER_RATE, "50000000"), (FOLLOWER_RATE, "50000000")], &[]);
    cluster.alter_settings(&Resource::Broker(0), &foreign, false).await.unwrap();
    until("the rates", async || {
        let found = cluster.settings(&Resource::Broker(0), None).await.unwrap();
        (throttle::of_broker(&found) == Owner::Another).then_some(())
    })
    .await;
    let error = cluster.reassign(&from, &to, Some(1_000_000)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "broker 0 has leader.replication.throttled.rate or follower.replication.throttled.rate set by somebody else; \
         remove them, or give no throttle"
    );
    // Nothing was begun, so nothing is left; and theirs stays.
    assert!(cluster.reassignments().await.unwrap().is_empty());
    assert_eq!(cluster.tend().await.unwrap(), kafka::cluster::Tended::default());
    let found = cluster.settings(&Resource::Broker(0), None).await.unwrap();
    assert_eq!(found[LEADER_RATE].value.as_deref(), Some("50000000"));
    let none = change(&[], &[LEADER_RATE, FOLLOWER_RATE]);
    cluster.alter_settings(&Resource::Broker(0), &none, false).await.unwrap();
}

async fn elections(world: &World<'_>) {
    let cluster = &world.cluster;
    create(world, "led", 1, 2).await;
    let from = assignment(world, "led").await;
    let (partition, replicas) = from.first_key_value().unwrap();
    let to = Assignment::from([(partition.clone(), replicas.iter().rev().copied().collect())]);
    bring(world, &from, &to, None).await;
    arrived(world).await;
    let only = BTreeSet::from([partition.clone()]);
    // The other is in sync by now or soon.
    until("an election", async || {
        let elected = cluster.elect_preferred(Some(&only)).await.unwrap();
        (elected[partition] == Elected::Done).then_some(())
    })
    .await;
    let elected = cluster.elect_preferred(Some(&only)).await.unwrap();
    assert_eq!(elected, BTreeMap::from([(partition.clone(), Elected::NotNeeded)]));
    for broker in world.each() {
        until("all brokers to know the leader", async || {
            let names = [name("led")];
            let metadata = broker.metadata(Topics::Named(&names)).await.unwrap();
            (metadata.topics["led"].partitions[&0].leader == replicas.last().copied()).then_some(())
        })
        .await;
    }
    let absent = TopicPartition { topic: name("led"), number: 7 };
    let elected = cluster.elect_preferred(Some(&BTreeSet::from([absent.clone()]))).await.unwrap();
    assert!(
        matches!(&elected[&absent], Elected::Refused(error) if error.name == "UNKNOWN_TOPIC_OR_PARTITION"),
        "{elected:?}"
    );
    for elected in cluster.elect_preferred(None).await.unwrap().values() {
        assert!(matches!(elected, Elected::Done | Elected::NotNeeded), "{elected:?}");
    }
}

async fn disks(world: &World<'_>) {
    let dirs = world.cluster.log_dirs(None).await.unwrap();
    assert_eq!(dirs.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    let placed = assignment(world, "moved").await;
    for (partition, replicas) in &placed {
        for (id, dirs) in &dirs {
            let [dir] = dirs.as_ref().unwrap().as_slice() else { panic!("one directory: {dirs:?}") };
            assert!(dir.path.ends_with(&format!("broker-{id}/data")), "{}", dir.path);
            assert_eq!(dir.error, None);
            assert_eq!(dir.total.is_some(), world.real.kind != Kind::Old, "since Kafka 3.3");
            let replica = dir.replicas.iter().find(|replica| replica.partition == *partition);
            assert_eq!(replica.is_some(), replicas.contains(id), "{partition} on {id}");
            if let Some(replica) = replica {
                assert!(replica.size >= 2_700_000 && !replica.future && replica.lag == 0, "{replica:?}");
            }
        }
    }
    let one = world.cluster.log_dirs(Some(&BTreeSet::from([1]))).await.unwrap();
    assert_eq!(one.len(), 1);
    let error = world.cluster.log_dirs(Some(&BTreeSet::from([9]))).await.unwrap_err();
    assert!(matches!(error, AdminError::UnknownBroker { broker: 9, .. }), "{error:?}");
}

async fn a_group(world: &World<'_>) {
    let cluster = &world.cluster;
    // Asking is not what makes Kafka's own topic.
    let error = cluster.group("readers").await.unwrap_err();
    assert_eq!(error.to_string(), "group \"readers\" does not exist");
    assert!(cluster.groups().await.unwrap().groups.is_empty());
    assert!(!cluster.metadata(Topics::All).await.unwrap().topics.contains_key("__consumer_offsets"));

    create(world, "read", 2, 2).await;
    fill(world, "read", 2, 5, 10).await;
    let mut consumer = consumer(world, "readers", "classic");
    consumer.subscribe(&["read"]).unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut read = 0;
        let start = std::time::Instant::now();
        while read < 4 {
            assert!(start.elapsed() < PATIENCE, "the consumer reads nothing");
            if let Some(message) = consumer.poll(std::time::Duration::from_millis(100)) {
                consumer.commit_message(&message.unwrap(), CommitMode::Sync).unwrap();
                read += 1;
            }
        }
        consumer
    });
    consumer = read.await.unwrap();

    let reading = until("the group", async || {
        let reading = cluster.group("readers").await.ok()?;
        // What a leader's followers do not have yet is not counted.
        let counted = reading.partitions.values().all(|one| one.end == Some(5));
        (reading.group.state == "Stable" && counted).then_some(reading)
    })
    .await;
    let [member] = reading.group.members.as_slice() else { panic!("{reading:?}") };
    assert_eq!((member.client.as_str(), member.host.as_str()), ("reader-7", "127.0.0.1"));
    let both: BTreeSet<_> = (0..2).map(|number| TopicPartition { topic: name("read"), number }).collect();
    assert_eq!(member.assigned, both);
    assert_eq!(reading.partitions.keys().cloned().collect::<BTreeSet<_>>(), both);
    assert!(reading.partitions.values().all(|one| one.error.is_none()), "{reading:?}");
    let committed: u64 = reading.partitions.values().filter_map(|one| one.committed).sum();
    assert_eq!(committed, 4);
    let lag: u64 = reading.partitions.values().filter_map(kafka::cluster::Lag::lag).sum();
    let untouched = reading.partitions.values().filter(|one| one.committed.is_none()).count();
    assert_eq!(lag + 5 * u64::try_from(untouched).unwrap(), 6);

    // A broker does not tell its groups while it learns of those that it coordinates since a moment ago.
    let all = until("all brokers to tell their groups", async || {
        let all = cluster.groups().await.unwrap();
        all.silent.is_empty().then_some(all)
    })
    .await;
    let listed = &all.groups["readers"];
    assert_eq!(listed.protocol, "consumer");
    assert_eq!(listed.state.as_deref(), Some("Stable"));
    assert_eq!(
        listed.kind.as_deref().map(str::to_lowercase),
        (world.real.kind != Kind::Old).then(|| "classic".to_owned())
    );

    // Gone, but not forgotten.
    tokio::task::spawn_blocking(move || drop(consumer)).await.unwrap();
    until("the group to be empty", async || {
        let reading = cluster.group("readers").await.unwrap();
        (reading.group.state == "Empty" && reading.group.members.is_empty()).then_some(())
    })
    .await;
    let error = cluster.group("nobody").await.unwrap_err();
    assert_eq!(error.to_string(), "group \"nobody\" does not exist");
}

/// A reader of the topic `read`.
fn consumer(world: &World<'_>, group: &str, protocol: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", world.real.bootstrap().join(","))
        .set("group.id", group)
        .set("group.protocol", protocol)
        .set("client.id", "reader-7")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}

/// KIP-848: a group whose coordinator assigns its partitions has members too. The topic `read` is there, with ten records.
async fn a_group_of_the_new_protocol(world: &World<'_>) {
    let cluster = &world.cluster;
    let consumer = consumer(world, "new-readers", "consumer");
    consumer.subscribe(&["read"]).unwrap();
    let (stop, stopped) = std::sync::mpsc::channel();
    let reads = tokio::task::spawn_blocking(move || {
        while stopped.try_recv().is_err() {
            if let Some(message) = consumer.poll(std::time::Duration::from_millis(100)) {
                consumer.commit_message(&message.unwrap(), CommitMode::Sync).unwrap();
            }
        }
    });
    let both: BTreeSet<_> = (0..2).map(|number| TopicPartition { topic: name("read"), number }).collect();
    let reading = until("the group to have read all", async || {
        let reading = cluster.group("new-readers").await.ok()?;
        let all = reading.partitions.values().all(|one| one.committed == Some(5) && one.lag() == Some(0));
        (all && reading.partitions.len() == 2 && reading.group.state == "Stable").then_some(reading)
    })
    .await;
    let [member] = reading.group.members.as_slice() else { panic!("{reading:?}") };
    assert_eq!((member.client.as_str(), member.host.as_str()), ("reader-7", "127.0.0.1"));
    assert_eq!(member.assigned, both);
    assert_eq!(reading.group.protocol, "consumer");
    // As Kafka's own tool has it.
    let servers = world.real.bootstrap().join(",");
    let arguments = ["--bootstrap-server", &servers, "--describe", "--group", "new-readers", "--members"];
    let main = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    let printed = world.real.tool(main, &arguments).end();
    assert!(printed.success && printed.stdout.contains(&member.id), "{printed:?}");
    let listed = &cluster.groups().await.unwrap().groups["new-readers"];
    assert_eq!(listed.kind.as_deref().map(str::to_lowercase).as_deref(), Some("consumer"));

    stop.send(()).unwrap();
    reads.await.unwrap();
    until("the group to be empty", async || {
        let reading = cluster.group("new-readers").await.unwrap();
        (reading.group.state == "Empty" && reading.group.members.is_empty()).then_some(())
    })
    .await;
}

async fn the_cluster(world: &World<'_>) {
    let mut connection = world.cluster.any().await.unwrap();
    let described = connection.describe_cluster().await.unwrap();
    let addresses: Vec<String> = described.brokers.values().map(|node| node.address.clone()).collect();
    assert_eq!(addresses, world.real.bootstrap());
    assert!(!described.cluster_id.is_empty() && described.controller.is_some());
    match connection.quorum().await {
        Ok(quorum) => {
            assert_eq!(world.real.kind, Kind::KRaft);
            assert_eq!(quorum.voters.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
            assert!(
                quorum.leader.is_some_and(|leader| leader < 3) && quorum.high_watermark > 0,
                "{quorum:?}"
            );
        }
        Err(error) => {
            assert_ne!(world.real.kind, Kind::KRaft);
            assert!(matches!(error, Error::Version { .. }), "{error}");
            assert!(error.to_string().contains("Kafka 3.3 (KIP-836), with KRaft"), "{error}");
        }
    }
}
