#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{collections::BTreeSet, path::Path};

use expect_test::expect_file;

use super::*;

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

fn parsed() -> Value {
    serde_json::to_value(document()).unwrap()
}

fn object(value: &Value) -> &serde_json::Map<String, Value> {
    value.as_object().unwrap()
}

/// Every described route: method, path and description.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = object(&document["paths"]).iter();
    let all = paths.flat_map(|(path, item)| {
        let item = object(item).iter().filter(|(key, _)| METHODS.contains(&key.as_str()));
        item.map(|(method, operation)| (method.clone(), path.clone(), operation))
    });
    all.collect()
}

/// The answer itself, where it stands once for many routes.
pub(in crate::shell::http) fn resolved<'a>(document: &'a Value, answer: &'a Value) -> &'a Value {
    match answer["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => answer,
    }
}

/// The codes that an answer shows.
fn codes<'a>(document: &'a Value, answer: &'a Value) -> impl Iterator<Item = (ErrorCode, &'a Value)> {
    let examples = resolved(document, answer)["content"][JSON]["examples"].as_object();
    examples.into_iter().flatten().map(|(code, example)| (code.parse().unwrap(), &example["value"]))
}

// What changes here changes the API. `UPDATE_EXPECT=1` writes it.
#[test]
fn golden() {
    let text = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    expect_file!["golden.json"].assert_eq(&text);
}

// A route without a description cannot be: it can only be added by `routes!`, which takes no other.
#[test]
fn every_route_is_described() {
    fn check(file: &Path) {
        if file.is_dir() {
            std::fs::read_dir(file).unwrap().for_each(|entry| check(&entry.unwrap().path()));
        } else if !file.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests")) {
            let text = std::fs::read_to_string(file).unwrap();
            for way in [".route(", ".route_service(", ".nest(", "nest_service("] {
                assert!(!text.contains(way), "{}: add routes by routes!, not {way}", file.display());
            }
        }
    }
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/shell"));
}

// Each is described in full: what it is, what it takes, what it answers, and an example or a schema of that.
#[test]
fn descriptions_are_whole() {
    let document = parsed();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let route = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{route}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{route}");
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|p| p["name"] == part && p["in"] == "path"), "{route}: {part}");
        }
        let answers = object(&operation["responses"]);
        assert!(answers.keys().any(|status| status.starts_with('2')), "{route}");
        for (status, answer) in answers {
            let answer = resolved(&document, answer);
            assert!(
                object(&answer["content"]).values().all(|content| content.get("schema").is_some()),
                "{route} {status}"
            );
        }
    }
}

// D48: every code is described somewhere, and everywhere under its own status, with the body of D16.
#[test]
fn every_code_is_described_under_its_status() {
    let document = parsed();
    let mut found = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        for (status, answer) in object(&operation["responses"]) {
            for (code, example) in codes(&document, answer) {
                assert_eq!(code.status().to_string(), *status, "{method} {path}");
                let body: ErrorBody = serde_json::from_value(example.clone()).unwrap();
                assert_eq!(body.error_code, code);
                found.insert(code);
            }
        }
        for any in ANY {
            assert!(operation["responses"].get(any.status().to_string()).is_some(), "{method} {path}: {any}");
        }
    }
    // What is answered where there is no route belongs to none.
    found.extend([ErrorCode::HttpsRequired, ErrorCode::RouteNotFound, ErrorCode::MethodNotAllowed]);
    assert_eq!(found, ErrorCode::ALL.iter().copied().collect());
}

// Every reference leads somewhere.
#[test]
fn references_are_whole() {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(entries) => {
                found.extend(entries.get("$ref").and_then(Value::as_str));
                entries.values().for_each(|value| walk(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let document = parsed();
    let mut references = Vec::new();
    walk(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let there = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(there.is_some(), "{reference} is missing");
    }
}
