//! `GET /v1/topics/{name}/offsets` (S-105, D6).

use api::rest::PartitionOffset;
use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
};

use super::{ApiError, App, ReadOne, query, topic_name};

/// Whose offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The first record there is.
    First,
    /// The record that will be written next.
    Last,
    /// The first record that is not older than this, in milliseconds since 1970; where there is none, as [`Time::Last`].
    At(i64),
}

impl Time {
    /// `first`, `last`, Kafka's own numbers for them, or a time; nothing is `last`.
    fn read(text: Option<&str>) -> Result<Self, String> {
        match text {
            Some("first" | "-2") => Ok(Self::First),
            None | Some("last" | "-1") => Ok(Self::Last),
            Some(text) => match text.parse() {
                Ok(time) if time >= 0 => Ok(Self::At(time)),
                _ => Err(format!(
                    "time is {text:?}; first (or -2), last (or -1) or milliseconds since 1970 are expected"
                )),
            },
        }
    }
}

/// An offset of every partition (S-105): of the first record, the next one, or the first since a time.
#[utoipa::path(
    get, path = "/v1/topics/{name}/offsets", tag = "topics",
    params(
        ("name" = String, Path, description = "The topic", example = "topic1"),
        ("time" = Option<String>, Query, example = "last",
         description = "first (or -2), last (or -1), or milliseconds since 1970; last where it is not given"),
    ),
    responses(
        (status = 200, description = "By ascending number", body = Vec<PartitionOffset>,
         example = json!([{"0": "333"}, {"1": "333"}, {"2": "334"}])),
        ReadOne,
    ),
)]
pub(in super::super) async fn offsets(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(text): RawQuery,
) -> Result<Json<Vec<PartitionOffset>>, ApiError> {
    let mut errors = Vec::new();
    let name = topic_name(name, &mut errors)?;
    let given = query::pairs(&text.unwrap_or_default(), &["time"], &mut errors)?;
    let time = Time::read(given.get("time").map(String::as_str)).map_err(|error| errors.push(error)).ok();
    let (name, time) = query::whole(name.zip(time), errors)?;
    app.brokers()?;
    let topics = app.kafka.topics.clone();
    let offsets = app.slots.read(async move { topics.offsets(&name, time).await }).await??;
    let offsets = offsets.into_iter();
    Ok(Json(
        offsets.map(|(number, offset)| PartitionOffset { number: number.cast_signed(), offset }).collect(),
    ))
}
