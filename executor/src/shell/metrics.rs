//! Measuring: every few seconds all sources are read, `/admin/metrics` is given the picture, and the statsd server what
//! is new (D23).
//!
//! One task beside the loop, which tells it of each JVM. No reading takes longer than two seconds, all but the agent's
//! and Kafka's are of the kernel's own files, and nobody waits for it: whatever it costs, the broker does not notice.

mod agent;
mod files;
mod jvm;
mod receiver;
mod round;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use api::launch::LaunchContract;
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::get,
};
use nix::unistd::Pid;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tracing::warn;

use self::{agent::Access, round::Round};
use super::{
    admin::View,
    broker::{reachable, secured},
};
use crate::{
    command::JvmCommand,
    metrics::{Identity, Picture, prometheus},
    properties::bracketed,
};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(10);
/// While the broker stops: what it still does is not to be missed.
const STOPPING: Duration = Duration::from_secs(1);

/// Longest a stop waits for a last look at the JVM.
const LAST_LOOK: Duration = Duration::from_millis(250);

/// What is measured and where it goes; a restart in place may bring another.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    identity: Identity,
    /// `host:port` of the statsd server, if there is one.
    statsd: Option<String>,
    volume: PathBuf,
    /// Where the broker is asked.
    broker: String,
    /// What it speaks there, if we cannot.
    secured: Option<&'static str>,
    /// Name of the agent's jar in the sandbox, if there is to be one.
    agent: Option<String>,
    interval: Duration,
}

impl Settings {
    /// The contract's; the agent's environment says where statsd is if the contract does not.
    pub(super) fn new(
        contract: &LaunchContract,
        sandbox: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let given = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let statsd = contract.metrics.statsd.clone().or_else(|| {
            let host = given("STATSD_UDP_HOST")?;
            Some(format!("{}:{}", bracketed(host), given("STATSD_UDP_PORT").map_or("8125", String::as_str)))
        });
        // For tests only, which cannot wait that long.
        let interval = given("KAFKA_EXECUTOR_METRICS_INTERVAL_MS").and_then(|millis| millis.parse().ok());
        Self {
            identity: Identity::new(contract),
            statsd,
            volume: sandbox.join(&contract.volume),
            broker: format!("{}:{}", bracketed(&reachable(&contract.listen_address)), contract.port),
            secured: secured(contract),
            agent: contract.metrics_agent.clone(),
            interval: interval.map_or(INTERVAL, Duration::from_millis),
        }
    }
}

/// What the loop knows and the task follows.
#[derive(Clone, Debug, Default)]
struct Facts {
    settings: Option<Arc<Settings>>,
    running: Option<Running>,
    /// JVMs started so far.
    starts: u64,
    /// Last looks asked for so far.
    looks: u64,
}

/// A JVM that runs.
#[derive(Clone, Debug)]
struct Running {
    pid: Pid,
    forked: SystemTime,
    options: Arc<Vec<String>>,
    /// Its agent, if it has one.
    access: Option<Arc<Access>>,
}

/// The loop's end of it.
pub(super) struct Metrics {
    facts: watch::Sender<Facts>,
    shown: watch::Receiver<Option<Shown>>,
}

/// What the last round found.
#[derive(Clone)]
struct Shown {
    at: Instant,
    picture: Arc<Picture>,
    /// Of [`Facts::looks`], those before it.
    looks: u64,
}

impl Metrics {
    /// Both ends; the future ends with its handle, or never.
    pub(super) fn new(
        view: watch::Receiver<View>,
        logs: Arc<syslog::Counters>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (facts, followed) = watch::channel(Facts::default());
        let (show, shown) = watch::channel(None);
        (Self { facts, shown }, run(followed, view, logs, show))
    }

    /// From now on it is measured so.
    pub(super) fn follow(&self, settings: Settings) {
        self.facts.send_modify(|facts| facts.settings = Some(Arc::new(settings)));
    }

    /// The command with the metrics agent in it, if there is to be one, let in anew; call it before each start.
    pub(super) fn command(&self, command: &JvmCommand, sandbox: &Path) -> (JvmCommand, Admitted) {
        let settings = self.facts.borrow().settings.clone();
        let Some(jar) = settings.as_ref().and_then(|settings| settings.agent.as_deref()) else {
            return (command.clone(), Admitted(None));
        };
        // A JVM does not start with a jar that is none. No broker is to be down for its metrics.
        match is_archive(&sandbox.join(jar)).and_then(|()| agent::admit(sandbox)) {
            Ok(access) => (command.clone().with_agent(jar), Admitted(Some(Arc::new(access)))),
            Err(error) => {
                warn!(jar, %error, "the JVM starts without the metrics agent (BROKER_METRICS_AGENT_URI)");
                (command.clone(), Admitted(None))
            }
        }
    }

    /// A JVM was started with what [`Metrics::command`] gave.
    pub(super) fn started(&self, pid: Pid, forked: SystemTime, command: &JvmCommand, agent: Admitted) {
        let options = Arc::new(command.arguments.clone());
        self.facts.send_modify(|facts| {
            facts.starts += 1;
            facts.running = Some(Running { pid, forked, options, access: agent.0 });
        });
    }

    /// Reads the JVM's own counters once more, before it is asked to stop: its agent goes first then, and with it what
    /// the broker did since the last round. Takes some ten milliseconds, and [`LAST_LOOK`] at most.
    pub(super) async fn last_look(&self) {
        if self.facts.borrow().running.as_ref().is_none_or(|running| running.access.is_none()) {
            return;
        }
        let mut looks = 0;
        self.facts.send_modify(|facts| {
            facts.looks += 1;
            looks = facts.looks;
        });
        let mut shown = self.shown.clone();
        let looked = shown.wait_for(|shown| shown.as_ref().is_some_and(|shown| shown.looks >= looks));
        let _late_or_gone = timeout(LAST_LOOK, looked).await;
    }

    /// It has ended.
    pub(super) fn ended(&self) {
        self.facts.send_modify(|facts| facts.running = None);
    }

    /// `GET /admin/metrics`: JSON; Prometheus's text for `Accept: text/plain` or `?format=prometheus`.
    pub(super) fn routes(&self) -> Router {
        Router::new().route("/admin/metrics", get(show)).with_state(self.shown.clone())
    }
}

/// An agent that was let in, if one was.
pub(super) struct Admitted(Option<Arc<Access>>);

/// Whether the file is a zip, which a jar is, by how it begins.
fn is_archive(path: &Path) -> std::io::Result<()> {
    let mut begin = [0; 4];
    std::io::Read::read_exact(&mut std::fs::File::open(path)?, &mut begin)?;
    if begin == *b"PK\x03\x04" { Ok(()) } else { Err(std::io::Error::other("it is no jar")) }
}

async fn run(
    mut facts: watch::Receiver<Facts>,
    mut view: watch::Receiver<View>,
    logs: Arc<syslog::Counters>,
    show: watch::Sender<Option<Shown>>,
) {
    // Nothing is measured before there is a broker to be.
    let Ok(settings) =
        facts.wait_for(|facts| facts.settings.is_some()).await.map(|facts| facts.settings.clone())
    else {
        return;
    };
    let Some(settings) = settings else { return };
    let mut round = Round::new(settings, receiver::system(), logs);
    loop {
        let (seen, looked) = (facts.borrow_and_update().clone(), view.borrow_and_update().clone());
        let (stopping, looks) = (stops(&looked), seen.looks);
        let picture = round.go(seen, looked).await;
        let now = Instant::now();
        show.send_replace(Some(Shown { at: now, picture: Arc::new(picture), looks }));
        let due = now + if stopping { round.interval().min(STOPPING) } else { round.interval() };
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                changed = facts.changed() => match changed {
                    // At once: what begins or ends here is to be seen.
                    Ok(()) => break,
                    Err(_the_loop_has_ended) => return,
                },
                changed = view.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let looked = view.borrow_and_update().clone();
                    let begins = stops(&looked) && !stopping;
                    round.checked(&looked);
                    if begins {
                        break;
                    }
                }
            }
        }
    }
}

/// Whether the broker is on its way down, for good or to come back.
fn stops(view: &View) -> bool {
    matches!(view.state, "stopping" | "restarting")
}

#[derive(serde::Deserialize)]
struct Asked {
    format: Option<String>,
}

async fn show(
    State(shown): State<watch::Receiver<Option<Shown>>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let Some(Shown { at, picture, .. }) = shown.borrow().clone() else {
        return (hyper::StatusCode::SERVICE_UNAVAILABLE, "nothing is measured yet\n").into_response();
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Prometheus itself prefers OpenMetrics, which this is not, and takes text/plain.
    let text = match asked.format.as_deref() {
        Some("prometheus") => true,
        Some(_) => false,
        None => accept.contains("text/plain"),
    };
    if text {
        ([(header::CONTENT_TYPE, prometheus::MEDIA_TYPE)], prometheus::text(&picture)).into_response()
    } else {
        Json(picture.json(at.elapsed())).into_response()
    }
}

#[cfg(test)]
mod tests;
