//! `GET /v1/connection` (S-088).

use api::rest;
use axum::{Json, extract::State};

use super::{ApiError, App, document::Read};

/// How clients reach the brokers that run.
#[utoipa::path(
    get, path = "/v1/connection", tag = "connection",
    responses(
        (status = 200, description = "Addresses", body = rest::Connection, example = json!({
            "address": ["10.0.0.211:9843", "10.0.0.217:10056"],
            "dns": ["broker-0.kafka.mesos:9843", "broker-1.kafka.mesos:10056"],
            "vip": "broker.kafka.l4lb.thisdcos.directory:9092",
            "zookeeper": "master.mesos:2181/dcos-service-kafka",
        })),
        Read,
    ),
)]
pub(super) async fn show(State(app): State<App>) -> Result<Json<rest::Connection>, ApiError> {
    Ok(Json(app.registered()?.connection.clone()))
}
