//! This crate against a real ZooKeeper and real Kafka 3.9 brokers: one cluster, asked in the order of its life.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod admin;
mod certificates;
#[allow(dead_code, reason = "a part of it may be for a test to come")]
mod cluster;
mod deletion;
mod faults;
mod golden;
#[allow(dead_code, reason = "a part of it may be for a test to come")]
mod harness;
mod kinds;
mod kraft;
mod producer;
mod proxy;
mod security;
mod topics;
mod wire;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use harness::{Broker, PATIENCE, ZooKeeperServer, until};
use kafka::{
    availability::{Verdict, may_stop},
    client::{Connection, CreateError, Options, Topics},
    cluster::{Cluster, CreateTopicError},
    keeper::Keeper,
    registration::{Owner, Registration},
    snapshot::Snapshot,
    topic::NewTopic,
    zookeeper::{CONTROLLER, Deleted, ZooKeeper, registration_path},
};

const LIMIT: Duration = Duration::from_secs(20);

struct World {
    zookeeper: Arc<ZooKeeper>,
    cluster: Cluster,
    registrations: BTreeMap<u32, Registration>,
    controller: u32,
}

#[tokio::test]
async fn a_cluster_from_outside() {
    let mut server = ZooKeeperServer::start();
    let connect = format!("{}/dcos-service-kafka", server.address());
    let zookeeper = ZooKeeper::new(&connect, Duration::from_secs(6)).unwrap().limit(PATIENCE);
    // Asked before ZooKeeper serves and before Kafka was ever there: waited for, then nothing.
    assert!(zookeeper.registrations().await.unwrap().is_empty());
    assert!(zookeeper.topics().await.unwrap().is_empty());
    assert_eq!(zookeeper.controller().await.unwrap(), None);
    assert_eq!(zookeeper.topic("t").await.unwrap(), None);

    let mut brokers = [0, 1].map(|id| Broker::start(id, &connect, ""));
    let registrations = until("both brokers to register", async || {
        brokers.iter_mut().for_each(Broker::assert_alive);
        let found = zookeeper.registrations().await.unwrap();
        (found.len() == 2).then_some(found)
    })
    .await;
    let controller = until("a controller", async || zookeeper.controller().await.unwrap()).await.broker;
    assert_eq!(zookeeper.registration(0).await.unwrap().as_ref(), registrations.get(&0));
    assert_eq!(zookeeper.registration(7).await.unwrap(), None);
    let bootstrap: Vec<_> = registrations.values().map(|found| found.endpoint().address()).collect();
    let cluster = Cluster::new(bootstrap, Options::new("test", LIMIT));
    until("both brokers in the metadata", async || {
        let metadata = cluster.metadata(Topics::None).await.ok()?;
        (metadata.brokers.len() == 2 && metadata.controller == Some(controller)).then_some(())
    })
    .await;

    let world = World { zookeeper: Arc::new(zookeeper), cluster, registrations, controller };
    create_topics(&world).await;
    refusals(&world).await;
    the_controller_is_found(&world).await;
    topics_are_described(&world).await;
    snapshots(&world).await;
    a_broker_that_hangs(&world, &brokers[0]).await;
    deletion::takes_long(&world, &brokers[usize::try_from(1 - world.controller).unwrap()]).await;
    zookeeper_goes_and_comes(&world, &mut server).await;
    brokers[usize::try_from(controller).unwrap()].kill();
    a_dead_brokers_registration(&world).await;
}

fn topic(name: &str, partitions: Option<u32>, replication: Option<u16>) -> NewTopic {
    NewTopic { partitions, replication, ..NewTopic::new(name.parse().unwrap()) }
}

async fn refused(world: &World, topic: &NewTopic) -> CreateError {
    match world.cluster.create_topic(topic).await {
        Err(CreateTopicError::Create(error)) => error,
        other => panic!("{other:?}"),
    }
}

async fn create_topics(world: &World) {
    // D41: no counts are given, the cluster has two brokers.
    let created = world.cluster.create_topic(&topic("topic1", None, None)).await.unwrap();
    assert_eq!((created.partitions, created.replication), (1, 2));
    // Asked of the same client before and after each change of it.
    assert_eq!(world.zookeeper.topics().await.unwrap(), ["topic1"]);
    let mut guarded = topic("orders.v1", Some(2), Some(2));
    guarded.configs.insert("min.insync.replicas".into(), "2".into());
    world.cluster.create_topic(&guarded).await.unwrap();
    world.cluster.create_topic(&topic("single", Some(2), Some(1))).await.unwrap();
    assert_eq!(world.zookeeper.topics().await.unwrap(), ["orders.v1", "single", "topic1"]);
}

async fn refusals(world: &World) {
    // D48
    let error = refused(world, &topic("topic1", None, None)).await;
    assert_eq!(error.to_string(), "topic \"topic1\" already exists");
    assert!(matches!(error, CreateError::AlreadyExists { .. }));

    let error = refused(world, &topic("t2", Some(1), Some(3))).await;
    assert!(matches!(&error, CreateError::InvalidReplication { replication: 3, .. }), "{error}");
    assert!(error.to_string().contains("larger than available brokers: 2"), "{error}");
    let error = refused(world, &topic("t2", Some(1), Some(0))).await;
    assert!(matches!(&error, CreateError::InvalidReplication { replication: 0, .. }), "{error}");

    let error = refused(world, &topic("t2", Some(0), None)).await;
    assert!(matches!(&error, CreateError::InvalidPartitions { partitions: 0, .. }), "{error}");
    assert!(error.to_string().contains("larger than 0"), "{error}");
    let error = refused(world, &topic("t2", Some(10_001), None)).await;
    assert!(matches!(&error, CreateError::InvalidPartitions { .. }), "{error}");

    let mut wrong = topic("t2", None, None);
    wrong.configs.insert("min.insync.replicas".into(), "many".into());
    let error = refused(world, &wrong).await;
    assert!(matches!(&error, CreateError::InvalidConfig(_)), "{error}");

    let error = refused(world, &topic("orders_v1", None, None)).await;
    assert!(matches!(&error, CreateError::Collides(_)), "{error}");
    assert_eq!(error.to_string(), "Topic 'orders_v1' collides with existing topics: orders.v1");
    assert_eq!(world.zookeeper.topics().await.unwrap().len(), 3);
}

/// Only the other broker is known at first; asked itself, it says who it is not.
async fn the_controller_is_found(world: &World) {
    let address = world.registrations[&(1 - world.controller)].endpoint().address();
    let mut connection = Connection::connect(&address, &Options::new("test", LIMIT)).await.unwrap();
    let error = connection.create_topic(&topic("t3", None, None), 2).await.unwrap_err();
    assert!(matches!(&error, CreateError::NotController { .. }), "{error}");
    let cluster = world.cluster.at(["127.0.0.1:1".into(), address]);
    cluster.create_topic(&topic("t3", None, None)).await.unwrap();

    let nobody = world.cluster.at(["127.0.0.1:1".into()]);
    let error = nobody.metadata(Topics::None).await.unwrap_err().to_string();
    assert!(error.starts_with("no broker answered: 127.0.0.1:1 can't be reached ("), "{error}");
}

async fn topics_are_described(world: &World) {
    // S-103
    let orders = world.zookeeper.topic("orders.v1").await.unwrap().unwrap();
    assert_eq!(orders.assignment.len(), 2);
    assert_eq!(orders.states.len(), 2);
    let state = serde_json::to_string(&orders.states[&1]).unwrap();
    assert!(state.starts_with(r#"{"controller_epoch":1,"isr":["#), "{state}");

    // ZooKeeper tells them while no broker answers too.
    let nobody = world.cluster.at(["127.0.0.1:1".into()]);
    let keeper = Keeper::ZooKeeper(world.zookeeper.clone());
    let told = nobody.topic(&keeper, &"orders.v1".parse().unwrap()).await.unwrap();
    assert_eq!(told, Some(orders));
    assert_eq!(nobody.topic(&keeper, &"nowhere".parse().unwrap()).await.unwrap(), None);
    assert_eq!(nobody.topics(&keeper).await.unwrap(), world.zookeeper.topics().await.unwrap());

    let mut connection =
        Connection::connect(&world.cluster.bootstrap()[0], &Options::new("test", LIMIT)).await.unwrap();
    let configs = connection.describe_configs(&["orders.v1", "nowhere"], None).await.unwrap();
    assert_eq!(configs["orders.v1"].as_ref().unwrap()["min.insync.replicas"], "2");
    assert_eq!(configs["nowhere"].as_ref().unwrap_err().name, "UNKNOWN_TOPIC_OR_PARTITION");

    // Asking for a topic does not create it.
    let nowhere = ["nowhere".parse().unwrap()];
    let metadata = connection.metadata(Topics::Named(&nowhere)).await.unwrap();
    assert_eq!(metadata.topics["nowhere"].error.as_ref().unwrap().name, "UNKNOWN_TOPIC_OR_PARTITION");
    assert!(!world.zookeeper.topics().await.unwrap().contains(&"nowhere".to_owned()));
}

/// Waits for a snapshot in which `right` holds.
async fn snapshot(world: &World, what: &str, right: impl Fn(&Snapshot) -> bool) -> Snapshot {
    until(what, async || {
        let snapshot = world.cluster.snapshot(1_000).await.ok()?;
        right(&snapshot).then_some(snapshot)
    })
    .await
}

/// D26 on a real cluster of two: all in sync, so it may roll; what can't be kept available is named.
async fn snapshots(world: &World) {
    let snapshot = snapshot(world, "all in sync", |snapshot| snapshot.under_replicated().is_empty()).await;
    assert_eq!(snapshot.controller, Some(world.controller));
    assert_eq!(snapshot.topics.len(), 4);
    assert_eq!(snapshot.topics["orders.v1"].min_isr, Ok(2));
    assert_eq!(snapshot.topics["topic1"].min_isr, Ok(1));
    let verdict = may_stop(&snapshot, 0, 1_000, 0);
    let Verdict::Ok { unavoidable } = verdict else { panic!("{verdict:?}") };
    let names: Vec<String> = unavoidable.iter().map(ToString::to_string).collect();
    let single = snapshot.topics["single"].partitions.iter();
    let own: Vec<String> = single
        .filter(|(_, partition)| partition.replicas == [0])
        .map(|(number, _)| format!("single/{number}"))
        .collect();
    assert_eq!(own.len(), 1);
    assert_eq!(names, [vec!["orders.v1/0".to_owned(), "orders.v1/1".to_owned()], own].concat());
}

/// A broker that hangs costs the limit and no more, and the next one is asked.
async fn a_broker_that_hangs(world: &World, first: &Broker) {
    first.pause();
    let hasty = Cluster::new(world.cluster.bootstrap(), Options::new("test", Duration::from_secs(1)));
    // The other may have no processor for that long, once.
    let metadata = until("the other to answer", async || hasty.metadata(Topics::None).await.ok()).await;
    let alone = hasty.at([hasty.bootstrap()[0].clone()]).metadata(Topics::None).await;
    first.resume();
    assert!(metadata.brokers.contains_key(&1));
    let error = alone.unwrap_err().to_string();
    assert!(error.contains("did not answer ApiVersions within 1000 ms"), "{error}");
}

/// No question blocks longer than its limit; once ZooKeeper is back they are answered again.
async fn zookeeper_goes_and_comes(world: &World, server: &mut ZooKeeperServer) {
    server.kill();
    let hasty = ZooKeeper::new(&server.address(), Duration::from_secs(6)).unwrap();
    let hasty = hasty.limit(Duration::from_millis(300));
    let start = Instant::now();
    let error = hasty.controller().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(error.is_away(), "{error}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("ZooKeeper at {} did not let us read", server.address())), "{text}");
    server.restart();
    // The client from before mends its connection by itself.
    assert_eq!(world.zookeeper.registration(0).await.unwrap().unwrap().broker, 0);
    assert_eq!(hasty.limit(PATIENCE).controller().await.unwrap(), None); // another chroot
}

/// D38: what a killed JVM leaves behind is removed by who knows its session, and by nobody else.
async fn a_dead_brokers_registration(world: &World) {
    let (dead, other) = (world.controller, 1 - world.controller);
    let owner = world.registrations[&dead].owner;
    let path = registration_path(dead);
    let zookeeper = &world.zookeeper;
    assert_eq!(zookeeper.controller().await.unwrap().unwrap().owner, owner);
    let stranger = Owner(owner.0 ^ 1);
    assert_eq!(zookeeper.delete_if_owner(&path, stranger).await.unwrap(), Deleted::OwnedBy(owner));
    assert_eq!(zookeeper.delete_if_owner("/brokers", Owner(0)).await.unwrap(), Deleted::OwnedBy(Owner(0)));
    assert_eq!(zookeeper.registration(dead).await.unwrap().unwrap().owner, owner);

    assert_eq!(zookeeper.delete_if_owner(&path, owner).await.unwrap(), Deleted::Yes);
    assert_eq!(zookeeper.delete_if_owner(CONTROLLER, owner).await.unwrap(), Deleted::Yes);
    assert_eq!(zookeeper.delete_if_owner(&path, owner).await.unwrap(), Deleted::Absent);
    let owner = zookeeper.registration(other).await.unwrap().unwrap().owner;
    let next =
        until("the other broker to become controller", async || zookeeper.controller().await.unwrap()).await;
    assert_eq!((next.broker, next.owner), (other, owner));

    let alone = |snapshot: &Snapshot| snapshot.brokers.len() == 1 && snapshot.controller == Some(other);
    let snapshot = snapshot(world, "the survivor to see that it is alone", |snapshot| {
        let lagging: Vec<String> = snapshot.lagging(dead).iter().map(ToString::to_string).collect();
        alone(snapshot) && lagging.iter().any(|one| one.starts_with("topic1/0"))
    })
    .await;
    // The last one in sync is not stopped.
    let verdict = may_stop(&snapshot, other, 1_000, 0);
    let Verdict::Blocked { partitions } = verdict else { panic!("{verdict:?}") };
    let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    let isr = format!("topic1/0 has ISR {{{other}}}, min.insync.replicas 1");
    assert!(names.contains(&isr), "{names:?}");
}

/// Callers spawn what they ask.
#[tokio::test]
async fn questions_can_be_spawned() {
    fn send<T: Send>(_: T) {}
    let zookeeper = ZooKeeper::new("127.0.0.1:1", Duration::from_secs(1)).unwrap();
    send(zookeeper.registrations());
    send(zookeeper.topic("t"));
    send(zookeeper.delete_if_owner(CONTROLLER, Owner(1)));
    let cluster = Cluster::new([], Options::new("test", LIMIT));
    send(cluster.snapshot(0));
    send(cluster.create_topic(&topic("t", None, None)));
    assert_eq!(cluster.snapshot(0).await.unwrap_err().to_string(), "no broker answered: none is known");
}
