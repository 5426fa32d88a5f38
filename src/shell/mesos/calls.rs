//! Calls of one subscription: in order, at most once, none after its end.

use std::{sync::Arc, time::Duration};

use ::mesos::v1::scheduler::{Call, call};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

/// Calls that may wait. Each waits for its predecessor's answer, so this many only gather where the master hardly answers.
const QUEUE: usize = 4096;
/// How long calls handed over before a stop may take to leave.
const FINISH: Duration = Duration::from_secs(2);

/// Sends calls of one subscription in order. When it is dropped, calls still waiting are not sent.
///
/// A full queue ends the subscription, and so does a refused answer to an offer: a dropped DECLINE would keep its offer from everybody for as long as we are
/// subscribed, while a new subscription begins with no offers and no calls, and the core decides afresh.
#[derive(Debug)]
pub(crate) struct Calls {
    queue: mpsc::Sender<Call>,
    sender: JoinSet<()>,
    reset: Arc<Notify>,
}

impl Calls {
    /// Sends with `send`, which says whether the master took the call; `reset` is rung when the subscription must end.
    pub(crate) fn start<F, T>(send: F, reset: Arc<Notify>) -> Calls
    where
        F: FnMut(Call) -> T + Send + 'static,
        T: Future<Output = bool> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let mut sender = JoinSet::new();
        sender.spawn(send_all(waiting, send, Arc::clone(&reset)));
        Calls { queue, sender, reset }
    }

    /// Hands a call over; it leaves after those before it. Never waits.
    pub(crate) fn send(&self, call: Call) {
        if let Err(mpsc::error::TrySendError::Full(call)) = self.queue.try_send(call) {
            tracing::warn!(call = ?call.r#type(), waiting = QUEUE, "too many calls wait, the subscription is given up");
            self.reset.notify_one();
        }
    }

    /// Lets the calls handed over leave, for a short time.
    pub(crate) async fn finish(mut self) {
        drop(self.queue);
        if tokio::time::timeout(FINISH, self.sender.join_next()).await.is_err() {
            tracing::warn!("the last calls did not leave within {} s", FINISH.as_secs());
        }
    }
}

async fn send_all<F, T>(mut waiting: mpsc::Receiver<Call>, mut send: F, reset: Arc<Notify>)
where
    F: FnMut(Call) -> T,
    T: Future<Output = bool>,
{
    let mut counts = Counts::default();
    while let Some(call) = waiting.recv().await {
        let kind = call.r#type();
        tracing::debug!(call = ?kind, "call");
        if send(call).await {
            counts.taken += 1;
            continue;
        }
        counts.refused += 1;
        if matches!(kind, call::Type::Accept | call::Type::Decline) {
            tracing::warn!(call = ?kind, "an offer could not be answered, the subscription is given up");
            reset.notify_one();
        }
    }
}

/// What became of a subscription's calls; logged when it ends.
#[derive(Debug, Default)]
struct Counts {
    taken: u64,
    refused: u64,
}

impl Drop for Counts {
    fn drop(&mut self) {
        tracing::debug!(taken = self.taken, refused = self.refused, "calls of the subscription that ended");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use ::mesos::v1::scheduler::call::Type;

    use super::*;

    fn call(kind: Type) -> Call {
        Call { r#type: Some(kind.into()), ..Call::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_leave_in_order_one_at_a_time() {
        let (taken, mut seen) = mpsc::unbounded_channel();
        let send = move |call: Call| {
            let taken = taken.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                taken.send(call.r#type()).is_ok()
            }
        };
        let calls = Calls::start(send, Arc::default());
        for kind in [Type::Accept, Type::Decline, Type::Reconcile] {
            calls.send(call(kind));
        }
        calls.finish().await;
        let mut order = Vec::new();
        while let Ok(kind) = seen.try_recv() {
            order.push(kind);
        }
        assert_eq!(order, [Type::Accept, Type::Decline, Type::Reconcile]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_wait_die_with_their_subscription() {
        let (taken, mut seen) = mpsc::unbounded_channel();
        let send = move |call: Call| {
            taken.send(call.r#type()).unwrap();
            std::future::pending()
        };
        let calls = Calls::start(send, Arc::default());
        calls.send(call(Type::Accept));
        calls.send(call(Type::Decline));
        assert_eq!(seen.recv().await, Some(Type::Accept));
        drop(calls);
        assert_eq!(seen.recv().await, None, "the second is never sent");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_ends_the_subscription() {
        let reset = Arc::new(Notify::new());
        let calls = Calls::start(|_| std::future::pending(), Arc::clone(&reset));
        for _ in 0..QUEUE {
            calls.send(call(Type::Decline));
        }
        assert!(tokio::time::timeout(Duration::from_secs(1), reset.notified()).await.is_err());
        // One more may have left for the sender meanwhile, so two are one too many.
        calls.send(call(Type::Decline));
        calls.send(call(Type::Decline));
        tokio::time::timeout(Duration::from_secs(1), reset.notified()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_offer_that_cannot_be_answered_ends_the_subscription() {
        for (kind, ends) in [(Type::Decline, true), (Type::Accept, true), (Type::Revive, false)] {
            let reset = Arc::new(Notify::new());
            let calls = Calls::start(|_| std::future::ready(false), Arc::clone(&reset));
            calls.send(call(kind));
            let rung = tokio::time::timeout(Duration::from_secs(1), reset.notified()).await.is_ok();
            assert_eq!(rung, ends, "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_does_not_wait_for_a_master_that_does_not_answer() {
        let calls = Calls::start(|_| std::future::pending(), Arc::default());
        calls.send(call(Type::Accept));
        tokio::time::timeout(Duration::from_secs(3), calls.finish()).await.unwrap();
    }
}
