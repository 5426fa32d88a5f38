//! `/admin/*`: for Marathon, monitors and people (S-119, D19).

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::App;

/// Every check; 500 when one fails.
pub(super) async fn check(State(app): State<App>) -> Response {
    let health = app.view().health.clone();
    let status = if health.is_healthy() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (status, Json(health)).into_response()
}

/// Says that this process answers, and nothing else.
pub(super) async fn ping() -> &'static str {
    "pong"
}
