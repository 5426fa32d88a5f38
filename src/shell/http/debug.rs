//! `GET /v1/debug/offers`: why the latest offers did not fit. `GET /v1/debug/api`: how this API fares.

use api::rest;
use axum::{Json, extract::State};

use super::{App, document::Plain};

/// The latest offers, newest first: taken or declined, and why each did not fit.
#[utoipa::path(
    get, path = "/v1/debug/offers", tag = "service",
    responses((status = 200, description = "Offers and what became of them", body = rest::OfferList), Plain),
)]
pub(super) async fn offers(State(app): State<App>) -> Json<rest::OfferList> {
    Json(rest::OfferList { offers: app.view().offers.clone() })
}

/// What the API itself turned away since the scheduler's start, and changed files that it does not use.
#[utoipa::path(
    get, path = "/v1/debug/api", tag = "service", operation_id = "api",
    responses((status = 200, description = "Counters and troubles", body = rest::Door), Plain),
)]
pub(super) async fn door(State(app): State<App>) -> Json<rest::Door> {
    Json(app.access.door())
}
