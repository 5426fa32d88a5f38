//! One attempt to subscribe: the call, the redirects to the leader, and what an answer means.

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};

use super::{Disconnect, Fatal, Options};
use crate::Encoding;
use crate::events::causes;
use crate::v1::scheduler::Call;

/// Header that ties calls to a subscription.
pub(super) const STREAM_ID: &str = "mesos-stream-id";

/// Redirects followed in one attempt.
const MAX_HOPS: usize = 5;

/// Bytes of an error text that are kept.
const MAX_TEXT: usize = 512;

/// An open stream.
pub(super) struct Open {
    /// The leader's endpoint.
    pub(super) url: Url,
    pub(super) stream_id: String,
    pub(super) response: Response,
}

/// Asks `url` and whoever it redirects to for a subscription.
pub(super) async fn subscribe(
    http: &reqwest::Client,
    options: &Options,
    mut url: Url,
    call: &Call,
) -> Result<Open, Disconnect> {
    let body = Encoding::Protobuf.encode(call);
    for _ in 0..=MAX_HOPS {
        let response = ask(http, options, &url, body.clone()).await?;
        if response.status() != StatusCode::TEMPORARY_REDIRECT {
            return opened(url, response).await;
        }
        url = follow(&url, &response)?;
        tracing::debug!(leader = %url, "redirected to the leader");
    }
    Err(Disconnect::TooManyRedirects { hops: MAX_HOPS, master: address(&url) })
}

async fn ask(
    http: &reqwest::Client,
    options: &Options,
    url: &Url,
    body: Vec<u8>,
) -> Result<Response, Disconnect> {
    let media_type = Encoding::Protobuf.media_type();
    let request =
        http.post(url.clone()).header("content-type", media_type).header("accept", media_type).body(body);
    // The stream itself has no end, so only its head is timed.
    let unreachable = |cause| Disconnect::Unreachable { master: address(url), cause };
    match tokio::time::timeout(options.call_timeout, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(unreachable(causes(&error.without_url()))),
        Err(_) => Err(unreachable(format!("no answer within {} s", options.call_timeout.as_secs_f64()))),
    }
}

/// Where a redirect leads. Mesos leaves the scheme out: ours stays.
fn follow(url: &Url, response: &Response) -> Result<Url, Disconnect> {
    let location = response.headers().get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let location = location.unwrap_or_default().into_owned();
    let target = if location.is_empty() { None } else { url.join(&location).ok() };
    target
        .filter(|target| matches!(target.scheme(), "http" | "https"))
        .ok_or_else(|| Disconnect::BadRedirect { master: address(url), location })
}

async fn opened(url: Url, response: Response) -> Result<Open, Disconnect> {
    let master = address(&url);
    let status = response.status();
    if status == StatusCode::OK {
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        if header("content-type").as_deref() != Some(Encoding::Protobuf.media_type()) {
            let what = format!("the content type is {:?}", header("content-type").unwrap_or_default());
            return Err(Disconnect::NotMesos { master, what });
        }
        let Some(stream_id) = header(STREAM_ID) else {
            return Err(Disconnect::NotMesos { master, what: "there is no Mesos-Stream-Id".to_owned() });
        };
        return Ok(Open { url, stream_id, response });
    }
    let code = status.as_u16();
    let text = text(response).await;
    if status == StatusCode::NOT_FOUND || status.is_server_error() {
        Err(Disconnect::NotReady { master, status: code, text })
    } else if status.is_client_error() {
        Err(Fatal::Refused { master, status: code, text }.into())
    } else {
        Err(Disconnect::NotMesos { master, what: format!("{code} {text}") })
    }
}

/// The beginning of the text of an answer.
pub(super) async fn text(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_TEXT {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            // The status says what matters.
            Ok(None) | Err(_) => break,
        }
    }
    bytes.truncate(MAX_TEXT);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// Host and port, for messages.
pub(super) fn address(url: &Url) -> String {
    url.origin().ascii_serialization()
}
