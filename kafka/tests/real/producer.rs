//! The producer test against three real brokers (S-107, S-108), and beside Kafka's own tool.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kafka::{
    client::{At, Options},
    cluster::Cluster,
    producer::{Budget, Clock, End, PrepareError, Producer, Progress, RATE},
    topic::NewTopic,
};

use crate::cluster::{Kind, RealCluster, Setup};

struct World<'a> {
    real: &'a mut RealCluster,
    cluster: Cluster,
}

fn clock() -> Clock {
    let start = Instant::now();
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Clock { now: Arc::new(move || start.elapsed()), epoch: i64::try_from(epoch).unwrap() }
}

impl<'a> World<'a> {
    fn new(real: &'a mut RealCluster) -> Self {
        let cluster = Cluster::new(real.bootstrap(), Options::new("test", Duration::from_secs(10)));
        Self { real, cluster }
    }

    async fn create(&self, name: &str, partitions: u32, configs: &[(&str, &str)]) {
        let mut topic = NewTopic {
            partitions: Some(partitions),
            replication: Some(3),
            ..NewTopic::new(name.parse().unwrap())
        };
        topic.configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.cluster.create_topic(&topic).await.unwrap();
    }

    async fn prepare(&self, topic: &str) -> Producer {
        Producer::prepare(self.cluster.clone(), topic.parse().unwrap(), clock()).await.unwrap()
    }

    async fn send(&self, topic: &str, messages: u64, budget: &Budget) -> (Progress, End) {
        let share = budget.share();
        self.prepare(topic).await.run(messages, &share, std::future::pending(), |_| {}).await
    }

    /// Records in a topic, by its partitions' end offsets.
    async fn stored(&self, topic: &str) -> u64 {
        let ends = self.cluster.offsets(&topic.parse().unwrap(), At::End).await.unwrap();
        ends.into_values().map(Option::unwrap).sum()
    }

    /// The same, as Kafka's own tool says it.
    fn told_by_kafka(&self, topic: &str) -> u64 {
        let main = "org.apache.kafka.tools.GetOffsetShell";
        let printed = self.real.tool(main, &["--bootstrap-server", &self.running(), "--topic", topic]).end();
        assert!(printed.success, "{printed:?}");
        let ends =
            printed.stdout.lines().map(|line| line.rsplit(':').next().unwrap().parse::<u64>().unwrap());
        ends.sum()
    }

    fn running(&self) -> String {
        let running = self.real.nodes.iter().filter(|node| node.is_running());
        running.map(|node| node.internal.clone()).collect::<Vec<_>>().join(",")
    }
}

/// The last thing that is asked of a cluster, since one of its brokers is killed.
pub(crate) async fn records_said_sent_are_those_stored(real: &mut RealCluster) {
    let world = World::new(real);
    world.create("t", 3, &[]).await;
    // S-107: the guide's own call, with as many records as it has.
    let (progress, end) = world.send("t", 10, &Budget::new(RATE)).await;
    assert_eq!((progress.figures.records(), end), (10, End::Completed));
    let line = progress.figures.total_line(progress.elapsed);
    assert!(line.starts_with("10 records sent, ") && line.ends_with(" ms 99.9th."), "{line}");
    assert_eq!(world.told_by_kafka("t"), 10);

    // One that does not exist is not created by asking.
    let nowhere = Producer::prepare(world.cluster.clone(), "nowhere".parse().unwrap(), clock()).await;
    assert!(matches!(nowhere, Err(PrepareError::NoTopic(_))), "{nowhere:?}");

    // Two at once share the rate, and both finish.
    world.create("two", 3, &[]).await;
    let budget = Budget::new(20_000);
    let (one, other) = tokio::join!(world.send("two", 10_000, &budget), world.send("two", 10_000, &budget));
    for (progress, end) in [&one, &other] {
        assert_eq!((progress.figures.records(), end), (10_000, &End::Completed));
        // Each had half: had it been alone it might have taken half a second. A target is never exceeded.
        assert!(progress.elapsed > Duration::from_millis(750), "{:?}", progress.elapsed);
    }
    assert_eq!(world.stored("two").await, 20_000);

    // A topic that takes small batches only gets those.
    world.create("small", 1, &[("max.message.bytes", "20000")]).await;
    let (progress, end) = world.send("small", 2_000, &Budget::new(RATE)).await;
    assert_eq!((progress.figures.records(), end), (2_000, End::Completed));
    assert_eq!(world.stored("small").await, 2_000);

    // Cancelled midway: what it says it sent is there.
    world.create("cancelled", 3, &[]).await;
    let (cancel, cancelled) = tokio::sync::oneshot::channel::<()>();
    let mut cancel = Some(cancel);
    let share = Budget::new(2_000).share();
    let producer = world.prepare("cancelled").await;
    let stop = async { _ = cancelled.await };
    let (progress, end) =
        producer.run(1_000_000, &share, stop, |_| _ = cancel.take().map(|c| c.send(()))).await;
    assert_eq!(end, End::Cancelled { unanswered: 0 });
    assert!((1..10_000).contains(&progress.figures.records()), "{}", progress.figures.records());
    assert_eq!(world.stored("cancelled").await, progress.figures.records());

    // A leader is killed midway: its partitions' new leaders get what was not answered, and nothing is there twice.
    world.create("killed", 6, &[("min.insync.replicas", "1")]).await;
    let share = Budget::new(5_000).share();
    let producer = world.prepare("killed").await;
    let broker = &mut world.real.nodes[2];
    let mut killed = false;
    let kill = |_: &Progress| {
        if !std::mem::replace(&mut killed, true) {
            broker.kill();
        }
    };
    let (progress, end) = producer.run(20_000, &share, std::future::pending(), kill).await;
    assert_eq!((progress.figures.records(), end), (20_000, End::Completed));
    assert!(progress.retries > 0);
    assert_eq!(world.stored("killed").await, 20_000);
}

/// Side by side in one run: Kafka's tool, then ours, twice in turn, the same topic settings, the same cluster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark: scripts/bench.sh producer"]
async fn bench_producer() {
    // The perf tool's JVM has long compiled what it needs by then.
    const MESSAGES: u64 = 500_000;
    let mut real = RealCluster::start(&Setup::of(Kind::ZooKeeper)).await;
    let world = World::new(&mut real);
    let mut best = BTreeMap::<&str, f64>::new();
    for round in 0..3 {
        for who in ["perf", "librdkafka", "ours"] {
            let topic = format!("{who}{round}");
            world.create(&topic, 3, &[]).await;
            let line = match who {
                "perf" => perf(&world, &topic, MESSAGES),
                "librdkafka" => {
                    let (servers, topic) = (world.running(), topic.clone());
                    tokio::task::spawn_blocking(move || resident(&servers, &topic, MESSAGES)).await.unwrap()
                }
                _ => {
                    let (progress, end) = world.send(&topic, MESSAGES, &Budget::new(RATE)).await;
                    assert_eq!(end, End::Completed);
                    progress.figures.total_line(progress.elapsed)
                }
            };
            println!("{who}: {line}");
            assert_eq!(world.told_by_kafka(&topic), MESSAGES);
            let rate: f64 = line.split(' ').nth(3).unwrap().parse().unwrap();
            let best = best.entry(who).or_default();
            *best = best.max(rate);
        }
    }
    let ratio = |who| best["ours"] / best[who];
    println!(
        "best of 3: {best:.0?}; ours / perf {:.2}, / librdkafka {:.2}",
        ratio("perf"),
        ratio("librdkafka")
    );
}

/// The same by librdkafka with its own settings for batches, which waits for all replicas too.
fn resident(servers: &str, topic: &str, messages: u64) -> String {
    use rdkafka::{
        ClientConfig,
        error::{KafkaError, RDKafkaErrorCode},
        producer::{BaseProducer, BaseRecord, Producer as _},
    };

    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", servers).set("acks", "all").create().unwrap();
    let (payload, start) = ([b'x'; 1024], Instant::now());
    for _ in 0..messages {
        let mut record = BaseRecord::<(), _>::to(topic).payload(&payload);
        while let Err((error, back)) = producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            producer.poll(Duration::from_millis(10));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(300)).unwrap();
    format!("{messages} records sent, {:.1} records/sec", messages as f64 / start.elapsed().as_secs_f64())
}

fn perf(world: &World<'_>, topic: &str, messages: u64) -> String {
    let main = "org.apache.kafka.tools.ProducerPerformance";
    let (messages, bootstrap) = (messages.to_string(), format!("bootstrap.servers={}", world.running()));
    let count =
        ["--topic", topic, "--num-records", &messages, "--throughput", "100000", "--record-size", "1024"];
    let printed = world.real.tool(main, &[&count[..], &["--producer-props", &bootstrap]].concat()).end();
    assert!(printed.success, "{printed:?}");
    printed.stdout.lines().rfind(|line| line.contains("99.9th")).unwrap().to_owned()
}
