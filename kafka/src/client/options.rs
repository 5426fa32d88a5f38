//! How to speak to brokers.

use std::time::Duration;

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
}

impl Options {
    /// A program called `client_id`, that waits `timeout` for each answer, over plain TCP.
    pub fn new(client_id: impl Into<String>, timeout: Duration) -> Self {
        Self {
            client_id: client_id.into(),
            timeout,
            #[cfg(feature = "security")]
            security: super::security::Security::default(),
        }
    }
}
