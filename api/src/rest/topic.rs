//! `/v1/topics` and `/v1/topics/{name}` (S-102…S-104). The list is a plain array of names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The answer to a topic operation, in the words of Kafka's own tools (S-104, D10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// As `kafka-topics.sh` prints it, line ends included.
    pub message: String,
}

impl Message {
    /// What a created topic is answered with (S-104).
    pub fn created(topic: &str) -> Self {
        Self { message: format!("Output: Created topic \"{topic}\".\n") }
    }
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
        let count = entries.len();
        let mut entries = entries.into_iter();
        match (entries.next(), entries.next()) {
            (Some((number, state)), None) => Ok(Self { number, state }),
            _ => Err(format!("a partition is an object with one key, its number; this one has {count}")),
        }
    }
}

#[cfg(test)]
mod tests;
