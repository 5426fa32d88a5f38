//! `/admin/*`: for Marathon, monitors and people (S-119, D19).

use api::rest::{Check, CheckName, ErrorBody, Health};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{App, document::Plain};

/// Oldest view that tells how things are, in ms: a tick makes a new one every second, and a commit on a bad disk takes
/// seconds.
const STALE_MS: u64 = 15_000;

/// Either body of a 500, for the document.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum Ill {
    /// A check fails.
    Health(Health),
    /// The route itself failed.
    Error(ErrorBody),
}

/// Every check by name; 500 when one fails (S-119).
#[utoipa::path(
    get, path = "/admin/healthcheck", tag = "service",
    responses(
        Plain,
        (status = 200, description = "Every check passes", body = Health),
        (status = 500, description = "A check fails, or `InternalError`: a fault of ours", body = Ill),
    ),
)]
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
#[utoipa::path(
    get, path = "/admin/ping", tag = "service",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain", example = "pong"), Plain),
)]
pub(super) async fn ping() -> &'static str {
    "pong"
}
