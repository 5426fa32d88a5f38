//! The cluster at one moment, as its controller's broker tells it. A snapshot too old means: not known.

use std::collections::{BTreeMap, BTreeSet};

use crate::topic::{TopicName, TopicPartition};

/// What the cluster looked like. Made by [`crate::cluster::Cluster::snapshot`]; plain data for everybody else.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// When the asking began, in milliseconds since 1970; the answer is not older.
    pub taken_at: u64,
    /// The active controller's broker, where there is one.
    pub controller: Option<u32>,
    /// Brokers that are alive, and where clients reach them (`host:port`).
    pub brokers: BTreeMap<u32, String>,
    /// All topics, internal ones included.
    pub topics: BTreeMap<TopicName, Topic>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// `min.insync.replicas`, at least 1; or why this topic is not known well enough to say.
    pub min_isr: Result<u32, String>,
    /// Kafka's own, such as `__consumer_offsets`.
    pub internal: bool,
    /// Its partitions.
    pub partitions: BTreeMap<u32, Partition>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Partition {
    /// Who should have it, the preferred leader first.
    pub replicas: Vec<u32>,
    /// Those of them that a reassignment is bringing: nobody misses one that has not caught up yet, but once it has it can
    /// stand in for another (D26).
    pub coming: BTreeSet<u32>,
    /// Who has all of it. Kafka keeps the last member listed even when it is down.
    pub isr: BTreeSet<u32>,
    /// Who leads it, if anyone.
    pub leader: Option<u32>,
}

impl Partition {
    /// Whether a replica is missing from the in-sync ones.
    pub fn under_replicated(&self) -> bool {
        self.replicas.iter().any(|replica| self.misses(*replica))
    }

    /// Whether this one is missing there.
    fn misses(&self, replica: u32) -> bool {
        self.replicas.contains(&replica) && !self.isr.contains(&replica) && !self.coming.contains(&replica)
    }
}

impl Snapshot {
    /// All partitions with their topics.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &Topic, &Partition)> {
        self.topics.iter().flat_map(|(name, topic)| {
            topic.partitions.iter().map(move |(number, partition)| {
                (TopicPartition { topic: name.clone(), number: *number }, topic, partition)
            })
        })
    }

    /// Partitions some replica of which is not in sync (S-119).
    pub fn under_replicated(&self) -> Vec<TopicPartition> {
        let under = self.partitions().filter(|(_, _, partition)| partition.under_replicated());
        under.map(|(id, _, _)| id).collect()
    }

    /// Partitions of which this broker should be an in-sync replica but is not; none left means it has caught up (D18).
    pub fn lagging(&self, broker: u32) -> Vec<TopicPartition> {
        let lagging = self.partitions().filter(|(_, _, partition)| partition.misses(broker));
        lagging.map(|(id, _, _)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(replicas: &[u32], isr: &[u32]) -> Partition {
        let isr: BTreeSet<u32> = isr.iter().copied().collect();
        Partition { replicas: replicas.to_vec(), leader: isr.first().copied(), isr, ..Partition::default() }
    }

    /// D18, S-119
    #[test]
    fn who_lags() {
        let partitions = BTreeMap::from([
            (0, partition(&[0, 1, 2], &[0, 1, 2])),
            (1, partition(&[0, 1, 2], &[0, 2])),
            (2, partition(&[2, 0], &[0])),
            // What a reassignment is bringing is missed by nobody.
            (3, Partition { coming: [1].into(), ..partition(&[2, 0, 1], &[0, 2]) }),
        ]);
        let topic = Topic { min_isr: Ok(2), internal: false, partitions };
        let snapshot =
            Snapshot { topics: BTreeMap::from([("t".parse().unwrap(), topic)]), ..Default::default() };
        let names = |ids: Vec<TopicPartition>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(snapshot.under_replicated()), ["t/1", "t/2"]);
        assert_eq!(names(snapshot.lagging(0)), [""; 0]);
        assert_eq!(names(snapshot.lagging(1)), ["t/1"]);
        assert_eq!(names(snapshot.lagging(2)), ["t/2"]);
    }
}
