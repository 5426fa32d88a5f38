//! `/v1/topics` and what is below: passed straight to Kafka (S-102…S-106, S-109…S-112).
//!
//! List and description come from where the brokers keep their metadata (D27): ZooKeeper, as the original's did, so they are
//! told while no broker answers too; or the brokers themselves where KRaft keeps it (D43).
//! The list is sorted; the guide's sample has no order. Everything else asks the brokers.

use std::collections::BTreeMap;

use api::rest::{self, ErrorCode, Message, Partition, PartitionState, TopicDescription};
use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use kafka::{
    client::Created,
    partition::TopicState,
    report::Report,
    topic::{NewTopic, TopicName},
};

use super::{ApiError, App, document::refusals, query};

pub(super) mod change;
pub(super) mod offsets;
pub(super) mod parameters;
pub(super) mod report;

pub use offsets::Time;

refusals! {
    /// Of [`list`].
    List = [NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable, NotSupported];
    /// Of whatever asks for one topic and changes nothing.
    ReadOne = [
        InvalidParameter, TopicNotFound, NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable, NotSupported,
    ];
    /// Of [`create`].
    Create = [
        InvalidParameter, TopicAlreadyExists, NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable,
        OutcomeUnknown, NotSupported,
    ];
}

/// What these routes ask of Kafka, which answers with the refusal as it is told to the operator.
pub trait Topics: Send + Sync + 'static {
    /// The names of all topics, sorted.
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>>;

    /// A topic's assignment and partition states; `None` where there is no such topic.
    fn describe<'a>(&'a self, name: &'a TopicName) -> BoxFuture<'a, Result<Option<TopicState>, ApiError>>;

    /// Creates a topic; what is not given is decided for the live brokers (D41).
    fn create(&self, topic: NewTopic) -> BoxFuture<'_, Result<Created, ApiError>>;

    /// Deletes a topic, as far as Kafka takes that on.
    fn delete<'a>(&'a self, name: &'a TopicName) -> BoxFuture<'a, Result<(), ApiError>>;

    /// Gives a topic so many partitions in all.
    fn add_partitions<'a>(&'a self, name: &'a TopicName, count: u32) -> BoxFuture<'a, Result<(), ApiError>>;

    /// The offset of the record of that time in each partition of a topic.
    fn offsets<'a>(
        &'a self,
        name: &'a TopicName,
        time: Time,
    ) -> BoxFuture<'a, Result<BTreeMap<u32, u64>, ApiError>>;

    /// The partitions that a report is about, as `kafka-topics.sh --describe` prints them.
    fn report(&self, kind: Report) -> BoxFuture<'_, Result<String, ApiError>>;
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
    app.slots.read(async move { topics.list().await }).await?.map(Json)
}

/// Leader, in-sync replicas and epochs of every partition (S-103, D5), as Kafka stores them.
#[utoipa::path(
    get, path = "/v1/topics/{name}", tag = "topics",
    params(
        ("name" = String, Path, description = "The topic", example = "topic1"),
        ("describe" = Option<bool>, Query, description = "Changes nothing, but for a topic called as a report is"),
    ),
    responses(
        (status = 200, description = "Its partitions", body = TopicDescription, example = json!({"partitions": [
            {"0": {"controller_epoch": 1, "isr": [0, 1, 2], "leader": 0, "leader_epoch": 0, "version": 1}}
        ]})),
        ReadOne,
    ),
)]
pub(super) async fn describe(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let mut errors = Vec::new();
    let name = topic_name(name, &mut errors)?;
    let given = query::pairs(&text.unwrap_or_default(), &["describe"], &mut errors)?;
    let as_topic = query::flag(&given, "describe", &mut errors);
    let name = query::whole(name, errors)?;
    // Kafka takes these names for topics, and the guide for routes.
    if let Some(kind) = report::of(name.as_str()).filter(|_| !as_topic) {
        return Ok(report::show(&app, kind, &name).await?.into_response());
    }
    match look(&app, &name).await? {
        Some(state) => Ok(Json(description(&name, state)?).into_response()),
        None => Err(not_found(&name)),
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
    let topic = parameters::new_topic(query.as_deref().unwrap_or_default())?;
    app.brokers()?;
    let name = topic.name.clone();
    let topics = app.kafka.topics.clone();
    let created = app.slots.change(async move { topics.create(topic).await }).await??;
    tracing::info!(topic = %name, partitions = created.partitions, replication = created.replication, "topic created");
    Ok(Json(Message::created(name.as_str())))
}

/// The state of a topic, if there is one.
async fn look(app: &App, name: &TopicName) -> Result<Option<TopicState>, ApiError> {
    app.registered()?;
    let (topics, name) = (app.kafka.topics.clone(), name.clone());
    app.slots.read(async move { topics.describe(&name).await }).await?
}

/// The name in a path; what is wrong with it goes to `errors`.
pub(super) fn topic_name(
    name: Result<Path<String>, PathRejection>,
    errors: &mut Vec<String>,
) -> Result<Option<TopicName>, ApiError> {
    let Path(name) = name?;
    Ok(name.parse().map_err(|error: kafka::topic::InvalidTopicName| errors.push(error.to_string())).ok())
}

fn not_found(name: &TopicName) -> ApiError {
    ApiError::new(ErrorCode::TopicNotFound, format!("topic \"{name}\" does not exist"))
}

/// Real values of every partition, or none at all (S-103).
fn description(name: &TopicName, topic: TopicState) -> Result<rest::TopicDescription, ApiError> {
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
