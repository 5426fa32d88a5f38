//! ElectLeaders: back to the preferred leaders, the first of each partition's replicas.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::{
    ResponseError,
    messages::{ElectLeadersRequest, elect_leaders_request::TopicPartitions},
};

use super::{Connection, Error, call::Call, reassignments::named, topics::wire_name};
use crate::{
    error::KafkaError,
    topic::{TopicName, TopicPartition},
};

/// What an election did for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elected {
    /// Its preferred leader leads now.
    Done,
    /// It did already.
    NotNeeded,
    /// There was none, for example because the preferred leader is not in sync.
    Refused(KafkaError),
}

impl Connection {
    /// Makes the preferred leader of each of `partitions` lead, of all partitions where they are `None`. The broker must
    /// be the controller's. Kafka leaves out of its answer partitions that needed no election, where all were meant.
    ///
    /// # Errors
    /// No answer of use, or the controller's refusal of the whole; a partition's own error is in its entry.
    pub async fn elect_preferred(
        &mut self,
        partitions: Option<&BTreeSet<TopicPartition>>,
    ) -> Result<BTreeMap<TopicPartition, Elected>, Error> {
        let wanted = partitions.map(|partitions| {
            let mut topics = BTreeMap::<&TopicName, Vec<i32>>::new();
            for partition in partitions {
                topics.entry(&partition.topic).or_default().push(partition.number.cast_signed());
            }
            let wire = topics.into_iter().map(|(topic, numbers)| {
                TopicPartitions::default().with_topic(wire_name(topic)).with_partitions(numbers)
            });
            wire.collect()
        });
        // Election type 0, the default, is of preferred leaders; version 0 has no other.
        let request =
            ElectLeadersRequest::default().with_topic_partitions(wanted).with_timeout_ms(self.patience());
        let response = self.call(|_| request).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, None) {
            return Err(self.refused(ElectLeadersRequest::NAME, error));
        }
        let results = response.replica_election_results.iter().flat_map(|topic| {
            topic.partition_result.iter().filter_map(|result| {
                let error = KafkaError::from_code(result.error_code, result.error_message.as_ref());
                let elected = match error {
                    None => Elected::Done,
                    Some(error) if error.is(ResponseError::ElectionNotNeeded) => Elected::NotNeeded,
                    Some(error) => Elected::Refused(error),
                };
                Some((named(&topic.topic.0, result.partition_id)?, elected))
            })
        });
        Ok(results.collect())
    }
}
