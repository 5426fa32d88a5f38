//! What reaches the core and what it asks for: [`Event`] in, [`Effects`] out.
//!
//! `Effects` is ordered by type. The shell commits `writes` as one atomic batch, *then* makes the Mesos `calls`,
//! *then* publishes what can be seen and answers operators with `replies`; where there are no writes it goes straight to the calls. Store before
//! ACCEPT, before ACKNOWLEDGE and before 200 is therefore not a rule to remember: there is nowhere to break it.

use std::collections::BTreeMap;

use api::{
    ids::{BrokerId, TaskId},
    incident::Incident,
    message::ToScheduler,
};
use mesos::v1;
use uuid::Uuid;

/// Milliseconds since the Unix epoch. Comes in as an argument everywhere; the core reads no clock.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This time and `millis` milliseconds more.
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this time; 0 if `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Everything that can happen to the scheduler.
#[derive(Clone, Debug)]
pub enum Event {
    /// Mesos accepted our SUBSCRIBE. All offers known before are void (mesos-v1-http 3.1).
    Subscribed {
        /// Our id; stored before anything is launched.
        framework_id: String,
    },
    /// The stream ended or fell silent; the shell subscribes again by itself.
    Disconnected {
        /// Why, for the operator.
        reason: String,
    },
    /// Resources of agents, ours to answer within this very `handle`.
    Offers(Vec<v1::Offer>),
    /// A task's status, from its executor, its agent or the master.
    Update(Box<v1::TaskStatus>),
    /// An executor says something, in MESSAGE.
    Message(Box<ToScheduler>),
    /// What came of reading an incident out of its sandbox ([`crate::fetch`]).
    Fetched {
        /// Which.
        id: Uuid,
        /// The whole incident, or why it could not be read.
        result: Result<Box<Incident>, String>,
    },
    /// An operator asks for a change.
    Command(Ticket, Command),
    /// Kafka as it is now; `Err` when it could not be asked.
    Kafka(Result<kafka::snapshot::Snapshot, String>),
    /// Time passes; sent at least every second.
    Tick,
}

/// A number the shell maps to a waiting client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What an operator may ask for. Grows with the routes; reads never come this way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Restart a broker in place (S-099).
    Restart {
        /// Which.
        broker: BrokerId,
        /// Whether it must not wait for the moment at which that hurts nobody (D26).
        force: bool,
    },
}

/// The answer to a [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The broker restarts, at once or in its turn: its newest task, if it ever had one (D15).
    Restarting(Option<TaskId>),
    /// The service has no such broker.
    NoSuchBroker,
}

/// What to do about an event, in this order: commit, call, reply, and only then leave.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be made durable as one atomic batch before anything below.
    pub writes: Batch,
    /// Mesos calls in order, without `framework_id` (the shell's sender fills it in).
    pub calls: Vec<v1::scheduler::Call>,
    /// Answers to operators.
    pub replies: Vec<(Ticket, Reply)>,
    /// What an operator would tell a colleague: one line each, logged by the shell at INFO.
    pub notes: Vec<String>,
}

/// Changes to stored records, applied all or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch(pub Vec<Write>);

/// One change to a stored record. Keys look like paths: `framework`, `configs/<uuid>`, `brokers/0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Create or replace the record.
    Put {
        /// Which record.
        key: String,
        /// Its new content.
        value: Vec<u8>,
    },
    /// Remove the record; removing what is not there is no error.
    Delete {
        /// Which record.
        key: String,
    },
}

/// All stored records, by key.
pub type Records = BTreeMap<String, Vec<u8>>;
