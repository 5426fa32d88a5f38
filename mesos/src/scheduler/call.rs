//! Calls on a live subscription: one after the other, each answered before the next is sent.

use reqwest::{StatusCode, Url};
use tokio::sync::{mpsc, oneshot};

use super::Disconnect;
use crate::events::causes;
use crate::v1::FrameworkId;
use crate::v1::scheduler::Call;
use crate::{Encoding, scheduler::subscribe};

/// Calls that may wait to be sent. More of them make their callers wait.
const QUEUE: usize = 64;

/// Makes calls on the subscription it came with. Calls are sent in the order of [`Caller::send`] over one connection;
/// those still waiting when the subscription ends are not sent.
#[derive(Debug, Clone)]
pub struct Caller {
    framework_id: FrameworkId,
    queue: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
pub(super) struct Waiting {
    call: Call,
    answer: oneshot::Sender<Result<(), CallError>>,
}

/// Why a call was not taken. None of these says what becomes of the thing asked for: that only events do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The subscription has ended; the call was not sent, or was sent and its answer will not be known.
    #[error("the subscription has ended")]
    Disconnected,
    /// The master says that the framework is not subscribed (403). The client subscribes again.
    #[error("the framework is not subscribed: {text}")]
    NotSubscribed {
        /// What the master says.
        text: String,
    },
    /// The call is not valid, or belongs to an earlier subscription (400 and other 4xx).
    #[error("the master refuses the call: {status} {text}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the master says.
        text: String,
    },
    /// The master leads no more or is not ready (307, 404, 5xx). The client subscribes again.
    #[error("the master does not lead: {status} {text}")]
    NotLeading {
        /// HTTP status.
        status: u16,
        /// What the master says.
        text: String,
    },
    /// The connection failed or no answer came in time; the call may have been taken. The client subscribes again.
    #[error("the call got no answer: {cause}")]
    Unanswered {
        /// What went wrong.
        cause: String,
    },
}

impl CallError {
    /// Whether the error shows that the subscription is gone.
    fn ends_subscription(&self) -> bool {
        !matches!(self, CallError::Refused { .. })
    }
}

impl Caller {
    /// A caller, and the queue its calls arrive in.
    pub(super) fn new(framework_id: FrameworkId) -> (Self, mpsc::Receiver<Waiting>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { framework_id, queue }, waiting)
    }

    /// The id of the framework that is subscribed.
    pub fn framework_id(&self) -> &FrameworkId {
        &self.framework_id
    }

    /// Sends a call and waits for the master's answer; the framework id is filled in where it is unset. Success means
    /// that the master took the call (202, or 200 for UPDATE_FRAMEWORK), not that it does what was asked. A call whose
    /// future is dropped is sent nevertheless once it is in the queue.
    ///
    /// # Errors
    /// When the master did not take the call, or the subscription ended before it answered.
    pub async fn send(&self, mut call: Call) -> Result<(), CallError> {
        call.framework_id.get_or_insert_with(|| self.framework_id.clone());
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { call, answer }).await.map_err(|_| CallError::Disconnected)?;
        answered.await.unwrap_or(Err(CallError::Disconnected))
    }
}

/// Where the calls of a subscription go.
pub(super) struct Target {
    pub(super) http: reqwest::Client,
    pub(super) url: Url,
    pub(super) stream_id: String,
    pub(super) timeout: std::time::Duration,
}

impl Target {
    /// Sends what waits, one after the other, until a call shows that the subscription is gone. A call that was
    /// begun is always finished before the next one.
    pub(super) async fn serve(&self, waiting: &mut mpsc::Receiver<Waiting>) -> Disconnect {
        while let Some(Waiting { call, answer }) = waiting.recv().await {
            let result = self.post(&call).await;
            let failed = result.as_ref().err().filter(|error| error.ends_subscription());
            let over = failed.map(|error| Disconnect::CallFailed { cause: error.to_string() });
            if let Err(error) = &result {
                tracing::warn!(call = ?call.r#type(), %error, "the master did not take a call");
            }
            // Whoever asked may not wait for the answer.
            let _ = answer.send(result);
            if let Some(over) = over {
                return over;
            }
        }
        // Nobody can call any more, yet events still come.
        std::future::pending().await
    }

    async fn post(&self, call: &Call) -> Result<(), CallError> {
        let sent = self
            .http
            .post(self.url.clone())
            .timeout(self.timeout)
            .header("content-type", Encoding::Protobuf.media_type())
            .header("accept", Encoding::Protobuf.media_type())
            .header(subscribe::STREAM_ID, &self.stream_id)
            .body(Encoding::Protobuf.encode(call))
            .send()
            .await;
        let response = sent.map_err(|error| CallError::Unanswered { cause: causes(&error.without_url()) })?;
        let status = response.status();
        let text = subscribe::text(response).await;
        match status {
            StatusCode::ACCEPTED | StatusCode::OK => Ok(()),
            StatusCode::FORBIDDEN => Err(CallError::NotSubscribed { text }),
            StatusCode::NOT_FOUND => Err(CallError::NotLeading { status: status.as_u16(), text }),
            status if status.is_client_error() => Err(CallError::Refused { status: status.as_u16(), text }),
            status => Err(CallError::NotLeading { status: status.as_u16(), text }),
        }
    }
}
