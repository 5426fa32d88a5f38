//! Administration: our REST API, a resident librdkafka client and Kafka's scripts, on the same cluster in the same run.

use std::{
    fmt::Debug,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use local::laptop::{distribution, home::Part};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

use super::{Addresses, BROKERS, PATIENCE, asked, ours};
use crate::{
    cluster::{Cluster, FREE},
    eventually::eventually,
};

/// Questions asked of each; changes are fewer, and a script is a JVM each time.
const QUESTIONS: usize = 300;
const CHANGES: usize = 15;
const SCRIPTS: usize = 3;
/// Topics of the second part, and how many a request creates.
const MANY: usize = 10_000;
const AT_ONCE: usize = 250;
const RECORDS: u64 = 300_000;
const PARTITIONS: i32 = 10;
const TOPIC: &str = "described";

/// How long each of one kind took.
struct Took(Vec<Duration>);

impl Took {
    fn ms(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        // The smallest that so many are not above.
        let rank = (sorted.len() as f64 * share).ceil() as usize;
        sorted[rank.clamp(1, sorted.len()) - 1].as_secs_f64() * 1e3
    }

    fn line(&self, who: &str, what: &str) {
        let (median, p99, count) = (self.ms(0.5), self.ms(0.99), self.0.len());
        println!("{what:16} {who:10} median {median:9.2} ms  p99 {p99:9.2} ms  of {count}");
    }
}

/// Asks both in turn, so that a busy moment meets both.
async fn beside(
    what: &str,
    count: usize,
    mut ours: impl AsyncFnMut(usize),
    mut theirs: impl AsyncFnMut(usize),
) -> (Took, Took) {
    let (mut we, mut they) = (Took(Vec::new()), Took(Vec::new()));
    let warm = count / 10;
    for round in 0..count + warm {
        let began = Instant::now();
        ours(round).await;
        let after = Instant::now();
        theirs(round).await;
        if round >= warm {
            we.0.push(after - began);
            they.0.push(after.elapsed());
        }
    }
    we.line("ours", what);
    they.line("librdkafka", what);
    println!("{what:16} ours / librdkafka: {:.2}", we.ms(0.5) / they.ms(0.5));
    (we, they)
}

fn script(libs: &Path, what: &str, we: &Took, class: &str, arguments: &dyn Fn(usize) -> Vec<String>) {
    let took = (0..SCRIPTS).map(|round| {
        let began = Instant::now();
        let mut java = Command::new("java");
        java.args(["-Xmx256M", "-server", "-XX:+UseG1GC", "-cp"]).arg(libs.join("*")).arg(class);
        let output = java.args(arguments(round)).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        began.elapsed()
    });
    let took = Took(took.collect());
    took.line("script", what);
    println!("{what:16} script / ours: {:.0}", took.ms(0.5) / we.ms(0.5));
}

/// Both clients, and what they are asked.
struct World {
    http: reqwest::Client,
    url: String,
    consumer: BaseConsumer,
    admin: AdminClient<DefaultClientContext>,
}

impl World {
    async fn get(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "GET {path}: {status} {text}");
        text
    }

    async fn post(&self, path: &str) {
        let answer = self.http.post(format!("{}{path}", self.url)).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "POST {path}: {status} {}", answer.text().await.unwrap());
    }

    async fn put(&self, path: &str) -> String {
        let answer = self.http.put(format!("{}{path}", self.url)).send().await.unwrap();
        let message: api::rest::Message = answer.json().await.unwrap();
        message.message
    }

    fn known(&self, topic: Option<&str>) -> usize {
        right(self.consumer.fetch_metadata(topic, PATIENCE)).topics().len()
    }

    fn ends(&self) {
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            right(list.add_partition_offset(TOPIC, partition, Offset::End));
        }
        let ends = right(self.consumer.offsets_for_times(list, PATIENCE));
        assert_eq!(ends.count(), usize::try_from(PARTITIONS).unwrap());
    }

    async fn create(&self, names: &[String], partitions: i32, replication: i32) {
        let topics: Vec<_> = names
            .iter()
            .map(|name| NewTopic::new(name, partitions, TopicReplication::Fixed(replication)))
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
        for created in right(self.admin.create_topics(&topics, &options).await) {
            right(created);
        }
    }

    async fn reads(&self, part: &str, topics: usize) -> [Took; 3] {
        let (list, _) = beside(
            &format!("list{part}"),
            QUESTIONS,
            async |_| {
                let names: Vec<String> = serde_json::from_str(&self.get("/v1/topics").await).unwrap();
                assert!(names.len() >= topics);
            },
            async |_| assert!(self.known(None) >= topics),
        )
        .await;
        let (describe, _) = beside(
            &format!("describe{part}"),
            QUESTIONS,
            async |_| drop(self.get(&format!("/v1/topics/{TOPIC}")).await),
            async |_| assert_eq!(self.known(Some(TOPIC)), 1),
        )
        .await;
        let (offsets, _) = beside(
            &format!("offsets{part}"),
            QUESTIONS,
            async |_| drop(self.get(&format!("/v1/topics/{TOPIC}/offsets?time=last")).await),
            async |_| self.ends(),
        )
        .await;
        [list, describe, offsets]
    }
}

/// Waits until each broker knows so many topics: they learn of them one after the other.
async fn known(addresses: &Addresses, count: usize) {
    for address in addresses.values() {
        eventually("all topics known", PATIENCE, async || {
            let topics = asked(address).await.ok_or("no answer")?.topics;
            (topics.len() >= count).then_some(()).ok_or("not all yet")
        })
        .await;
    }
}

/// The most the scheduler had at any moment.
fn memory(cluster: &Cluster) -> String {
    let status = format!("/proc/{}/status", cluster.part(Part::Scheduler).pid);
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.trim_start_matches("VmHWM:").trim().to_owned()
}

fn right<T, E: Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("librdkafka: {error:?}"))
}

/// The goals: list, describe and offsets within 2 × of the resident client and 100 × (offsets 50 ×) faster than the
/// script, create within 1.2 × of the resident client; 10 000 topics listed in 1 s, p99 of reads with them 10 ms.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark: scripts/bench.sh"]
async fn bench_admin() {
    let cluster = Cluster::new(&[]);
    // Ten thousand topics want more than a laptop's 256 MiB.
    cluster.up(&[&FREE[..], &["--heap", "1024"]].concat());
    cluster.complete().await;
    let addresses: Addresses = ours(&cluster).await;
    let servers = addresses.values().cloned().collect::<Vec<_>>().join(",");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &servers);
    let _another_was_first = rustls::crypto::ring::default_provider().install_default();
    let world = World {
        http: reqwest::Client::new(),
        url: format!("http://127.0.0.1:{}", cluster.settings().await.api_port),
        consumer: right(config.create()),
        admin: right(config.create()),
    };

    world.create(&[TOPIC.to_owned()], PARTITIONS, 3).await;
    known(&addresses, 1).await;

    println!("--- administration of {BROKERS} brokers: REST, a resident librdkafka client, a JVM per call");
    let [list, describe, offsets] = world.reads("", 1).await;
    let (create, _) = beside(
        "create",
        CHANGES,
        async |round| {
            let query = format!("name=ours-{round}&partitions={PARTITIONS}&replication=3");
            world.post(&format!("/v1/topics?{query}")).await;
        },
        async |round| world.create(&[format!("theirs-{round}")], PARTITIONS, 3).await,
    )
    .await;
    let libs = distribution::unpacked(&cluster.home().kafka()).unwrap();
    let (topics, shell) = ("org.apache.kafka.tools.TopicCommand", "org.apache.kafka.tools.GetOffsetShell");
    let arguments = |more: &[&str]| {
        let all = ["--bootstrap-server", servers.as_str()];
        all.iter().chain(more).map(|argument| (*argument).to_owned()).collect::<Vec<_>>()
    };
    script(&libs, "list", &list, topics, &|_| arguments(&["--list"]));
    script(&libs, "describe", &describe, topics, &|_| arguments(&["--describe", "--topic", TOPIC]));
    script(&libs, "offsets", &offsets, shell, &|_| arguments(&["--topic", TOPIC, "--time", "-1"]));
    script(&libs, "create", &create, topics, &|round| {
        let name = format!("script-{round}");
        arguments(&["--create", "--topic", &name, "--partitions", "10", "--replication-factor", "3"])
    });

    let before = memory(&cluster);
    let test = format!("/v1/topics/{TOPIC}?operation=producer-test&messages={RECORDS}");
    print!("producer test of {RECORDS} records by REST: {}", world.put(&test).await);
    println!("the scheduler's memory: {before} before it, {} after it", memory(&cluster));

    println!("--- the same questions with {MANY} topics of one partition");
    let names: Vec<String> = (0..MANY).map(|number| format!("many-{number:05}")).collect();
    for names in names.chunks(AT_ONCE) {
        world.create(names, 1, 1).await;
    }
    known(&addresses, MANY).await;
    world.reads(" of 10 000", MANY).await;
    println!("the scheduler's memory: {}", memory(&cluster));
}
