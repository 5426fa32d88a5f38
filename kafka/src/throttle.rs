//! Limiting how fast partitions are copied, as `kafka-reassign-partitions.sh` does, and knowing which limits are ours.
//!
//! A limit has two halves. A topic's lists say which replicas are slowed: `partition:broker`, the present holders where
//! they are read from, those to come where they are written to. A broker's rates say how fast, in bytes per second.
//! Kafka keeps either until somebody removes it, however long the copy is over. Ours are removed by us, so they carry a
//! mark, in Kafka itself, where it survives us and goes with the topic:
//! - a list that is ours holds [`MARK`], an entry for a broker that can't be;
//! - a broker's rates that are ours differ by one byte: the leader's is one above the follower's.
//!
//! `kafka-reassign-partitions.sh` and operators set both rates alike, and no such entry. What bears no mark is never
//! changed by us, and no copy of ours is limited beside it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    client::{Change, Setting, Source},
    topic::TopicPartition,
};

/// A topic's list of replicas that are slowed where they are read.
pub const LEADER_REPLICAS: &str = "leader.replication.throttled.replicas";
/// A topic's list of replicas that are slowed where they are written.
pub const FOLLOWER_REPLICAS: &str = "follower.replication.throttled.replicas";
/// A broker's limit of what such replicas are read with, in bytes per second.
pub const LEADER_RATE: &str = "leader.replication.throttled.rate";
/// A broker's limit of what such replicas are written with, in bytes per second.
pub const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
/// Partition 0 of a broker with Java's largest number for an id.
pub const MARK: &str = "0:2147483647";
/// The largest rate, in bytes per second.
pub const MAX_RATE: u64 = i64::MAX.unsigned_abs() - 1;

/// Whose a topic's or broker's half of a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// There is none.
    Nobody,
    /// We set it.
    Us,
    /// An operator or another tool did.
    Another,
}

/// Brokers that a partition is copied from, and to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Those that hold it.
    pub from: BTreeSet<u32>,
    /// Those to come.
    pub to: BTreeSet<u32>,
}

type Settings = BTreeMap<String, Setting>;

/// Whose the lists of a topic are.
pub fn of_topic(settings: &Settings) -> Owner {
    let lists: Vec<&str> = [LEADER_REPLICAS, FOLLOWER_REPLICAS]
        .iter()
        .filter_map(|name| set_by(settings, name, Source::Topic))
        .filter(|list| !list.is_empty())
        .collect();
    match lists.as_slice() {
        [] => Owner::Nobody,
        lists if lists.iter().all(|list| list.split(',').any(|entry| entry.trim() == MARK)) => Owner::Us,
        _ => Owner::Another,
    }
}

/// Whose the rates of a broker are.
pub fn of_broker(settings: &Settings) -> Owner {
    let rate = |name| set_by(settings, name, Source::DynamicBroker).map(str::parse::<u64>);
    match (rate(LEADER_RATE), rate(FOLLOWER_RATE)) {
        (None, None) => Owner::Nobody,
        (Some(Ok(leader)), Some(Ok(follower))) if leader.checked_sub(1) == Some(follower) => Owner::Us,
        _ => Owner::Another,
    }
}

fn set_by<'a>(settings: &'a Settings, name: &str, source: Source) -> Option<&'a str> {
    settings.get(name).filter(|setting| setting.source == source)?.value.as_deref()
}

/// Sets a topic's lists: beside what `settings` has in ours, the replicas that its partitions are copied from and to.
pub fn lists(settings: &Settings, copies: &BTreeMap<&TopicPartition, Copied>) -> Change {
    let join = |name: &str, of: fn(&Copied) -> &BTreeSet<u32>| {
        let mut entries = BTreeSet::from([MARK.to_owned()]);
        let present = set_by(settings, name, Source::Topic).unwrap_or_default();
        entries
            .extend(present.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned));
        for (partition, copied) in copies {
            entries.extend(of(copied).iter().map(|broker| format!("{}:{broker}", partition.number)));
        }
        (name.to_owned(), entries.into_iter().collect::<Vec<_>>().join(","))
    };
    let set = [join(LEADER_REPLICAS, |copied| &copied.from), join(FOLLOWER_REPLICAS, |copied| &copied.to)];
    Change { set: set.into(), unset: BTreeSet::new() }
}

/// Sets a broker's rates; `rate` in bytes per second, at most [`MAX_RATE`].
pub fn rates(rate: u64) -> Change {
    let rate = rate.min(MAX_RATE);
    let set = [(LEADER_RATE, rate + 1), (FOLLOWER_RATE, rate)];
    Change { set: set.map(|(name, rate)| (name.to_owned(), rate.to_string())).into(), unset: BTreeSet::new() }
}

/// Removes a topic's lists.
pub fn no_lists() -> Change {
    unset([LEADER_REPLICAS, FOLLOWER_REPLICAS])
}

/// Removes a broker's rates.
pub fn no_rates() -> Change {
    unset([LEADER_RATE, FOLLOWER_RATE])
}

fn unset(names: [&str; 2]) -> Change {
    Change { set: BTreeMap::new(), unset: names.map(str::to_owned).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(source: Source, pairs: &[(&str, &str)]) -> Settings {
        let setting = |value: &str| Setting {
            value: Some(value.to_owned()),
            source,
            read_only: false,
            sensitive: false,
        };
        pairs.iter().map(|(name, value)| ((*name).to_owned(), setting(value))).collect()
    }

    fn topic(leader: &str, follower: &str) -> Owner {
        of_topic(&settings(Source::Topic, &[(LEADER_REPLICAS, leader), (FOLLOWER_REPLICAS, follower)]))
    }

    #[test]
    fn lists_are_known_by_their_mark() {
        assert_eq!(of_topic(&Settings::new()), Owner::Nobody);
        assert_eq!(topic("", ""), Owner::Nobody);
        assert_eq!(topic("0:2147483647,1:2", "0:2147483647"), Owner::Us);
        assert_eq!(topic("1:2", "1:3"), Owner::Another);
        assert_eq!(topic("*", "*"), Owner::Another);
        // Half of it is another's: none of it is removed.
        assert_eq!(topic("0:2147483647,1:2", "*"), Owner::Another);
    }

    fn broker(source: Source, leader: &str, follower: &str) -> Owner {
        of_broker(&settings(source, &[(LEADER_RATE, leader), (FOLLOWER_RATE, follower)]))
    }

    #[test]
    fn rates_are_known_by_their_difference() {
        assert_eq!(of_broker(&Settings::new()), Owner::Nobody);
        assert_eq!(broker(Source::DynamicBroker, "1001", "1000"), Owner::Us);
        assert_eq!(broker(Source::DynamicBroker, "1000", "1000"), Owner::Another);
        assert_eq!(broker(Source::DynamicBroker, "1000", "1001"), Owner::Another);
        assert_eq!(broker(Source::DynamicBroker, "0", "9"), Owner::Another);
        // Kafka's own value, which means no limit.
        assert_eq!(broker(Source::Default, "9223372036854775807", "9223372036854775807"), Owner::Nobody);
    }

    #[test]
    fn what_is_set_is_ours() {
        let partition = TopicPartition { topic: "t".parse().unwrap(), number: 3 };
        let copies = BTreeMap::from([(&partition, Copied { from: [0, 1].into(), to: [2].into() })]);
        let before = settings(Source::Topic, &[(LEADER_REPLICAS, "0:2147483647,1:5")]);
        let change = lists(&before, &copies);
        assert_eq!(change.set[LEADER_REPLICAS], "0:2147483647,1:5,3:0,3:1");
        assert_eq!(change.set[FOLLOWER_REPLICAS], "0:2147483647,3:2");
        assert_eq!(topic(&change.set[LEADER_REPLICAS], &change.set[FOLLOWER_REPLICAS]), Owner::Us);
        for rate in [0, 1, 1_000_000, MAX_RATE, u64::MAX] {
            let change = rates(rate);
            let owner = broker(Source::DynamicBroker, &change.set[LEADER_RATE], &change.set[FOLLOWER_RATE]);
            assert_eq!(owner, Owner::Us, "{rate}");
            assert!(change.set.values().all(|rate| rate.parse::<i64>().is_ok()), "{rate}");
        }
    }
}
