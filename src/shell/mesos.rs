//! Mesos at the edge: a subscription kept up, its events translated for the core, and calls sent in order.

mod calls;

use std::{sync::OnceLock, time::Duration};

use ::mesos::{
    backoff::Backoff,
    scheduler::{BuildError, Client, Disconnect, Fatal, Masters, Message, Options},
    v1::{
        self,
        scheduler::{call::Subscribe, event::Type},
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::calls::Calls;
use self::calls::GiveUp;
use super::Input;
use crate::event::Event;

/// Messages between the client and the translation; the loop's own channel is the buffer that matters.
const MESSAGES: usize = 16;
/// How long a subscription that is given up is listened to all the same. A refused call may be the first sign that
/// another scheduler took over: the ERROR that says so comes over another connection, and to subscribe again would take
/// the framework back from it, for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Bounds of the waits after subscriptions were given up. At least half of the bound is waited: 1 s to 15 s.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(2), limit: Duration::from_secs(30) };
/// A subscription that stood for this long before it was given up starts the waits anew.
const STOOD: Duration = Duration::from_secs(300);

/// Keeps a framework subscribed.
#[derive(Debug)]
pub(crate) struct Subscription {
    client: Client,
    framework: v1::FrameworkInfo,
    inputs: mpsc::Sender<Input>,
    /// The id Mesos gave us, which every later SUBSCRIBE must carry.
    id: OnceLock<v1::FrameworkId>,
    last_words: Duration,
    backoff: Backoff,
}

impl Subscription {
    pub(crate) fn new(
        masters: Masters,
        framework: v1::FrameworkInfo,
        inputs: mpsc::Sender<Input>,
    ) -> Result<Self, BuildError> {
        let client = Client::new(Options::new(masters))?;
        let id = OnceLock::new();
        Ok(Self { client, framework, inputs, id, last_words: LAST_WORDS, backoff: BACKOFF })
    }

    /// Keeps subscribed until stopped; gives up, and waits for the stop, once Mesos refuses us for good.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.keep()).await;
        // What was said last is still on its way to the loop, which ends by it: not by seeing that this has ended.
        stop.cancelled().await;
    }

    /// Subscribes again after each subscription that had to be given up.
    async fn keep(&self) {
        let mut in_a_row = 0;
        while let Some(GivenUp { stood }) = self.once().await {
            if stood >= STOOD {
                in_a_row = 0;
            }
            let pause = pause(self.backoff, in_a_row, rand::random());
            tracing::warn!("subscribing again in {:.1} s", pause.as_secs_f64());
            sleep(pause).await;
            in_a_row = in_a_row.saturating_add(1);
        }
    }

    /// One run of the client, which itself subscribes again after each loss. `None` when there is to be no other.
    async fn once(&self) -> Option<GivenUp> {
        let (messages, received) = mpsc::channel(MESSAGES);
        let body = || Subscribe { framework_info: self.framework_info(), ..Subscribe::default() };
        let client = async {
            // Its reason has been sent as a message too, and ends `translate` once that is passed on.
            let _ = self.client.run(body, messages).await;
            std::future::pending().await
        };
        tokio::select! {
            ended = self.translate(received) => ended,
            () = client => None,
        }
    }

    fn framework_info(&self) -> v1::FrameworkInfo {
        let mut framework = self.framework.clone();
        framework.id = framework.id.or_else(|| self.id.get().cloned());
        framework
    }

    /// Passes on what the client tells, until it or the loop ends, or the subscription must be given up.
    async fn translate(&self, mut messages: mpsc::Receiver<Message>) -> Option<GivenUp> {
        // Of the subscription that stands: what an earlier one says is void.
        let mut current: Option<(mpsc::Receiver<GiveUp>, Instant)> = None;
        loop {
            let given_up = async {
                let (given_up, since) = current.as_mut()?;
                Some((given_up.recv().await?, since.elapsed()))
            };
            let message = tokio::select! {
                // What the client says itself, a Fatal above all, is never overtaken.
                biased;
                message = messages.recv() => message?,
                Some((reason, stood)) = given_up => {
                    return self.give_up(&reason, &mut messages).await.then_some(GivenUp { stood });
                }
            };
            let input = match message {
                Message::Connected(caller) => {
                    // Every subscription of this framework has the same id.
                    let _ = self.id.set(caller.framework_id().clone());
                    let send = move |call| {
                        let caller = caller.clone();
                        async move { caller.send(call).await }
                    };
                    let (calls, given_up) = Calls::start(send);
                    current = Some((given_up, Instant::now()));
                    Input::Connected(calls)
                }
                Message::Event(event) => match translate(*event) {
                    Some(event) => Input::Event(event),
                    None => continue,
                },
                Message::Disconnected(Disconnect::Fatal(fatal)) => Input::Refused(fatal.to_string()),
                Message::Disconnected(reason) => {
                    current = None;
                    Input::Disconnected(reason.to_string())
                }
            };
            self.inputs.send(input).await.ok()?;
        }
    }

    /// Tells the loop, and hears the client's last words. Says whether to subscribe again.
    async fn give_up(&self, reason: &GiveUp, messages: &mut mpsc::Receiver<Message>) -> bool {
        tracing::warn!(%reason, "the subscription is given up");
        if self.inputs.send(Input::Disconnected(reason.to_string())).await.is_err() {
            return false;
        }
        match timeout(self.last_words, last_words(messages)).await {
            Ok(Some(fatal)) => {
                // A loop that has ended needs no reason.
                let _ = self.inputs.send(Input::Refused(fatal.to_string())).await;
                false
            }
            Ok(None) | Err(_) => true,
        }
    }
}

/// A subscription was given up; another one is to follow.
struct GivenUp {
    /// How long it had stood.
    stood: Duration,
}

/// The reason never to subscribe again, if that is how the subscription ends.
async fn last_words(messages: &mut mpsc::Receiver<Message>) -> Option<Fatal> {
    loop {
        match messages.recv().await? {
            Message::Disconnected(Disconnect::Fatal(fatal)) => return Some(fatal),
            Message::Disconnected(_) => return None,
            // Void: the loop believes that it is disconnected.
            Message::Connected(_) | Message::Event(_) => {}
        }
    }
}

/// The wait after so many subscriptions were given up before this one, where `chance` lies in `0.0..1.0`.
fn pause(backoff: Backoff, before: u32, chance: f64) -> Duration {
    backoff.delay(before, 0.5 + chance / 2.0)
}

/// FrameworkInfo with what only the shell knows: where operators reach us (D35).
pub(crate) fn reachable_at(framework: v1::FrameworkInfo, url: &str, hostname: &str) -> v1::FrameworkInfo {
    v1::FrameworkInfo { webui_url: Some(url.to_owned()), hostname: Some(hostname.to_owned()), ..framework }
}

/// The core's event for one of Mesos, `None` for those that tell the core nothing.
fn translate(event: v1::scheduler::Event) -> Option<Event> {
    let kind = event.r#type();
    match kind {
        Type::Subscribed => {
            let framework_id = event.subscribed?.framework_id.value;
            Some(Event::Subscribed { framework_id })
        }
        Type::Offers => Some(Event::Offers(event.offers?.offers)),
        Type::Update => Some(Event::Update(Box::new(event.update?.status))),
        Type::Message => said(&event.message?),
        // Offers do not outlive the `handle` that brought them, so there is nothing left to rescind; inverse offers
        // are advice that needs no answer; and a FAILURE is followed by the updates of the tasks it concerns.
        Type::Rescind
        | Type::InverseOffers
        | Type::RescindInverseOffer
        | Type::UpdateOperationStatus
        | Type::Failure
        | Type::Error
        | Type::Heartbeat
        | Type::Unknown => {
            tracing::debug!(kind = kind.as_str_name(), "an event the core does not need");
            None
        }
    }
}

/// What an executor says, if this version knows it.
fn said(message: &v1::scheduler::event::Message) -> Option<Event> {
    match serde_json::from_slice(&message.data) {
        Ok(said) => Some(Event::Message(Box::new(said))),
        Err(error) => {
            let executor = &message.executor_id.value;
            tracing::warn!(executor, %error, "a MESSAGE that this version does not know: ignored");
            None
        }
    }
}

#[cfg(test)]
mod tests;
