//! `GET /v1/connection` and its parts (S-088, S-089).

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

/// The brokers' addresses alone.
#[utoipa::path(
    get, path = "/v1/connection/address", tag = "connection",
    responses(
        (status = 200, description = "As in the whole", body = rest::Addresses,
         example = json!({"address": ["10.0.0.211:9843", "10.0.0.217:10056"]})),
        Read,
    ),
)]
pub(super) async fn addresses(State(app): State<App>) -> Result<Json<rest::Addresses>, ApiError> {
    Ok(Json(rest::Addresses { address: app.registered()?.connection.address.clone() }))
}

/// The brokers' names in Mesos-DNS alone, in the order of their addresses.
#[utoipa::path(
    get, path = "/v1/connection/dns", tag = "connection",
    responses(
        (status = 200, description = "As in the whole", body = rest::DnsNames,
         example = json!({"dns": ["broker-0.kafka.mesos:9843", "broker-1.kafka.mesos:10056"]})),
        Read,
    ),
)]
pub(super) async fn dns_names(State(app): State<App>) -> Result<Json<rest::DnsNames>, ApiError> {
    Ok(Json(rest::DnsNames { dns: app.registered()?.connection.dns.clone() }))
}
