use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::snapshot::{Partition, Topic};

const NOW: u64 = 1_000_000;

fn topic(min_isr: u32, partitions: &[(&[u32], &[u32])]) -> Topic {
    let partitions = (0..).zip(partitions).map(|(number, (replicas, isr))| {
        let isr: BTreeSet<u32> = isr.iter().copied().collect();
        let replicas = replicas.to_vec();
        (number, Partition { replicas, leader: isr.first().copied(), isr, ..Partition::default() })
    });
    Topic { min_isr: Ok(min_isr), internal: false, partitions: partitions.collect() }
}

fn snapshot(alive: &[u32], topics: &[(&str, Topic)]) -> Snapshot {
    Snapshot {
        taken_at: NOW,
        controller: alive.first().copied(),
        brokers: alive.iter().map(|id| (*id, format!("127.0.0.1:{}", 9092 + id))).collect(),
        topics: topics.iter().map(|(name, topic)| (name.parse().unwrap(), topic.clone())).collect(),
    }
}

/// One topic `t` with one partition on brokers 0, 1, 2 of which `alive` are alive; may broker 0 be stopped?
fn check(min_isr: u32, replicas: &[u32], isr: &[u32], alive: &[u32], expect: &str) {
    let snapshot = snapshot(alive, &[("t", topic(min_isr, &[(replicas, isr)]))]);
    let got = match may_stop(&snapshot, 0, NOW, 0) {
        Verdict::Ok { unavoidable } if unavoidable.is_empty() => "ok".to_owned(),
        Verdict::Ok { unavoidable } => format!("ok, but {}", unavoidable[0]),
        Verdict::Blocked { partitions } => partitions[0].to_string(),
        Verdict::Unknown(why) => why.to_string(),
    };
    assert_eq!(got, expect, "min {min_isr}, replicas {replicas:?}, ISR {isr:?}, alive {alive:?}");
}

/// D26, from both sides of min.insync.replicas.
#[test]
fn never_below_min_isr() {
    let all = [0, 1, 2];
    check(2, &all, &[0, 1, 2], &all, "ok");
    check(2, &all, &[0, 1], &all, "t/0 has ISR {0,1}, min.insync.replicas 2");
    check(2, &all, &[1, 2], &all, "ok");
    check(2, &all, &[1], &all, "t/0 has ISR {1}, min.insync.replicas 2");
    check(1, &all, &[0, 1], &all, "ok");
    check(1, &all, &[0], &all, "t/0 has ISR {0}, min.insync.replicas 1");
    check(1, &[0, 1], &[0, 1], &all, "ok");
    check(2, &[1, 2], &[1], &all, "ok"); // not on broker 0 at all
}

/// D26: a replica on its way is one to wait for. Once it is there, the restart takes nothing away.
#[test]
fn what_is_coming_is_waited_for() {
    let mut t = topic(2, &[(&[0, 1, 2], &[0, 1])]);
    t.partitions.values_mut().for_each(|partition| partition.coming = [2].into());
    let verdict = may_stop(&snapshot(&[0, 1, 2], &[("t", t)]), 0, NOW, 0);
    assert!(matches!(verdict, Verdict::Blocked { .. }), "{verdict:?}");
}

/// D26: what no order can keep available is named, and only waits for the other replicas.
#[test]
fn what_no_order_keeps_available() {
    let all = [0, 1, 2];
    check(1, &[0], &[0], &all, "ok, but t/0");
    check(2, &[0], &[0], &all, "ok, but t/0");
    check(2, &[0, 1], &[0, 1], &all, "ok, but t/0");
    check(2, &[0, 1], &[0], &all, "t/0 has ISR {0}, min.insync.replicas 2");
    check(3, &all, &[0, 1, 2], &all, "ok, but t/0");
    check(3, &all, &[0, 1], &all, "t/0 has ISR {0,1}, min.insync.replicas 3");
}

/// A dead broker in the ISR (Kafka keeps the last one there) holds nothing up.
#[test]
fn only_the_living_count() {
    check(1, &[0, 1], &[0, 1], &[0], "t/0 has ISR {0,1} of which {1} is down, min.insync.replicas 1");
    check(1, &[0, 1], &[1], &[0], "t/0 has ISR {1} of which {1} is down, min.insync.replicas 1");
    check(
        2,
        &[0, 1, 2],
        &[0, 1, 2],
        &[0, 1],
        "t/0 has ISR {0,1,2} of which {2} is down, min.insync.replicas 2",
    );
    // Broker 0 is down itself: stopping it takes nothing away.
    check(2, &[0, 1, 2], &[1], &[1, 2], "ok");
}

#[test]
fn not_known_is_not_yes() {
    let mut snapshot = snapshot(&[0, 1], &[("t", topic(1, &[(&[0, 1], &[0, 1])]))]);
    let ok = Verdict::Ok { unavoidable: vec![] };
    assert_eq!(may_stop(&snapshot, 0, NOW + 5_000, 5_000), ok);
    assert_eq!(
        may_stop(&snapshot, 0, NOW + 5_001, 5_000),
        Verdict::Unknown(Unknown::Stale { age: 5_001, max_age: 5_000 })
    );
    assert_eq!(may_stop(&snapshot, 0, NOW - 1, 5_000), ok);
    snapshot.controller = None;
    assert_eq!(may_stop(&snapshot, 0, NOW, 0), Verdict::Unknown(Unknown::NoController));
    snapshot.controller = Some(1);
    let unknown =
        Topic { min_isr: Err("UNKNOWN_SERVER_ERROR".into()), internal: false, partitions: BTreeMap::new() };
    snapshot.topics.insert("u".parse().unwrap(), unknown);
    assert_eq!(
        may_stop(&snapshot, 0, NOW, 0),
        Verdict::Unknown(Unknown::Topic {
            topic: "u".parse().unwrap(),
            reason: "UNKNOWN_SERVER_ERROR".into()
        })
    );
}

/// Every partition in the way is named, not only the first.
#[test]
fn all_of_them_are_named() {
    let t = topic(2, &[(&[0, 1, 2], &[0, 1]), (&[0, 1, 2], &[0, 1, 2]), (&[2, 1, 0], &[2, 0])]);
    let Verdict::Blocked { partitions } = may_stop(&snapshot(&[0, 1, 2], &[("t", t)]), 0, NOW, 0) else {
        panic!("not blocked")
    };
    let names: Vec<String> = partitions.iter().map(|blocked| blocked.partition.to_string()).collect();
    assert_eq!(names, ["t/0", "t/2"]);
}

prop_compose! {
    fn any_partition()(
        mut replicas in Just((0_u32..5).collect::<Vec<_>>()).prop_shuffle(),
        factor in 1_usize..=5,
        in_sync in prop::collection::vec(any::<bool>(), 5),
    ) -> (Vec<u32>, Vec<u32>) {
        replicas.truncate(factor);
        let mut isr: Vec<u32> =
            replicas.iter().zip(&in_sync).filter(|(_, in_sync)| **in_sync).map(|(replica, _)| *replica).collect();
        if isr.is_empty() {
            isr.push(replicas[0]); // Kafka never leaves it empty
        }
        (replicas, isr)
    }
}

proptest! {
    /// D26: a yes never takes a partition below min.insync.replicas, but for those it names; and those it names could
    /// not be kept by any order. Taking the stopped broker out of the ISR is the model of what Kafka does.
    #[test]
    fn availability_is_never_yes_below_min_isr(
        topics in prop::collection::vec((1_u32..4, prop::collection::vec(any_partition(), 1..5)), 0..5),
        alive in prop::collection::btree_set(0_u32..5, 1..=5),
        broker in 0_u32..5,
    ) {
        let alive: Vec<u32> = alive.into_iter().collect();
        let topics: Vec<(String, Topic)> = topics.iter().enumerate().map(|(number, (min_isr, partitions))| {
            let borrowed: Vec<(&[u32], &[u32])> =
                partitions.iter().map(|(replicas, isr)| (&replicas[..], &isr[..])).collect();
            (format!("t{number}"), topic(*min_isr, &borrowed))
        }).collect();
        let named: Vec<(&str, Topic)> = topics.iter().map(|(name, topic)| (name.as_str(), topic.clone())).collect();
        let snapshot = snapshot(&alive, &named);
        let in_sync = |partition: &Partition, without: Option<u32>| partition.isr.iter()
            .filter(|replica| alive.contains(replica) && Some(**replica) != without).count() as u32;
        match may_stop(&snapshot, broker, NOW, 0) {
            Verdict::Ok { unavoidable } => for (id, topic, partition) in snapshot.partitions() {
                let min_isr = *topic.min_isr.as_ref().unwrap();
                let (before, after) = (in_sync(partition, None), in_sync(partition, Some(broker)));
                if unavoidable.contains(&id) {
                    prop_assert!(partition.replicas.len() as u32 <= min_isr, "{id} could be kept");
                    prop_assert_eq!(after as usize, partition.replicas.len() - 1, "{} loses more than it must", id);
                } else {
                    prop_assert!(after >= min_isr || after == before, "{id} falls to {after} of {min_isr}");
                }
            },
            Verdict::Blocked { partitions } => {
                prop_assert!(!partitions.is_empty());
                prop_assert!(alive.contains(&broker), "a broker that is down takes nothing away");
                for blocked in partitions {
                    let partition = &snapshot.topics[&blocked.partition.topic].partitions[&blocked.partition.number];
                    prop_assert!(partition.replicas.contains(&broker));
                    prop_assert!(in_sync(partition, Some(broker)) < blocked.min_isr);
                }
            }
            Verdict::Unknown(why) => prop_assert!(false, "{}", why),
        }
    }

    /// A healthy cluster can always be rolled: with all in sync and alive nothing is ever blocked.
    #[test]
    fn a_healthy_cluster_rolls(
        partitions in prop::collection::vec(any_partition(), 1..8), min_isr in 1_u32..5, broker in 0_u32..5,
    ) {
        let full: Vec<(&[u32], &[u32])> =
            partitions.iter().map(|(replicas, _)| (&replicas[..], &replicas[..])).collect();
        let snapshot = snapshot(&[0, 1, 2, 3, 4], &[("t", topic(min_isr, &full))]);
        let rolls = matches!(may_stop(&snapshot, broker, NOW, 0), Verdict::Ok { .. });
        prop_assert!(rolls);
    }
}
