//! What we say beside what Kafka's own tools of the broker's version say, of the same cluster at the same moment (S-096).

use kafka::{
    client::{At, CreateError},
    cluster::{ChangeError, Cluster, CreateTopicError},
    report::Report,
    topic::{InvalidTopicName, NewTopic, TopicName},
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

/// The answer to a deletion (S-109); `api` says it to the letter too.
const MARKED: &str = "Topic a.b is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set \
                      to true.\n";

/// A topic that is deleted while one of its brokers is down.
const DOOMED: &str = "doomed";

fn name(text: &str) -> TopicName {
    text.parse().unwrap()
}

/// On a cluster whose brokers all run: names, refusals and offsets. `topic` has three partitions and some records in it.
pub(crate) async fn all_up(servers: &RealCluster, cluster: &Cluster, topic: &str) {
    names(servers).await;
    // One partition on each broker.
    let lone = NewTopic { partitions: Some(3), replication: Some(1), ..NewTopic::new(name("lone")) };
    cluster.create_topic(&lone).await.unwrap();
    // A replica on each broker.
    let doomed = NewTopic { partitions: Some(1), replication: Some(3), ..NewTopic::new(name(DOOMED)) };
    cluster.create_topic(&doomed).await.unwrap();
    let tools = [
        servers.topic_command(&["--create", "--topic", "a.b", "--partitions", "1"]),
        servers.topic_command(&["--alter", "--topic", topic, "--partitions", "2"]),
        servers.topic_command(&["--alter", "--topic", topic, "--partitions", "3"]),
    ];
    let refused = servers.topic_command(&["--create", "--topic", "a b", "--partitions", "1"]);
    let [created, fewer, same] = tools.map(Tool::end);
    // S-104, D10
    assert!(created.success, "{created:?}");
    assert_eq!(created.stdout, format!("{COLLIDES}Created topic a.b.\n"), "{}", servers.kind);
    let twin = servers.topic_command(&["--create", "--topic", "a_b", "--partitions", "1"]);
    let ours = cluster.create_topic(&NewTopic::new(name("a_b"))).await;
    let Err(CreateTopicError::Create(error @ CreateError::Collides(_))) = ours else { panic!("{ours:?}") };
    let theirs = said(twin.end());
    assert!(theirs.contains(&error.to_string()), "{}: we say {error}, the tool {theirs}", servers.kind);
    let refused = said(refused.end());
    let words = words(servers.kind, "a b").unwrap();
    assert!(refused.contains(&words), "{}: {words}, the tool says {refused}", servers.kind);
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

/// S-102, S-103, S-109: a deletion is accepted and can't end, since a broker with a replica is down. Where ZooKeeper keeps
/// topics it keeps this one; brokers have forgotten it, and so have their tool and we.
async fn a_deletion_that_waits(servers: &RealCluster, cluster: &Cluster) {
    let (keeper, doomed) = (servers.keeper(), name(DOOMED));
    assert!(cluster.topic(&keeper, &doomed).await.unwrap().is_some());
    cluster.delete_topic(&doomed).await.unwrap();
    let is_gone = async || {
        let is_listed = cluster.topics(&keeper).await.unwrap().contains(&DOOMED.to_owned());
        !is_listed && cluster.topic(&keeper, &doomed).await.unwrap().is_none()
    };
    match servers.kind {
        // One broker hears of it later than another.
        Kind::KRaft => until("it to be gone", async || is_gone().await.then_some(())).await,
        Kind::ZooKeeper | Kind::Old => assert!(is_gone().await, "{}", servers.kind),
    }
    // What the tool deletes is gone for us too. The guide's words are those of a tool that asks ZooKeeper.
    let connect = servers.connect();
    let deleted = match servers.kind {
        Kind::Old => {
            servers.tool("kafka.admin.TopicCommand", &["--zookeeper", &connect, "--delete", "--topic", "a.b"])
        }
        Kind::ZooKeeper | Kind::KRaft => servers.topic_command(&["--delete", "--topic", "a.b"]),
    };
    let deleted = deleted.end();
    let words = if servers.kind == Kind::Old { MARKED } else { "" };
    assert_eq!((deleted.success, deleted.stdout.as_str()), (true, words), "{}: {deleted:?}", servers.kind);
    let described = servers.topic_command(&["--describe", "--topic", DOOMED]);
    until("both to list the same", async || {
        let theirs = servers.topic_command(&["--list"]).end();
        assert!(theirs.success, "{theirs:?}");
        let mut theirs: Vec<&str> = theirs.stdout.lines().collect();
        theirs.sort_unstable();
        (cluster.topics(&keeper).await.unwrap() == theirs).then_some(())
    })
    .await;
    let theirs = said(described.end());
    // 3.9 writes 'Optional[doomed]'.
    assert!(theirs.contains(DOOMED) && theirs.contains(" does not exist"), "{}: {theirs}", servers.kind);
    if servers.zookeeper.is_some() {
        assert!(servers.has_node(&format!("/brokers/topics/{DOOMED}")).await, "the deletion has not ended");
    }
    if servers.kind == Kind::Old {
        let theirs = servers.tool("kafka.admin.TopicCommand", &["--zookeeper", &connect, "--list"]).end();
        assert!(theirs.stdout.contains(&format!("{DOOMED} - marked for deletion")), "{theirs:?}");
    }
}

/// Once the broker is back, the deletion ends.
pub(crate) async fn all_up_again(servers: &RealCluster) {
    if servers.zookeeper.is_some() {
        until("the deletion to end", async || {
            (!servers.has_node(&format!("/brokers/topics/{DOOMED}")).await).then_some(())
        })
        .await;
    }
}

/// With a broker gone: S-110, S-111, S-112, D41.
pub(crate) async fn one_down(servers: &RealCluster, cluster: &Cluster) {
    let created = cluster.create_topic(&NewTopic::new(name("of-two"))).await.unwrap();
    assert_eq!((created.partitions, created.replication), (1, 2), "{}", servers.kind);
    a_deletion_that_waits(servers, cluster).await;
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
        assert_eq!(words(servers.kind, &topic.name), theirs, "{}", servers.kind);
    }
}

/// What Kafka says of a name it does not take: what we say, but no more than the first thing that is wrong (S-104). 2.8 says
/// the same in its own words; of a wrong name we ask no broker, so ours are those of the versions since.
fn words(kind: Kind, name: &str) -> Option<String> {
    let InvalidTopicName { name, mut reasons } = name.parse::<TopicName>().err()?;
    reasons.truncate(1);
    if kind != Kind::Old {
        return Some(InvalidTopicName { name, reasons }.to_string());
    }
    Some(match name.as_str() {
        "" => "Topic name is illegal, it can't be empty".to_owned(),
        "." | ".." => r#"Topic name cannot be "." or "..""#.to_owned(),
        long if reasons[0].contains("longer") => {
            format!("Topic name is illegal, it can't be longer than 249 characters, topic name: {long}")
        }
        other => format!(
            r#"Topic name "{other}" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'"#
        ),
    })
}

/// All a tool said.
fn said(printed: Printed) -> String {
    printed.stdout + &printed.stderr
}
