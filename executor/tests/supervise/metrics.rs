//! Metrics, as real receivers get them: every name and type; a real Kafka with a real Jolokia through kills of its JVM; and
//! a receiver that is away.

pub(crate) mod receivers;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::{Duration, Instant},
};

use api::launch::{LaunchContract, Metrics, StatsdTags};
use executor::metrics::{
    Gauges, Identity,
    catalog::{Kind, Metric},
    statsd::Datagrams,
};
use mesos::v1::TaskState;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};

use self::receivers::{Collectd, Etsy, Tee, fetched};
use crate::{
    agent::Agent,
    executor::{Executor, contract, free_port, task},
    kafka::{Ensemble, TASK, broker, executor as with_kafka, launched},
    life::get,
    restart::restart,
    wait_for,
    zookeeper::FakeZooKeeper,
};

/// Between two rounds, of executors in these tests.
const INTERVAL: (&str, &str) = ("KAFKA_EXECUTOR_METRICS_INTERVAL_MS", "200");

fn identity() -> Identity {
    Identity { prefix: "kafka".to_owned(), service: "kafka".to_owned(), broker: 1, tags: StatsdTags::None }
}

fn of_kind(kind: Kind) -> impl Iterator<Item = (usize, Metric)> {
    Metric::ALL.iter().copied().enumerate().filter(move |(_, metric)| metric.row().kind == kind)
}

fn name(metric: Metric) -> String {
    format!("kafka.broker.1.{}", metric.row().name)
}

/// The targets of the dashboard, with its variables filled in.
fn dashboard() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana/kafka-broker.json");
    let text = fs::read_to_string(path).unwrap().replace("$prefix", "kafka").replace("$broker", "1");
    let word = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    let paths =
        text.split(|char| !word(char)).filter(|word| word.starts_with("stats") && word.contains(".kafka."));
    paths.filter(|path| !path.ends_with("kafka.broker.")).map(str::to_owned).collect()
}

// S-010, D23: each name, its type and its value, at Etsy's statsd and at collectd; and the dashboard finds them there.
#[tokio::test]
async fn receivers_take_every_metric_for_what_it_is() {
    let (etsy, collectd) = tokio::join!(Etsy::start(), Collectd::start());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (gauge_of, counter_of) = (|at: usize| at as f64 + 0.25, |at: usize| at as u64 + 100);
    // Twice: a counter adds up, a gauge does not, below zero neither.
    for round in 0..2 {
        let (mut datagrams, mut gauges) = (Datagrams::default(), Gauges::default());
        for (at, metric) in of_kind(Kind::Counter) {
            datagrams.counter(&identity(), metric, counter_of(at) * round);
        }
        datagrams.timer(&identity(), Metric::HealthTook, 2.5);
        for (at, metric) in of_kind(Kind::Gauge) {
            gauges.set(metric, gauge_of(at) + 1.0 - round as f64);
        }
        gauges.set(Metric::VolumeGrowth, -7.5);
        datagrams.gauges(&identity(), &gauges);
        for datagram in datagrams.iter() {
            for port in [etsy.port, collectd.port] {
                socket.send_to(datagram, ("127.0.0.1", port)).await.unwrap();
            }
        }
    }
    let mut expect = BTreeMap::new();
    for (at, metric) in of_kind(Kind::Gauge) {
        let value = if metric == Metric::VolumeGrowth { -7.5 } else { gauge_of(at) };
        expect.insert(metric, value);
    }
    expect.extend(of_kind(Kind::Counter).map(|(at, metric)| (metric, counter_of(at) as f64)));
    expect.insert(Metric::HealthTook, 2.5);
    assert_eq!(expect.len(), Metric::ALL.len());

    let at_etsy = |metric: Metric| match metric.row().kind {
        Kind::Gauge => format!("stats.gauges.{}", name(metric)),
        Kind::Counter => format!("stats_counts.{}", name(metric)),
        Kind::Timer => format!("stats.timers.{}.mean_90", name(metric)),
    };
    let at_collectd = |metric: Metric| match metric.row().kind {
        Kind::Gauge => format!("gauge-{}", name(metric)),
        Kind::Counter => format!("derive-{}", name(metric)),
        Kind::Timer => format!("latency-{}-average", name(metric)),
    };
    for (&metric, &value) in &expect {
        let what = format!("{value} of {} at Etsy's statsd", at_etsy(metric));
        // A timer that gets nothing more goes back to 0.
        let is = |found: f64| found == value || (metric == Metric::HealthTook && found == 0.0);
        wait_for(&what, || etsy.value(&at_etsy(metric)).filter(|found| is(*found))).await;
        let what = format!("{value} of {} at collectd", at_collectd(metric));
        let seconds = if metric == Metric::HealthTook { value / 1000.0 } else { value };
        let close = |found: &&f64| {
            (**found - seconds).abs() < 1e-3 || (found.is_nan() && metric == Metric::HealthTook)
        };
        wait_for(&what, || collectd.values().get(&at_collectd(metric)).filter(close).copied()).await;
    }
    // Under no other type, and nothing else.
    let ours = |name: &String| name.contains("kafka.broker.");
    let names: BTreeSet<String> = etsy.names().into_iter().filter(ours).collect();
    for found in &names {
        let metric = expect.keys().find(|metric| {
            let name = name(**metric);
            match metric.row().kind {
                Kind::Gauge => *found == format!("stats.gauges.{name}"),
                Kind::Counter => {
                    *found == format!("stats_counts.{name}") || *found == format!("stats.{name}")
                }
                Kind::Timer => found.starts_with(&format!("stats.timers.{name}.")),
            }
        });
        assert!(metric.is_some(), "{found} is none of ours");
    }
    let paths = dashboard();
    assert!(paths.len() >= Metric::ALL.len(), "{paths:?}");
    for path in paths {
        assert!(names.contains(&path), "the dashboard asks for {path}");
    }
    for found in collectd.values().keys() {
        let timer = name(Metric::HealthTook);
        let known = expect.keys().any(|metric| at_collectd(*metric) == *found);
        assert!(known || found.contains(&timer), "{found} is none of ours");
    }
}

/// Messages to the broker at `port`, all of them taken.
async fn produce(port: u16, messages: usize) {
    let send = move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", format!("127.0.0.1:{port}"))
            .set("message.timeout.ms", crate::PATIENCE.as_millis().to_string())
            .create()
            .unwrap();
        for at in 0..messages {
            let text = at.to_string();
            producer
                .send(BaseRecord::<str, str>::to("t").payload(&text))
                .map_err(|(error, _)| error)
                .unwrap();
        }
        producer.flush(crate::PATIENCE).unwrap();
    };
    tokio::task::spawn_blocking(send).await.unwrap();
}

/// One value of a broker's `/admin/metrics`, and its notes.
pub(crate) async fn shown(port: u16) -> (BTreeMap<String, Value>, BTreeMap<String, String>) {
    let answer = get(port, "/admin/metrics").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut json: Value = serde_json::from_str(body).unwrap_or_default();
    let take = |value: &mut Value| serde_json::from_value(value.take()).unwrap_or_default();
    let notes = serde_json::from_value(json["notes"].take()).unwrap_or_default();
    (take(&mut json["metrics"]), notes)
}

/// Waits until a broker's `/admin/metrics` says so.
async fn says(
    port: u16,
    what: &str,
    is: impl Fn(&BTreeMap<String, Value>, &BTreeMap<String, String>) -> bool,
) {
    let deadline = Instant::now() + crate::PATIENCE;
    loop {
        let (metrics, notes) = shown(port).await;
        if is(&metrics, &notes) {
            return;
        }
        assert!(Instant::now() < deadline, "no {what}: {metrics:#?} {notes:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the agent at `port` answers to `body`.
async fn asked(port: u16, authorization: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "POST /jolokia/ HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Nobody without the password is let in, and nobody with it does more than read. D39
async fn only_we_may_read(executor: &Executor, jvm: Pid) {
    let properties = executor.read("metrics-agent.properties");
    let setting = |name: &str| properties.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let (port, password) = (setting("port=").parse().unwrap(), setting("password="));
    let command = fs::read(format!("/proc/{jvm}/cmdline")).unwrap();
    assert!(String::from_utf8_lossy(&command).contains("-javaagent:metrics-agent.jar=config="));
    assert!(!String::from_utf8_lossy(&command).contains(password), "an argument is for everybody to see");
    assert!(TcpStream::connect(("127.0.0.2", port)).await.is_err(), "it listens on one address");
    let read = r#"{"type":"read","mbean":"java.lang:type=Runtime","attribute":"Pid"}"#;
    assert!(asked(port, "", read).await.starts_with("HTTP/1.1 401 "));
    use base64::Engine as _;
    let known = base64::prelude::BASE64_STANDARD.encode(format!("executor:{password}"));
    let known = format!("Authorization: Basic {known}\r\n");
    let answer = asked(port, &known, read).await;
    assert!(answer.contains(&format!("\"value\":{jvm}")), "{answer}");
    for refused in [
        r#"{"type":"exec","mbean":"java.lang:type=Memory","operation":"gc"}"#,
        r#"{"type":"write","mbean":"java.lang:type=Memory","attribute":"Verbose","value":true}"#,
        r#"{"type":"list"}"#,
    ] {
        let answer = asked(port, &known, refused).await;
        assert!(answer.contains("\"status\":403"), "{answer}");
    }
}

fn jvm(executor: &Executor) -> Pid {
    let found = executor.processes();
    let [jvm] = found[..] else { panic!("one JVM, not {found:?}") };
    jvm
}

/// An executor with the metrics agent's jar.
fn measured(volume: &Path, jar: &Path) -> Executor {
    let mut executor = with_kafka(volume);
    fs::copy(jar, executor.path("metrics-agent.jar")).unwrap();
    executor.also(INTERVAL.0, INTERVAL.1);
    executor
}

async fn serving(executor: &mut Executor, contract: &LaunchContract) -> Agent {
    let agent = launched(executor, contract).await;
    agent.state(TaskState::TaskRunning).await;
    agent
}

const MESSAGES_IN: &str = "stats_counts.kafka.broker.1.traffic.messages_in";

// S-010, D23: three JVMs are killed, one is restarted in place, and the receiver is away for a while: the sum at the
// receiver is what was produced, but for what a JVM that died at once never exposed.
#[tokio::test]
async fn the_sum_at_the_receiver_is_what_was_produced() {
    let (ensemble, etsy) = tokio::join!(Ensemble::start(), Etsy::start());
    let mut tee = Tee::start(&[etsy.port]).await;
    let volume = tempfile::tempdir().unwrap();
    let jar = fetched("fetch-jolokia.sh");
    let mut contract = broker(&ensemble, &[]);
    contract.metrics_agent = Some("metrics-agent.jar".to_owned());
    contract.metrics = Metrics {
        statsd: Some(format!("localhost:{}", tee.port)),
        prefix: "kafka".to_owned(),
        tags: StatsdTags::None,
    };
    let received = || etsy.value(MESSAGES_IN).unwrap_or(0.0) as usize;
    let sum = async |expect: usize| {
        eprintln!("{} of {expect} messages are told", received());
        wait_for(&format!("sum of {expect}"), || (received() >= expect).then_some(())).await;
        assert_eq!(received(), expect);
    };

    // The first is killed once all is told.
    let mut first = measured(volume.path(), &jar);
    let _agent = serving(&mut first, &contract).await;
    only_we_may_read(&first, jvm(&first)).await;
    produce(contract.port, 1000).await;
    sum(1000).await;
    says(contract.api_port, "partition that it leads", |metrics, _| {
        metrics.get("partitions.led").is_some_and(|led| led["value"].as_f64() > Some(0.0))
    })
    .await;
    kill(jvm(&first), Signal::SIGKILL).unwrap();
    first.end_well().await;

    // The second at once after it took some: what it still told is all that can be known.
    let mut second = measured(volume.path(), &jar);
    let _agent = serving(&mut second, &contract).await;
    produce(contract.port, 1000).await;
    kill(jvm(&second), Signal::SIGKILL).unwrap();
    second.end_well().await;

    // While the third runs, the receiver is away.
    let mut third = measured(volume.path(), &jar);
    let _agent = serving(&mut third, &contract).await;
    says(contract.api_port, "answer of the agent", |metrics, _| metrics.contains_key("traffic.messages_in"))
        .await;
    let exposed = received();
    assert!((1000..=2000).contains(&exposed), "{exposed}");
    tee.close().await;
    produce(contract.port, 1000).await;
    says(contract.api_port, "1000 messages, and nobody to tell", |metrics, notes| {
        metrics.get("traffic.messages_in").is_some_and(|all| all["value"] == 1000)
            && notes.get("statsd").is_some_and(|note| note.contains("is not reached: "))
    })
    .await;
    assert_eq!(received(), exposed);
    tee.open().await;
    sum(exposed + 1000).await;
    kill(jvm(&third), Signal::SIGKILL).unwrap();
    third.end_well().await;

    // The fourth is restarted in place; its executor counts on.
    let mut fourth = measured(volume.path(), &jar);
    let agent = serving(&mut fourth, &contract).await;
    produce(contract.port, 500).await;
    let is = |metrics: &BTreeMap<String, Value>, name: &str, value: u64| {
        metrics.get(name).is_some_and(|metric| metric["value"] == value)
    };
    // What a JVM took within its last moments is told if its last answer comes in time.
    says(contract.api_port, "500 messages", |metrics, _| is(metrics, "traffic.messages_in", 500)).await;
    let before = jvm(&fourth);
    let (next, message) = restart(&contract, 100);
    agent.say(&message);
    let served = next.generation.to_string();
    agent
        .update("the next generation", |update| {
            update.state() == TaskState::TaskRunning
                && crate::kafka::label(update, "generation") == Some(&served)
        })
        .await;
    assert_ne!(jvm(&fourth), before);
    produce(contract.port, 1000).await;
    sum(exposed + 1000 + 1500).await;
    says(contract.api_port, "total over both JVMs", |metrics, _| {
        is(metrics, "traffic.messages_in", 1500) && is(metrics, "jvm.starts", 2)
    })
    .await;
    everything_is_told(&tee, contract.api_port).await;
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    fourth.end_well().await;
    assert_eq!(received(), exposed + 1000 + 1500);
}

/// Every metric was sent, and is shown.
async fn everything_is_told(tee: &Tee, port: u16) {
    let wanted: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.row().name).collect();
    says(port, "every metric", |metrics, _| wanted.iter().all(|name| metrics.contains_key(*name))).await;
    let told = || -> BTreeSet<String> {
        let lines = tee.lines();
        let name = |line: &String| {
            line.split(':').next().unwrap().strip_prefix("kafka.broker.1.").unwrap().to_owned()
        };
        lines.iter().map(name).collect()
    };
    let all = || wanted.iter().all(|name| told().contains(*name)).then_some(());
    wait_for("line of every metric", all).await;
    let prometheus = get(port, "/admin/metrics?format=prometheus").await;
    assert!(prometheus.contains("\nkafka_jvm_up{service=\"kafka\",broker=\"1\"} 1\n"), "{prometheus}");
    for (name, least) in [
        ("jvm.rss_bytes", 50e6),
        ("jvm.heap_used_bytes", 1e6),
        ("jvm.classes", 1000.0),
        ("jvm.java_threads", 20.0),
        ("jvm.descriptors", 50.0),
        ("volume.size_bytes", 1e6),
        ("partitions.hosted", 1.0),
        ("health.checks", 1.0),
        ("health.healthy", 1.0),
    ] {
        says(port, name, |metrics, _| {
            metrics.get(name).is_some_and(|metric| metric["value"].as_f64() >= Some(least))
        })
        .await;
    }
    says(port, "note of the receiver alone", |_, notes| {
        notes.len() == 1 && notes.get("statsd").is_some_and(|note| note.starts_with("sent to localhost:"))
    })
    .await;
}

/// One whose JVM only waits, with this statsd server.
async fn waiting(
    zookeeper: &FakeZooKeeper,
    statsd: &str,
    tags: StatsdTags,
) -> (Executor, Agent, LaunchContract) {
    let mut contract = contract(&zookeeper.connect);
    contract.metrics = Metrics { statsd: Some(statsd.to_owned()), prefix: "team.kafka".to_owned(), tags };
    let agent = Agent::start(task(&contract, 5.0)).await;
    let mut executor = Executor::with_java("echo $$ > pid\nexec sleep 1000");
    executor.also(INTERVAL.0, "20");
    executor.start(agent.address);
    executor.written("pid").await;
    (executor, agent, contract)
}

// D23
#[tokio::test]
async fn tags_as_dogstatsd_has_them() {
    let zookeeper = FakeZooKeeper::start().await;
    let tee = Tee::start(&[]).await;
    let (mut executor, agent, _) =
        waiting(&zookeeper, &format!("127.0.0.1:{}", tee.port), StatsdTags::Dogstatsd).await;
    for line in
        ["team.kafka.jvm.up:1|g|#service:kafka,broker:1", "team.kafka.jvm.starts:1|c|#service:kafka,broker:1"]
    {
        wait_for(line, || tee.lines().iter().any(|found| found == line).then_some(())).await;
    }
    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
    assert!(tee.lines().iter().all(|line| line.ends_with("|#service:kafka,broker:1")));
    // Each counter's growth was told once.
    let starts = tee.lines().iter().filter(|line| line.starts_with("team.kafka.jvm.starts:1|")).count();
    assert_eq!(starts, 1);
}

/// Processor time in milliseconds and memory in KiB.
pub(crate) fn cost(pid: Pid) -> (u64, u64) {
    let stat = executor::metrics::process::stat(&fs::read(format!("/proc/{pid}/stat")).unwrap()).unwrap();
    let rss = executor::metrics::process::rss(&fs::read(format!("/proc/{pid}/status")).unwrap()).unwrap();
    (stat.cpu_ms(), rss / 1024)
}

/// How often an executor has read everything so far.
async fn rounds(port: u16) -> u64 {
    let answer = get(port, "/admin/metrics").await;
    let json: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    json["rounds"].as_u64().unwrap()
}

/// What so many rounds cost an executor.
struct Cost {
    rounds: u64,
    cpu_ms: u64,
    grown_kb: u64,
}

impl Cost {
    /// Of the next `count` rounds, after as many to settle.
    async fn of(executor: &Executor, port: u16, count: u64) -> Self {
        let reached = async |least: u64| {
            let deadline = Instant::now() + crate::PATIENCE;
            loop {
                let rounds = rounds(port).await;
                if rounds >= least {
                    return rounds;
                }
                assert!(Instant::now() < deadline, "{rounds} of {least} rounds");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let first = reached(count).await;
        let before = cost(executor.pid());
        let last = reached(first + count).await;
        let after = cost(executor.pid());
        Self { rounds: last - first, cpu_ms: after.0 - before.0, grown_kb: after.1.saturating_sub(before.1) }
    }

    fn per_round(&self) -> f64 {
        self.cpu_ms as f64 / self.rounds as f64
    }
}

// D23: ten minutes are 60 rounds; here there are more, with a closed port, no route, and no such name, beside one whose
// receiver is there.
#[tokio::test]
async fn a_receiver_that_is_away_costs_nothing() {
    const ROUNDS: u64 = 120;
    let zookeeper = FakeZooKeeper::start().await;
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let there = receiver.local_addr().unwrap().to_string();
    let closed = format!("127.0.0.1:{}", free_port());
    let servers = [there.as_str(), closed.as_str(), "255.255.255.255:8125", "statsd.invalid:8125"];
    let (mut all, began) = (Vec::new(), Instant::now());
    for server in servers {
        all.push((server, waiting(&zookeeper, server, StatsdTags::None).await));
    }
    for (server, (_, _, contract)) in &all {
        let note = match *server == there {
            true => format!("sent to {server}"),
            false => format!("{server} is not reached: "),
        };
        says(contract.api_port, &note, |_, notes| {
            notes.get("statsd").is_some_and(|found| found.starts_with(&note))
        })
        .await;
    }
    let measure =
        all.iter().map(|(_, (executor, _, contract))| Cost::of(executor, contract.api_port, ROUNDS));
    let costs = futures_util::future::join_all(measure).await;
    for ((server, _), Cost { rounds, cpu_ms, grown_kb }) in all.iter().zip(&costs) {
        eprintln!("{server}: {cpu_ms} ms of processor time in {rounds} rounds, {grown_kb} KiB more");
    }
    let (control, away) = costs.split_first().unwrap();
    for ((server, (executor, ..)), cost) in all.iter().skip(1).zip(away) {
        assert!(cost.grown_kb < control.grown_kb + 256, "{server}: {} KiB", cost.grown_kb);
        // The kernel counts in steps of 10 ms.
        let most = 1.5 * control.per_round() + 20.0 / ROUNDS as f64;
        assert!(cost.per_round() <= most, "{server}: {} ms a round, {most}", cost.per_round());
        let log = executor.read("stderr");
        let lines =
            log.lines().filter(|line| line.contains("metrics do not reach the statsd server")).count();
        let most = 1 + began.elapsed().as_secs() as usize / 60;
        assert!((1..=most).contains(&lines), "one line a minute: {lines} of {most}");
    }
    for (_, (mut executor, agent, _)) in all {
        agent.kill(TASK, None);
        agent.state(TaskState::TaskKilled).await;
        executor.end_well().await;
    }
}
