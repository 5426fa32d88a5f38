//! The planner: examples, and what holds for any question.

use proptest::prelude::*;

use super::*;

fn partition(topic: &str, number: u32) -> TopicPartition {
    TopicPartition { topic: topic.parse().unwrap(), number }
}

/// Partitions of topic `t`.
fn assignment(replicas: &[&[u32]]) -> Assignment {
    (0..).zip(replicas).map(|(number, replicas)| (partition("t", number), replicas.to_vec())).collect()
}

fn check(current: &[&[u32]], brokers: &[u32], replication: Option<usize>, expect: &[&[u32]]) {
    let planned = spread(&assignment(current), &brokers.iter().copied().collect(), replication).unwrap();
    assert_eq!(planned, assignment(expect));
}

#[test]
fn examples() {
    // What is even stays.
    check(&[&[0, 1], &[1, 2], &[2, 0]], &[0, 1, 2], None, &[&[0, 1], &[1, 2], &[2, 0]]);
    // A broker is to be emptied.
    check(&[&[0, 1], &[1, 2], &[2, 0]], &[0, 1], None, &[&[0, 1], &[1, 0], &[0, 1]]);
    // One is added, and gets its share.
    check(&[&[0], &[1], &[0], &[1]], &[0, 1, 2], None, &[&[2], &[1], &[0], &[1]]);
    // More replicas, then fewer.
    check(&[&[0], &[1]], &[0, 1, 2], Some(3), &[&[0, 2, 1], &[1, 0, 2]]);
    check(&[&[0, 1, 2], &[1, 2, 0], &[2, 0, 1]], &[0, 1, 2], Some(1), &[&[0], &[1], &[2]]);
    // Nothing is copied to spread leaders.
    check(&[&[0, 1], &[0, 1], &[0, 1], &[0, 1]], &[0, 1], None, &[&[1, 0], &[1, 0], &[0, 1], &[0, 1]]);
}

#[test]
fn impossible() {
    let current = assignment(&[&[0, 1, 2]]);
    let refused = |brokers: &[u32], replication| {
        spread(&current, &brokers.iter().copied().collect(), replication).unwrap_err().to_string()
    };
    assert_eq!(refused(&[], None), "no broker is given to hold the replicas");
    assert_eq!(refused(&[1], Some(0)), "replication 0: each partition needs one replica at least");
    assert_eq!(refused(&[1, 2], None), "t/0 is to have 3 replicas, but only 2 brokers are to hold them");
}

/// Up to 20 partitions of two topics on brokers 0 to 7, and which of these are wished for.
fn question() -> impl Strategy<Value = (Assignment, BTreeSet<u32>, Option<usize>)> {
    let all: Vec<u32> = (0..8).collect();
    let replicas = prop::sample::subsequence(all.clone(), 1..4).prop_shuffle();
    let partitions = prop::collection::vec(replicas, 1..20);
    let brokers = prop::sample::subsequence(all, 3..8);
    (partitions, brokers, prop::option::of(1..4_usize)).prop_map(|(partitions, brokers, replication)| {
        let name =
            |at: usize| partition(if at.is_multiple_of(3) { "a" } else { "b" }, u32::try_from(at).unwrap());
        let current = partitions.into_iter().enumerate().map(|(at, replicas)| (name(at), replicas));
        (current.collect(), brokers.into_iter().collect(), replication)
    })
}

fn loads(planned: &Assignment, brokers: &BTreeSet<u32>) -> Vec<usize> {
    let holds = |broker| planned.values().filter(|replicas| replicas.contains(broker)).count();
    brokers.iter().map(holds).collect()
}

/// How many replicas have to be copied at least. Those that are missing, and those too many on a broker that is fuller
/// than any may be; or else as many as emptier brokers need.
fn least(current: &Assignment, planned: &Assignment, brokers: &BTreeSet<u32>) -> usize {
    let total: usize = planned.values().map(Vec::len).sum();
    let (floor, ceiling) = (total / brokers.len(), total.div_ceil(brokers.len()));
    let mut missing = 0;
    let mut kept = BTreeMap::<u32, usize>::new();
    for (partition, replicas) in current {
        let here: Vec<_> = replicas.iter().filter(|broker| brokers.contains(broker)).collect();
        let wanted = planned[partition].len();
        missing += wanted.saturating_sub(here.len());
        here.iter().for_each(|broker| *kept.entry(**broker).or_default() += 1);
    }
    let of = |broker: &u32| kept.get(broker).copied().unwrap_or(0);
    let over: usize = brokers.iter().map(|broker| of(broker).saturating_sub(ceiling)).sum();
    let under: usize = brokers.iter().map(|broker| floor.saturating_sub(of(broker))).sum();
    (missing + over).max(under)
}

/// The smallest number that the fullest leader can have, found by trying all bounds: can each partition be given to one
/// of its holders so that none leads more?
fn least_led(planned: &Assignment, brokers: &BTreeSet<u32>) -> usize {
    (1..)
        .find(|most| {
            let mut given = BTreeMap::<u32, Vec<usize>>::new();
            let partitions: Vec<_> = planned.values().collect();
            (0..partitions.len()).all(|at| give(at, &partitions, &mut given, *most, &mut BTreeSet::new()))
                && given.keys().all(|broker| brokers.contains(broker))
        })
        .unwrap()
}

/// Kuhn's matching with room for `most` at each broker.
fn give(
    at: usize,
    partitions: &[&Vec<u32>],
    given: &mut BTreeMap<u32, Vec<usize>>,
    most: usize,
    seen: &mut BTreeSet<u32>,
) -> bool {
    for broker in partitions[at] {
        if !seen.insert(*broker) {
            continue;
        }
        let holds = given.entry(*broker).or_default().clone();
        if holds.len() < most {
            given.get_mut(broker).unwrap().push(at);
            return true;
        }
        for (place, other) in holds.into_iter().enumerate() {
            if give(other, partitions, given, most, seen) {
                given.get_mut(broker).unwrap()[place] = at;
                return true;
            }
        }
    }
    false
}

proptest! {
    #[test]
    fn any_plan((current, brokers, replication) in question()) {
        let Ok(planned) = spread(&current, &brokers, replication) else {
            panic!("three brokers hold three replicas");
        };
        prop_assert_eq!(planned.keys().collect::<Vec<_>>(), current.keys().collect::<Vec<_>>());
        for (partition, replicas) in &planned {
            prop_assert_eq!(replicas.len(), replication.unwrap_or(current[partition].len()));
            prop_assert!(replicas.iter().all(|broker| brokers.contains(broker)), "{:?}", planned);
            prop_assert_eq!(replicas.iter().collect::<BTreeSet<_>>().len(), replicas.len());
        }
        let loads = loads(&planned, &brokers);
        prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{:?}", loads);
        // Leaders are as even as these replicas allow.
        let led = |broker| planned.values().filter(|replicas| replicas.first() == Some(broker)).count();
        let most = brokers.iter().map(led).max().unwrap();
        prop_assert_eq!(most, least_led(&planned, &brokers));
        // No question has two answers, and an answer is its own.
        prop_assert_eq!(&spread(&current, &brokers, replication).unwrap(), &planned);
        prop_assert_eq!(&spread(&planned, &brokers, replication).unwrap(), &planned);
    }

    /// With the number of replicas unchanged, nothing is copied needlessly: never less than evenness demands, and at
    /// most two more, where what is missing fits nowhere it is lacked.
    #[test]
    fn the_fewest_moves((current, brokers, _) in question()) {
        let planned = spread(&current, &brokers, None).unwrap();
        let copied: usize = planned.iter().map(|(name, new)| copies(&current[name], new).count()).sum();
        let least = least(&current, &planned, &brokers);
        prop_assert!((least..=least + 2).contains(&copied), "{copied} copied, {least} at least: {planned:?}");
    }
}
