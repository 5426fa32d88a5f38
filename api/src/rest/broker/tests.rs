use expect_test::expect;

use super::*;
use crate::rest::{golden, plan::WaitReason};

// S-098: ids are texts.
#[test]
fn list() {
    golden(
        &BrokerList { brokers: (0..3).map(BrokerId).collect() },
        &expect![[r#"{"brokers":["0","1","2"]}"#]],
    );
    assert!(serde_json::from_str::<BrokerList>(r#"{"brokers":["x"]}"#).is_err());
}

// D4
#[test]
fn running() {
    let uuid = Uuid::from_u128(7);
    let agent = Agent { hostname: "node-1".to_owned(), id: "a-S0".to_owned() };
    golden(
        &Broker {
            agent: Some(agent),
            config_id: Some(uuid),
            generation: 0,
            health: BrokerHealth::Healthy,
            host: Some("10.0.0.211".to_owned()),
            id: BrokerId(0),
            message: "serves on 10.0.0.211:9843".to_owned(),
            port: Some(9843),
            task_id: Some(TaskId { broker: BrokerId(0), uuid }),
            task_state: Some(TaskState::Running),
            waiting: None,
        },
        &expect![[
            r#"{"agent":{"hostname":"node-1","id":"a-S0"},"config_id":"00000000-0000-0000-0000-000000000007","generation":0,"health":"healthy","host":"10.0.0.211","id":"0","message":"serves on 10.0.0.211:9843","port":9843,"task_id":"broker-0__00000000-0000-0000-0000-000000000007","task_state":"running","waiting":null}"#
        ]],
    );
}

// D4: nothing is left out, so that the shape never changes.
#[test]
fn not_placed_yet() {
    golden(
        &Broker {
            agent: None,
            config_id: None,
            generation: 0,
            health: BrokerHealth::Unknown,
            host: None,
            id: BrokerId(2),
            message: String::new(),
            port: None,
            task_id: None,
            task_state: None,
            waiting: Some(Wait::new(WaitReason::Turn, "broker 1 comes first")),
        },
        &expect![[
            r#"{"agent":null,"config_id":null,"generation":0,"health":"unknown","host":null,"id":"2","message":"","port":null,"task_id":null,"task_state":null,"waiting":{"message":"broker 1 comes first","reason":"Turn"}}"#
        ]],
    );
}

#[test]
fn words_are_those_on_the_wire() {
    use TaskState::{Ended, Launching, Running, Starting, Stopping, Unreachable};
    for state in [Launching, Starting, Running, Stopping, Unreachable, Ended] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for health in [BrokerHealth::Healthy, BrokerHealth::Unhealthy, BrokerHealth::Unknown] {
        assert_eq!(serde_json::to_value(health).unwrap(), health.as_str());
    }
}
