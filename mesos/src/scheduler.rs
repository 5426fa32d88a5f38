//! Client of the scheduler API: one subscription at a time, kept up for as long as the master lets us.
//!
//! [`Client::run`] finds the leader, subscribes, and sends [`Message`]s; after any loss it waits and subscribes again
//! with the same framework id. A [`Caller`] comes with each subscription and dies with it: there is nothing to call
//! on while disconnected. Heartbeats are watched here and not passed on.
#![expect(
    clippy::disallowed_methods,
    reason = "a client keeps times and tasks; RecordIO, JSON and resources have none"
)]

mod call;
mod client;
mod masters;
mod reason;
mod subscribe;

use std::time::Duration;

pub use call::{CallError, Caller};
pub(crate) use client::builder;
pub use client::{BuildError, Client};
pub use masters::{Masters, MastersError, Problem};
pub use reason::{Disconnect, Fatal};

use crate::backoff::Backoff;
use crate::v1::scheduler::Event;

/// What the client tells.
#[derive(Debug)]
pub enum Message {
    /// The subscription stands; SUBSCRIBED follows as the first event. Offers of earlier subscriptions are void.
    Connected(Caller),
    /// An event, in the order the master sent it. HEARTBEAT, ERROR and unknown types are not passed on.
    Event(Box<Event>),
    /// There is no subscription: it ended, or an attempt to get one failed. Sent each time, so the reason is the
    /// latest one; calls fail until the next [`Message::Connected`].
    Disconnected(Disconnect),
}

/// Where and how to subscribe.
#[derive(Debug, Clone)]
pub struct Options {
    /// The masters, tried in turn; any of them may lead to the leader by a redirect.
    pub masters: Masters,
    /// Time to make a connection.
    pub connect_timeout: Duration,
    /// Time for the answer to a call, and for the head of the answer to SUBSCRIBE.
    pub call_timeout: Duration,
    /// Waits between attempts.
    pub backoff: Backoff,
}

impl Options {
    /// The usual times: 5 s to connect, 30 s for an answer, waits of at most 0.5 s, doubling to 15 s.
    pub fn new(masters: Masters) -> Self {
        Self {
            masters,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            backoff: Backoff { first: Duration::from_millis(500), limit: Duration::from_secs(15) },
        }
    }
}
