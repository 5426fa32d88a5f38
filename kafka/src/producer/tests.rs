//! The producer against a broker made of bytes, which fails where a real one does so too seldom: after it stored, before
//! it answered.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::Instant,
};

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ApiKey, InitProducerIdResponse, MetadataResponse, ProduceRequest, ProduceResponse,
        metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
    protocol::StrBytes,
    records::RecordBatchDecoder,
};

use super::*;
use crate::{
    client::Options,
    standin::{self, Answer},
};

const SERVED: &[(ApiKey, i16)] = &[(ApiKey::Produce, 8), (ApiKey::Metadata, 7), (ApiKey::InitProducerId, 1)];

/// What a broker does with a Produce request instead of storing and answering it.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing is stored.
    Refuse(ResponseError),
    /// It is stored.
    StoreAndRefuse(ResponseError),
    StoreAndHangUp,
    HangUp,
    /// It is stored, and nobody hears of it.
    Hang,
}

#[derive(Default)]
struct Standin {
    port: u16,
    /// One for each Produce request to come, in turn; then there are none.
    faults: Mutex<VecDeque<Option<Fault>>>,
    /// Records of each partition, by the producer's sequence.
    logs: Mutex<BTreeMap<i32, i32>>,
}

impl Standin {
    async fn start(faults: impl IntoIterator<Item = Option<Fault>>) -> Arc<Self> {
        let (listener, port) = standin::listener().await;
        let standin =
            Arc::new(Self { port, faults: Mutex::new(faults.into_iter().collect()), ..Self::default() });
        let serving = standin.clone();
        standin::serve(listener, SERVED, move |asked| match asked.key {
            ApiKey::Metadata => asked.answer(&serving.metadata()),
            ApiKey::InitProducerId => {
                asked.answer(&InitProducerIdResponse::default().with_producer_id(7.into()))
            }
            ApiKey::Produce => match serving.produce(asked.read()) {
                Ok(response) => asked.answer(&response),
                Err(Fault::Hang) => Answer::Silence,
                Err(_) => Answer::HangUp,
            },
            other => panic!("{other:?}"),
        });
        standin
    }

    fn metadata(&self) -> MetadataResponse {
        standin::metadata(&[self.port]).with_topics(vec![led()])
    }

    fn produce(&self, request: ProduceRequest) -> Result<ProduceResponse, Fault> {
        assert_eq!((request.acks, request.topic_data.len()), (-1, 1));
        let data = &request.topic_data[0].partition_data[0];
        let fault = self.faults.lock().unwrap().pop_front().flatten();
        let error = match fault {
            Some(Fault::Refuse(error)) => error.code(),
            Some(Fault::HangUp) => return Err(Fault::HangUp),
            _ => {
                let stored = self.store(data.index, &mut data.records.clone().unwrap());
                match fault {
                    Some(fault @ (Fault::StoreAndHangUp | Fault::Hang)) => return Err(fault),
                    Some(Fault::StoreAndRefuse(error)) => error.code(),
                    _ => stored,
                }
            }
        };
        let partition = PartitionProduceResponse::default().with_index(data.index).with_error_code(error);
        let topic = TopicProduceResponse::default()
            .with_name(request.topic_data[0].name.clone())
            .with_partition_responses(vec![partition]);
        Ok(ProduceResponse::default().with_responses(vec![topic]))
    }

    /// As a broker does: the next sequence is taken, what is there is there, what is beyond is refused.
    fn store(&self, partition: i32, records: &mut Bytes) -> i16 {
        let batch = RecordBatchDecoder::decode(records).unwrap();
        assert!(batch.records.iter().all(|record| record.producer_id == 7));
        let (first, count) = (batch.records[0].sequence, i32::try_from(batch.records.len()).unwrap());
        let mut logs = self.logs.lock().unwrap();
        let next = logs.entry(partition).or_default();
        if first == *next {
            *next += count;
            return 0;
        }
        if first + count <= *next { 0 } else { ResponseError::OutOfOrderSequenceNumber.code() }
    }

    fn stored(&self) -> u64 {
        self.logs.lock().unwrap().values().map(|count| u64::from(count.unsigned_abs())).sum()
    }
}

/// The topic, with two partitions that broker 0 leads.
fn led() -> MetadataResponseTopic {
    let partitions = (0..2).map(|index| {
        MetadataResponsePartition::default().with_partition_index(index).with_leader_id(0.into())
    });
    MetadataResponseTopic::default()
        .with_name(Some(StrBytes::from_static_str("t").into()))
        .with_partitions(partitions.collect())
}

fn clock() -> Clock {
    let start = Instant::now();
    Clock { now: Arc::new(move || start.elapsed()), epoch: 1_764_104_090_500 }
}

async fn run(standin: &Standin, messages: u64) -> (Progress, End) {
    let address = format!("127.0.0.1:{}", standin.port);
    let cluster = Cluster::new([address], Options::new("test", Duration::from_millis(500)));
    let producer = Producer::prepare(cluster, "t".parse().unwrap(), clock()).await.unwrap();
    let share = Budget::new(20_000).share();
    producer.run(messages, &share, std::future::pending(), |_| {}).await
}

/// Each fault that passes, early and late among requests that go well: all is stored once, and counted once.
#[tokio::test]
async fn what_fails_and_passes_is_sent_again() {
    use Fault::{Hang, HangUp, Refuse, StoreAndHangUp, StoreAndRefuse};
    use ResponseError::{NotEnoughReplicas, NotEnoughReplicasAfterAppend, NotLeaderOrFollower};
    for fault in [
        Refuse(NotLeaderOrFollower),
        Refuse(NotEnoughReplicas),
        StoreAndRefuse(NotEnoughReplicasAfterAppend),
        StoreAndHangUp,
        HangUp,
        Hang,
    ] {
        let standin = Standin::start([None, Some(fault), None, Some(fault), None, None, Some(fault)]).await;
        let (progress, end) = run(&standin, 2_000).await;
        assert_eq!(end, End::Completed, "{fault:?}");
        assert_eq!((progress.figures.records(), standin.stored()), (2_000, 2_000), "{fault:?}");
        assert!(progress.retries >= 3, "{fault:?}: {}", progress.retries);
    }
}

/// What no repeating helps ends it, with Kafka's own word, and is not counted.
#[tokio::test]
async fn a_refusal_ends_it() {
    let refusal = Fault::Refuse(ResponseError::TopicAuthorizationFailed);
    let standin = Standin::start([None, None, Some(refusal)]).await;
    let (progress, end) = run(&standin, 100_000).await;
    let End::Failed { reason, refused: true, unanswered } = end else { panic!("{end:?}") };
    assert!(reason.contains("TOPIC_AUTHORIZATION_FAILED"), "{reason}");
    let sent = progress.figures.records();
    assert!(
        sent > 0 && unanswered > 0 && sent + unanswered <= 2_000,
        "{sent} sent, {unanswered} not answered"
    );
}

/// S-108: progress is told on the way, and windows add up to all but the last of it.
#[tokio::test]
async fn progress_is_told() {
    let standin = Standin::start([]).await;
    let address = format!("127.0.0.1:{}", standin.port);
    let cluster = Cluster::new([address], Options::new("test", Duration::from_secs(5)));
    let producer = Producer::prepare(cluster, "t".parse().unwrap(), clock()).await.unwrap();
    let share = Budget::new(10_000).share();
    let mut told = Vec::new();
    let (progress, _) =
        producer.run(25_000, &share, std::future::pending(), |seen| told.push(seen.clone())).await;
    assert!(!told.is_empty());
    let windows: u64 = told.iter().map(|seen| seen.window.records()).sum();
    assert_eq!(windows, told.last().unwrap().figures.records());
    assert!(
        progress.elapsed >= Duration::from_millis(2_400),
        "never faster than the rate: {:?}",
        progress.elapsed
    );
}

/// A test of a topic just created begins although the broker asked first does not know it: the controller does.
#[tokio::test]
async fn the_controller_knows_of_a_new_topic() {
    let (uninformed, port) = standin::listener().await;
    let standin = Standin::start([]).await;
    let ports = [standin.port, port];
    standin::serve(uninformed, SERVED, move |asked| {
        if asked.key == ApiKey::InitProducerId {
            return asked.answer(&InitProducerIdResponse::default().with_producer_id(7.into()));
        }
        let unknown = led().with_error_code(ResponseError::UnknownTopicOrPartition.code());
        let unknown = unknown.with_partitions(Vec::new());
        asked.answer(&standin::metadata(&ports).with_controller_id(0.into()).with_topics(vec![unknown]))
    });
    // Only its neighbour is known at first.
    let cluster = Cluster::new([format!("127.0.0.1:{port}")], Options::new("test", Duration::from_secs(5)));
    let producer = Producer::prepare(cluster, "t".parse().unwrap(), clock()).await.unwrap();
    assert_eq!(producer.leaders, BTreeMap::from([(0, Some(0)), (1, Some(0))]));
}
