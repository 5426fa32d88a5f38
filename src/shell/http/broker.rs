//! `GET /v1/brokers` and `GET /v1/brokers/{id}` (S-098, D4).

use api::{
    ids::BrokerId,
    rest::{self, ErrorCode},
};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};

use super::{ApiError, App};

pub(super) async fn list(State(app): State<App>) -> Result<Json<rest::BrokerList>, ApiError> {
    let view = app.registered()?;
    Ok(Json(rest::BrokerList { brokers: view.brokers.iter().map(|broker| broker.id).collect() }))
}

pub(super) async fn show(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<rest::Broker>, ApiError> {
    let Path(text) = id?;
    let id: BrokerId = text.parse().map_err(|_| {
        ApiError::parameter(format!("{text:?} is not a broker id: a whole number, 0 or more, is expected"))
    })?;
    let view = app.registered()?;
    let found = view.brokers.iter().find(|broker| broker.id == id);
    found.cloned().map(Json).ok_or_else(|| {
        let known: Vec<_> = view.brokers.iter().map(|broker| broker.id.to_string()).collect();
        let message = format!("broker {id} does not exist; the brokers are {}", known.join(", "));
        ApiError::new(ErrorCode::BrokerNotFound, message)
    })
}
