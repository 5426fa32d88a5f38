//! Calls of one subscription: in order, at most once, none after its end.

use std::time::Duration;

use ::mesos::{
    scheduler::CallError,
    v1::scheduler::{Call, call},
};
use tokio::{sync::mpsc, task::JoinSet};

/// Calls that may wait. Each waits for its predecessor's answer, so this many only gather where the master hardly answers.
const QUEUE: usize = 4096;
/// How long calls handed over before a stop may take to leave.
const FINISH: Duration = Duration::from_secs(2);

/// Why a subscription must be given up although the master still holds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GiveUp {
    /// The master does not take the answer to an offer.
    #[error("an offer could not be answered by {call}: {error}")]
    Refused {
        /// The call.
        call: &'static str,
        /// What the master says.
        error: CallError,
    },
    /// The master does not keep up with our calls.
    #[error("{QUEUE} calls wait and the master hardly takes any")]
    Full,
}

/// Sends calls of one subscription in order. When it is dropped, calls still waiting are not sent.
///
/// A full queue ends the subscription, and so does a refused answer to an offer: a dropped DECLINE would keep its offer from everybody for as long as we are
/// subscribed, while a new subscription begins with no offers and no calls, and the core decides afresh. Calls that
/// fail in another way show that the subscription is over already, which its client sees by itself.
#[derive(Debug)]
pub(crate) struct Calls {
    queue: mpsc::Sender<Call>,
    sender: JoinSet<()>,
    give_up: mpsc::Sender<GiveUp>,
}

impl Calls {
    /// Sends with `send`. What is received says that this one subscription must be given up: the first reason alone.
    pub(crate) fn start<F, T>(send: F) -> (Calls, mpsc::Receiver<GiveUp>)
    where
        F: FnMut(Call) -> T + Send + 'static,
        T: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (give_up, given_up) = mpsc::channel(1);
        let mut sender = JoinSet::new();
        sender.spawn(send_all(waiting, send, give_up.clone()));
        (Calls { queue, sender, give_up }, given_up)
    }

    /// Hands a call over; it leaves after those before it. Never waits.
    pub(crate) fn send(&self, call: Call) {
        if let Err(mpsc::error::TrySendError::Full(call)) = self.queue.try_send(call) {
            tracing::debug!(call = call.r#type().as_str_name(), "too many calls wait, the call is dropped");
            ring(&self.give_up, GiveUp::Full);
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

/// A second reason is as good as the first, and nobody listens any more where the subscription has ended.
fn ring(give_up: &mpsc::Sender<GiveUp>, reason: GiveUp) {
    let _ = give_up.try_send(reason);
}

async fn send_all<F, T>(mut waiting: mpsc::Receiver<Call>, mut send: F, give_up: mpsc::Sender<GiveUp>)
where
    F: FnMut(Call) -> T,
    T: Future<Output = Result<(), CallError>>,
{
    let mut counts = Counts::default();
    while let Some(call) = waiting.recv().await {
        let kind = call.r#type();
        tracing::debug!(call = ?kind, "call");
        match send(call).await {
            Ok(()) => counts.taken += 1,
            Err(error) => {
                counts.failed += 1;
                let answers = matches!(kind, call::Type::Accept | call::Type::Decline);
                if answers && matches!(error, CallError::Refused { .. }) {
                    ring(&give_up, GiveUp::Refused { call: kind.as_str_name(), error });
                }
            }
        }
    }
}

/// What became of a subscription's calls; logged when it ends.
#[derive(Debug, Default)]
struct Counts {
    taken: u64,
    failed: u64,
}

impl Drop for Counts {
    fn drop(&mut self) {
        tracing::debug!(taken = self.taken, failed = self.failed, "calls of the subscription that ended");
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
                taken.send(call.r#type()).unwrap();
                Ok(())
            }
        };
        let (calls, _given_up) = Calls::start(send);
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
        let (calls, _given_up) = Calls::start(send);
        calls.send(call(Type::Accept));
        calls.send(call(Type::Decline));
        assert_eq!(seen.recv().await, Some(Type::Accept));
        drop(calls);
        assert_eq!(seen.recv().await, None, "the second is never sent");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_ends_the_subscription() {
        let (calls, mut given_up) = Calls::start(|_| std::future::pending());
        for _ in 0..QUEUE {
            calls.send(call(Type::Decline));
        }
        assert!(tokio::time::timeout(Duration::from_secs(1), given_up.recv()).await.is_err());
        // One more may have left for the sender meanwhile, so two are one too many.
        calls.send(call(Type::Decline));
        calls.send(call(Type::Decline));
        assert_eq!(given_up.recv().await, Some(GiveUp::Full));
        assert_eq!(GiveUp::Full.to_string(), "4096 calls wait and the master hardly takes any");
    }

    /// Only what leaves an offer unanswered on a subscription that stands; the first reason is the one told.
    #[tokio::test(start_paused = true)]
    async fn a_refused_answer_to_an_offer_ends_the_subscription() {
        let text = || "no".to_owned();
        let refused = CallError::Refused { status: 400, text: text() };
        let over = [
            CallError::Disconnected,
            CallError::NotSubscribed { text: text() },
            CallError::NotLeading { status: 503, text: text() },
            CallError::Unanswered { cause: text() },
        ];
        let cases = [(Type::Decline, refused.clone()), (Type::Accept, refused.clone())].map(|it| (it, true));
        let others = over.into_iter().map(|error| ((Type::Accept, error), false));
        for ((kind, error), ends) in cases.into_iter().chain(others).chain([((Type::Revive, refused), false)])
        {
            let answer = error.clone();
            let (calls, mut given_up) = Calls::start(move |_| std::future::ready(Err(answer.clone())));
            calls.send(call(kind));
            calls.send(call(Type::Decline));
            calls.finish().await;
            let second = (!ends && matches!(error, CallError::Refused { .. })).then_some(Type::Decline);
            let told = ends.then_some(kind).or(second);
            let told = told.map(|kind| GiveUp::Refused { call: kind.as_str_name(), error: error.clone() });
            assert_eq!(given_up.recv().await, told, "{kind:?} {error}");
        }
        let reason =
            GiveUp::Refused { call: "ACCEPT", error: CallError::Refused { status: 400, text: text() } };
        assert_eq!(
            reason.to_string(),
            "an offer could not be answered by ACCEPT: the master refuses the call: 400 no"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_does_not_wait_for_a_master_that_does_not_answer() {
        let (calls, _given_up) = Calls::start(|_| std::future::pending());
        calls.send(call(Type::Accept));
        tokio::time::timeout(Duration::from_secs(3), calls.finish()).await.unwrap();
    }
}
