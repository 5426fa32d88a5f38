//! `GET /v1/log-dirs`: what brokers keep on their disks.

use serde::{Deserialize, Serialize};

/// `GET /v1/log-dirs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogDirList {
    /// By ascending id.
    pub brokers: Vec<BrokerLogDirs>,
}

/// The disks of one broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BrokerLogDirs {
    /// Its id.
    pub broker: u32,
    /// Why it did not tell; `null` where it did.
    pub error: Option<String>,
    /// Its `log.dirs`.
    pub log_dirs: Vec<LogDir>,
}

/// One directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogDir {
    /// Why the broker can't use it.
    pub error: Option<String>,
    /// Its path on the broker's host.
    pub path: String,
    /// Its replicas, by topic and number.
    pub replicas: Vec<Replica>,
    /// Bytes of the replicas below, whether listed or not.
    pub size_bytes: u64,
    /// Size of its volume; told since Kafka 3.3.
    pub total_bytes: Option<u64>,
    /// What is free of that; told since Kafka 3.3.
    pub usable_bytes: Option<u64>,
}

/// One replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Replica {
    /// Whether it is on its way here from another directory of this broker.
    pub future: bool,
    /// How many records it is behind.
    pub lag: u64,
    /// Its number.
    pub partition: u32,
    /// Bytes of its segments.
    pub size_bytes: u64,
    /// Its topic.
    pub topic: String,
}

#[cfg(test)]
mod tests;
