//! The REST API: verifies, converts, answers; it decides nothing.
//!
//! ```text
//!  connection ─► server (limits) ─► guard (request id, deadline, panics, error bodies) ─► route ─┬► the last View
//!                                                                                                ├► command ─► the loop
//!                                                                                                └► topic ─► Kafka
//! ```
//!
//! Reads see the last published [`View`] and never enter the scheduler's loop; what an operator asks for does, and is
//! answered once it is stored. Topic routes pass straight to Kafka.
//! [`api()`] and [`admin`] make routers from an [`App`] alone, so tests call them without a socket.

use std::sync::Arc;

use api::rest::ErrorCode;
use axum::{
    Router,
    http::{Method, Uri},
    middleware,
    routing::get,
};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::{Clock, Input};
use crate::{
    event::{Command, Reply},
    view::View,
};

mod broker;
mod connection;
mod debug;
mod error;
mod guard;
mod health;
mod plan;
mod query;
mod server;
mod topic;

pub use self::{
    error::ApiError,
    server::{BindError, Listener, bind},
    topic::{KafkaTopics, Topics},
};

/// Topic requests under way at once. Each may hold connections to Kafka and ZooKeeper for seconds; one more is
/// answered 503 `Overloaded` at once, so that nothing queues.
const TOPIC_REQUESTS: usize = 16;

/// What the routes answer from.
#[derive(Clone)]
pub struct App {
    view: watch::Receiver<Arc<View>>,
    topics: Arc<dyn Topics>,
    topic_slots: Arc<Semaphore>,
    /// To the loop.
    commands: mpsc::Sender<Input>,
    clock: Clock,
}

impl App {
    /// Answers from the views published on `view`, and about topics from `topics`; what operators ask for goes to
    /// `commands`. `clock` is the one that dates views.
    pub(crate) fn new(
        view: watch::Receiver<Arc<View>>,
        topics: Arc<dyn Topics>,
        commands: mpsc::Sender<Input>,
        clock: Clock,
    ) -> Self {
        Self { view, topics, topic_slots: Arc::new(Semaphore::new(TOPIC_REQUESTS)), commands, clock }
    }

    /// What the scheduler answers, once what it decided is stored.
    async fn command(&self, command: Command) -> Result<Reply, ApiError> {
        let (answer, answered) = oneshot::channel();
        let stopping = || ApiError::new(ErrorCode::InternalError, "the scheduler is stopping");
        self.commands.send(Input::Command(command, answer)).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())
    }

    /// The last published view.
    fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
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
    let routes = Router::new()
        .route("/v1/connection", get(connection::show))
        .route("/v1/brokers", get(broker::list))
        .route("/v1/brokers/{id}", get(broker::show).put(broker::restart))
        .route("/v1/brokers/{id}/incidents", get(broker::incidents))
        .route("/v1/plan", get(plan::show))
        .route("/v1/plan/status", get(plan::active))
        .route("/v1/topics", get(topic::list).post(topic::create))
        .route("/v1/topics/{name}", get(topic::describe))
        .route("/v1/debug/offers", get(debug::offers));
    finish(routes.merge(admin_routes()), app)
}

/// The `/admin/*` routes alone (`PORT0`, D22).
pub fn admin(app: App) -> Router {
    finish(admin_routes(), app)
}

fn admin_routes() -> Router<App> {
    Router::new().route("/admin/healthcheck", get(health::check)).route("/admin/ping", get(health::ping))
}

fn finish(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(|method: Method, uri: Uri| async move { ApiError::no_route(&method, uri.path()) })
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            ApiError::no_method(&method, uri.path())
        })
        .layer(middleware::from_fn(guard::guard))
        .with_state(app)
}

#[cfg(test)]
mod tests;
