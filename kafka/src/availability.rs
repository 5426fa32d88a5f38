//! May a broker be stopped now? The one rule of D26, pure.
//!
//! Only replicas that are in sync *and* alive count. Stopping a broker must leave each partition it hosts as many of
//! them as `min.insync.replicas` asks for. Where even a partition with all its replicas in sync could not keep that
//! many (replication factor 1, or no larger than `min.insync.replicas`), no order of restarts keeps it available: the
//! verdict names it, and only asks that every *other* replica is in sync, so that the restart takes away no more than
//! it must:
//!
//! ```text
//! in sync and alive, without the broker  ≥  min(min.insync.replicas, replication factor − 1)
//! ```
//!
//! A broker that is not alive takes nothing away by being stopped. This module does not decide whether *another* broker
//! is down, or by whose hand; that is the scheduler's.

use std::{collections::BTreeSet, fmt};

use crate::{
    snapshot::Snapshot,
    topic::{TopicName, TopicPartition},
};

/// The answer, with its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be stopped.
    Ok {
        /// Partitions that are unavailable to `acks=all` writers meanwhile, whatever the order.
        unavoidable: Vec<TopicPartition>,
    },
    /// It may not.
    Blocked {
        /// Every partition in the way; never empty.
        partitions: Vec<Blocked>,
    },
    /// Nobody knows, so it may not.
    Unknown(Unknown),
}

/// A partition that needs the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Which.
    pub partition: TopicPartition,
    /// Its replicas in sync.
    pub isr: BTreeSet<u32>,
    /// Those of them that are not alive.
    pub down: BTreeSet<u32>,
    /// Its topic's `min.insync.replicas`.
    pub min_isr: u32,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The snapshot is too old.
    Stale {
        /// How old it is, in milliseconds.
        age: u64,
        /// How old it may be, in milliseconds.
        max_age: u64,
    },
    /// No controller: in-sync replicas are not kept up to date.
    NoController,
    /// A topic on the broker is not known well enough.
    Topic {
        /// Which.
        topic: TopicName,
        /// What Kafka said.
        reason: String,
    },
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has ISR {}", self.partition, Set(&self.isr))?;
        if !self.down.is_empty() {
            write!(f, " of which {} is down", Set(&self.down))?;
        }
        write!(f, ", min.insync.replicas {}", self.min_isr)
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { age, max_age } => {
                write!(f, "what is known of Kafka is {age} ms old, {max_age} ms are allowed")
            }
            Self::NoController => f.write_str("Kafka has no controller at the moment"),
            Self::Topic { topic, reason } => write!(f, "topic {topic} is not known: {reason}"),
        }
    }
}

struct Set<'a>(&'a BTreeSet<u32>);

impl fmt::Display for Set<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<String> = self.0.iter().map(u32::to_string).collect();
        write!(f, "{{{}}}", members.join(","))
    }
}

/// Whether `broker` may be stopped, by what `snapshot` says at `now` (both in milliseconds since 1970). A snapshot from
/// the future is a clock set back, and as good as its content.
pub fn may_stop(snapshot: &Snapshot, broker: u32, now: u64, max_age: u64) -> Verdict {
    let age = now.saturating_sub(snapshot.taken_at);
    if age > max_age {
        return Verdict::Unknown(Unknown::Stale { age, max_age });
    }
    if snapshot.controller.is_none() {
        return Verdict::Unknown(Unknown::NoController);
    }
    let alive = |replica: &&u32| snapshot.brokers.contains_key(replica);
    let mut unavoidable = Vec::new();
    let mut blocked = Vec::new();
    for (id, topic, partition) in snapshot.partitions() {
        if !partition.replicas.contains(&broker) || !snapshot.brokers.contains_key(&broker) {
            continue;
        }
        let Ok(min_isr) = topic.min_isr else { continue }; // answered below
        let left = partition.isr.iter().filter(alive).filter(|replica| **replica != broker).count();
        let best = partition.replicas.len().saturating_sub(1);
        let wanted = usize::try_from(min_isr.max(1)).unwrap_or(usize::MAX);
        if left < wanted.min(best) {
            let down = partition.isr.iter().filter(|replica| !alive(replica)).copied().collect();
            blocked.push(Blocked { partition: id, isr: partition.isr.clone(), down, min_isr });
        } else if left < wanted {
            unavoidable.push(id);
        }
    }
    if !blocked.is_empty() {
        return Verdict::Blocked { partitions: blocked };
    }
    // A topic that could not be described may live anywhere, so it counts whatever its partitions are said to be.
    for (name, topic) in &snapshot.topics {
        if let Err(reason) = &topic.min_isr {
            return Verdict::Unknown(Unknown::Topic { topic: name.clone(), reason: reason.clone() });
        }
    }
    Verdict::Ok { unavoidable }
}

#[cfg(test)]
#[path = "availability/tests.rs"]
mod tests;
