//! Mesos at the edge: a subscription kept up, its events translated for the core, and calls sent in order.

mod calls;

use std::sync::{Arc, OnceLock};

use ::mesos::{
    scheduler::{BuildError, Client, Disconnect, Masters, Message, Options},
    v1::{
        self,
        scheduler::{call::Subscribe, event::Type},
    },
};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

pub(crate) use self::calls::Calls;
use super::Input;
use crate::event::Event;

/// Messages between the client and the translation; the loop's own channel is the buffer that matters.
const MESSAGES: usize = 16;

/// Keeps a framework subscribed.
#[derive(Debug)]
pub(crate) struct Subscription {
    client: Client,
    framework: v1::FrameworkInfo,
    inputs: mpsc::Sender<Input>,
    /// The id Mesos gave us, which every later SUBSCRIBE must carry.
    id: Arc<OnceLock<v1::FrameworkId>>,
    /// Rung when the master does not keep up with our calls.
    reset: Arc<Notify>,
}

impl Subscription {
    pub(crate) fn new(
        masters: Masters,
        framework: v1::FrameworkInfo,
        inputs: mpsc::Sender<Input>,
    ) -> Result<Self, BuildError> {
        let client = Client::new(Options::new(masters))?;
        Ok(Self { client, framework, inputs, id: Arc::default(), reset: Arc::default() })
    }

    /// Keeps subscribed until stopped; gives up, and waits for the stop, once Mesos refuses us for good.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.once()).await == Some(Next::Again) {}
        // What was said last is still on its way to the loop, which ends by it: not by seeing that this has ended.
        stop.cancelled().await;
    }

    /// One run of the client, which itself subscribes again after each loss.
    async fn once(&self) -> Next {
        let (messages, received) = mpsc::channel(MESSAGES);
        let body = || Subscribe { framework_info: self.framework_info(), ..Subscribe::default() };
        let client = async {
            // Its reason has been sent as a message too, and ends `translate` once that is passed on.
            let _ = self.client.run(body, messages).await;
            std::future::pending().await
        };
        tokio::select! {
            () = self.translate(received) => Next::Done,
            () = client => Next::Done,
            () = self.reset.notified() => {
                let reason = "the master does not keep up with our calls".to_owned();
                match self.inputs.send(Input::Disconnected(reason)).await {
                    Ok(()) => Next::Again,
                    Err(_) => Next::Done,
                }
            }
        }
    }

    fn framework_info(&self) -> v1::FrameworkInfo {
        let mut framework = self.framework.clone();
        framework.id = framework.id.or_else(|| self.id.get().cloned());
        framework
    }

    /// Passes on what the client tells, until it or the loop ends.
    async fn translate(&self, mut messages: mpsc::Receiver<Message>) {
        while let Some(message) = messages.recv().await {
            let input = match message {
                Message::Connected(caller) => {
                    // Every subscription of this framework has the same id.
                    let _ = self.id.set(caller.framework_id().clone());
                    let send = move |call| {
                        let caller = caller.clone();
                        async move { caller.send(call).await.is_ok() }
                    };
                    Input::Connected(Calls::start(send, Arc::clone(&self.reset)))
                }
                Message::Event(event) => match translate(*event) {
                    Some(event) => Input::Event(event),
                    None => continue,
                },
                Message::Disconnected(Disconnect::Fatal(fatal)) => Input::Refused(fatal.to_string()),
                Message::Disconnected(reason) => Input::Disconnected(reason.to_string()),
            };
            if self.inputs.send(input).await.is_err() {
                return;
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Again,
    Done,
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
        // Offers do not outlive the `handle` that brought them, so there is nothing left to rescind; inverse offers
        // are advice that needs no answer; executors have nothing to say yet; and a FAILURE is followed by the
        // updates of the tasks it concerns.
        Type::Rescind
        | Type::InverseOffers
        | Type::RescindInverseOffer
        | Type::UpdateOperationStatus
        | Type::Message
        | Type::Failure
        | Type::Error
        | Type::Heartbeat
        | Type::Unknown => {
            tracing::debug!(kind = kind.as_str_name(), "an event the core does not need");
            None
        }
    }
}

#[cfg(test)]
mod tests;
