//! Topics that no ZooKeeper keeps (D43), beside what Kafka's own tools say.

use kafka::{
    client::Options,
    cluster::Cluster,
    partition::PartitionState,
    topic::{NewTopic, TopicName},
};

use crate::{
    cluster::RealCluster,
    harness::{PATIENCE, until},
};

/// S-102, S-103, D43: list and description of a KRaft cluster, through a new leader and, where that broker was it, a new
/// controller. A broker of it stays down.
pub(crate) async fn topics_without_zookeeper(real: &mut RealCluster) {
    let cluster = Cluster::new(real.bootstrap(), Options::new("test", PATIENCE));
    let keeper = real.keeper();
    let name: TopicName = "kept".parse().unwrap();
    assert_eq!(cluster.topic(&keeper, &name).await.unwrap(), None);
    // While no broker runs, nobody knows; that is not to have none.
    let nobody = cluster.at([]);
    for error in [nobody.topics(&keeper).await.unwrap_err(), nobody.topic(&keeper, &name).await.unwrap_err()]
    {
        assert_eq!(error.to_string(), "no broker answered: none is known");
    }

    let new = NewTopic { partitions: Some(2), replication: Some(3), ..NewTopic::new(name.clone()) };
    cluster.create_topic(&new).await.unwrap();
    // Who is asked may hear of it later than the controller.
    until("the list to have it", async || {
        cluster.topics(&keeper).await.unwrap().contains(&"kept".to_owned()).then_some(())
    })
    .await;
    let topic = cluster.topic(&keeper, &name).await.unwrap().unwrap();
    assert_eq!(topic.states.len(), 2);
    let controller_epoch = controller_epoch(real);
    for (number, replicas) in &topic.assignment {
        let (isr, leader) = (replicas.clone(), replicas[0]);
        let state = PartitionState { controller_epoch, isr, leader, leader_epoch: 0, version: 1 };
        assert_eq!(topic.states[number], state);
    }

    let leader = topic.states[&0].leader;
    real.kill(leader.cast_unsigned()).await;
    let state = until("another leader", async || {
        let mut topic = cluster.topic(&keeper, &name).await.ok()??;
        topic.states.remove(&0).filter(|state| state.leader >= 0 && state.leader != leader)
    })
    .await;
    assert!(state.leader_epoch > 0 && !state.isr.contains(&leader), "{state:?}");
    assert_eq!((state.controller_epoch, state.version), (self::controller_epoch(real), 1));
}

/// As `kafka-metadata-quorum.sh describe --status` prints it.
fn controller_epoch(real: &RealCluster) -> i32 {
    let printed = real.quorum_status().end();
    assert!(printed.success, "{printed:?}");
    let epoch = printed.stdout.lines().find_map(|line| line.strip_prefix("LeaderEpoch:"));
    epoch.and_then(|epoch| epoch.trim().parse().ok()).unwrap_or_else(|| panic!("{printed:?}"))
}
