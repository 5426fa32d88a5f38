//! The whole way of a log: a real Kafka, its executor, and a real rsyslogd, which is killed and comes back.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use api::launch::{Logs, Syslog, SyslogFormat};
use kafka::{client::Options, cluster::Cluster, topic::NewTopic};
use mesos::v1::TaskState;
use serde_json::Value;

use crate::{
    executor::free_port,
    kafka::{Ensemble, TASK, broker, executor, launched},
    wait_for,
};

/// A private one, that takes TCP and writes down what it understood.
struct Rsyslogd {
    directory: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Rsyslogd {
    async fn started() -> Self {
        let mut server = Self { directory: tempfile::tempdir().unwrap(), port: free_port(), child: None };
        let (work, out) = (server.directory.path().display(), server.out());
        // As they are sent, so that parts can be put together. No queue: killed, it has nothing that it has read and not written.
        let text = format!(
            "global(workDirectory=\"{work}\" parser.escapeControlCharactersOnReceive=\"off\" \
               parser.dropTrailingLFOnReception=\"off\")\n\
             module(load=\"imtcp\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\" ruleset=\"out\")\n\
             template(name=\"json\" type=\"list\" option.jsonf=\"on\") {{\n\
               property(outname=\"data\" name=\"structured-data\" format=\"jsonf\")\n\
               property(outname=\"text\" name=\"msg\" format=\"jsonf\")\n\
             }}\n\
             ruleset(name=\"out\" queue.type=\"Direct\") {{ action(type=\"omfile\" file=\"{}\" template=\"json\") }}\n",
            server.port,
            out.display()
        );
        fs::write(server.directory.path().join("rsyslog.conf"), text).unwrap();
        fs::write(out, "").unwrap();
        server.start().await;
        server
    }

    fn out(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    async fn start(&mut self) {
        let program = ["/usr/sbin/rsyslogd", "/usr/local/sbin/rsyslogd"].map(PathBuf::from);
        let program = program.into_iter().find(|path| path.exists());
        let program = program.expect("rsyslogd must be installed (scripts/install.sh --tests)");
        let path = |name| self.directory.path().join(name);
        let child = Command::new(program)
            .args(["-n", "-f"])
            .args([path("rsyslog.conf"), "-i".into(), path("pid")])
            .stdin(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
        let address = ("127.0.0.1", self.port);
        wait_for("rsyslogd", || std::net::TcpStream::connect(address).ok()).await;
    }

    /// SIGKILL.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _may_have_ended = child.kill();
            let _reaped = child.wait();
        }
    }

    /// The messages of one stream, what went in parts put together again.
    fn messages(&self, stream: &str) -> Vec<String> {
        let text = fs::read_to_string(self.out()).unwrap();
        let (mut messages, mut parts) = (Vec::new(), String::new());
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let message: Value = serde_json::from_str(line).unwrap();
            let (data, text) = (message["data"].as_str().unwrap(), message["text"].as_str().unwrap());
            if !data.contains(&format!(" stream=\"{stream}\"")) {
                continue;
            }
            let Some((_, part)) = data.split_once(" part=\"") else {
                messages.push(text.to_owned());
                continue;
            };
            let (number, of) = part.trim_end_matches("\"]").split_once('/').unwrap();
            if number == "1" {
                parts.clear();
            }
            parts.push_str(text);
            if number == of {
                messages.push(parts.clone());
            }
        }
        messages
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A line as it is in a message: its time and its level are fields there.
fn body(line: &str) -> &str {
    let head = line.strip_prefix('[').and_then(|line| line.split_once("] "));
    let Some((_, rest)) = head.filter(|(time, _)| time.starts_with("20")) else { return line };
    let level = ["INFO ", "WARN ", "ERROR ", "FATAL "];
    level.iter().find_map(|level| rest.strip_prefix(level)).unwrap_or(rest)
}

// D24, D44: what a broker wrote to stdout in its life is in rsyslogd's file, each line at least once.
#[tokio::test]
async fn every_line_of_a_real_broker_reaches_a_real_rsyslogd() {
    let (ensemble, mut server) = tokio::join!(Ensemble::start(), Rsyslogd::started());
    let volume = tempfile::tempdir().unwrap();
    let mut contract = broker(&ensemble, &[]);
    let syslog = Syslog {
        uri: format!("tcp://127.0.0.1:{}", server.port),
        facility: "daemon".to_owned(),
        format: SyslogFormat::Rfc5424,
        ca_file: None,
        spool_mb: 64,
        executor: false,
    };
    contract.logs = Logs { syslog: Some(syslog), sandbox_mb: 256 };
    let mut executor = executor(volume.path());
    let agent = launched(&mut executor, &contract).await;
    agent.state(TaskState::TaskRunning).await;
    let arrived =
        |server: &Rsyslogd, what: &str| server.messages("stdout").iter().any(|text| text.contains(what));
    let started = "started (kafka.server.KafkaServer)";
    wait_for(started, || arrived(&server, started).then_some(())).await;

    // The broker goes on while nobody is there.
    server.kill();
    let cluster =
        Cluster::new([format!("127.0.0.1:{}", contract.port)], Options::new("test", Duration::from_secs(60)));
    for name in ["orders", "parcels"] {
        cluster.create_topic(&NewTopic::new(name.parse().unwrap())).await.unwrap();
    }
    let created = "Created log for partition parcels-0";
    wait_for(created, || executor.read("stdout").contains(created).then_some(())).await;
    assert!(!arrived(&server, created));
    server.start().await;
    wait_for(created, || arrived(&server, created).then_some(())).await;

    agent.kill(TASK, None);
    agent.state(TaskState::TaskKilled).await;
    executor.end_well().await;
    let log = executor.read("stdout");
    let missing = || -> Vec<&str> {
        let messages = server.messages("stdout");
        let found: BTreeSet<&str> = messages.iter().flat_map(|text| text.lines()).collect();
        log.lines().filter(|line| !found.contains(body(line))).collect()
    };
    // The last ones have two seconds to be sent: on a machine that stalls then, the executor says how many were not.
    let own = executor.read("stderr");
    let said = own.split_once("lines that the syslog server never got unsent=").map(|(_, said)| said);
    let unsent: usize = said.map_or(0, |said| said.split_whitespace().next().unwrap().parse().unwrap());
    // And rsyslogd may take its time with what was sent.
    let deadline = Instant::now() + crate::PATIENCE;
    while missing().len() > unsent && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (lines, missing) = (log.lines().count(), missing());
    eprintln!("{lines} lines, {} missing, {unsent} unsent", missing.len());
    assert!(lines > 200 && log.contains("shut down completed (kafka.server.KafkaServer)"));
    assert!(missing.len() <= unsent, "of {lines} lines are missing {missing:#?}, {unsent} were unsent");
    assert!(!server.messages("controller").is_empty(), "the side logs go too");
}
