//! `/v1/topics`: passed straight to Kafka (S-102…S-104).
//!
//! List and description come from ZooKeeper, as the original's did, so they are told while no broker answers too.
//! The list is sorted; the guide's sample has no order. Creating asks the controller.

use std::{future::Future, sync::Arc};

use api::rest::{ErrorCode, Message, Partition, PartitionState, TopicDescription};
use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
};
use futures_util::future::BoxFuture;
use kafka::{
    client::Created,
    cluster::CreateTopicError,
    topic::{NewTopic, TopicName},
    zookeeper::{self, TopicState},
};

use super::{ApiError, App};

mod kafka_topics;
mod query;
mod refused;

pub use kafka_topics::KafkaTopics;

/// What these routes ask of Kafka.
pub trait Topics: Send + Sync + 'static {
    /// The names of all topics, sorted.
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, zookeeper::Error>>;

    /// A topic's assignment and partition states; `None` where there is no such topic.
    fn describe<'a>(
        &'a self,
        name: &'a TopicName,
    ) -> BoxFuture<'a, Result<Option<TopicState>, zookeeper::Error>>;

    /// Creates a topic by asking the cluster at `bootstrap`; what is not given is decided for its live brokers (D41).
    fn create(
        &self,
        bootstrap: Vec<String>,
        topic: NewTopic,
    ) -> BoxFuture<'_, Result<Created, CreateTopicError>>;
}

/// `GET /v1/topics` (S-102).
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<String>>, ApiError> {
    app.registered()?;
    let topics = app.topics.clone();
    ask(&app, async move { topics.list().await })
        .await?
        .map(Json)
        .map_err(|error| refused::by_zookeeper(&error))
}

/// `GET /v1/topics/{name}` (S-103, D5).
pub(super) async fn describe(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<TopicDescription>, ApiError> {
    let Path(name) = name?;
    let name: TopicName =
        name.parse().map_err(|error| ApiError::caused(ErrorCode::InvalidParameter, &error))?;
    app.registered()?;
    let topics = app.topics.clone();
    let asked = name.clone();
    let found = ask(&app, async move { topics.describe(&asked).await }).await?;
    match found.map_err(|error| refused::by_zookeeper(&error))? {
        Some(state) => description(&name, state).map(Json),
        None => Err(ApiError::new(ErrorCode::TopicNotFound, format!("topic \"{name}\" does not exist"))),
    }
}

/// `POST /v1/topics?name=…[&partitions=…][&replication=…]` (S-104).
pub(super) async fn create(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Json<Message>, ApiError> {
    let topic = query::new_topic(query.as_deref().unwrap_or_default())?;
    let bootstrap = app.registered()?.connection.address.clone();
    if bootstrap.is_empty() {
        let message = "no broker is running yet; GET /v1/plan says what they wait for";
        return Err(ApiError::new(ErrorCode::KafkaUnavailable, message));
    }
    let name = topic.name.clone();
    let topics = app.topics.clone();
    let created = ask(&app, async move { topics.create(bootstrap, topic).await }).await?;
    let created = created.map_err(|error| refused::by_kafka(&name, &error))?;
    tracing::info!(topic = %name, partitions = created.partitions, replication = created.replication, "topic created");
    Ok(Json(Message::created(name.as_str())))
}

/// Awaits `question` in a task of its own, which goes on when the client hangs up: what was begun is finished, and its
/// slot is taken until then.
async fn ask<T: Send + 'static>(
    app: &App,
    question: impl Future<Output = T> + Send + 'static,
) -> Result<T, ApiError> {
    let slot = Arc::clone(&app.topic_slots).try_acquire_owned().map_err(|_| {
        ApiError::new(ErrorCode::Overloaded, "too many topic requests are under way; ask again in a moment")
    })?;
    let task = tokio::spawn(async move {
        let answer = question.await;
        drop(slot);
        answer
    });
    match task.await {
        Ok(answer) => Ok(answer),
        Err(error) => match error.try_into_panic() {
            // It is `guard` that answers panics.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(ApiError::new(ErrorCode::InternalError, "the scheduler is stopping")),
        },
    }
}

/// Real values of every partition, or none at all (S-103).
fn description(name: &TopicName, topic: TopicState) -> Result<TopicDescription, ApiError> {
    let TopicState { assignment, mut states } = topic;
    let (mut partitions, mut missing) = (Vec::new(), Vec::new());
    for number in assignment.into_keys() {
        let Some(state) = states.remove(&number) else {
            missing.push(number.to_string());
            continue;
        };
        let state = PartitionState {
            controller_epoch: state.controller_epoch,
            isr: state.isr,
            leader: state.leader,
            leader_epoch: state.leader_epoch,
            version: state.version,
        };
        partitions.push(Partition { number: number.cast_signed(), state });
    }
    if missing.is_empty() {
        return Ok(TopicDescription { partitions });
    }
    let missing = missing.join(", ");
    let message =
        format!("topic \"{name}\" is being created: Kafka has no state of partitions {missing} yet");
    Err(ApiError::new(ErrorCode::KafkaUnavailable, message))
}
