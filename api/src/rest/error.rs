//! The body of every refusal and failure (D16), and the closed list of their codes (D48).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a request that was not fulfilled is answered with (D16).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// The kind, for programs.
    pub error_code: ErrorCode,
    /// What, where, and what instead, for people; every mistake of the request, joined by `; `.
    pub message: String,
    /// Also in the scheduler's log and in the header `x-request-id`.
    pub request_id: String,
}

/// Declares the codes once: variant, HTTP status, meaning.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $code:ident = $status:literal,)+) => {
        /// The kinds of errors. Closed: a new one is a change of the API (D48).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ #[doc = concat!("\n\nHTTP status ", stringify!($status), ".")] $code,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The HTTP status that comes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$code => $status),+ }
            }

            /// The code on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code)),+ }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$code => concat!($($doc),+).trim_start()),+ }
            }
        }
    };
}

codes! {
    /// A parameter is missing, unknown, repeated or not what it must be.
    InvalidParameter = 400,
    /// The port speaks HTTPS, and the request was plain HTTP.
    HttpsRequired = 400,
    /// The request says not, or not rightly, who makes it; the header `WWW-Authenticate` says how to.
    Unauthorized = 401,
    /// Who makes the request may not do that.
    Forbidden = 403,
    /// The service has no such broker.
    BrokerNotFound = 404,
    /// Kafka has no such consumer group.
    GroupNotFound = 404,
    /// No such path.
    RouteNotFound = 404,
    /// There is no such job, or none any more.
    JobNotFound = 404,
    /// Kafka has no such topic.
    TopicNotFound = 404,
    /// The path exists, the method does not; the header `Allow` lists those that do.
    MethodNotAllowed = 405,
    /// The request's body took too long to arrive.
    RequestTimeout = 408,
    /// The job was stopped before its end.
    JobCancelled = 409,
    /// The topic to be created exists, or its replicas are still being deleted.
    TopicAlreadyExists = 409,
    /// Kafka's setting `delete.topic.enable` is false, so nothing was deleted.
    TopicDeletionDisabled = 409,
    /// Somebody else limits replication on a topic or broker, and that is not ours to change.
    ThrottleConflict = 409,
    /// The request's body is too long.
    RequestTooLarge = 413,
    /// Too many wrong tokens came from this address. `Retry-After` says when to ask again.
    TooManyFailures = 429,
    /// A fault of ours; the log has it under the request id.
    InternalError = 500,
    /// What is asked for is part of the API, but this version, of the service or of Kafka, cannot do it.
    NotSupported = 501,
    /// Kafka refused the request for a reason of its own, given in the message.
    KafkaRefused = 502,
    /// The brokers do not let the service in: its `KAFKA_CLIENT_SASL_*` settings are not what they ask for.
    KafkaLoginRefused = 502,
    /// No broker, or no ZooKeeper, could be reached. `Retry-After` says when to ask again.
    KafkaUnavailable = 503,
    /// The service has not registered with Mesos yet. `Retry-After` says when to ask again.
    NotRegistered = 503,
    /// Too many requests are being answered. `Retry-After` says when to ask again.
    Overloaded = 503,
    /// It is not known whether what was asked for happened. Look before asking again.
    OutcomeUnknown = 504,
    /// The answer took too long. Nothing was changed.
    Timeout = 504,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no error code of this build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an error code known to this version")]
pub struct UnknownErrorCode(pub String);

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|code| code.as_str() == text);
        known.copied().ok_or_else(|| UnknownErrorCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
