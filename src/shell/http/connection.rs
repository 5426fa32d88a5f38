//! `GET /v1/connection` (S-088).

use api::rest;
use axum::{Json, extract::State};

use super::{ApiError, App};

pub(super) async fn show(State(app): State<App>) -> Result<Json<rest::Connection>, ApiError> {
    Ok(Json(app.registered()?.connection.clone()))
}
