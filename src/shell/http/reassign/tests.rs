#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn check(body: Value, expect: Expect) {
    let text = match wish(body) {
        Ok(wish) => format!("{wish:?}"),
        Err(error) => format!("{}: {}", error.code, error.message.replace("; ", ";\n")),
    };
    expect.assert_eq(&text);
}

#[test]
fn good_ones() {
    check(
        json!({"topics": ["a"], "brokers": [2, 1], "replication": 2, "throttle_bytes_per_second": 9, "dry_run": true}),
        expect![[
            r#"Wish { target: Topics { topics: {TopicName("a")}, brokers: Some({1, 2}), replication: Some(2) }, rate: Some(9), dry_run: true }"#
        ]],
    );
    check(
        json!({"partitions": [{"topic": "a", "partition": 1, "replicas": [2, 1]}]}),
        expect![[
            r#"Wish { target: Partitions({TopicPartition { topic: TopicName("a"), number: 1 }: [2, 1]}), rate: None, dry_run: false }"#
        ]],
    );
}

// D16: every mistake at once.
#[test]
fn bad_ones() {
    check(json!({}), expect!["InvalidParameter: topics or partitions are needed: what is to be moved"]);
    check(
        json!({"topics": ["a b"], "brokers": [], "replication": 0, "throttle_bytes_per_second": 0, "dry": true}),
        expect![[r#"
            InvalidParameter: there is no "dry";
            there are topics, partitions, brokers, replication, throttle_bytes_per_second, dry_run;
            throttle_bytes_per_second must be from 1 to 9223372036854775806;
            replication is 0;
            each partition needs one replica at least;
            brokers is empty;
            without it all brokers that run are meant;
            Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"#]],
    );
    check(
        json!({"partitions": [
            {"topic": "a", "partition": 0, "replicas": [1, 1]},
            {"topic": "a", "partition": 0, "replicas": [], "x": 1},
            {"topic": 7, "partition": -1},
        ], "brokers": [1]}),
        expect![[r#"
            InvalidParameter: brokers and replication go with topics;
            partitions say their replicas;
            partitions[0].replicas names a broker twice;
            there is no partitions[1]."x";
            there are topic, partition, replicas;
            partitions[1].replicas is empty;
            each partition needs one replica at least;
            partitions[1]: partition a/0 is given more than once;
            partitions[2].topic is 7;
            a name is expected;
            partitions[2].partition is -1;
            a whole number from 0 is expected;
            partitions[2].replicas is missing;
            a list of broker ids is expected"#]],
    );
}
