//! A test of how fast a topic takes records: Kafka's `ProducerPerformance`, without a JVM (S-107, S-108).
//!
//! ```text
//! Share ─► Throttle ─credit─► Ledger ─batch─► link (one for each leader) ─► broker
//!                               ▲  └────────────── answers ◄──────┘
//!                               └ Figures, Progress
//! ```
//!
//! [`throttle`], `batch`, `ledger` and [`figures`] are pure; `link` and [`Producer`] have the effects. What the perf tool
//! gets from its producer's defaults since Kafka 3.0 is what is done here: `acks=all` and idempotence, at most five
//! requests unanswered by each leader, no compression, letters as payload. Two things differ. Batches are up to
//! [`BATCH`] records where the cluster is slower than the rate, not 16 KiB, which is most of the gain. And a record's latency
//! begins when it goes into its batch, right before it is sent: there is no buffer of 32 MiB to wait in.
//!
//! A broker that answers with an error that may pass, that no longer leads, or whose connection breaks gets its
//! batches again, or the new leader does, under the same numbers, so that each record is stored once. [`DELIVERY`] bounds that.
//! Only records acknowledged are counted. Memory: the letters of one batch, some numbers for each batch unanswered and each
//! millisecond of latency seen; never a record.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use kafka_protocol::ResponseError;
use tokio::time::sleep;

pub use self::{
    batch::Identity,
    figures::{Figures, Latency},
    throttle::{Budget, Share},
};
use crate::{
    client::Error,
    cluster::{AskError, Cluster},
    topic::TopicName,
};

mod batch;
pub mod figures;
mod ledger;
mod link;
mod run;
#[cfg(test)]
mod tests;
pub mod throttle;

/// Bytes of value of each record (S-108).
pub const RECORD: u64 = 1024;
/// Records each second, of all tests under way together (S-108).
pub const RATE: u64 = 100_000;
/// Most records of one test: 10 GiB on each replica, and 100 s at the full rate.
pub const MOST: u64 = 10_000_000;
/// Most records of a batch. With their heads they are half of what a topic takes unless told otherwise
/// (`max.message.bytes`).
pub const BATCH: u16 = 500;
/// How long a batch may remain unanswered, retries included: half of Kafka's own `delivery.timeout.ms`.
pub const DELIVERY: Duration = Duration::from_secs(60);

/// How long a topic that a broker does not know is asked for: one just created is known everywhere a moment later.
const UNKNOWN: Duration = Duration::from_secs(2);
/// How long a cluster that says "later" is asked.
const LATER: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// The time: it comes in, since only a shell reads clocks.
#[derive(Clone)]
pub struct Clock {
    /// Since some moment.
    pub now: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// That moment, in milliseconds since 1970.
    pub epoch: i64,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &(self.now)()).field("epoch", &self.epoch).finish()
    }
}

/// A test that is ready to begin: its topic exists, and it may write.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    topic: TopicName,
    identity: Identity,
    leaders: BTreeMap<u32, Option<u32>>,
    addresses: BTreeMap<u32, String>,
    clock: Clock,
    began: Duration,
}

/// Why a test could not begin.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// There is no such topic.
    #[error("topic \"{0}\" does not exist")]
    NoTopic(TopicName),
    /// Kafka's word on the topic.
    #[error("topic \"{topic}\" cannot be written to: {error}")]
    Topic {
        /// The topic.
        topic: TopicName,
        /// What Kafka says.
        error: crate::error::KafkaError,
    },
    /// Nobody answered, or not what was asked.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// How far a test is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// All that was acknowledged so far.
    pub figures: Figures,
    /// Since the test began, preparation included.
    pub elapsed: Duration,
    /// What was acknowledged since the last progress was told.
    pub window: Figures,
    /// How long that is ago.
    pub window_elapsed: Duration,
    /// Batches that were sent again.
    pub retries: u64,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every record is acknowledged.
    Completed,
    /// It was told to stop.
    Cancelled {
        /// Records that were sent and not answered in time: Kafka may have them.
        unanswered: u64,
    },
    /// It could not go on.
    Failed {
        /// Why.
        reason: String,
        /// Kafka refused what no repeating helps; else it did not answer, or not in time.
        refused: bool,
        /// Records that were sent and not answered: Kafka may have them.
        unanswered: u64,
    },
}

impl Producer {
    /// Asks who leads `topic`, and for an identity.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub async fn prepare(cluster: Cluster, topic: TopicName, clock: Clock) -> Result<Self, PrepareError> {
        let began = (clock.now)();
        let late = |limit: Duration| (clock.now)().saturating_sub(began) >= limit;
        let (leaders, addresses) = loop {
            let mut metadata = match cluster.metadata_of(&topic).await {
                Ok(metadata) => metadata,
                // Whether there is such a topic is known once there is a controller again.
                Err(AskError::NoController) if !late(LATER) => {
                    sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let Some(found) = metadata.topics.remove(topic.as_str()) else {
                return Err(PrepareError::NoTopic(topic));
            };
            match found.error {
                None => {
                    let leaders =
                        found.partitions.iter().map(|(number, partition)| (*number, partition.leader));
                    break (leaders.collect(), metadata.brokers);
                }
                Some(error) if error.is(ResponseError::UnknownTopicOrPartition) => {
                    if late(UNKNOWN) {
                        return Err(PrepareError::NoTopic(topic));
                    }
                }
                // Some partition has no leader; the others can be written to.
                Some(error) if error.retriable && !late(LATER) => {}
                Some(error) => return Err(PrepareError::Topic { topic, error }),
            }
            sleep(PAUSE).await;
        };
        let identity = loop {
            match cluster.any().await.map_err(AskError::from)?.producer_id().await {
                Ok(identity) => break identity,
                Err(Error::Refused { source, .. }) if source.retriable && !late(LATER) => {
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(AskError::from(error).into()),
            }
        };
        Ok(Self { cluster, topic, identity, leaders, addresses, clock, began })
    }
}
