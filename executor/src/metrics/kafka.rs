//! Kafka's own metrics: by a Jolokia agent in the JVM, and, without one, what its protocol tells.

use std::sync::LazyLock;

use kafka::client::Metadata;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Gauges,
    catalog::{Kind, Metric},
    delta::Counters,
};

/// Longest answer that is read; a good one takes a tenth of it.
pub const LONGEST: usize = 64 * 1024;

/// What is asked of which MBean. Kafka 2.8 and 3.9 have the same names.
const READS: [(Metric, &str, &str); 29] = {
    use Metric::*;
    [
        (MessagesIn, "kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec", "Count"),
        (BytesIn, "kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec", "Count"),
        (BytesOut, "kafka.server:type=BrokerTopicMetrics,name=BytesOutPerSec", "Count"),
        (BytesRejected, "kafka.server:type=BrokerTopicMetrics,name=BytesRejectedPerSec", "Count"),
        (ReplicationIn, "kafka.server:type=BrokerTopicMetrics,name=ReplicationBytesInPerSec", "Count"),
        (ReplicationOut, "kafka.server:type=BrokerTopicMetrics,name=ReplicationBytesOutPerSec", "Count"),
        (FailedProduce, "kafka.server:type=BrokerTopicMetrics,name=FailedProduceRequestsPerSec", "Count"),
        (FailedFetch, "kafka.server:type=BrokerTopicMetrics,name=FailedFetchRequestsPerSec", "Count"),
        (ReplicasHosted, "kafka.server:type=ReplicaManager,name=PartitionCount", "Value"),
        (ReplicasLed, "kafka.server:type=ReplicaManager,name=LeaderCount", "Value"),
        (ReplicasUnder, "kafka.server:type=ReplicaManager,name=UnderReplicatedPartitions", "Value"),
        (ReplicasUnderMin, "kafka.server:type=ReplicaManager,name=UnderMinIsrPartitionCount", "Value"),
        (ReplicasOffline, "kafka.server:type=ReplicaManager,name=OfflineReplicaCount", "Value"),
        (IsrShrinks, "kafka.server:type=ReplicaManager,name=IsrShrinksPerSec", "Count"),
        (IsrExpands, "kafka.server:type=ReplicaManager,name=IsrExpandsPerSec", "Count"),
        (ControllerActive, "kafka.controller:type=KafkaController,name=ActiveControllerCount", "Value"),
        (ControllerOffline, "kafka.controller:type=KafkaController,name=OfflinePartitionsCount", "Value"),
        (ProduceCount, "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Produce", "Count"),
        (ProduceMean, "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Produce", "Mean"),
        (ProduceP99, "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Produce", "99thPercentile"),
        (FetchCount, "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=FetchConsumer", "Count"),
        (FetchMean, "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=FetchConsumer", "Mean"),
        (
            FetchP99,
            "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=FetchConsumer",
            "99thPercentile",
        ),
        (FollowerCount, "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=FetchFollower", "Count"),
        (FollowerMean, "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=FetchFollower", "Mean"),
        (
            FollowerP99,
            "kafka.network:type=RequestMetrics,name=TotalTimeMs,request=FetchFollower",
            "99thPercentile",
        ),
        (RequestsQueued, "kafka.network:type=RequestChannel,name=RequestQueueSize", "Value"),
        (
            HandlerIdle,
            "kafka.server:type=KafkaRequestHandlerPool,name=RequestHandlerAvgIdlePercent",
            "OneMinuteRate",
        ),
        (NetworkIdle, "kafka.network:type=SocketServer,name=NetworkProcessorAvgIdlePercent", "Value"),
    ]
};

/// The body that asks for everything at once.
pub fn request() -> &'static str {
    static BODY: LazyLock<String> = LazyLock::new(|| {
        let reads = READS
            .iter()
            .map(|(_, mbean, attribute)| json!({"type": "read", "mbean": mbean, "attribute": attribute}));
        Value::Array(reads.collect()).to_string()
    });
    &BODY
}

/// An agent's answer, in the order of the questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(Vec<Option<serde_json::Number>>);

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub enum BadAnswer {
    /// No JSON, or another one.
    #[error("the metrics agent's answer is not a Jolokia one: {0}")]
    Foreign(#[from] serde_json::Error),
    /// Not one for each question.
    #[error("the metrics agent gave {answers} answers to {} questions", READS.len())]
    Count {
        /// How many it gave.
        answers: usize,
    },
}

#[derive(Deserialize)]
struct One {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    value: Value,
}

/// Reads an answer to [`request`]. An MBean that is not there, as while a broker starts, is none.
///
/// # Errors
/// What is wrong with it.
pub fn answer(bytes: &[u8]) -> Result<Answer, BadAnswer> {
    let all: Vec<One> = serde_json::from_slice(bytes)?;
    if all.len() != READS.len() {
        return Err(BadAnswer::Count { answers: all.len() });
    }
    let value = |one: One| match one {
        One { status: 200, value: Value::Number(number) } => Some(number),
        _ => None,
    };
    Ok(Answer(all.into_iter().map(value).collect()))
}

impl Answer {
    /// Into the values.
    pub fn store(&self, gauges: &mut Gauges, counters: &mut Counters) {
        for ((metric, ..), number) in READS.iter().zip(&self.0) {
            match (metric.row().kind, number) {
                (Kind::Counter, Some(number)) => {
                    if let Some(count) = number.as_u64() {
                        counters.read(*metric, count);
                    }
                }
                (_, Some(number)) => gauges.set(*metric, number.as_f64().unwrap_or(f64::NAN)),
                (_, None) => {}
            }
        }
    }
}

/// What a broker's own metadata says of its partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partitions {
    /// With a replica on it.
    pub hosted: u32,
    /// Those that it leads.
    pub led: u32,
    /// Those that it leads with a replica out of sync.
    pub under_replicated: u32,
    /// Those without a leader.
    pub offline: u32,
}

impl Partitions {
    /// Of `broker`, from metadata of all topics.
    pub fn of(broker: u32, metadata: &Metadata) -> Self {
        let mut found = Self::default();
        for partition in metadata.topics.values().flat_map(|topic| topic.partitions.values()) {
            if !partition.replicas.contains(&broker) {
                continue;
            }
            found.hosted += 1;
            found.offline += u32::from(partition.leader.is_none());
            if partition.leader == Some(broker) {
                found.led += 1;
                let behind = |replica| !partition.isr.contains(replica);
                found.under_replicated += u32::from(partition.replicas.iter().any(behind));
            }
        }
        found
    }

    /// Into the values.
    pub fn store(self, gauges: &mut Gauges) {
        for (metric, value) in [
            (Metric::PartitionsHosted, self.hosted),
            (Metric::PartitionsLed, self.led),
            (Metric::PartitionsUnder, self.under_replicated),
            (Metric::PartitionsOffline, self.offline),
        ] {
            gauges.set(metric, f64::from(value));
        }
    }
}

#[cfg(test)]
mod tests;
