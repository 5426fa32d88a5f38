use expect_test::expect;

use super::*;
use crate::rest::golden;

fn health(under_replicated: bool) -> Health {
    let check = |healthy, message: &str| Check { healthy, message: message.to_owned() };
    Health(BTreeMap::from([
        (CheckName::Store, check(true, "state is stored")),
        (CheckName::Registered, check(true, "subscribed as framework f-0")),
        (CheckName::BrokerCount, check(true, "3 of 3 brokers run")),
        (CheckName::UnderReplicated, check(!under_replicated, "orders/7 has ISR {0,2} of {0,1,2}")),
    ]))
}

// S-119, D19: the failing check has a name.
#[test]
fn body() {
    golden(
        &health(true),
        &expect![[
            r#"{"broker_count":{"healthy":true,"message":"3 of 3 brokers run"},"registered":{"healthy":true,"message":"subscribed as framework f-0"},"store":{"healthy":true,"message":"state is stored"},"under_replicated":{"healthy":false,"message":"orders/7 has ISR {0,2} of {0,1,2}"}}"#
        ]],
    );
    for name in health(true).0.keys() {
        assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
    }
}

#[test]
fn one_failing_check_is_enough() {
    assert!(health(false).is_healthy());
    assert!(!health(true).is_healthy());
    let failing: Vec<_> = health(true).failing().map(|(name, _)| name).collect();
    assert_eq!(failing, [CheckName::UnderReplicated]);
    assert!(!Health::default().is_healthy());
}
