//! `GET /v1/plan` and `GET /v1/plan/status` (S-048, S-049).

use api::rest;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{App, document::Plain};

/// The plan; 503 while a rollout is in progress, with the same body (S-048).
#[utoipa::path(
    get, path = "/v1/plan", tag = "plan",
    responses(
        (status = 200, description = "No rollout is in progress", body = rest::Plan),
        (status = 503, description = "A rollout is in progress; without Retry-After", body = rest::Plan),
        Plain,
    ),
)]
pub(super) async fn show(State(app): State<App>) -> Response {
    let plan = app.view().plan.clone();
    let status = if plan.in_progress() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(plan)).into_response()
}

/// What is active in it; always 200.
#[utoipa::path(
    get, path = "/v1/plan/status", tag = "plan",
    responses((status = 200, description = "The active block and phase, absent when idle", body = rest::PlanActive), Plain),
)]
pub(super) async fn active(State(app): State<App>) -> Json<rest::PlanActive> {
    Json(app.view().active.clone())
}
