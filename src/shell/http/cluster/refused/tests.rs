#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::time::Duration;

use ErrorCode::{
    InvalidParameter, KafkaLoginRefused, KafkaRefused, KafkaUnavailable, NotSupported, OutcomeUnknown,
    TopicAlreadyExists, TopicDeletionDisabled, TopicNotFound,
};
use kafka::{cluster::NoBroker, error::KafkaError};

use super::*;

fn topic() -> TopicName {
    "t".parse().unwrap()
}

fn kafka(code: i16, name: &str, retriable: bool) -> KafkaError {
    KafkaError { code, name: name.to_owned(), message: None, retriable }
}

fn timeout(call: &'static str) -> client::Error {
    client::Error::Timeout { address: "h:1".to_owned(), call, after: Duration::from_secs(8) }
}

fn too_old(call: &'static str) -> client::Error {
    let theirs = "no version".to_owned();
    client::Error::Version { address: "h:1".to_owned(), call, ours: (0, 3), theirs, since: "Kafka 0.10" }
}

#[track_caller]
fn is(error: ApiError, code: ErrorCode, message: &str) {
    assert_eq!((error.code, error.message.as_str()), (code, message));
}

// D43: what asks ZooKeeper or, where it keeps no topics, the brokers.
#[test]
fn topics_that_are_not_known() {
    let nobody = AskError::from(NoBroker { tried: Vec::new() });
    is(topics(&nobody.into()), KafkaUnavailable, "no broker answered: none is known");
    assert_eq!(topics(&AskError::from(too_old("DescribeQuorum")).into()).code, NotSupported);
    let no_controller = AskError::NoController;
    let words = "Kafka has no controller at the moment; try again in a few seconds";
    is(question(&no_controller), KafkaUnavailable, words);
    is(offsets(&no_controller.into()), KafkaUnavailable, words);
    let away = zookeeper::Error::Timeout {
        connect: "zk:1".to_owned(),
        doing: "list topics",
        after: Duration::from_secs(5),
        source: None,
    };
    assert_eq!(topics(&away.into()).code, KafkaUnavailable);
}

// D48: an existing topic is 409; every other refusal of Kafka's has its code.
#[test]
fn creations() {
    let check = |error: CreateError, code, message| is(creation(&topic(), &error.into()), code, message);
    check(CreateError::AlreadyExists { topic: topic() }, TopicAlreadyExists, "topic \"t\" already exists");
    let words = "topic \"t\" is still being deleted; that ends once every broker with a replica is up";
    check(CreateError::BeingDeleted { topic: topic() }, TopicAlreadyExists, words);
    let reason = "larger than available brokers".to_owned();
    check(
        CreateError::InvalidReplication { replication: 5, reason },
        InvalidParameter,
        "replication 5 was refused: larger than available brokers",
    );
    let policy = kafka(44, "POLICY_VIOLATION", false);
    check(CreateError::Refused(policy), KafkaRefused, "Kafka refused: POLICY_VIOLATION");
    let busy = kafka(89, "THROTTLING_QUOTA_EXCEEDED", true);
    check(CreateError::Refused(busy), KafkaUnavailable, "Kafka refused: THROTTLING_QUOTA_EXCEEDED");
    let nobody = CreateTopicError::from(NoBroker { tried: Vec::new() });
    is(creation(&topic(), &nobody), KafkaUnavailable, "no broker answered: none is known");
    // Whoever repeats it must be ready for 409.
    let late = kafka(7, "REQUEST_TIMED_OUT", true);
    check(
        CreateError::Refused(late),
        OutcomeUnknown,
        "Kafka refused: REQUEST_TIMED_OUT; topic \"t\" may have been created all the same",
    );
    check(
        timeout("CreateTopics").into(),
        OutcomeUnknown,
        "h:1 did not answer CreateTopics within 8000 ms; topic \"t\" may have been created all the same",
    );
}

// D16, D42, S-106, S-109
#[test]
fn changes() {
    is(change(&ChangeError::NotFound { topic: topic() }), TopicNotFound, "topic \"t\" does not exist");
    let disabled = change(&ChangeError::DeletionDisabled);
    assert_eq!(disabled.code, TopicDeletionDisabled);
    for words in ["Topic deletion is disabled.", "KAFKA_OVERRIDE_DELETE_TOPIC_ENABLE=true"] {
        assert!(disabled.message.contains(words), "{}", disabled.message);
    }
    let mut fewer = kafka(37, "INVALID_PARTITIONS", false);
    fewer.message = Some("Topic already has 2 partitions.".to_owned());
    is(change(&ChangeError::InvalidPartitions(fewer)), InvalidParameter, "Topic already has 2 partitions.");
    let unknown = change(&ChangeError::Unknown(timeout("DeleteTopics")));
    assert_eq!(unknown.code, OutcomeUnknown);
    assert!(unknown.message.starts_with("it is not known whether Kafka did it"), "{}", unknown.message);
    assert_eq!(change(&ChangeError::NoController).code, KafkaUnavailable);
    assert_eq!(
        change(&ChangeError::Refused(kafka(29, "TOPIC_AUTHORIZATION_FAILED", false))).code,
        KafkaRefused
    );
    // A broker too old for it is not a fault of the request.
    assert_eq!(change(&ChangeError::Call(too_old("CreatePartitions"))).code, NotSupported);
}

// D16: wrong credentials do not get right by waiting. The answer names the settings, and nobody is told to come back.
#[test]
fn logins() {
    let wrong = || client::Error::Sasl {
        address: "h:1".to_owned(),
        mechanism: "SCRAM-SHA-256",
        user: "mesos".to_owned(),
        reason: "SASL_AUTHENTICATION_FAILED".to_owned(),
    };
    // One that cannot be reached changes nothing about it.
    let nobody = || NoBroker { tried: vec![timeout("Metadata"), wrong()] };
    for error in [
        topics(&AskError::from(nobody()).into()),
        question(&nobody().into()),
        question(&wrong().into()),
        offsets(&OffsetsError::NoBroker(nobody())),
        change(&ChangeError::NoBroker(nobody())),
        change(&ChangeError::Call(wrong())),
        creation(&topic(), &nobody().into()),
        creation(&topic(), &CreateError::Call(wrong()).into()),
        crate::shell::http::refused::question(&nobody().into()),
        crate::shell::http::refused::change(&wrong().into()),
    ] {
        assert_eq!((error.code, error.retry_after()), (KafkaLoginRefused, None), "{}", error.message);
        for words in [
            "h:1 does not let in mesos by SCRAM-SHA-256: SASL_AUTHENTICATION_FAILED",
            "KAFKA_CLIENT_SASL_MECHANISM, KAFKA_CLIENT_SASL_USER and KAFKA_CLIENT_SASL_PASSWORD_FILE",
        ] {
            assert!(error.message.contains(words), "{}", error.message);
        }
    }
}

#[test]
fn questions() {
    assert_eq!(question(&NoBroker { tried: Vec::new() }.into()).code, KafkaUnavailable);
    assert_eq!(question(&timeout("Metadata").into()).code, KafkaUnavailable);
    is(offsets(&OffsetsError::NotFound { topic: topic() }), TopicNotFound, "topic \"t\" does not exist");
    is(
        offsets(&OffsetsError::NoLeader { topic: topic(), partitions: vec![0, 2] }),
        KafkaUnavailable,
        "topic \"t\" has partitions without a leader: 0, 2",
    );
    assert_eq!(offsets(&too_old("ListOffsets").into()).code, NotSupported);
}
