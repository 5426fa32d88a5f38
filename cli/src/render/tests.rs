use api::rest::{Block, Phase, Plan, PlanActive, Status, Wait, WaitReason};
use expect_test::expect;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn sample_plan() -> Plan {
    let block = |n: u32, status, has_decision_point| Block {
        has_decision_point,
        id: Uuid::nil(),
        message: format!("Broker-{n} is {status}"),
        name: format!("broker-{n}"),
        status,
        waiting: None,
    };
    let reconciliation = Block {
        message: "Reconciliation complete".to_owned(),
        name: "Reconciliation".to_owned(),
        ..block(0, Status::Complete, false)
    };
    let wait = Wait::new(WaitReason::Start, "recovering its log, 41 %");
    let blocks = vec![
        Block { waiting: Some(wait), ..block(0, Status::InProgress, false) },
        block(1, Status::Pending, true),
    ];
    let phase = |name: &str, status, blocks| Phase { blocks, id: Uuid::nil(), name: name.to_owned(), status };
    Plan {
        errors: Vec::new(),
        phases: vec![
            phase("Reconciliation", Status::Complete, vec![reconciliation]),
            phase("Update to: c-1", Status::InProgress, blocks),
        ],
        status: Status::InProgress,
    }
}

// S-014: the very text of the guide's sample.
#[test]
fn json_looks_as_in_the_guide() {
    let value = json!({
        "zookeeper": "master.mesos:2181/dcos-service-kafka",
        "vip": "broker.kafka.l4lb.thisdcos.directory:9092",
        "dns": ["broker-0.kafka.mesos:9843", "broker-1.kafka.mesos:10056"],
        "address": ["10.0.0.211:9843", "10.0.0.217:10056"],
    });
    expect![[r#"
        {
            "address": [
                "10.0.0.211:9843",
                "10.0.0.217:10056"
            ],
            "dns": [
                "broker-0.kafka.mesos:9843",
                "broker-1.kafka.mesos:10056"
            ],
            "vip": "broker.kafka.l4lb.thisdcos.directory:9092",
            "zookeeper": "master.mesos:2181/dcos-service-kafka"
        }
    "#]]
    .assert_eq(&json(&value).unwrap());
}

#[test]
fn connection_table() {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let mut info = rest::Connection {
        address: texts(&["10.0.0.211:9843", "10.0.0.217:10056"]),
        dns: texts(&["broker-0.kafka.mesos:9843", "broker-1.kafka.mesos:10056"]),
        vip: "broker.kafka.l4lb.thisdcos.directory:9092".to_owned(),
        zookeeper: "master.mesos:2181/dcos-service-kafka".to_owned(),
    };
    expect![[r#"
        ADDRESS           DNS
        10.0.0.211:9843   broker-0.kafka.mesos:9843
        10.0.0.217:10056  broker-1.kafka.mesos:10056

        vip:       broker.kafka.l4lb.thisdcos.directory:9092
        zookeeper: master.mesos:2181/dcos-service-kafka
    "#]]
    .assert_eq(&connection(&info));
    (info.address, info.dns) = (Vec::new(), Vec::new());
    assert!(connection(&info).contains("(no broker runs)"));
}

// D4
#[test]
fn broker_table() {
    let running: rest::Broker = serde_json::from_value(json!({
        "agent": {"hostname": "node-1", "id": "a-S0"}, "config_id": Uuid::nil(), "generation": 0,
        "health": "healthy", "host": "10.0.0.211", "id": "0", "message": "", "port": 9843,
        "task_id": "broker-0__9c426c50-1087-475c-aa36-cd00d24ccebb", "task_state": "running", "waiting": null,
    }))
    .unwrap();
    let unplaced: rest::Broker = serde_json::from_value(json!({
        "agent": null, "config_id": null, "generation": 0, "health": "unknown", "host": null, "id": "1",
        "message": "", "port": null, "task_id": null, "task_state": null,
        "waiting": {"message": "no offer has 2080 MB of memory", "reason": "Offer"},
    }))
    .unwrap();
    expect![[r#"
        BROKER  TASK     HEALTH   ADDRESS          AGENT   TASK ID                                         WAITS FOR
        0       running  healthy  10.0.0.211:9843  node-1  broker-0__9c426c50-1087-475c-aa36-cd00d24ccebb
        1       none     unknown                                                                           no offer has 2080 MB of memory
    "#]]
    .assert_eq(&brokers(&[running, unplaced]));
}

#[test]
fn plan_table() {
    expect![[r#"
        plan: InProgress

        PHASE           BLOCK           STATUS      MESSAGE
        Reconciliation  Reconciliation  Complete    Reconciliation complete
        Update to: c-1  broker-0        InProgress  Broker-0 is InProgress: recovering its log, 41 %
                        broker-1        Pending     Broker-1 is Pending (waits for 'continue')
    "#]]
    .assert_eq(&plan(&sample_plan()));
}

// S-046
#[test]
fn plan_table_with_errors() {
    let refused = Plan {
        errors: vec!["Validation error on field \"BROKER_COUNT\": no.".to_owned()],
        phases: Vec::new(),
        status: Status::Error,
    };
    expect![[r#"
        plan: Error
        error: Validation error on field "BROKER_COUNT": no.

        PHASE  BLOCK  STATUS  MESSAGE
    "#]]
    .assert_eq(&plan(&refused));
}

// S-049, S-050
#[test]
fn active_table() {
    expect![[r#"
        plan: InProgress

        PHASE           BLOCK     STATUS      MESSAGE
        Update to: c-1  broker-0  InProgress  Broker-0 is InProgress: recovering its log, 41 %
    "#]]
    .assert_eq(&active(&PlanActive::from(&sample_plan())));
    let idle = Plan { errors: Vec::new(), phases: Vec::new(), status: Status::Complete };
    assert_eq!(active(&PlanActive::from(&idle)), "plan: Complete\n");
}

// S-102, S-103
#[test]
fn topic_tables() {
    expect![[r#"
        TOPIC
        topic0
        topic1
    "#]]
    .assert_eq(&column("TOPIC", &["topic0".to_owned(), "topic1".to_owned()]));
    let state = |leader, isr: &[i32]| json!({"controller_epoch": 1, "isr": isr, "leader": leader, "leader_epoch": 4, "version": 1});
    let description = json!({"partitions": [{"0": state(0, &[0, 1, 2])}, {"1": state(-1, &[])}]});
    expect![[r#"
        PARTITION  LEADER  IN SYNC  LEADER EPOCH  CONTROLLER EPOCH
        0          0       0,1,2    4             1
        1          none             4             1
    "#]]
    .assert_eq(&topic(&serde_json::from_value(description).unwrap()));
}

// A cell is one line.
#[test]
fn cells_hold_no_line_ends() {
    let mut table = Table::new(["A", "B"]);
    table.row(["x\ny", "z"]);
    assert_eq!(table.to_string(), "A    B\nx y  z\n");
}
