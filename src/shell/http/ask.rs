//! Questions to Kafka and ZooKeeper: bounded, and finished once begun.

use std::sync::Arc;

use api::rest::ErrorCode;
use tokio::sync::Semaphore;

use super::ApiError;

/// Reads under way at once. Each may hold connections to Kafka and ZooKeeper for seconds.
pub(super) const READS: usize = 16;
/// Changes under way at once. They have slots of their own: a creation that waits for Kafka's controller must not keep
/// anybody from reading.
pub(super) const CHANGES: usize = 8;

/// How many questions may be under way. One more is answered 503 `Overloaded` at once, so that nothing queues.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    reads: Arc<Semaphore>,
    changes: Arc<Semaphore>,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self { reads: Arc::new(Semaphore::new(READS)), changes: Arc::new(Semaphore::new(CHANGES)) }
    }

    /// Awaits what changes nothing.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ApiError> {
        ask(&self.reads, ("reads", ErrorCode::InternalError), question).await
    }

    /// Awaits what changes something.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        question: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ApiError> {
        // Kafka may have carried out what it was asked for.
        ask(&self.changes, ("changes", ErrorCode::OutcomeUnknown), question).await
    }
}

/// Awaits `question` in a task of its own, which goes on when the client hangs up: what was begun is finished, and its
/// slot is taken until then. Only the scheduler's own end cuts it off, which is answered with that code.
async fn ask<T: Send + 'static>(
    slots: &Arc<Semaphore>,
    (kind, cut_off): (&str, ErrorCode),
    question: impl Future<Output = T> + Send + 'static,
) -> Result<T, ApiError> {
    let slot = Arc::clone(slots).try_acquire_owned().map_err(|_| {
        let message = format!("too many {kind} of Kafka are under way; ask again in a moment");
        ApiError::new(ErrorCode::Overloaded, message)
    })?;
    let task = tokio::spawn(async move {
        let answer = question.await;
        drop(slot);
        answer
    });
    match task.await {
        Ok(answer) => Ok(answer),
        Err(error) => match error.try_into_panic() {
            // It is `guard` that answers panics.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(ApiError::new(cut_off, "the scheduler is stopping")),
        },
    }
}
