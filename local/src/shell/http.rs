//! What every v1 endpoint does with headers, bodies and streams (mesos-v1-http §1.2, §1.3, §1.8).

use std::{collections::BTreeMap, io::Read, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
pub use mesos::Encoding;
use mesos::recordio;
use prost_reflect::ReflectMessage;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Longest request body we read, in bytes. An ACCEPT with hundreds of tasks stays far below it.
pub const MAX_BODY: usize = 64 << 20;

/// Records a stream holds before its client counts as gone.
///
/// Overflow policy: the stream is ended, and the client subscribes again, as it must after any broken stream.
pub const STREAM_CAPACITY: usize = 4096;

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

/// The encoding of a request's body.
///
/// # Errors
/// See [`ContentTypeError`].
pub fn body_encoding(headers: &HeaderMap) -> Result<Encoding, ContentTypeError> {
    let value = headers.get(header::CONTENT_TYPE).ok_or(ContentTypeError::Missing)?;
    value.to_str().ok().and_then(Encoding::of_content_type).ok_or(ContentTypeError::Unsupported)
}

/// The encoding a client wants to read; `None` is 406.
pub fn accepted(headers: &HeaderMap) -> Option<Encoding> {
    let ranges: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    Encoding::of_accept((!ranges.is_empty()).then(|| ranges.join(",")).as_deref())
}

/// Parse a body, required fields included.
///
/// # Errors
/// What is wrong with it, for a 400.
pub fn decode<M: ReflectMessage + Default>(encoding: Encoding, body: &[u8]) -> Result<M, String> {
    encoding.decode(body).map_err(|error| format!("Failed to parse body into Call: {}", chain(&error)))
}

/// An error with its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(&format!(": {error}"));
        next = error.source();
    }
    text
}

/// A refusal with a text that says why.
pub fn refuse(status: StatusCode, why: impl Into<String>) -> Response {
    let mut response = Response::new(Body::from(why.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
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
        self.sender
            .try_send(Bytes::from(recordio::encode(&self.encoding.encode(message))))
            .map_err(|_| StreamGone)
    }

    /// Returns when the response has taken every record, or its client is gone.
    pub async fn taken(&self) {
        while self.sender.capacity() < self.sender.max_capacity() && !self.sender.is_closed() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
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

/// 406: the client accepts neither encoding.
pub fn not_acceptable() -> Response {
    refuse(
        StatusCode::NOT_ACCEPTABLE,
        "Expecting 'Accept' to allow application/json or application/x-protobuf",
    )
}

/// A status with a text, or without a body if there is nothing to say.
pub fn answer(status: u16, text: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if text.is_empty() { empty(status) } else { refuse(status, text) }
}

/// A request's whole body, unpacked if it says it is gzip.
///
/// # Errors
/// The answer to give: 413 beyond [`MAX_BODY`], 400 for a broken one.
pub async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Response> {
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return Err(refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is broken or longer than {MAX_BODY} bytes"),
        ));
    };
    if headers.get(header::CONTENT_ENCODING).is_none_or(|value| value.as_bytes() != b"gzip") {
        return Ok(body);
    }
    let mut unpacked = Vec::new();
    let limit = MAX_BODY as u64 + 1;
    match flate2::read::GzDecoder::new(&body[..]).take(limit).read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() <= MAX_BODY => Ok(unpacked.into()),
        Ok(_) => {
            Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {MAX_BODY} bytes")))
        }
        Err(error) => Err(refuse(StatusCode::BAD_REQUEST, format!("the body is not gzip: {error}"))),
    }
}

/// The fields of a query or of an `application/x-www-form-urlencoded` body. Of a repeated field the last one counts.
pub fn form(text: &str) -> BTreeMap<String, String> {
    // A URL with this query knows how to take it apart.
    let Ok(mut url) = reqwest::Url::parse("http://form/") else { return BTreeMap::new() };
    url.set_query(Some(text));
    url.query_pairs().into_owned().collect()
}
