//! The loop that keeps a subscription up.

use std::time::Duration;

use reqwest::{Response, redirect};
use tokio::sync::mpsc;

use super::call::{Caller, Target};
use super::subscribe::{self, Open};
use super::{Disconnect, Fatal, Message, Options};
use crate::events::{Events, causes};
use crate::v1::FrameworkId;
use crate::v1::scheduler::call::{Subscribe, Type};
use crate::v1::scheduler::{Call, Event, event};

/// Longest record of the stream: offers of hundreds of agents are a few MB.
const MAX_RECORD: usize = 64 << 20;

/// Heartbeats that may be missed; Mesos's own advice.
const MISSED_HEARTBEATS: f64 = 5.0;

/// Seconds between heartbeats until SUBSCRIBED says so.
const HEARTBEAT_SECONDS: f64 = 15.0;

/// Keeps one framework subscribed.
#[derive(Debug)]
pub struct Client {
    options: Options,
    http: reqwest::Client,
}

/// The HTTP client cannot be made, for example because the system's certificates do not load.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for Mesos cannot be made")]
pub struct BuildError(#[from] reqwest::Error);

/// What every client of ours begins with. No proxy of the environment is used: Mesos is inside the cluster.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have installed one meanwhile, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    reqwest::Client::builder().no_proxy()
}

/// How a subscription ended.
enum Ended {
    /// Nobody receives messages any more.
    Unheard,
    /// It was lost after SUBSCRIBED had come.
    Lost(Disconnect),
    /// It never came to SUBSCRIBED.
    Failed(Disconnect),
}

impl Client {
    /// A client; nothing is connected yet. No proxy of the environment is used: masters are inside the cluster, and
    /// a proxy that buffers would hold the stream back.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(options: Options) -> Result<Self, BuildError> {
        let http = builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(options.connect_timeout)
            .tcp_keepalive(Duration::from_secs(30))
            .tcp_nodelay(true)
            .pool_max_idle_per_host(1)
            .http1_only()
            .build()?;
        Ok(Self { options, http })
    }

    /// Subscribes, and subscribes again after each loss, until that would be wrong or the receiver is gone.
    ///
    /// `body` makes the body of each SUBSCRIBE, since roles and suppression change; where its framework id is unset,
    /// the one this client got is filled in. A full channel holds the stream back; nothing is dropped. Dropping the
    /// future ends the subscription.
    ///
    /// # Errors
    /// When subscribing again would be wrong; the reason has been sent as [`Message::Disconnected`] too.
    pub async fn run(
        &self,
        mut body: impl FnMut() -> Subscribe + Send,
        messages: mpsc::Sender<Message>,
    ) -> Result<(), Fatal> {
        let mut framework_id = None;
        let mut master = 0;
        let mut failures: u32 = 0;
        loop {
            let call = subscribe_call(body(), framework_id.as_ref());
            let url = self.options.masters.endpoint(master);
            let ended = match subscribe::subscribe(&self.http, &self.options, url, &call).await {
                Ok(open) => self.serve(open, &messages, &mut framework_id).await,
                Err(reason) => Ended::Failed(reason),
            };
            let reason = match ended {
                Ended::Unheard => return Ok(()),
                Ended::Lost(reason) => {
                    failures = 0;
                    reason
                }
                Ended::Failed(reason) => {
                    master = (master + 1) % self.options.masters.count();
                    failures = failures.saturating_add(1);
                    reason
                }
            };
            tracing::warn!(%reason, "not subscribed to Mesos");
            let fatal = if let Disconnect::Fatal(fatal) = &reason { Some(fatal.clone()) } else { None };
            if messages.send(Message::Disconnected(reason)).await.is_err() {
                return Ok(());
            }
            if let Some(fatal) = fatal {
                return Err(fatal);
            }
            let delay = self.options.backoff.delay(failures, rand::random());
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = messages.closed() => return Ok(()),
            }
        }
    }

    /// Reads the stream and makes calls until either shows that the subscription is over.
    async fn serve(
        &self,
        open: Open,
        messages: &mpsc::Sender<Message>,
        framework_id: &mut Option<FrameworkId>,
    ) -> Ended {
        let Open { url, stream_id, response } = open;
        let mut reader = Reader {
            master: subscribe::address(&url),
            response,
            events: Events::new(MAX_RECORD),
            patience: patience(HEARTBEAT_SECONDS),
        };
        let subscribed = tokio::select! {
            first = reader.next() => first,
            () = messages.closed() => return Ended::Unheard,
        };
        let first = match subscribed {
            Ok(event) => event,
            Err(reason) => return Ended::Failed(reason),
        };
        let Some(info) = first.subscribed.as_ref().filter(|_| first.r#type() == event::Type::Subscribed)
        else {
            let what = format!("the stream opens with {:?} instead of SUBSCRIBED", first.r#type());
            return Ended::Failed(Disconnect::NotMesos { master: reader.master, what });
        };
        reader.patience = patience(info.heartbeat_interval_seconds.unwrap_or(HEARTBEAT_SECONDS));
        tracing::info!(framework = info.framework_id.value, master = reader.master, "subscribed to Mesos");
        *framework_id = Some(info.framework_id.clone());
        let (caller, mut waiting) = Caller::new(info.framework_id.clone());
        let target = Target { http: self.http.clone(), url, stream_id, timeout: self.options.call_timeout };
        tokio::select! {
            // An ERROR that is there already says more than a call that fails because of it.
            biased;
            ended = forward(&mut reader, caller, first, messages) => ended,
            reason = target.serve(&mut waiting) => Ended::Lost(reason),
        }
    }
}

/// Passes events on until the stream ends. Only one event is held while the channel is full.
async fn forward(
    reader: &mut Reader,
    caller: Caller,
    first: Event,
    messages: &mpsc::Sender<Message>,
) -> Ended {
    if messages.send(Message::Connected(caller)).await.is_err() {
        return Ended::Unheard;
    }
    let mut event = first;
    loop {
        if messages.send(Message::Event(Box::new(event))).await.is_err() {
            return Ended::Unheard;
        }
        event = tokio::select! {
            next = reader.next() => match next {
                Ok(event) => event,
                Err(reason) => return Ended::Lost(reason),
            },
            () = messages.closed() => return Ended::Unheard,
        };
    }
}

fn subscribe_call(mut body: Subscribe, framework_id: Option<&FrameworkId>) -> Call {
    if body.framework_info.id.is_none() {
        body.framework_info.id = framework_id.cloned();
    }
    Call {
        framework_id: body.framework_info.id.clone(),
        r#type: Some(Type::Subscribe.into()),
        subscribe: Some(body),
        ..Default::default()
    }
}

/// How long silence is borne, given the seconds between heartbeats.
fn patience(interval: f64) -> Duration {
    let usable = interval.is_finite() && interval > 0.0;
    let interval = if usable { interval } else { HEARTBEAT_SECONDS };
    Duration::try_from_secs_f64(interval * MISSED_HEARTBEATS).unwrap_or(Duration::MAX)
}

/// The stream of a subscription.
struct Reader {
    master: String,
    response: Response,
    events: Events<Event>,
    patience: Duration,
}

impl Reader {
    /// The next event worth passing on. An ERROR is a reason to end. May be dropped and called again.
    async fn next(&mut self) -> Result<Event, Disconnect> {
        loop {
            while let Some(event) = self.events.next_event().map_err(|error| self.broken(&error))? {
                match event.r#type() {
                    event::Type::Heartbeat => {}
                    event::Type::Unknown => tracing::debug!("event of an unknown type skipped"),
                    event::Type::Error => {
                        let message = event.error.map(|error| error.message).unwrap_or_default();
                        return Err(Fatal::of_error(&message).into());
                    }
                    _ => return Ok(event),
                }
            }
            match tokio::time::timeout(self.patience, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => self.events.push(&chunk),
                Ok(Ok(None)) => return Err(Disconnect::StreamEnded { master: self.master.clone() }),
                Ok(Err(error)) => return Err(self.broken(&error.without_url())),
                Err(_) => {
                    return Err(Disconnect::Silent { master: self.master.clone(), after: self.patience });
                }
            }
        }
    }

    fn broken(&self, error: &dyn std::error::Error) -> Disconnect {
        Disconnect::StreamBroken { master: self.master.clone(), cause: causes(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_five_heartbeats_and_never_nothing() {
        assert_eq!(patience(15.0), Duration::from_secs(75));
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(patience(odd), Duration::from_secs(75), "{odd}");
        }
        assert_eq!(patience(1e300), Duration::MAX);
    }
}
