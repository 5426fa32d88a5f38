//! What is there before the calls, made without the client under test.

use std::time::Duration;

use futures_util::future::join_all;
use kafka::{
    client::{At, Connection, Options},
    cluster::Cluster,
    topic::TopicName,
};
use kafka_protocol::{
    messages::{
        AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ApiKey, BrokerId,
        CreateTopicsRequest, CreateTopicsResponse, ElectLeadersRequest, ElectLeadersResponse,
        FindCoordinatorRequest, FindCoordinatorResponse, GroupId, IncrementalAlterConfigsRequest,
        IncrementalAlterConfigsResponse, OffsetCommitRequest, OffsetCommitResponse,
        alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
        create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig},
        elect_leaders_request::TopicPartitions,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    },
    protocol::StrBytes,
};

use super::{
    World,
    ask::{Ask, Before, COMMITTED, LIMIT, Place, RECORDS, SETTING},
    truth,
};
use crate::{
    cluster::{Kind, Node},
    harness::until,
    wire,
};

/// Records, and their size, of what is moved: each is fetched by itself, and with next to no rate one in some seconds.
const HEAVY: (u64, usize) = (10, 60_000);
/// By what their copying is limited.
pub(super) const LIMITED: [&str; 2] =
    ["leader.replication.throttled.replicas", "follower.replication.throttled.replicas"];
/// As our own client sets and knows them, so that it may set them again.
const RATES: [(&str, &str); 2] =
    [("leader.replication.throttled.rate", "2"), ("follower.replication.throttled.rate", "1")];
/// Kafka's numbers for what has settings.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where Kafka keeps groups, and in how many partitions.
const OFFSETS: (&str, i32) = ("__consumer_offsets", 3);

/// A call that is going to be made.
pub(super) struct Cell {
    pub(super) ask: &'static Ask,
    pub(super) place: Place,
    /// The client's id.
    pub(super) client: String,
    pub(super) cluster: Cluster,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn wire_name(name: &str) -> kafka_protocol::messages::TopicName {
    kafka_protocol::messages::TopicName(text(name))
}

fn nodes(brokers: &[u32]) -> Vec<BrokerId> {
    brokers.iter().map(|id| BrokerId(id.cast_signed())).collect()
}

impl World<'_> {
    /// A client and a topic for each of these calls, all of which ask `victim` first.
    pub(super) async fn prepare(
        &mut self,
        asks: &'static [Ask],
        victim: usize,
        limit: Duration,
    ) -> Vec<Cell> {
        let id = |after: usize| u32::try_from((victim + after) % 3).unwrap();
        let brokers = [id(0), id(1), id(2)];
        let mut bootstrap = self.bootstrap.clone();
        bootstrap.rotate_left(victim);
        self.batch += 1;
        let mut cells: Vec<Cell> = asks
            .iter()
            .map(|ask| {
                let client = format!("{}-{}", ask.name.replace(' ', "-"), self.batch);
                let name: TopicName = client.parse().unwrap();
                let cluster = Cluster::new(bootstrap.clone(), Options::new(client.clone(), limit));
                let place =
                    Place { name, brokers, group: String::new(), kraft: self.real.kind == Kind::KRaft };
                Cell { ask, place, client, cluster }
            })
            .collect();
        self.created(cells.iter().filter_map(topic).collect()).await;
        // Brokers with ZooKeeper hear of limits only when they are set on a topic that is there.
        for cell in cells.iter().filter(|cell| cell.ask.before == Before::Moving) {
            let all = LIMITED.map(|list| (list, Some("*")));
            set(&self.real.nodes[victim], (TOPIC, cell.place.name.as_str()), &all).await;
        }
        join_all(cells.iter().map(|cell| self.write(cell))).await;
        let moves = cells.iter().filter_map(|cell| {
            let [asked, second, last] = brokers;
            let replicas = match cell.ask.before {
                Before::Led => nodes(&[second, asked, last]),
                Before::Moving => nodes(&[asked, last]),
                _ => return None,
            };
            Some((cell.place.name.as_str(), replicas))
        });
        self.moved(&moves.collect::<Vec<_>>()).await;
        let read = cells.iter().filter(|cell| cell.ask.before == Before::Read);
        let read: Vec<String> = read.map(|cell| cell.place.name.to_string()).collect();
        if !read.is_empty() {
            let group = self.group(victim, &read).await;
            self.groups.push(group.clone());
            cells.iter_mut().for_each(|cell| cell.place.group.clone_from(&group));
        }
        cells
    }

    /// Asks the controller, once there is one.
    fn controller<Q, A>(&self, key: ApiKey, version: i16, request: &Q) -> Option<A>
    where
        Q: kafka_protocol::protocol::Encodable + kafka_protocol::protocol::HeaderVersion,
        A: kafka_protocol::protocol::Decodable + kafka_protocol::protocol::HeaderVersion,
    {
        let some = self.real.nodes.iter().find(|node| node.is_running())?;
        let known = wire::metadata(&some.internal).ok()?;
        let controller = self.real.nodes.get(usize::try_from(known.controller_id.0).ok()?)?;
        wire::ask(&controller.internal, key, version, request).ok()
    }

    pub(super) async fn created(&self, topics: Vec<CreatableTopic>) {
        let count = topics.len();
        let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(5_000);
        until("topics", async || {
            let answer: CreateTopicsResponse = self.controller(ApiKey::CreateTopics, 4, &request)?;
            let done = answer.topics.iter().filter(|topic| matches!(topic.error_code, 0 | 36)).count();
            (done == count).then_some(())
        })
        .await;
    }

    /// A topic with a partition on each broker and on no other: nobody leads that of a broker that is dead.
    pub(super) async fn lone(&self) {
        let each: Vec<Vec<BrokerId>> = self.real.nodes.iter().map(|node| nodes(&[node.id])).collect();
        self.created(vec![assigned("alone", &each)]).await;
    }

    /// Lets nothing be copied at any rate of use that is limited, or takes that back.
    pub(super) async fn limit(&self, limited: bool) {
        for node in &self.real.nodes {
            let rates = RATES.map(|(name, rate)| (name, limited.then_some(rate)));
            set(node, (BROKER, &node.id.to_string()), &rates).await;
        }
    }

    /// Partition 0 of each of these gets these replicas, sooner or later.
    async fn moved(&self, moves: &[(&str, Vec<BrokerId>)]) {
        let topics = moves.iter().map(|(name, replicas)| {
            let partition = ReassignablePartition::default().with_replicas(Some(replicas.clone()));
            ReassignableTopic::default().with_name(wire_name(name)).with_partitions(vec![partition])
        });
        let request = AlterPartitionReassignmentsRequest::default()
            .with_topics(topics.collect())
            .with_timeout_ms(5_000);
        until("partitions to be moved", async || {
            let answer: AlterPartitionReassignmentsResponse =
                self.controller(ApiKey::AlterPartitionReassignments, 0, &request)?;
            let mut errors = answer.responses.iter().flat_map(|topic| &topic.partitions);
            (answer.error_code == 0 && errors.all(|one| one.error_code == 0)).then_some(())
        })
        .await;
        // What is only put in another order is there at once, or soon.
        until("replicas to come or to go", async || {
            let known = truth::topics(&wire::metadata(&self.real.nodes[0].internal).ok()?);
            let done = |(name, replicas): &(&str, Vec<BrokerId>)| {
                let state = known.get(*name).and_then(|states| states.first());
                state.is_some_and(|state| replicas.iter().all(|id| state.replicas.contains(&id.0)))
            };
            let first =
                |(name, replicas): &(&str, Vec<BrokerId>)| known[*name][0].replicas[0] == replicas[0].0;
            moves.iter().all(|one| done(one) && first(one)).then_some(())
        })
        .await;
    }

    /// A group that this broker coordinates, which has read of partition 0 of these topics.
    async fn group(&self, broker: usize, topics: &[String]) -> String {
        let node = &self.real.nodes[broker];
        let all = TopicPartitions::default()
            .with_topic(wire_name(OFFSETS.0))
            .with_partitions((0..OFFSETS.1).collect());
        // Each leads one of them, then.
        let elect =
            ElectLeadersRequest::default().with_topic_partitions(Some(vec![all])).with_timeout_ms(5_000);
        until("a group at the broker", async || {
            let _: Option<ElectLeadersResponse> = self.controller(ApiKey::ElectLeaders, 1, &elect);
            let names = (0..20).map(|number| format!("group-{}-{number}", self.batch));
            let name = names.into_iter().find(|name| {
                let request = FindCoordinatorRequest::default().with_key(text(name));
                let found: Option<FindCoordinatorResponse> =
                    wire::ask(&node.internal, ApiKey::FindCoordinator, 2, &request).ok();
                found.is_some_and(|found| found.error_code == 0 && found.node_id.0 == node.id.cast_signed())
            })?;
            let topics = topics.iter().map(|topic| {
                let offset = i64::try_from(COMMITTED).unwrap();
                let partition = OffsetCommitRequestPartition::default()
                    .with_committed_offset(offset)
                    .with_committed_metadata(Some(text("")));
                OffsetCommitRequestTopic::default()
                    .with_name(wire_name(topic))
                    .with_partitions(vec![partition])
            });
            let request = OffsetCommitRequest::default()
                .with_group_id(GroupId(text(&name)))
                .with_generation_id_or_member_epoch(-1)
                .with_retention_time_ms(-1)
                .with_topics(topics.collect());
            let answer: OffsetCommitResponse =
                wire::ask(&node.internal, ApiKey::OffsetCommit, 2, &request).ok()?;
            let mut each = answer.topics.iter().flat_map(|topic| &topic.partitions);
            each.all(|one| one.error_code == 0).then_some(name)
        })
        .await
    }

    /// Writes to partition 0 what is to stand there.
    async fn write(&self, cell: &Cell) {
        let (count, size) = match cell.ask.before {
            Before::Records | Before::Read => (RECORDS, 1),
            Before::Moving => HEAVY,
            _ => return,
        };
        let name = &cell.place.name;
        let leader = &self.real.nodes[usize::try_from(cell.place.brokers[0]).unwrap()].internal;
        let mut written = 0;
        until("the records", async || {
            let mut connection = Connection::connect(leader, &Options::new("test", LIMIT)).await.ok()?;
            while written < count {
                connection.produce(name, 0, vec![b'x'; size].into(), 1).await.ok()?;
                written += 1;
            }
            // What its replicas do not have yet is not counted.
            let next = connection.list_offsets(name, &[0], At::End).await.ok()?.remove(&0)?.ok()??;
            (next == count).then_some(())
        })
        .await;
    }
}

/// Gives a topic or a broker these settings, or takes them away.
async fn set(node: &Node, (kind, name): (i8, &str), settings: &[(&str, Option<&str>)]) {
    let settings = settings.iter().map(|(name, value)| {
        AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(i8::from(value.is_none()))
            .with_value(value.map(text))
    });
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(settings.collect());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    until("settings", async || {
        let key = ApiKey::IncrementalAlterConfigs;
        let answer: IncrementalAlterConfigsResponse = wire::ask(&node.internal, key, 0, &request).ok()?;
        (answer.responses.first()?.error_code == 0).then_some(())
    })
    .await;
}

/// The topic of a call, if there is to be one.
fn topic(cell: &Cell) -> Option<CreatableTopic> {
    let [asked, second, last] = cell.place.brokers;
    let each = match cell.ask.before {
        Before::Nothing => return None,
        Before::Two | Before::Moving => [nodes(&[asked, second]), nodes(&[second, asked])],
        _ => [nodes(&[asked, second, last]), nodes(&[second, last, asked])],
    };
    let config =
        |(name, value)| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)));
    let configs = match cell.ask.before {
        Before::Set => vec![config(SETTING)],
        Before::Moving => LIMITED.map(|name| config((name, "*"))).to_vec(),
        _ => Vec::new(),
    };
    Some(assigned(cell.place.name.as_str(), &each).with_configs(configs))
}

/// A topic with its partitions there.
pub(super) fn assigned(name: &str, each: &[Vec<BrokerId>]) -> CreatableTopic {
    let assignments = (0..).zip(each).map(|(number, replicas)| {
        CreatableReplicaAssignment::default().with_partition_index(number).with_broker_ids(replicas.clone())
    });
    CreatableTopic::default()
        .with_name(wire_name(name))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_assignments(assignments.collect())
}
