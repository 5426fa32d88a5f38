//! Deletions that do not happen, beside what Kafka's own tool says (D42), and one that takes long.

use kafka::{
    client::{At, Connection, CreateError, Options},
    cluster::{ChangeError, Cluster, CreateTopicError, OffsetsError},
    topic::{NewTopic, TopicName},
};

use crate::{
    LIMIT, World,
    admin::STEADY,
    cluster::{Kind, RealCluster, Setup},
    harness::{Broker, until},
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

/// S-109: a topic whose deletion is accepted does not exist any more by anyone's word, although Kafka keeps its name until
/// the last replica is gone, here one of a broker that hangs. Until then it can't be created anew, which is said or waited for.
pub(crate) async fn takes_long(world: &World, other: &Broker) {
    let topic = NewTopic::new("leaving".parse().unwrap());
    let address = world.registrations[&world.controller].endpoint().address();
    let mut controller = Connection::connect(&address, &Options::new("test", LIMIT)).await.unwrap();
    let cluster = world.cluster.at([address]);
    cluster.create_topic(&topic).await.unwrap();
    other.pause();
    let deleted = cluster.delete_topic(&topic.name).await;
    let described = world.zookeeper.topic("leaving").await;
    let again = cluster.delete_topic(&topic.name).await;
    let partitions = cluster.add_partitions(&topic.name, 9).await;
    let offsets = cluster.offsets(&topic.name, At::End).await;
    let said = controller.create_topic(&topic, 2).await;
    let (created, ()) = tokio::join!(cluster.create_topic(&topic), async { other.resume() });
    deleted.unwrap();
    assert_eq!(described.unwrap(), None);
    assert!(matches!(again, Err(ChangeError::NotFound { .. })), "{again:?}");
    assert!(matches!(partitions, Err(ChangeError::NotFound { .. })), "{partitions:?}");
    assert!(matches!(offsets, Err(OffsetsError::NotFound { .. })), "{offsets:?}");
    assert!(matches!(said, Err(CreateError::BeingDeleted { .. })), "{said:?}");
    // It waits only so long, and the broker may need longer to be heard of again.
    assert!(
        matches!(created, Ok(_) | Err(CreateTopicError::Create(CreateError::BeingDeleted { .. }))),
        "{created:?}"
    );
    if created.is_err() {
        until("the name to be free", async || cluster.create_topic(&topic).await.ok()).await;
    }
}

/// Of the lines that no other test has with that setting.
#[tokio::test]
async fn of_the_other_lines() {
    for kind in [Kind::Old, Kind::KRaft] {
        let extra = format!("{STEADY}delete.topic.enable=false\n");
        let real = RealCluster::start(&Setup { brokers: 1, extra, ..Setup::of(kind) }).await;
        deletion_is_disabled(&real).await;
    }
}
