//! What can go wrong while asking a broker.

use std::time::Duration;

use crate::{error::KafkaError, frame};

/// A request that got no answer of use. After any but [`Error::Refused`] and [`Error::Version`] the connection is gone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error("{address} can't be reached")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The TLS handshake failed.
    #[cfg(feature = "security")]
    #[error(
        "{address} and we cannot agree on TLS: is that listener one with TLS, its certificate for that host, and its authority trusted?"
    )]
    Tls {
        /// With whom.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The broker does not believe who we are.
    #[cfg(feature = "security")]
    #[error("{address} does not let in {user} by {mechanism}: {reason}")]
    Sasl {
        /// Who.
        address: String,
        /// How it was tried.
        mechanism: &'static str,
        /// As whom.
        user: String,
        /// What the broker, or the mechanism, says.
        reason: String,
    },
    /// No answer in time.
    #[error("{address} did not answer {call} within {} ms", .after.as_millis())]
    Timeout {
        /// Who.
        address: String,
        /// What.
        call: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection broke.
    #[error("the connection to {address} broke during {call}")]
    Io {
        /// Whose.
        address: String,
        /// During what.
        call: &'static str,
        /// How.
        source: std::io::Error,
    },
    /// The other side hung up: no Kafka, one that wants TLS, or one that is stopping.
    #[error("{address} closed the connection during {call}")]
    Closed {
        /// Who.
        address: String,
        /// During what.
        call: &'static str,
    },
    /// The answer is no Kafka frame.
    #[error("{address} does not speak Kafka's protocol: {call} was answered with something else")]
    Frame {
        /// Who.
        address: String,
        /// What.
        call: &'static str,
        /// What is wrong.
        source: frame::Error,
    },
    /// The answer is longer than is taken here.
    #[error("{address} answers {call} with {bytes} bytes, where {limit} are taken")]
    TooLong {
        /// Who.
        address: String,
        /// What.
        call: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The answer belongs to another request.
    #[error("{address} answered request {got} when {call} was request {expected}")]
    Correlation {
        /// Who.
        address: String,
        /// What.
        call: &'static str,
        /// Ours.
        expected: i32,
        /// Theirs.
        got: i32,
    },
    /// A message can't be written or read in the version agreed upon.
    #[error("{call} version {version} with {address} can't be encoded or decoded")]
    Codec {
        /// With whom.
        address: String,
        /// What.
        call: &'static str,
        /// Version agreed upon.
        version: i16,
        /// What the codec says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No version of a request both sides know.
    #[error(
        "{address} serves {call} in {theirs}, this program speaks versions {} to {}, which begin with {since}",
        .ours.0, .ours.1
    )]
    Version {
        /// Who.
        address: String,
        /// What.
        call: &'static str,
        /// First and last version of ours.
        ours: (i16, i16),
        /// Theirs, in words.
        theirs: String,
        /// The first Kafka that serves one of ours, such as `Kafka 2.4 (KIP-455)`.
        since: &'static str,
    },
    /// Kafka answered with an error.
    #[error("{address} refused {call}")]
    Refused {
        /// Who.
        address: String,
        /// What.
        call: &'static str,
        /// Kafka's error.
        source: KafkaError,
    },
    /// The broker has not heard from its controller since it started, and knows no broker, not even itself.
    #[error("{address} knows nothing of its cluster yet")]
    Uninformed {
        /// Who.
        address: String,
    },
    /// An earlier request on this connection was cut off.
    #[error("the connection to {address} is gone: an earlier request on it was cut off")]
    Gone {
        /// Whose.
        address: String,
    },
}

/// Requests that are asked before a change.
const BEFOREHAND: [&str; 4] = ["ApiVersions", "SaslHandshake", "SaslAuthenticate", "Metadata"];

impl Error {
    /// Whether a change may have been carried out although no answer came. Not where what is asked before each was not
    /// answered: then the change was never sent.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Timeout { call, .. } | Self::Io { call, .. } | Self::Closed { call, .. } => {
                !BEFOREHAND.contains(call)
            }
            _ => false,
        }
    }

    /// Whether the broker does not believe who we are, as others then will not either.
    pub fn is_login_refused(&self) -> bool {
        match self {
            #[cfg(feature = "security")]
            Self::Sasl { .. } => true,
            _ => false,
        }
    }

    /// Whether the same may go well in a moment, with this broker or another.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Gone { .. } | Self::Uninformed { .. } => true,
            Self::Refused { source, .. } => source.retriable,
            Self::Timeout { .. } | Self::Io { .. } | Self::Closed { .. } => true,
            _ => false,
        }
    }
}
