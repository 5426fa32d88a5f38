//! Client of the executor API: speaks to the agent that started this process.
//!
//! [`Client::run`] subscribes and sends [`Message`]s; a [`Handle`] takes updates. An update is kept until the agent
//! has acknowledged it, is sent again with the same uuid when the agent asks for patience or the connection was lost,
//! and so is never lost while this process lives. Without checkpointing, a lost agent means the end; with it, the
//! client tries to reach the agent for the recovery timeout. It is made for a small process: one task, two
//! connections, no TLS.
#![expect(
    clippy::disallowed_methods,
    reason = "a client keeps times and tasks; RecordIO, JSON and resources have none"
)]

mod client;
mod connection;
mod handle;
mod options;
mod session;
mod state;
mod unacknowledged;

pub use client::Client;
pub use handle::{Closed, Handle};
pub use options::{Agent, Options, OptionsError, Problem, Token};
pub use unacknowledged::Unacknowledged;
use uuid::Uuid;

use crate::v1::executor::event::Subscribed;
use crate::v1::{KillPolicy, TaskId, TaskInfo};

/// What the client tells. Nothing is dropped: a full channel holds the stream back.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The agent has us, for the first time or again.
    Subscribed(Box<Subscribed>),
    /// A task to start.
    Launch(Box<TaskInfo>),
    /// Tasks to start together or not at all.
    LaunchGroup(Vec<TaskInfo>),
    /// A task to end; an unknown one is to be ignored. May come several times.
    Kill {
        /// The task.
        task_id: TaskId,
        /// Overrides the task's own policy.
        kill_policy: Option<KillPolicy>,
    },
    /// The agent has stored an update. The scheduler need not have it yet.
    Acknowledged {
        /// The task.
        task_id: TaskId,
        /// The update.
        uuid: Uuid,
    },
    /// Bytes from the scheduler, at most once.
    Message(Vec<u8>),
    /// End all tasks and this process.
    Shutdown(Shutdown),
    /// The agent is away. Tasks go on; updates are kept.
    Disconnected {
        /// What happened.
        reason: String,
    },
    /// The agent refuses something for good.
    Refused(Refused),
}

/// Why all has to end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shutdown {
    /// The agent asks for it. Terminal updates still reach it, so send them and await their acknowledgement.
    #[error("the agent asks for it")]
    Asked,
    /// The agent is lost and the framework does not checkpoint: it will not take us back. The client has ended.
    #[error("the agent is lost and the framework does not checkpoint: {reason}")]
    NotCheckpointed {
        /// What happened.
        reason: String,
    },
    /// The agent was away for longer than the recovery timeout. The client has ended.
    #[error("the agent was away for longer than the recovery timeout of {} s: {reason}", timeout.as_secs_f64())]
    RecoveryTimeout {
        /// The recovery timeout.
        timeout: std::time::Duration,
        /// What happened last.
        reason: String,
    },
    /// The agent reports an error after which nothing goes on. The client has ended.
    #[error("the agent reports an error: {message}")]
    Error {
        /// What the agent says.
        message: String,
    },
}

/// What the agent refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The subscription, for good. The client has ended; act as after a shutdown. See [`Refused::is_unknown`].
    #[error("the agent refuses the subscription: {status} {text}")]
    Subscribe {
        /// HTTP status.
        status: u16,
        /// What the agent says.
        text: String,
    },
    /// An update: it is not valid. It is not sent again and will not be acknowledged.
    #[error("the agent refuses an update: {status} {text}")]
    Update {
        /// The task.
        task_id: TaskId,
        /// The update.
        uuid: Uuid,
        /// HTTP status.
        status: u16,
        /// What the agent says.
        text: String,
    },
}

impl Refused {
    /// Whether the agent does not know this executor, or its framework, so that another may run in its place already.
    /// Its words alone tell that from a call that is not valid: both are 400.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Subscribe { status: 400, text } => {
                ["Framework cannot be found", "Executor cannot be found"]
                    .iter()
                    .any(|words| text.contains(words))
            }
            _ => false,
        }
    }
}
