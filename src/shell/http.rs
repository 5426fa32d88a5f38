//! The REST API: verifies, converts, answers; it decides nothing.
//!
//! ```text
//!  connection ─► server (limits) ─► guard (request id, gate, deadline, panics, error bodies, audit) ─► route ─┬► the last View
//!                                                                                                             ├► command ─► the loop
//!                                                                                                             └► topic ─► Kafka
//! ```
//!
//! Reads see the last published [`View`] and never enter the scheduler's loop; what an operator asks for does, and is
//! answered once it is stored. Topic routes pass straight to Kafka.
//! A kind of route that asks Kafka is a trait beside its handlers, a field of [`Kafka`] and a file in `cluster/` that
//! implements it for [`Real`]; each handler is described by `utoipa::path` and listed in `every_route`.
//! [`api()`] and [`admin`] make routers from an [`App`] alone, so tests call them without a socket.

use std::sync::Arc;

use api::rest::ErrorCode;
use axum::{
    Router,
    http::{Method, Uri},
    middleware,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{ask::Slots, job::Jobs};
use super::{Clock, Input};
use crate::{
    event::{Command, Reply},
    view::View,
};

mod access;
pub mod administration;
mod ask;
mod audit;
mod body;
mod broker;
mod cluster;
mod config;
mod connection;
mod debug;
mod document;
mod election;
mod error;
pub mod gate;
mod group;
mod guard;
mod health;
mod job;
mod limit;
mod logdir;
mod plan;
mod query;
mod reassign;
mod refused;
pub(in crate::shell) mod reload;
mod server;
mod shown;
mod tls;
mod topic;

pub use self::{
    access::Access,
    cluster::{Kafka, Real},
    error::ApiError,
    job::producer_test::{Producers, Ready, Report},
    server::{BindError, Listener, bind},
    topic::{Time, Topics},
};

/// What the routes answer from.
#[derive(Clone)]
pub struct App {
    view: watch::Receiver<Arc<View>>,
    kafka: Kafka,
    slots: Slots,
    /// To the loop.
    commands: mpsc::Sender<Input>,
    clock: Clock,
    access: Arc<Access>,
    jobs: Jobs,
}

impl App {
    /// Answers from the views published on `view`, and about topics from `kafka`; what operators ask for goes to
    /// `commands`. `clock` is the one that dates views.
    pub(crate) fn new(
        view: watch::Receiver<Arc<View>>,
        kafka: Kafka,
        commands: mpsc::Sender<Input>,
        clock: Clock,
    ) -> Self {
        let jobs = Jobs::new(CancellationToken::new());
        Self { view, kafka, slots: Slots::new(), commands, clock, access: Arc::default(), jobs }
    }

    /// The same, for those alone whom `access` lets in.
    pub(crate) fn guarded_by(self, access: Arc<Access>) -> Self {
        Self { access, ..self }
    }

    /// The same, with jobs that end with `stop`.
    pub(crate) fn stopped_by(self, stop: CancellationToken) -> Self {
        Self { jobs: Jobs::new(stop), ..self }
    }

    /// What the scheduler answers, once what it decided is stored.
    async fn command(&self, command: Command) -> Result<Reply, ApiError> {
        let (answer, answered) = oneshot::channel();
        let stopping = |code| ApiError::new(code, "the scheduler is stopping");
        let sent = self.commands.send(Input::Command(command, answer)).await;
        sent.map_err(|_| stopping(ErrorCode::InternalError))?;
        // It may have been stored, and the next scheduler carries out what is.
        answered.await.map_err(|_| stopping(ErrorCode::OutcomeUnknown))
    }

    /// Whom an administrator's question goes to, once there are brokers to ask.
    fn administration(&self) -> Result<Arc<dyn administration::Administration>, ApiError> {
        self.brokers()?;
        Ok(self.kafka.administration.clone())
    }

    /// The last published view.
    fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    /// The last published view, once there are brokers to ask.
    fn brokers(&self) -> Result<Arc<View>, ApiError> {
        let view = self.registered()?;
        if view.connection.address.is_empty() {
            let message = "no broker is running yet; GET /v1/plan says what they wait for";
            return Err(ApiError::new(ErrorCode::KafkaUnavailable, message));
        }
        Ok(view)
    }

    /// The last published view, once there is something to tell (D16).
    fn registered(&self) -> Result<Arc<View>, ApiError> {
        let view = self.view();
        match &view.not_registered {
            None => Ok(view),
            Some(reason) => Err(ApiError::not_registered(reason)),
        }
    }
}

/// Every route (`PORT1`, D22).
pub fn api(app: App) -> Router {
    let bounded = middleware::from_fn_with_state(app.access.clone(), limit::waiting);
    finish(prompt_routes().merge(waiting_routes().route_layer(bounded)), app)
}

/// The `/admin/*` routes alone (`PORT0`, D22).
pub fn admin(app: App) -> Router {
    finish(admin_routes(), app)
}

/// Routes with their documentation; there are no others.
fn every_route() -> OpenApiRouter<App> {
    prompt_routes().merge(waiting_routes())
}

/// Those answered out of memory, which nothing keeps waiting; that a job is stopped must always be possible.
fn prompt_routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(document::head())
        .routes(routes!(connection::show))
        .routes(routes!(connection::addresses))
        .routes(routes!(connection::dns_names))
        .routes(routes!(broker::list))
        .routes(routes!(broker::show))
        .routes(routes!(broker::incidents))
        .routes(routes!(plan::show))
        .routes(routes!(plan::active))
        .routes(routes!(job::list))
        .routes(routes!(job::show, job::cancel))
        .routes(routes!(debug::offers))
        .routes(routes!(debug::door))
        .routes(routes!(document::show))
        .merge(admin_routes())
}

/// Those that wait for Kafka, or for the scheduler's loop.
fn waiting_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(broker::restart))
        .routes(routes!(topic::list, topic::create))
        .routes(routes!(topic::describe, topic::change::operate, topic::change::delete))
        .routes(routes!(topic::offsets::offsets))
        .routes(routes!(config::show, config::alter))
        .routes(routes!(reassign::list, reassign::start, reassign::cancel))
        .routes(routes!(election::elect))
        .routes(routes!(logdir::list))
        .routes(routes!(group::list))
        .routes(routes!(group::describe))
}

fn admin_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health::check)).routes(routes!(health::ping))
}

fn finish(routes: OpenApiRouter<App>, app: App) -> Router {
    let (routes, _) = routes.split_for_parts();
    routes
        .fallback(|method: Method, uri: Uri| async move { ApiError::no_route(&method, uri.path()) })
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            ApiError::no_method(&method, uri.path())
        })
        .layer(middleware::from_fn_with_state(app.access.clone(), guard::guard))
        .with_state(app)
}

#[cfg(test)]
pub(super) mod tests;
