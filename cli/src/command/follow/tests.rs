use api::rest::{Block, Phase, Plan, Wait, WaitReason};
use expect_test::{Expect, expect};

use super::*;

fn block(n: u32, status: Status, detail: &str) -> Block {
    Block {
        has_decision_point: false,
        id: uuid::Uuid::nil(),
        message: format!("Broker-{n} is {status}{detail}"),
        name: format!("broker-{n}"),
        status,
        waiting: None,
    }
}

fn plan(status: Status, blocks: Vec<Block>) -> Plan {
    let phase = Phase { blocks, id: uuid::Uuid::nil(), name: "Update".to_owned(), status };
    Plan { errors: Vec::new(), phases: vec![phase], status }
}

// Each change is said once, and what was done before we came is not.
#[test]
fn progress_is_what_changes() {
    use Status::{Complete, InProgress, Pending};
    let mut progress = Progress::default();
    let mut check = |plan: Plan, expect: Expect| expect.assert_eq(&progress.lines(&plan).join("\n"));
    let waits = |n| Block {
        waiting: Some(Wait::new(WaitReason::Turn, "broker 1 comes first")),
        ..block(n, Pending, "")
    };
    let first =
        || plan(InProgress, vec![block(0, Complete, ""), block(1, InProgress, ": starting"), waits(2)]);
    check(
        first(),
        expect![[r#"
            broker-1: InProgress: starting
            broker-2: Pending: broker 1 comes first
            plan: InProgress"#]],
    );
    check(first(), expect![""]);
    let second = vec![block(0, Complete, ""), block(1, Complete, ""), block(2, InProgress, "")];
    check(
        plan(InProgress, second),
        expect![[r#"
            broker-1: Complete
            broker-2: InProgress"#]],
    );
    let last = (0..3).map(|n| block(n, Complete, "")).collect();
    check(
        plan(Complete, last),
        expect![[r#"
            broker-2: Complete
            plan: Complete"#]],
    );
}

// S-044: nobody waits without knowing for whom.
#[test]
fn a_decision_is_asked_for() {
    let lines = Progress::default().lines(&plan(Status::Waiting, Vec::new()));
    assert_eq!(lines, ["plan: Waiting: it waits for the operator's word"]);
}
