use expect_test::expect;

use super::*;
use crate::rest::golden;

#[test]
fn bodies() {
    let partition = PartitionName { topic: "orders".to_owned(), partition: 0 };
    let request =
        LeaderElection { topics: Some(vec!["orders".to_owned()]), partitions: Some(vec![partition.clone()]) };
    golden(&request, &expect![[r#"{"partitions":[{"partition":0,"topic":"orders"}],"topics":["orders"]}"#]]);
    golden(&LeaderElection::default(), &expect!["{}"]);
    let refused = RefusedPartition {
        topic: "orders".to_owned(),
        partition: 1,
        error: "PREFERRED_LEADER_NOT_AVAILABLE".to_owned(),
    };
    golden(
        &Elected { elected: vec![partition], refused: vec![refused] },
        &expect![[
            r#"{"elected":[{"partition":0,"topic":"orders"}],"refused":[{"error":"PREFERRED_LEADER_NOT_AVAILABLE","partition":1,"topic":"orders"}]}"#
        ]],
    );
}
