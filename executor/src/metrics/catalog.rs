//! Every metric there is: the one table. `docs/metrics.md`, the names on the wire, `/admin/metrics` and the dashboard
//! follow it, and tests hold them to it.

use std::fmt;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A state: the last value counts.
    Gauge,
    /// Something that happened so often; it never goes down. Over statsd, how often since the last time.
    Counter,
    /// How long something took, each time, in milliseconds.
    Timer,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Timer => "timer",
        })
    }
}

/// Who knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The executor itself, of itself.
    Executor,
    /// The machine.
    Host,
    /// The file system of the broker's volume.
    Volume,
    /// The executor's health checks.
    Health,
    /// The executor's log shipping.
    Logs,
    /// The JVM's process, by `/proc`.
    Process,
    /// HotSpot's own counters, by the memory it shares.
    Perfdata,
    /// Kafka's protocol, of what the broker hosts.
    Protocol,
    /// Kafka's own metrics, by the agent of `BROKER_METRICS_AGENT_URI` in the JVM.
    Agent,
}

impl Source {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Executor,
        Self::Host,
        Self::Volume,
        Self::Health,
        Self::Logs,
        Self::Process,
        Self::Perfdata,
        Self::Protocol,
        Self::Agent,
    ];

    /// Its name in `/admin/metrics` and in the docs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Executor => "executor",
            Self::Host => "host",
            Self::Volume => "volume",
            Self::Health => "health",
            Self::Logs => "logs",
            Self::Process => "process",
            Self::Perfdata => "perfdata",
            Self::Protocol => "protocol",
            Self::Agent => "agent",
        }
    }

    /// Whether what it counts begins anew with each JVM.
    pub fn is_the_jvm(self) -> bool {
        matches!(self, Self::Process | Self::Perfdata | Self::Agent)
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Words separated by dots, without a prefix.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Of its value; empty for a plain number.
    pub unit: &'static str,
    /// Who knows it.
    pub source: Source,
    /// What it says.
    pub meaning: &'static str,
}

macro_rules! catalog {
    ($($id:ident = $name:literal $kind:ident $unit:literal $source:ident $meaning:literal;)*) => {
        /// One metric; its number is its place in the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $(#[doc = $meaning] $id,)*
        }

        /// How many there are.
        pub const COUNT: usize = Metric::ALL.len();

        impl Metric {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];

            /// Its row.
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$id => &Row {
                        name: $name,
                        kind: Kind::$kind,
                        unit: $unit,
                        source: Source::$source,
                        meaning: $meaning,
                    },)*
                }
            }
        }
    };
}

#[rustfmt::skip]
catalog! {
    ExecutorUptime = "executor.uptime_seconds" Gauge "seconds" Executor "How long this executor has run.";
    ExecutorRss = "executor.rss_bytes" Gauge "bytes" Executor "Memory of this executor.";
    ExecutorCpu = "executor.cpu_ms" Counter "milliseconds" Executor "Processor time of this executor.";
    HostLoad = "host.load1" Gauge "" Host "Load of the agent's machine over the last minute.";
    HostMemory = "host.memory_available_bytes" Gauge "bytes" Host "Memory the machine could still give, page cache that may go included.";
    VolumeSize = "volume.size_bytes" Gauge "bytes" Volume "Size of the file system that the broker's volume is on.";
    VolumeUsed = "volume.used_bytes" Gauge "bytes" Volume "What is used of it, by whomever.";
    VolumeFree = "volume.free_bytes" Gauge "bytes" Volume "What is left of it for the broker.";
    VolumeGrowth = "volume.growth_bytes_per_second" Gauge "bytes per second" Volume "How fast its use grows, over the last minute or so; negative where it shrinks.";
    HealthHealthy = "health.healthy" Gauge "0 or 1" Health "Whether the broker serves and passed its last health check.";
    HealthFailures = "health.failures" Gauge "" Health "Failed checks in a row that count.";
    HealthChecks = "health.checks" Counter "" Health "Health checks made.";
    HealthFailed = "health.checks_failed" Counter "" Health "Those that failed, whether or not they count.";
    HealthTook = "health.check_ms" Timer "milliseconds" Health "How long the broker took to answer a check it passed.";
    LogShipped = "log.lines_shipped" Counter "" Logs "Log lines handed to the syslog server.";
    LogDropped = "log.lines_dropped" Counter "" Logs "Log lines that were not kept for it: its spool was full.";
    JvmUp = "jvm.up" Gauge "0 or 1" Process "Whether a JVM runs.";
    JvmStarts = "jvm.starts" Counter "" Executor "How often the JVM was started.";
    JvmUptime = "jvm.uptime_seconds" Gauge "seconds" Process "How long it has run.";
    JvmRss = "jvm.rss_bytes" Gauge "bytes" Process "Memory of its process.";
    JvmCpu = "jvm.cpu_ms" Counter "milliseconds" Process "Processor time of its process.";
    JvmThreads = "jvm.threads" Gauge "" Process "Threads of its process.";
    JvmDescriptors = "jvm.descriptors" Gauge "" Process "Descriptors it has open: files of log segments and connections.";
    JvmDescriptorsMax = "jvm.descriptors_max" Gauge "" Process "How many it may have.";
    HeapUsed = "jvm.heap_used_bytes" Gauge "bytes" Perfdata "What of the heap is used, objects that no one needs any more included.";
    HeapCommitted = "jvm.heap_committed_bytes" Gauge "bytes" Perfdata "How much the heap takes now.";
    HeapOld = "jvm.heap_old_used_bytes" Gauge "bytes" Perfdata "What of the old generation is used.";
    Metaspace = "jvm.metaspace_used_bytes" Gauge "bytes" Perfdata "What classes take, outside the heap.";
    GcPauses = "jvm.gc.pauses" Counter "" Perfdata "Garbage collections that stopped the JVM.";
    GcPauseTime = "jvm.gc.pause_ms" Counter "milliseconds" Perfdata "How long they stopped it.";
    GcFull = "jvm.gc.full_collections" Counter "" Perfdata "Those of the whole heap: a broker in need has them.";
    Safepoints = "jvm.safepoint_ms" Counter "milliseconds" Perfdata "How long the JVM stood still, for whatever reason.";
    JavaThreads = "jvm.java_threads" Gauge "" Perfdata "Threads that run Java.";
    Classes = "jvm.classes" Gauge "" Perfdata "Classes loaded now.";
    PartitionsHosted = "partitions.hosted" Gauge "" Protocol "Partitions with a replica on this broker.";
    PartitionsLed = "partitions.led" Gauge "" Protocol "Those that it leads.";
    PartitionsUnder = "partitions.under_replicated" Gauge "" Protocol "Those that it leads with a replica out of sync.";
    PartitionsOffline = "partitions.offline" Gauge "" Protocol "Those without a leader.";
    AgentUp = "agent.up" Gauge "0 or 1" Agent "Whether the agent in the JVM answered. Only where there is to be one.";
    MessagesIn = "traffic.messages_in" Counter "" Agent "Messages that producers sent.";
    BytesIn = "traffic.bytes_in" Counter "bytes" Agent "Bytes that producers sent.";
    BytesOut = "traffic.bytes_out" Counter "bytes" Agent "Bytes that consumers fetched.";
    BytesRejected = "traffic.bytes_rejected" Counter "bytes" Agent "Bytes that were refused: most often a message too large.";
    ReplicationIn = "traffic.replication_bytes_in" Counter "bytes" Agent "Bytes fetched from other brokers.";
    ReplicationOut = "traffic.replication_bytes_out" Counter "bytes" Agent "Bytes that other brokers fetched.";
    FailedProduce = "traffic.produce_failed" Counter "" Agent "Produce requests that failed.";
    FailedFetch = "traffic.fetch_failed" Counter "" Agent "Fetch requests that failed.";
    ReplicasHosted = "replicas.hosted" Gauge "" Agent "Partitions with a replica here, as the broker counts.";
    ReplicasLed = "replicas.led" Gauge "" Agent "Those that it leads.";
    ReplicasUnder = "replicas.under_replicated" Gauge "" Agent "Those that it leads with a replica out of sync.";
    ReplicasUnderMin = "replicas.under_min_isr" Gauge "" Agent "Those that it leads with fewer in sync than min.insync.replicas: no producer with acks=all gets through.";
    ReplicasOffline = "replicas.offline" Gauge "" Agent "Replicas on a disk that failed.";
    IsrShrinks = "replicas.isr_shrinks" Counter "" Agent "How often a replica fell out of sync.";
    IsrExpands = "replicas.isr_expands" Counter "" Agent "How often one came back.";
    ControllerActive = "controller.active" Gauge "0 or 1" Agent "Whether this broker is the controller: one of all is.";
    ControllerOffline = "controller.offline_partitions" Gauge "" Agent "Partitions of the whole cluster without a leader; 0 where this broker is not the controller.";
    ProduceCount = "requests.produce.count" Counter "" Agent "Produce requests.";
    ProduceMean = "requests.produce.mean_ms" Gauge "milliseconds" Agent "How long they take, on the average.";
    ProduceP99 = "requests.produce.p99_ms" Gauge "milliseconds" Agent "How long the slowest in a hundred take at least.";
    FetchCount = "requests.fetch_consumer.count" Counter "" Agent "Consumers' fetch requests.";
    FetchMean = "requests.fetch_consumer.mean_ms" Gauge "milliseconds" Agent "How long they take, waiting for messages included.";
    FetchP99 = "requests.fetch_consumer.p99_ms" Gauge "milliseconds" Agent "How long the slowest in a hundred take at least.";
    FollowerCount = "requests.fetch_follower.count" Counter "" Agent "Fetch requests of other brokers.";
    FollowerMean = "requests.fetch_follower.mean_ms" Gauge "milliseconds" Agent "How long they take, waiting for messages included.";
    FollowerP99 = "requests.fetch_follower.p99_ms" Gauge "milliseconds" Agent "How long the slowest in a hundred take at least.";
    RequestsQueued = "requests.queued" Gauge "" Agent "Requests that wait for a handler.";
    HandlerIdle = "requests.handler_idle_ratio" Gauge "0 to 1" Agent "How idle the request handlers are; near 0 the broker is overloaded.";
    NetworkIdle = "requests.network_idle_ratio" Gauge "0 to 1" Agent "How idle the network threads are.";
}

/// The table as Markdown, for `docs/metrics.md`.
pub fn markdown() -> String {
    let mut text = String::from("| Name | Type | Unit | Source | Meaning |\n|---|---|---|---|---|\n");
    for row in Metric::ALL.iter().map(|metric| metric.row()) {
        let Row { name, kind, unit, source, meaning } = row;
        text.push_str(&format!("| `{name}` | {kind} | {unit} | {} | {meaning} |\n", source.name()));
    }
    text
}

#[cfg(test)]
#[path = "catalog/tests.rs"]
mod tests;
