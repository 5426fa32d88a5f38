//! `/v1/topics` and what is below (S-102…S-106, S-109…S-112). The list is a plain array of names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The path of the report about partitions with too few replicas in sync, below `/v1/topics` (S-110).
pub const UNDER_REPLICATED: &str = "under_replicated_partitions";
/// The path of the report about partitions without a leader (S-111).
pub const UNAVAILABLE: &str = "unavailable_partitions";
/// Names that a topic may have, but whose path is a report.
pub const REPORTS: [&str; 2] = [UNDER_REPLICATED, UNAVAILABLE];

/// The answer to a topic operation, in the words of Kafka's own tools (S-104, D10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// As `kafka-topics.sh` prints it, line ends included.
    pub message: String,
}

/// What Kafka's tool says about a name with one of the two signs that its metrics do not tell apart.
const COLLIDES: &str = "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') \
                        could collide. To avoid issues it is best to use either, but not both.\n";

impl Message {
    /// What a created topic is answered with (S-104).
    pub fn created(topic: &str) -> Self {
        let warning = if topic.contains(['.', '_']) { COLLIDES } else { "" };
        Self { message: format!("Output: {warning}Created topic \"{topic}\".\n") }
    }

    /// What more partitions are answered with (S-106).
    pub fn partitions_added() -> Self {
        let message = "Output: WARNING: If partitions are increased for a topic that has a key, the partition logic \
                       or ordering of the messages will be affected\nAdding partitions succeeded!\n";
        Self { message: message.to_owned() }
    }

    /// What a topic that Kafka is deleting is answered with (S-109).
    pub fn marked_for_deletion(topic: &str) -> Self {
        let message = format!(
            "Topic {topic} is marked for deletion.\n\
             Note: This will have no impact if delete.topic.enable is not set to true.\n"
        );
        Self { message }
    }
}

/// `GET /v1/topics/under_replicated_partitions` and `…/unavailable_partitions` (S-110…S-112).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Report {
    /// A line for each such partition, as `kafka-topics.sh --describe` prints it; empty when there is none.
    pub message: String,
    /// That there is also a topic of this very name, and how to see it. An added key (D2), absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `GET /v1/topics/{name}/offsets`: a plain array of these (S-105). On the wire an object with the partition's number
/// as the only key, and the offset as a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<i32, String>", try_from = "BTreeMap<i32, String>")]
pub struct PartitionOffset {
    /// Counted from 0.
    pub number: i32,
    /// Of the record that is asked for.
    pub offset: u64,
}

/// `GET /v1/topics/{name}` (S-103).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TopicDescription {
    /// By ascending number.
    pub partitions: Vec<Partition>,
}

/// One partition: on the wire an object with its number as the only key (S-103).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<i32, PartitionState>", try_from = "BTreeMap<i32, PartitionState>")]
pub struct Partition {
    /// Counted from 0.
    pub number: i32,
    /// How it is.
    pub state: PartitionState,
}

/// How a partition is, as Kafka stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PartitionState {
    /// Of the controller that wrote this; under KRaft the quorum's leader epoch (D43).
    pub controller_epoch: i32,
    /// Broker ids of the in-sync replicas, in Kafka's order.
    pub isr: Vec<i32>,
    /// The leader's broker id; -1 when there is none.
    pub leader: i32,
    /// Grows with each change of leader.
    pub leader_epoch: i32,
    /// Of the format; always 1.
    pub version: i32,
}

impl From<Partition> for BTreeMap<i32, PartitionState> {
    fn from(partition: Partition) -> Self {
        Self::from([(partition.number, partition.state)])
    }
}

impl TryFrom<BTreeMap<i32, PartitionState>> for Partition {
    type Error = String;

    fn try_from(entries: BTreeMap<i32, PartitionState>) -> Result<Self, String> {
        let (number, state) = only(entries)?;
        Ok(Self { number, state })
    }
}

impl From<PartitionOffset> for BTreeMap<i32, String> {
    fn from(partition: PartitionOffset) -> Self {
        Self::from([(partition.number, partition.offset.to_string())])
    }
}

impl TryFrom<BTreeMap<i32, String>> for PartitionOffset {
    type Error = String;

    fn try_from(entries: BTreeMap<i32, String>) -> Result<Self, String> {
        let (number, text) = only(entries)?;
        let offset = text.parse().map_err(|_| format!("{text:?} is not an offset"))?;
        Ok(Self { number, offset })
    }
}

/// The one entry.
fn only<T>(entries: BTreeMap<i32, T>) -> Result<(i32, T), String> {
    let count = entries.len();
    let mut entries = entries.into_iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        _ => Err(format!("a partition is an object with one key, its number; this one has {count}")),
    }
}

#[cfg(test)]
mod tests;
