//! Log directories of all brokers, and how far moving partitions have come by them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use super::{AT_ONCE, AdminError, Cluster};
use crate::{
    client::{LogDir, Moving, Topics},
    topic::TopicPartition,
};

/// Log directories by broker, or why a broker did not tell.
pub type LogDirs = BTreeMap<u32, Result<Vec<LogDir>, AdminError>>;

/// A partition on its way, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its replicas.
    pub moving: Moving,
    /// Bytes to be copied to the replicas to come: the leader's size for each. `None` where that is not known. It grows
    /// while the partition is written to, and shrinks with its retention.
    pub total: Option<u64>,
    /// Of these, what they have.
    pub done: Option<u64>,
}

impl Cluster {
    /// Log directories of `brokers`, or of all that live; all are asked at the same time.
    ///
    /// # Errors
    /// A broker does not live, or none answers. What a broker does not tell is in its entry.
    pub async fn log_dirs(&self, brokers: Option<&BTreeSet<u32>>) -> Result<LogDirs, AdminError> {
        let metadata = self.metadata(Topics::None).await?;
        let ids: Vec<u32> = match brokers {
            Some(ids) => ids.iter().copied().collect(),
            None => metadata.brokers.keys().copied().collect(),
        };
        if let Some(id) = ids.iter().find(|id| !metadata.brokers.contains_key(id)) {
            let live = metadata.brokers.keys().copied().collect();
            return Err(AdminError::UnknownBroker { broker: *id, live });
        }
        let metadata = &metadata;
        let asked = ids.into_iter().map(|id| async move {
            let dirs = async { Ok(self.broker(metadata, id).await?.log_dirs().await?) };
            (id, dirs.await)
        });
        Ok(stream::iter(asked).buffer_unordered(AT_ONCE).collect().await)
    }

    /// Every partition on its way, with how far it has come.
    ///
    /// # Errors
    /// No answer of use, such as Kafka before 2.4.
    pub async fn progress(&self) -> Result<BTreeMap<TopicPartition, Progress>, AdminError> {
        let moving = self.reassignments().await?;
        if moving.is_empty() {
            return Ok(BTreeMap::new());
        }
        let topics: BTreeSet<_> = moving.keys().map(|partition| partition.topic.clone()).collect();
        let topics: Vec<_> = topics.into_iter().collect();
        let metadata = self.metadata(Topics::Named(&topics)).await?;
        let dirs = self.log_dirs(None).await?;
        let size = |partition: &TopicPartition, broker: u32| -> Option<u64> {
            let dirs = dirs.get(&broker)?.as_ref().ok()?.iter().filter(|dir| dir.error.is_none());
            let mut replicas = dirs.flat_map(|dir| &dir.replicas);
            // What a broker has not begun to copy it does not list.
            let found = replicas.find(|replica| replica.partition == *partition && !replica.future);
            Some(found.map_or(0, |replica| replica.size))
        };
        let progress = moving.into_iter().map(|(partition, moving)| {
            let topic = metadata.topics.get(partition.topic.as_str());
            let leader = topic.and_then(|topic| topic.partitions.get(&partition.number)?.leader);
            let whole = leader.and_then(|leader| size(&partition, leader));
            let copied = |broker: &u32| Some(size(&partition, *broker)?.min(whole?));
            let done = moving.adding.iter().map(copied).sum::<Option<u64>>().filter(|_| whole.is_some());
            let count = u64::try_from(moving.adding.len()).unwrap_or(u64::MAX);
            let total = whole.map(|whole| whole.saturating_mul(count));
            (partition, Progress { moving, total, done })
        });
        Ok(progress.collect())
    }
}
