//! What is so, asked of each broker without the client under test.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::{
    messages::{
        ApiKey, BrokerId, DescribeConfigsRequest, DescribeConfigsResponse, DescribeLogDirsRequest,
        DescribeLogDirsResponse, ListGroupsRequest, ListGroupsResponse, ListPartitionReassignmentsRequest,
        ListPartitionReassignmentsResponse, MetadataResponse,
        describe_configs_request::DescribeConfigsResource,
    },
    protocol::StrBytes,
};

use super::{ask::SETTING, setup::LIMITED};
use crate::{cluster::Node, wire};

/// The cluster as all its running brokers agree that it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Truth {
    /// Topics and their partitions.
    pub(super) topics: BTreeMap<String, Vec<State>>,
    /// What [`SETTING`] and [`LIMITED`] are set to, where they are, of the topics asked for.
    pub(super) settings: BTreeMap<String, BTreeMap<String, String>>,
    /// What is on its way.
    pub(super) moving: Moving,
    /// Replicas, as broker:topic/partition=bytes.
    pub(super) sizes: BTreeSet<String>,
    /// Groups and who coordinates them.
    pub(super) groups: BTreeMap<String, u32>,
}

/// By topic/partition: replicas to come and to go, in the order of their ids.
pub(super) type Moving = BTreeMap<String, (Vec<i32>, Vec<i32>)>;

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) replicas: Vec<i32>,
    pub(super) leader: i32,
    pub(super) isr: Vec<i32>,
}

impl Truth {
    /// What these brokers say; `None` while they do not agree, or do not all know.
    pub(super) fn agreed(nodes: &[&Node], names: &[String]) -> Option<Self> {
        let mut all = nodes.iter().map(|node| one(node, names));
        let mut truth = all.next()??;
        for other in all {
            let other = other?;
            if (&other.topics, &other.settings) != (&truth.topics, &truth.settings) {
                return None;
            }
            truth.sizes.extend(other.sizes);
            truth.groups.extend(other.groups);
        }
        truth.moving = moving(nodes)?;
        Some(truth)
    }

    /// Each partition as topic/partition.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (String, &State)> {
        self.topics.iter().flat_map(|(topic, states)| {
            states.iter().enumerate().map(move |(number, state)| (format!("{topic}/{number}"), state))
        })
    }
}

/// What one broker says.
fn one(node: &Node, names: &[String]) -> Option<Truth> {
    let topics = topics(&wire::metadata(&node.internal).ok()?);
    let names: Vec<&String> = names.iter().filter(|name| topics.contains_key(*name)).collect();
    Some(Truth {
        settings: settings(node, &names)?,
        sizes: sizes(node)?,
        groups: groups(node)?,
        topics,
        ..Truth::default()
    })
}

/// Topics as a broker's metadata has them.
pub(super) fn topics(metadata: &MetadataResponse) -> BTreeMap<String, Vec<State>> {
    let topics = metadata.topics.iter().map(|topic| {
        let mut partitions: Vec<_> = topic.partitions.iter().collect();
        partitions.sort_by_key(|partition| partition.partition_index);
        let states = partitions.iter().map(|partition| {
            let (replicas, isr) = (ids(&partition.replica_nodes), sorted(&partition.isr_nodes));
            State { replicas, leader: partition.leader_id.0, isr }
        });
        (topic.name.as_ref().unwrap().to_string(), states.collect())
    });
    topics.collect()
}

fn ids(nodes: &[BrokerId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}

fn sorted(nodes: &[BrokerId]) -> Vec<i32> {
    let mut ids = ids(nodes);
    ids.sort_unstable();
    ids
}

fn settings(node: &Node, names: &[&String]) -> Option<BTreeMap<String, BTreeMap<String, String>>> {
    let keys = || [SETTING.0].into_iter().chain(LIMITED).map(StrBytes::from_static_str).collect();
    let resources = names.iter().map(|name| {
        DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(StrBytes::from_string((*name).clone()))
            .with_configuration_keys(Some(keys()))
    });
    let request = DescribeConfigsRequest::default().with_resources(resources.collect());
    let answer: DescribeConfigsResponse =
        wire::ask(&node.internal, ApiKey::DescribeConfigs, 1, &request).ok()?;
    let found = answer.results.iter().map(|result| {
        // 1: set for this topic.
        let own = result.configs.iter().filter(|config| config.config_source == 1);
        let set =
            own.filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())));
        (result.error_code == 0).then(|| (result.resource_name.to_string(), set.collect()))
    });
    found.collect()
}

fn sizes(node: &Node) -> Option<BTreeSet<String>> {
    let request = DescribeLogDirsRequest::default().with_topics(None);
    let answer: DescribeLogDirsResponse =
        wire::ask(&node.internal, ApiKey::DescribeLogDirs, 1, &request).ok()?;
    let dirs = answer.results.iter().flat_map(|dir| &dir.topics);
    let replicas = dirs.flat_map(|topic| {
        let name = |index, size| format!("{}:{}/{index}={size}", node.id, topic.name.as_str());
        topic.partitions.iter().map(move |one| name(one.partition_index, one.partition_size))
    });
    Some(replicas.collect())
}

fn groups(node: &Node) -> Option<BTreeMap<String, u32>> {
    let answer: ListGroupsResponse =
        wire::ask(&node.internal, ApiKey::ListGroups, 0, &ListGroupsRequest::default()).ok()?;
    let groups = answer.groups.iter().map(|group| (group.group_id.to_string(), node.id));
    (answer.error_code == 0).then(|| groups.collect())
}

/// As the controller has it.
fn moving(nodes: &[&Node]) -> Option<Moving> {
    let controller = wire::metadata(&nodes.first()?.internal).ok()?.controller_id.0;
    let controller = nodes.iter().find(|node| node.id.cast_signed() == controller)?;
    let request = ListPartitionReassignmentsRequest::default().with_topics(None).with_timeout_ms(5_000);
    let answer: ListPartitionReassignmentsResponse =
        wire::ask(&controller.internal, ApiKey::ListPartitionReassignments, 0, &request).ok()?;
    let moving = answer.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|one| {
            let name = format!("{}/{}", topic.name.as_str(), one.partition_index);
            (name, (sorted(&one.adding_replicas), sorted(&one.removing_replicas)))
        })
    });
    (answer.error_code == 0).then(|| moving.collect())
}
