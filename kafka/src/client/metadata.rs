//! Metadata: brokers, controller, topics and their partitions, as one broker has them.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::{
    ResponseError,
    messages::{
        MetadataRequest, MetadataResponse, metadata_request::MetadataRequestTopic,
        metadata_response::MetadataResponseTopic,
    },
};

use super::{Connection, Error, call::Call};
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

/// A partition with what only Kafka from 2.1 on tells, and all in Kafka's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Led {
    /// Who should have it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Who has all of it.
    pub isr: Vec<i32>,
    /// Who leads it, −1 for nobody.
    pub leader: i32,
    /// Grows with each new leader.
    pub leader_epoch: i32,
}

impl Connection {
    /// The partitions of one topic with their leaders' epochs; `None` where the broker knows no such topic.
    ///
    /// # Errors
    /// No answer of use, or the broker's refusal.
    pub(crate) async fn led(&mut self, topic: &TopicName) -> Result<Option<BTreeMap<u32, Led>>, Error> {
        let request = MetadataRequest::default()
            .with_topics(Some(vec![asked(topic)]))
            .with_allow_auto_topic_creation(false);
        let response = self.informed(request).await?;
        let Some(found) = response.topics.first() else { return Ok(None) };
        match KafkaError::from_code(found.error_code, None) {
            Some(error) if error.is(ResponseError::UnknownTopicOrPartition) => return Ok(None),
            Some(error) => return Err(self.refused(MetadataRequest::NAME, error)),
            None => {}
        }
        let partitions = found.partitions.iter().filter_map(|partition| {
            let led = Led {
                replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
                isr: partition.isr_nodes.iter().map(|node| node.0).collect(),
                leader: partition.leader_id.0,
                leader_epoch: partition.leader_epoch,
            };
            Some((id(partition.partition_index)?, led))
        });
        Ok(Some(partitions.collect()))
    }

    /// Asks what the broker knows. Never creates a topic.
    ///
    /// # Errors
    /// No answer of use; a topic's own error is in its [`TopicMetadata`].
    pub async fn metadata(&mut self, topics: Topics<'_>) -> Result<Metadata, Error> {
        let topics = match topics {
            Topics::None => Some(vec![]),
            Topics::All => None,
            Topics::Named(names) => Some(names.iter().map(asked).collect()),
        };
        let request = MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false);
        let response = self.informed(request).await?;
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

    /// What a broker says that has heard from its controller. Before that it names no broker and no topic, which must not be
    /// taken for a cluster that has none.
    pub(super) async fn informed(&mut self, request: MetadataRequest) -> Result<MetadataResponse, Error> {
        let response = self.call(|_| request).await?;
        if response.brokers.is_empty() {
            return Err(Error::Uninformed { address: self.address().to_owned() });
        }
        Ok(response)
    }
}

fn asked(name: &TopicName) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(super::topics::wire_name(name)))
}

fn known(topic: &MetadataResponseTopic) -> TopicMetadata {
    let partitions = topic.partitions.iter().filter_map(|partition| {
        let state = Partition {
            coming: BTreeSet::new(),
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
