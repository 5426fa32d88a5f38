//! Layers of overrides: which value of a key wins, where it came from, what changed, and what may not be set.
//!
//! Layers come lowest first (default < service < task, D37): for each key the last layer that names it wins, and
//! only the winner is compared with the file. Applying the same layers twice is therefore the same as once.

use std::{collections::BTreeMap, fmt};

use crate::properties::Properties;

/// Some keys and where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Shown beside each key it sets.
    pub name: String,
    /// Key to value.
    pub properties: BTreeMap<String, String>,
}

/// One key that reads differently after the override.
///
/// `Display` shows `key: old → new (layer)`, with the values of secrets hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The property.
    pub key: String,
    /// What it read before; `None`: it was not there.
    pub old: Option<String>,
    /// What it reads now; `None`: it is gone.
    pub new: Option<String>,
    /// The layer that won; none names a key that is gone.
    pub layer: String,
    /// Lower layers that named the key too, lowest first.
    pub over: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &str| if is_secret(&self.key) { "[hidden]".to_owned() } else { value.to_owned() };
        let show = |value: &Option<String>| value.as_deref().map_or("unset".to_owned(), show);
        write!(f, "{}: {} → {}", self.key, show(&self.old), show(&self.new))?;
        if self.new.is_none() {
            return Ok(());
        }
        write!(f, " ({}", self.layer)?;
        if !self.over.is_empty() {
            write!(f, " over {}", self.over.join(", "))?;
        }
        f.write_str(")")
    }
}

/// Whether a key's value must not be shown: Kafka's properties of type PASSWORD, and what looks like one.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "jaas", "credential"].iter().any(|part| key.contains(part))
        || [".key", "token", ".certificates", ".certificate.chain"].iter().any(|end| key.ends_with(end))
}

/// Applies `layers`, lowest first, and tells what changed, in key order.
pub fn apply(properties: &mut Properties, layers: &[Layer]) -> Vec<Change> {
    let mut winners: BTreeMap<&str, (&str, Vec<&str>)> = BTreeMap::new();
    for layer in layers {
        for (key, value) in &layer.properties {
            let (winner, names) = winners.entry(key).or_default();
            *winner = value;
            names.push(&layer.name);
        }
    }
    let mut changes = Vec::new();
    for (key, (new, mut names)) in winners {
        let old = properties.get(key).map(str::to_owned);
        if old.as_deref() == Some(new) {
            continue;
        }
        properties.set(key, new);
        let layer = names.pop().unwrap_or_default().to_owned();
        let over = names.into_iter().map(str::to_owned).collect();
        changes.push(Change { key: key.to_owned(), old, new: Some(new.to_owned()), layer, over });
    }
    changes
}

/// What reads differently in a file that `layers` alone make than in the one `before`, in key order.
pub fn differences(before: &Properties, layers: &[Layer]) -> Vec<Change> {
    let mut changes = apply(&mut before.clone(), layers);
    for (key, old) in before.to_map() {
        if !layers.iter().any(|layer| layer.properties.contains_key(&key)) {
            changes.push(Change { key, old: Some(old), new: None, layer: String::new(), over: Vec::new() });
        }
    }
    changes.sort_by(|one, other| one.key.cmp(&other.key));
    changes
}

/// A key that a layer must not set, since an option of its own does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} ({layer}) is reserved: {instead}")]
pub struct Reserved {
    /// The property.
    pub key: String,
    /// The layer that names it.
    pub layer: String,
    /// What to do instead: the option that sets it.
    pub instead: String,
}

/// Every reserved key that the layers name. `instead_of` is the table: for a key that is
/// reserved, what to do instead (`use BROKER_PORT`).
pub fn reserved<'a>(layers: &[Layer], instead_of: impl Fn(&str) -> Option<&'a str>) -> Vec<Reserved> {
    let mut found = Vec::new();
    for layer in layers {
        for key in layer.properties.keys() {
            if let Some(instead) = instead_of(key) {
                found.push(Reserved {
                    key: key.clone(),
                    layer: layer.name.clone(),
                    instead: instead.to_owned(),
                });
            }
        }
    }
    found
}

/// Property of an environment variable `KAFKA_OVERRIDE_LOG_RETENTION_HOURS` → `log.retention.hours` (S-071).
pub fn key_of_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("KAFKA_OVERRIDE_").filter(|rest| !rest.is_empty())?;
    Some(rest.to_ascii_lowercase().replace('_', "."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use proptest::prelude::*;

    use super::*;

    fn layer(name: &str, pairs: &[(&str, &str)]) -> Layer {
        let properties = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Layer { name: name.to_owned(), properties }
    }

    // D37: layers, low to high.
    #[test]
    fn the_last_layer_wins_and_the_report_names_it() {
        let mut file = Properties::parse(b"# mine\na=0\nsame=1\n").unwrap();
        let layers = [
            layer("default", &[("a", "1"), ("b", "1"), ("same", "9")]),
            layer("service", &[("a", "2"), ("same", "1")]),
            layer("task", &[("c", "3")]),
        ];
        let changes: Vec<_> = apply(&mut file, &layers).iter().map(Change::to_string).collect();
        assert_eq!(
            changes,
            ["a: 0 → 2 (service over default)", "b: unset → 1 (default)", "c: unset → 3 (task)"]
        );
        assert_eq!(String::from_utf8(file.to_bytes()).unwrap(), "# mine\na=2\nsame=1\nb=1\nc=3\n");
    }

    #[test]
    fn another_file_is_told_against_the_one_before() {
        let before = Properties::parse(b"b=1\na=0\nsame=1\nssl.key.password=swordfish\n").unwrap();
        let layers = [layer("service", &[("same", "1"), ("b", "2"), ("new", "3")])];
        let changes: Vec<_> = differences(&before, &layers).iter().map(Change::to_string).collect();
        assert_eq!(
            changes,
            [
                "a: 0 → unset",
                "b: 1 → 2 (service)",
                "new: unset → 3 (service)",
                "ssl.key.password: [hidden] → unset"
            ]
        );
        assert_eq!(before.get("b"), Some("1"));
        assert!(differences(&before, &[layer("all", &[])]).iter().all(|change| change.new.is_none()));
    }

    #[test]
    fn secrets_are_set_but_not_shown() {
        let mut file = Properties::default();
        let keys =
            ["ssl.keystore.password", "sasl.jaas.config", "ssl.keystore.key", "delegation.token.secret.key"];
        for key in keys {
            let shown = apply(&mut file, &[layer("service", &[(key, "swordfish")])])[0].to_string();
            assert_eq!(shown, format!("{key}: unset → [hidden] (service)"));
            assert_eq!(file.get(key), Some("swordfish"));
        }
        assert!(!is_secret("log.retention.hours") && !is_secret("ssl.keystore.location"));
    }

    #[test]
    fn every_reserved_key_is_named_with_its_option() {
        let table =
            |key: &str| (key == "port" || key.starts_with("advertised.")).then_some("use BROKER_PORT");
        let layers = [layer("a", &[("port", "1"), ("x", "1")]), layer("b", &[("advertised.listeners", "y")])];
        let found: Vec<_> = reserved(&layers, table).iter().map(Reserved::to_string).collect();
        assert_eq!(
            found,
            [
                "port (a) is reserved: use BROKER_PORT",
                "advertised.listeners (b) is reserved: use BROKER_PORT"
            ]
        );
    }

    // S-071
    #[test]
    fn variables_name_properties() {
        assert_eq!(key_of_variable("KAFKA_OVERRIDE_LOG_RETENTION_HOURS").unwrap(), "log.retention.hours");
        assert_eq!(key_of_variable("KAFKA_OVERRIDE_"), None);
        assert_eq!(key_of_variable("KAFKA_URI"), None);
    }

    proptest! {
        #[test]
        fn override_twice_is_once(
            base in proptest::collection::vec(("[a-d]", ".{0,4}"), 0..5),
            layers in proptest::collection::vec(proptest::collection::btree_map("[a-d]", ".{0,4}", 0..4), 0..4),
        ) {
            let mut file: Properties = base.into_iter().collect();
            let layers: Vec<_> = layers.into_iter().enumerate()
                .map(|(at, properties)| Layer { name: at.to_string(), properties }).collect();
            apply(&mut file, &layers);
            let once = file.to_bytes();
            prop_assert!(apply(&mut file, &layers).is_empty());
            prop_assert_eq!(file.to_bytes(), once);
        }
    }
}
