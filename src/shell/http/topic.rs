//! `/v1/topics`: passed straight to Kafka (S-102…S-104).
//!
//! List and description come from ZooKeeper, as the original's did, so they are told while no broker answers too.
//! The list is sorted; the guide's sample has no order. Creating asks the controller.

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

use super::{ApiError, App, document::refusals};

mod query;
mod refused;

refusals! {
    /// Of [`list`].
    List = [NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable];
    /// Of [`describe`].
    Describe = [InvalidParameter, TopicNotFound, NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable];
    /// Of [`create`].
    Create = [
        InvalidParameter, TopicAlreadyExists, NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable,
    ];
}

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

/// The names of all topics (S-102), sorted, Kafka's internal ones included.
#[utoipa::path(
    get, path = "/v1/topics", tag = "topics",
    responses(
        (status = 200, description = "Names of topics", body = Vec<String>, example = json!(["topic0", "topic1"])),
        List,
    ),
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<String>>, ApiError> {
    app.registered()?;
    let topics = app.kafka.topics.clone();
    let listed = app.slots.read(async move { topics.list().await }).await?;
    listed.map(Json).map_err(|error| refused::by_zookeeper(&error))
}

/// Leader, in-sync replicas and epochs of every partition (S-103, D5), as Kafka stores them.
#[utoipa::path(
    get, path = "/v1/topics/{name}", tag = "topics",
    params(("name" = String, Path, description = "The topic", example = "topic1")),
    responses(
        (status = 200, description = "Its partitions", body = TopicDescription, example = json!({"partitions": [
            {"0": {"controller_epoch": 1, "isr": [0, 1, 2], "leader": 0, "leader_epoch": 0, "version": 1}}
        ]})),
        Describe,
    ),
)]
pub(super) async fn describe(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<TopicDescription>, ApiError> {
    let Path(name) = name?;
    let name: TopicName =
        name.parse().map_err(|error| ApiError::caused(ErrorCode::InvalidParameter, &error))?;
    app.registered()?;
    let topics = app.kafka.topics.clone();
    let asked = name.clone();
    let found = app.slots.read(async move { topics.describe(&asked).await }).await?;
    match found.map_err(|error| refused::by_zookeeper(&error))? {
        Some(state) => description(&name, state).map(Json),
        None => Err(ApiError::new(ErrorCode::TopicNotFound, format!("topic \"{name}\" does not exist"))),
    }
}

/// Creates a topic (S-104). What is not given is decided for the live brokers (D41).
#[utoipa::path(
    post, path = "/v1/topics", tag = "topics",
    params(
        ("name" = String, Query, description = "The topic", example = "topic1"),
        ("partitions" = Option<u32>, Query, description = "How many partitions; else 1", minimum = 1, maximum = 10_000,
         example = 3),
        ("replication" = Option<u16>, Query, minimum = 1, maximum = 32_767, example = 3,
         description = "How many replicas of each; else 3, or as many as there are brokers alive"),
    ),
    responses(
        (status = 200, description = "It is created", body = Message,
         example = json!({"message": "Output: Created topic \"topic1\".\n"})),
        Create,
    ),
)]
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
    let topics = app.kafka.topics.clone();
    let created = app.slots.change(async move { topics.create(bootstrap, topic).await }).await?;
    let created = created.map_err(|error| refused::by_kafka(&name, &error))?;
    tracing::info!(topic = %name, partitions = created.partitions, replication = created.replication, "topic created");
    Ok(Json(Message::created(name.as_str())))
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
