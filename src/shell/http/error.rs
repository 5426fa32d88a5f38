//! A request that is not fulfilled. The body is made by `guard`, which knows the request id.

use std::{error::Error, time::Duration};

use api::rest::ErrorCode;
use axum::{
    extract::rejection::PathRejection,
    http::{
        HeaderValue, Method, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};

/// When to ask again while registration is awaited; it takes seconds.
const RETRY_REGISTERED: Duration = Duration::from_secs(5);
/// When to ask again while Kafka is awaited; a failover of its controller takes about as long.
const RETRY_KAFKA: Duration = Duration::from_secs(5);
/// When to ask again while others are served.
const RETRY_OVERLOADED: Duration = Duration::from_secs(1);

/// Why a request is not fulfilled, in words for the operator (D16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub(super) code: ErrorCode,
    pub(super) message: String,
}

impl ApiError {
    /// An error of `code`; `message` says what, where, and what instead.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameter, message)
    }

    pub(super) fn not_registered(reason: &str) -> Self {
        Self::new(ErrorCode::NotRegistered, format!("the service is not registered with Mesos yet: {reason}"))
    }

    pub(super) fn no_route(method: &Method, path: &str) -> Self {
        Self::new(ErrorCode::RouteNotFound, format!("there is no {method} {path}"))
    }

    pub(super) fn no_method(method: &Method, path: &str) -> Self {
        let message = format!("{path} does not take {method}; the header Allow lists what it takes");
        Self::new(ErrorCode::MethodNotAllowed, message)
    }

    /// An error of `code` out of another, with its causes.
    pub(super) fn caused(code: ErrorCode, error: &dyn Error) -> Self {
        let instead = match code {
            ErrorCode::KafkaLoginRefused => {
                "; it is KAFKA_CLIENT_SASL_MECHANISM, KAFKA_CLIENT_SASL_USER and KAFKA_CLIENT_SASL_PASSWORD_FILE that say \
                 who the service is: mend them, or the user that the brokers know"
            }
            _ => "",
        };
        Self::new(code, chain(error) + instead)
    }

    /// What the header `Retry-After` says, where there is one.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self.code {
            ErrorCode::NotRegistered => Some(RETRY_REGISTERED),
            ErrorCode::KafkaUnavailable => Some(RETRY_KAFKA),
            ErrorCode::Overloaded => Some(RETRY_OVERLOADED),
            ErrorCode::TooManyFailures => Some(super::gate::REFILL),
            _ => None,
        }
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::parameter(format!("the path cannot be read: {}", rejection.body_text()))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // Every code's status is a valid one; a test holds it so.
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if let Some(after) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, after.as_secs().into());
        }
        if self.code == ErrorCode::Unauthorized {
            // RFC 6750, 3.
            let how = HeaderValue::from_static("Bearer realm=\"kafka-scheduler\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, how);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// An error and its causes on one line, each said once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status() {
        for code in ErrorCode::ALL {
            let response = ApiError::new(*code, "x").into_response();
            assert_eq!(response.status().as_u16(), code.status(), "{code}");
        }
    }

    // D16: whoever is told to come back is told when.
    #[test]
    fn every_503_and_429_says_when_to_ask_again() {
        for code in ErrorCode::ALL {
            let retry = ApiError::new(*code, "x").retry_after();
            assert_eq!(retry.is_some(), [429, 503].contains(&code.status()), "{code}");
        }
    }

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Layer {
            text: &'static str,
            source: Option<Box<Layer>>,
        }
        let layer = |text, source: Option<Layer>| Layer { text, source: source.map(Box::new) };
        let error = layer("a", Some(layer("b: c", Some(layer("c", None)))));
        assert_eq!(chain(&error), "a: b: c");
    }
}
