//! `PUT /v1/topics/{name}?operation=…` (S-106) and `DELETE /v1/topics/{name}` (S-109).

use api::rest::Message;
use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
};
use kafka::topic::{MAX_PARTITIONS, TopicName};

use super::{ApiError, App, parameters, query, refusals, topic_name};

refusals! {
    /// Of [`operate`].
    Operate = [
        InvalidParameter, TopicNotFound, NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable, OutcomeUnknown,
        NotSupported,
    ];
    /// Of [`delete`].
    Delete = [
        InvalidParameter, TopicNotFound, TopicDeletionDisabled, NotRegistered, Overloaded, KafkaRefused,
        KafkaUnavailable, OutcomeUnknown, NotSupported,
    ];
}

/// Kafka's own topics, by name.
const INTERNAL: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// What can be done to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Give it so many partitions in all.
    Partitions(u32),
}

impl Operation {
    /// Their names.
    const ALL: [&str; 1] = ["partitions"];

    /// The operation a query string asks for; what is wrong with it goes to `errors`.
    fn read(text: &str, errors: &mut Vec<String>) -> Result<Option<Self>, ApiError> {
        let given = query::pairs(text, &["operation", "partitions"], errors)?;
        let known = Self::ALL.join(", ");
        match given.get("operation").map(String::as_str) {
            None => {
                errors.push(format!("the parameter operation is missing; the operations are {known}"));
                Ok(None)
            }
            Some("partitions") => {
                if !given.contains_key("partitions") {
                    let missing = "the parameter partitions is missing: how many the topic is to have in all";
                    errors.push(missing.to_owned());
                }
                Ok(parameters::number(&given, "partitions", MAX_PARTITIONS, errors).map(Self::Partitions))
            }
            Some(other) => {
                errors.push(format!("there is no operation {other:?}; the operations are {known}"));
                Ok(None)
            }
        }
    }
}

/// Gives a topic more partitions (S-106). Fewer, or as many, Kafka refuses.
#[utoipa::path(
    put, path = "/v1/topics/{name}", tag = "topics",
    params(
        ("name" = String, Path, description = "The topic", example = "topic1"),
        ("operation" = String, Query, description = "What is done: partitions", example = "partitions"),
        ("partitions" = Option<u32>, Query, minimum = 1, maximum = 10_000, example = 2,
         description = "With operation=partitions: how many it is to have in all"),
    ),
    responses(
        (status = 200, description = "It is done", body = Message, example = json!({"message":
            "Output: WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of \
             the messages will be affected\nAdding partitions succeeded!\n"})),
        Operate,
    ),
)]
pub(in super::super) async fn operate(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Json<Message>, ApiError> {
    let mut errors = Vec::new();
    let name = topic_name(name, &mut errors)?;
    let operation = Operation::read(&text.unwrap_or_default(), &mut errors)?;
    match query::whole(name.zip(operation), errors)? {
        (name, Operation::Partitions(count)) => add_partitions(&app, name, count).await,
    }
}

async fn add_partitions(app: &App, name: TopicName, count: u32) -> Result<Json<Message>, ApiError> {
    app.brokers()?;
    let (topics, asked) = (app.kafka.topics.clone(), name.clone());
    app.slots.change(async move { topics.add_partitions(&asked, count).await }).await??;
    tracing::info!(topic = %name, partitions = count, "partitions added");
    Ok(Json(Message::partitions_added()))
}

/// Deletes a topic with all its records (S-109), where Kafka's delete.topic.enable allows it (D42).
#[utoipa::path(
    delete, path = "/v1/topics/{name}", tag = "topics",
    params(("name" = String, Path, description = "The topic", example = "topic1")),
    responses(
        (status = 200, description = "Kafka is deleting it", body = Message, example = json!({"message":
            "Topic topic1 is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set to \
             true.\n"})),
        Delete,
    ),
)]
pub(in super::super) async fn delete(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Message>, ApiError> {
    let mut errors = Vec::new();
    let name = topic_name(name, &mut errors)?;
    if let Some(internal) = name.as_ref().filter(|name| INTERNAL.contains(&name.as_str())) {
        // As Kafka's own tool refused them while it still had the say.
        errors.push(format!(
            "Topic {internal} is a kafka internal topic and is not allowed to be marked for deletion."
        ));
    }
    let name = query::whole(name, errors)?;
    app.brokers()?;
    let (topics, asked) = (app.kafka.topics.clone(), name.clone());
    app.slots.change(async move { topics.delete(&asked).await }).await??;
    tracing::info!(topic = %name, "topic marked for deletion");
    Ok(Json(Message::marked_for_deletion(name.as_str())))
}
