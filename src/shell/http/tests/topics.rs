//! The routes that ask Kafka, with a Kafka that says what the test wants.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use kafka::{
    client::{self, CreateError, Created},
    cluster::{CreateTopicError, NoBroker},
    error::KafkaError,
    partition::PartitionState,
    topic::{NewTopic, TopicName},
    zookeeper::{self, TopicState},
};
use tokio::sync::Notify;

use super::*;

type CreateAnswer = Result<Created, CreateTopicError>;

/// A Kafka that must not be asked.
pub(super) struct Unasked;

impl Topics for Unasked {
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, zookeeper::Error>> {
        panic!("the topics were asked for")
    }

    fn describe<'a>(
        &'a self,
        _: &'a TopicName,
    ) -> BoxFuture<'a, Result<Option<TopicState>, zookeeper::Error>> {
        panic!("a topic was asked for")
    }

    fn create(&self, _: Vec<String>, _: NewTopic) -> BoxFuture<'_, CreateAnswer> {
        panic!("a topic was created")
    }
}

/// A Kafka with some topics.
#[derive(Default)]
struct Fake {
    topics: BTreeMap<String, TopicState>,
    /// ZooKeeper is away.
    away: bool,
    /// The answer to the next creation; without one it succeeds.
    answer: Mutex<Option<CreateTopicError>>,
    /// What was asked to be created, and where.
    created: Mutex<Vec<(Vec<String>, NewTopic)>>,
}

impl Fake {
    fn zookeeper(&self) -> Result<(), zookeeper::Error> {
        let connect = "master.mesos:2181".to_owned();
        let after = Duration::from_secs(5);
        if self.away {
            return Err(zookeeper::Error::Timeout { connect, doing: "list topics", after, source: None });
        }
        Ok(())
    }
}

impl Topics for Fake {
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, zookeeper::Error>> {
        async { self.zookeeper().map(|()| self.topics.keys().cloned().collect()) }.boxed()
    }

    fn describe<'a>(
        &'a self,
        name: &'a TopicName,
    ) -> BoxFuture<'a, Result<Option<TopicState>, zookeeper::Error>> {
        async { self.zookeeper().map(|()| self.topics.get(name.as_str()).cloned()) }.boxed()
    }

    fn create(&self, bootstrap: Vec<String>, topic: NewTopic) -> BoxFuture<'_, CreateAnswer> {
        let name = topic.name.clone();
        self.created.lock().unwrap().push((bootstrap, topic));
        let answer = self.answer.lock().unwrap().take();
        async move { answer.map_or(Ok(Created { name, partitions: 1, replication: 3 }), Err) }.boxed()
    }
}

async fn ask(fake: Fake, request: &str) -> Answer {
    call(api(app(&view(rest::Status::Complete), Arc::new(fake))), request).await
}

fn partition(isr: &[i32]) -> PartitionState {
    PartitionState { controller_epoch: 1, isr: isr.to_vec(), leader: isr[0], leader_epoch: 4, version: 1 }
}

fn orders(states: &[(u32, &[i32])]) -> Fake {
    let topic = TopicState {
        assignment: BTreeMap::from([(0, vec![0, 1]), (1, vec![1, 0])]),
        states: states.iter().map(|(number, isr)| (*number, partition(isr))).collect(),
    };
    Fake { topics: BTreeMap::from([("orders".to_owned(), topic)]), ..Fake::default() }
}

// S-102
#[tokio::test]
async fn list() {
    let topics = ["topic0", "topic1", "__consumer_offsets"]
        .map(|name| (name.to_owned(), TopicState { assignment: BTreeMap::new(), states: BTreeMap::new() }));
    let fake = Fake { topics: BTreeMap::from(topics), ..Fake::default() };
    let answer = ask(fake, "GET /v1/topics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text, r#"["__consumer_offsets","topic0","topic1"]"#);
}

// S-103: Kafka's own values, one single-key object per partition.
#[tokio::test]
async fn describe() {
    let answer = ask(orders(&[(0, &[0, 1]), (1, &[1])]), "GET /v1/topics/orders").await;
    assert_eq!(answer.status, StatusCode::OK);
    let expect = concat!(
        r#"{"partitions":[{"0":{"controller_epoch":1,"isr":[0,1],"leader":0,"leader_epoch":4,"version":1}},"#,
        r#"{"1":{"controller_epoch":1,"isr":[1],"leader":1,"leader_epoch":4,"version":1}}]}"#
    );
    assert_eq!(answer.text, expect);
}

// S-103: no made-up values for a topic that is being created.
#[tokio::test]
async fn describe_half_a_topic() {
    let answer = ask(orders(&[(0, &[0, 1])]), "GET /v1/topics/orders").await;
    let error = answer.error();
    assert_eq!(error.error_code, rest::ErrorCode::KafkaUnavailable);
    assert_eq!(error.message, "topic \"orders\" is being created: Kafka has no state of partitions 1 yet");
    assert!(answer.header("retry-after").is_some());
}

// D16: the very text of its example.
#[tokio::test]
async fn describe_nothing() {
    let error = ask(Fake::default(), "GET /v1/topics/x").await.error();
    assert_eq!(error.error_code, rest::ErrorCode::TopicNotFound);
    assert_eq!(error.message, "topic \"x\" does not exist");
}

// What is no topic name never becomes a part of a ZooKeeper path.
#[tokio::test]
async fn describe_a_bad_name() {
    let router = || api(app(&view(rest::Status::Complete), Arc::new(Unasked)));
    for name in ["a%2Fb", "..%2F..%2Fcontroller", "a%20b"] {
        let error = call(router(), &format!("GET /v1/topics/{name}")).await.error();
        assert_eq!(error.error_code, rest::ErrorCode::InvalidParameter, "{name}");
    }
}

// D16: ZooKeeper away is 503 and says when to ask again.
#[tokio::test]
async fn zookeeper_away() {
    for path in ["/v1/topics", "/v1/topics/orders"] {
        let answer = ask(Fake { away: true, ..Fake::default() }, &format!("GET {path}")).await;
        assert_eq!(answer.error().error_code, rest::ErrorCode::KafkaUnavailable);
        assert_eq!(answer.header("retry-after"), Some("5"));
    }
}

// S-104: the text to the letter; D41: only what was given is passed on.
#[tokio::test]
async fn create() {
    let fake = Arc::new(Fake::default());
    let router = api(app(&view(rest::Status::Complete), fake.clone()));
    let answer = call(router.clone(), "POST /v1/topics?replication=3&name=topic1&partitions=3").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text, r#"{"message":"Output: Created topic \"topic1\".\n"}"#);
    call(router, "POST /v1/topics?name=topic2").await;

    let created = std::mem::take(&mut *fake.created.lock().unwrap());
    let bootstrap = vec!["10.0.0.211:9843".to_owned()];
    let (first, second) = ("topic1".parse().unwrap(), "topic2".parse().unwrap());
    let first = NewTopic { partitions: Some(3), replication: Some(3), ..NewTopic::new(first) };
    assert_eq!(created, [(bootstrap.clone(), first), (bootstrap, NewTopic::new(second))]);
}

// D16: all mistakes at once, and Kafka is not asked.
#[tokio::test]
async fn create_with_bad_parameters() {
    let router = api(app(&view(rest::Status::Complete), Arc::new(Unasked)));
    let error = call(router, "POST /v1/topics?name=a%20b&partitions=0&size=1").await.error();
    assert_eq!(error.error_code, rest::ErrorCode::InvalidParameter);
    for part in ["\"size\"", "\"a b\" is not a topic name", "partitions is \"0\""] {
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
}

#[tokio::test]
async fn create_before_any_broker_runs() {
    let mut view = view(rest::Status::InProgress);
    view.connection.address.clear();
    let answer = call(api(app(&view, Arc::new(Unasked))), "POST /v1/topics?name=t").await;
    let error = answer.error();
    assert_eq!(error.error_code, rest::ErrorCode::KafkaUnavailable);
    assert_eq!(error.message, "no broker is running yet; GET /v1/plan says what they wait for");
}

async fn refused(error: impl Into<CreateTopicError>, code: rest::ErrorCode, message: &str) {
    let fake = Fake { answer: Mutex::new(Some(error.into())), ..Fake::default() };
    let body = ask(fake, "POST /v1/topics?name=t").await.error();
    assert_eq!((body.error_code, body.message.as_str()), (code, message));
}

// D48: an existing topic is 409; every other refusal of Kafka's has its code.
#[tokio::test]
async fn create_refused_by_kafka() {
    use rest::ErrorCode::{InvalidParameter, KafkaRefused, KafkaUnavailable, Timeout, TopicAlreadyExists};
    let name = || "t".parse::<TopicName>().unwrap();
    let kafka =
        |code, name: &str, retriable| KafkaError { code, name: name.to_owned(), message: None, retriable };
    let exists = CreateError::AlreadyExists { topic: name() };
    refused(exists, TopicAlreadyExists, "topic \"t\" already exists").await;
    let reason = "larger than available brokers".to_owned();
    refused(
        CreateError::InvalidReplication { replication: 5, reason },
        InvalidParameter,
        "replication 5 was refused: larger than available brokers",
    )
    .await;
    let policy = CreateError::Refused(kafka(44, "POLICY_VIOLATION", false));
    refused(policy, KafkaRefused, "Kafka refused: POLICY_VIOLATION").await;
    let moving = CreateError::Refused(kafka(7, "REQUEST_TIMED_OUT", true));
    refused(moving, KafkaUnavailable, "Kafka refused: REQUEST_TIMED_OUT").await;
    refused(NoBroker { tried: Vec::new() }, KafkaUnavailable, "no broker answered: none is known").await;
    let after = Duration::from_secs(8);
    refused(
        CreateError::from(client::Error::Timeout { address: "h:1".to_owned(), call: "CreateTopics", after }),
        Timeout,
        "h:1 did not answer CreateTopics within 8000 ms; topic \"t\" may have been created all the same",
    )
    .await;
}

/// A Kafka that answers when it is told to.
#[derive(Default)]
struct Slow {
    begun: Notify,
    go_on: Notify,
    done: Notify,
}

impl Topics for Slow {
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, zookeeper::Error>> {
        async {
            self.begun.notify_one();
            self.go_on.notified().await;
            self.done.notify_one();
            Ok(Vec::new())
        }
        .boxed()
    }

    fn describe<'a>(
        &'a self,
        _: &'a TopicName,
    ) -> BoxFuture<'a, Result<Option<TopicState>, zookeeper::Error>> {
        panic!("fell over")
    }

    fn create(&self, _: Vec<String>, _: NewTopic) -> BoxFuture<'_, CreateAnswer> {
        panic!("a topic was created")
    }
}

// D16: bounded, with a named overflow policy: refuse at once. A client that hangs up stops nothing.
#[tokio::test]
async fn too_many_at_once() {
    let slow = Arc::new(Slow::default());
    let router = api(app(&view(rest::Status::Complete), slow.clone()));
    for _ in 0..ask::READS {
        let client = tokio::spawn(call_owned(router.clone()));
        slow.begun.notified().await;
        client.abort();
    }
    let answer = call(router.clone(), "GET /v1/topics").await;
    assert_eq!(answer.error().error_code, rest::ErrorCode::Overloaded);
    assert_eq!(answer.header("retry-after"), Some("1"));

    slow.go_on.notify_waiters();
    slow.done.notified().await;
    tokio::task::yield_now().await;
    slow.go_on.notify_one();
    assert_eq!(call(router, "GET /v1/topics").await.status, StatusCode::OK);
}

async fn call_owned(router: Router) {
    call(router, "GET /v1/topics").await;
}

// D16: a panic in the task that asks Kafka is a 500 with a body as well.
#[tokio::test]
async fn a_panic_while_asking() {
    let router = api(app(&view(rest::Status::Complete), Arc::new(Slow::default())));
    let answer = call(router, "GET /v1/topics/t").await;
    assert_eq!(answer.error().error_code, rest::ErrorCode::InternalError);
}
