//! Preferred leaders, evenly: the first replica of each partition.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Reorders `replicas` so that `brokers` are first of equally many, as far as that can be.
///
/// A broker that leads too many hands one on to another holder of a partition, that one perhaps another on to a third.
/// Where there is no such path to a broker that leads two fewer, the fullest broker can't be relieved: it is a flow, and
/// this finds its best.
pub(super) fn balance(replicas: &mut [Vec<u32>], brokers: &BTreeSet<u32>) {
    let mut led: BTreeMap<u32, BTreeSet<usize>> =
        brokers.iter().map(|broker| (*broker, BTreeSet::new())).collect();
    for (at, replicas) in replicas.iter().enumerate() {
        if let Some(first) = replicas.first() {
            led.entry(*first).or_default().insert(at);
        }
    }
    loop {
        let mut fullest: Vec<u32> = led.keys().copied().collect();
        fullest.sort_by_key(|broker| (std::cmp::Reverse(led[broker].len()), *broker));
        let Some(path) = fullest.into_iter().find_map(|from| path(replicas, &led, from)) else { return };
        for (at, from, to) in path {
            led.entry(from).or_default().remove(&at);
            led.entry(to).or_default().insert(at);
            let replicas = &mut replicas[at];
            replicas.retain(|broker| *broker != to);
            replicas.insert(0, to);
        }
    }
}

/// The shortest way to hand a partition on from `from` to a broker that leads two fewer at least: which partition, from
/// whom, to whom.
fn path(
    replicas: &[Vec<u32>],
    led: &BTreeMap<u32, BTreeSet<usize>>,
    from: u32,
) -> Option<Vec<(usize, u32, u32)>> {
    let goal = led[&from].len().checked_sub(2)?;
    let mut came = BTreeMap::<u32, (usize, u32)>::new();
    let mut queue = VecDeque::from([from]);
    while let Some(broker) = queue.pop_front() {
        for at in &led[&broker] {
            for to in &replicas[*at] {
                if *to == from || came.contains_key(to) || !led.contains_key(to) {
                    continue;
                }
                came.insert(*to, (*at, broker));
                if led[to].len() <= goal {
                    return Some(trace(&came, *to, from));
                }
                queue.push_back(*to);
            }
        }
    }
    None
}

fn trace(came: &BTreeMap<u32, (usize, u32)>, to: u32, start: u32) -> Vec<(usize, u32, u32)> {
    let (mut steps, mut to) = (Vec::new(), to);
    while to != start {
        let (at, from) = came[&to];
        steps.push((at, from, to));
        to = from;
    }
    steps
}
