//! The executor's own small HTTP endpoint, on `API_PORT` (D32): what Mesos and operators look at.
//!
//! `GET /admin/ping` says `pong`. `GET /admin/healthcheck` is 200 while the broker serves, 500 otherwise, with the
//! last check's result, counted or not (D17).

use std::io;

use api::launch::LaunchContract;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use healthcheck::policy::Verdict;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};
use tracing::warn;

use super::wire::HEALTH_PATH;
use crate::properties::bracketed;

/// What the endpoint shows; changed by the shell alone.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The supervisor's state.
    pub(super) state: &'static str,
    /// The last check, whether or not it counted.
    pub(super) check: Option<Check>,
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
pub(super) async fn serve(listener: TcpListener, view: watch::Receiver<View>) {
    let routes = Router::new()
        .route("/admin/ping", get(|| async { "pong" }))
        .route(HEALTH_PATH, get(health))
        .with_state(view);
    if let Err(error) = axum::serve(listener, routes).await {
        warn!(%error, "the admin endpoint ended");
    }
}

async fn health(State(view): State<watch::Receiver<View>>) -> (StatusCode, Json<Value>) {
    let view = view.borrow().clone();
    answer(&view)
}

fn answer(view: &View) -> (StatusCode, Json<Value>) {
    let failing = view.check.as_ref().is_some_and(|check| check.verdict != Verdict::Healthy);
    let healthy = view.state == "running" && !failing;
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
    use healthcheck::policy::Uncounted;

    use super::*;

    fn check(state: &'static str, verdict: Option<Verdict>, expect: u16) {
        let check = verdict.map(|verdict| Check { verdict });
        let (code, Json(body)) = answer(&View { state, check });
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
        let (_, Json(body)) = answer(&View { state: "running", check: Some(Check { verdict: grace() }) });
        assert_eq!(body["check"]["counted"], false, "shown, though it does not count");
    }
}
