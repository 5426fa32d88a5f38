//! `GET /admin/healthcheck`: is the service well (S-119, D19)? 200 when every check passes, else 500.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All checks by name; on the wire `{"<name>":{"healthy":…,"message":"…"},…}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Health(pub BTreeMap<CheckName, Check>);

impl Health {
    /// Whether every check passes. No checks at all is not healthy: nothing is known then.
    pub fn is_healthy(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(|check| check.healthy)
    }

    /// The checks that fail.
    pub fn failing(&self) -> impl Iterator<Item = (CheckName, &Check)> {
        self.0.iter().filter(|(_, check)| !check.healthy).map(|(name, check)| (*name, check))
    }
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// Every broker that should run does.
    BrokerCount,
    /// The scheduler is subscribed to Mesos.
    Registered,
    /// The state store takes commits.
    Store,
    /// No partition lacks an in-sync replica (S-119).
    UnderReplicated,
}

impl CheckName {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BrokerCount => "broker_count",
            Self::Registered => "registered",
            Self::Store => "store",
            Self::UnderReplicated => "under_replicated",
        }
    }
}

/// One check's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Check {
    /// Whether it passes.
    pub healthy: bool,
    /// The facts: `2 of 3 brokers run; missing: 1`.
    pub message: String,
}

#[cfg(test)]
mod tests;
