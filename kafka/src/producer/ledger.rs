//! What is sent, what is answered, what is sent again: pure, for all partitions of one topic.
//!
//! A partition has at most [`WINDOW`] batches unanswered, as many as a broker remembers of one producer, so that a batch
//! sent twice is stored once. After any failure a partition waits until nothing of it is on its way, then everything
//! unanswered goes out again in its order. A batch is a few numbers; its bytes are made anew each time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use kafka_protocol::ResponseError;

use crate::error::KafkaError;

/// Batches unanswered at once, for each partition and each leader: Kafka's own `max.in.flight.requests.per.connection`,
/// and the most that idempotence allows.
pub(crate) const WINDOW: usize = 5;
/// Before something is sent again: Kafka's own `retry.backoff.ms`.
const BACKOFF: Duration = Duration::from_millis(100);

/// Some records of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) partition: u32,
    /// Of its first record.
    pub(crate) sequence: i32,
    pub(crate) records: u16,
    /// When it was made.
    pub(crate) created: Duration,
}

/// What is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Send {
    /// To whom.
    pub(crate) leader: u32,
    pub(crate) batch: Batch,
    /// Whether it was sent before.
    pub(crate) again: bool,
}

/// An error that no repeating helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fatal(pub(crate) KafkaError);

#[derive(Debug)]
pub(crate) struct Ledger {
    partitions: Vec<Partition>,
    /// Requests under way, by leader.
    windows: BTreeMap<u32, usize>,
    /// Whose turn it is.
    turn: usize,
    /// Records of a full batch.
    most: u16,
    /// Batches sent again so far.
    retries: u64,
    stale: bool,
}

#[derive(Debug)]
struct Partition {
    number: u32,
    leader: Option<u32>,
    /// Of the next new record.
    sequence: i32,
    unanswered: VecDeque<Batch>,
    /// How many of them, from the first, are on their way; after a failure, how many still are.
    under_way: usize,
    /// To whom.
    to: u32,
    /// A failure: nothing is sent before this, and before nothing is on its way.
    failed: Option<Duration>,
    /// Whether any batch is stored. A leader that knows nothing of a producer takes whatever number comes first, so
    /// until then one goes at a time: were the first refused, a later one would be stored before it.
    begun: bool,
}

impl Ledger {
    pub(crate) fn new(partitions: impl IntoIterator<Item = (u32, Option<u32>)>, most: u16) -> Self {
        let partitions = partitions.into_iter().map(|(number, leader)| Partition {
            number,
            leader,
            sequence: 0,
            unanswered: VecDeque::with_capacity(WINDOW),
            under_way: 0,
            to: 0,
            failed: None,
            begun: false,
        });
        Self {
            partitions: partitions.collect(),
            windows: BTreeMap::new(),
            turn: 0,
            most,
            retries: 0,
            stale: false,
        }
    }

    /// What goes out at `now`, when `new` records may be made. Partitions take turns, a whole batch each; one that has
    /// no leader, or whose leader is busy, is passed over.
    pub(crate) fn next(&mut self, now: Duration, new: u64) -> Option<Send> {
        let count = self.partitions.len();
        for turn in (self.turn..self.turn + count).map(|turn| turn % count) {
            let partition = &mut self.partitions[turn];
            let Some(leader) = partition.leader else { continue };
            let window = self.windows.entry(leader).or_default();
            let most = if partition.begun { WINDOW } else { 1 };
            if *window >= WINDOW || partition.under_way >= most {
                continue;
            }
            if let Some(until) = partition.failed {
                if partition.under_way > 0 || now < until {
                    continue;
                }
                partition.failed = None;
            }
            // What is on its way goes to one leader; another has its turn once that is answered.
            if partition.under_way > 0 && partition.to != leader {
                continue;
            }
            let (batch, again) = match partition.unanswered.get(partition.under_way) {
                Some(batch) => (*batch, true),
                None if new > 0 && partition.unanswered.len() < WINDOW => {
                    let records = self.most.min(u16::try_from(new).unwrap_or(u16::MAX));
                    (partition.make(records, now), false)
                }
                None => continue,
            };
            partition.under_way += 1;
            partition.to = leader;
            *window += 1;
            self.turn = (turn + 1) % count;
            self.retries += u64::from(again);
            return Some(Send { leader, batch, again });
        }
        None
    }

    /// A leader's answer to a batch. Gives the batch when it is stored.
    pub(crate) fn answered(
        &mut self,
        leader: u32,
        batch: Batch,
        error: Option<KafkaError>,
        now: Duration,
    ) -> Result<Option<Batch>, Fatal> {
        if let Some(window) = self.windows.get_mut(&leader) {
            *window = window.saturating_sub(1);
        }
        let Some(partition) = self.partitions.iter_mut().find(|known| known.number == batch.partition) else {
            return Ok(None);
        };
        partition.under_way = partition.under_way.saturating_sub(1);
        let Some(at) = partition.unanswered.iter().position(|known| known.sequence == batch.sequence) else {
            return Ok(None);
        };
        match error {
            Some(error) if !error.is(ResponseError::DuplicateSequenceNumber) => {
                let follows = at > 0 || partition.failed.is_some();
                let split = is_too_large(&error) && batch.records > 1;
                let missing = error.is(ResponseError::OutOfOrderSequenceNumber) && follows;
                if !(error.retriable || split || missing) {
                    return Err(Fatal(error));
                }
                partition.failed = Some(now + if split { Duration::ZERO } else { BACKOFF });
                self.stale |= !split;
                if split {
                    self.most = self.most.min(batch.records.div_ceil(2));
                    partition.split(self.most);
                }
                Ok(None)
            }
            _ => {
                partition.unanswered.remove(at);
                partition.begun = true;
                Ok(Some(batch))
            }
        }
    }

    /// The connection to a leader is gone, and with it every answer to come.
    pub(crate) fn lost(&mut self, leader: u32, now: Duration) {
        self.windows.remove(&leader);
        self.stale = true;
        for partition in self.partitions.iter_mut().filter(|known| known.to == leader) {
            if partition.under_way > 0 {
                partition.under_way = 0;
                partition.failed = Some(now + BACKOFF);
            }
        }
    }

    /// Who leads by now.
    pub(crate) fn led(&mut self, leaders: &BTreeMap<u32, Option<u32>>) {
        for partition in &mut self.partitions {
            partition.leader = leaders.get(&partition.number).copied().flatten();
        }
        self.stale = self.partitions.iter().any(|partition| partition.leader.is_none());
    }

    /// Whether it should be asked anew who leads.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether everything sent is answered.
    pub(crate) fn is_settled(&self) -> bool {
        self.partitions.iter().all(|partition| partition.unanswered.is_empty())
    }

    /// Records whose fate is not known.
    pub(crate) fn unanswered(&self) -> u64 {
        self.partitions.iter().flat_map(|partition| &partition.unanswered).map(|b| u64::from(b.records)).sum()
    }

    /// When the oldest unanswered batch was made.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        self.partitions.iter().filter_map(|partition| Some(partition.unanswered.front()?.created)).min()
    }

    /// When something that failed may be sent again.
    pub(crate) fn wakes(&self) -> Option<Duration> {
        self.partitions.iter().filter(|partition| partition.under_way == 0).filter_map(|p| p.failed).min()
    }

    /// Batches sent again.
    pub(crate) fn retries(&self) -> u64 {
        self.retries
    }
}

impl Partition {
    fn make(&mut self, records: u16, now: Duration) -> Batch {
        let batch = Batch { partition: self.number, sequence: self.sequence, records, created: now };
        self.unanswered.push_back(batch);
        // A test has far fewer records than there are numbers.
        self.sequence += i32::from(records);
        batch
    }

    /// Makes batches of at most `most` records of those it has.
    fn split(&mut self, most: u16) {
        let whole = std::mem::take(&mut self.unanswered);
        for batch in whole {
            let mut rest = batch;
            while rest.records > most {
                self.unanswered.push_back(Batch { records: most, ..rest });
                rest.records -= most;
                rest.sequence += i32::from(most);
            }
            self.unanswered.push_back(rest);
        }
    }
}

fn is_too_large(error: &KafkaError) -> bool {
    error.is(ResponseError::MessageTooLarge) || error.is(ResponseError::RecordListTooLarge)
}

#[cfg(test)]
#[path = "ledger/tests.rs"]
mod tests;
