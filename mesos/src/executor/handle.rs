//! What the executor says to its client.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use uuid::Uuid;

use crate::v1::task_status::Source;
use crate::v1::{ExecutorId, TaskStatus};

/// Updates and messages that may wait for the client to take them. More of them make their senders wait.
pub(super) const QUEUE: usize = 64;

/// Takes updates and messages for the agent.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) executor_id: ExecutorId,
    pub(super) inbox: mpsc::Sender<Input>,
}

/// What goes from a handle to the client.
#[derive(Debug)]
pub(super) enum Input {
    Update(Box<TaskStatus>, Uuid),
    Message(Vec<u8>),
}

/// The client has ended: there is no agent to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client of the agent has ended")]
pub struct Closed;

impl Handle {
    /// Gives an update to the client, which keeps and repeats it until the agent acknowledges it. Filled in here: a new
    /// uuid, the source, the executor id and, where it is unset, the time. Returns the uuid that the acknowledgement
    /// will name. Updates reach the agent in the order of these calls; send none for a task after its terminal one.
    ///
    /// # Errors
    /// When the client has ended.
    pub async fn update(&self, mut status: TaskStatus) -> Result<Uuid, Closed> {
        let uuid = Uuid::new_v4();
        status.uuid = Some(uuid.as_bytes().to_vec());
        status.source = Some(Source::Executor.into());
        status.executor_id = Some(self.executor_id.clone());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs_f64()).ok();
        status.timestamp = status.timestamp.or(now);
        self.inbox.send(Input::Update(Box::new(status), uuid)).await.map_err(|_| Closed)?;
        Ok(uuid)
    }

    /// Sends bytes to the scheduler, at most once: while there is no subscription they are dropped.
    ///
    /// # Errors
    /// When the client has ended.
    pub async fn message(&self, data: Vec<u8>) -> Result<(), Closed> {
        self.inbox.send(Input::Message(data)).await.map_err(|_| Closed)
    }
}
