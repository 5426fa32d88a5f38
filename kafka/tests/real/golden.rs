//! What we say beside what Kafka's own tools of the broker's version say, of the same cluster at the same moment.

use kafka::{
    client::{At, CreateError},
    cluster::{ChangeError, Cluster, CreateTopicError},
    report::Report,
    topic::{NewTopic, TopicName},
};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, CreateTopicsResponse, create_topics_request::CreatableTopic,
};

use crate::{
    cluster::{Kind, RealCluster},
    harness::{Printed, Tool, until},
    wire,
};

/// What the answer to a create begins with where a name has '.' or '_' (S-104); `api` says it to the letter too.
const COLLIDES: &str = "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') \
                        could collide. To avoid issues it is best to use either, but not both.\n";

fn name(text: &str) -> TopicName {
    text.parse().unwrap()
}

/// On a cluster whose brokers all run: names, refusals and offsets. `topic` has three partitions and some records in it.
pub(crate) async fn all_up(servers: &RealCluster, cluster: &Cluster, topic: &str) {
    names(servers).await;
    // One partition on each broker.
    let lone = NewTopic { partitions: Some(3), replication: Some(1), ..NewTopic::new(name("lone")) };
    cluster.create_topic(&lone).await.unwrap();
    let tools = [
        servers.topic_command(&["--create", "--topic", "a.b", "--partitions", "1"]),
        servers.topic_command(&["--alter", "--topic", topic, "--partitions", "2"]),
        servers.topic_command(&["--alter", "--topic", topic, "--partitions", "3"]),
    ];
    let [created, fewer, same] = tools.map(Tool::end);
    // S-104, D10
    assert!(created.success, "{created:?}");
    assert_eq!(created.stdout, format!("{COLLIDES}Created topic a.b.\n"), "{}", servers.kind);
    let twin = servers.topic_command(&["--create", "--topic", "a_b", "--partitions", "1"]);
    let ours = cluster.create_topic(&NewTopic::new(name("a_b"))).await;
    let Err(CreateTopicError::Create(CreateError::Collides { with, .. })) = ours else { panic!("{ours:?}") };
    let theirs = said(twin.end());
    let topics = if servers.kind == Kind::KRaft { "topic" } else { "topics" };
    assert!(theirs.contains(&format!("collides with existing {topics}: {}", with.join(", "))), "{theirs}");
    // S-106
    for (total, theirs) in [(2, fewer), (3, same)] {
        let ours = cluster.add_partitions(&name(topic), total).await;
        let Err(error @ ChangeError::InvalidPartitions(_)) = ours else { panic!("{ours:?}") };
        let theirs = said(theirs);
        assert!(
            theirs.contains(&error.to_string()),
            "{}: we say {error}, the tool says {theirs}",
            servers.kind
        );
    }
    offsets(servers, cluster, topic).await;
}

/// S-105; where no record is that new, 2.8 gives the partition no offset and newer tools leave it out.
async fn offsets(servers: &RealCluster, cluster: &Cluster, topic: &str) {
    let times = [("-2", At::First), ("-1", At::End), ("1500", At::Time(1500)), ("99999", At::Time(99_999))];
    let tools = times.map(|(time, _)| servers.offset_shell(&["--topic", topic, "--time", time]));
    for ((_, at), theirs) in times.into_iter().zip(tools.map(Tool::end)) {
        let ours = cluster.offsets(&name(topic), at).await.unwrap();
        let shown = |(partition, offset): (&u32, &Option<u64>)| match offset {
            Some(offset) => Some(format!("{topic}:{partition}:{offset}\n")),
            None if servers.kind == Kind::Old => Some(format!("{topic}:{partition}:\n")),
            None => None,
        };
        let ours: String = ours.iter().filter_map(shown).collect();
        assert!(theirs.success, "{theirs:?}");
        assert_eq!(ours, theirs.stdout, "{}: {at:?}", servers.kind);
    }
}

/// With a broker gone: S-110, S-111, S-112, D41.
pub(crate) async fn one_down(servers: &RealCluster, cluster: &Cluster) {
    let created = cluster.create_topic(&NewTopic::new(name("of-two"))).await.unwrap();
    assert_eq!((created.partitions, created.replication), (1, 2), "{}", servers.kind);
    for (report, option, topic) in [
        (Report::UnderReplicated, "--under-replicated-partitions", "orders"),
        (Report::Unavailable, "--unavailable-partitions", "lone"),
    ] {
        // Brokers hear of a change one after another, and the tool asks any of them.
        until("both to say the same", async || {
            let theirs = servers.topic_command(&["--describe", option]).end();
            assert!(theirs.success, "{theirs:?}");
            let lines = cluster.report(report).await.unwrap();
            let ours: String = lines.iter().map(|line| format!("{line}\n")).collect();
            // The tool's topics are in the order of a hash table, ours in the order of their names.
            let mut theirs: Vec<&str> = theirs.stdout.split_inclusive('\n').collect();
            theirs.sort_by_key(|line| line.split('\t').nth(1).map(str::to_owned));
            let right = ours == theirs.concat() && ours.contains(&format!("Topic: {topic}\t"));
            if !right {
                println!("{}, {option}: the tool says\n{}and we\n{ours}", servers.kind, theirs.concat());
            }
            right.then_some(())
        })
        .await;
    }
}

/// The broker's own verdict on names, beside ours.
async fn names(servers: &RealCluster) {
    let long = |length| "x".repeat(length);
    let names = [
        "a",
        "A.b_c-9",
        "...",
        "-",
        "_",
        "__consumer",
        " ",
        "",
        ".",
        "..",
        "a b",
        "a/b",
        "a\tb",
        "a\u{0}",
        "ä",
        "a:b",
        "a,b",
        "a\"b",
        "a\\b",
        "a=b",
        "a*",
        "a+",
        "1",
        "0",
        "NaN",
        "\u{1f980}",
        &long(248),
        &long(249),
        &long(250),
    ];
    let topics = names.iter().map(|name| {
        CreatableTopic::default()
            .with_name(kafka_protocol::messages::TopicName((*name).to_owned().into()))
            .with_num_partitions(1)
            .with_replication_factor(1)
    });
    let request = CreateTopicsRequest::default()
        .with_topics(topics.collect())
        .with_timeout_ms(5_000)
        .with_validate_only(true);
    let answer = until("a verdict on names", async || {
        let known = wire::metadata(&servers.nodes[0].internal).ok()?;
        let controller = servers.nodes.iter().find(|node| node.id.cast_signed() == known.controller_id.0)?;
        let answer: CreateTopicsResponse =
            wire::ask(&controller.internal, ApiKey::CreateTopics, 4, &request).ok()?;
        answer.topics.iter().all(|topic| matches!(topic.error_code, 0 | 17)).then_some(answer)
    })
    .await;
    for topic in answer.topics {
        let ours = topic.name.parse::<TopicName>();
        let theirs = topic.error_message.map(|words| words.to_string());
        assert_eq!(ours.is_ok(), topic.error_code == 0, "{}: {ours:?}, {theirs:?}", servers.kind);
    }
}

/// All a tool said.
fn said(printed: Printed) -> String {
    printed.stdout + &printed.stderr
}
