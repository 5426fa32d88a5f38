//! ListOffsets: where a partition's records begin, end, or reach a time. Asked of the partition's leader.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    BrokerId, ListOffsetsRequest,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
};

use super::{Connection, Error, topics::wire_name};
use crate::{error::KafkaError, topic::TopicName};

/// Which record's offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The first there is.
    First,
    /// The one that will be written next.
    End,
    /// The first that is not older than so many milliseconds since 1970.
    Time(i64),
}

impl At {
    /// As Kafka writes it: its two marks are times before 1970.
    fn timestamp(self) -> i64 {
        match self {
            Self::End => -1,
            Self::First => -2,
            Self::Time(millis) => millis,
        }
    }
}

/// Each partition's offset, `None` where no record is that new; or its leader's error.
pub type Offsets = BTreeMap<u32, Result<Option<u64>, KafkaError>>;

impl Connection {
    /// The offsets of `partitions`, which this broker must lead; for others it says `NOT_LEADER_OR_FOLLOWER`.
    ///
    /// # Errors
    /// No answer of use; a partition's own error is in its entry.
    pub async fn list_offsets(
        &mut self,
        topic: &TopicName,
        partitions: &[u32],
        at: At,
    ) -> Result<Offsets, Error> {
        let asked = partitions.iter().map(|partition| {
            ListOffsetsPartition::default()
                .with_partition_index(partition.cast_signed())
                // Whatever its leader's epoch is: no offset of ours is older than the question.
                .with_current_leader_epoch(-1)
                .with_timestamp(at.timestamp())
        });
        let topic = ListOffsetsTopic::default().with_name(wire_name(topic)).with_partitions(asked.collect());
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let response = self.call(|_| request).await?;
        let found = response.topics.iter().flat_map(|topic| &topic.partitions);
        let offsets = found.filter_map(|found| {
            let offset = match KafkaError::from_code(found.error_code, None) {
                Some(error) => Err(error),
                None => Ok(u64::try_from(found.offset).ok()),
            };
            Some((u32::try_from(found.partition_index).ok()?, offset))
        });
        Ok(offsets.collect())
    }
}
