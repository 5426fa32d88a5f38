//! How to speak to brokers.

use std::time::Duration;

use crate::frame;

/// What all connections of a program have in common.
#[derive(Clone, Debug)]
pub struct Options {
    /// Shows in brokers' logs and quotas.
    pub client_id: String,
    /// Limit of connecting, negotiation included, and of each request.
    pub timeout: Duration,
    /// How the connection is protected, and who we are.
    #[cfg(feature = "security")]
    pub security: super::security::Security,
    /// Longest answer taken, in bytes.
    pub longest: usize,
}

impl Options {
    /// A program called `client_id`, that waits `timeout` for each answer, over plain TCP.
    pub fn new(client_id: impl Into<String>, timeout: Duration) -> Self {
        Self {
            client_id: client_id.into(),
            timeout,
            #[cfg(feature = "security")]
            security: super::security::Security::default(),
            longest: frame::LIMIT,
        }
    }

    /// The same over connections protected so.
    #[cfg(feature = "security")]
    #[must_use]
    pub fn secured(self, security: super::security::Security) -> Self {
        Self { security, ..self }
    }

    /// The same, that takes answers of at most `bytes`, and keeps nothing of a longer one: [`super::Error::TooLong`].
    #[must_use]
    pub fn at_most(self, bytes: usize) -> Self {
        Self { longest: bytes, ..self }
    }
}
