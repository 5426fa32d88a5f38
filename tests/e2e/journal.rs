//! An independent producer that writes down what Kafka acknowledged, and the reader that holds Kafka to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
    types::RDKafkaErrorCode,
};

/// Keys in use: records of one key stay in one partition, so their order must hold.
const KEYS: u64 = 12;
/// One record each.
const PACE: Duration = Duration::from_millis(4);
/// So many records may wait for their acknowledgement; the producer waits while they do.
const OPEN: usize = 20_000;

/// What became of the records.
#[derive(Debug, Default)]
struct Book {
    /// Acknowledged: the sequence numbers of each key.
    acknowledged: BTreeMap<u64, BTreeSet<u64>>,
    count: usize,
    /// Errors that librdkafka gave up with.
    failed: Vec<String>,
    open: usize,
}

#[derive(Clone, Debug, Default)]
struct Context(Arc<Mutex<Book>>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<(u64, u64)>;

    fn delivery(&self, result: &DeliveryResult<'_>, record: Self::DeliveryOpaque) {
        let mut book = self.0.lock().unwrap();
        book.open -= 1;
        let (key, sequence) = *record;
        match result {
            Ok(_) => {
                assert!(
                    book.acknowledged.entry(key).or_default().insert(sequence),
                    "acknowledged twice: {record:?}"
                );
                book.count += 1;
            }
            Err((error, _)) => book.failed.push(format!("{record:?}: {error}")),
        }
    }
}

/// One idempotent producer, from its start to its end.
pub(crate) struct Journal {
    book: Context,
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Journal {
    /// Starts producing to a topic, which may not exist yet.
    pub(crate) fn start(servers: &str, topic: &str) -> Self {
        let book = Context::default();
        let producer: ThreadedProducer<Context> = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Longer than anything that happens in a test: a record must not be given up because a broker is away.
            .set("message.timeout.ms", "600000")
            .set("topic.metadata.propagation.max.ms", "600000")
            .set("topic.metadata.refresh.interval.ms", "2000")
            .set("reconnect.backoff.max.ms", "1000")
            .set("linger.ms", "5")
            .create_with_context(book.clone())
            .unwrap();
        let (stop, stopped) = mpsc::channel();
        let (topic, own) = (topic.to_owned(), book.clone());
        let thread = std::thread::spawn(move || {
            let mut number = 0_u64;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PACE) {
                let mut book = own.0.lock().unwrap();
                if book.open >= OPEN {
                    continue;
                }
                book.open += 1;
                drop(book);
                let (key, sequence) = (number % KEYS, number / KEYS);
                let (name, value) = (format!("key-{key}"), sequence.to_string());
                let record =
                    BaseRecord::with_opaque_to(&topic, Box::new((key, sequence))).key(&name).payload(&value);
                producer.send(record).map_err(|(error, _)| error).unwrap();
                number += 1;
            }
            producer.flush(Duration::from_secs(120)).unwrap();
        });
        Self { book, stop, thread }
    }

    /// How many records are acknowledged by now.
    pub(crate) fn acknowledged(&self) -> usize {
        self.book.0.lock().unwrap().count
    }

    /// Waits until `more` further records are acknowledged: the cluster serves this producer.
    pub(crate) async fn goes_on(&self, more: usize) {
        let goal = self.acknowledged() + more;
        crate::eventually::eventually("records are acknowledged", Duration::from_secs(120), async || {
            let book = self.book.0.lock().unwrap();
            assert!(book.failed.is_empty(), "given up: {:?}", book.failed);
            if book.count >= goal { Ok(()) } else { Err((book.count, goal)) }
        })
        .await;
    }

    /// Ends the producer; every record it sent must be acknowledged. What was, by key.
    pub(crate) fn finish(self) -> BTreeMap<u64, BTreeSet<u64>> {
        drop(self.stop);
        self.thread.join().unwrap();
        let book = std::mem::take(&mut *self.book.0.lock().unwrap());
        assert!(book.failed.is_empty(), "given up: {:?}", book.failed);
        assert_eq!(book.open, 0, "neither acknowledged nor given up");
        book.acknowledged
    }
}

/// First and next offset of a partition. Its leader may move just then: after a roll Kafka gives it back to the preferred
/// one.
fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match consumer.fetch_watermarks(topic, partition, Duration::from_secs(30)) {
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NotLeaderForPartition) => {
                assert!(Instant::now() < end, "{topic}/{partition} finds no leader");
            }
            answer => return answer.unwrap(),
        }
    }
}

/// Reads a topic from its beginning to its end: the sequence numbers of each key, in their order.
pub(crate) fn read_back(servers: &str, topic: &str, partitions: i32) -> BTreeMap<u64, Vec<u64>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "e2e")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    let mut left = BTreeMap::new();
    for partition in 0..partitions {
        let (low, high) = watermarks(&consumer, topic, partition);
        assert_eq!(low, 0, "nothing was deleted");
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        if high > 0 {
            left.insert(partition, high);
        }
    }
    consumer.assign(&list).unwrap();
    let mut read: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let end = Instant::now() + Duration::from_secs(120);
    while !left.is_empty() {
        assert!(Instant::now() < end, "not read to the end: {left:?}");
        let Some(message) = consumer.poll(Duration::from_secs(1)) else { continue };
        let message = message.unwrap();
        let key = std::str::from_utf8(message.key().unwrap())
            .unwrap()
            .strip_prefix("key-")
            .unwrap()
            .parse()
            .unwrap();
        let sequence = std::str::from_utf8(message.payload().unwrap()).unwrap().parse().unwrap();
        read.entry(key).or_default().push(sequence);
        if left.get(&message.partition()).is_some_and(|high| message.offset() + 1 >= *high) {
            left.remove(&message.partition());
        }
    }
    read
}
