//! Kafka as it really is in a run: who serves, who is in sync.

use std::collections::{BTreeMap, BTreeSet};

use kafka::snapshot::{Partition, Snapshot, Topic};

/// Three replicas where there are three brokers, and two of them must be in sync.
const MIN_ISR: u32 = 2;

/// The truth about Kafka.
#[derive(Debug, Default)]
pub struct KafkaTruth {
    /// Serving brokers, and when each is in sync again.
    serving: BTreeMap<u32, u64>,
    /// In-sync replicas.
    isr: BTreeSet<u32>,
    /// Brokers that ever served: the replicas.
    known: BTreeSet<u32>,
}

impl KafkaTruth {
    /// A broker begins to serve, and has caught up at `in_sync_at`.
    pub fn serve(&mut self, broker: u32, in_sync_at: u64) {
        if self.known.len() < 3 {
            self.known.insert(broker);
        }
        self.serving.insert(broker, in_sync_at);
    }

    /// A broker serves no more.
    pub fn leave(&mut self, broker: u32) {
        self.serving.remove(&broker);
        // The last in-sync replica stays listed.
        if self.isr.len() > 1 {
            self.isr.remove(&broker);
        }
    }

    /// The truth at `now`.
    pub fn snapshot(&mut self, now: u64) -> Snapshot {
        let caught_up = self.serving.iter().filter(|(_, at)| **at <= now).map(|(broker, _)| *broker);
        self.isr.extend(caught_up.filter(|broker| self.known.contains(broker)));
        let isr: BTreeSet<u32> = self.isr.clone();
        let partition = Partition {
            replicas: self.known.iter().copied().collect(),
            leader: isr.iter().copied().find(|broker| self.serving.contains_key(broker)),
            isr,
        };
        let topic =
            Topic { min_isr: Ok(MIN_ISR), internal: false, partitions: BTreeMap::from([(0, partition)]) };
        Snapshot {
            taken_at: now,
            controller: self.serving.keys().next().copied(),
            brokers: self.serving.keys().map(|broker| (*broker, format!("h:{broker}"))).collect(),
            topics: BTreeMap::from([("t".to_owned(), topic)]),
        }
    }
}
