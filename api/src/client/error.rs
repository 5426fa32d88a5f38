//! Why a request brought no answer.

use reqwest::{StatusCode, Url};
use serde::Deserialize;

/// A request that was not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The client cannot be made.
    #[error("the {what} cannot be used: {reason}")]
    Options {
        /// Which option.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or it broke.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// What was asked for.
        url: Url,
        /// The first cause.
        reason: String,
    },
    /// No answer in time. What was asked for may have happened all the same.
    #[error("no answer from {url} within {seconds} s")]
    Deadline {
        /// What was asked for.
        url: Url,
        /// How long was waited.
        seconds: u64,
    },
    /// The scheduler refused, in its own words (D16).
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// A [`crate::rest::ErrorCode`], or a newer one.
        code: String,
        /// What the scheduler says.
        message: String,
        /// Names the request in the scheduler's log.
        request_id: String,
    },
    /// Something else answered: a proxy, a login page, another service.
    #[error("{url} answered {status} and is not, or not yet, the scheduler's API: {excerpt}")]
    Unexpected {
        /// What was asked for.
        url: Url,
        /// HTTP status.
        status: u16,
        /// How the body begins.
        excerpt: String,
    },
    /// The answer is none of ours.
    #[error("cannot read the answer of {url}: {reason}")]
    Unreadable {
        /// What was asked for.
        url: Url,
        /// Where it stops to make sense.
        reason: String,
    },
}

/// As [`crate::rest::ErrorBody`], open to codes of newer schedulers.
#[derive(Deserialize)]
struct Body {
    error_code: String,
    message: String,
    request_id: String,
}

/// What an answer that is no success means.
pub(super) fn refusal(url: &Url, status: StatusCode, body: &[u8]) -> Error {
    let status = status.as_u16();
    match serde_json::from_slice(body) {
        Ok(Body { error_code: code, message, request_id }) => {
            Error::Refused { status, code, message, request_id }
        }
        Err(_) => Error::Unexpected { url: url.clone(), status, excerpt: excerpt(body) },
    }
}

/// The first words of a body, on one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    const LENGTH: usize = 120;
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * LENGTH)]);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "(an empty body)".to_owned();
    }
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The first cause of an error: what the layers of the HTTP client say above it helps nobody.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
