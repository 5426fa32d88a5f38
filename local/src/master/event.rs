//! What enters a [`Master`](super::Master) and what leaves it.

use std::net::SocketAddr;

use mesos::v1::{
    self,
    scheduler::{self, call},
};

use super::Registry;
use crate::link::{LinkId, ToAgent, ToMaster};

/// One SUBSCRIBE response: the text of its `Mesos-Stream-Id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub String);

/// Whom an [`Output::Answer`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What happens to a master.
#[derive(Clone, Debug)]
pub enum Input {
    /// A SUBSCRIBE that passed [`validate::call`](super::validate::call); its stream is open and waits for events.
    Subscribe {
        /// The new stream.
        stream: StreamId,
        /// The call's body.
        subscribe: Box<call::Subscribe>,
    },
    /// A scheduler's stream has broken.
    StreamClosed(StreamId),
    /// Any other scheduler call that passed [`validate::call`](super::validate::call).
    Call {
        /// Whom to answer.
        ticket: Ticket,
        /// Its `Mesos-Stream-Id`.
        stream: Option<StreamId>,
        /// The call.
        call: Box<scheduler::Call>,
    },
    /// A change asked for by an operator.
    Operator {
        /// Whom to answer.
        ticket: Ticket,
        /// What to change.
        change: Box<Change>,
    },
    /// An agent has connected.
    Linked {
        /// The connection.
        link: LinkId,
        /// Where the agent's HTTP endpoint listens.
        address: SocketAddr,
    },
    /// A connection to an agent has broken.
    Unlinked(LinkId),
    /// An agent says something.
    Agent {
        /// The connection it came on.
        link: LinkId,
        /// What it says.
        message: ToMaster,
    },
    /// Time has passed. Due work is done on every input; between inputs, at the latest at [`Master::wake_at`](super::Master::wake_at).
    Tick,
}

/// What an operator can change.
#[derive(Clone, Debug)]
pub enum Change {
    /// Remove a framework.
    Teardown(v1::FrameworkId),
    /// RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME or SHRINK_VOLUME on an agent's free resources.
    Apply {
        /// The agent.
        agent: v1::AgentId,
        /// The operation, as given.
        operation: Box<v1::offer::Operation>,
    },
    /// An agent is gone for good.
    MarkGone(v1::AgentId),
}

/// What a master does.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Write an event to a scheduler's stream.
    Event {
        /// The stream.
        stream: StreamId,
        /// The event.
        event: Box<scheduler::Event>,
    },
    /// End a scheduler's stream after what was written.
    End(StreamId),
    /// Say something to an agent.
    ToAgent {
        /// The connection.
        link: LinkId,
        /// What to say.
        message: ToAgent,
    },
    /// Break the connection to an agent; it comes back by itself.
    Cut(LinkId),
    /// Make the registry durable before any later output is done.
    Registry(Box<Registry>),
    /// Say this to the operator's log: something was refused or ignored, and nobody else is told.
    Log(String),
    /// Answer a call.
    Answer {
        /// Whom.
        ticket: Ticket,
        /// What.
        answer: Answer,
    },
}

/// An HTTP answer without a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Why, for a refusal; else empty.
    pub text: String,
}

impl Answer {
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}
