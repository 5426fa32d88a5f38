//! `GET /v1/log-dirs`: what brokers keep on their disks.

use api::rest::{self, logdir};
use axum::{
    Json,
    extract::{RawQuery, State},
};
use kafka::{client::LogDir, topic::TopicName};

use super::{ApiError, App, body, document::refusals, query, reassign, refused};

refusals! {
    /// Of [`list`].
    List = [InvalidParameter, NotRegistered, NotSupported, Overloaded, KafkaRefused, KafkaUnavailable];
}

/// The log directories of brokers with the sizes of their replicas. Needs Kafka 2.0.
#[utoipa::path(
    get, path = "/v1/log-dirs", tag = "brokers", operation_id = "log_dirs",
    params(
        ("broker" = Option<u32>, Query, description = "Only of this broker", example = 0),
        ("topic" = Option<String>, Query, description = "Only replicas of this topic", example = "topic1"),
    ),
    responses(
        (status = 200, description = "By broker; `error` where one did not tell", body = rest::LogDirList,
         example = json!({"brokers": [{"broker": 0, "error": null, "log_dirs": [{
            "error": null, "path": "/var/kafka", "replicas": [
                {"future": false, "lag": 0, "partition": 0, "size_bytes": 1_048_576, "topic": "topic1"}
            ], "size_bytes": 1_048_576, "total_bytes": 10_737_418_240_u64, "usable_bytes": 9_663_676_416_u64
         }]}]})),
        List,
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    RawQuery(text): RawQuery,
) -> Result<Json<rest::LogDirList>, ApiError> {
    let mut errors = Vec::new();
    let given = query::pairs(&text.unwrap_or_default(), &["broker", "topic"], &mut errors)?;
    let broker = given.get("broker").and_then(|text| {
        let read = text.parse::<u32>();
        read.map_err(|_| errors.push(format!("broker is {text:?}; a broker id is expected"))).ok()
    });
    let topic = given.get("topic").map(|topic| reassign::names(vec![topic.clone()], &mut errors).pop_first());
    body::all(errors)?;
    let topic = topic.flatten();
    let kafka = app.administration()?;
    let found = app.slots.read(async move { kafka.log_dirs(broker).await }).await?;
    let found = found.map_err(|error| refused::question(&error))?;
    let brokers = found.into_iter().map(|(broker, dirs)| match dirs {
        Ok(dirs) => {
            let log_dirs = dirs.into_iter().map(|dir| shown(dir, topic.as_ref())).collect();
            logdir::BrokerLogDirs { broker, error: None, log_dirs }
        }
        Err(error) => logdir::BrokerLogDirs {
            broker,
            error: Some(refused::question(&error).message),
            log_dirs: Vec::new(),
        },
    });
    Ok(Json(rest::LogDirList { brokers: brokers.collect() }))
}

fn shown(dir: LogDir, topic: Option<&TopicName>) -> logdir::LogDir {
    let size_bytes = dir.replicas.iter().map(|replica| replica.size).sum();
    let mut replicas: Vec<_> = dir
        .replicas
        .into_iter()
        .filter(|replica| topic.is_none_or(|topic| *topic == replica.partition.topic))
        .map(|replica| logdir::Replica {
            future: replica.future,
            lag: replica.lag,
            partition: replica.partition.number,
            size_bytes: replica.size,
            topic: replica.partition.topic.to_string(),
        })
        .collect();
    replicas.sort_by(|a, b| (&a.topic, a.partition, a.future).cmp(&(&b.topic, b.partition, b.future)));
    logdir::LogDir {
        error: dir.error.map(|error| error.to_string()),
        path: dir.path,
        replicas,
        size_bytes,
        total_bytes: dir.total,
        usable_bytes: dir.usable,
    }
}
