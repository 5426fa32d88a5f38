//! What the routes for administrators ask of Kafka: settings, moving partitions, elections, disks, groups.

use std::collections::{BTreeMap, BTreeSet};

use api::rest::LimitsUntended;
use futures_util::future::BoxFuture;
use kafka::{
    client::{Change, Elected, Setting},
    cluster::{AdminError, Groups, LogDirs, Outcome, Progress, Reading},
    reassign::Assignment,
    topic::{TopicName, TopicPartition},
};

/// An answer, or why there is none.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, AdminError>>;

/// Asks the brokers where they are now.
pub trait Administration: Send + Sync + 'static {
    /// What a topic is set to.
    fn config(&self, topic: TopicName) -> Asked<'_, BTreeMap<String, Setting>>;

    /// Changes what a topic is set to.
    fn alter_config(&self, topic: TopicName, change: Change) -> Asked<'_, ()>;

    /// Moves partitions, or only tells how it would.
    fn reassign(&self, wish: Wish) -> Asked<'_, Planned>;

    /// What is on its way.
    fn progress(&self) -> Asked<'_, BTreeMap<TopicPartition, Progress>>;

    /// Why limits of copying may still be there although nothing is copied any more, if they are not looked after.
    fn untended(&self) -> Option<LimitsUntended>;

    /// Stops what is on its way: of these topics, or of all.
    fn cancel(&self, topics: Option<BTreeSet<TopicName>>) -> Asked<'_, Outcome>;

    /// Makes preferred leaders lead: of these topics and partitions, or of all.
    fn elect(
        &self,
        meant: Option<(BTreeSet<TopicName>, BTreeSet<TopicPartition>)>,
    ) -> Asked<'_, BTreeMap<TopicPartition, Elected>>;

    /// Log directories of a broker, or of all.
    fn log_dirs(&self, broker: Option<u32>) -> Asked<'_, LogDirs>;

    /// All groups.
    fn groups(&self) -> Asked<'_, Groups>;

    /// One group.
    fn group(&self, name: String) -> Asked<'_, Reading>;
}

/// Where partitions are to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which, and where.
    pub target: Target,
    /// How fast each broker copies at most, in bytes per second.
    pub rate: Option<u64>,
    /// Nothing is begun.
    pub dry_run: bool,
}

/// Which partitions, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every partition of topics, spread evenly.
    Topics {
        /// These.
        topics: BTreeSet<TopicName>,
        /// The brokers to hold them; else all that live.
        brokers: Option<BTreeSet<u32>>,
        /// How many replicas of each; else as many as there are.
        replication: Option<u16>,
    },
    /// These, exactly so.
    Partitions(Assignment),
}

/// What is to be done, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Replicas as they are.
    pub from: Assignment,
    /// Replicas as they are to be, of the same partitions.
    pub to: Assignment,
    /// Nothing was begun where it was not to be; who would be limited anew is told then too.
    pub outcome: Outcome,
}
