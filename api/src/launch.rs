//! The launch contract: all that an executor needs to run one broker, carried as JSON in `TaskInfo.data`.
//!
//! The scheduler is its only maker, the executor its only reader. `version` grows when a field changes meaning;
//! added optional fields do not need it. A contract holds facts, never finished `server.properties` lines: the
//! executor alone knows its sandbox, so it derives the reserved keys (D37) itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::BrokerId;

mod protocol;
mod reserved;

pub use protocol::Protocol;
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
    /// The configuration to run.
    pub config_id: Uuid,
    /// Which restart of the broker this is, counted on whatever it was for; echoed in status labels. The higher one wins.
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
    /// What it speaks there.
    #[serde(default)]
    pub protocol: Protocol,
    /// Port of the executor's own admin endpoint (`API_PORT`, D32).
    pub api_port: u16,
    /// `server.properties` layers, lowest first: the service's defaults (D28), then `KAFKA_OVERRIDE_*`.
    pub layers: Vec<Layer>,
    /// How the broker's health is checked (S-081 to S-086); where it is absent, as `TaskInfo.health_check` says. An
    /// in-place restart brings it anew, since the TaskInfo never changes (D31).
    #[serde(default)]
    pub health: Option<Health>,
    /// Whether the JVM starts from a class-data archive of its own classes (`BROKER_JVM_ARCHIVE`, D39).
    #[serde(default)]
    pub jvm_archive: bool,
    /// Port of remote JMX (`BROKER_JMX_PORT`, D39); without it nothing listens.
    #[serde(default)]
    pub jmx_port: Option<u16>,
    /// Name of the metrics agent's jar in the sandbox (`BROKER_METRICS_AGENT_URI`, D39).
    #[serde(default)]
    pub metrics_agent: Option<String>,
    /// Where metrics go (D23).
    #[serde(default)]
    pub metrics: Metrics,
    /// Where logs go (D24, D44).
    #[serde(default)]
    pub logs: Logs,
}

/// When a running broker counts as ill (S-081 to S-086).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it is checked at all.
    pub enabled: bool,
    /// Before the first check, in seconds.
    pub delay_secs: u64,
    /// Between checks, in seconds.
    pub interval_secs: u64,
    /// A longer check has failed, in seconds.
    pub timeout_secs: u64,
    /// After the delay, how long failures do not count, in seconds.
    pub grace_secs: u64,
    /// So many consecutive failures end the broker.
    pub max_failures: u32,
    /// The topic that a check produces to and fetches from (`BROKER_HEALTH_CHECK_TOPIC`); without it none does.
    #[serde(default)]
    pub topic: Option<String>,
}

/// Where metrics go (D23).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// The statsd server, `host:port`; without it the one of the agent's environment, if any.
    pub statsd: Option<String>,
    /// What every name begins with.
    pub prefix: String,
    /// Whether facts such as the broker's id go into names or into tags.
    pub tags: StatsdTags,
}

/// How a metric says whose it is (D23).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatsdTags {
    /// In its name: plain statsd.
    #[default]
    None,
    /// In tags, as DogStatsD has them.
    Dogstatsd,
}

/// Where logs go (D24, D44).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// The syslog server; without it nothing is shipped.
    pub syslog: Option<Syslog>,
    /// How much the logs in the sandbox may take together, in MiB; 0 leaves them alone.
    pub sandbox_mb: u32,
}

/// A syslog server and how to speak to it (D24).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syslog {
    /// `udp://host:514`, `tcp://…`, `tls://…` or `unix:///dev/log`.
    pub uri: String,
    /// The facility's name: `daemon`, `local0` …
    pub facility: String,
    /// The message format; `unix://` speaks RFC 3164 whatever stands here (D44).
    pub format: SyslogFormat,
    /// PEM file on the agent with the authorities that `tls://` trusts; without it the system's.
    pub ca_file: Option<String>,
    /// How much may wait on disk while the server is away, in MiB.
    pub spool_mb: u32,
    /// Whether the executor's own log goes there too.
    pub executor: bool,
}

/// The message format of syslog (D24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyslogFormat {
    /// With structured data.
    Rfc5424,
    /// The old one, for receivers that know no other.
    Rfc3164,
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
