//! DescribeCluster and DescribeQuorum: who makes up the cluster, and who keeps its metadata where KRaft does.

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeQuorumRequest,
    describe_quorum_request::{PartitionData, TopicData},
    describe_quorum_response::ReplicaState,
};

use super::{Connection, Error, call::Call, metadata::id, topics::wire_name};
use crate::{error::KafkaError, registration::address, topic::TopicName};

/// Where KRaft keeps the metadata.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// The cluster as one broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The cluster's own id.
    pub cluster_id: String,
    /// The broker to ask for changes. With KRaft a random one, which passes on what it is asked.
    pub controller: Option<u32>,
    /// The brokers that live.
    pub brokers: BTreeMap<u32, Node>,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where clients reach it, `host:port`.
    pub address: String,
    /// Its `broker.rack`.
    pub rack: Option<String>,
}

/// The controllers of a KRaft cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// The active one.
    pub leader: Option<u32>,
    /// Grows with each election; stands for the controller's epoch (D43).
    pub leader_epoch: i32,
    /// How far the metadata is agreed upon.
    pub high_watermark: u64,
    /// End of the metadata log at each voter.
    pub voters: BTreeMap<u32, u64>,
    /// The same at brokers, which follow.
    pub observers: BTreeMap<u32, u64>,
}

impl Connection {
    /// Who makes up the cluster.
    ///
    /// # Errors
    /// No answer of use, or the broker's refusal.
    pub async fn describe_cluster(&mut self) -> Result<Description, Error> {
        // Endpoint type 1, the codec's default, is of brokers.
        let response = self.call(|_| DescribeClusterRequest::default()).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, response.error_message.as_ref()) {
            return Err(self.refused(DescribeClusterRequest::NAME, error));
        }
        let brokers = response.brokers.iter().filter_map(|broker| {
            let address = address(&broker.host, u16::try_from(broker.port).ok()?);
            let rack = broker.rack.as_ref().map(ToString::to_string);
            Some((id(broker.broker_id.0)?, Node { address, rack }))
        });
        Ok(Description {
            cluster_id: response.cluster_id.to_string(),
            controller: id(response.controller_id.0),
            brokers: brokers.collect(),
        })
    }

    /// The controllers of a KRaft cluster. Where ZooKeeper keeps the metadata there is no such call.
    ///
    /// # Errors
    /// No answer of use, or the broker's refusal.
    pub async fn quorum(&mut self) -> Result<Quorum, Error> {
        let call = DescribeQuorumRequest::NAME;
        let topic: TopicName = METADATA_TOPIC.parse().map_err(|error| self.codec(call, 0, error))?;
        let topic = TopicData::default()
            .with_topic_name(wire_name(&topic))
            .with_partitions(vec![PartitionData::default()]);
        let response = self.call(|_| DescribeQuorumRequest::default().with_topics(vec![topic])).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, response.error_message.as_ref()) {
            return Err(self.refused(call, error));
        }
        let Some(quorum) = response.topics.first().and_then(|topic| topic.partitions.first()) else {
            return Err(self.codec(call, 0, "the answer names no quorum"));
        };
        if let Some(error) = KafkaError::from_code(quorum.error_code, quorum.error_message.as_ref()) {
            return Err(self.refused(call, error));
        }
        Ok(Quorum {
            leader: id(quorum.leader_id.0),
            leader_epoch: quorum.leader_epoch,
            high_watermark: u64::try_from(quorum.high_watermark).unwrap_or(0),
            voters: ends(&quorum.current_voters),
            observers: ends(&quorum.observers),
        })
    }
}

fn ends(replicas: &[ReplicaState]) -> BTreeMap<u32, u64> {
    let ends = replicas.iter().filter_map(|replica| {
        Some((id(replica.replica_id.0)?, u64::try_from(replica.log_end_offset).unwrap_or(0)))
    });
    ends.collect()
}
