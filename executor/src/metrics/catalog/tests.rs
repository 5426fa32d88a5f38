#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a failed unwrap is a failed test, and it reads files

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::*;

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

#[test]
fn names_are_plain_and_told_apart_by_every_receiver() {
    let mut seen = BTreeMap::new();
    for row in Metric::ALL.iter().map(|metric| metric.row()) {
        let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || ".-_".contains(char);
        assert!(row.name.contains('.') && row.name.chars().all(plain), "{}", row.name);
        assert_eq!(super::super::clean(row.name), row.name);
        assert!(row.meaning.ends_with('.') && !row.meaning.contains(['|', '\n', '\\']), "{}", row.name);
        // As Prometheus has them.
        assert_eq!(seen.insert(row.name.replace('.', "_"), row.name), None, "{}", row.name);
    }
    // No name is a directory of Graphite's and a file as well.
    for name in seen.values() {
        let below = format!("{name}.");
        assert!(!seen.values().any(|other| other.starts_with(&below)), "{name}");
    }
}

#[test]
fn units_are_in_the_names() {
    for row in Metric::ALL.iter().map(|metric| metric.row()) {
        match row.unit {
            "milliseconds" => assert!(row.name.ends_with("_ms"), "{}", row.name),
            "seconds" => assert!(row.name.ends_with("_seconds"), "{}", row.name),
            "0 to 1" => assert!(row.name.ends_with("_ratio"), "{}", row.name),
            "bytes" => assert!(row.name.contains("bytes"), "{}", row.name),
            _ => {}
        }
    }
}

// D23: `UPDATE_EXPECT=1 cargo test -p executor catalog` writes the table.
#[test]
fn the_docs_list_every_metric() {
    let path = docs("metrics.md");
    let mut text = fs::read_to_string(&path).unwrap();
    let table = markdown();
    let start = text.find("| Name | Type |").expect("docs/metrics.md has the table");
    let length: usize =
        text[start..].split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
    if text[start..start + length] != table {
        assert!(std::env::var_os("UPDATE_EXPECT").is_some(), "docs/metrics.md must say:\n{table}");
        text.replace_range(start..start + length, &table);
        fs::write(path, text).unwrap();
    }
}

/// What a Graphite target asks for: our name and its type, by where Etsy's statsd files it.
fn asked(target: &str) -> Option<(String, Kind)> {
    let word = |char: char| char.is_ascii_alphanumeric() || "._-$*".contains(char);
    let path = target.split(|char| !word(char)).find(|word| word.starts_with("stats"))?;
    let (kind, rest) = if let Some(rest) = path.strip_prefix("stats.gauges.") {
        (Kind::Gauge, rest)
    } else if let Some(rest) = path.strip_prefix("stats.timers.") {
        (Kind::Timer, rest.rsplit_once('.')?.0)
    } else if let Some(rest) = path.strip_prefix("stats_counts.") {
        (Kind::Counter, rest)
    } else {
        (Kind::Counter, path.strip_prefix("stats.")?)
    };
    Some((rest.strip_prefix("$prefix.broker.$broker.")?.to_owned(), kind))
}

fn targets(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("target").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| targets(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| targets(value, found)),
        _ => {}
    }
}

// The dashboard has every metric, by its name and its type, and no other.
#[test]
fn the_dashboard_has_exactly_these_names() {
    let text = fs::read_to_string(docs("grafana/kafka-broker.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    targets(&dashboard["panels"], &mut found);
    let shown: BTreeSet<(String, String)> = found
        .iter()
        .map(|target| {
            let (name, kind) = asked(target).unwrap_or_else(|| panic!("{target} asks for none of ours"));
            (name, kind.to_string())
        })
        .collect();
    let listed: BTreeSet<(String, String)> = Metric::ALL
        .iter()
        .map(|metric| (metric.row().name.to_owned(), metric.row().kind.to_string()))
        .collect();
    assert_eq!(shown, listed);
}
