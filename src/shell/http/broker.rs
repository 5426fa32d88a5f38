//! `GET /v1/brokers`, `GET` and `PUT /v1/brokers/{id}` (S-098, S-099, D4) and `GET /v1/brokers/{id}/incidents` (D45).

use api::{
    ids::{BrokerId, TaskId},
    rest::{self, ErrorCode},
};
use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
};

use super::{
    ApiError, App,
    document::{Read, refusals},
    query,
};
use crate::{
    event::{Command, Reply},
    view::View,
};

refusals! {
    /// Of [`show`] and [`incidents`].
    One = [InvalidParameter, BrokerNotFound, NotRegistered];
    /// Of [`restart`].
    Restart = [InvalidParameter, BrokerNotFound, NotRegistered, Overloaded, NotSupported, OutcomeUnknown];
}

/// The configured brokers, ascending (S-098).
#[utoipa::path(
    get, path = "/v1/brokers", tag = "brokers",
    responses((status = 200, description = "Their ids", body = rest::BrokerList), Read),
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<rest::BrokerList>, ApiError> {
    let view = app.registered()?;
    Ok(Json(rest::BrokerList { brokers: view.brokers.iter().map(|broker| broker.id).collect() }))
}

/// One broker: agent, host, port, task, health, configuration, what it waits for (D4).
#[utoipa::path(
    get, path = "/v1/brokers/{id}", tag = "brokers",
    params(("id" = u32, Path, description = "The broker", example = 0)),
    responses((status = 200, description = "The broker", body = rest::Broker), One),
)]
pub(super) async fn show(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<rest::Broker>, ApiError> {
    let id = read(id)?;
    let view = app.registered()?;
    let found = view.brokers.iter().find(|broker| broker.id == id);
    found.cloned().map(Json).ok_or_else(|| unknown(id, &view))
}

/// How the broker's JVMs ended, the latest first (D45).
#[utoipa::path(
    get, path = "/v1/brokers/{id}/incidents", tag = "brokers",
    params(("id" = u32, Path, description = "The broker", example = 0)),
    responses((status = 200, description = "At most the last 20", body = rest::IncidentList), One),
)]
pub(super) async fn incidents(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<rest::IncidentList>, ApiError> {
    let id = read(id)?;
    let view = app.registered()?;
    let found = view.incidents.get(&id).ok_or_else(|| unknown(id, &view))?;
    Ok(Json(rest::IncidentList { incidents: found.iter().map(|incident| (**incident).clone()).collect() }))
}

/// Restarts the broker in place, at once or when that hurts nobody; answers its task (S-099, D15, D26).
#[utoipa::path(
    put, path = "/v1/brokers/{id}", tag = "brokers",
    params(
        ("id" = u32, Path, description = "The broker", example = 0),
        ("force" = Option<bool>, Query, description = "At once, whatever it hurts"),
        ("replace" = Option<bool>, Query, description = "Give up its data and start elsewhere; not yet supported"),
    ),
    responses(
        (status = 200, description = "The task that restarts; none where the broker never had one", body = Vec<TaskId>,
         example = json!(["broker-0__9c426c50-1087-475c-aa36-cd00d24ccebb"])),
        Restart,
    ),
)]
pub(super) async fn restart(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Json<Vec<TaskId>>, ApiError> {
    let broker = read(id)?;
    let mut errors = Vec::new();
    let given = query::pairs(&text.unwrap_or_default(), &["force", "replace"], &mut errors)?;
    let [force, replace] = ["force", "replace"].map(|key| query::flag(&given, key, &mut errors));
    if !errors.is_empty() {
        return Err(ApiError::parameter(errors.join("; ")));
    }
    let view = app.registered()?;
    if replace {
        let message = format!(
            "broker {broker} is left alone: this version cannot replace a broker yet, only restart it in place, \
             without replace=true"
        );
        return Err(ApiError::new(ErrorCode::NotSupported, message));
    }
    match app.command(Command::Restart { broker, force }).await? {
        Reply::Restarting(task) => Ok(Json(task.into_iter().collect())),
        Reply::NoSuchBroker => Err(unknown(broker, &view)),
    }
}

fn read(id: Result<Path<String>, PathRejection>) -> Result<BrokerId, ApiError> {
    let Path(text) = id?;
    text.parse().map_err(|_| {
        ApiError::parameter(format!("{text:?} is not a broker id: a whole number, 0 or more, is expected"))
    })
}

fn unknown(id: BrokerId, view: &View) -> ApiError {
    let known: Vec<_> = view.brokers.iter().map(|broker| broker.id.to_string()).collect();
    let message = format!("broker {id} does not exist; the brokers are {}", known.join(", "));
    ApiError::new(ErrorCode::BrokerNotFound, message)
}
