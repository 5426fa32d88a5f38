//! `/v1/reassignments`: partitions on their way to other brokers.

use serde::{Deserialize, Serialize};

/// The body of `POST /v1/reassignments`: either `topics`, to be spread evenly, or `partitions` with their replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reassignment {
    /// The brokers to hold the topics; else all that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brokers: Option<Vec<u32>>,
    /// Only tell what would be done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// These partitions, exactly so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Vec<Wish>>,
    /// How many replicas of each partition of the topics; else as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<u16>,
    /// How fast each broker copies at most; else as fast as it can. The limit is removed when all is copied. It holds for
    /// what is on its way to where it is asked for as well, instead of the limit that this has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_bytes_per_second: Option<u64>,
    /// Every partition of these topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<String>>,
}

/// Where a partition is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Its number.
    pub partition: u32,
    /// Ids of brokers, the preferred leader first.
    pub replicas: Vec<u32>,
    /// Its topic.
    pub topic: String,
}

/// The answer to `POST /v1/reassignments`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReassignmentPlan {
    /// How many replicas are copied.
    pub copies: u64,
    /// Whether nothing was begun.
    pub dry_run: bool,
    /// Those that were on their way there already, and go on within the limit that is asked for, or would; `from` are those
    /// that they are copied from. Not there where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited: Vec<Change>,
    /// The partitions that change, by topic and number.
    pub partitions: Vec<Change>,
    /// How many of those asked for are as they should be, or on their way there already.
    pub unchanged: u64,
}

/// What is changed about a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Change {
    /// Why Kafka did not take it, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its replicas, the preferred leader first.
    pub from: Vec<u32>,
    /// Its number.
    pub partition: u32,
    /// Its replicas to come.
    pub to: Vec<u32>,
    /// Its topic.
    pub topic: String,
}

/// `GET /v1/reassignments`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReassignmentList {
    /// Not there while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits_untended: Option<LimitsUntended>,
    /// The partitions on their way, by topic and number.
    pub reassignments: Vec<Moving>,
}

/// The service cannot look after its limits of copying: they may stay although nothing is copied any more, and slow down
/// brokers that come back. It tries on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LimitsUntended {
    /// Why it failed the last time.
    pub message: String,
    /// Since when it fails, in milliseconds since 1970.
    pub since_ms: u64,
}

/// A partition on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Moving {
    /// Those to come.
    pub adding: Vec<u32>,
    /// What the replicas to come have of `bytes_total`; `null` where brokers did not tell.
    pub bytes_done: Option<u64>,
    /// The leader's size for each replica to come; it changes while the partition is written to.
    pub bytes_total: Option<u64>,
    /// Its number.
    pub partition: u32,
    /// Those to go.
    pub removing: Vec<u32>,
    /// All its replicas at this moment.
    pub replicas: Vec<u32>,
    /// Its topic.
    pub topic: String,
}

/// The answer to `DELETE /v1/reassignments`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cancelled {
    /// These stay where they were.
    pub cancelled: Vec<PartitionName>,
    /// These go on.
    pub refused: Vec<RefusedPartition>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PartitionName {
    /// Its number.
    pub partition: u32,
    /// Its topic.
    pub topic: String,
}

/// A partition for which Kafka refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RefusedPartition {
    /// Why, in Kafka's words.
    pub error: String,
    /// Its number.
    pub partition: u32,
    /// Its topic.
    pub topic: String,
}

#[cfg(test)]
mod tests;
