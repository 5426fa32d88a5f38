//! Figures of the whole, each beside its plain case in the same run: `scripts/bench.sh`.

mod admin;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use kafka::{
    client::{Connection, Options, Topics},
    cluster::Cluster as Kafka,
    topic::{NewTopic, TopicName},
};
use local::laptop::distribution;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{
    cluster::{Cluster, FREE},
    eventually::eventually,
};

const ROUNDS: usize = 3;
const BROKERS: u32 = 3;
const TOPIC: &str = "bench";
const LIMIT: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(120);

/// Brokers' addresses by id.
type Addresses = BTreeMap<u32, String>;

/// A topic of thirty partitions on all brokers, in sync.
async fn create(addresses: &Addresses) {
    let cluster = Kafka::new(addresses.values().cloned().collect::<Vec<_>>(), Options::new("bench", LIMIT));
    let name: TopicName = TOPIC.parse().unwrap();
    let topic = NewTopic { partitions: Some(30), replication: Some(3), ..NewTopic::new(name) };
    eventually("the topic", PATIENCE, async || cluster.create_topic(&topic).await.map(drop)).await;
}

/// What one broker says when it is asked.
async fn asked(address: &str) -> Option<kafka::client::Metadata> {
    let mut connection = Connection::connect(address, &Options::new("bench", LIMIT)).await.ok()?;
    connection.metadata(Topics::All).await.ok()
}

/// Waits until all replicas are in sync; who is the controller then.
async fn settled(addresses: &Addresses) -> u32 {
    eventually("all in sync", PATIENCE, async || {
        let metadata = asked(&addresses[&0]).await.ok_or("no answer")?;
        let partitions = metadata.topics.get(TOPIC).map(|topic| &topic.partitions).ok_or("no topic")?;
        let in_sync = partitions.len() == 30 && partitions.values().all(|one| one.isr.len() == 3);
        metadata.controller.filter(|_| in_sync && metadata.brokers.len() == 3).ok_or("not in sync")
    })
    .await
}

/// From now until every other broker knows a leader of each partition, and a controller, that are not `dead`.
async fn led_without(dead: u32, addresses: &Addresses) -> Duration {
    let began = Instant::now();
    let survivors: Vec<_> = addresses.iter().filter(|(id, _)| **id != dead).map(|(_, it)| it).collect();
    tokio::join!(led(survivors[0], dead), led(survivors[1], dead));
    began.elapsed()
}

async fn led(address: &str, dead: u32) {
    let mut connection = Connection::connect(address, &Options::new("bench", LIMIT)).await.unwrap();
    let began = Instant::now();
    loop {
        let metadata = connection.metadata(Topics::All).await.unwrap();
        let alive = |id: Option<u32>| id.is_some_and(|id| id != dead);
        let topic = metadata.topics.get(TOPIC);
        let all = topic.is_some_and(|topic| topic.partitions.values().all(|one| alive(one.leader)));
        if alive(metadata.controller) && all {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "no leaders");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Kafka by hand, three brokers of it.
struct Plain {
    jvms: Vec<Child>,
    addresses: Addresses,
    _place: tempfile::TempDir,
}

impl Plain {
    async fn start(libs: &Path, zookeeper: u16) -> Self {
        let place = tempfile::tempdir().unwrap();
        let (mut jvms, mut addresses) = (Vec::new(), Addresses::new());
        for id in 0..BROKERS {
            // The brokers under Mesos have theirs out of the offer, above 9092; these are far from them.
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            addresses.insert(id, format!("127.0.0.1:{port}"));
            let home = place.path().join(id.to_string());
            fs::create_dir(&home).unwrap();
            let properties = format!(
                "broker.id={id}\nlog.dirs=data\nzookeeper.connect=127.0.0.1:{zookeeper}/plain\n\
                 listeners=PLAINTEXT://127.0.0.1:{port}\n"
            );
            fs::write(home.join("server.properties"), properties).unwrap();
            let mut java = Command::new("setpriv");
            java.args(["--pdeathsig", "KILL", "java", "-Xms256M", "-Xmx256M", "-XX:+UseG1GC", "-cp"]);
            java.arg(libs.join("*")).args(["kafka.Kafka", "server.properties"]);
            java.current_dir(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            jvms.push(java.process_group(0).spawn().unwrap());
        }
        let plain = Self { jvms, addresses, _place: place };
        for address in plain.addresses.values() {
            eventually("a plain broker", PATIENCE, async || asked(address).await.ok_or("not yet")).await;
        }
        plain
    }

    fn kill(&mut self, id: u32) {
        let child = &mut self.jvms[id as usize];
        let _may_have_ended = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        for id in 0..BROKERS {
            self.kill(id);
            let _reaped = self.jvms[id as usize].wait();
        }
    }
}

/// The addresses of the brokers under Mesos.
async fn ours(cluster: &Cluster) -> Addresses {
    let brokers = cluster.brokers(BROKERS).await;
    let address = |broker: &api::rest::Broker| Some(format!("{}:{}", broker.host.as_ref()?, broker.port?));
    (0..BROKERS).zip(brokers.iter().map(|broker| address(broker).expect("it serves"))).collect()
}

// The goals: from SIGKILL of the controller's broker to leaders and controller 0.5 s, to serving again 3 s.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: scripts/bench.sh"]
async fn bench_crash() {
    let cluster = Cluster::new(&[]);
    cluster.up(&FREE);
    cluster.complete().await;
    let addresses = ours(&cluster).await;
    create(&addresses).await;
    // Once all archives are made; a broker that serves for years has one.
    eventually("the class-data archives", PATIENCE, async || {
        let jvms = cluster.jvms();
        let archived = |jvm: &crate::cluster::Jvm| {
            let files = fs::read_dir(jvm.volume.join(".jvm-archive")).into_iter().flatten().flatten();
            files.map(|file| file.file_name()).any(|name| name.to_string_lossy().ends_with(".jsa"))
        };
        if jvms.values().filter(|jvm| archived(jvm)).count() == 3 { Ok(()) } else { Err("not yet") }
    })
    .await;

    println!("--- SIGKILL of the controller's broker, 3 brokers, 30 partitions on all of them");
    for _ in 0..ROUNDS {
        let dead = settled(&addresses).await;
        let jvm = cluster.jvms()[&dead].process.clone();
        let began = Instant::now();
        jvm.signal(Signal::SIGKILL);
        let led = led_without(dead, &addresses).await;
        let again = loop {
            // In the cluster again, by its own word and another's.
            let known = |metadata: Option<kafka::client::Metadata>| {
                metadata.is_some_and(|metadata| metadata.brokers.contains_key(&dead))
            };
            if known(asked(&addresses[&dead]).await) && known(asked(&addresses[&((dead + 1) % 3)]).await) {
                break began.elapsed();
            }
            assert!(began.elapsed() < PATIENCE, "it does not come back");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        println!("ours:  leaders after {:.3} s, serves again after {:.3} s", secs(led), secs(again));
    }
    let libs = distribution::unpacked(&cluster.home().kafka()).unwrap();
    let zookeeper = cluster.settings().await.zookeeper_port;
    let mut plain = Plain::start(&libs, zookeeper).await;
    create(&plain.addresses).await;
    let dead = settled(&plain.addresses).await;
    plain.kill(dead);
    let led = led_without(dead, &plain.addresses).await;
    println!("plain: leaders after {:.3} s", secs(led));
}

fn secs(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
