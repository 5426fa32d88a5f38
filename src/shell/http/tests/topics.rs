//! The routes that ask Kafka, with a Kafka that says what the test wants.

use std::{collections::BTreeMap, sync::Mutex};

use expect_test::{Expect, expect};
use futures_util::{FutureExt, future::BoxFuture};
use kafka::{
    client::Created,
    partition::{PartitionState, TopicState},
    report::Report,
    topic::{NewTopic, TopicName},
};
use rest::ErrorCode;
use tokio::sync::Notify;

use super::*;

/// A Kafka that must not be asked.
pub(super) struct Unasked;

impl Topics for Unasked {
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        panic!("the topics were asked for")
    }

    fn describe<'a>(&'a self, _: &'a TopicName) -> BoxFuture<'a, Result<Option<TopicState>, ApiError>> {
        panic!("a topic was asked for")
    }

    fn create(&self, _: NewTopic) -> BoxFuture<'_, Result<Created, ApiError>> {
        panic!("a topic was created")
    }

    fn delete<'a>(&'a self, _: &'a TopicName) -> BoxFuture<'a, Result<(), ApiError>> {
        panic!("a topic was deleted")
    }

    fn add_partitions<'a>(&'a self, _: &'a TopicName, _: u32) -> BoxFuture<'a, Result<(), ApiError>> {
        panic!("partitions were added")
    }

    fn offsets<'a>(
        &'a self,
        _: &'a TopicName,
        _: Time,
    ) -> BoxFuture<'a, Result<BTreeMap<u32, u64>, ApiError>> {
        panic!("offsets were asked for")
    }

    fn report(&self, _: Report) -> BoxFuture<'_, Result<String, ApiError>> {
        panic!("a report was asked for")
    }
}

/// A Kafka with some topics.
#[derive(Default)]
struct Fake {
    topics: BTreeMap<String, TopicState>,
    /// What it refuses everything with.
    refusal: Option<ApiError>,
    /// What its reports say.
    report: String,
    /// What was asked of it.
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn refusing(code: ErrorCode, message: &str) -> Self {
        Self { refusal: Some(ApiError::new(code, message)), ..Self::default() }
    }

    fn asked<T: Send + 'static>(&self, what: String, answer: T) -> BoxFuture<'static, Result<T, ApiError>> {
        self.asked.lock().unwrap().push(what);
        let answer = self.refusal.clone().map_or(Ok(answer), Err);
        async { answer }.boxed()
    }
}

impl Topics for Fake {
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        self.asked("list".to_owned(), self.topics.keys().cloned().collect())
    }

    fn describe<'a>(&'a self, name: &'a TopicName) -> BoxFuture<'a, Result<Option<TopicState>, ApiError>> {
        self.asked(format!("describe {name}"), self.topics.get(name.as_str()).cloned())
    }

    fn create(&self, topic: NewTopic) -> BoxFuture<'_, Result<Created, ApiError>> {
        let what = format!("create {} {:?} {:?}", topic.name, topic.partitions, topic.replication);
        self.asked(what, Created { name: topic.name, partitions: 1, replication: 3 })
    }

    fn delete<'a>(&'a self, name: &'a TopicName) -> BoxFuture<'a, Result<(), ApiError>> {
        self.asked(format!("delete {name}"), ())
    }

    fn add_partitions<'a>(&'a self, name: &'a TopicName, count: u32) -> BoxFuture<'a, Result<(), ApiError>> {
        self.asked(format!("partitions {name} {count}"), ())
    }

    fn offsets<'a>(
        &'a self,
        name: &'a TopicName,
        time: Time,
    ) -> BoxFuture<'a, Result<BTreeMap<u32, u64>, ApiError>> {
        self.asked(format!("offsets {name} {time:?}"), BTreeMap::from([(0, 333), (1, 333), (2, 334)]))
    }

    fn report(&self, kind: Report) -> BoxFuture<'_, Result<String, ApiError>> {
        self.asked(format!("{kind:?}"), self.report.clone())
    }
}

async fn ask(fake: Fake, request: &str) -> Answer {
    call(api(app(&view(rest::Status::Complete), Arc::new(fake))), request).await
}

/// Asks, and says what Kafka was asked.
async fn asked(request: &str) -> (Answer, Vec<String>) {
    let fake = Arc::new(Fake::default());
    let answer = call(api(app(&view(rest::Status::Complete), fake.clone())), request).await;
    (answer, std::mem::take(&mut *fake.asked.lock().unwrap()))
}

/// What a request is refused with before Kafka is asked.
async fn refused(request: &str) -> rest::ErrorBody {
    call(api(app(&view(rest::Status::Complete), Arc::new(Unasked))), request).await.error()
}

fn partition(isr: &[i32]) -> PartitionState {
    PartitionState { controller_epoch: 1, isr: isr.to_vec(), leader: isr[0], leader_epoch: 4, version: 1 }
}

fn with_topic(name: &str, states: &[(u32, &[i32])]) -> Fake {
    let topic = TopicState {
        assignment: BTreeMap::from([(0, vec![0, 1]), (1, vec![1, 0])]),
        states: states.iter().map(|(number, isr)| (*number, partition(isr))).collect(),
    };
    Fake { topics: BTreeMap::from([(name.to_owned(), topic)]), ..Fake::default() }
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
    let answer = ask(with_topic("orders", &[(0, &[0, 1]), (1, &[1])]), "GET /v1/topics/orders").await;
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
    let answer = ask(with_topic("orders", &[(0, &[0, 1])]), "GET /v1/topics/orders").await;
    let error = answer.error();
    assert_eq!(error.error_code, ErrorCode::KafkaUnavailable);
    assert_eq!(error.message, "topic \"orders\" is being created: Kafka has no state of partitions 1 yet");
    assert!(answer.header("retry-after").is_some());
}

// D16: the very text of its example.
#[tokio::test]
async fn describe_nothing() {
    let error = ask(Fake::default(), "GET /v1/topics/x").await.error();
    assert_eq!(error.error_code, ErrorCode::TopicNotFound);
    assert_eq!(error.message, "topic \"x\" does not exist");
}

// What is no topic name never becomes a part of a ZooKeeper path, nor reaches Kafka.
#[tokio::test]
async fn bad_names() {
    for name in ["a%2Fb", "..%2F..%2Fcontroller", "a%20b", "%2e%2E"] {
        for request in [
            format!("GET /v1/topics/{name}"),
            format!("GET /v1/topics/{name}/offsets"),
            format!("PUT /v1/topics/{name}?operation=partitions&partitions=2"),
            format!("DELETE /v1/topics/{name}"),
        ] {
            assert_eq!(refused(&request).await.error_code, ErrorCode::InvalidParameter, "{request}");
        }
    }
}

// S-104: the text to the letter; D41: only what was given is passed on.
#[tokio::test]
async fn create() {
    let (answer, kafka) = asked("POST /v1/topics?replication=3&name=topic1&partitions=3").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text, r#"{"message":"Output: Created topic \"topic1\".\n"}"#);
    assert_eq!(kafka, ["create topic1 Some(3) Some(3)"]);
    let (answer, kafka) = asked("POST /v1/topics?name=a_b").await;
    assert!(answer.text.contains("Output: WARNING: Due to limitations in metric names"), "{}", answer.text);
    assert_eq!(kafka, ["create a_b None None"]);
}

// D16: all mistakes at once, and Kafka is not asked.
#[tokio::test]
async fn create_with_bad_parameters() {
    let error = refused("POST /v1/topics?name=a%20b&partitions=0&size=1").await;
    assert_eq!(error.error_code, ErrorCode::InvalidParameter);
    for part in ["\"size\"", "Topic name is invalid: 'a b' contains", "partitions is \"0\""] {
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
}

// S-106: the text to the letter.
#[tokio::test]
async fn partitions() {
    let (answer, kafka) = asked("PUT /v1/topics/topic1?operation=partitions&partitions=2").await;
    assert_eq!((answer.status, kafka), (StatusCode::OK, vec!["partitions topic1 2".to_owned()]));
    expect![[r#"{"message":"Output: WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected\nAdding partitions succeeded!\n"}"#]]
        .assert_eq(&answer.text);
}

// D16: what an operation is, and what it takes, is said where it is wrong.
#[tokio::test]
async fn bad_operations() {
    let check = async |query: &str, expect: Expect| {
        let error = refused(&format!("PUT /v1/topics/t{query}")).await;
        assert_eq!(error.error_code, ErrorCode::InvalidParameter, "{query}");
        expect.assert_eq(&error.message);
    };
    check("", expect!["the parameter operation is missing; the operations are partitions, producer-test"])
        .await;
    check(
        "?operation=shrink",
        expect![[r#"there is no operation "shrink"; the operations are partitions, producer-test"#]],
    )
    .await;
    check(
        "?operation=partitions",
        expect!["the parameter partitions is missing: how many the topic is to have in all"],
    )
    .await;
    check(
        "?operation=partitions&partitions=-1&x=1",
        expect![[r#"there is no parameter "x"; there are operation, partitions, messages, stream; partitions is "-1"; a whole number from 1 to 10000 is expected"#]],
    )
    .await;
}

// S-109: the text to the letter, only where Kafka takes it on.
#[tokio::test]
async fn delete() {
    let (answer, kafka) = asked("DELETE /v1/topics/topic1").await;
    assert_eq!((answer.status, kafka), (StatusCode::OK, vec!["delete topic1".to_owned()]));
    expect![[r#"{"message":"Topic topic1 is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set to true.\n"}"#]]
        .assert_eq(&answer.text);
    for internal in ["__consumer_offsets", "__transaction_state"] {
        let error = refused(&format!("DELETE /v1/topics/{internal}")).await;
        let words = format!(
            "Topic {internal} is a kafka internal topic and is not allowed to be marked for deletion."
        );
        assert_eq!((error.error_code, error.message), (ErrorCode::InvalidParameter, words));
    }
}

// S-105, D6: offsets as texts, one object per partition; every spelling of the time.
#[tokio::test]
async fn offsets() {
    for (query, time) in [
        ("", "Last"),
        ("?time=last", "Last"),
        ("?time=-1", "Last"),
        ("?time=first", "First"),
        ("?time=-2", "First"),
        ("?time=0", "At(0)"),
        ("?time=1764104090500", "At(1764104090500)"),
    ] {
        let (answer, kafka) = asked(&format!("GET /v1/topics/topic1/offsets{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert_eq!(answer.text, r#"[{"0":"333"},{"1":"333"},{"2":"334"}]"#);
        assert_eq!(kafka, [format!("offsets topic1 {time}")]);
    }
    for query in ["?time=", "?time=-3", "?time=now", "?time=1.5", "?time=last&time=last", "?when=last"] {
        let error = refused(&format!("GET /v1/topics/topic1/offsets{query}")).await;
        assert_eq!(error.error_code, ErrorCode::InvalidParameter, "{query}");
    }
    let error = refused("GET /v1/topics/topic1/offsets?time=now").await;
    assert_eq!(
        error.message,
        "time is \"now\"; first (or -2), last (or -1) or milliseconds since 1970 are expected"
    );
}

// S-110…S-112: Kafka's lines as they are; nothing else when there are none.
#[tokio::test]
async fn reports() {
    for (path, kind) in
        [("under_replicated_partitions", "UnderReplicated"), ("unavailable_partitions", "Unavailable")]
    {
        let (answer, kafka) = asked(&format!("GET /v1/topics/{path}")).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, r#"{"message":""}"#));
        assert_eq!(kafka[0], kind);
        let report = "\tTopic: t\tPartition: 0\tLeader: 1\tReplicas: 1,0\tIsr: 1\n".to_owned();
        let answer = ask(Fake { report, ..Fake::default() }, &format!("GET /v1/topics/{path}")).await;
        assert_eq!(
            answer.text,
            r#"{"message":"\tTopic: t\tPartition: 0\tLeader: 1\tReplicas: 1,0\tIsr: 1\n"}"#
        );
    }
}

// A topic that bears the name of a report is never lost: the report tells of it, and it can be used as any other.
#[tokio::test]
async fn a_topic_called_as_a_report() {
    let fake = || with_topic("unavailable_partitions", &[(0, &[0, 1]), (1, &[1])]);
    let answer = ask(fake(), "GET /v1/topics/unavailable_partitions").await;
    expect![[r#"{"message":"","note":"there is also a topic of this name: GET /v1/topics/unavailable_partitions?describe=true shows it"}"#]]
        .assert_eq(&answer.text);
    let answer = ask(fake(), "GET /v1/topics/unavailable_partitions?describe=true").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.starts_with(r#"{"partitions":[{"0":"#), "{}", answer.text);
    let error = ask(Fake::default(), "GET /v1/topics/unavailable_partitions?describe=true").await.error();
    assert_eq!(error.error_code, ErrorCode::TopicNotFound);
    let (answer, kafka) = asked("GET /v1/topics/unavailable_partitions/offsets").await;
    assert_eq!(
        (answer.status, kafka),
        (StatusCode::OK, vec!["offsets unavailable_partitions Last".to_owned()])
    );
    let (answer, kafka) = asked("DELETE /v1/topics/unavailable_partitions").await;
    assert_eq!((answer.status, kafka), (StatusCode::OK, vec!["delete unavailable_partitions".to_owned()]));
}

/// Every request that asks Kafka, and whether it needs a broker.
const REQUESTS: [(&str, bool); 8] = [
    ("GET /v1/topics", false),
    ("GET /v1/topics/t", false),
    ("POST /v1/topics?name=t", true),
    ("PUT /v1/topics/t?operation=partitions&partitions=2", true),
    ("DELETE /v1/topics/t", true),
    ("GET /v1/topics/t/offsets", true),
    ("GET /v1/topics/under_replicated_partitions", true),
    ("GET /v1/topics/unavailable_partitions", true),
];

// D16: what Kafka refuses is never 200 with an error inside, and its words reach the operator.
#[tokio::test]
async fn refusals_are_passed_on() {
    for (request, _) in REQUESTS {
        for code in [ErrorCode::KafkaRefused, ErrorCode::KafkaUnavailable] {
            let answer = ask(Fake::refusing(code, "in Kafka's words"), request).await;
            let error = answer.error();
            assert_eq!((error.error_code, error.message.as_str()), (code, "in Kafka's words"), "{request}");
            let away = code == ErrorCode::KafkaUnavailable;
            assert_eq!(answer.header("retry-after"), away.then_some("5"), "{request}");
        }
    }
}

#[tokio::test]
async fn before_any_broker_runs() {
    let mut view = view(rest::Status::InProgress);
    view.connection.address.clear();
    for (request, _) in REQUESTS.iter().filter(|(_, needs_broker)| *needs_broker) {
        let error = call(api(app(&view, Arc::new(Unasked))), request).await.error();
        assert_eq!(error.error_code, ErrorCode::KafkaUnavailable, "{request}");
        assert_eq!(error.message, "no broker is running yet; GET /v1/plan says what they wait for");
    }
    view.not_registered = Some("no master answers".to_owned());
    for (request, _) in REQUESTS {
        let error = call(api(app(&view, Arc::new(Unasked))), request).await.error();
        assert_eq!(error.error_code, ErrorCode::NotRegistered, "{request}");
    }
}

/// A Kafka that answers when it is told to.
#[derive(Default)]
struct Slow {
    begun: Notify,
    go_on: Notify,
    done: Notify,
}

impl Slow {
    async fn slowly<T>(&self, answer: T) -> Result<T, ApiError> {
        self.begun.notify_one();
        self.go_on.notified().await;
        self.done.notify_one();
        Ok(answer)
    }
}

impl Topics for Slow {
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        self.slowly(Vec::new()).boxed()
    }

    fn describe<'a>(&'a self, _: &'a TopicName) -> BoxFuture<'a, Result<Option<TopicState>, ApiError>> {
        panic!("fell over")
    }

    fn create(&self, _: NewTopic) -> BoxFuture<'_, Result<Created, ApiError>> {
        panic!("a topic was created")
    }

    fn delete<'a>(&'a self, _: &'a TopicName) -> BoxFuture<'a, Result<(), ApiError>> {
        self.slowly(()).boxed()
    }

    fn add_partitions<'a>(&'a self, _: &'a TopicName, _: u32) -> BoxFuture<'a, Result<(), ApiError>> {
        panic!("partitions were added")
    }

    fn offsets<'a>(
        &'a self,
        _: &'a TopicName,
        _: Time,
    ) -> BoxFuture<'a, Result<BTreeMap<u32, u64>, ApiError>> {
        async { Ok(BTreeMap::new()) }.boxed()
    }

    fn report(&self, _: Report) -> BoxFuture<'_, Result<String, ApiError>> {
        panic!("a report was asked for")
    }
}

// D16: bounded, with a named overflow policy: refuse at once. A client that hangs up stops nothing.
#[tokio::test]
async fn too_many_at_once() {
    for (request, slots) in [("GET /v1/topics", ask::READS), ("DELETE /v1/topics/t", ask::CHANGES)] {
        let slow = Arc::new(Slow::default());
        let router = api(app(&view(rest::Status::Complete), slow.clone()));
        for _ in 0..slots {
            let router = router.clone();
            let client = tokio::spawn(async move { call(router, request).await.status });
            slow.begun.notified().await;
            client.abort();
        }
        let answer = call(router.clone(), request).await;
        assert_eq!(answer.error().error_code, ErrorCode::Overloaded);
        assert_eq!(answer.header("retry-after"), Some("1"));

        slow.go_on.notify_waiters();
        slow.done.notified().await;
        tokio::task::yield_now().await;
        slow.go_on.notify_one();
        assert_eq!(call(router, request).await.status, StatusCode::OK);
    }
}

// Issue 5: long work never blocks short reads.
#[tokio::test]
async fn changes_keep_nobody_from_reading() {
    let slow = Arc::new(Slow::default());
    let router = api(app(&view(rest::Status::Complete), slow.clone()));
    for _ in 0..ask::CHANGES {
        tokio::spawn({
            let router = router.clone();
            async move { call(router, "DELETE /v1/topics/t").await.status }
        });
        slow.begun.notified().await;
    }
    assert_eq!(call(router.clone(), "DELETE /v1/topics/t").await.error().error_code, ErrorCode::Overloaded);
    assert_eq!(call(router, "GET /v1/topics/t/offsets").await.status, StatusCode::OK);
}

// D16: a panic in the task that asks Kafka is a 500 with a body as well.
#[tokio::test]
async fn a_panic_while_asking() {
    let router = api(app(&view(rest::Status::Complete), Arc::new(Slow::default())));
    let answer = call(router, "GET /v1/topics/t").await;
    assert_eq!(answer.error().error_code, ErrorCode::InternalError);
}
