//! `POST /v1/leader-elections`: back to the preferred leaders.

use serde::{Deserialize, Serialize};

use super::reassignment::{PartitionName, RefusedPartition};

/// The body: partitions of both kinds; every partition where neither is given, as by an empty body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LeaderElection {
    /// These partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Vec<PartitionName>>,
    /// Every partition of these topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<String>>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Elected {
    /// Their preferred leader leads now.
    pub elected: Vec<PartitionName>,
    /// It did not get to lead.
    pub refused: Vec<RefusedPartition>,
}

#[cfg(test)]
mod tests;
