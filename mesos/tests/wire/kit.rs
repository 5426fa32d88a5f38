//! Reader of the recorded sessions in `tests/mesos-conformance/wire`.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde_json::Value;

/// A line of a session.
pub(crate) enum Line {
    /// A call with its exact body.
    Call { body: Vec<u8>, decoded: Value },
    /// A whole SUBSCRIBE answer; of it the body with the chunks taken apart.
    Response { stream: Vec<u8> },
    /// A record with its frame.
    Record { framed: Vec<u8>, decoded: Value },
}

impl Line {
    /// Frame and meaning, if the line is a record.
    pub(crate) fn record(&self) -> Option<(&[u8], &Value)> {
        match self {
            Line::Record { framed, decoded } => Some((framed, decoded)),
            _ => None,
        }
    }
}

/// All lines of a session.
pub(crate) fn lines(session: &str) -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mesos-conformance/wire");
    let text = fs::read_to_string(root.join(format!("{session}.jsonl"))).unwrap();
    text.lines().map(|line| read(&serde_json::from_str(line).unwrap())).collect()
}

fn read(line: &Value) -> Line {
    let bytes = |key: &str| STANDARD.decode(line[key].as_str().unwrap()).unwrap();
    let decoded = || line["decoded"].clone();
    match line["kind"].as_str().unwrap() {
        "call" => Line::Call { body: bytes("body_base64"), decoded: decoded() },
        "response" => Line::Response { stream: body(&bytes("http_response_base64")) },
        "record" => Line::Record { framed: bytes("record_base64"), decoded: decoded() },
        other => panic!("unknown kind of line: {other}"),
    }
}

/// The body of a chunked response.
fn body(response: &[u8]) -> Vec<u8> {
    let head = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(String::from_utf8_lossy(&response[..head]).contains("Transfer-Encoding: chunked"));
    let mut rest = &response[head..];
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        // A recording stops where the client hung up, which may be before the last chunk.
        body.extend_from_slice(&rest[..size]);
        rest = rest.get(size + 2..).unwrap_or_default();
        if size == 0 {
            break;
        }
    }
    body
}

/// The text with each double in its shortest form: of two texts for the same double Mesos does not always take the
/// one nearest to it.
pub(crate) fn shortest_doubles(json: &str) -> String {
    let mut out = String::new();
    let mut number = String::new();
    let mut quoted = false;
    let mut escaped = false;
    for character in json.chars() {
        if !quoted && (character.is_ascii_digit() || matches!(character, '-' | '+' | '.')) {
            number.push(character);
            continue;
        }
        if number.contains('.') {
            out.push_str(&serde_json::to_string(&number.parse::<f64>().unwrap()).unwrap());
        } else {
            out.push_str(&number);
        }
        number.clear();
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        out.push(character);
    }
    out
}

/// The fields of a message and everything inside it that its definition does not have.
pub(crate) fn unknown_fields(message: &DynamicMessage, found: &mut Vec<String>) {
    let descriptor = message.descriptor();
    found.extend(
        message.unknown_fields().map(|field| format!("{} {}", descriptor.full_name(), field.number())),
    );
    for (_, value) in message.fields() {
        match value {
            prost_reflect::Value::Message(message) => unknown_fields(message, found),
            prost_reflect::Value::List(items) => {
                items
                    .iter()
                    .filter_map(prost_reflect::Value::as_message)
                    .for_each(|item| unknown_fields(item, found));
            }
            _ => {}
        }
    }
}
