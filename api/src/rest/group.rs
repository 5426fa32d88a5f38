//! `/v1/groups`: consumer groups, and how far each is behind.

use serde::{Deserialize, Serialize};

use super::reassignment::PartitionName;

/// `GET /v1/groups`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GroupList {
    /// By name.
    pub groups: Vec<ListedGroup>,
    /// Brokers whose groups are missing, and why.
    pub silent: Vec<SilentBroker>,
}

/// One group of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ListedGroup {
    /// Its name.
    pub group: String,
    /// `consumer`, or what else its members call themselves; empty for one that only has offsets.
    pub protocol: String,
    /// For example `Stable`; told since Kafka 2.6.
    pub state: Option<String>,
    /// `classic` or `consumer` (KIP-848); told since Kafka 3.8.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A broker that did not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SilentBroker {
    /// Its id.
    pub broker: u32,
    /// Why.
    pub error: String,
}

/// `GET /v1/groups/{group}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Group {
    /// How partitions are assigned, such as `range`.
    pub assignor: String,
    /// Its name.
    pub group: String,
    /// How many records it is behind in all; `null` where that is not known of a partition.
    pub lag: Option<u64>,
    /// Those that are in it now.
    pub members: Vec<Member>,
    /// By topic and number: those it has an offset of, and those that a member reads.
    pub partitions: Vec<PartitionLag>,
    /// `Stable`, `PreparingRebalance`, `CompletingRebalance` or `Empty`; of a group by KIP-848 also `Assigning` or `Reconciling`.
    pub state: String,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Member {
    /// What it reads.
    pub assigned: Vec<PartitionName>,
    /// What its client calls itself.
    pub client: String,
    /// Where from.
    pub host: String,
    /// Kafka's name for it.
    pub id: String,
    /// Its own name, if it is a static member.
    pub instance: Option<String>,
}

/// How far a group has come in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PartitionLag {
    /// The next record the group reads; `null`: it has said nothing yet.
    pub committed: Option<u64>,
    /// Where the next record goes; `null` where that is not known.
    pub end: Option<u64>,
    /// Why something is not known, in Kafka's words.
    pub error: Option<String>,
    /// How many records it is behind; `null` where that is not known.
    pub lag: Option<u64>,
    /// Its number.
    pub partition: u32,
    /// Its topic.
    pub topic: String,
}

#[cfg(test)]
mod tests;
