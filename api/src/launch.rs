//! The launch contract: all that an executor needs to run one broker, carried as JSON in `TaskInfo.data`.
//!
//! The scheduler is its only maker, the executor its only reader. `version` grows when a field changes meaning;
//! added optional fields do not need it. A contract holds facts, never finished `server.properties` lines: the
//! executor alone knows its sandbox, so it derives the reserved keys (D37) itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::BrokerId;

mod reserved;

pub use reserved::{RESERVED, reserved};

/// The version this build writes and the newest it reads.
pub const VERSION: u32 = 1;

/// Label of a `TASK_RUNNING` update naming the configuration that runs (D31).
pub const LABEL_CONFIG: &str = "config_id";
/// Label of a `TASK_RUNNING` update naming the restart generation that runs (D31).
pub const LABEL_GENERATION: &str = "generation";

/// Everything an executor must know to run one broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchContract {
    /// [`VERSION`] of the scheduler that wrote it.
    pub version: u32,
    /// The service (framework) name, S-060.
    pub service: String,
    /// Which broker this is: Kafka's `broker.id`.
    pub broker: BrokerId,
    /// The configuration the task is launched with.
    pub config_id: Uuid,
    /// How often the operator asked for a restart; echoed in status labels.
    pub generation: u64,
    /// `-Xms` and `-Xmx` of the JVM, in MiB (S-066).
    pub heap_mb: u32,
    /// Extra JVM options, after ours (`BROKER_JVM_OPTS`, D39).
    pub jvm_options: Vec<String>,
    /// The persistent volume's `container_path`: a plain name below the sandbox (D32).
    pub volume: String,
    /// Where the broker keeps its metadata (D27).
    pub metadata: Metadata,
    /// Address the broker binds (D33).
    pub listen_address: String,
    /// Host clients are told (D33).
    pub advertised_host: String,
    /// The broker's port, both bound and advertised.
    pub port: u16,
    /// Port of the executor's own admin endpoint (`API_PORT`, D32).
    pub api_port: u16,
    /// `server.properties` layers, lowest first: the service's defaults (D28), then `KAFKA_OVERRIDE_*`.
    pub layers: Vec<Layer>,
}

/// Where a broker keeps the cluster's metadata (D27).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Metadata {
    /// ZooKeeper, with the chroot in the connection string.
    #[serde(rename = "zookeeper")]
    ZooKeeper {
        /// `host:port[,host:port…]/chroot`, Kafka's `zookeeper.connect`.
        connect: String,
    },
}

/// Some `server.properties` keys and where they come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Shown in the executor's log beside each key.
    pub name: String,
    /// Key to value.
    pub properties: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests;
