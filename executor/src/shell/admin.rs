//! The executor's own small HTTP endpoint, on `API_PORT` (D32): what Mesos and operators look at.
//!
//! `GET /admin/ping` says `pong`. `GET /admin/healthcheck` is 200 while the broker serves, 500 otherwise, with the
//! last check's result, counted or not (D17). `GET /admin/metrics` shows what [`super::metrics`] measures.
//!
//! Anybody on the network may ask, and nobody can hold it: at most [`CONNECTIONS`] are served at once, the others wait
//! in the kernel's queue; a head must arrive within [`HEAD`], which also ends idle connections; none lives longer than
//! [`LIFE`].

use std::{io, sync::Arc, time::Duration};

use api::launch::LaunchContract;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use healthcheck::policy::Verdict;
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
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The supervisor's state.
    pub(super) state: &'static str,
    /// The last check, whether or not it counted.
    pub(super) check: Option<Check>,
    /// All of them.
    pub(super) checks: Checks,
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

impl View {
    /// A check has ended; `took` if it passed.
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
        match self.check.as_ref().map(|check| &check.verdict) {
            Some(Verdict::Failing { failures, .. } | Verdict::Unhealthy { failures, .. }) => *failures,
            _ => 0,
        }
    }
}

/// One health check's result.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) verdict: Verdict,
}

/// Listens where the contract says.
pub(super) async fn listen(contract: &LaunchContract) -> Result<TcpListener, (String, io::Error)> {
    let address = format!("{}:{}", bracketed(&contract.listen_address), contract.api_port);
    TcpListener::bind(&address).await.map_err(|error| (address, error))
}

/// Serves for as long as the process lives.
pub(super) async fn serve(listener: TcpListener, view: watch::Receiver<View>, metrics: Router) {
    let routes = Router::new()
        .route("/admin/ping", get(|| async { "pong" }))
        .route(HEALTH_PATH, get(health))
        .with_state(view)
        .merge(metrics);
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
    let check = view.check.as_ref().map(|check| {
        json!({
            "healthy": check.verdict == Verdict::Healthy,
            "counted": check.verdict.healthy().is_some(),
            "message": check.verdict.to_string(),
        })
    });
    let code = if healthy { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (code, Json(json!({"healthy": healthy, "state": view.state, "check": check})))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use healthcheck::policy::Uncounted;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn check(state: &'static str, verdict: Option<Verdict>, expect: u16) {
        let check = verdict.map(|verdict| Check { verdict });
        let (code, Json(body)) = answer(&View { state, check, ..View::default() });
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
        let (_, Json(body)) =
            answer(&View { state: "running", check: Some(Check { verdict: grace() }), ..View::default() });
        assert_eq!(body["check"]["counted"], false, "shown, though it does not count");
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
