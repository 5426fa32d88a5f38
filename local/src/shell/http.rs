//! What every v1 endpoint does with headers, bodies and streams (mesos-v1-http §1.2, §1.3, §1.8).

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use mesos::{json, recordio};
use prost_reflect::ReflectMessage;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Longest request body we read, in bytes. An ACCEPT with hundreds of tasks stays far below it.
pub const MAX_BODY: usize = 64 << 20;

/// Records a stream holds before its client counts as gone.
///
/// Overflow policy: the stream is ended, and the client subscribes again, as it must after any broken stream.
pub const STREAM_CAPACITY: usize = 4096;

/// How a message is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Mesos's own JSON mapping.
    Json,
    /// Protocol buffers, proto2.
    Protobuf,
}

/// Why a `Content-Type` does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentTypeError {
    /// There is none: 400.
    Missing,
    /// Neither of the two: 415. Compared whole and case-sensitively, as Mesos does.
    Unsupported,
}

impl ContentTypeError {
    /// The answer Mesos gives.
    pub fn response(self) -> Response {
        match self {
            Self::Missing => refuse(StatusCode::BAD_REQUEST, "Expecting 'Content-Type' to be present"),
            Self::Unsupported => refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Expecting 'Content-Type' of application/json or application/x-protobuf",
            ),
        }
    }
}

impl Encoding {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// The encoding of a request's body.
    ///
    /// # Errors
    /// See [`ContentTypeError`].
    pub fn of_body(headers: &HeaderMap) -> Result<Self, ContentTypeError> {
        let value = headers.get(header::CONTENT_TYPE).ok_or(ContentTypeError::Missing)?;
        [Self::Json, Self::Protobuf]
            .into_iter()
            .find(|encoding| value.as_bytes() == encoding.media_type().as_bytes())
            .ok_or(ContentTypeError::Unsupported)
    }

    /// The encoding a client wants to read: JSON is tried first, then protobuf; no `Accept` means anything; `q=0`
    /// excludes. `None` is 406.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let ranges: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).collect();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        [Self::Json, Self::Protobuf].into_iter().find(|encoding| admits(&ranges, encoding.media_type()))
    }

    /// One message in this encoding.
    pub fn encode<M: ReflectMessage>(self, message: &M) -> Vec<u8> {
        match self {
            Self::Json => json::to_string(message).into_bytes(),
            Self::Protobuf => message.encode_to_vec(),
        }
    }

    /// One message as a RecordIO record.
    pub fn record<M: ReflectMessage>(self, message: &M) -> Bytes {
        Bytes::from(recordio::encode(&self.encode(message)))
    }

    /// Parse a body, required fields included.
    ///
    /// # Errors
    /// What is wrong with it, for a 400.
    pub fn decode<M: ReflectMessage + Default>(self, body: &[u8]) -> Result<M, String> {
        match self {
            Self::Json => {
                let text = std::str::from_utf8(body)
                    .map_err(|error| format!("Failed to parse body into JSON: not UTF-8 after byte {}", error.valid_up_to()))?;
                json::from_str(text).map_err(|error| format!("Failed to parse body into JSON: {error}"))
            }
            Self::Protobuf => {
                let message =
                    M::decode(body).map_err(|error| format!("Failed to parse body into Call protobuf: {error}"))?;
                json::check_required(&message)
                    .map_err(|error| format!("Failed to parse body into Call protobuf: {error}"))?;
                Ok(message)
            }
        }
    }
}

/// Whether a list of media ranges admits a media type. The most specific range that matches decides.
fn admits(ranges: &[&str], media_type: &str) -> bool {
    let kind = media_type.split('/').next().unwrap_or_default();
    let mut best = (0, false);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = if name == media_type {
            3
        } else if name.strip_suffix("/*") == Some(kind) {
            2
        } else if name == "*/*" {
            1
        } else {
            continue;
        };
        let excluded = parts.any(|p| p.strip_prefix("q=").and_then(|q| q.parse::<f64>().ok()) == Some(0.0));
        if weight > best.0 {
            best = (weight, !excluded);
        }
    }
    best.1
}

/// A refusal with a text that says why.
pub fn refuse(status: StatusCode, why: impl Into<String>) -> Response {
    let mut response = Response::new(Body::from(why.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// 405 with `Allow: POST`, the answer of every v1 endpoint to another method.
pub fn only_post(method: &axum::http::Method) -> Response {
    let why = format!("405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'.");
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, why);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// 202 or 200 without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A JSON document.
pub fn json_response(document: &serde_json::Value) -> Response {
    with_type(Body::from(document.to_string()), Encoding::Json.media_type())
}

/// One message as a response body.
pub fn message_response<M: ReflectMessage>(encoding: Encoding, message: &M) -> Response {
    with_type(Body::from(encoding.encode(message)), encoding.media_type())
}

fn with_type(body: Body, media_type: &'static str) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The writing end of a RecordIO stream. Dropping it ends the response after what was written.
#[derive(Clone, Debug)]
pub struct RecordSender {
    encoding: Encoding,
    sender: mpsc::Sender<Bytes>,
}

/// The client of a stream is gone, or reads too slowly ([`STREAM_CAPACITY`]): drop the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream's client is gone or does not keep up")]
pub struct StreamGone;

impl RecordSender {
    /// Write one message.
    ///
    /// # Errors
    /// [`StreamGone`].
    pub fn send<M: ReflectMessage>(&self, message: &M) -> Result<(), StreamGone> {
        self.sender.try_send(self.encoding.record(message)).map_err(|_| StreamGone)
    }
}

/// A RecordIO stream about to start.
#[derive(Debug)]
pub struct RecordStream {
    /// Writes to it. Dropping the last clone ends the response after what was written.
    pub sender: RecordSender,
    /// Cancelled when the response is over: its client has gone away, or everything is written and it has ended.
    pub gone: CancellationToken,
    /// The 200 to answer with.
    pub response: Response,
}

/// A 200 whose body is a RecordIO stream.
pub fn record_stream(encoding: Encoding) -> RecordStream {
    let (sender, receiver) = mpsc::channel::<Bytes>(STREAM_CAPACITY);
    let gone = CancellationToken::new();
    // The guard lives in the body: hyper drops the body when the connection dies.
    let state = (receiver, gone.clone().drop_guard());
    let stream = futures_util::stream::unfold(state, |(mut receiver, guard)| async move {
        let record = receiver.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(record), (receiver, guard)))
    });
    let response = with_type(Body::from_stream(stream), encoding.media_type());
    RecordStream { sender: RecordSender { encoding, sender }, gone, response }
}
