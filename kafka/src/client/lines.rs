//! Partitions with all that a line of `kafka-topics.sh --describe` says, from Metadata and, where the broker keeps track
//! of who may lead (KIP-966), DescribeTopicPartitions.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::{
    ApiKey, BrokerId, DescribeTopicPartitionsRequest, MetadataRequest,
    describe_topic_partitions_request::{Cursor, TopicRequest},
};

use super::{Connection, Error, metadata::id};
use crate::{
    report::{Eligible, Line},
    topic::{TopicName, TopicPartition},
};

/// Partitions in one answer of DescribeTopicPartitions; more are refused.
const PAGE: i32 = 2000;
/// Kafka 3.8 brought version 11 of Produce, and the tool that prints `Elr`.
const PRODUCE_OF_3_8: i16 = 11;

impl Connection {
    /// A line for every partition of every topic, and the brokers that live. Who is eligible is not asked yet.
    ///
    /// # Errors
    /// No answer of use.
    pub async fn lines(&mut self) -> Result<(Vec<Line>, BTreeSet<u32>), Error> {
        let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
        let response = self.informed(request).await?;
        let versions = self.versions.get(&(ApiKey::Produce as i16));
        let prints_elr = versions.is_some_and(|(_, last)| *last >= PRODUCE_OF_3_8);
        let mut lines = Vec::new();
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            let name = TopicName::existing(name.as_str());
            for partition in &topic.partitions {
                let Some(number) = id(partition.partition_index) else { continue };
                lines.push(Line {
                    id: TopicPartition { topic: name.clone(), number },
                    leader: id(partition.leader_id.0),
                    replicas: ids(&partition.replica_nodes),
                    isr: ids(&partition.isr_nodes),
                    moving: None,
                    eligible: prints_elr.then(Eligible::default),
                });
            }
        }
        lines.sort_by(|one, other| one.id.cmp(&other.id));
        Ok((lines, response.brokers.iter().filter_map(|broker| id(broker.node_id.0)).collect()))
    }

    /// Who may lead the partitions of these topics although not in sync; nothing where the broker keeps no track of it.
    ///
    /// # Errors
    /// No answer of use.
    pub async fn eligible(
        &mut self,
        topics: BTreeSet<TopicName>,
    ) -> Result<BTreeMap<TopicPartition, Eligible>, Error> {
        let mut found = BTreeMap::new();
        if !self.versions.contains_key(&(ApiKey::DescribeTopicPartitions as i16)) {
            return Ok(found);
        }
        // Kafka wants them in order, and goes on from a cursor.
        let named = |name: &TopicName| TopicRequest::default().with_name(super::topics::wire_name(name));
        let topics: Vec<_> = topics.iter().map(named).collect();
        let mut cursor: Option<Cursor> = None;
        loop {
            let request = DescribeTopicPartitionsRequest::default()
                .with_topics(topics.clone())
                .with_response_partition_limit(PAGE)
                .with_cursor(cursor.clone());
            let response = self.call(|_| request).await?;
            for topic in &response.topics {
                let Some(name) = &topic.name else { continue };
                let name = TopicName::existing(name.as_str());
                for partition in &topic.partitions {
                    let Some(number) = id(partition.partition_index) else { continue };
                    let eligible = Eligible {
                        elr: partition.eligible_leader_replicas.as_deref().map(ids),
                        last_known: partition.last_known_elr.as_deref().map(ids),
                    };
                    found.insert(TopicPartition { topic: name.clone(), number }, eligible);
                }
            }
            let next = response.next_cursor.map(|next| {
                Cursor::default().with_topic_name(next.topic_name).with_partition_index(next.partition_index)
            });
            // A cursor that stands still would go on for ever.
            if next.is_none() || next == cursor {
                return Ok(found);
            }
            cursor = next;
        }
    }
}

fn ids(nodes: &[BrokerId]) -> Vec<u32> {
    nodes.iter().filter_map(|node| id(node.0)).collect()
}
