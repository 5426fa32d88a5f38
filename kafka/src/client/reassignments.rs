//! AlterPartitionReassignments and ListPartitionReassignments: partitions on their way to other brokers (KIP-455).

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        AlterPartitionReassignmentsRequest, BrokerId, ListPartitionReassignmentsRequest,
        alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
    },
    protocol::StrBytes,
};

use super::{Connection, Error, call::Call, metadata::id, topics::wire_name};
use crate::{
    error::KafkaError,
    topic::{TopicName, TopicPartition},
};

/// A partition on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moving {
    /// All its replicas at this moment: those that stay, those to come and those to go.
    pub replicas: Vec<u32>,
    /// Those to come.
    pub adding: Vec<u32>,
    /// Those to go once the others are in sync.
    pub removing: Vec<u32>,
}

/// What became of each partition; `None`: Kafka took it.
pub type Answers = BTreeMap<TopicPartition, Option<KafkaError>>;

impl Connection {
    /// Asks for new replicas of partitions, the preferred leader first; `None` cancels what is under way. The broker
    /// must be the controller's.
    ///
    /// # Errors
    /// No answer of use, or the controller's refusal of the whole; a partition's own error is in its entry.
    pub async fn alter_reassignments(
        &mut self,
        wanted: &BTreeMap<TopicPartition, Option<Vec<u32>>>,
    ) -> Result<Answers, Error> {
        let mut topics = BTreeMap::<&TopicName, Vec<ReassignablePartition>>::new();
        for (partition, replicas) in wanted {
            let brokers = |ids: &Vec<u32>| ids.iter().map(|id| BrokerId(id.cast_signed())).collect();
            topics.entry(&partition.topic).or_default().push(
                ReassignablePartition::default()
                    .with_partition_index(partition.number.cast_signed())
                    .with_replicas(replicas.as_ref().map(brokers)),
            );
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            ReassignableTopic::default().with_name(wire_name(topic)).with_partitions(partitions)
        });
        let request = AlterPartitionReassignmentsRequest::default()
            .with_topics(topics.collect())
            .with_timeout_ms(self.patience());
        let response = self.call(|_| request).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, response.error_message.as_ref()) {
            return Err(self.refused(AlterPartitionReassignmentsRequest::NAME, error));
        }
        let answers = response.responses.iter().flat_map(|topic| {
            topic.partitions.iter().filter_map(|partition| {
                let error = KafkaError::from_code(partition.error_code, partition.error_message.as_ref());
                Some((named(&topic.name.0, partition.partition_index)?, error))
            })
        });
        Ok(answers.collect())
    }

    /// Every partition on its way. The broker must be the controller's.
    ///
    /// # Errors
    /// No answer of use, or the controller's refusal.
    pub async fn reassignments(&mut self) -> Result<BTreeMap<TopicPartition, Moving>, Error> {
        let request =
            ListPartitionReassignmentsRequest::default().with_topics(None).with_timeout_ms(self.patience());
        let response = self.call(|_| request).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, response.error_message.as_ref()) {
            return Err(self.refused(ListPartitionReassignmentsRequest::NAME, error));
        }
        let ids = |ids: &[BrokerId]| ids.iter().filter_map(|node| id(node.0)).collect::<Vec<_>>();
        let moving = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().filter_map(move |partition| {
                let moving = Moving {
                    replicas: ids(&partition.replicas),
                    adding: ids(&partition.adding_replicas),
                    removing: ids(&partition.removing_replicas),
                };
                Some((named(&topic.name.0, partition.partition_index)?, moving))
            })
        });
        Ok(moving.collect())
    }

    /// What is on its way, where this broker knows: before Kafka 2.4 nobody does, and one that is no controller any more does
    /// not. Kafka's tool goes on without, too.
    pub(crate) async fn moving(&mut self) -> Result<BTreeMap<TopicPartition, Moving>, Error> {
        match self.reassignments().await {
            Err(Error::Version { .. } | Error::Refused { .. }) => Ok(BTreeMap::new()),
            result => result,
        }
    }
}

/// A partition as the wire names it.
pub(super) fn named(topic: &StrBytes, number: i32) -> Option<TopicPartition> {
    Some(TopicPartition { topic: TopicName::existing(topic.as_str()), number: id(number)? })
}
