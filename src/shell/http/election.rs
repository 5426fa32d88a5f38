//! `POST /v1/leader-elections`: back to the preferred leaders.

use std::collections::BTreeSet;

use api::rest;
use axum::{Json, body::Body, extract::State};
use kafka::{
    client::Elected,
    topic::{TopicName, TopicPartition},
};
use serde_json::Value;

use super::{
    ApiError, App,
    body::{self, Fields},
    document::refusals,
    reassign, refused,
};

refusals! {
    /// Of [`elect`].
    Elect = [
        InvalidParameter, OutcomeUnknown, TopicNotFound, NotRegistered, NotSupported, Overloaded, KafkaRefused, KafkaUnavailable,
    ];
}

/// Makes the first replica of partitions lead, as far as it is in sync. Where it leads already nothing happens. Needs
/// Kafka 2.2.
#[utoipa::path(
    post, path = "/v1/leader-elections", tag = "topics",
    request_body(content = rest::LeaderElection, example = json!({"topics": ["topic1"]})),
    responses(
        (status = 200, description = "Whose leader changed, and where there was none to elect", body = rest::Elected,
         example = json!({"elected": [{"partition": 0, "topic": "topic1"}], "refused": []})),
        Elect,
    ),
)]
pub(super) async fn elect(State(app): State<App>, content: Body) -> Result<Json<rest::Elected>, ApiError> {
    let meant = meant(body::read(content).await?)?;
    let kafka = app.administration()?;
    let found = app.slots.change(async move { kafka.elect(meant).await }).await?;
    let mut answer = rest::Elected::default();
    for (partition, elected) in found.map_err(|error| refused::change(&error))? {
        match elected {
            Elected::Done => answer.elected.push(reassign::name(partition)),
            Elected::NotNeeded => {}
            Elected::Refused(error) => answer.refused.push(reassign::not(partition, error.to_string())),
        }
    }
    tracing::info!(
        elected = answer.elected.len(),
        refused = answer.refused.len(),
        "preferred leaders elected"
    );
    Ok(Json(answer))
}

type Meant = Option<(BTreeSet<TopicName>, BTreeSet<TopicPartition>)>;

fn meant(value: Value) -> Result<Meant, ApiError> {
    let mut errors = Vec::new();
    let mut fields = Fields::of(value, "", &mut errors);
    let topics: Option<Vec<String>> = fields.take("topics", "a list of names", &mut errors);
    let partitions: Option<Vec<Value>> =
        fields.take("partitions", "a list of {topic, partition}", &mut errors);
    fields.end(&mut errors);
    let all = topics.is_none() && partitions.is_none();
    let topics = reassign::names(topics.unwrap_or_default(), &mut errors);
    let partitions: BTreeSet<TopicPartition> = partitions
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .filter_map(|(at, value)| {
            let place = format!("partitions[{at}]");
            reassign::partition(value, &place, &mut errors, |_, _| ()).map(|(partition, ())| partition)
        })
        .collect();
    if !all && topics.is_empty() && partitions.is_empty() && errors.is_empty() {
        errors.push("topics and partitions are empty; without them every partition is meant".to_owned());
    }
    body::all(errors)?;
    Ok((!all).then_some((topics, partitions)))
}
