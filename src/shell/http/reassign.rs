//! `/v1/reassignments`: moving partitions to other brokers.

use std::collections::BTreeSet;

use api::rest::{self, reassignment};
use axum::{
    Json,
    body::Body,
    extract::{RawQuery, State},
};
use kafka::{
    cluster::{Outcome, Progress},
    reassign::{self, Assignment},
    throttle::MAX_RATE,
    topic::{TopicName, TopicPartition},
};
use serde_json::Value;

use super::{
    ApiError, App,
    administration::{Planned, Target, Wish},
    body::{self, Fields},
    document::refusals,
    query, refused,
};

refusals! {
    /// Of [`list`].
    List = [NotRegistered, NotSupported, Overloaded, KafkaRefused, KafkaUnavailable];
    /// Of [`start`] and [`cancel`].
    Alter = [
        InvalidParameter, OutcomeUnknown, TopicNotFound, ThrottleConflict, NotRegistered, NotSupported, Overloaded, KafkaRefused,
        KafkaUnavailable,
    ];
}

/// The partitions on their way, and how far they have come; and, where that is so, since when and why limits of copying
/// are not looked after. Needs Kafka 2.4.
#[utoipa::path(
    get, path = "/v1/reassignments", tag = "reassignments",
    responses(
        (status = 200, description = "None where nothing moves", body = rest::ReassignmentList,
         example = json!({"reassignments": [
            {"adding": [2], "bytes_done": 524_288, "bytes_total": 1_048_576, "partition": 0, "removing": [0],
             "replicas": [2, 1, 0], "topic": "topic1"}
         ]})),
        List,
    ),
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<rest::ReassignmentList>, ApiError> {
    let kafka = app.administration()?;
    let asked = kafka.clone();
    let found = app.slots.read(async move { asked.progress().await }).await?;
    let found = found.map_err(|error| refused::question(&error))?;
    let reassignments = found.into_iter().map(moving).collect();
    Ok(Json(rest::ReassignmentList { limits_untended: kafka.untended(), reassignments }))
}

/// Moves partitions: spreads topics evenly over brokers with the fewest copies, or brings partitions exactly where they
/// are wished. The limit of copying is removed once all is copied. Asked for once more with another limit, what is on its way
/// goes on within that; without one it keeps what it has. Needs Kafka 2.4.
#[utoipa::path(
    post, path = "/v1/reassignments", tag = "reassignments",
    request_body(content = rest::Reassignment, example = json!({
        "topics": ["topic1"], "brokers": [1, 2], "throttle_bytes_per_second": 10_000_000, "dry_run": true
    })),
    responses(
        (status = 200, description = "What is begun, or would be; with `error` what Kafka did not take",
         body = rest::ReassignmentPlan, example = json!({
            "copies": 1, "dry_run": true, "unchanged": 0,
            "partitions": [{"from": [0, 1], "partition": 0, "to": [2, 1], "topic": "topic1"}]
         })),
        Alter,
    ),
)]
pub(super) async fn start(
    State(app): State<App>,
    content: Body,
) -> Result<Json<rest::ReassignmentPlan>, ApiError> {
    let wish = wish(body::read(content).await?)?;
    let dry_run = wish.dry_run;
    let kafka = app.administration()?;
    let planned = app.slots.change(async move { kafka.reassign(wish).await }).await?;
    let plan = plan(&planned.map_err(|error| refused::change(&error))?, dry_run);
    if !dry_run {
        let (partitions, limited) = (plan.partitions.len(), plan.limited.len());
        tracing::info!(partitions, copies = plan.copies, limited, "reassignment begun");
    }
    Ok(Json(plan))
}

/// Stops what is on its way, of one topic or of all: each partition keeps the replicas it had. Needs Kafka 2.4.
#[utoipa::path(
    delete, path = "/v1/reassignments", tag = "reassignments",
    params(("topic" = Option<String>, Query, description = "Only of this topic", example = "topic1")),
    responses(
        (status = 200, description = "What was stopped; none where nothing moved", body = rest::Cancelled,
         example = json!({"cancelled": [{"partition": 0, "topic": "topic1"}], "refused": []})),
        Alter,
    ),
)]
pub(super) async fn cancel(
    State(app): State<App>,
    RawQuery(text): RawQuery,
) -> Result<Json<rest::Cancelled>, ApiError> {
    let mut errors = Vec::new();
    let given = query::pairs(&text.unwrap_or_default(), &["topic"], &mut errors)?;
    let topics = given.get("topic").map(|topic| names(vec![topic.clone()], &mut errors));
    body::all(errors)?;
    let kafka = app.administration()?;
    let outcome = app.slots.change(async move { kafka.cancel(topics).await }).await?;
    let Outcome { started, refused: kept, .. } = outcome.map_err(|error| refused::change(&error))?;
    tracing::info!(partitions = started.len(), "reassignment cancelled");
    let cancelled = started.into_iter().map(name).collect();
    let refused = kept.into_iter().map(|(partition, error)| not(partition, error.to_string())).collect();
    Ok(Json(rest::Cancelled { cancelled, refused }))
}

pub(super) fn name(partition: TopicPartition) -> reassignment::PartitionName {
    reassignment::PartitionName { partition: partition.number, topic: partition.topic.to_string() }
}

pub(super) fn not(partition: TopicPartition, error: String) -> reassignment::RefusedPartition {
    reassignment::RefusedPartition { error, partition: partition.number, topic: partition.topic.to_string() }
}

/// Names of topics, with what is wrong about each.
pub(super) fn names(names: Vec<String>, errors: &mut Vec<String>) -> BTreeSet<TopicName> {
    let read = |name: String| name.parse().map_err(|error| errors.push(format!("{error}"))).ok();
    names.into_iter().filter_map(read).collect()
}

fn moving((partition, progress): (TopicPartition, Progress)) -> reassignment::Moving {
    let kafka::client::Moving { replicas, adding, removing } = progress.moving;
    reassignment::Moving {
        adding,
        bytes_done: progress.done,
        bytes_total: progress.total,
        partition: partition.number,
        removing,
        replicas,
        topic: partition.topic.to_string(),
    }
}

fn plan(planned: &Planned, dry_run: bool) -> rest::ReassignmentPlan {
    let Planned { from, to, outcome } = planned;
    let partitions: Vec<_> = reassign::changes(from, to)
        .map(|(partition, old, new)| reassignment::Change {
            error: outcome.refused.get(partition).map(ToString::to_string),
            from: old.to_vec(),
            partition: partition.number,
            to: new.to_vec(),
            topic: partition.topic.to_string(),
        })
        .collect();
    let limited = outcome.limited.iter().map(|(partition, copied)| reassignment::Change {
        error: None,
        from: copied.from.iter().copied().collect(),
        partition: partition.number,
        to: to.get(partition).cloned().unwrap_or_default(),
        topic: partition.topic.to_string(),
    });
    let copies: usize =
        partitions.iter().map(|change| reassign::copies(&change.from, &change.to).count()).sum();
    rest::ReassignmentPlan {
        copies: u64::try_from(copies).unwrap_or(u64::MAX),
        dry_run,
        limited: limited.collect(),
        unchanged: u64::try_from(to.len() - partitions.len()).unwrap_or(u64::MAX),
        partitions,
    }
}

fn wish(value: Value) -> Result<Wish, ApiError> {
    let mut errors = Vec::new();
    let mut fields = Fields::of(value, "", &mut errors);
    let topics: Option<Vec<String>> = fields.take("topics", "a list of names", &mut errors);
    let partitions: Option<Vec<Value>> =
        fields.take("partitions", "a list of {topic, partition, replicas}", &mut errors);
    let brokers: Option<BTreeSet<u32>> = fields.take("brokers", "a list of broker ids", &mut errors);
    let replication: Option<u16> = fields.take("replication", "a whole number from 1", &mut errors);
    let rate: Option<u64> =
        fields.take("throttle_bytes_per_second", "a whole number of bytes from 1", &mut errors);
    let dry_run: Option<bool> = fields.take("dry_run", "true or false", &mut errors);
    fields.end(&mut errors);
    if rate.is_some_and(|rate| !(1..=MAX_RATE).contains(&rate)) {
        errors.push(format!("throttle_bytes_per_second must be from 1 to {MAX_RATE}"));
    }
    if replication == Some(0) {
        errors.push("replication is 0; each partition needs one replica at least".to_owned());
    }
    if brokers.as_ref().is_some_and(BTreeSet::is_empty) {
        errors.push("brokers is empty; without it all brokers that run are meant".to_owned());
    }
    let target = match (topics, partitions) {
        (Some(topics), None) => {
            if topics.is_empty() {
                errors.push("topics is empty".to_owned());
            }
            Some(Target::Topics { topics: names(topics, &mut errors), brokers, replication })
        }
        (None, Some(partitions)) => {
            if brokers.is_some() || replication.is_some() {
                errors
                    .push("brokers and replication go with topics; partitions say their replicas".to_owned());
            }
            Some(Target::Partitions(explicit(partitions, &mut errors)))
        }
        (Some(_), Some(_)) => {
            errors.push("topics and partitions are both given; one of them is expected".to_owned());
            None
        }
        (None, None) => {
            if errors.is_empty() {
                errors.push("topics or partitions are needed: what is to be moved".to_owned());
            }
            None
        }
    };
    match target {
        Some(target) if errors.is_empty() => Ok(Wish { target, rate, dry_run: dry_run.unwrap_or(false) }),
        _ => Err(ApiError::parameter(errors.join("; "))),
    }
}

fn explicit(partitions: Vec<Value>, errors: &mut Vec<String>) -> Assignment {
    let mut assignment = Assignment::new();
    if partitions.is_empty() {
        errors.push("partitions is empty".to_owned());
    }
    for (at, value) in partitions.into_iter().enumerate() {
        let place = format!("partitions[{at}]");
        let partition = partition(value, &place, errors, |fields, errors| {
            fields.need::<Vec<u32>>("replicas", "a list of broker ids", errors)
        });
        let Some((partition, Some(replicas))) = partition else { continue };
        if replicas.is_empty() {
            errors.push(format!("{place}.replicas is empty; each partition needs one replica at least"));
        }
        if replicas.iter().collect::<BTreeSet<_>>().len() < replicas.len() {
            errors.push(format!("{place}.replicas names a broker twice"));
        }
        if assignment.insert(partition.clone(), replicas).is_some() {
            errors.push(format!("{place}: partition {partition} is given more than once"));
        }
    }
    assignment
}

/// A partition's topic and number, and what `more` reads beside them.
pub(super) fn partition<T>(
    value: Value,
    place: &str,
    errors: &mut Vec<String>,
    more: impl FnOnce(&mut Fields, &mut Vec<String>) -> T,
) -> Option<(TopicPartition, T)> {
    let mut fields = Fields::of(value, place, errors);
    let topic: Option<String> = fields.need("topic", "a name", errors);
    let number: Option<u32> = fields.need("partition", "a whole number from 0", errors);
    let more = more(&mut fields, errors);
    fields.end(errors);
    let topic = names(vec![topic?], errors).pop_first()?;
    Some((TopicPartition { topic, number: number? }, more))
}

#[cfg(test)]
mod tests;
