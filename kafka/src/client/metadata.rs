//! Metadata: brokers, controller, topics and their partitions, as one broker has them.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::{
    ResponseError,
    messages::{
        MetadataRequest, metadata_request::MetadataRequestTopic, metadata_response::MetadataResponseTopic,
    },
};

use super::{Connection, Error};
use crate::{error::KafkaError, registration::address, snapshot::Partition, topic::TopicName};

/// Which topics to ask for.
#[derive(Clone, Copy, Debug)]
pub enum Topics<'a> {
    /// None: brokers and controller only.
    None,
    /// All there are.
    All,
    /// These.
    Named(&'a [TopicName]),
}

/// What a broker knows of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The cluster's own id.
    pub cluster_id: Option<String>,
    /// The active controller's broker.
    pub controller: Option<u32>,
    /// Live brokers, `host:port`.
    pub brokers: BTreeMap<u32, String>,
    /// The topics asked for.
    pub topics: BTreeMap<String, TopicMetadata>,
}

/// One topic as a broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Kafka's error for it, for example `UNKNOWN_TOPIC_OR_PARTITION`.
    pub error: Option<KafkaError>,
    /// Kafka's own, such as `__consumer_offsets`.
    pub internal: bool,
    /// Its partitions. One without a leader is listed too.
    pub partitions: BTreeMap<u32, Partition>,
}

impl TopicMetadata {
    /// Whether the broker knows it.
    pub fn exists(&self) -> bool {
        !self.error.as_ref().is_some_and(|error| error.is(ResponseError::UnknownTopicOrPartition))
    }
}

impl Connection {
    /// Asks what the broker knows. Never creates a topic.
    ///
    /// # Errors
    /// No answer of use; a topic's own error is in its [`TopicMetadata`].
    pub async fn metadata(&mut self, topics: Topics<'_>) -> Result<Metadata, Error> {
        let response = self
            .call(|_| {
                let topics = match topics {
                    Topics::None => Some(vec![]),
                    Topics::All => None,
                    Topics::Named(names) => Some(names.iter().map(asked).collect()),
                };
                MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false)
            })
            .await?;
        let brokers = response.brokers.iter().filter_map(|broker| {
            let port = u16::try_from(broker.port).ok()?;
            Some((id(broker.node_id.0)?, address(&broker.host, port)))
        });
        let topics = response.topics.iter().filter_map(|topic| {
            let name = topic.name.as_ref()?;
            Some((name.to_string(), known(topic)))
        });
        Ok(Metadata {
            cluster_id: response.cluster_id.as_ref().map(ToString::to_string),
            controller: id(response.controller_id.0),
            brokers: brokers.collect(),
            topics: topics.collect(),
        })
    }
}

fn asked(name: &TopicName) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(super::topics::wire_name(name)))
}

fn known(topic: &MetadataResponseTopic) -> TopicMetadata {
    let partitions = topic.partitions.iter().filter_map(|partition| {
        let state = Partition {
            replicas: partition.replica_nodes.iter().filter_map(|node| id(node.0)).collect(),
            isr: partition.isr_nodes.iter().filter_map(|node| id(node.0)).collect::<BTreeSet<_>>(),
            leader: id(partition.leader_id.0),
        };
        Some((id(partition.partition_index)?, state))
    });
    TopicMetadata {
        error: KafkaError::from_code(topic.error_code, None),
        internal: topic.is_internal,
        partitions: partitions.collect(),
    }
}

/// Kafka writes −1 for nobody.
pub(super) fn id(number: i32) -> Option<u32> {
    u32::try_from(number).ok()
}
