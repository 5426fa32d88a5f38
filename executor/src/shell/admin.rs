//! The executor's own small HTTP endpoint, on `API_PORT` (D32): what Mesos and operators look at.
//!
//! `GET /admin/metrics` shows what [`super::metrics`] measures. `GET /admin/ping` says `pong`. `GET /admin/healthcheck` is
//! 200 while the broker serves and its last check passed, 500 otherwise, with that check's result, counted or not (D17),
//! and what else an operator asks then:
//!
//! ```json
//! {"healthy": false, "state": "running", "state_since": 1795640549637, "progress": null,
//!  "check": {"kind": "own", "healthy": false, "counted": true, "excuse": null, "reason": "nothing listens on …",
//!            "message": "not healthy, 1 of 3 failures in a row: nothing listens on …",
//!            "failures": 1, "took_ms": 3, "at": 1795640563001},
//!  "timing": {"delay": 15.0, "interval": 10.0, "timeout": 20.0, "grace": 10.0, "max_failures": 3}}
//! ```
//!
//! Times are in milliseconds since 1970, lengths of time in seconds. `check` is null before the first one, `timing` where
//! there is none; `progress` says how far a start is.
//!
//! Anybody on the network may ask, and nobody can hold it: at most [`CONNECTIONS`] are served at once, the others wait
//! in the kernel's queue; a head must arrive within [`HEAD`], which also ends idle connections; none lives longer than
//! [`LIFE`].

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use api::launch::LaunchContract;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use healthcheck::policy::{Timing, Verdict};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::wire::HEALTH_PATH;
use crate::properties::bracketed;

/// Connections served at once.
const CONNECTIONS: usize = 32;
/// How long a request's head may take to arrive.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection lives: Mesos and operators ask for little, and anew each time.
const LIFE: Duration = Duration::from_secs(30);
/// Pause after a failed accept: most often descriptors are short, and would be at once again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the endpoint shows; changed by the shell alone.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The supervisor's state, and since when.
    pub(super) state: &'static str,
    pub(super) since: SystemTime,
    /// How far a start is (D18).
    pub(super) progress: Option<String>,
    /// The last check, whether or not it counted.
    pub(super) check: Option<Check>,
    /// All of them.
    pub(super) checks: Checks,
    /// Which check there is, and when.
    pub(super) plan: Option<(&'static str, Timing)>,
}

/// How many checks there were so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checks {
    pub(super) passed: u64,
    /// Whether or not they count.
    pub(super) failed: u64,
    /// How long the broker took for the last one that passed.
    pub(super) took: Option<Duration>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            state: "idle",
            since: SystemTime::now(),
            progress: None,
            check: None,
            checks: Checks::default(),
            plan: None,
        }
    }
}

impl View {
    /// Whether that is another state.
    pub(super) fn enter(&mut self, state: &'static str) -> bool {
        let new = self.state != state;
        if new {
            (self.state, self.since) = (state, SystemTime::now());
        }
        new
    }

    /// What of it is of the JVM before goes; how the new one is checked.
    pub(super) fn begin(&mut self, plan: Option<(&'static str, Timing)>) {
        (self.progress, self.check, self.plan) = (None, None, plan);
    }

    /// A check has ended; `took`, by the broker, if it passed.
    pub(super) fn checked(&mut self, check: Check, took: Option<Duration>) {
        self.check = Some(check);
        match took {
            Some(_) => {
                self.checks.passed += 1;
                self.checks.took = took;
            }
            None => self.checks.failed += 1,
        }
    }

    /// Whether the broker serves and passed its last check.
    pub(super) fn is_healthy(&self) -> bool {
        let failing = self.check.as_ref().is_some_and(|check| check.verdict != Verdict::Healthy);
        self.state == "running" && !failing
    }

    /// Failures in a row that count.
    pub(super) fn failures(&self) -> u32 {
        self.check.as_ref().map_or(0, |check| check.failures)
    }
}

/// One health check's result.
#[derive(Clone, Debug)]
pub(super) struct Check {
    verdict: Verdict,
    message: String,
    failures: u32,
    took: Duration,
    at: SystemTime,
}

impl Check {
    pub(super) fn new(verdict: Verdict, message: String, failures: u32, took: Duration) -> Self {
        Self { verdict, message, failures, took, at: SystemTime::now() }
    }
}

/// Listens where the contract says.
pub(super) async fn listen(contract: &LaunchContract) -> Result<TcpListener, (String, io::Error)> {
    let address = format!("{}:{}", bracketed(&contract.listen_address), contract.api_port);
    TcpListener::bind(&address).await.map_err(|error| (address, error))
}

/// Serves these paths, and `others`, for as long as the process lives.
pub(super) async fn serve(listener: TcpListener, view: watch::Receiver<View>, others: Router) {
    let routes = Router::new()
        .route("/admin/ping", get(|| async { "pong" }))
        .route(HEALTH_PATH, get(health))
        .with_state(view)
        .merge(others);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    // Dropped with us, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let routes = routes.clone();
                connections.spawn(async move {
                    serve_connection(stream, routes).await;
                    drop(slot);
                });
            }
            Err(error) => {
                warn!(%error, "the admin endpoint cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, routes: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    if let Ok(Err(error)) = timeout(LIFE, connection).await {
        debug!(%error, "a connection to the admin endpoint ended badly");
    }
}

async fn health(State(view): State<watch::Receiver<View>>) -> (StatusCode, Json<Value>) {
    let view = view.borrow().clone();
    answer(&view)
}

fn answer(view: &View) -> (StatusCode, Json<Value>) {
    let healthy = view.is_healthy();
    let kind = view.plan.map(|(kind, _)| kind);
    let check = view.check.as_ref().map(|check| {
        let (reason, excuse) = match &check.verdict {
            Verdict::Healthy => (None, None),
            Verdict::Uncounted { reason, why } => (Some(reason), Some(why.to_string())),
            Verdict::Failing { reason, .. } | Verdict::Unhealthy { reason, .. } => (Some(reason), None),
        };
        json!({
            "kind": kind,
            "healthy": check.verdict == Verdict::Healthy,
            "counted": check.verdict.healthy().is_some(),
            "excuse": excuse.as_deref().map(bounded),
            "reason": reason.map(|reason| bounded(reason)),
            "message": bounded(&check.message),
            "failures": check.failures,
            "took_ms": check.took.as_millis() as u64,
            "at": since_1970(check.at),
        })
    });
    let timing = view.plan.map(|(_, timing)| {
        json!({
            "delay": timing.delay.as_secs_f64(),
            "interval": timing.interval.as_secs_f64(),
            "timeout": timing.timeout.as_secs_f64(),
            "grace": timing.grace.as_secs_f64(),
            "max_failures": timing.max_failures.max(1),
        })
    });
    let code = if healthy { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    let body = json!({
        "healthy": healthy,
        "state": view.state,
        "state_since": since_1970(view.since),
        "progress": view.progress.as_deref().map(bounded),
        "check": check,
        "timing": timing,
    });
    (code, Json(body))
}

/// Longest text shown, in characters: a failure may name whatever a peer sent.
const TEXT: usize = 1000;

fn bounded(text: &str) -> String {
    let mut shown: String = text.chars().take(TEXT).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn since_1970(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use healthcheck::policy::{Excuse, Uncounted};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn view(state: &'static str, verdict: Option<Verdict>) -> View {
        let check = verdict.map(|verdict| {
            let message = verdict.to_string();
            Check::new(verdict, message, 1, Duration::from_millis(3))
        });
        View { state, check, plan: Some(("own", Timing::default())), ..View::default() }
    }

    fn check(state: &'static str, verdict: Option<Verdict>, expect: u16) {
        let (code, Json(body)) = answer(&view(state, verdict));
        assert_eq!(code.as_u16(), expect, "{body}");
        assert_eq!(body["healthy"], expect == 200);
        assert_eq!(body["state"], state);
    }

    // S-081, D17, D30
    #[test]
    fn only_a_broker_that_serves_and_passes_is_healthy() {
        let failing = || Verdict::Failing { reason: "silent".to_owned(), failures: 1, max: 3 };
        let grace = || Verdict::Uncounted { reason: "silent".to_owned(), why: Uncounted::Grace };
        check("running", None, 200);
        check("running", Some(Verdict::Healthy), 200);
        check("running", Some(failing()), 500);
        check("running", Some(grace()), 500);
        check("starting", None, 500);
        check("starting", Some(Verdict::Healthy), 500);
        check("stopping", Some(Verdict::Healthy), 500);
        let (_, Json(body)) = answer(&view("running", Some(grace())));
        assert_eq!(body["check"]["counted"], false, "shown, though it does not count");
    }

    // D17, D29
    #[test]
    fn what_an_operator_asks_is_shown() {
        let why = Uncounted::Excused(Excuse::Progress("log recovery 41 %".to_owned()));
        let mut view = view("starting", Some(Verdict::Uncounted { reason: "silent".to_owned(), why }));
        view.progress = Some("log recovery 42 %".to_owned());
        let (_, Json(mut body)) = answer(&view);
        for pointer in ["/state_since", "/check/at"] {
            let time = body.pointer_mut(pointer).unwrap();
            assert!(time.as_u64().is_some_and(|at| at > 1_700_000_000_000), "{time}");
            *time = json!("a time");
        }
        assert_eq!(
            body,
            json!({
                "healthy": false,
                "state": "starting",
                "state_since": "a time",
                "progress": "log recovery 42 %",
                "check": {
                    "kind": "own",
                    "healthy": false,
                    "counted": false,
                    "excuse": "log recovery 41 %",
                    "reason": "silent",
                    "message": "not healthy, not counted (log recovery 41 %): silent",
                    "failures": 1,
                    "took_ms": 3,
                    "at": "a time",
                },
                "timing": {"delay": 15.0, "interval": 10.0, "timeout": 20.0, "grace": 10.0, "max_failures": 3},
            })
        );
        view.begin(None);
        let (_, Json(body)) = answer(&view);
        assert!(body["check"].is_null() && body["timing"].is_null() && body["progress"].is_null(), "{body}");
    }

    #[test]
    fn the_answer_is_bounded_whatever_was_found() {
        let reason = "é".repeat(1_000_000);
        let (_, Json(body)) = answer(&view("running", Some(Verdict::Unhealthy { reason, failures: 3 })));
        assert!(body.to_string().len() < 8 * TEXT);
    }

    #[test]
    fn a_state_has_a_beginning() {
        let mut view = View { state: "starting", since: UNIX_EPOCH, ..View::default() };
        assert!(!view.enter("starting"));
        assert_eq!(view.since, UNIX_EPOCH);
        assert!(view.enter("running"));
        assert!(view.since > UNIX_EPOCH);
    }

    /// Connections that say nothing fill every place; whoever waits is served once their time is over.
    #[tokio::test(start_paused = true)]
    async fn silent_connections_hold_nobody_up_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_sender, view) = watch::channel(View::default());
        let _served = JoinSet::from_iter([serve(listener, view, Router::new())]);
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let asked = tokio::time::Instant::now();
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET /admin/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("pong"), "{answer}");
        let waited = asked.elapsed();
        assert!(waited >= HEAD, "it was served beside {CONNECTIONS} others");
        assert!(waited < LIFE, "silence was borne for {waited:?}");
        for socket in &mut silent {
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.unwrap();
        }
    }
}
