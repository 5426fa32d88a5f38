//! What became of partitions whose change was asked for again, since an answer was lost. D16: never told as not done where it
//! may be, nor as done where it was not.

use kafka_protocol::messages::{
    AlterPartitionReassignmentsResponse, BrokerId, ElectLeadersResponse,
    alter_partition_reassignments_response::{ReassignablePartitionResponse, ReassignableTopicResponse},
    elect_leaders_response::{PartitionResult, ReplicaElectionResult},
    list_partition_reassignments_response::{OngoingPartitionReassignment, OngoingTopicReassignment},
};

use super::*;
use crate::{client::Elected, reassign::Assignment, standin::Answer};

const SERVED: &[(ApiKey, i16)] = &[
    (ApiKey::Metadata, 7),
    (ApiKey::AlterPartitionReassignments, 0),
    (ApiKey::ListPartitionReassignments, 0),
    (ApiKey::ElectLeaders, 2),
];

fn partition(number: u32) -> TopicPartition {
    TopicPartition { topic: "t".parse().unwrap(), number }
}

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

/// The topic with these replicas of its partitions, and broker 1 leading each.
fn topic(name: &'static str, partitions: &[&[i32]]) -> MetadataResponseTopic {
    let partitions = (0..).zip(partitions).map(|(number, replicas)| {
        MetadataResponsePartition::default()
            .with_partition_index(number)
            .with_leader_id(1.into())
            .with_replica_nodes(ids(replicas))
    });
    MetadataResponseTopic::default()
        .with_name(Some(StrBytes::from_static_str(name).into()))
        .with_partitions(partitions.collect())
}

/// Each partition's error, 0 for none.
fn answers(errors: &[i16]) -> AlterPartitionReassignmentsResponse {
    let partitions = (0..).zip(errors).map(|(number, error)| {
        ReassignablePartitionResponse::default().with_partition_index(number).with_error_code(*error)
    });
    let topic = ReassignableTopicResponse::default()
        .with_name(StrBytes::from_static_str("t").into())
        .with_partitions(partitions.collect());
    AlterPartitionReassignmentsResponse::default().with_responses(vec![topic])
}

/// One partition on its way: its replicas, those to come and those to go.
fn moving(number: i32, [replicas, adding, removing]: [&[i32]; 3]) -> ListPartitionReassignmentsResponse {
    let partition = OngoingPartitionReassignment::default()
        .with_partition_index(number)
        .with_replicas(ids(replicas))
        .with_adding_replicas(ids(adding))
        .with_removing_replicas(ids(removing));
    let topic = OngoingTopicReassignment::default()
        .with_name(StrBytes::from_static_str("t").into())
        .with_partitions(vec![partition]);
    ListPartitionReassignmentsResponse::default().with_topics(vec![topic])
}

/// What a broker says to a change that it is asked for the n-th time.
type Said = fn(usize) -> Option<AlterPartitionReassignmentsResponse>;

/// Two brokers, of which the second is the controller: what it says to a change, what it knows to be on its way, and where
/// each of them knows the replicas to be.
async fn two(
    said: Said,
    on_its_way: impl Fn(usize) -> ListPartitionReassignmentsResponse + Clone + Send + Sync + 'static,
    lies: [&'static [&'static [i32]]; 2],
) -> Cluster {
    let ((first, port), (second, at)) = (standin::listener().await, standin::listener().await);
    let asked_for = Arc::new(AtomicUsize::new(0));
    for (listener, lies) in [first, second].into_iter().zip(lies) {
        let (asked_for, on_its_way) = (asked_for.clone(), on_its_way.clone());
        standin::serve(listener, SERVED, move |asked| match asked.key {
            ApiKey::Metadata => {
                let known = standin::metadata(&[port, at]).with_controller_id(1.into());
                asked.answer(&known.with_topics(vec![topic("t", lies)]))
            }
            ApiKey::ListPartitionReassignments => {
                asked.answer(&on_its_way(asked_for.load(Ordering::Relaxed)))
            }
            _ => said(asked_for.fetch_add(1, Ordering::Relaxed))
                .map_or(Answer::HangUp, |said| asked.answer(&said)),
        });
    }
    cluster(port)
}

/// A new controller refuses what the one before has begun, for example since that one's broker does not live.
#[tokio::test]
async fn what_was_begun_is_not_told_as_refused() {
    let before: Assignment = (0..4).map(|number| (partition(number), vec![1])).collect();
    let to: Assignment = (0..4).map(|number| (partition(number), vec![0])).collect();
    // The first is taken, the second on its way, the third there already, and the fourth does not exist.
    let refused: Said = |times| {
        let (dead, absent) =
            (ResponseError::InvalidReplicaAssignment.code(), ResponseError::UnknownTopicOrPartition.code());
        (times > 0).then(|| answers(&[0, dead, dead, absent]))
    };
    let way = |_| moving(1, [&[0, 1], &[0], &[1]]);
    // The broker asked first is behind.
    let behind: &[&[i32]] = &[&[1], &[1], &[1]];
    let began = async {
        let cluster = two(refused, way, [behind, &[&[0, 1], &[0, 1], &[0]]]).await;
        let outcome = cluster.reassign(&before, &to, None).await.unwrap();
        assert_eq!(outcome.started, (0..3).map(partition).collect());
        assert_eq!(outcome.refused.into_keys().collect::<Vec<_>>(), [partition(3)]);
    };
    // Of one that lies where it lay it is not known.
    let unknown = async {
        let cluster = two(refused, way, [behind, &[&[0], &[0, 1], &[1]]]).await;
        let error = cluster.reassign(&before, &to, None).await.unwrap_err();
        assert!(error.is_uncertain(), "{error}");
    };
    // Where no answer was lost, Kafka's word is all.
    let told = async {
        let cluster = two(
            |_| Some(answers(&[0, ResponseError::InvalidReplicaAssignment.code()])),
            way,
            [behind, &[&[0], &[0], &[1]]],
        )
        .await;
        let outcome = cluster.reassign(&before, &to, None).await.unwrap();
        assert_eq!(outcome.refused.into_keys().collect::<Vec<_>>(), [partition(1)]);
    };
    tokio::join!(began, unknown, told);
}

/// A partition that the controller left half way is asked for again, like a whole that it left so.
#[tokio::test]
async fn half_way_is_no_refusal() {
    const HALF_WAY: [ResponseError; 2] = [ResponseError::UnknownServerError, ResponseError::RequestTimedOut];
    let (from, to) = ([(partition(0), vec![1])].into(), [(partition(0), vec![0])].into());
    let lies: &[&[i32]] = &[&[1]];
    let said: Said = |times| Some(answers(&[HALF_WAY.get(times).map_or(0, ResponseError::code)]));
    let cluster = two(said, |_| ListPartitionReassignmentsResponse::default(), [lies, lies]).await;
    let outcome = cluster.reassign(&from, &to, None).await.unwrap();
    assert_eq!((outcome.started, outcome.refused.len()), ([partition(0)].into(), 0));
    // It was stopped all the same: it is not on its way when it is asked for again, and is where it was.
    let over: Said = |times| {
        let over = ResponseError::NoReassignmentInProgress.code();
        Some(answers(&[HALF_WAY.get(times).map_or(over, ResponseError::code)]))
    };
    let cluster = two(over, |_| moving(0, [&[0, 1], &[0], &[1]]), [lies, lies]).await;
    let outcome = cluster.cancel(None).await.unwrap();
    assert_eq!((outcome.started, outcome.refused.len()), ([partition(0)].into(), 0));
}

/// What only grows, or only shrinks, looks on its way like one of its ends, and a broker that is behind still sees it so.
#[tokio::test]
async fn how_a_way_ended_is_the_controllers_word() {
    let said: Said = |times| (times > 0).then(|| answers(&[ResponseError::NoReassignmentInProgress.code()]));
    let behind: &[&[i32]] = &[&[0, 1, 2]];
    let grows = two(said, |_| moving(0, [&[0, 1, 2], &[2], &[]]), [behind, &[&[0, 1]]]).await;
    assert_eq!(grows.cancel(None).await.unwrap().started, [partition(0)].into());
    let shrinks = two(said, |_| moving(0, [&[0, 1, 2], &[], &[2]]), [behind, &[&[0, 1]]]).await;
    assert_eq!(shrinks.cancel(None).await.unwrap(), Outcome::default());
}

/// A broker that is the controller once it was asked for the metadata `elected` times, and knows a topic more before it was
/// asked to elect.
async fn alone(elected: usize, said: fn(usize) -> Option<ElectLeadersResponse>) -> Cluster {
    let (only, port) = standin::listener().await;
    let (looked, asked_for) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    standin::serve(only, SERVED, move |asked| match asked.key {
        ApiKey::Metadata => {
            let is_elected = looked.fetch_add(1, Ordering::Relaxed) >= elected;
            let mut topics = vec![topic("t", &[&[0, 1]])];
            if asked_for.load(Ordering::Relaxed) == 0 {
                topics.push(topic("gone", &[&[0, 1]]));
            }
            let known = standin::metadata(&[port]).with_topics(topics);
            asked.answer(&known.with_controller_id(if is_elected { 0 } else { -1 }.into()))
        }
        _ => {
            said(asked_for.fetch_add(1, Ordering::Relaxed)).map_or(Answer::HangUp, |said| asked.answer(&said))
        }
    });
    cluster(port)
}

/// What needs no election when it is asked for is only ours where an election of ours may have been.
#[tokio::test]
async fn an_election_that_was_not_asked_for_is_not_ours() {
    let not_needed = |_| {
        let result = PartitionResult::default().with_error_code(ResponseError::ElectionNotNeeded.code());
        let topic = ReplicaElectionResult::default()
            .with_topic(StrBytes::from_static_str("t").into())
            .with_partition_result(vec![result]);
        Some(ElectLeadersResponse::default().with_replica_election_results(vec![topic]))
    };
    let only = [partition(0)].into();
    let elected = alone(1, not_needed).await.elect_preferred(Some(&only)).await.unwrap();
    assert_eq!(elected, [(partition(0), Elected::NotNeeded)].into());
    // Asked for all, Kafka leaves those out; and of what is deleted meanwhile, none was elected.
    let lost = |times| (times > 0).then(ElectLeadersResponse::default);
    let elected = alone(0, lost).await.elect_preferred(None).await.unwrap();
    assert_eq!(elected, [(partition(0), Elected::Done)].into());
}
