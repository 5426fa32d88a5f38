//! The checks and `kafka-healthcheck` against a real broker: before it is there, while it serves, hangs, and after it
//! was killed; and without ZooKeeper.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[allow(dead_code, reason = "kafka's own tests use all of it")]
#[path = "../../../kafka/tests/real/harness.rs"]
mod harness;

use std::{
    collections::BTreeMap,
    process::Command,
    time::{Duration, Instant},
};

use harness::{Broker, ZooKeeperServer, until};
use healthcheck::{
    check::{Failure, Healthy, Record, Target, outcome, run},
    peers,
    policy::{Excuse, Outcome},
};
use kafka::{
    client::Options,
    cluster::Cluster,
    topic::{NewTopic, TopicName},
    zookeeper::ZooKeeper,
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::{TimeVal, TimeValLike as _},
};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(1500);

/// Runs the program; gives its exit code and its one line.
fn program(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kafka-healthcheck")).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    if output.status.code() == Some(2) {
        return (2, String::from_utf8(output.stderr).unwrap());
    }
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code().unwrap(), text.trim_end().to_owned())
}

#[tokio::test]
async fn a_broker_from_birth_to_death() {
    let mut server = ZooKeeperServer::start();
    let connect = format!("{}/dcos-service-kafka", server.address());
    let zookeeper = ZooKeeper::new(&connect, Duration::from_secs(6)).unwrap().limit(LONG);
    let nowhere =
        Target { broker: 7, address: "127.0.0.1:1".into(), advertised: "127.0.0.1:1".into(), secured: None };

    // Neither listening nor registered: what listens is said first.
    let failure = run(&zookeeper, &nowhere, None, LONG).await.unwrap_err();
    assert!(matches!(&failure, Failure::Port { .. }), "{failure}");
    assert!(
        failure.reason().starts_with("nothing listens on 127.0.0.1:1: Connection refused"),
        "{failure:?}"
    );
    assert_eq!(failure.excuse(), None);

    let mut broker = Broker::start(7, &connect, "");
    let advertised = until("the broker to register", async || {
        broker.assert_alive();
        Some(zookeeper.registration(7).await.ok()??.endpoint().address())
    })
    .await;
    let target = Target { broker: 7, address: advertised.clone(), advertised, secured: None };
    let healthy: Healthy =
        until("the broker to be healthy", async || run(&zookeeper, &target, None, LONG).await.ok()).await;
    assert_eq!(healthy.answer.brokers.len(), 1);
    assert!(healthy.took > Duration::ZERO && healthy.took < LONG, "{healthy:?}");
    let took = healthy.took;
    assert_eq!(outcome(&Ok(healthy)), Outcome::Passed { took });

    with_the_program(&target, &connect);
    registered_elsewhere(&zookeeper, &target).await;
    a_record_there_and_back(&zookeeper, &target, &connect).await;
    peers_are_asked(&zookeeper, &target, &connect).await;

    // S-081: a broker that hangs did not end, but does not answer.
    broker.pause();
    let failure = run(&zookeeper, &target, None, SHORT).await.unwrap_err();
    assert!(matches!(&failure, Failure::Silent { .. }), "{failure}");
    assert_eq!(failure.to_string(), format!("{} did not answer within 1500 ms", target.address));
    broker.resume();
    run(&zookeeper, &target, None, LONG).await.unwrap();

    // D29: without ZooKeeper the look fails, but nobody is to blame.
    server.kill();
    let hasty = ZooKeeper::new(&connect, Duration::from_secs(6)).unwrap().limit(SHORT);
    let failure = run(&hasty, &target, None, LONG).await.unwrap_err();
    assert_eq!(failure.excuse(), Some(Excuse::ZooKeeperAway));
    let Outcome::Failed { reason, excuse: Some(_) } = outcome(&Err(failure)) else { panic!("no excuse") };
    assert!(reason.starts_with("ZooKeeper can't be asked: ZooKeeper at "), "{reason}");
    // The look's limit binds ZooKeeper's part too, whatever `zookeeper` was made with.
    let began = std::time::Instant::now();
    let failure = run(&zookeeper, &target, None, SHORT).await.unwrap_err();
    assert_eq!(failure.excuse(), Some(Excuse::ZooKeeperAway), "{failure:?}");
    assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
    server.restart();

    // A killed one is registered until its session ends, and does not listen.
    broker.kill();
    let failure = run(&zookeeper, &target, None, LONG).await.unwrap_err();
    assert!(matches!(&failure, Failure::Port { .. }), "{failure}");
}

fn with_the_program(target: &Target, connect: &str) {
    let address = target.address.as_str();
    let asked = ["--broker-id", "7", "--address", address, "--zookeeper", connect, "--timeout", "20"];
    let line = format!("healthy: broker 7 is registered as {address} and answers; live brokers it knows: 1");
    assert_eq!(program(&asked), (0, line));

    let other = ["--broker-id", "8", "--address", address, "--zookeeper", connect];
    let line = format!("unhealthy: {address} answers, but does not list broker 8 among the live ones (7)");
    assert_eq!(program(&other), (1, line));

    let (code, text) = program(&["--broker-id", "x", "--address", address, "--zookeeper", connect]);
    assert_eq!(code, 2);
    assert!(text.contains("--broker-id"), "{text}");
    let (code, text) = program(&["--broker-id", "7", "--address", address, "--zookeeper", "zk://a/x"]);
    assert_eq!(code, 2);
    assert!(text.contains("no zk:// goes before the hosts"), "{text}");
}

/// Written and read where the broker leads a partition; nothing to check where it does not; settings that refuse the
/// record are not its fault.
async fn a_record_there_and_back(zookeeper: &ZooKeeper, target: &Target, connect: &str) {
    let topic: TopicName = "health".parse().unwrap();
    let record = async || run(zookeeper, target, Some(&topic), LONG).await.unwrap().answer.record;
    assert_eq!(record().await, Some(Record::NoTopic { topic: topic.clone() }));
    let bootstrap = vec![target.address.clone()];
    let cluster = Cluster::new(bootstrap, Options::new("test", LONG));
    let created = NewTopic { partitions: Some(2), ..NewTopic::new(topic.clone()) };
    cluster.create_topic(&created).await.unwrap();
    until("a leader for the topic", async || {
        let read = record().await == Some(Record::Read { partition: 0 });
        read.then_some(())
    })
    .await;
    assert_eq!(record().await, Some(Record::Read { partition: 0 }), "and again");

    let asked =
        ["--broker-id", "7", "--address", &target.address, "--zookeeper", connect, "--topic", "health"];
    let (code, line) = program(&asked);
    assert!(code == 0 && line.ends_with("; a record went to partition 0 and back"), "{line}");

    // A compacted topic takes no record without a key.
    let compacted: TopicName = "compacted".parse().unwrap();
    let configs = [("cleanup.policy".to_owned(), "compact".to_owned())].into();
    cluster.create_topic(&NewTopic { configs, ..NewTopic::new(compacted.clone()) }).await.unwrap();
    until("the refusal", async || {
        let healthy = run(zookeeper, target, Some(&compacted), LONG).await.unwrap();
        matches!(healthy.answer.record, Some(Record::Refused { .. })).then_some(())
    })
    .await;
}

/// D29: those that are registered now, asked in the same way; alone, a broker has nobody to excuse it.
async fn peers_are_asked(zookeeper: &ZooKeeper, target: &Target, connect: &str) {
    let nobody = BTreeMap::new();
    assert!(peers::look(zookeeper, target, &nobody, LONG).await.is_empty());
    let mut peer = Broker::start(8, connect, "");
    until("a peer that is well", async || {
        peer.assert_alive();
        let looked = peers::look(zookeeper, target, &nobody, LONG).await;
        matches!(looked[..], [(8, Ok(()))]).then_some(())
    })
    .await;
    let own = Failure::Silent { address: target.address.clone(), after: SHORT };
    let well = peers::look(zookeeper, target, &nobody, LONG).await;
    assert_eq!(peers::excuse(&own, &well), None);
    // It hangs as we do.
    peer.pause();
    let known = [(9, "127.0.0.1:1".to_owned())].into();
    let looked = peers::look(zookeeper, target, &nobody, SHORT).await;
    assert!(matches!(&looked[..], [(8, Err(Failure::Silent { .. }))]), "{looked:?}");
    assert_eq!(peers::excuse(&own, &looked), Some(Excuse::PeersFailToo(vec![8])));
    // One that was known before, and is gone, is not asked.
    let looked = peers::look(zookeeper, target, &known, SHORT).await;
    assert!(matches!(&looked[..], [(8, Err(_))]), "{looked:?}");
}

/// What a check costs, of this process alone: less than a millisecond of processor time, and no process.
#[tokio::test]
#[ignore = "a benchmark: scripts/bench.sh check"]
async fn bench_a_check() {
    const TIMES: u32 = 1000;
    let server = ZooKeeperServer::start();
    let connect = format!("{}/dcos-service-kafka", server.address());
    let zookeeper = ZooKeeper::new(&connect, Duration::from_secs(6)).unwrap().limit(LONG);
    let _broker = Broker::start(7, &connect, "");
    let advertised = until("the broker to register", async || {
        Some(zookeeper.registration(7).await.ok()??.endpoint().address())
    })
    .await;
    let target = Target { broker: 7, address: advertised.clone(), advertised, secured: None };
    let topic: TopicName = "health".parse().unwrap();
    until("the broker to be healthy", async || run(&zookeeper, &target, None, LONG).await.ok()).await;
    let bootstrap = vec![target.address.clone()];
    let cluster = Cluster::new(bootstrap, Options::new("test", LONG));
    cluster.create_topic(&NewTopic::new(topic.clone())).await.unwrap();
    until("a record", async || {
        let record = run(&zookeeper, &target, Some(&topic), LONG).await.unwrap().answer.record;
        matches!(record, Some(Record::Read { .. })).then_some(())
    })
    .await;
    let used = |who| {
        let usage = getrusage(who).unwrap();
        let micros = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap();
        micros(usage.user_time()) + micros(usage.system_time())
    };
    for (what, topic) in [("registration, TCP, ApiVersions, Metadata", None), ("and a record", Some(&topic))]
    {
        let children = used(UsageWho::RUSAGE_CHILDREN);
        let (began, before) = (Instant::now(), used(UsageWho::RUSAGE_SELF));
        for _ in 0..TIMES {
            run(&zookeeper, &target, topic, LONG).await.unwrap();
        }
        let each = (used(UsageWho::RUSAGE_SELF) - before) / u64::from(TIMES);
        println!("a check ({what}): {each} µs of processor time, {:?} in all", began.elapsed() / TIMES);
        assert!(each < 1000, "{each} µs");
        assert_eq!(used(UsageWho::RUSAGE_CHILDREN), children, "no process was started and waited for");
    }
}

async fn registered_elsewhere(zookeeper: &ZooKeeper, target: &Target) {
    let moved = Target { advertised: "127.0.0.1:9".into(), ..target.clone() };
    let failure = run(zookeeper, &moved, None, LONG).await.unwrap_err();
    let text = format!("broker 7 is registered as {}, not as 127.0.0.1:9", target.advertised);
    assert_eq!(failure.reason(), text);

    let other = ZooKeeper::new(zookeeper.connection_string().split('/').next().unwrap(), LONG).unwrap();
    let failure = run(&other, target, None, LONG).await.unwrap_err();
    assert_eq!(failure.reason(), "broker 7 is not registered in ZooKeeper");
}
