//! A topic's life, by our calls: made, grown, written to, reported, deleted.

use kafka::{
    client::{At, Options},
    cluster::{ChangeError, Cluster, OffsetsError},
    report::Report,
    topic::{NewTopic, TopicName},
};

use crate::{LIMIT, cluster::RealCluster, golden, harness::until};

/// S-104…S-112, D27, D41, D42
pub(crate) async fn a_topics_life(servers: &mut RealCluster) {
    let kind = servers.kind;
    let cluster = Cluster::new(servers.bootstrap(), Options::new("test", LIMIT));
    let name: TopicName = "orders".parse().unwrap();
    let absent = cluster.offsets(&name, At::End).await;
    assert!(matches!(absent, Err(OffsetsError::NotFound { .. })), "{kind}: {absent:?}");
    let absent = cluster.add_partitions(&name, 2).await;
    assert!(matches!(absent, Err(ChangeError::NotFound { .. })), "{kind}: {absent:?}");
    let absent = cluster.delete_topic(&name).await;
    assert!(matches!(absent, Err(ChangeError::NotFound { .. })), "{kind}: {absent:?}");

    let created = cluster.create_topic(&NewTopic::new(name.clone())).await.unwrap();
    assert_eq!((created.partitions, created.replication), (1, 3), "{kind}");
    cluster.add_partitions(&name, 3).await.unwrap();
    for (total, reason) in [(3, "already has 3 partition"), (2, "currently has 3 partition")] {
        let refused = cluster.add_partitions(&name, total).await;
        let Err(ChangeError::InvalidPartitions(error)) = refused else { panic!("{kind}: {refused:?}") };
        println!("{kind}: {error}");
        assert!(error.message.as_ref().is_some_and(|words| words.contains(reason)), "{kind}: {error}");
    }

    for time in [1000, 2000, 3000] {
        // A leader may take a moment to learn that it is one.
        until("a record to be taken", async || {
            let metadata = cluster.metadata_of(&name).await.ok()?;
            let leader = metadata.topics["orders"].partitions.get(&1)?.leader?;
            let address = metadata.brokers.get(&leader)?;
            cluster.connect(address).await.ok()?.produce(&name, 1, "x".into(), time).await.ok()
        })
        .await;
    }
    // What its replicas do not have yet is not counted.
    until("the end to be told", async || {
        let offsets = cluster.offsets(&name, At::End).await.unwrap();
        (offsets[&1] == Some(3)).then_some(())
    })
    .await;
    for (at, offset) in
        [(At::First, Some(0)), (At::Time(1500), Some(1)), (At::Time(3000), Some(2)), (At::Time(3001), None)]
    {
        let offsets = cluster.offsets(&name, at).await.unwrap();
        assert_eq!(offsets.len(), 3, "{kind}");
        assert_eq!(offsets[&1], offset, "{kind}: {at:?}");
    }

    golden::all_up(servers, &cluster, "orders").await;
    if servers.zookeeper.is_some() {
        many_partitions_have_their_states(servers, &cluster).await;
    }

    for report in [Report::UnderReplicated, Report::Unavailable] {
        until("nothing to report", async || cluster.report(report).await.unwrap().is_empty().then_some(()))
            .await;
    }
    servers.kill(1).await;
    let lines = until("all to be reported", async || {
        let lines = cluster.report(Report::UnderReplicated).await.ok()?;
        let orders = lines.into_iter().filter(|line| line.id.topic.as_str() == "orders").collect::<Vec<_>>();
        (orders.len() == 3).then_some(orders)
    })
    .await;
    println!("{kind}: {}", lines[0]);
    golden::one_down(servers, &cluster).await;
    servers.restart(1).await;
    golden::all_up_again(servers).await;
    until("nobody to be missed", async || {
        cluster.report(Report::UnderReplicated).await.ok()?.is_empty().then_some(())
    })
    .await;

    cluster.delete_topic(&name).await.unwrap();
    until("it to be gone", async || {
        let metadata = cluster.metadata_of(&name).await.ok()?;
        (!metadata.topics["orders"].exists()).then_some(())
    })
    .await;
}

/// S-103: more than are read together with their topic, by one request or, before ZooKeeper 3.6, by one each.
async fn many_partitions_have_their_states(servers: &RealCluster, cluster: &Cluster) {
    let name: TopicName = "wide".parse().unwrap();
    cluster.create_topic(&NewTopic { partitions: Some(18), ..NewTopic::new(name.clone()) }).await.unwrap();
    let zookeeper = servers.in_zookeeper();
    until("the brokers and ZooKeeper to agree", async || {
        let topic = zookeeper.topic("wide").await.unwrap().unwrap();
        assert_eq!(topic.assignment.len(), 18);
        let known = cluster.metadata_of(&name).await.ok()?;
        let brokers = known.topics["wide"].partitions.iter();
        let brokers: Vec<_> = brokers.map(|(number, one)| (*number, one.leader, one.isr.clone())).collect();
        let states = topic.states.into_iter().map(|(number, one)| {
            let isr = one.isr.iter().map(|id| u32::try_from(*id).unwrap()).collect();
            (number, u32::try_from(one.leader).ok(), isr)
        });
        (states.collect::<Vec<_>>() == brokers).then_some(())
    })
    .await;
    cluster.delete_topic(&name).await.unwrap();
}
