//! `GET /v1/topics/under_replicated_partitions` and `…/unavailable_partitions` (S-110…S-112).
//!
//! Kafka takes both names for topics too. A report says so when there is such a topic, which `?describe=true` shows.

use api::rest::{
    self, TopicDescription,
    topic::{UNAVAILABLE, UNDER_REPLICATED},
};
use axum::Json;
use kafka::{report::Report, topic::TopicName};

use super::{ApiError, App, ReadOne, look};

/// The report of this name.
pub(super) fn of(name: &str) -> Option<Report> {
    match name {
        UNDER_REPLICATED => Some(Report::UnderReplicated),
        UNAVAILABLE => Some(Report::Unavailable),
        _ => None,
    }
}

/// Either body, for the document.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum ReportOrTopic {
    /// The report.
    Report(rest::Report),
    /// With `describe=true`, the topic.
    Topic(TopicDescription),
}

/// The partitions that lack an in-sync replica (S-110), as kafka-topics.sh describes them.
#[utoipa::path(
    get, path = "/v1/topics/under_replicated_partitions", tag = "topics",
    params(("describe" = Option<bool>, Query, description = "Describe the topic of this name instead")),
    responses(
        (status = 200, description = "A line for each; none where all is well", body = ReportOrTopic,
         example = json!({"message": ""})),
        ReadOne,
    ),
)]
#[expect(
    dead_code,
    reason = "described for the document; `describe` answers, since topics may have this name"
)]
pub(in super::super) fn under_replicated_partitions() {}

/// The partitions that have no leader (S-111), as kafka-topics.sh describes them.
#[utoipa::path(
    get, path = "/v1/topics/unavailable_partitions", tag = "topics",
    params(("describe" = Option<bool>, Query, description = "Describe the topic of this name instead")),
    responses(
        (status = 200, description = "A line for each; none where all is well", body = ReportOrTopic,
         example = json!({"message": ""})),
        ReadOne,
    ),
)]
#[expect(
    dead_code,
    reason = "described for the document; `describe` answers, since topics may have this name"
)]
pub(in super::super) fn unavailable_partitions() {}

pub(super) async fn show(app: &App, kind: Report, name: &TopicName) -> Result<Json<rest::Report>, ApiError> {
    app.brokers()?;
    let topics = app.kafka.topics.clone();
    let message = app.slots.read(async move { topics.report(kind).await }).await??;
    // The report is what was asked for: it does not fail for want of a note.
    let topic = look(app, name).await.ok().flatten();
    let note = topic
        .map(|_| format!("there is also a topic of this name: GET /v1/topics/{name}?describe=true shows it"));
    Ok(Json(rest::Report { message, note }))
}
