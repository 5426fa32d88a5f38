use expect_test::expect;

use super::*;
use crate::rest::golden;

#[test]
fn bodies() {
    let setting = |value: Option<&str>, source, sensitive| Setting {
        read_only: false,
        sensitive,
        source,
        value: value.map(str::to_owned),
    };
    let config = BTreeMap::from([
        ("cleanup.policy".to_owned(), setting(Some("compact"), Source::Topic, false)),
        ("ssl.key.password".to_owned(), setting(None, Source::StaticBroker, true)),
    ]);
    golden(
        &TopicConfig { config },
        &expect![[
            r#"{"config":{"cleanup.policy":{"read_only":false,"sensitive":false,"source":"topic","value":"compact"},"ssl.key.password":{"read_only":false,"sensitive":true,"source":"static_broker","value":null}}}"#
        ]],
    );
    let change = ConfigChange {
        set: BTreeMap::from([("retention.ms".to_owned(), "3600000".to_owned())]),
        unset: vec!["cleanup.policy".to_owned()],
    };
    golden(&change, &expect![[r#"{"set":{"retention.ms":"3600000"},"unset":["cleanup.policy"]}"#]]);
    golden(&ConfigChange::default(), &expect!["{}"]);
}

#[test]
fn sources_are_named_as_on_the_wire() {
    use Source::{Default, DynamicBroker, DynamicDefaultBroker, Other, StaticBroker, Topic};
    for source in [Topic, DynamicBroker, DynamicDefaultBroker, StaticBroker, Default, Other] {
        assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
    }
}
