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

// S-104: the very text, line end included.
#[test]
fn created() {
    golden(&Message::created("topic1"), &expect![[r#"{"message":"Output: Created topic \"topic1\".\n"}"#]]);
}

// S-102
#[test]
fn list() {
    golden(&vec!["topic1".to_owned(), "topic0".to_owned()], &expect![[r#"["topic1","topic0"]"#]]);
}
