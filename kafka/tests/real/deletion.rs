//! Where `delete.topic.enable` is false, beside what Kafka's own tool says (D42).

use kafka::{
    client::Options,
    cluster::{ChangeError, Cluster},
    topic::{NewTopic, TopicName},
};

use crate::{
    LIMIT,
    cluster::{Kind, RealCluster, Setup},
};

/// D42, S-109: nothing is deleted, and both say so; the cluster has the setting. Where it is true, see `golden`.
pub(crate) async fn deletion_is_disabled(real: &RealCluster) {
    let cluster = Cluster::new(real.bootstrap(), Options::new("test", LIMIT));
    let name: TopicName = "stays".parse().unwrap();
    cluster.create_topic(&NewTopic::new(name.clone())).await.unwrap();
    let tool = real.topic_command(&["--delete", "--topic", "stays"]);
    let ours = cluster.delete_topic(&name).await;
    assert!(matches!(ours, Err(ChangeError::DeletionDisabled)), "{}: {ours:?}", real.kind);
    let theirs = tool.end();
    // What the scheduler answers begins with the same words.
    let says_so = (theirs.stdout.clone() + &theirs.stderr).contains("Topic deletion is disabled.");
    assert!(!theirs.success && says_so, "{}: {theirs:?}", real.kind);
    assert!(cluster.topic(&real.keeper(), &name).await.unwrap().is_some(), "{}", real.kind);
}

/// Of the lines that no other test has with that setting.
#[tokio::test]
async fn of_the_other_lines() {
    for kind in [Kind::Old, Kind::KRaft] {
        let extra = "delete.topic.enable=false\n".to_owned();
        let real = RealCluster::start(&Setup { brokers: 1, extra, ..Setup::of(kind) }).await;
        deletion_is_disabled(&real).await;
    }
}
