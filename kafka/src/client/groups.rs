//! Consumer groups: which there are, who is in one, and how far it has come.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Buf;
use kafka_protocol::{
    ResponseError,
    messages::{
        ConsumerGroupDescribeRequest, ConsumerProtocolAssignment, DescribeGroupsRequest,
        FindCoordinatorRequest, GroupId, ListGroupsRequest, OffsetFetchRequest,
    },
    protocol::StrBytes,
};

use super::{Connection, Error, call::Call, reassignments::named};
use crate::{decode::decode, error::KafkaError, registration::address, topic::TopicPartition};

/// The state of a group that is not there.
pub(crate) const DEAD: &str = "Dead";
/// The kind of members that are consumers.
const CONSUMERS: &str = "consumer";

/// A group as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `consumer` for consumers, empty for a group that only has offsets.
    pub protocol: String,
    /// For example `Stable`; told since Kafka 2.6.
    pub state: Option<String>,
    /// `Classic` or `Consumer` (KIP-848); told since Kafka 3.8.
    pub kind: Option<String>,
}

/// A group as its coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty` or `Dead`; one that does not exist is dead. Where the
    /// coordinator assigns partitions (KIP-848) also `Assigning` and `Reconciling`.
    pub state: String,
    /// The kind of members, `consumer` for consumers.
    pub protocol: String,
    /// How partitions are assigned, such as `range`.
    pub assignor: String,
    /// Those that are in it now.
    pub members: Vec<Member>,
}

/// Somebody in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The coordinator's name for it.
    pub id: String,
    /// Its own name, if it is a static member.
    pub instance: Option<String>,
    /// What its client calls itself.
    pub client: String,
    /// Where from.
    pub host: String,
    /// Partitions it reads.
    pub assigned: BTreeSet<TopicPartition>,
}

impl Connection {
    /// The groups that this broker coordinates.
    ///
    /// # Errors
    /// No answer of use, or the broker's refusal.
    pub async fn groups(&mut self) -> Result<BTreeMap<String, Listed>, Error> {
        let response = self.call(|_| ListGroupsRequest::default()).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, None) {
            return Err(self.refused(ListGroupsRequest::NAME, error));
        }
        let told = |text: &StrBytes| Some(text.to_string()).filter(|text| !text.is_empty());
        let groups = response.groups.iter().map(|group| {
            let listed = Listed {
                protocol: group.protocol_type.to_string(),
                state: told(&group.group_state),
                kind: told(&group.group_type),
            };
            (group.group_id.to_string(), listed)
        });
        Ok(groups.collect())
    }

    /// The broker that coordinates `group`, `host:port`.
    ///
    /// # Errors
    /// No answer of use, or Kafka's refusal: while a coordinator is looked for, `COORDINATOR_NOT_AVAILABLE`.
    pub async fn coordinator(&mut self, group: &str) -> Result<String, Error> {
        let request = FindCoordinatorRequest::default().with_key(StrBytes::from_string(group.to_owned()));
        let response = self.call(|_| request).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, response.error_message.as_ref()) {
            return Err(self.refused(FindCoordinatorRequest::NAME, error));
        }
        let port = u16::try_from(response.port);
        port.map(|port| address(&response.host, port))
            .map_err(|source| self.codec(FindCoordinatorRequest::NAME, 0, source))
    }

    /// Who is in `group`, of whichever protocol it is. The broker must be its coordinator.
    ///
    /// # Errors
    /// No answer of use, or Kafka's refusal.
    pub async fn group(&mut self, group: &str) -> Result<Group, Error> {
        let found = self.classic_group(group).await?;
        // So is a group called that is not of the classic protocol.
        if found.state == DEAD && self.versions.contains_key(&ConsumerGroupDescribeRequest::KEY) {
            return Ok(self.consumer_group(group).await?.unwrap_or(found));
        }
        Ok(found)
    }

    /// A group whose coordinator assigns its partitions (KIP-848), `None` where there is none of that name.
    async fn consumer_group(&mut self, group: &str) -> Result<Option<Group>, Error> {
        let call = ConsumerGroupDescribeRequest::NAME;
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
        let response = self.call(|_| request).await?;
        let Some(found) = response.groups.first() else {
            return Err(self.codec(call, 0, "the answer names no group"));
        };
        match KafkaError::from_code(found.error_code, found.error_message.as_ref()) {
            // The other: brokers that know the call and were not told to serve it.
            Some(error)
                if error.is(ResponseError::GroupIdNotFound)
                    || error.is(ResponseError::UnsupportedVersion) =>
            {
                return Ok(None);
            }
            Some(error) => return Err(self.refused(call, error)),
            None => {}
        }
        let members = found.members.iter().map(|member| Member {
            id: member.member_id.to_string(),
            instance: member.instance_id.as_ref().map(ToString::to_string),
            client: member.client_id.to_string(),
            host: member.client_host.trim_start_matches('/').to_owned(),
            assigned: (member.assignment.topic_partitions.iter())
                .flat_map(|topic| {
                    topic.partitions.iter().filter_map(|number| named(&topic.topic_name.0, *number))
                })
                .collect(),
        });
        Ok(Some(Group {
            state: found.group_state.to_string(),
            protocol: CONSUMERS.to_owned(),
            assignor: found.assignor_name.to_string(),
            members: members.collect(),
        }))
    }

    async fn classic_group(&mut self, group: &str) -> Result<Group, Error> {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
        let response = self.call(|_| request).await?;
        let Some(found) = response.groups.first() else {
            return Err(self.codec(DescribeGroupsRequest::NAME, 0, "the answer names no group"));
        };
        if let Some(error) = KafkaError::from_code(found.error_code, None) {
            return Err(self.refused(DescribeGroupsRequest::NAME, error));
        }
        let members = found.members.iter().map(|member| Member {
            id: member.member_id.to_string(),
            instance: member.group_instance_id.as_ref().map(ToString::to_string),
            client: member.client_id.to_string(),
            host: member.client_host.trim_start_matches('/').to_owned(),
            assigned: assigned(&member.member_assignment),
        });
        Ok(Group {
            state: found.group_state.to_string(),
            protocol: found.protocol_type.to_string(),
            assignor: found.protocol_data.to_string(),
            members: members.collect(),
        })
    }

    /// The next offset `group` reads of each partition it has committed. The broker must be its coordinator.
    ///
    /// # Errors
    /// No answer of use, or Kafka's refusal; a partition's own error is in its entry.
    pub async fn committed(
        &mut self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, Result<u64, KafkaError>>, Error> {
        let request = OffsetFetchRequest::default().with_group_id(group_id(group)).with_topics(None);
        let response = self.call(|_| request).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, None) {
            return Err(self.refused(OffsetFetchRequest::NAME, error));
        }
        let offsets = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().filter_map(|partition| {
                let offset = match KafkaError::from_code(partition.error_code, None) {
                    Some(error) => Err(error),
                    // −1: nothing is committed.
                    None => Ok(u64::try_from(partition.committed_offset).ok()?),
                };
                Some((named(&topic.name.0, partition.partition_index)?, offset))
            })
        });
        Ok(offsets.collect())
    }
}

/// What a consumer was given. Members of other kinds write what they like, which is nothing to us.
fn assigned(bytes: &bytes::Bytes) -> BTreeSet<TopicPartition> {
    let mut bytes = bytes.clone();
    let Ok(version) = bytes.try_get_i16() else { return BTreeSet::new() };
    // Later versions only add fields at the end.
    let Ok(assignment) = decode::<ConsumerProtocolAssignment>(&bytes, version.clamp(0, 3)) else {
        return BTreeSet::new();
    };
    let partitions = assignment.assigned_partitions.iter();
    partitions
        .flat_map(|topic| topic.partitions.iter().filter_map(|number| named(&topic.topic.0, *number)))
        .collect()
}

fn group_id(name: &str) -> GroupId {
    GroupId(StrBytes::from_string(name.to_owned()))
}
