use expect_test::expect;

use super::*;
use crate::rest::golden;

#[test]
fn requests() {
    let topics = Reassignment {
        topics: Some(vec!["orders".to_owned()]),
        brokers: Some(vec![0, 1, 3]),
        replication: Some(2),
        throttle_bytes_per_second: Some(10_000_000),
        dry_run: true,
        ..Reassignment::default()
    };
    golden(
        &topics,
        &expect![[
            r#"{"brokers":[0,1,3],"dry_run":true,"replication":2,"throttle_bytes_per_second":10000000,"topics":["orders"]}"#
        ]],
    );
    let wish = Wish { topic: "orders".to_owned(), partition: 0, replicas: vec![1, 2] };
    let partitions = Reassignment { partitions: Some(vec![wish]), ..Reassignment::default() };
    golden(&partitions, &expect![[r#"{"partitions":[{"partition":0,"replicas":[1,2],"topic":"orders"}]}"#]]);
}

#[test]
fn answers() {
    let change = |error: Option<&str>| Change {
        topic: "orders".to_owned(),
        partition: 0,
        from: vec![0, 1],
        to: vec![1, 2],
        error: error.map(str::to_owned),
    };
    let partitions = vec![change(None), change(Some("UNKNOWN_TOPIC_OR_PARTITION"))];
    golden(
        &ReassignmentPlan { dry_run: false, copies: 2, limited: Vec::new(), partitions, unchanged: 3 },
        &expect![[
            r#"{"copies":2,"dry_run":false,"partitions":[{"from":[0,1],"partition":0,"to":[1,2],"topic":"orders"},{"error":"UNKNOWN_TOPIC_OR_PARTITION","from":[0,1],"partition":0,"to":[1,2],"topic":"orders"}],"unchanged":3}"#
        ]],
    );
    let limited = vec![change(None)];
    golden(
        &ReassignmentPlan { dry_run: true, copies: 0, limited, partitions: Vec::new(), unchanged: 1 },
        &expect![[
            r#"{"copies":0,"dry_run":true,"limited":[{"from":[0,1],"partition":0,"to":[1,2],"topic":"orders"}],"partitions":[],"unchanged":1}"#
        ]],
    );
    let moving = Moving {
        topic: "orders".to_owned(),
        partition: 0,
        replicas: vec![1, 2, 0],
        adding: vec![2],
        removing: vec![0],
        bytes_done: Some(1_048_576),
        bytes_total: None,
    };
    golden(
        &ReassignmentList { limits_untended: None, reassignments: vec![moving] },
        &expect![[
            r#"{"reassignments":[{"adding":[2],"bytes_done":1048576,"bytes_total":null,"partition":0,"removing":[0],"replicas":[1,2,0],"topic":"orders"}]}"#
        ]],
    );
    let untended = LimitsUntended { message: "no broker answered".to_owned(), since_ms: 1_764_104_090_500 };
    golden(
        &ReassignmentList { limits_untended: Some(untended), reassignments: Vec::new() },
        &expect![[
            r#"{"limits_untended":{"message":"no broker answered","since_ms":1764104090500},"reassignments":[]}"#
        ]],
    );
    let cancelled = Cancelled {
        cancelled: vec![PartitionName { topic: "orders".to_owned(), partition: 0 }],
        refused: vec![RefusedPartition {
            topic: "orders".to_owned(),
            partition: 1,
            error: "NOT_CONTROLLER".to_owned(),
        }],
    };
    golden(
        &cancelled,
        &expect![[
            r#"{"cancelled":[{"partition":0,"topic":"orders"}],"refused":[{"error":"NOT_CONTROLLER","partition":1,"topic":"orders"}]}"#
        ]],
    );
}
