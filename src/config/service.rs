//! The service's configuration: what is stored, identified and rolled out.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use api::launch::Metadata;
use serde::{Deserialize, Serialize};

use super::Cpus;

pub use api::launch::{Protocol, StatsdTags, SyslogFormat};

/// A whole, valid configuration of the service. Stored as JSON; a reader ignores what it does not know, and a field
/// added later gets a `#[serde(default)]`, so that records of older and newer versions load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Who we are to Mesos.
    pub framework: Framework,
    /// What each broker is made of.
    pub brokers: Brokers,
    /// What each broker's executor takes beside it.
    pub executor: Executor,
    /// What an agent downloads.
    pub artifacts: Artifacts,
    /// What Kafka itself is told.
    pub kafka: Kafka,
    /// When a running broker counts as ill.
    pub health: Health,
    /// What happens to a broker that does not come back.
    pub recovery: Recovery,
    /// How a changed configuration is rolled out.
    pub phase_strategy: PhaseStrategy,
    /// Whether a step waits for its broker's partitions to be in sync (D18).
    pub rollout_wait_for_isr: bool,
    /// Where metrics go (D23).
    #[serde(default)]
    pub metrics: Metrics,
    /// Where logs go (D24, D44).
    #[serde(default)]
    pub logs: Logs,
}

/// Our identity at Mesos (D20, D35).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framework {
    /// The service's name (S-060).
    pub name: String,
    /// The role our reservations are made for.
    pub role: String,
    /// The principal our reservations are made by.
    pub principal: String,
    /// The user brokers run as.
    pub user: String,
    /// How long Mesos keeps the brokers running without us, in seconds.
    pub failover_timeout_secs: u64,
}

/// What each broker is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brokers {
    /// How many there are (S-061).
    pub count: u32,
    /// Processors of each (S-069).
    pub cpus: Cpus,
    /// Memory of each task, heap and page cache, in MiB (S-065).
    pub mem_mb: u32,
    /// Heap of each JVM in MiB (S-066).
    pub heap_mb: u32,
    /// Volume of each in MiB (S-067).
    pub disk_mb: u32,
    /// Kind of that volume (S-068).
    pub disk_type: DiskType,
    /// Port of all; 0 is a random one each (S-062). Takes effect only with [`Placement::Node`] (D8).
    pub port: u16,
    /// What all speak there. Not written where it is plain, so that a configuration from before there was a choice keeps its
    /// id, and an upgrade restarts nobody.
    #[serde(default, skip_serializing_if = "Protocol::is_plaintext")]
    pub protocol: Protocol,
    /// Which agents may hold which brokers (S-063).
    pub placement: Placement,
    /// What brokers and executors bind (D33).
    pub listen_address: IpAddr,
    /// How long a broker may take to stop, in seconds (D36).
    pub kill_grace_secs: u64,
    /// Extra JVM options, after ours (D39).
    pub jvm_options: Vec<String>,
    /// Whether a JVM starts from a class-data archive (D39).
    #[serde(default = "yes")]
    pub jvm_archive: bool,
    /// Port of remote JMX; without it nothing listens (D39).
    #[serde(default)]
    pub jmx_port: Option<u16>,
}

fn yes() -> bool {
    true
}

/// What each executor takes beside its broker (D32).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executor {
    /// Processors.
    pub cpus: Cpus,
    /// Memory in MiB.
    pub mem_mb: u32,
    /// Port of its admin endpoint; 0 is one out of the offer.
    pub api_port: u16,
}

/// What an agent downloads (D34).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifacts {
    /// The Kafka distribution.
    pub kafka_uri: String,
    /// A JRE; the agent's own `java` when absent.
    pub java_uri: Option<String>,
    /// Our executor.
    pub executor_uri: String,
    /// An agent inside each broker's JVM that shows Kafka's own metrics (D39).
    #[serde(default)]
    pub metrics_agent_uri: Option<String>,
}

/// What Kafka itself is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kafka {
    /// Kafka's ZooKeeper ensemble, `host:port[,host:port…]`, without the chroot (S-070).
    pub zookeeper_uri: String,
    /// Whether clients are told an agent's address (true) or its hostname (D33).
    pub advertise_host_ip: bool,
    /// `server.properties` keys set by the user (S-071).
    pub overrides: BTreeMap<String, String>,
}

/// When a running broker counts as ill (S-081 to S-086).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether illness has consequences at all.
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
    /// The topic that a check produces to and fetches from; without it none does.
    #[serde(default)]
    pub topic: Option<String>,
}

/// Where metrics go (D23).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// The statsd server's host; the agent's own settings where it is absent.
    pub statsd_host: Option<String>,
    /// Its port.
    pub statsd_port: u16,
    /// What every name begins with.
    pub prefix: String,
    /// How a metric says whose it is.
    pub tags: StatsdTags,
}

/// Where logs go (D24, D44).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// The syslog server; nothing is shipped without it.
    pub syslog_uri: Option<String>,
    /// The facility's name.
    pub facility: String,
    /// The message format.
    pub format: SyslogFormat,
    /// PEM file on the agents with the authorities that `tls://` trusts.
    pub ca_file: Option<String>,
    /// How much may wait on an agent's disk, in MiB.
    pub spool_mb: u32,
    /// Whether the executor's own log is shipped too.
    pub executor: bool,
    /// How much the logs in a sandbox may take, in MiB; 0 leaves them alone.
    pub sandbox_mb: u32,
}

impl Default for Logs {
    /// What a configuration stored before logs were shipped asks for: nothing.
    fn default() -> Self {
        Self {
            syslog_uri: None,
            facility: "daemon".to_owned(),
            format: SyslogFormat::Rfc5424,
            ca_file: None,
            spool_mb: 0,
            executor: false,
            sandbox_mb: 0,
        }
    }
}

/// What happens to a broker that does not come back (S-075 to S-078).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Whether it may be replaced without being asked, giving up its data.
    pub enable_replacement: bool,
    /// Minimum time before it may, in seconds.
    pub recovery_grace_secs: u64,
    /// Minimum time between two replacements, in seconds.
    pub replace_delay_secs: u64,
}

/// Kind of a broker's volume (S-068).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DiskType {
    /// A directory on the agent's work volume.
    Root,
    /// A disk of its own.
    Mount,
}

/// Which agents may hold which brokers (S-063).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Placement {
    /// Any agent with room.
    Any,
    /// No two brokers on one agent.
    Node,
}

/// How a changed configuration is rolled out (S-064).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PhaseStrategy {
    /// One broker after the other, without pause (S-033).
    Install,
    /// With two decisions by the operator (S-034). Not built yet: the configuration refuses it.
    Stage,
}

/// Prints the words of the settings, which are also the words stored.
macro_rules! words {
    ($($kind:ident { $($variant:ident = $word:literal),+ })+) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
        impl $kind {
            /// Every value with its word.
            pub(super) const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }
    )+};
}
words! {
    DiskType { Root = "ROOT", Mount = "MOUNT" }
    Placement { Any = "ANY", Node = "NODE" }
    PhaseStrategy { Install = "INSTALL", Stage = "STAGE" }
}

impl Service {
    /// The node below which Kafka keeps everything in ZooKeeper: `/dcos-service-<name>` (D7).
    pub fn zookeeper_chroot(&self) -> String {
        format!("/dcos-service-{}", self.framework.name)
    }

    /// Kafka's `zookeeper.connect`, which clients are told too (S-088).
    pub fn zookeeper_connect(&self) -> String {
        format!("{}{}", self.kafka.zookeeper_uri, self.zookeeper_chroot())
    }

    /// Where the brokers keep the cluster's metadata (D27). The one place that decides it: brokers are launched with it, and
    /// whoever asks for topics asks there. Always ZooKeeper: no setting has brokers kept by anything else yet.
    pub fn metadata(&self) -> Metadata {
        Metadata::ZooKeeper { connect: self.zookeeper_connect() }
    }

    /// `server.properties` keys this service sets below the user's overrides (D28).
    pub fn kafka_defaults(&self) -> BTreeMap<String, String> {
        let replicas = self.brokers.count.min(3).to_string();
        let mut defaults: BTreeMap<_, _> =
            ["offsets.topic.replication.factor", "transaction.state.log.replication.factor"]
                .map(|key| (key.to_owned(), replicas.clone()))
                .into();
        // Brokers have one listener, so it is theirs too; Kafka looks for PLAINTEXT else.
        if !self.brokers.protocol.is_plaintext() {
            let protocol = self.brokers.protocol.as_str().to_owned();
            defaults.insert("security.inter.broker.protocol".to_owned(), protocol);
        }
        defaults
    }

    /// Canonical JSON: equal configurations, and only those, have equal fingerprints. Fields keep their order, maps
    /// are sorted, and every value has one spelling, so a hash of it identifies the configuration.
    pub fn fingerprint(&self) -> String {
        // Proof: no map has a key that is not a string and no `Serialize` below returns an error.
        #[expect(clippy::unwrap_used, reason = "proof above")]
        serde_json::to_string(self).unwrap()
    }
}
