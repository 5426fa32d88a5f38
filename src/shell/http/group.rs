//! `/v1/groups`: consumer groups, and how far each is behind.

use api::rest::{self, group};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use kafka::{client::Member, cluster::Lag, topic::TopicPartition};

use super::{ApiError, App, document::refusals, reassign, refused};

refusals! {
    /// Of [`list`].
    List = [NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable];
    /// Of [`describe`].
    Describe = [InvalidParameter, GroupNotFound, NotRegistered, Overloaded, KafkaRefused, KafkaUnavailable];
}

/// All consumer groups.
#[utoipa::path(
    get, path = "/v1/groups", tag = "groups",
    responses(
        (status = 200, description = "By name; brokers that did not tell theirs", body = rest::GroupList,
         example = json!({"groups": [{"group": "readers", "protocol": "consumer", "state": "Stable", "type": "classic"}],
                          "silent": []})),
        List,
    ),
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<rest::GroupList>, ApiError> {
    let kafka = app.administration()?;
    let found = app.slots.read(async move { kafka.groups().await }).await?;
    let found = found.map_err(|error| refused::question(&error))?;
    let groups = found.groups.into_iter().map(|(group, listed)| group::ListedGroup {
        group,
        protocol: listed.protocol,
        state: listed.state,
        kind: listed.kind,
    });
    let silent = found.silent.iter();
    let silent = silent.map(|(broker, error)| group::SilentBroker {
        broker: *broker,
        error: refused::question(error).message,
    });
    Ok(Json(rest::GroupList { groups: groups.collect(), silent: silent.collect() }))
}

/// One group: its members, and how many records it is behind in each partition.
#[utoipa::path(
    get, path = "/v1/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "The group", example = "readers")),
    responses(
        (status = 200, description = "The group", body = rest::Group, example = json!({
            "assignor": "range", "group": "readers", "lag": 6,
            "members": [{"assigned": [{"partition": 0, "topic": "topic1"}], "client": "reader-7", "host": "10.0.0.9",
                         "id": "reader-7-5b1e", "instance": null}],
            "partitions": [{"committed": 4, "end": 10, "error": null, "lag": 6, "partition": 0, "topic": "topic1"}],
            "state": "Stable",
        })),
        Describe,
    ),
)]
pub(super) async fn describe(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<rest::Group>, ApiError> {
    let Path(name) = name?;
    let kafka = app.administration()?;
    let asked = name.clone();
    let found = app.slots.read(async move { kafka.group(asked).await }).await?;
    let reading = found.map_err(|error| refused::question(&error))?;
    let partitions: Vec<_> = reading.partitions.into_iter().map(partition).collect();
    Ok(Json(rest::Group {
        assignor: reading.group.assignor,
        group: name,
        lag: partitions.iter().map(|partition| partition.lag).sum(),
        members: reading.group.members.into_iter().map(member).collect(),
        partitions,
        state: reading.group.state,
    }))
}

fn member(member: Member) -> group::Member {
    group::Member {
        assigned: member.assigned.into_iter().map(reassign::name).collect(),
        client: member.client,
        host: member.host,
        id: member.id,
        instance: member.instance,
    }
}

fn partition((partition, lag): (TopicPartition, Lag)) -> group::PartitionLag {
    group::PartitionLag {
        committed: lag.committed,
        end: lag.end,
        error: lag.error.as_ref().map(ToString::to_string),
        lag: lag.lag(),
        partition: partition.number,
        topic: partition.topic.to_string(),
    }
}
