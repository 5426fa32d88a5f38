//! The guide's clients, on a cluster that runs already: the Java library of its samples, and the scripts of an old Kafka.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::{
    cluster::{Cluster, text},
    topics::says,
};

/// A client's whole run. The library waits for ever where it can't reach a broker.
const PATIENCE: Duration = Duration::from_secs(120);
/// The last line whose scripts know `--zookeeper`.
const OLD: &str = "2.8.2";
const QUIET: &str = "log4j.rootLogger=WARN, err
log4j.appender.err=org.apache.log4j.ConsoleAppender
log4j.appender.err.target=System.err
log4j.appender.err.layout=org.apache.log4j.SimpleLayout
";

/// Both, one beside the other.
pub(crate) async fn clients(cluster: &Cluster) {
    let connection = cluster.api().await.connection().await.unwrap().body;
    let servers = connection.address.join(",");
    says(cluster, "topic create guide-sample --partitions=3 --replication=3").await;
    let library = the_library(&servers, "guide-sample", 100);
    the_scripts(cluster, &servers, &connection.zookeeper).await;
    let output = library.output("the guide's sample");
    assert_eq!(text(&output.stdout), "100 records of 1024 bytes read\n");
    let offsets = says(cluster, "topic offsets guide-sample").await;
    let ends = offsets.as_array().unwrap().iter().enumerate();
    let ends = ends.map(|(number, end)| end[number.to_string()].as_str().unwrap().parse::<u64>().unwrap());
    assert_eq!(ends.sum::<u64>(), 100, "{offsets}");
}

/// S-087: producer and consumer of org.apache.kafka:kafka-clients:0.9.0.1, from the addresses alone.
fn the_library(servers: &str, topic: &str, count: u32) -> Running {
    let jars = fetched("fetch-kafka-clients.sh", &[]);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/guide/Sample.java");
    // Its logging has no binding, and says so.
    let class_path = jars.join("*").into_os_string();
    let count = count.to_string();
    let words = ["-cp".as_ref(), class_path.as_os_str(), sample.as_os_str()];
    Running::start(&[&words[..], &[servers, topic, &count].map(OsStr::new)].concat(), "")
}

/// S-091: scripts of an older Kafka, with `address` as their `--broker-list` and `zookeeper` as their `--zookeeper`.
async fn the_scripts(cluster: &Cluster, servers: &str, zookeeper: &str) {
    let dir = tempfile::tempdir().unwrap();
    let archive = fetched("fetch-kafka.sh", &[OLD]);
    let unpack = ["-xzf", archive.to_str().unwrap(), "--strip-components=1", "-C"];
    assert!(Command::new("tar").args(unpack).arg(dir.path()).status().unwrap().success());
    fs::write(dir.path().join("log4j.properties"), QUIET).unwrap();
    let log = format!("-Dlog4j.configuration=file:{}/log4j.properties", dir.path().display());
    let class_path = dir.path().join("libs/*").into_os_string();
    let script = |main: &str, arguments: &[&str], input: &str| {
        let words = ["-XX:TieredStopAtLevel=1", &log, "-cp"].map(OsStr::new);
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        Running::start(&[&words[..], &[&class_path, main.as_ref()], &arguments].concat(), input)
    };
    let topics = "kafka.admin.TopicCommand";
    let created = ["--zookeeper", zookeeper, "--create", "--topic", "old", "--partitions", "2"];
    let created = script(topics, &[&created[..], &["--replication-factor", "3"]].concat(), "");
    assert!(text(&created.output("kafka-topics --create").stdout).contains("Created topic old."));
    let list = says(cluster, "topic list").await;
    assert!(list.as_array().unwrap().contains(&json!("old")), "{list}");

    let produce = script(
        "kafka.tools.ConsoleProducer",
        &["--broker-list", servers, "--topic", "old", "--request-required-acks", "-1"],
        "first\nsecond\n",
    );
    let listed = script(topics, &["--zookeeper", zookeeper, "--list"], "");
    produce.output("kafka-console-producer");
    let listed = text(&listed.output("kafka-topics --list").stdout);
    let ours = says(cluster, "topic list").await;
    // The library beside us is a group, perhaps the first, for which Kafka makes its own topic at some moment.
    let own = |topic: &&str| *topic != "__consumer_offsets";
    let theirs: Vec<_> = listed.lines().filter(own).collect();
    let ours: Vec<_> =
        ours.as_array().unwrap().iter().filter_map(|topic| topic.as_str()).filter(own).collect();
    assert_eq!(ours, theirs, "both list the same");
    let consume = script(
        "kafka.tools.ConsoleConsumer",
        &["--bootstrap-server", servers, "--topic", "old", "--from-beginning", "--max-messages", "2"],
        "",
    );
    let read = text(&consume.output("kafka-console-consumer").stdout);
    let mut read: Vec<_> = read.lines().collect();
    read.sort_unstable();
    assert_eq!(read, ["first", "second"]);
}

/// A client on its way.
struct Running(Child);

impl Running {
    /// Starts it; `timeout` (coreutils) ends it.
    fn start(java: &[&OsStr], input: &str) -> Self {
        let mut command = Command::new("timeout");
        command.arg(PATIENCE.as_secs().to_string()).arg("java").args(java);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Self(child)
    }

    /// All it printed; it must succeed, and in time.
    fn output(self, what: &str) -> Output {
        let output = self.0.wait_with_output().unwrap();
        eprintln!("{what}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{what}");
        output
    }
}

/// The path that a script of ours prints.
fn fetched(script: &str, arguments: &[&str]) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(script);
    let output = Command::new(&script).args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed", script.display());
    text(&output.stdout).trim().into()
}
