//! The bytes recorded from a real Mesos 1.12: framing, both encodings, in both directions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "wire/kit.rs"]
mod kit;

use kit::{Line, lines};
use mesos::v1::{executor, scheduler};
use mesos::{Encoding, json, recordio};
use prost_reflect::{DynamicMessage, ReflectMessage};
use serde_json::Value;

const SESSIONS: [(&str, Encoding); 4] = [
    ("scheduler-json", Encoding::Json),
    ("scheduler-protobuf", Encoding::Protobuf),
    ("executor-json", Encoding::Json),
    ("executor-protobuf", Encoding::Protobuf),
];

#[test]
fn every_stream_splits_into_the_records_that_follow_it() {
    for (session, _) in SESSIONS {
        let lines = lines(session);
        let mut streams = 0;
        for (index, line) in lines.iter().enumerate() {
            let Line::Response { stream } = line else { continue };
            streams += 1;
            let expected: Vec<&[u8]> =
                lines[index + 1..].iter().map_while(Line::record).map(|(framed, _)| framed).collect();
            // Record borders, every single byte, and pieces of odd sizes.
            for size in [stream.len(), 1, 2, 3, 7, 61, 1021] {
                let mut decoder = recordio::Decoder::new(1 << 20);
                let mut framed = Vec::new();
                for piece in stream.chunks(size) {
                    decoder.push(piece);
                    while let Some(record) = decoder.next_record().unwrap() {
                        framed.push(recordio::encode(&record));
                    }
                }
                assert!(decoder.is_between_records(), "{session}: the stream ends inside a record");
                assert_eq!(framed, expected, "{session}, pieces of {size}");
            }
        }
        assert!(streams >= 2, "{session} holds {streams} streams");
    }
}

#[test]
fn every_event_means_what_was_recorded() {
    let mut events = 0;
    for (session, encoding) in SESSIONS {
        for line in lines(session) {
            let Some((framed, decoded)) = line.record() else { continue };
            let at = framed.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            if session.starts_with("scheduler") {
                means::<scheduler::Event>(encoding, &framed[at..], decoded);
            } else {
                means::<executor::Event>(encoding, &framed[at..], decoded);
            }
            events += 1;
        }
    }
    assert!(events >= 80, "only {events} events");
}

#[test]
fn every_call_means_what_was_recorded() {
    let mut calls = 0;
    for (session, encoding) in SESSIONS {
        for line in lines(session) {
            let Line::Call { body, decoded } = &line else { continue };
            if session.starts_with("scheduler") {
                call::<scheduler::Call>(encoding, body, decoded);
            } else {
                call::<executor::Call>(encoding, body, decoded);
            }
            calls += 1;
        }
    }
    assert!(calls >= 60, "only {calls} calls");
}

/// What Mesos wrote is read, means `decoded`, and is written again to the byte.
fn means<T: ReflectMessage + Default + PartialEq + std::fmt::Debug>(
    encoding: Encoding,
    bytes: &[u8],
    decoded: &Value,
) {
    let message: T = encoding.decode(bytes).unwrap();
    assert_eq!(message, json::from_value(decoded).unwrap());
    let again = encoding.encode(&message);
    match encoding {
        Encoding::Protobuf => {
            let mut unknown = Vec::new();
            kit::unknown_fields(&DynamicMessage::decode(message.descriptor(), bytes).unwrap(), &mut unknown);
            // One old field of the agent is not in the definitions; nothing but it is lost.
            match unknown.as_slice() {
                [] => assert_eq!(again, bytes, "not written as Mesos does"),
                unknown => assert_eq!(unknown, ["mesos.v1.AgentInfo 7"]),
            }
        }
        Encoding::Json => {
            let (again, bytes) = (String::from_utf8(again).unwrap(), std::str::from_utf8(bytes).unwrap());
            assert_eq!(again, kit::shortest_doubles(bytes), "not written as Mesos does");
        }
    }
    both_ways(&message);
}

fn call<T: ReflectMessage + Default + PartialEq + std::fmt::Debug>(
    encoding: Encoding,
    bytes: &[u8],
    decoded: &Value,
) {
    let message: T = encoding.decode(bytes).unwrap();
    assert_eq!(message, json::from_value(decoded).unwrap());
    both_ways(&message);
}

fn both_ways<T: ReflectMessage + Default + PartialEq + std::fmt::Debug>(message: &T) {
    let protobuf: T = Encoding::Protobuf.decode(&Encoding::Protobuf.encode(message)).unwrap();
    assert_eq!(&protobuf, message);
    // Text carries defaults that were unset, so it is compared with what those defaults make of the message.
    let text = json::to_string(message);
    let full: T = json::from_str(&text).unwrap();
    assert_eq!(json::to_string(&full), text);
}
