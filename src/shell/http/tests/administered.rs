//! The routes for administrators, with a Kafka that says what the test wants.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use futures_util::FutureExt;
use kafka::{
    client::{self, Change, Elected, Group, Listed, LogDir, Member, Moving, Replica, Setting, Source},
    cluster::{AdminError, Groups, Lag, LogDirs, NoBroker, Outcome, Progress, Reading},
    error::KafkaError,
    reassign::Assignment,
    throttle::Copied,
    topic::{TopicName, TopicPartition},
};

use super::{
    administration::{Administration, Asked, Planned, Target, Wish},
    *,
};

/// One cluster with a topic `orders` of two partitions and a group `readers`.
pub(super) struct Fake {
    /// It must not be asked.
    unasked: bool,
    /// Why limits of copying are not looked after.
    untended: Option<rest::LimitsUntended>,
    /// The answer to the next question, instead of a good one.
    error: Mutex<Option<AdminError>>,
    /// What was asked for.
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn new() -> Self {
        Self { unasked: false, untended: None, error: Mutex::default(), asked: Mutex::default() }
    }

    /// A Kafka that must not be asked.
    pub(super) fn unasked() -> Self {
        Self { unasked: true, ..Self::new() }
    }

    fn answer<T: Send + 'static>(&self, asked: String, answer: T) -> Asked<'_, T> {
        assert!(!self.unasked, "Kafka was asked: {asked}");
        self.asked.lock().unwrap().push(asked);
        let answer = self.error.lock().unwrap().take().map_or(Ok(answer), Err);
        async move { answer }.boxed()
    }
}

fn partition(number: u32) -> TopicPartition {
    TopicPartition { topic: "orders".parse().unwrap(), number }
}

fn refusal(name: &str, retriable: bool) -> KafkaError {
    KafkaError { code: 99, name: name.to_owned(), message: Some("so it is".to_owned()), retriable }
}

impl Administration for Fake {
    fn config(&self, topic: TopicName) -> Asked<'_, BTreeMap<String, Setting>> {
        let secret = Setting { value: None, source: Source::StaticBroker, read_only: true, sensitive: true };
        let own =
            Setting { value: Some("1".into()), source: Source::Topic, read_only: false, sensitive: false };
        let all = BTreeMap::from([("a".to_owned(), own), ("b".to_owned(), secret)]);
        self.answer(format!("config of {topic}"), all)
    }

    fn alter_config(&self, topic: TopicName, change: Change) -> Asked<'_, ()> {
        self.answer(format!("{topic}: set {:?}, unset {:?}", change.set, change.unset), ())
    }

    fn reassign(&self, wish: Wish) -> Asked<'_, Planned> {
        let from = Assignment::from([(partition(0), vec![0, 1]), (partition(1), vec![1, 2])]);
        let to = Assignment::from([(partition(0), vec![2, 1]), (partition(1), vec![1, 2])]);
        let refused = BTreeMap::from([(partition(0), refusal("INVALID_REPLICA_ASSIGNMENT", false))]);
        let copied = Copied { from: [2].into(), to: [1].into() };
        let limited = wish.rate.map(|_| (partition(1), copied)).into_iter().collect();
        let refused = if wish.dry_run { BTreeMap::new() } else { refused };
        let outcome = Outcome { refused, limited, ..Outcome::default() };
        let topics = matches!(wish.target, Target::Topics { .. });
        self.answer(format!("topics {topics}, rate {:?}", wish.rate), Planned { from, to, outcome })
    }

    fn progress(&self) -> Asked<'_, BTreeMap<TopicPartition, Progress>> {
        let moving = Moving { replicas: vec![2, 1, 0], adding: vec![2], removing: vec![0] };
        let progress = Progress { moving, total: Some(9), done: None };
        self.answer("progress".to_owned(), BTreeMap::from([(partition(0), progress)]))
    }

    fn untended(&self) -> Option<rest::LimitsUntended> {
        self.untended.clone()
    }

    fn cancel(&self, topics: Option<BTreeSet<TopicName>>) -> Asked<'_, Outcome> {
        let started = BTreeSet::from([partition(0)]);
        let refused = BTreeMap::from([(partition(1), refusal("UNKNOWN_SERVER_ERROR", false))]);
        self.answer(format!("cancel {topics:?}"), Outcome { started, refused, ..Outcome::default() })
    }

    fn elect(
        &self,
        meant: Option<(BTreeSet<TopicName>, BTreeSet<TopicPartition>)>,
    ) -> Asked<'_, BTreeMap<TopicPartition, Elected>> {
        let elected = [
            (partition(0), Elected::Done),
            (partition(1), Elected::NotNeeded),
            (partition(2), Elected::Refused(refusal("PREFERRED_LEADER_NOT_AVAILABLE", true))),
        ];
        let meant = meant.map(|(topics, partitions)| (topics.len(), partitions.len()));
        self.answer(format!("elect {meant:?}"), elected.into())
    }

    fn log_dirs(&self, broker: Option<u32>) -> Asked<'_, LogDirs> {
        let replica = |topic: &str, number, size| Replica {
            partition: TopicPartition { topic: topic.parse().unwrap(), number },
            size,
            lag: 0,
            future: false,
        };
        let dir = LogDir {
            path: "/var/kafka".to_owned(),
            error: None,
            total: Some(100),
            usable: None,
            replicas: vec![replica("orders", 1, 3), replica("orders", 0, 2), replica("other", 0, 5)],
        };
        let silent = AdminError::Call(client::Error::Gone { address: "h:1".to_owned() });
        self.answer(format!("log dirs of {broker:?}"), BTreeMap::from([(0, Ok(vec![dir])), (1, Err(silent))]))
    }

    fn groups(&self) -> Asked<'_, Groups> {
        let listed = Listed { protocol: "consumer".to_owned(), state: None, kind: None };
        let silent = AdminError::Call(client::Error::Gone { address: "h:1".to_owned() });
        let groups = Groups { groups: [("readers".to_owned(), listed)].into(), silent: [(1, silent)].into() };
        self.answer("groups".to_owned(), groups)
    }

    fn group(&self, name: String) -> Asked<'_, Reading> {
        let member = Member {
            id: "reader-7-5b1e".to_owned(),
            instance: None,
            client: "reader-7".to_owned(),
            host: "10.0.0.9".to_owned(),
            assigned: [partition(0)].into(),
        };
        let group = Group {
            state: "Stable".to_owned(),
            protocol: "consumer".to_owned(),
            assignor: "range".to_owned(),
            members: vec![member],
        };
        let known = Lag { committed: Some(4), end: Some(10), error: None };
        let unknown =
            Lag { committed: Some(4), end: None, error: Some(refusal("NOT_LEADER_OR_FOLLOWER", true)) };
        let partitions = BTreeMap::from([(partition(0), known), (partition(1), unknown)]);
        self.answer(format!("group {name}"), Reading { group, partitions })
    }
}

fn router(fake: &Arc<Fake>) -> Router {
    let kafka = Kafka { administration: fake.clone(), ..super::kafka(Arc::new(topics::Unasked)) };
    let view = watch::channel(Arc::new(view(rest::Status::Complete))).1;
    api(App::new(view, kafka, mpsc::channel(1).0, Clock::start()))
}

/// Sends a body too.
async fn send(fake: &Arc<Fake>, request: &str, body: &str) -> Answer {
    let (method, uri) = request.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(uri).body(Body::from(body.to_owned())).unwrap();
    let response = router(fake).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    described(method, uri, parts.status, &text);
    Answer { status: parts.status, headers: parts.headers, text }
}

async fn check(request: &str, body: &str, asked: &str, answer: &str) {
    let fake = Arc::new(Fake::new());
    let got = send(&fake, request, body).await;
    assert_eq!((got.status, got.text.as_str()), (StatusCode::OK, answer), "{request}");
    assert_eq!(*fake.asked.lock().unwrap(), [asked], "{request}");
}

#[tokio::test]
async fn answers() {
    check(
        "GET /v1/topics/orders/config",
        "",
        "config of orders",
        r#"{"config":{"a":{"read_only":false,"sensitive":false,"source":"topic","value":"1"},"b":{"read_only":true,"sensitive":true,"source":"static_broker","value":null}}}"#,
    )
    .await;
    check(
        "PATCH /v1/topics/orders/config",
        r#"{"set":{"a":"2"},"unset":["b"]}"#,
        r#"orders: set {"a": "2"}, unset {"b"}"#,
        r#"{"message":"Output: Completed updating config for topic orders.\n"}"#,
    )
    .await;
    check(
        "GET /v1/reassignments",
        "",
        "progress",
        r#"{"reassignments":[{"adding":[2],"bytes_done":null,"bytes_total":9,"partition":0,"removing":[0],"replicas":[2,1,0],"topic":"orders"}]}"#,
    )
    .await;
    check(
        "POST /v1/reassignments",
        r#"{"topics":["orders"],"throttle_bytes_per_second":7,"dry_run":true}"#,
        "topics true, rate Some(7)",
        r#"{"copies":1,"dry_run":true,"limited":[{"from":[2],"partition":1,"to":[1,2],"topic":"orders"}],"partitions":[{"from":[0,1],"partition":0,"to":[2,1],"topic":"orders"}],"unchanged":1}"#,
    )
    .await;
    check(
        "POST /v1/reassignments",
        r#"{"partitions":[{"topic":"orders","partition":0,"replicas":[2,1]}]}"#,
        "topics false, rate None",
        r#"{"copies":1,"dry_run":false,"partitions":[{"error":"INVALID_REPLICA_ASSIGNMENT: so it is","from":[0,1],"partition":0,"to":[2,1],"topic":"orders"}],"unchanged":1}"#,
    )
    .await;
    check(
        "DELETE /v1/reassignments?topic=orders",
        "",
        r#"cancel Some({TopicName("orders")})"#,
        r#"{"cancelled":[{"partition":0,"topic":"orders"}],"refused":[{"error":"UNKNOWN_SERVER_ERROR: so it is","partition":1,"topic":"orders"}]}"#,
    )
    .await;
    let elected = r#"{"elected":[{"partition":0,"topic":"orders"}],"refused":[{"error":"PREFERRED_LEADER_NOT_AVAILABLE: so it is","partition":2,"topic":"orders"}]}"#;
    check("POST /v1/leader-elections", "{}", "elect None", elected).await;
    let some = r#"{"topics":["orders"],"partitions":[{"topic":"other","partition":1}]}"#;
    check("POST /v1/leader-elections", some, "elect Some((1, 1))", elected).await;
    check(
        "GET /v1/log-dirs?broker=0&topic=orders",
        "",
        "log dirs of Some(0)",
        r#"{"brokers":[{"broker":0,"error":null,"log_dirs":[{"error":null,"path":"/var/kafka","replicas":[{"future":false,"lag":0,"partition":0,"size_bytes":2,"topic":"orders"},{"future":false,"lag":0,"partition":1,"size_bytes":3,"topic":"orders"}],"size_bytes":10,"total_bytes":100,"usable_bytes":null}]},{"broker":1,"error":"the connection to h:1 is gone: an earlier request on it was cut off","log_dirs":[]}]}"#,
    )
    .await;
    check(
        "GET /v1/groups",
        "",
        "groups",
        r#"{"groups":[{"group":"readers","protocol":"consumer","state":null,"type":null}],"silent":[{"broker":1,"error":"the connection to h:1 is gone: an earlier request on it was cut off"}]}"#,
    )
    .await;
    check(
        "GET /v1/groups/readers",
        "",
        "group readers",
        r#"{"assignor":"range","group":"readers","lag":null,"members":[{"assigned":[{"partition":0,"topic":"orders"}],"client":"reader-7","host":"10.0.0.9","id":"reader-7-5b1e","instance":null}],"partitions":[{"committed":4,"end":10,"error":null,"lag":6,"partition":0,"topic":"orders"},{"committed":4,"end":null,"error":"NOT_LEADER_OR_FOLLOWER: so it is","lag":null,"partition":1,"topic":"orders"}],"state":"Stable"}"#,
    )
    .await;
}

// Limits that nobody removes are shown beside what moves, and not a word of it is there while all is well.
#[tokio::test]
async fn untended_limits() {
    let untended = rest::LimitsUntended { message: "no broker answered".to_owned(), since_ms: 7 };
    let fake = Arc::new(Fake { untended: Some(untended), ..Fake::new() });
    let text = send(&fake, "GET /v1/reassignments", "").await.text;
    let begins =
        r#"{"limits_untended":{"message":"no broker answered","since_ms":7},"reassignments":[{"adding""#;
    assert!(text.starts_with(begins), "{text}");
}

// D16: what is wrong is said, all of it, and Kafka is not asked.
#[tokio::test]
async fn bad_requests() {
    for (request, body, parts) in [
        ("PATCH /v1/topics/orders/config", "{}", vec!["nothing is to be changed"]),
        ("PATCH /v1/topics/a%20b/config", "{}", vec!["Topic name is invalid", "nothing is to be changed"]),
        (
            "PATCH /v1/topics/orders/config",
            r#"{"set":{"a":1},"unset":"b","x":0}"#,
            vec!["set is {\"a\":1}", "unset is \"b\"", "there is no \"x\""],
        ),
        ("PATCH /v1/topics/orders/config", r#"{"set":{"a":"1"},"unset":["a"]}"#, vec!["both set and unset"]),
        ("POST /v1/reassignments", "[]", vec!["the body is []; an object is expected"]),
        ("POST /v1/reassignments", "{", vec!["the body is no JSON"]),
        ("DELETE /v1/reassignments?topic=&x=1", "", vec!["no parameter \"x\"", "Topic name is invalid"]),
        ("POST /v1/leader-elections", r#"{"topics":[]}"#, vec!["topics and partitions are empty"]),
        (
            "GET /v1/log-dirs?broker=x&topic=a%20b",
            "",
            vec!["broker is \"x\"", "'a b' contains one or more characters"],
        ),
    ] {
        let error = send(&Arc::new(Fake::unasked()), request, body).await.error();
        assert_eq!(error.error_code, rest::ErrorCode::InvalidParameter, "{request} {body}");
        for part in parts {
            assert!(error.message.contains(part), "{part}: {}", error.message);
        }
    }
    let long = " ".repeat(body::LIMIT + 1);
    let error = send(&Arc::new(Fake::unasked()), "POST /v1/reassignments", &long).await.error();
    assert_eq!(error.error_code, rest::ErrorCode::RequestTooLarge);
}

// D16: each of Kafka's refusals has its code.
#[tokio::test]
async fn refusals() {
    use rest::ErrorCode::{
        GroupNotFound, InvalidParameter, KafkaRefused, KafkaUnavailable, NotSupported, OutcomeUnknown,
        ThrottleConflict, TopicNotFound,
    };
    let version = || client::Error::Version {
        address: "h:1".to_owned(),
        call: "ListPartitionReassignments",
        ours: (0, 0),
        theirs: "no version".to_owned(),
        since: "Kafka 2.4 (KIP-455)",
    };
    let lost = || client::Error::Closed { address: "h:1".to_owned(), call: "AlterConfigs" };
    let body = r#"{"set":{"a":"2"}}"#;
    let alter = "PATCH /v1/topics/orders/config";
    let move_topics = ("POST /v1/reassignments", r#"{"topics":["orders"]}"#);
    for (request, body, error, code, part) in [
        (alter, body, AdminError::UnknownTopic("orders".parse().unwrap()), TopicNotFound, "does not exist"),
        (alter, body, AdminError::Refused(refusal("INVALID_CONFIG", false)), InvalidParameter, "so it is"),
        (alter, body, AdminError::Refused(refusal("POLICY_VIOLATION", false)), KafkaRefused, "so it is"),
        (alter, body, AdminError::Refused(refusal("NOT_CONTROLLER", true)), KafkaUnavailable, "so it is"),
        (alter, body, AdminError::Call(lost()), OutcomeUnknown, "it may have happened all the same"),
        (alter, body, NoBroker { tried: Vec::new() }.into(), KafkaUnavailable, "no broker answered"),
        ("GET /v1/topics/orders/config", "", AdminError::Call(lost()), KafkaUnavailable, "closed"),
        ("GET /v1/reassignments", "", AdminError::Call(version()), NotSupported, "Kafka 2.4 (KIP-455)"),
        (
            move_topics.0,
            move_topics.1,
            AdminError::ForeignThrottle("theirs".into()),
            ThrottleConflict,
            "theirs",
        ),
        (
            move_topics.0,
            move_topics.1,
            AdminError::UnknownBroker { broker: 9, live: vec![0, 1] },
            InvalidParameter,
            "broker 9 does not run: 0, 1 do",
        ),
        ("GET /v1/groups/x", "", AdminError::UnknownGroup("x".into()), GroupNotFound, "does not exist"),
    ] {
        let fake = Arc::new(Fake { error: Mutex::new(Some(error)), ..Fake::new() });
        let answer = send(&fake, request, body).await.error();
        assert_eq!(answer.error_code, code, "{}", answer.message);
        assert!(answer.message.contains(part), "{}", answer.message);
    }
}
