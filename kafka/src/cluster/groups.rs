//! Consumer groups of the whole cluster, and how far each is behind.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream};

use super::{AT_ONCE, AdminError, Cluster, PATIENCE, admin::patiently};
use crate::{
    client::{At, DEAD, Group, Listed, Topics},
    error::KafkaError,
    retry::Retry,
    topic::{TopicName, TopicPartition},
};

/// Where Kafka keeps groups; while it is not there, there are none.
const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// For how long a coordinator must say that there is no such group.
pub(super) const SETTLING: Duration = Duration::from_secs(2);

/// All groups, and the brokers that did not tell theirs.
#[derive(Debug, Default)]
pub struct Groups {
    /// By name.
    pub groups: BTreeMap<String, Listed>,
    /// The brokers whose groups are missing, and why.
    pub silent: BTreeMap<u32, AdminError>,
}

/// How far a group has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// State and members.
    pub group: Group,
    /// By partition: those with an offset of the group, and those that a member reads.
    pub partitions: BTreeMap<TopicPartition, Lag>,
}

/// How far a group has come in a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// The next record it reads; `None`: it has said nothing yet.
    pub committed: Option<u64>,
    /// Where the next record goes; `None` where that is not known.
    pub end: Option<u64>,
    /// Why something is not known.
    pub error: Option<KafkaError>,
}

impl Lag {
    /// How many records it is behind. 0 where its offset is beyond the end, as after a loss of records.
    pub fn lag(&self) -> Option<u64> {
        Some(self.end?.saturating_sub(self.committed?))
    }
}

impl Cluster {
    /// Every group, asked of all brokers at the same time: each knows those it coordinates.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn groups(&self) -> Result<Groups, AdminError> {
        let metadata = self.metadata(Topics::None).await?;
        let metadata = &metadata;
        let ids: Vec<u32> = metadata.brokers.keys().copied().collect();
        let asked = ids.into_iter().map(|id| async move {
            let groups = async { Ok(self.broker(metadata, id).await?.groups().await?) };
            (id, groups.await)
        });
        let mut all = Groups::default();
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
        for (id, listed) in answers {
            match listed {
                Ok(listed) => all.groups.extend(listed),
                Err(error) => {
                    all.silent.insert(id, error);
                }
            }
        }
        Ok(all)
    }

    /// A group's members, and how far it has come. Asked again while a new coordinator learns what there is; that there is no
    /// such group, or that it is dead, only counts when it has been said for two seconds, since a coordinator of a moment ago
    /// may say so, with no error, of one that it has not read yet.
    ///
    /// # Errors
    /// There is no such group, or no answer of use.
    pub async fn group(&self, name: &str) -> Result<Reading, AdminError> {
        // Since it was first said: before that, a coordinator may have been waited for.
        let mut settling = None;
        loop {
            let answer = patiently!(self.group_once(name));
            let is_absent = match &answer {
                Ok(reading) => reading.group.state == DEAD,
                Err(error) => matches!(error, AdminError::UnknownGroup(_)),
            };
            if !is_absent || !settling.get_or_insert_with(|| Retry::new(SETTLING)).again().await {
                return answer;
            }
        }
    }

    async fn group_once(&self, name: &str) -> Result<Reading, AdminError> {
        // Asking for a coordinator would create the topic.
        let mut metadata = self.metadata(Topics::All).await?;
        if !metadata.topics.contains_key(OFFSETS_TOPIC) {
            // The controller knows of the first group's topic before others do.
            metadata = self.controller(&metadata).await?.metadata(Topics::All).await?;
        }
        let unknown = || AdminError::UnknownGroup(name.to_owned());
        if !metadata.topics.contains_key(OFFSETS_TOPIC) {
            return Err(unknown());
        }
        let coordinator = self.any().await?.coordinator(name).await?;
        let mut connection = self.connect(&coordinator).await?;
        let group = connection.group(name).await?;
        let committed = connection.committed(name).await?;
        if group.state == DEAD && committed.is_empty() {
            return Err(unknown());
        }
        drop(connection);
        let mut partitions = BTreeMap::<TopicPartition, Lag>::new();
        for (partition, offset) in committed {
            let lag = partitions.entry(partition).or_default();
            match offset {
                Ok(offset) => lag.committed = Some(offset),
                Err(error) => lag.error = Some(error),
            }
        }
        for partition in group.members.iter().flat_map(|member| &member.assigned) {
            partitions.entry(partition.clone()).or_default();
        }
        let mut by_leader = BTreeMap::<(u32, TopicName), Vec<u32>>::new();
        for partition in partitions.keys() {
            let topic = metadata.topics.get(partition.topic.as_str());
            if let Some(leader) = topic.and_then(|topic| topic.partitions.get(&partition.number)?.leader) {
                by_leader.entry((leader, partition.topic.clone())).or_default().push(partition.number);
            }
        }
        let metadata = &metadata;
        let asked = by_leader.into_iter().map(|((leader, topic), numbers)| async move {
            let ends = async {
                Ok(self.broker(metadata, leader).await?.list_offsets(&topic, &numbers, At::End).await?)
            };
            let ends: Result<_, AdminError> = ends.await;
            (topic, ends)
        });
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
        for (topic, ends) in answers {
            match ends {
                Ok(ends) => {
                    for (number, end) in ends {
                        let partition = TopicPartition { topic: topic.clone(), number };
                        let lag = partitions.entry(partition).or_default();
                        match end {
                            Ok(end) => lag.end = end,
                            Err(error) => lag.error = Some(error),
                        }
                    }
                }
                // Those partitions' ends stay unknown, as those of partitions without a leader do.
                Err(error) => tracing::debug!(%error, group = name, %topic, "a leader did not tell its ends"),
            }
        }
        Ok(Reading { group, partitions })
    }
}
