//! `/v1/topics/{name}/config`: what a topic is set to, and changing it.

use std::collections::{BTreeMap, BTreeSet};

use api::rest::{self, Message, config};
use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
};
use kafka::client::{Change, Setting, Source};

use super::{
    ApiError, App,
    body::{self, Fields},
    document::refusals,
    query, refused,
    topic::topic_name,
};

refusals! {
    /// Of [`show`].
    Show = [
        InvalidParameter, TopicNotFound, NotRegistered, NotSupported, Overloaded, KafkaRefused, KafkaUnavailable,
    ];
    /// Of [`alter`].
    Alter = [
        InvalidParameter, OutcomeUnknown, TopicNotFound, NotRegistered, NotSupported, Overloaded, KafkaRefused, KafkaUnavailable,
    ];
}

/// Every setting of a topic, defaults included; secrets are not told.
#[utoipa::path(
    get, path = "/v1/topics/{name}/config", tag = "topics", operation_id = "config",
    params(("name" = String, Path, description = "The topic", example = "topic1")),
    responses(
        (status = 200, description = "Its settings", body = rest::TopicConfig, example = json!({"config": {
            "retention.ms": {"read_only": false, "sensitive": false, "source": "topic", "value": "3600000"}
        }})),
        Show,
    ),
)]
pub(super) async fn show(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<rest::TopicConfig>, ApiError> {
    let mut errors = Vec::new();
    let topic = topic_name(name, &mut errors)?;
    let topic = query::whole(topic, errors)?;
    let kafka = app.administration()?;
    let found = app.slots.read(async move { kafka.config(topic).await }).await?;
    let config = found.map_err(|error| refused::question(&error))?;
    Ok(Json(rest::TopicConfig {
        config: config.into_iter().map(|(name, setting)| (name, shown(setting))).collect(),
    }))
}

/// Changes some settings of a topic; the others stay. Kafka before 2.3 can only replace them all: another's change at the
/// same moment may then be lost.
#[utoipa::path(
    patch, path = "/v1/topics/{name}/config", tag = "topics", operation_id = "alter_config",
    params(("name" = String, Path, description = "The topic", example = "topic1")),
    request_body(content = rest::ConfigChange, example = json!({"set": {"retention.ms": "3600000"}, "unset": ["cleanup.policy"]})),
    responses(
        (status = 200, description = "It is changed", body = Message,
         example = json!({"message": "Output: Completed updating config for topic topic1.\n"})),
        Alter,
    ),
)]
pub(super) async fn alter(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    content: Body,
) -> Result<Json<Message>, ApiError> {
    let mut errors = Vec::new();
    let topic = topic_name(name, &mut errors)?;
    let change = change(body::read(content).await?, &mut errors);
    let (topic, change) = query::whole(topic.map(|topic| (topic, change)), errors)?;
    let kafka = app.administration()?;
    let asked = topic.clone();
    let done = app.slots.change(async move { kafka.alter_config(asked, change).await }).await?;
    done.map_err(|error| refused::change(&error))?;
    tracing::info!(%topic, "topic configuration changed");
    // The words of kafka-configs.sh.
    Ok(Json(Message { message: format!("Output: Completed updating config for topic {topic}.\n") }))
}

fn change(value: serde_json::Value, errors: &mut Vec<String>) -> Change {
    let before = errors.len();
    let mut fields = Fields::of(value, "", errors);
    let set: BTreeMap<String, String> = fields.take("set", "an object of texts", errors).unwrap_or_default();
    let unset: Vec<String> = fields.take("unset", "a list of names", errors).unwrap_or_default();
    fields.end(errors);
    let unset: BTreeSet<String> = unset.into_iter().collect();
    for name in set.keys().filter(|name| unset.contains(*name)) {
        errors.push(format!("{name:?} is both set and unset"));
    }
    if set.is_empty() && unset.is_empty() && errors.len() == before {
        errors.push("nothing is to be changed: set or unset is needed".to_owned());
    }
    Change { set, unset }
}

fn shown(setting: Setting) -> config::Setting {
    let source = match setting.source {
        Source::Topic => config::Source::Topic,
        Source::DynamicBroker => config::Source::DynamicBroker,
        Source::DynamicDefaultBroker => config::Source::DynamicDefaultBroker,
        Source::StaticBroker => config::Source::StaticBroker,
        Source::Default => config::Source::Default,
        Source::Other(_) => config::Source::Other,
    };
    let Setting { value, read_only, sensitive, .. } = setting;
    config::Setting { read_only, sensitive, source, value }
}
