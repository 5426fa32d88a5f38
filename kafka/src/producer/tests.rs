//! The producer against a broker made of bytes, which fails where a real one does so too seldom: after it stored, before
//! it answered.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::Instant,
};

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, InitProducerIdResponse, MetadataResponse, ProduceRequest,
        ProduceResponse, RequestHeader, ResponseHeader,
        api_versions_response::ApiVersion,
        metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
    protocol::{Decodable, Encodable, StrBytes},
    records::RecordBatchDecoder,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::client::Options;

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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let standin =
            Arc::new(Self { port, faults: Mutex::new(faults.into_iter().collect()), ..Self::default() });
        let serving = standin.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(socket));
            }
        });
        standin
    }

    async fn serve(self: Arc<Self>, mut socket: TcpStream) {
        while let Ok(length) = socket.read_u32().await {
            let mut message = vec![0; length as usize];
            socket.read_exact(&mut message).await.unwrap();
            let mut message = Bytes::from(message);
            let (key, version) = ((&message[..2]).get_i16(), (&message[2..4]).get_i16());
            let key = ApiKey::try_from(key).unwrap();
            let header = RequestHeader::decode(&mut message, key.request_header_version(version)).unwrap();
            let mut answer = BytesMut::new();
            let head = ResponseHeader::default().with_correlation_id(header.correlation_id);
            head.encode(&mut answer, key.response_header_version(version)).unwrap();
            match key {
                ApiKey::ApiVersions => versions().encode(&mut answer, version).unwrap(),
                ApiKey::Metadata => self.metadata().encode(&mut answer, version).unwrap(),
                ApiKey::InitProducerId => {
                    InitProducerIdResponse::default()
                        .with_producer_id(7.into())
                        .encode(&mut answer, version)
                        .unwrap();
                }
                ApiKey::Produce => match self.produce(ProduceRequest::decode(&mut message, version).unwrap())
                {
                    Ok(response) => response.encode(&mut answer, version).unwrap(),
                    Err(Fault::Hang) => continue,
                    Err(_) => return,
                },
                other => panic!("{other:?}"),
            }
            socket.write_all(&crate::frame::seal(&answer).unwrap()).await.unwrap();
        }
    }

    fn metadata(&self) -> MetadataResponse {
        let broker = MetadataResponseBroker::default()
            .with_node_id(0.into())
            .with_host(StrBytes::from_static_str("127.0.0.1"))
            .with_port(self.port.into());
        let partitions = (0..2).map(|index| {
            MetadataResponsePartition::default().with_partition_index(index).with_leader_id(0.into())
        });
        let topic = MetadataResponseTopic::default()
            .with_name(Some(StrBytes::from_static_str("t").into()))
            .with_partitions(partitions.collect());
        MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic])
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

fn versions() -> ApiVersionsResponse {
    let served = [(ApiKey::Produce, 8), (ApiKey::Metadata, 7), (ApiKey::InitProducerId, 1)];
    let served =
        served.map(|(key, last)| ApiVersion::default().with_api_key(key as i16).with_max_version(last));
    ApiVersionsResponse::default().with_api_keys(served.to_vec())
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
