//! Mesos's JSON mapping, rule by rule (section "JSON mapping" of the protocol), and what is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mesos::json::{self, Error};
use mesos::v1::{
    Attribute, CommandInfo, ContainerId, FrameworkInfo, HealthCheck, MasterInfo, Offer, Resource, TaskInfo,
    TaskStatus, TimeInfo, Value, agent, master, offer, scheduler, value,
};
use mesos::{DecodeError, Encoding};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::ReflectMessage;

/// The problems a text has, one a line.
fn problems<T: ReflectMessage + Default + std::fmt::Debug>(text: &str) -> Vec<String> {
    match json::from_str::<T>(text).unwrap_err() {
        Error::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
        Error::Syntax(error) => panic!("{text} is no JSON: {error}"),
    }
}

#[test]
fn the_examples_of_the_reference_read_and_write_alike() {
    same::<scheduler::Event>(r#"{"type":"HEARTBEAT"}"#, "0808");
    same::<scheduler::Event>(
        r#"{"type":"ERROR","error":{"message":"Framework has been removed"}}"#,
        "0807421c0a1a4672616d65776f726b20686173206265656e2072656d6f766564",
    );
    same::<scheduler::Event>(
        concat!(
            r#"{"type":"OFFERS","offers":{"offers":[{"id":{"value":"O-1"},"framework_id":{"value":"F-1"},"#,
            r#""agent_id":{"value":"A-1"},"hostname":"h1","url":{"scheme":"http","address":{"hostname":"h1","#,
            r#""ip":"10.0.0.5","port":5051},"path":"/slave(1)"},"resources":[{"name":"cpus","type":"SCALAR","#,
            r#""scalar":{"value":4.0},"allocation_info":{"role":"demo"}}],"allocation_info":{"role":"demo"}}]}}"#
        ),
        concat!(
            "08021a660a640a050a034f2d3112050a03462d311a050a03412d31220268312a1b0a046370757310001a0909000000000000",
            "10405a060a0464656d6f42240a046874747012110a026831120831302e302e302e3518bb271a092f736c6176652831295206",
            "0a0464656d6f"
        ),
    );
    same::<scheduler::Call>(
        r#"{"framework_id":{"value":"F-1"},"type":"DECLINE","decline":{"offer_ids":[{"value":"O-1"}],"filters":{"refuse_seconds":120.0}}}"#,
        "0a050a03462d3110042a120a050a034f2d311209090000000000005e40",
    );
    same::<mesos::v1::executor::Call>(
        r#"{"executor_id":{"value":"E-1"},"framework_id":{"value":"F-1"},"type":"SUBSCRIBE","subscribe":{}}"#,
        "0a050a03452d3112050a03462d3118012200",
    );
    same::<Resource>(
        r#"{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":31001}]}}"#,
        "0a05706f7274731001220a0a080898f2011099f201",
    );
    same::<Resource>(
        concat!(
            r#"{"name":"disk","type":"SCALAR","scalar":{"value":1024.0},"allocation_info":{"role":"demo"},"#,
            r#""reservations":[{"type":"DYNAMIC","role":"demo","principal":"p"}],"#,
            r#""disk":{"persistence":{"id":"v1","principal":"p"},"volume":{"mode":"RW","container_path":"data"}}}"#
        ),
        concat!(
            "0a046469736b10001a090900000000000090403a130a070a02763112017012080a046461746118015a060a0464656d6f6a0b",
            "0a01701a0464656d6f2002"
        ),
    );
}

/// The text and the bytes are the same message, each written exactly so.
fn same<T: ReflectMessage + Default + PartialEq + std::fmt::Debug>(text: &str, hex: &str) {
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let message: T = json::from_str(text).unwrap();
    assert_eq!(json::to_string(&message), text);
    assert_eq!(Encoding::Protobuf.encode(&message), bytes, "{text}");
    assert_eq!(Encoding::Protobuf.decode::<T>(&bytes).unwrap(), message);
}

#[test]
fn explicit_defaults_are_written_unless_deprecated() {
    let command = CommandInfo { value: Some("true".to_owned()), ..Default::default() };
    assert_eq!(json::to_string(&command), r#"{"shell":true,"value":"true"}"#);
    // `role` has the default `*`, but is deprecated.
    let framework = FrameworkInfo { user: "u".to_owned(), name: "n".to_owned(), ..Default::default() };
    assert_eq!(
        json::to_string(&framework),
        r#"{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false}"#
    );
    assert_eq!(framework.role(), "*");
    assert_eq!(
        json::to_string(&HealthCheck::default()),
        concat!(
            r#"{"delay_seconds":15.0,"interval_seconds":10.0,"timeout_seconds":20.0,"consecutive_failures":3,"#,
            r#""grace_period_seconds":10.0}"#
        )
    );
}

#[test]
fn numbers_keep_their_kind() {
    let time = TimeInfo { nanoseconds: i64::MIN };
    assert_eq!(json::to_string(&time), r#"{"nanoseconds":-9223372036854775808}"#);
    let range = value::Range { begin: 0, end: u64::MAX };
    assert_eq!(json::to_string(&range), r#"{"begin":0,"end":18446744073709551615}"#);
    for text in
        [r#"{"begin":"0","end":"18446744073709551615"}"#, r#"{"begin":0.0,"end":18446744073709551615}"#]
    {
        assert_eq!(json::from_str::<value::Range>(text).unwrap(), range, "{text}");
    }
    for (value, text) in [(15.0, "15.0"), (0.1, "0.1"), (1e300, "1e+300"), (-2.5, "-2.5"), (0.0, "0.0")] {
        assert_eq!(json::to_string(&value::Scalar { value }), format!(r#"{{"value":{text}}}"#));
    }
    for (text, value) in
        [("15", 15.0), ("\"15\"", 15.0), ("\"1.5e3\"", 1500.0), ("\"-Infinity\"", f64::NEG_INFINITY)]
    {
        let scalar: value::Scalar = json::from_str(&format!(r#"{{"value":{text}}}"#)).unwrap();
        assert!((scalar.value - value).abs() < 1e-9 || scalar.value == value, "{text}");
    }
    let limit = value::Scalar { value: f64::INFINITY };
    assert_eq!(json::to_string(&limit), r#"{"value":"Infinity"}"#);
    for text in [
        r#"{"begin":-1,"end":1}"#,
        r#"{"begin":0.5,"end":1}"#,
        r#"{"begin":"x","end":1}"#,
        r#"{"begin":[0],"end":1}"#,
    ] {
        let found = problems::<value::Range>(text);
        assert!(
            found[0].starts_with("begin: ") && found[0].ends_with("an unsigned 64-bit integer expected"),
            "{found:?}"
        );
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[test]
fn enums_go_by_name_and_unknown_ones_are_absent_where_they_may_be() {
    let call: scheduler::Call = json::from_str(r#"{"type":"FROBNICATE"}"#).unwrap();
    assert_eq!(call.r#type, None);
    let offer: FrameworkInfo =
        json::from_str(r#"{"user":"u","name":"n","capabilities":[{"type":"FLYING"},{"type":"MULTI_ROLE"}]}"#)
            .unwrap();
    assert_eq!(offer.capabilities.len(), 2);
    assert_eq!(offer.capabilities[0].r#type, None);
    assert_eq!(problems::<scheduler::Call>(r#"{"type":1}"#).len(), 1);
    assert_eq!(
        problems::<Resource>(r#"{"name":"cpus","type":"HEAP"}"#),
        [r#"type: "HEAP" found, one of SCALAR, RANGES, SET, TEXT expected"#]
    );
}

#[test]
fn reading_is_as_lenient_as_mesos() {
    // Unknown keys and camelCase ones are ignored, null is absent, a list may be bare, bool and bytes may be texts.
    let call: scheduler::Call = json::from_str(
        r#"{"frameworkId":1,"what":{},"framework_id":null,"type":"DECLINE","decline":{"offer_ids":{"value":"O-1"}}}"#,
    )
    .unwrap();
    assert_eq!(call.framework_id, None);
    assert_eq!(call.decline.unwrap().offer_ids[0].value, "O-1");
    let health: agent::response::GetHealth = json::from_str(r#"{"healthy":"true"}"#).unwrap();
    assert!(health.healthy);
    let file: master::response::ReadFile = json::from_str(r#"{"size":2,"data":"AAE="}"#).unwrap();
    assert_eq!(file.data, [0, 1]);
    assert_eq!(json::to_string(&file), r#"{"size":2,"data":"AAE="}"#);
    for bad in ["AAE", "AA E=", "_w==", "*"] {
        let found = problems::<master::response::ReadFile>(&format!(r#"{{"size":2,"data":"{bad}"}}"#));
        assert!(found[0].starts_with("data: "), "{bad}: {found:?}");
    }
}

#[test]
fn maps_are_objects() {
    let task: TaskInfo = json::from_str(
        r#"{"name":"t","task_id":{"value":"T"},"agent_id":{"value":"A"},"limits":{"mem":{"value":64},"cpus":{"value":"Infinity"}}}"#,
    )
    .unwrap();
    assert_eq!(task.limits.len(), 2);
    assert_eq!(
        json::to_string(&task),
        r#"{"name":"t","task_id":{"value":"T"},"agent_id":{"value":"A"},"limits":{"cpus":{"value":"Infinity"},"mem":{"value":64.0}}}"#
    );
    assert_eq!(
        problems::<TaskInfo>(
            r#"{"name":"t","task_id":{"value":"T"},"agent_id":{"value":"A"},"limits":{"cpus":{}}}"#
        ),
        [r#"limits["cpus"].value: the field is required"#]
    );
}

#[test]
fn all_problems_are_named_at_once_with_their_paths() {
    let text = r#"{"type":"ACCEPT","accept":{"offer_ids":[{}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[
        {"name":7,"agent_id":{"value":"A"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":"much"}}]}]}}]}}"#;
    assert_eq!(
        problems::<scheduler::Call>(text),
        [
            "accept.operations[0].launch.task_infos[0].name: 7 found, a text expected",
            r#"accept.operations[0].launch.task_infos[0].resources[0].scalar.value: "much" found, a number expected"#,
            "accept.offer_ids[0].value: the field is required",
            "accept.operations[0].launch.task_infos[0].task_id: the field is required",
        ]
    );
    assert_eq!(problems::<scheduler::Call>("[]"), ["message: a list found, an object expected"]);
    assert!(matches!(json::from_str::<scheduler::Call>("{"), Err(Error::Syntax(_))));
}

#[test]
fn a_required_field_missing_in_protobuf_is_found_too() {
    // Reconcile.Task without its task_id: prost alone makes one up.
    let bytes = [0x10, 0x09, 0x4a, 0x02, 0x0a, 0x00];
    scheduler::Call::decode(&bytes[..]).unwrap();
    match Encoding::Protobuf.decode::<scheduler::Call>(&bytes) {
        Err(DecodeError::Required(missing)) => {
            assert_eq!(missing.to_string(), "reconcile.tasks[0].task_id: the field is required");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_come_in_mesos_order_and_defaults_of_numbers_hold() {
    let status: TaskStatus = json::from_str(
        r#"{"uuid":"AAE=","state":"TASK_RUNNING","healthy":true,"task_id":{"value":"T"},"timestamp":1,"source":"SOURCE_EXECUTOR"}"#,
    )
    .unwrap();
    assert_eq!(
        json::to_string(&status),
        r#"{"task_id":{"value":"T"},"state":"TASK_RUNNING","source":"SOURCE_EXECUTOR","timestamp":1.0,"uuid":"AAE=","healthy":true}"#
    );
    assert_eq!(offer::operation::Type::GrowVolume as i32, 11);
    let set = Attribute {
        name: "a".to_owned(),
        r#type: value::Type::Text.into(),
        text: Some(value::Text { value: "x".to_owned() }),
        ..Default::default()
    };
    // Number 5, where Value has its set.
    assert_eq!(set.encode_to_vec()[5], 5 << 3 | 2);
    let set = Value { r#type: value::Type::Text.into(), text: set.text, ..Default::default() };
    assert_eq!(set.encode_to_vec()[2], 5 << 3 | 2);
}

#[test]
fn nesting_without_end_is_refused_not_followed() {
    let deep = format!(r#"{}"value":"x"{}"#, r#"{"value":"x","parent":"#.repeat(5000), "}".repeat(5000));
    assert!(json::from_str::<ContainerId>(&deep).is_err());
    let mut bytes = vec![0x0a, 0x00];
    for _ in 0..2000 {
        let mut outer = vec![0x0a, 0x00, 0x12];
        prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.extend(&bytes);
        bytes = outer;
    }
    assert!(Encoding::Protobuf.decode::<ContainerId>(&bytes).is_err());
}

#[test]
fn accept_prefers_json_and_knows_refusals() {
    let json = Some(Encoding::Json);
    let protobuf = Some(Encoding::Protobuf);
    for (accept, expected) in [
        (None, json),
        (Some("*/*"), json),
        (Some("application/x-protobuf"), protobuf),
        (Some("application/x-protobuf, application/json"), json),
        (Some("application/json;q=0, */*"), protobuf),
        (Some("application/*"), json),
        (Some("text/html"), None),
        (Some("application/x-protobuf;q=0"), None),
    ] {
        assert_eq!(Encoding::of_accept(accept), expected, "{accept:?}");
    }
    assert_eq!(Encoding::of_content_type("application/json"), json);
    assert_eq!(Encoding::of_content_type("application/json; charset=utf-8"), None);
}

proptest! {
    #[test]
    fn arbitrary_texts_do_no_harm(text in "\\PC{0,80}") {
        json::fuzz(text.as_bytes());
    }

    #[test]
    fn almost_right_texts_do_no_harm(bytes in mutated(
        r#"{"type":"ACCEPT","accept":{"offer_ids":[{"value":"O"}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"t","task_id":{"value":"T"},"agent_id":{"value":"A"},"data":"AAE=","limits":{"mem":{"value":1e3}}}]}}],"filters":{"refuse_seconds":5.0}}}"#
    )) {
        json::fuzz(&bytes);
    }

    #[test]
    fn resources_survive_both_encodings(
        name in "[a-z]{1,8}",
        scalar in prop::option::of(any::<f64>().prop_filter("equal to itself", |value| !value.is_nan())),
        ranges in prop::collection::vec(any::<(u64, u64)>(), 0..4),
        role in prop::option::of("\\PC{0,12}"),
    ) {
        let resource = Resource {
            name,
            r#type: value::Type::Ranges.into(),
            scalar: scalar.map(|value| value::Scalar { value }),
            ranges: (!ranges.is_empty()).then(|| value::Ranges {
                range: ranges.iter().map(|(begin, end)| value::Range { begin: *begin, end: *end }).collect(),
            }),
            role,
            ..Default::default()
        };
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            prop_assert_eq!(&encoding.decode::<Resource>(&encoding.encode(&resource)).unwrap(), &resource);
        }
    }
}

/// A text with a few bytes changed, cut out or doubled.
fn mutated(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..6).prop_map(
        move |changes| {
            let mut bytes = text.as_bytes().to_vec();
            for (at, byte, how) in changes {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, byte),
                }
            }
            bytes
        },
    )
}

#[test]
fn messages_have_the_numbers_of_the_reference() {
    // A few that are out of order there.
    let info = MasterInfo { id: "M".to_owned(), ip: 1, port: 5050, ..Default::default() };
    assert_eq!(json::to_string(&info), r#"{"id":"M","ip":1,"port":5050}"#);
    assert_eq!(Offer::default().descriptor().get_field_by_name("allocation_info").unwrap().number(), 10);
    let event = scheduler::Event::default().descriptor();
    assert_eq!(event.get_field_by_name("inverse_offers").unwrap().number(), 9);
    assert_eq!(event.get_field_by_name("error").unwrap().number(), 8);
    assert_eq!(scheduler::event::Type::Error as i32, 7);
    assert_eq!(master::response::Type::GetOperations as i32, 19);
    assert_eq!(agent::response::Type::GetContainers as i32, 9);
}
