//! `PUT /v1/topics/{name}?operation=…` (S-106) and `DELETE /v1/topics/{name}` (S-109).

use api::rest::{Job, Message};
use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, header::ACCEPT},
    response::{IntoResponse, Response},
};
use kafka::{
    producer::MOST,
    topic::{MAX_PARTITIONS, TopicName},
};

use super::{
    super::job::producer_test::{self, NDJSON},
    ApiError, App, parameters, query, refusals, topic_name,
};

refusals! {
    /// Of [`operate`].
    Operate = [
        InvalidParameter, TopicNotFound, JobCancelled, NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable,
        OutcomeUnknown, NotSupported,
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
    /// Measure how fast it takes records.
    ProducerTest {
        /// How many.
        messages: u64,
        /// Whether to answer progress too.
        stream: bool,
    },
}

impl Operation {
    /// Their names.
    const ALL: [&str; 2] = ["partitions", "producer-test"];

    /// The operation a query string asks for; what is wrong with it goes to `errors`. A test is streamed where `stream` says
    /// so, or, without it, where the client wants lines.
    fn read(text: &str, wants_lines: bool, errors: &mut Vec<String>) -> Result<Option<Self>, ApiError> {
        let given = query::pairs(text, &["operation", "partitions", "messages", "stream"], errors)?;
        let operation = given.get("operation").map(String::as_str);
        let belongs = if operation == Some("producer-test") { "partitions" } else { "producer-test" };
        for other in given.keys().filter(|key| match key.as_str() {
            "partitions" => operation == Some("producer-test"),
            "messages" | "stream" => operation == Some("partitions"),
            _ => false,
        }) {
            errors.push(format!("{other} belongs to operation={belongs}"));
        }
        let known = Self::ALL.join(", ");
        match operation {
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
            Some("producer-test") => {
                if !given.contains_key("messages") {
                    errors.push("the parameter messages is missing: how many records to send".to_owned());
                }
                let messages = parameters::number(&given, "messages", MOST, errors);
                let stream = match given.contains_key("stream") {
                    true => query::flag(&given, "stream", errors),
                    false => wants_lines,
                };
                Ok(messages.map(|messages| Self::ProducerTest { messages, stream }))
            }
            Some(other) => {
                errors.push(format!("there is no operation {other:?}; the operations are {known}"));
                Ok(None)
            }
        }
    }
}

/// Gives a topic more partitions (S-106), where fewer, or as many, Kafka refuses; or measures how fast it takes
/// records (S-107), at most 100 000 a second. A test is a job: it goes on when its client hangs up, or has waited for 240 s,
/// and `DELETE /v1/jobs/{id}` stops it.
#[utoipa::path(
    put, path = "/v1/topics/{name}", tag = "topics",
    params(
        ("name" = String, Path, description = "The topic", example = "topic1"),
        ("operation" = String, Query, description = "What is done: partitions or producer-test", example = "partitions"),
        ("partitions" = Option<u32>, Query, minimum = 1, maximum = 10_000, example = 2,
         description = "With operation=partitions: how many it is to have in all"),
        ("messages" = Option<u64>, Query, minimum = 1, maximum = 10_000_000,
         description = "With operation=producer-test: how many records of 1 KiB to send"),
        ("stream" = Option<bool>, Query,
         description = "With operation=producer-test: answer the job once a second, a line each, and once more at its end. \
                        Without this parameter the header `Accept: application/x-ndjson` asks for the same"),
    ),
    responses(
        (status = 200, description = "It is done; or, as lines, the job", content(
            (Message = "application/json", example = json!({"message":
                "Output: WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering \
                 of the messages will be affected\nAdding partitions succeeded!\n"})),
            (Job = "application/x-ndjson", example = json!(producer_test::example())),
        )),
        (status = 202, description = "The test is not over after 240 s and goes on: the job, whose `message` says so",
         headers(("Location" = String, description = "The job, relative to this path: `../jobs/<id>`")),
         body = Job, example = json!(producer_test::goes_on())),
        Operate,
    ),
)]
pub(in super::super) async fn operate(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut errors = Vec::new();
    let name = topic_name(name, &mut errors)?;
    let operation = Operation::read(&text.unwrap_or_default(), wants_lines(&headers), &mut errors)?;
    match query::whole(name.zip(operation), errors)? {
        (name, Operation::Partitions(count)) => {
            add_partitions(&app, name, count).await.map(IntoResponse::into_response)
        }
        (topic, Operation::ProducerTest { messages, stream }) => {
            app.brokers()?;
            producer_test::run(&app, producer_test::Asked { topic, messages, stream }).await
        }
    }
}

/// Whether the client takes lines of JSON, and not JSON itself, which is what it gets when it has the choice.
fn wants_lines(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kinds: Vec<_> = texts
        .flat_map(|text| text.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .collect();
    let takes = |names: &[&str]| kinds.iter().any(|kind| names.contains(&kind.as_str()));
    takes(&[NDJSON]) && !takes(&["application/json", "application/*", "*/*"])
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
