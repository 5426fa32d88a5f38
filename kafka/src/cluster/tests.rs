//! Clusters whose brokers do not all know the same.

use std::sync::{
    Mutex,
    atomic::{AtomicI32, AtomicUsize, Ordering},
};

use kafka_protocol::{
    ResponseError,
    messages::{
        ApiKey, CreateTopicsRequest, CreateTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ListOffsetsResponse,
        ListPartitionReassignmentsResponse, MetadataResponse,
        create_topics_response::CreatableTopicResult,
        describe_configs_response::DescribeConfigsResult,
        incremental_alter_configs_response::AlterConfigsResourceResponse,
        list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
        metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
    },
    protocol::StrBytes,
};

mod group;
mod lost;

use super::*;
use crate::{
    client::{At, Change, Resource},
    report::Report,
    standin,
    topic::{NewTopic, TopicPartition},
};

const SERVED: &[(ApiKey, i16)] = &[(ApiKey::Metadata, 7), (ApiKey::CreateTopics, 4)];
/// Nobody listens there.
const NOBODY: u16 = 1;

fn cluster(port: u16) -> Cluster {
    Cluster::new([format!("127.0.0.1:{port}")], Options::new("test", Duration::from_secs(5)))
}

/// Brokers on these ports, the controller among them, and no topic called `t`.
fn without(ports: &[u16], controller: i32) -> MetadataResponse {
    let topic = MetadataResponseTopic::default()
        .with_name(Some(StrBytes::from_static_str("t").into()))
        .with_error_code(ResponseError::UnknownTopicOrPartition.code());
    standin::metadata(ports).with_controller_id(controller.into()).with_topics(vec![topic])
}

/// D41: the brokers that live are those that the controller has, whoever was asked first.
#[tokio::test]
async fn a_default_is_counted_by_the_controller() {
    let (first, port) = standin::listener().await;
    let (controller, at) = standin::listener().await;
    let live = |ports: Vec<u16>| standin::metadata(&ports).with_controller_id(1.into());
    standin::serve(first, SERVED, move |asked| asked.answer(&live(vec![port, at])));
    let wanted = Arc::new(Mutex::new(Vec::new()));
    let seen = wanted.clone();
    standin::serve(controller, SERVED, move |asked| match asked.key {
        ApiKey::Metadata => asked.answer(&live(vec![port, at, NOBODY])),
        _ => {
            let request: CreateTopicsRequest = asked.read();
            seen.lock().unwrap().push(request.topics[0].replication_factor);
            let created = CreatableTopicResult::default().with_name(request.topics[0].name.clone());
            asked.answer(&CreateTopicsResponse::default().with_topics(vec![created]))
        }
    });
    let created = cluster(port).create_topic(&NewTopic::new("t".parse().unwrap())).await.unwrap();
    assert_eq!((created.replication, &*wanted.lock().unwrap()), (3, &vec![3]));
    // What is asked for is passed on as it is.
    let asked = NewTopic { replication: Some(2), ..NewTopic::new("u".parse().unwrap()) };
    assert_eq!(cluster(port).create_topic(&asked).await.unwrap().replication, 2);
}

/// S-104, D16: a creation whose answer was lost may have happened, whatever is said later of whom there is to ask.
#[tokio::test]
async fn a_lost_answer_is_remembered() {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    let (only, port) = standin::listener().await;
    standin::serve(only, SERVED, move |asked| {
        let sent = SENT.load(Ordering::Relaxed) > 0;
        if asked.key == ApiKey::CreateTopics {
            SENT.fetch_add(1, Ordering::Relaxed);
            return standin::Answer::HangUp;
        }
        asked.answer(&without(&[port], if sent { -1 } else { 0 }))
    });
    let topic = NewTopic { replication: Some(1), ..NewTopic::new("t".parse().unwrap()) };
    let error = cluster(port).create_topic(&topic).await.unwrap_err();
    assert_eq!(SENT.load(Ordering::Relaxed), 1);
    assert!(matches!(&error, CreateTopicError::Create(error) if error.is_uncertain()), "{error}");
}

/// D48: of a topic that is there nobody is told that it was created, whatever questions before were not answered.
#[tokio::test]
async fn a_lost_question_creates_nothing() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let (only, port) = standin::listener().await;
    standin::serve(only, SERVED, move |asked| {
        if ASKED.fetch_add(1, Ordering::Relaxed) == 0 {
            return standin::Answer::HangUp;
        }
        let mut known = without(&[port], 0);
        known.topics[0].error_code = 0;
        known.topics[0].partitions =
            vec![MetadataResponsePartition::default().with_replica_nodes(vec![0.into()])];
        asked.answer(&known)
    });
    let error = cluster(port).create_topic(&NewTopic::new("t".parse().unwrap())).await.unwrap_err();
    assert_eq!(error.to_string(), "topic \"t\" already exists");
}

/// S-110: a topic from before 0.10, whose name could be longer, does not hide the others.
#[tokio::test]
async fn a_topic_of_old_is_one_of_all() {
    const OLD: &[(ApiKey, i16)] = &[(ApiKey::Metadata, 7), (ApiKey::ListPartitionReassignments, 0)];
    let (only, port) = standin::listener().await;
    let name = "x".repeat(255);
    let reported = name.clone();
    standin::serve(only, OLD, move |asked| match asked.key {
        ApiKey::Metadata => {
            let mut known = without(&[port, NOBODY], 0);
            known.topics[0].name = Some(StrBytes::from_string(name.clone()).into());
            known.topics[0].error_code = 0;
            known.topics[0].partitions = vec![
                MetadataResponsePartition::default()
                    .with_replica_nodes(vec![0.into(), 1.into()])
                    .with_isr_nodes(vec![0.into()]),
            ];
            asked.answer(&known)
        }
        _ => asked.answer(&ListPartitionReassignmentsResponse::default()),
    });
    let lines = cluster(port).report(Report::UnderReplicated).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.id.topic.as_str()).collect::<Vec<_>>(), [reported]);
}

/// D16: that there is no topic to be set is the controller's word, too.
#[tokio::test]
async fn the_controller_sets_what_one_does_not_know() {
    const SERVED: &[(ApiKey, i16)] = &[(ApiKey::Metadata, 7), (ApiKey::IncrementalAlterConfigs, 0)];
    let (first, port) = standin::listener().await;
    let (controller, at) = standin::listener().await;
    for (listener, error) in [(first, ResponseError::UnknownTopicOrPartition.code()), (controller, 0)] {
        standin::serve(listener, SERVED, move |asked| match asked.key {
            ApiKey::Metadata => asked.answer(&without(&[port, at], 1)),
            _ => {
                let request: IncrementalAlterConfigsRequest = asked.read();
                let result = AlterConfigsResourceResponse::default()
                    .with_error_code(error)
                    .with_resource_type(request.resources[0].resource_type)
                    .with_resource_name(request.resources[0].resource_name.clone());
                asked.answer(&IncrementalAlterConfigsResponse::default().with_responses(vec![result]))
            }
        });
    }
    let topic = Resource::Topic("t".parse().unwrap());
    cluster(port).alter_settings(&topic, &Change::default(), false).await.unwrap();
}

/// S-103, D16: what one broker has not heard of is not known to be absent while the controller does not tell.
#[tokio::test]
async fn not_known_is_not_absent() {
    let name: TopicName = "t".parse().unwrap();
    for controller in [1, -1] {
        let (first, port) = standin::listener().await;
        standin::serve(first, SERVED, move |asked| asked.answer(&without(&[port, NOBODY], controller)));
        let error = cluster(port).metadata_of(&name).await.unwrap_err();
        let expected = match controller {
            1 => "127.0.0.1:1 can't be reached",
            _ => "Kafka has no controller at the moment; try again in a few seconds",
        };
        assert_eq!(error.to_string(), expected);
    }
    // Its own word is enough.
    let (first, port) = standin::listener().await;
    let (controller, at) = standin::listener().await;
    standin::serve(first, SERVED, move |asked| asked.answer(&without(&[port, at], 1)));
    standin::serve(controller, SERVED, move |asked| asked.answer(&without(&[port, at], 1)));
    assert!(!cluster(port).metadata_of(&name).await.unwrap().topics["t"].exists());
}

/// D16: settings and placements of a topic, too, are told once the controller knows it.
#[tokio::test]
async fn the_controller_is_asked_for_what_one_does_not_know() {
    const SERVED: &[(ApiKey, i16)] =
        &[(ApiKey::Metadata, 7), (ApiKey::DescribeConfigs, 2), (ApiKey::ListPartitionReassignments, 0)];
    let (first, port) = standin::listener().await;
    let (controller, at) = standin::listener().await;
    let configs = |asked: &standin::Asked, error: i16| {
        let request: DescribeConfigsRequest = asked.read();
        let result = DescribeConfigsResult::default()
            .with_error_code(error)
            .with_resource_type(request.resources[0].resource_type)
            .with_resource_name(request.resources[0].resource_name.clone());
        asked.answer(&DescribeConfigsResponse::default().with_results(vec![result]))
    };
    standin::serve(first, SERVED, move |asked| match asked.key {
        ApiKey::Metadata => asked.answer(&without(&[port, at], 1)),
        _ => configs(&asked, ResponseError::UnknownTopicOrPartition.code()),
    });
    standin::serve(controller, SERVED, move |asked| match asked.key {
        ApiKey::Metadata => {
            let mut known = without(&[port, at], 1);
            known.topics[0].error_code = 0;
            known.topics[0].partitions =
                vec![MetadataResponsePartition::default().with_replica_nodes(vec![0.into(), 1.into()])];
            asked.answer(&known)
        }
        ApiKey::DescribeConfigs => configs(&asked, 0),
        _ => asked.answer(&ListPartitionReassignmentsResponse::default()),
    });
    let (cluster, name) = (cluster(port), "t".parse::<TopicName>().unwrap());
    cluster.settings(&Resource::Topic(name.clone()), None).await.unwrap();
    let placed = cluster.assignment(&[name.clone()].into()).await.unwrap();
    assert_eq!(placed, [(TopicPartition { topic: name, number: 0 }, vec![0, 1])].into());
}

/// S-105: the leader that the metadata names is the one whose word counts, whoever was asked meanwhile since it led before;
/// and one that hangs since keeps nobody waiting.
#[tokio::test]
async fn a_leader_of_before_is_a_guess_and_no_more() {
    const SERVED: &[(ApiKey, i16)] = &[(ApiKey::Metadata, 7), (ApiKey::ListOffsets, 1)];
    static LEADER: AtomicI32 = AtomicI32::new(0);
    static ASKED: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let ((first, one), (second, other)) = (standin::listener().await, standin::listener().await);
    for (id, listener) in [(0, first), (1, second)] {
        standin::serve(listener, SERVED, move |asked| {
            let (leader, index) = (LEADER.load(Ordering::Relaxed), usize::try_from(id).unwrap());
            if asked.key == ApiKey::Metadata {
                let mut known = without(&[one, other], 1);
                known.topics[0].error_code = 0;
                known.topics[0].partitions =
                    vec![MetadataResponsePartition::default().with_leader_id(leader.into())];
                return asked.answer(&known);
            }
            ASKED[index].fetch_add(1, Ordering::Relaxed);
            if id != leader {
                return standin::Answer::Silence;
            }
            let partition = ListOffsetsPartitionResponse::default().with_offset(10 + i64::from(id));
            let topic = ListOffsetsTopicResponse::default().with_partitions(vec![partition]);
            asked.answer(&ListOffsetsResponse::default().with_topics(vec![topic]))
        });
    }
    let (cluster, name) = (cluster(one), "t".parse::<TopicName>().unwrap());
    let end = async || cluster.offsets(&name, At::End).await.unwrap()[&0].unwrap();
    assert_eq!((end().await, end().await), (10, 10));
    assert_eq!(ASKED[0].load(Ordering::Relaxed), 2, "once each");
    LEADER.store(1, Ordering::Relaxed);
    let now = tokio::time::timeout(cluster.limit(), end()).await.expect("the guess is not waited for");
    assert_eq!((now, end().await), (11, 11));
    assert_eq!(ASKED[1].load(Ordering::Relaxed), 2, "once each");
}
