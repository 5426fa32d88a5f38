use expect_test::expect;

use super::*;
use crate::rest::golden;

fn partition(number: i32, isr: &[i32]) -> Partition {
    let state = PartitionState {
        controller_epoch: 1,
        isr: isr.to_vec(),
        leader: isr[0],
        leader_epoch: 0,
        version: 1,
    };
    Partition { number, state }
}

// S-103: one single-key object per partition.
#[test]
fn description() {
    golden(
        &TopicDescription { partitions: vec![partition(0, &[0, 1, 2]), partition(1, &[1, 2, 0])] },
        &expect![[
            r#"{"partitions":[{"0":{"controller_epoch":1,"isr":[0,1,2],"leader":0,"leader_epoch":0,"version":1}},{"1":{"controller_epoch":1,"isr":[1,2,0],"leader":1,"leader_epoch":0,"version":1}}]}"#
        ]],
    );
}

#[test]
fn a_partition_has_one_key() {
    for text in [r#"{"partitions":[{}]}"#, r#"{"partitions":[{"x":{}}]}"#] {
        assert!(serde_json::from_str::<TopicDescription>(text).is_err(), "{text}");
    }
}

// S-104: the very text, line end included, and Kafka's own warning about names that could collide.
#[test]
fn created() {
    golden(&Message::created("topic1"), &expect![[r#"{"message":"Output: Created topic \"topic1\".\n"}"#]]);
    for name in ["a_b", "a.b"] {
        assert_eq!(
            Message::created(name).message,
            format!(
                "Output: WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') \
                 could collide. To avoid issues it is best to use either, but not both.\nCreated topic \"{name}\".\n"
            )
        );
    }
}

// S-105: one single-key object per partition, offsets as texts.
#[test]
fn offsets() {
    let offsets = [(2, 334), (1, 333), (0, 333)].map(|(number, offset)| PartitionOffset { number, offset });
    golden(&offsets.to_vec(), &expect![[r#"[{"2":"334"},{"1":"333"},{"0":"333"}]"#]]);
    for text in ["{}", r#"{"0":"x"}"#, r#"{"0":"1","1":"1"}"#, r#"{"0":1}"#] {
        assert!(serde_json::from_str::<PartitionOffset>(text).is_err(), "{text}");
    }
}

// S-106, D10
#[test]
fn partitions_added() {
    golden(
        &Message::partitions_added(),
        &expect![[
            r#"{"message":"Output: WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected\nAdding partitions succeeded!\n"}"#
        ]],
    );
}

// S-109, D10
#[test]
fn marked_for_deletion() {
    golden(
        &Message::marked_for_deletion("topic1"),
        &expect![[
            r#"{"message":"Topic topic1 is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set to true.\n"}"#
        ]],
    );
}

// S-110, S-111: nothing but the message, where no topic bears the route's name.
#[test]
fn report() {
    golden(&Report::default(), &expect![[r#"{"message":""}"#]]);
    let report = Report { message: "\tTopic: t\n".to_owned(), note: Some("n".to_owned()) };
    golden(&report, &expect![[r#"{"message":"\tTopic: t\n","note":"n"}"#]]);
}

// S-102
#[test]
fn list() {
    golden(&vec!["topic1".to_owned(), "topic0".to_owned()], &expect![[r#"["topic1","topic0"]"#]]);
}
