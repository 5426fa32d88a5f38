//! `/admin/*`: for Marathon, monitors and people (S-119, D19).

use api::rest::{Check, CheckName};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::App;

/// Oldest view that tells how things are, in ms: a tick makes a new one every second, and a commit on a bad disk takes
/// seconds.
const STALE_MS: u64 = 15_000;

/// Every check; 500 when one fails.
pub(super) async fn check(State(app): State<App>) -> Response {
    let view = app.view();
    let mut health = view.health.clone();
    let age = app.clock.now().0.saturating_sub(view.made_at.0);
    if age > STALE_MS {
        let message = format!(
            "the scheduler stands still for {} s, probably in a commit; all that is shown is as old",
            age / 1000
        );
        health.0.insert(CheckName::Store, Check { healthy: false, message });
    }
    let status = if health.is_healthy() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (status, Json(health)).into_response()
}

/// Says that this process answers, and nothing else.
pub(super) async fn ping() -> &'static str {
    "pong"
}
