//! The loop that keeps the executor subscribed, and the rules for giving up.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::handle::{Handle, QUEUE};
use super::session::{Ended, Session};
use super::{Message, Options, Shutdown};

/// Longest wait before a new try, whatever the agent allows: one that restarted waits 2 s for its executors and then
/// destroys them.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Keeps one executor subscribed to its agent.
#[derive(Debug)]
pub struct Client {
    options: Options,
    session: Session,
}

impl Client {
    /// A client, and a handle to give it updates. Nothing is connected yet.
    pub fn new(options: Options) -> (Self, Handle) {
        let (sender, inbox) = mpsc::channel(QUEUE);
        let handle = Handle { executor_id: options.executor_id.clone(), inbox: sender };
        (Self { session: Session::new(options.clone(), inbox), options }, handle)
    }

    /// Subscribes, and subscribes again after each loss, until that makes no sense: the last message is then
    /// [`Message::Shutdown`] (but not [`Shutdown::Asked`], which the agent is still to hear updates after) or
    /// [`super::Refused::Subscribe`]. Also ends when the receiver or all handles are gone.
    pub async fn run(mut self, messages: mpsc::Sender<Message>) {
        let mut away_since = Instant::now();
        loop {
            let (reason, gone) = match self.session.run(&messages).await {
                Ended::Unheard => return,
                Ended::Final(message) => return self.session.finish(*message, &messages).await,
                Ended::Lost { reason } => {
                    away_since = Instant::now();
                    tracing::warn!(reason, "the agent is away");
                    self.session.state.tell(Message::Disconnected { reason: reason.clone() });
                    (reason, true)
                }
                Ended::Failed { reason, gone } => {
                    tracing::debug!(reason, "no subscription at the agent");
                    (reason, gone)
                }
            };
            if gone && !self.options.checkpoint {
                let last = Message::Shutdown(Shutdown::NotCheckpointed { reason });
                return self.session.finish(last, &messages).await;
            }
            let timeout = self.options.recovery_timeout;
            let left = timeout.saturating_sub(away_since.elapsed());
            if left.is_zero() {
                let last = Message::Shutdown(Shutdown::RecoveryTimeout { timeout, reason });
                return self.session.finish(last, &messages).await;
            }
            let bound = self.options.backoff_max.min(MAX_WAIT);
            let wait = bound.mul_f64(rand::random()).min(left);
            if self.session.meanwhile(tokio::time::sleep(wait), &messages).await.is_none() {
                return;
            }
        }
    }
}
