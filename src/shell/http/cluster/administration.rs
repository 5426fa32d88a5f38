//! [`Administration`] of a real cluster.

use std::collections::{BTreeMap, BTreeSet};

use api::rest::LimitsUntended;
use futures_util::FutureExt;
use kafka::{
    client::{Change, Elected, Resource, Setting, Topics},
    cluster::{AdminError, Cluster, Groups, LogDirs, Outcome, Progress, Reading, Tended, on_their_way},
    reassign::{self, Assignment},
    topic::{TopicName, TopicPartition},
};

use super::{
    super::administration::{Administration, Asked, Planned, Target, Wish},
    Real,
};

impl Real {
    /// Removes limits of ours whose work is over, see [`Cluster::tend`]. Never while a reassignment is being begun.
    ///
    /// # Errors
    /// No answer of use.
    pub(in crate::shell) async fn tend(&self) -> Result<Tended, AdminError> {
        let _not_begun = self.reassigning.lock().await;
        self.cluster().tend().await
    }
}

impl Administration for Real {
    fn config(&self, topic: TopicName) -> Asked<'_, BTreeMap<String, Setting>> {
        let cluster = self.cluster();
        async move { cluster.settings(&Resource::Topic(topic), None).await }.boxed()
    }

    fn alter_config(&self, topic: TopicName, change: Change) -> Asked<'_, ()> {
        let cluster = self.cluster();
        async move { cluster.alter_settings(&Resource::Topic(topic), &change, false).await }.boxed()
    }

    fn reassign(&self, wish: Wish) -> Asked<'_, Planned> {
        let cluster = self.cluster();
        async move {
            let _alone = self.reassigning.lock().await;
            let (from, to) = planned(&cluster, wish.target).await?;
            if wish.dry_run {
                let limited = match wish.rate {
                    Some(_) => on_their_way(cluster.reassignments().await?, &to),
                    None => BTreeMap::new(),
                };
                return Ok(Planned { from, to, outcome: Outcome { limited, ..Outcome::default() } });
            }
            let begun = cluster.reassign(&from, &to, wish.rate).await;
            // Whatever came of it, there may be a limit now.
            self.begun.notify_one();
            Ok(Planned { outcome: begun?, from, to })
        }
        .boxed()
    }

    fn progress(&self) -> Asked<'_, BTreeMap<TopicPartition, Progress>> {
        let cluster = self.cluster();
        async move { cluster.progress().await }.boxed()
    }

    fn untended(&self) -> Option<LimitsUntended> {
        self.care.untended()
    }

    fn cancel(&self, topics: Option<BTreeSet<TopicName>>) -> Asked<'_, Outcome> {
        let cluster = self.cluster();
        async move {
            let outcome = cluster.cancel(topics.as_ref()).await;
            self.begun.notify_one();
            outcome
        }
        .boxed()
    }

    fn elect(
        &self,
        meant: Option<(BTreeSet<TopicName>, BTreeSet<TopicPartition>)>,
    ) -> Asked<'_, BTreeMap<TopicPartition, Elected>> {
        let cluster = self.cluster();
        async move {
            let Some((topics, mut partitions)) = meant else { return cluster.elect_preferred(None).await };
            let names: Vec<TopicName> = topics.into_iter().collect();
            let metadata = cluster.metadata_of_each(&names).await?;
            for topic in names {
                let found = metadata.topics.get(topic.as_str()).filter(|found| found.error.is_none());
                let found = found.ok_or_else(|| AdminError::UnknownTopic(topic.clone()))?;
                let all = found.partitions.keys();
                partitions.extend(all.map(|number| TopicPartition { topic: topic.clone(), number: *number }));
            }
            cluster.elect_preferred(Some(&partitions)).await
        }
        .boxed()
    }

    fn log_dirs(&self, broker: Option<u32>) -> Asked<'_, LogDirs> {
        let cluster = self.cluster();
        async move { cluster.log_dirs(broker.map(|id| BTreeSet::from([id])).as_ref()).await }.boxed()
    }

    fn groups(&self) -> Asked<'_, Groups> {
        let cluster = self.cluster();
        async move { cluster.groups().await }.boxed()
    }

    fn group(&self, name: String) -> Asked<'_, Reading> {
        let cluster = self.cluster();
        async move { cluster.group(&name).await }.boxed()
    }
}

/// Where partitions are, and where they are to be.
async fn planned(cluster: &Cluster, target: Target) -> Result<(Assignment, Assignment), AdminError> {
    match target {
        Target::Topics { topics, brokers, replication } => {
            let live: BTreeSet<u32> = cluster.metadata(Topics::None).await?.brokers.into_keys().collect();
            let brokers = brokers.unwrap_or_else(|| live.clone());
            if let Some(broker) = brokers.difference(&live).next() {
                let live = live.iter().copied().collect();
                return Err(AdminError::UnknownBroker { broker: *broker, live });
            }
            let from = cluster.assignment(&topics).await?;
            let to = reassign::spread(&from, &brokers, replication.map(usize::from))?;
            Ok((from, to))
        }
        Target::Partitions(to) => {
            let topics = to.keys().map(|partition| partition.topic.clone()).collect();
            let mut from = cluster.assignment(&topics).await?;
            if let Some(absent) = to.keys().find(|partition| !from.contains_key(partition)) {
                return Err(AdminError::UnknownPartition(absent.clone()));
            }
            from.retain(|partition, _| to.contains_key(partition));
            Ok((from, to))
        }
    }
}
