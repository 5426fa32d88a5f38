//! `GET /v1/debug/offers`: why the latest offers did not fit.

use api::rest;
use axum::{Json, extract::State};

use super::App;

pub(super) async fn offers(State(app): State<App>) -> Json<rest::OfferList> {
    Json(rest::OfferList { offers: app.view().offers.clone() })
}
