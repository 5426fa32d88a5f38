//! What a broker's listener speaks, by Kafka's own names.

use serde::{Deserialize, Serialize};

/// How connections to a broker are protected (`BROKER_SECURITY_PROTOCOL`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Protocol {
    /// Not at all.
    #[default]
    Plaintext,
    /// TLS encrypts.
    Ssl,
    /// SASL says who a client is.
    SaslPlaintext,
    /// Both.
    SaslSsl,
}

impl Protocol {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// As `listeners` and `security.inter.broker.protocol` have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Whether it is open to everybody.
    pub fn is_plaintext(&self) -> bool {
        *self == Self::Plaintext
    }

    /// Whether it is encrypted.
    pub fn tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether clients must say who they are.
    pub fn sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}
