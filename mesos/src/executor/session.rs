//! One subscription from SUBSCRIBE to its loss: connections and time around the [`State`].

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::connection::{Answer, Calls, Connection, text};
use super::handle::Input;
use super::state::{Next, State};
use super::{Message, Options, Refused};
use crate::events::{Events, causes};
use crate::v1::executor::{Call, Event};

/// Longest record of the stream: a task with its data is some KB.
const MAX_RECORD: usize = 8 << 20;

/// Time between SUBSCRIBE and SUBSCRIBED.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Wait before an update is repeated that the agent was not ready for (503). It gets ready within 2 s.
const REPEAT: Duration = Duration::from_millis(250);

/// Time between our HEARTBEAT calls; they keep the connection alive in whatever stands between.
const HEARTBEAT: Duration = Duration::from_secs(30 * 60);

/// How a subscription ended.
pub(super) enum Ended {
    /// Nobody receives messages or can send updates any more.
    Unheard,
    /// It was lost after SUBSCRIBED had come.
    Lost { reason: String },
    /// It never came to SUBSCRIBED. `gone` says that there was no agent, rather than one that is not ready.
    Failed { reason: String, gone: bool },
    /// There must be no other attempt; this is the last message.
    Final(Box<Message>),
}

/// The state, the world's two ends of it, and nothing of a single subscription.
#[derive(Debug)]
pub(super) struct Session {
    options: Options,
    inbox: mpsc::Receiver<Input>,
    pub(super) state: State,
}

type Calling = Pin<Box<dyn Future<Output = (Calls, Result<Answer, String>)> + Send>>;

impl Session {
    pub(super) fn new(options: Options, inbox: mpsc::Receiver<Input>) -> Self {
        Self { state: State::new(&options), options, inbox }
    }

    /// Delivers all messages and a last one.
    pub(super) async fn finish(mut self, last: Message, messages: &mpsc::Sender<Message>) {
        self.state.tell(last);
        while !self.state.outbox.is_empty() {
            tokio::select! {
                permit = messages.reserve() => match (permit, self.state.outbox.pop_front()) {
                    (Ok(permit), Some(message)) => permit.send(message),
                    _ => return,
                },
                // Somebody who waits to be rid of an update does not take messages meanwhile.
                Some(input) = self.inbox.recv() => self.state.accept(input),
            }
        }
    }

    /// Waits for something while updates are taken and messages given. Gives nothing when nobody is there for either.
    pub(super) async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        messages: &mpsc::Sender<Message>,
    ) -> Option<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                input = self.inbox.recv() => self.state.accept(input?),
                permit = messages.reserve(), if !self.state.outbox.is_empty() => {
                    permit.ok()?.send(self.state.outbox.pop_front()?);
                }
                () = messages.closed() => return None,
            }
        }
    }

    /// Subscribes and serves until the subscription is over.
    pub(super) async fn run(&mut self, messages: &mpsc::Sender<Message>) -> Ended {
        let call = self.state.subscribe();
        let options = self.options.clone();
        let opening = async move {
            tokio::time::timeout(SUBSCRIBE_TIMEOUT, open(&options, &call)).await.unwrap_or_else(|_| {
                Err(Ended::Failed { reason: "the agent does not answer SUBSCRIBE".to_owned(), gone: true })
            })
        };
        match self.meanwhile(opening, messages).await {
            None => Ended::Unheard,
            Some(Err(ended)) => ended,
            Some(Ok((connection, stream))) => {
                let ended = self.serve(stream, messages).await;
                drop(connection);
                ended
            }
        }
    }

    async fn serve(&mut self, mut stream: Incoming, messages: &mpsc::Sender<Message>) -> Ended {
        let mut events: Events<Event> = Events::new(MAX_RECORD);
        let mut subscribed = false;
        let mut idle = Some(Calls::default());
        let mut calling: Option<Calling> = None;
        let mut not_before = Instant::now();
        let deadline = Instant::now() + SUBSCRIBE_TIMEOUT;
        let mut heartbeat = Instant::now() + HEARTBEAT;
        loop {
            if subscribed && calling.is_none() && Instant::now() >= not_before {
                calling = self.begin_call(&mut idle);
            }
            let repeating = calling.is_none() && self.state.has_calls();
            let unheard = !self.state.outbox.is_empty();
            let next = tokio::select! {
                permit = messages.reserve(), if unheard => {
                    let (Ok(permit), Some(message)) = (permit, self.state.outbox.pop_front()) else {
                        return Ended::Unheard;
                    };
                    permit.send(message);
                    Next::Go
                }
                // The stream waits until its earlier messages are taken.
                frame = stream.frame(), if !unheard => match frame {
                    Some(Ok(frame)) => self.read(&mut events, &frame.into_data().unwrap_or_default()),
                    Some(Err(error)) => Next::Stop(format!("the stream broke: {}", causes(&error))),
                    None => Next::Stop("the agent ended the stream".to_owned()),
                },
                (calls, answer) = under_way(&mut calling) => {
                    calling = None;
                    idle = Some(calls);
                    self.state.answered(answer)
                }
                input = self.inbox.recv() => match input {
                    Some(input) => {
                        self.state.accept(input);
                        Next::Go
                    }
                    None => return Ended::Unheard,
                },
                () = sleep_until(not_before), if subscribed && repeating => Next::Go,
                () = sleep_until(deadline), if !subscribed => Next::Stop("the agent sends no SUBSCRIBED".to_owned()),
                () = sleep_until(heartbeat), if subscribed => {
                    heartbeat += HEARTBEAT;
                    self.state.heartbeat();
                    Next::Go
                }
                () = messages.closed() => return Ended::Unheard,
            };
            match next {
                Next::Go => {}
                Next::Subscribed => subscribed = true,
                Next::Repeat => not_before = Instant::now() + REPEAT,
                Next::Stop(reason) if subscribed => return Ended::Lost { reason },
                Next::Stop(reason) => return Ended::Failed { reason, gone: true },
                Next::End(message) => return Ended::Final(message),
            }
        }
    }

    /// Starts the call that is due, if there is one.
    fn begin_call(&mut self, idle: &mut Option<Calls>) -> Option<Calling> {
        let call = self.state.next_call()?;
        let mut calls = idle.take()?;
        let options = self.options.clone();
        Some(Box::pin(async move {
            let answer = calls.post(&options, &call).await;
            (calls, answer)
        }))
    }

    /// Takes bytes of the stream.
    fn read(&mut self, events: &mut Events<Event>, bytes: &[u8]) -> Next {
        events.push(bytes);
        let mut outcome = Next::Go;
        loop {
            match events.next_event() {
                Ok(Some(event)) => match self.state.absorb(event) {
                    Next::Go => {}
                    Next::Subscribed => outcome = Next::Subscribed,
                    end => return end,
                },
                Ok(None) => return outcome,
                Err(error) => return Next::Stop(causes(&error)),
            }
        }
    }
}

/// Awaits the call that is under way; for ever without one.
async fn under_way(calling: &mut Option<Calling>) -> (Calls, Result<Answer, String>) {
    match calling {
        Some(calling) => calling.await,
        None => std::future::pending().await,
    }
}

/// Asks for the stream. Its connection has to be kept as long as it is read.
async fn open(options: &Options, call: &Call) -> Result<(Connection, Incoming), Ended> {
    let gone = |reason| Ended::Failed { reason, gone: true };
    let mut connection = Connection::open(&options.agent).await.map_err(gone)?;
    let response = connection.post(options, call).await.map_err(gone)?;
    let status = response.status().as_u16();
    match status {
        200 => Ok((connection, response.into_body())),
        // What may pass: a secret that is being rotated, an agent or a proxy that has too much to do.
        401 | 404 | 408 | 429 | 500.. => {
            let text = text(response).await;
            Err(Ended::Failed {
                reason: format!("the agent does not take us now: {status} {text}"),
                gone: false,
            })
        }
        _ => {
            let text = text(response).await;
            Err(Ended::Final(Box::new(Message::Refused(Refused::Subscribe { status, text }))))
        }
    }
}
