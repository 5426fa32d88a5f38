//! Topics: which names Kafka takes, and what is filled in for a new one.

use std::{borrow::Borrow, collections::BTreeMap, fmt, str::FromStr};

/// Longest topic name, so that `<topic>-<partition>` with a suffix still is a file name.
pub const MAX_LENGTH: usize = 249;
/// Most partitions one request may create. Kafka's newer controllers refuse more; an older one would run out of memory.
pub const MAX_PARTITIONS: u32 = 10_000;
/// Replication of a topic created without one, where there are that many brokers (D41).
pub const DEFAULT_REPLICATION: u16 = 3;

/// A name Kafka takes for a new topic, or has: 1 to 249 of letters, digits, `.`, `_` and `-`, but neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(String);

/// A text that is no topic name, with everything that is wrong with it, in the words of Kafka's own tools.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Topic name is invalid: {}", .reasons.join("; "))]
pub struct InvalidTopicName {
    /// The text, cut where it is far too long.
    pub name: String,
    /// Everything wrong with it.
    pub reasons: Vec<String>,
}

impl TopicName {
    /// The name of a topic that Kafka has: whatever it is. Before 0.10 names could be longer.
    pub(crate) fn existing(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Maps by name are asked by text.
impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TopicName {
    type Err = InvalidTopicName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut reasons = Vec::new();
        if text.is_empty() {
            reasons.push("the empty string is not allowed".to_owned());
        }
        if text == "." || text == ".." {
            reasons.push(format!("'{text}' is not allowed"));
        }
        // An answer is not to be as long as what was sent.
        let name: String = text.chars().take(MAX_LENGTH + 11).collect();
        if text.chars().count() > MAX_LENGTH {
            reasons
                .push(format!("the length of '{name}' is longer than the max allowed length {MAX_LENGTH}"));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !text.chars().all(legal) {
            let others = "contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
            reasons.push(format!("'{name}' {others}"));
        }
        if reasons.is_empty() { Ok(Self(text.to_owned())) } else { Err(InvalidTopicName { name, reasons }) }
    }
}

/// One partition of a topic; printed `orders/7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Whose.
    pub topic: TopicName,
    /// Which, from 0.
    pub number: u32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; `None`: 1 (D41).
    pub partitions: Option<u32>,
    /// How many replicas of each; `None`: 3, or as many as there are brokers alive (D41).
    pub replication: Option<u16>,
    /// Settings of the topic, such as `min.insync.replicas`.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the server's own counts (S-013, D41) and no settings.
    pub fn new(name: TopicName) -> Self {
        Self { name, partitions: None, replication: None, configs: BTreeMap::new() }
    }

    /// Partitions and replication, what was not given filled in for a cluster with `live` brokers (D41).
    pub fn counts(&self, live: usize) -> (u32, u16) {
        let live = u16::try_from(live).unwrap_or(u16::MAX);
        // With no broker alive Kafka refuses anyway; 1 then gives its better message.
        let replication = self.replication.unwrap_or(DEFAULT_REPLICATION.min(live).max(1));
        (self.partitions.unwrap_or(1), replication)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, wrong: &[&str]) {
        match name.parse::<TopicName>() {
            Ok(parsed) => {
                assert_eq!(parsed.as_str(), name);
                assert!(wrong.is_empty(), "{name:?} should be refused");
            }
            Err(error) => {
                assert_eq!(error.reasons.len(), wrong.len(), "{error}");
                for (reason, wrong) in error.reasons.iter().zip(wrong) {
                    assert!(reason.contains(wrong), "{reason:?} should say {wrong:?}");
                }
            }
        }
    }

    #[test]
    fn names() {
        check("topic1", &[]);
        check("Orders.v2_eu-west", &[]);
        check("...", &[]);
        check("__consumer_offsets", &[]);
        check(&"x".repeat(249), &[]);
        check(&"x".repeat(250), &["is longer than the max allowed length 249"]);
        check("", &["the empty string is not allowed"]);
        check(".", &["'.' is not allowed"]);
        check("..", &["'..' is not allowed"]);
        check("a b", &["'a b' contains one or more characters other than"]);
        check("a/b", &["'a/b' contains"]);
        check("später", &["'später' contains"]);
        check(&"/".repeat(300), &["longer than", "contains one or more"]);
    }

    /// D41
    #[test]
    fn counts_not_given_are_the_servers() {
        let mut topic = NewTopic::new("t".parse().unwrap());
        assert_eq!(topic.counts(5), (1, 3));
        assert_eq!(topic.counts(3), (1, 3));
        assert_eq!(topic.counts(2), (1, 2));
        assert_eq!(topic.counts(0), (1, 1));
        topic.partitions = Some(8);
        topic.replication = Some(4);
        assert_eq!(topic.counts(2), (8, 4));
    }
}
