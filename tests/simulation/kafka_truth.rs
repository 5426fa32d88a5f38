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
    /// In sync and serving, since when: newest last.
    history: Vec<(u64, BTreeSet<u32>)>,
}

impl KafkaTruth {
    /// Writes down who is in sync and serving at `now`.
    pub fn note(&mut self, now: u64) {
        let in_sync = self.isr.iter().copied().filter(|broker| self.serving.contains_key(broker)).collect();
        if self.history.last().is_none_or(|(_, last)| *last != in_sync) {
            self.history.push((now, in_sync));
        }
    }

    /// Whether stopping this broker kept enough replicas in sync, by the truth at some time since `since`: a picture of
    /// Kafka is allowed to be that old. A broker that is not in sync takes nothing away.
    pub fn may_stop(&self, broker: u32, since: u64) -> bool {
        let wanted = usize::try_from(MIN_ISR).unwrap().min(self.known.len().saturating_sub(1));
        let begin = self.history.iter().rposition(|(at, _)| *at <= since).unwrap_or(0);
        self.history.is_empty()
            || self.history[begin..].iter().any(|(_, in_sync)| {
                !in_sync.contains(&broker)
                    || in_sync.iter().filter(|other| **other != broker).count() >= wanted
            })
    }

    /// A broker begins to serve, and has caught up at `in_sync_at`.
    pub fn serve(&mut self, broker: u32, in_sync_at: u64) {
        if self.known.len() < 3 {
            self.known.insert(broker);
        }
        self.serving.insert(broker, in_sync_at);
    }

    /// A broker serves no more.
    pub fn leave(&mut self, broker: u32, now: u64) {
        self.serving.remove(&broker);
        // The last in-sync replica stays listed.
        if self.isr.len() > 1 {
            self.isr.remove(&broker);
        }
        self.note(now);
    }

    /// The truth at `now`.
    pub fn snapshot(&mut self, now: u64) -> Snapshot {
        let caught_up = self.serving.iter().filter(|(_, at)| **at <= now).map(|(broker, _)| *broker);
        self.isr.extend(caught_up.filter(|broker| self.known.contains(broker)));
        self.note(now);
        let isr: BTreeSet<u32> = self.isr.clone();
        let partition = Partition {
            replicas: self.known.iter().copied().collect(),
            leader: isr.iter().copied().find(|broker| self.serving.contains_key(broker)),
            isr,
            ..Partition::default()
        };
        let topic =
            Topic { min_isr: Ok(MIN_ISR), internal: false, partitions: BTreeMap::from([(0, partition)]) };
        Snapshot {
            taken_at: now,
            controller: self.serving.keys().next().copied(),
            brokers: self.serving.keys().map(|broker| (*broker, format!("h:{broker}"))).collect(),
            topics: BTreeMap::from([("t".parse().unwrap(), topic)]),
        }
    }
}
