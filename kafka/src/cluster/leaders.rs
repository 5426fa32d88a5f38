//! Who led a topic's partitions when their offsets were asked for last. That is a guess, and is only ever used as one: the
//! leaders are asked again while the metadata says whether they still are, which saves a round trip where it says so.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::topic::TopicName;

/// Partitions by their leader's `host:port`.
pub(super) type Leaders = Arc<BTreeMap<String, Vec<u32>>>;

/// Topics remembered; with one more all are forgotten, which costs each a round trip.
const TOPICS: usize = 1_000;

/// The guesses.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<TopicName, Leaders>>);

impl Guesses {
    pub(super) fn of(&self, topic: &TopicName) -> Option<Leaders> {
        self.topics().get(topic).cloned()
    }

    pub(super) fn remember(&self, topic: &TopicName, leaders: Leaders) {
        let mut topics = self.topics();
        if topics.len() >= TOPICS {
            topics.clear();
        }
        topics.insert(topic.clone(), leaders);
    }

    /// Nothing panics while it is held.
    fn topics(&self) -> MutexGuard<'_, HashMap<TopicName, Leaders>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
