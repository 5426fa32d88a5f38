//! How far a cluster is, as its own API tells, and what a user needs once it is up.

use std::{path::Path, time::Duration};

use api::{
    client::{Client, Options},
    rest::{Plan, Status},
};
use serde_json::Value;
use tokio::{net::TcpStream, sync::mpsc};

use super::{
    cluster::Cluster,
    picture::{self, Line, Step},
    screen::{eprint, print},
    settings::Settings,
};

/// How often the API is asked.
const POLL: Duration = Duration::from_millis(200);
/// The scheduler answers from memory, so a slow answer is none.
const DEADLINE: Duration = Duration::from_secs(5);
/// News that wait to be shown; the watcher waits while it is full.
const NEWS: usize = 64;
/// Lines shown of a log.
const TAIL: usize = 15;

/// One bit of progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// How far something is.
    Line(Line),
    /// The plan is complete, of the wanted configuration or, with errors, of the last valid one.
    Up {
        /// Why the wanted configuration is refused (S-046).
        errors: Vec<String>,
        /// How to connect (S-014).
        connection: Connected,
    },
}

/// The answer of `GET /v1/connection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// As it came.
    pub json: Value,
    /// `host:port` of each broker.
    pub address: Vec<String>,
}

/// A client of the REST API on this port; with a token, where one is needed, from `KAFKA_SCHEDULER_TOKEN`, as `dcos-kafka`.
///
/// # Errors
/// If no HTTP client can be made.
pub fn client(port: u16) -> Result<Client, api::client::Error> {
    Client::new(Options {
        url: format!("http://127.0.0.1:{port}"),
        token: std::env::var("KAFKA_SCHEDULER_TOKEN").ok().filter(|token| !token.is_empty()),
        ca_pem: None,
        deadline: DEADLINE,
    })
}

/// Watches a cluster that comes up; ends when dropped.
#[derive(Debug)]
pub struct Progress {
    news: mpsc::Receiver<News>,
    task: tokio::task::JoinHandle<()>,
}

impl Progress {
    /// Starts watching.
    pub fn watch(client: Client, settings: &Settings) -> Self {
        let (sender, news) = mpsc::channel(NEWS);
        let ports = [("zookeeper", settings.zookeeper_port), ("mesos", settings.master_port)];
        Self { news, task: tokio::spawn(watch(client, ports, sender)) }
    }

    /// The next news; never ends before [`News::Up`].
    pub async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The next news of something that may no longer be watched.
pub async fn next(progress: &mut Option<Progress>) -> News {
    match progress {
        Some(progress) => progress.next().await,
        None => std::future::pending().await,
    }
}

async fn watch(client: Client, ports: [(&'static str, u16); 2], news: mpsc::Sender<News>) {
    let line = |name: &str, step, detail: String| News::Line(Line { name: name.to_owned(), step, detail });
    loop {
        let mut all = Vec::new();
        for (name, port) in ports {
            let up = TcpStream::connect(("127.0.0.1", port)).await.is_ok();
            all.push(line(name, if up { Step::Done } else { Step::Starting }, format!("127.0.0.1:{port}")));
        }
        match client.plan().await {
            Err(error @ api::client::Error::Refused { .. }) => {
                all.push(line("scheduler", Step::Starting, error.to_string()));
            }
            Err(_) => all.push(line("scheduler", Step::Starting, String::new())),
            Ok(plan) => {
                all.push(line("scheduler", Step::Done, client.url().to_string()));
                // What a scheduler that has just come back says of its brokers may be long past.
                let known = picture::reconciled(&plan.body);
                for (id, block) in picture::brokers(&plan.body).filter(|_| known) {
                    let broker = match id.parse() {
                        Ok(id) => client.broker(id).await.ok(),
                        Err(_) => None,
                    };
                    all.push(News::Line(picture::line(block, broker.as_ref().map(|broker| &broker.body))));
                }
                if is_up(&plan.body) {
                    // A scheduler that is just being restarted answers the next time: no reason to end anything.
                    match client.connection().await {
                        Ok(answer) => all.push(News::Up {
                            errors: plan.body.errors,
                            connection: Connected { json: answer.json, address: answer.body.address },
                        }),
                        Err(error) => all.push(line("connection", Step::Starting, error.to_string())),
                    }
                }
            }
        }
        for item in all {
            let last = matches!(item, News::Up { .. });
            if news.send(item).await.is_err() || last {
                return;
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Whether every block is complete. The status alone will not do: a refused configuration shows `Error` (S-046) while the
/// last valid one may still be coming up.
pub fn is_up(plan: &Plan) -> bool {
    let mut brokers = picture::brokers(plan).peekable();
    brokers.peek().is_some()
        && plan.phases.iter().flat_map(|phase| &phase.blocks).all(|block| block.status == Status::Complete)
        && matches!(plan.status, Status::Complete | Status::Error)
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

/// What a user needs once the cluster is up: how to connect, and three commands to try. Each is tried by the end-to-end
/// tests just as it is printed.
pub fn farewell(cluster: &Cluster, connection: &Connected, errors: &[String]) {
    for error in errors {
        eprint(&format!("the configuration is refused, the last valid one serves on: {error}"));
    }
    print(&format!("{:#}", connection.json));
    for line in commands(cluster, &connection.address) {
        print(&line);
    }
}

/// What a user needs to know who no longer waits for a cluster that comes up.
pub fn goes_on(cluster: &Cluster) -> String {
    let program = shorten(&cluster.programs.join("kafka-local"));
    let data = shorten(cluster.home.root());
    format!(
        "the cluster goes on: `{program} stop --data {data}` ends it, `{program} status --data {data}` shows it"
    )
}

fn commands(cluster: &Cluster, addresses: &[String]) -> Vec<String> {
    let program = |name: &str| shorten(&cluster.programs.join(name));
    let tool = |name: &str| {
        format!("{} tool --data {} {name}", program("kafka-local"), shorten(cluster.home.root()))
    };
    let servers = addresses.join(",");
    vec![
        String::new(),
        "Try:".to_owned(),
        format!(
            "  {} --url http://127.0.0.1:{} topic create topic1",
            program("dcos-kafka"),
            cluster.settings.api_port
        ),
        format!("  echo hello | {} --bootstrap-server {servers} --topic topic1", tool("console-producer")),
        format!(
            "  {} --bootstrap-server {servers} --topic topic1 --from-beginning --max-messages 1",
            tool("console-consumer")
        ),
    ]
}

/// A path as one would type it here: relative where it lies below the current directory.
fn shorten(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let relative = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    relative.as_deref().unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn plan(status: &str, blocks: &[(&str, &str)], errors: &[&str]) -> Plan {
        let blocks: Vec<_> = blocks
            .iter()
            .map(|(name, status)| {
                serde_json::json!({
                    "has_decision_point": false, "id": uuid::Uuid::nil(), "message": "", "name": name, "status": status,
                })
            })
            .collect();
        let phase =
            serde_json::json!({"blocks": blocks, "id": uuid::Uuid::nil(), "name": "p", "status": status});
        let json = serde_json::json!({"errors": errors, "phases": [phase], "status": status});
        serde_json::from_value(json).unwrap()
    }

    // D47: `--detach` returns when the plan is Complete.
    #[test]
    fn up_means_that_every_block_is_complete() {
        assert!(is_up(&plan("Complete", &[("broker-0", "Complete")], &[])));
        assert!(!is_up(&plan("InProgress", &[("broker-0", "InProgress")], &[])));
        // A plan that knows no brokers yet is not up, whatever it says.
        assert!(!is_up(&plan("Complete", &[("Reconciliation", "Complete")], &[])));
        // S-046: refused settings, the last valid ones serve.
        assert!(is_up(&plan("Error", &[("broker-0", "Complete")], &["no"])));
        assert!(!is_up(&plan("Error", &[("broker-0", "Pending")], &["no"])));
    }

    // A scheduler that ends between two questions must not end the cluster: it is asked again.
    #[tokio::test]
    async fn a_failed_answer_is_asked_for_again() {
        use axum::{Json, Router, http::StatusCode, routing::get};

        let complete = serde_json::to_value(plan("Complete", &[("broker-0", "Complete")], &[])).unwrap();
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let connection = move || async move {
            if asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
                return Err(StatusCode::INTERNAL_SERVER_ERROR);
            }
            Ok(Json(
                serde_json::json!({"address": ["127.0.0.1:9092"], "dns": [], "vip": "v", "zookeeper": "z"}),
            ))
        };
        let router = Router::new()
            .route("/v1/plan", get(|| async { Json(complete) }))
            .route("/v1/connection", get(connection));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async { axum::serve(listener, router).await });

        let (sender, mut news) = mpsc::channel(NEWS);
        let watching = watch(client(port).unwrap(), [("zookeeper", port), ("mesos", port)], sender);
        tokio::spawn(tokio::time::timeout(Duration::from_secs(20), watching));
        let mut failed = false;
        loop {
            match news.recv().await.expect("it never was up") {
                News::Line(line) => failed |= line.name == "connection",
                News::Up { connection, .. } => break assert_eq!(connection.address, ["127.0.0.1:9092"]),
            }
        }
        assert!(failed, "the first answer was none");
    }

    #[test]
    fn a_tail_is_the_end_of_a_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("x.log");
        assert_eq!(tail(&log), "");
        std::fs::write(&log, (0..100).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
        assert!(tail(&log).starts_with("85\n") && tail(&log).ends_with("99"));
    }
}
