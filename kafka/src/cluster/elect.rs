//! Back to the preferred leaders, whatever happens between request and answer.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::ResponseError;

use super::{
    AdminError, Cluster,
    attempts::{Attempts, insist},
};
use crate::{
    client::{Elected, Metadata, Topics},
    error::KafkaError,
    topic::{TopicName, TopicPartition},
};

impl Cluster {
    /// Makes the preferred leaders lead: of `partitions`, or of all. A partition that had another leader, and needs no election
    /// when it is asked again after an answer was lost, has had it by that request.
    ///
    /// # Errors
    /// No answer of use; a partition's own error is in its entry.
    pub async fn elect_preferred(
        &self,
        partitions: Option<&BTreeSet<TopicPartition>>,
    ) -> Result<BTreeMap<TopicPartition, Elected>, AdminError> {
        let names: Option<BTreeSet<_>> =
            partitions.map(|partitions| partitions.iter().map(|partition| partition.topic.clone()).collect());
        let names: Option<Vec<TopicName>> = names.map(|names| names.into_iter().collect());
        let topics = names.as_deref().map_or(Topics::All, Topics::Named);
        let (mut attempts, mut due, mut known) = (Attempts::new(), None, BTreeMap::new());
        let elected = insist!(attempts, async {
            let metadata = self.metadata(topics).await?;
            due.get_or_insert_with(|| led_by_another(&metadata));
            let mut controller = self.controller(&metadata).await?;
            known = metadata.topics;
            let elected = controller.elect_preferred(partitions).await?;
            match elected.values().find_map(again) {
                Some(error) => Err(AdminError::Refused(error)),
                None => Ok(elected),
            }
        });
        let mut elected: BTreeMap<_, _> = elected?;
        if attempts.lost().is_some() {
            for partition in due.unwrap_or_default() {
                let meant = partitions.is_none_or(|partitions| partitions.contains(&partition));
                let not_needed = match elected.get(&partition) {
                    Some(answer) => *answer == Elected::NotNeeded,
                    // Left out since it needed none, unless it is gone.
                    None => known
                        .get(partition.topic.as_str())
                        .is_some_and(|topic| topic.partitions.contains_key(&partition.number)),
                };
                if meant && not_needed {
                    elected.insert(partition, Elected::Done);
                }
            }
        }
        Ok(elected)
    }
}

/// Why a partition is to be asked for again: the election goes on, or whoever was asked does not hold any.
fn again(elected: &Elected) -> Option<KafkaError> {
    let Elected::Refused(error) = elected else { return None };
    (error.is_half_way() || error.is(ResponseError::NotController)).then(|| error.clone())
}

/// Partitions that another leads than the first of their replicas.
fn led_by_another(metadata: &Metadata) -> BTreeSet<TopicPartition> {
    let partitions = metadata.topics.iter().flat_map(|(name, topic)| {
        let others =
            topic.partitions.iter().filter(|(_, state)| state.leader != state.replicas.first().copied());
        others.map(move |(number, _)| TopicPartition {
            topic: TopicName::existing(name.as_str()),
            number: *number,
        })
    });
    partitions.collect()
}
