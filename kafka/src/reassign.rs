//! Which brokers hold which replicas: planning a new assignment.
//!
//! Pure. From the present replicas of some partitions and the brokers that are to hold them, [`spread`] makes an
//! assignment in which
//! - each partition has as many replicas as it had, or as are wished for, on different brokers, all of those wished for;
//! - brokers hold equally many of these replicas, give or take one;
//! - what lies on a wished broker stays there, unless evenness demands a move;
//! - brokers are preferred leaders of equally many partitions, as far as the replicas allow. A change of leader copies
//!   nothing.
//!
//! The same question has the same answer. Racks are not looked at.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::topic::{TopicName, TopicPartition};

mod leaders;

/// Replicas of partitions, the preferred leader first.
pub type Assignment = BTreeMap<TopicPartition, Vec<u32>>;

/// Why there is no such assignment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No broker is to hold anything.
    #[error("no broker is given to hold the replicas")]
    NoBroker,
    /// More replicas than brokers.
    #[error("{partition} is to have {replication} replicas, but only {brokers} brokers are to hold them")]
    TooFewBrokers {
        /// One such partition, the first.
        partition: TopicPartition,
        /// How many replicas.
        replication: usize,
        /// How many brokers.
        brokers: usize,
    },
    /// Nobody would hold anything.
    #[error("replication 0: each partition needs one replica at least")]
    NoReplica,
}

/// The assignment of `current`'s partitions to `brokers`, with `replication` replicas each, or as many as they have.
///
/// # Errors
/// There is none.
pub fn spread(
    current: &Assignment,
    brokers: &BTreeSet<u32>,
    replication: Option<usize>,
) -> Result<Assignment, PlanError> {
    if brokers.is_empty() {
        return Err(PlanError::NoBroker);
    }
    if replication == Some(0) {
        return Err(PlanError::NoReplica);
    }
    for (partition, replicas) in current {
        let replication = replication.unwrap_or(replicas.len());
        if replication > brokers.len() {
            let (partition, brokers) = (partition.clone(), brokers.len());
            return Err(PlanError::TooFewBrokers { partition, replication, brokers });
        }
    }
    let mut spread = Spread::new(current, brokers, replication);
    spread.shrink();
    spread.fill();
    spread.level();
    leaders::balance(&mut spread.replicas, brokers);
    Ok(spread.partitions.into_iter().cloned().zip(spread.replicas).collect())
}

/// The partitions of `to` whose replicas are others than in `from`, or are in another order.
pub fn changes<'a>(
    from: &'a Assignment,
    to: &'a Assignment,
) -> impl Iterator<Item = (&'a TopicPartition, &'a [u32], &'a [u32])> {
    to.iter().filter_map(|(partition, new)| {
        let old = from.get(partition)?;
        (old != new).then_some((partition, old.as_slice(), new.as_slice()))
    })
}

/// The replicas that `to` has and `from` has not: those that are copied.
pub fn copies<'a>(from: &'a [u32], to: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    to.iter().copied().filter(|broker| !from.contains(broker))
}

/// An assignment on its way to be even. Partitions go by their place.
struct Spread<'a> {
    partitions: Vec<&'a TopicPartition>,
    /// How many replicas each is to have.
    wanted: Vec<usize>,
    replicas: Vec<Vec<u32>>,
    /// Replicas that are not where they were: moving them once more costs nothing.
    new: BTreeSet<(usize, u32)>,
    /// Partitions by the broker that holds them.
    held: BTreeMap<u32, BTreeSet<usize>>,
    /// How many partitions of a topic a broker holds.
    topics: BTreeMap<(u32, &'a TopicName), usize>,
}

impl<'a> Spread<'a> {
    /// What lies on wished brokers already.
    fn new(current: &'a Assignment, brokers: &BTreeSet<u32>, replication: Option<usize>) -> Self {
        let mut spread = Self {
            partitions: current.keys().collect(),
            wanted: current.values().map(|replicas| replication.unwrap_or(replicas.len())).collect(),
            replicas: vec![Vec::new(); current.len()],
            new: BTreeSet::new(),
            held: brokers.iter().map(|broker| (*broker, BTreeSet::new())).collect(),
            topics: BTreeMap::new(),
        };
        for (at, replicas) in current.values().enumerate() {
            for broker in replicas.iter().filter(|broker| brokers.contains(broker)) {
                spread.add(at, *broker);
            }
        }
        spread
    }

    /// Takes away what is too much, from the fullest brokers first and the preferred leader last.
    fn shrink(&mut self) {
        for at in 0..self.partitions.len() {
            while self.replicas[at].len() > self.wanted[at] {
                let fullest = self.replicas[at].iter().copied().max_by_key(|broker| self.load(*broker, at));
                let Some(broker) = fullest else { break };
                self.remove(at, broker);
            }
        }
    }

    /// Adds what is missing, to the emptiest brokers.
    fn fill(&mut self) {
        for at in 0..self.partitions.len() {
            while self.replicas[at].len() < self.wanted[at] {
                let others = self.held.keys().filter(|broker| !self.replicas[at].contains(broker));
                let Some(broker) = others.min_by_key(|broker| self.load(**broker, at)).copied() else {
                    break;
                };
                self.add(at, broker);
                self.new.insert((at, broker));
            }
        }
    }

    /// Moves replicas from the fullest broker to the emptiest until they differ by one at most. There is always one to
    /// move: the fuller broker holds a partition that the emptier does not.
    fn level(&mut self) {
        loop {
            let full = self.held.iter().max_by_key(|(broker, held)| (held.len(), Reverse(**broker)));
            let empty = self.held.iter().min_by_key(|(broker, held)| (held.len(), **broker));
            let (Some((from, full)), Some((to, empty))) = (full, empty) else { return };
            if full.len() <= empty.len() + 1 {
                return;
            }
            let (from, to) = (*from, *to);
            let gain = |at: &usize| {
                let topic = &self.partitions[*at].topic;
                let of = |broker| self.topics.get(&(broker, topic)).copied().unwrap_or(0);
                // What is new is moved first, then what a topic has most of.
                (self.new.contains(&(*at, from)), of(from).cast_signed() - of(to).cast_signed(), Reverse(*at))
            };
            let Some(at) = full.difference(empty).max_by_key(|at| gain(at)).copied() else { return };
            self.new.remove(&(at, from));
            self.remove(at, from);
            self.add(at, to);
            self.new.insert((at, to));
        }
    }

    /// How full a broker is: in all, and with the topic of the partition at `at`.
    fn load(&self, broker: u32, at: usize) -> (usize, usize) {
        let topic = &self.partitions[at].topic;
        let held = self.held.get(&broker).map_or(0, BTreeSet::len);
        (held, self.topics.get(&(broker, topic)).copied().unwrap_or(0))
    }

    fn add(&mut self, at: usize, broker: u32) {
        if self.held.entry(broker).or_default().insert(at) {
            self.replicas[at].push(broker);
            *self.topics.entry((broker, &self.partitions[at].topic)).or_default() += 1;
        }
    }

    fn remove(&mut self, at: usize, broker: u32) {
        if self.held.entry(broker).or_default().remove(&at) {
            self.replicas[at].retain(|other| *other != broker);
            *self.topics.entry((broker, &self.partitions[at].topic)).or_default() -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
