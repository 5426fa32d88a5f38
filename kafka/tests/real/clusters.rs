//! The clusters that other tests stand on: three brokers of each kind, one of them killed and back again.

use std::time::Instant;

use crate::{
    cluster::{Kind, RealCluster, Setup},
    harness::until,
    wire,
};

#[tokio::test]
async fn three_brokers_of_each_kind() {
    for kind in Kind::ALL {
        let start = Instant::now();
        let mut cluster = RealCluster::start(&Setup::of(kind)).await;
        println!("{kind}: up after {:?}", start.elapsed());
        let create = ["--create", "--topic", "t", "--partitions", "1", "--replication-factor", "3"];
        let created = cluster.topic_command(&create).end();
        assert!(created.success, "{created:?}");
        assert_eq!(created.stdout, "Created topic t.\n");
        println!("{kind}: topic after {:?}", start.elapsed());
        cluster.kill(1).await;
        println!("{kind}: one dead after {:?}", start.elapsed());
        in_sync(&cluster, &[0, 2]).await;
        cluster.restart(1).await;
        in_sync(&cluster, &[0, 1, 2]).await;
        println!("{kind}: back after {:?}", start.elapsed());
    }
}

/// Waits until the topic's replicas in sync are these.
async fn in_sync(cluster: &RealCluster, ids: &[i32]) {
    until("the replicas in sync", async || {
        let metadata = wire::metadata(&cluster.nodes[0].internal).ok()?;
        let topic =
            metadata.topics.iter().find(|topic| topic.name.as_ref().is_some_and(|name| name.as_str() == "t"));
        let mut isr: Vec<i32> = topic?.partitions.first()?.isr_nodes.iter().map(|node| node.0).collect();
        isr.sort_unstable();
        (isr == ids).then_some(())
    })
    .await;
}
