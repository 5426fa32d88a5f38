use expect_test::{Expect, expect};

use super::*;
use crate::rest::golden;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn block(n: u32, status: Status, has_decision_point: bool) -> Block {
    Block {
        has_decision_point,
        id: id(0x10 + u128::from(n)),
        message: format!("Broker-{n} is {status}"),
        name: format!("broker-{n}"),
        status,
        waiting: None,
    }
}

fn plan(status: Status, update: Status, blocks: Vec<Block>) -> Plan {
    let reconciled = Block {
        has_decision_point: false,
        id: id(1),
        message: "Reconciliation complete".to_owned(),
        name: "Reconciliation".to_owned(),
        status: Status::Complete,
        waiting: None,
    };
    let phase = |n, name: String, status, blocks| Phase { blocks, id: id(n), name, status };
    Plan {
        errors: Vec::new(),
        phases: vec![
            phase(2, "Reconciliation".to_owned(), Status::Complete, vec![reconciled]),
            phase(3, format!("Update to: {}", id(4)), update, blocks),
        ],
        status,
    }
}

fn idle() -> Plan {
    let blocks = (0..2).map(|n| block(n, Status::Complete, false)).collect();
    plan(Status::Complete, Status::Complete, blocks)
}

fn waiting() -> Plan {
    let blocks = (0..3).map(|n| block(n, Status::Pending, n < 2)).collect();
    plan(Status::Waiting, Status::Waiting, blocks)
}

fn rolling() -> Plan {
    let blocks = vec![
        block(0, Status::InProgress, false),
        block(1, Status::Pending, true),
        block(2, Status::Pending, false),
    ];
    plan(Status::InProgress, Status::InProgress, blocks)
}

// S-040, S-043: exact keys and their order.
#[test]
fn idle_plan() {
    golden(
        &idle(),
        &expect![[
            r#"{"errors":[],"phases":[{"blocks":[{"has_decision_point":false,"id":"00000000-0000-0000-0000-000000000001","message":"Reconciliation complete","name":"Reconciliation","status":"Complete"}],"id":"00000000-0000-0000-0000-000000000002","name":"Reconciliation","status":"Complete"},{"blocks":[{"has_decision_point":false,"id":"00000000-0000-0000-0000-000000000010","message":"Broker-0 is Complete","name":"broker-0","status":"Complete"},{"has_decision_point":false,"id":"00000000-0000-0000-0000-000000000011","message":"Broker-1 is Complete","name":"broker-1","status":"Complete"}],"id":"00000000-0000-0000-0000-000000000003","name":"Update to: 00000000-0000-0000-0000-000000000004","status":"Complete"}],"status":"Complete"}"#
        ]],
    );
}

fn shape(plan: &Plan, expect: &Expect) {
    let blocks = |phase: &Phase| {
        let block = |block: &Block| format!("{}:{}:{}", block.name, block.status, block.has_decision_point);
        format!("{} {}", phase.status, phase.blocks.iter().map(block).collect::<Vec<_>>().join(" "))
    };
    let text = serde_json::to_string(plan).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    let phases: Vec<String> = read.phases.iter().map(blocks).collect();
    expect.assert_eq(&format!("{}\n{}\n", read.status, phases.join("\n")));
}

// S-044, S-045: the two STAGE samples can be said, and read back.
#[test]
fn staged_plans() {
    shape(
        &waiting(),
        &expect![[r#"
            Waiting
            Complete Reconciliation:Complete:false
            Waiting broker-0:Pending:true broker-1:Pending:true broker-2:Pending:false
        "#]],
    );
    shape(
        &rolling(),
        &expect![[r#"
            InProgress
            Complete Reconciliation:Complete:false
            InProgress broker-0:InProgress:false broker-1:Pending:true broker-2:Pending:false
        "#]],
    );
}

// S-046, S-047
#[test]
fn refused_configuration() {
    let error =
        "Validation error on field \"BROKER_COUNT\": Decreasing this value (from 3 to 2) is not supported.";
    let refused = Plan { errors: vec![error.to_owned()], phases: Vec::new(), status: Status::Error };
    golden(
        &refused,
        &expect![[
            r#"{"errors":["Validation error on field \"BROKER_COUNT\": Decreasing this value (from 3 to 2) is not supported."],"phases":[],"status":"Error"}"#
        ]],
    );
}

// S-042, D2: these words and no others.
#[test]
fn status_words() {
    use Status::{Complete, Error, InProgress, Pending, Waiting};
    golden(
        &vec![Complete, Pending, InProgress, Waiting, Error],
        &expect![[r#"["Complete","Pending","InProgress","Waiting","Error"]"#]],
    );
    assert!(serde_json::from_str::<Status>("\"COMPLETE\"").is_err());
    for status in [Complete, Pending, InProgress, Waiting, Error] {
        assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
    }
}

// D2: an added key, absent where nothing is waited for; a kind from the future reads as `Other`.
#[test]
fn waiting_block() {
    let wait = Wait::new(WaitReason::Offer, "no offer has 2080 MB of memory");
    golden(
        &Block { waiting: Some(wait), ..block(2, Status::Pending, false) },
        &expect![[
            r#"{"has_decision_point":false,"id":"00000000-0000-0000-0000-000000000012","message":"Broker-2 is Pending","name":"broker-2","status":"Pending","waiting":{"message":"no offer has 2080 MB of memory","reason":"Offer"}}"#
        ]],
    );
    let future: Wait = serde_json::from_str(r#"{"message":"m","reason":"Moon"}"#).unwrap();
    assert_eq!(future, Wait::new(WaitReason::Other, "m"));
}

// S-049, D3
#[test]
fn active_while_rolling() {
    golden(
        &PlanActive::from(&rolling()),
        &expect![[
            r#"{"block":{"has_decision_point":false,"id":"00000000-0000-0000-0000-000000000010","message":"Broker-0 is InProgress","name":"broker-0","status":"InProgress"},"phase":{"block_count":3,"id":"00000000-0000-0000-0000-000000000003","name":"Update to: 00000000-0000-0000-0000-000000000004","status":"InProgress"},"stage":{"errors":[],"phase_count":2,"status":"InProgress"}}"#
        ]],
    );
}

// S-050: `block` and `phase` are absent, not null.
#[test]
fn active_while_idle() {
    golden(
        &PlanActive::from(&idle()),
        &expect![[r#"{"stage":{"errors":[],"phase_count":2,"status":"Complete"}}"#]],
    );
}

// S-049: the block under way is the active one, wherever it stands; with none, the next.
#[test]
fn active_block() {
    let active = |statuses: &[Status]| {
        let blocks = (0..).zip(statuses).map(|(n, status)| block(n, *status, false)).collect();
        let plan = plan(Status::InProgress, Status::InProgress, blocks);
        PlanActive::from(&plan).block.map(|block| block.name)
    };
    use Status::{Complete, InProgress, Pending};
    assert_eq!(active(&[Pending, Complete, InProgress]).as_deref(), Some("broker-2"));
    assert_eq!(active(&[Complete, Pending, Pending]).as_deref(), Some("broker-1"));
}

// S-048
#[test]
fn in_progress_means_work_goes_on_by_itself() {
    let in_progress = |status| plan(status, status, Vec::new()).in_progress();
    assert!(in_progress(Status::InProgress) && in_progress(Status::Pending));
    assert!(![Status::Complete, Status::Waiting, Status::Error].into_iter().any(in_progress));
}

// S-046, S-048: a refused configuration while the last valid one is still rolled out.
#[test]
fn a_refusal_does_not_hide_work_in_progress() {
    let in_progress = |phase| plan(Status::Error, phase, Vec::new()).in_progress();
    assert!(in_progress(Status::InProgress) && in_progress(Status::Pending));
    assert!(!in_progress(Status::Complete) && !in_progress(Status::Waiting));
}
