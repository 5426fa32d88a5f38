//! SaslHandshake and SaslAuthenticate: the tokens of a mechanism, carried (KIP-152).

use bytes::Bytes;
use kafka_protocol::{
    messages::{SaslAuthenticateRequest, SaslHandshakeRequest},
    protocol::StrBytes,
};
use rsasl::prelude::{Mechname, SASLClient, SASLConfig, State};

use super::{Connection, Error, security::Sasl};
use crate::error::KafkaError;

/// Tokens of ours at most; SCRAM has two, and one to acknowledge the last of the broker.
const STEPS: usize = 4;

impl Connection {
    /// Says who we are, on a connection just made.
    pub(super) async fn authenticate(&mut self, sasl: &Sasl) -> Result<(), Error> {
        let mechanism = sasl.mechanism.as_str();
        let refused = |address: &str, reason: String| Error::Sasl {
            address: address.to_owned(),
            mechanism,
            user: sasl.user.clone(),
            reason,
        };
        let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
        let answer = self.call(|_| request).await?;
        if let Some(error) = KafkaError::from_code(answer.error_code, None) {
            let served: Vec<_> = answer.mechanisms.iter().map(|name| name.to_string()).collect();
            let reason = format!("{error}; the broker takes {}", served.join(", "));
            return Err(refused(&self.address, reason));
        }
        let failed = |address: &str, error: &dyn std::fmt::Display| refused(address, error.to_string());
        let config = SASLConfig::with_credentials(None, sasl.user.clone(), sasl.password.clone())
            .map_err(|error| failed(&self.address, &error))?;
        let name = Mechname::parse(mechanism.as_bytes()).map_err(|error| failed(&self.address, &error))?;
        let mut session = SASLClient::new(config)
            .start_suggested(&[name])
            .map_err(|error| failed(&self.address, &error))?;
        let mut input: Option<Bytes> = None;
        for _ in 0..STEPS {
            let mut token = Vec::new();
            let state =
                session.step(input.as_deref(), &mut token).map_err(|error| failed(&self.address, &error))?;
            let ended = state == State::Finished(rsasl::prelude::MessageSent::No);
            if ended {
                return Ok(());
            }
            let request = SaslAuthenticateRequest::default().with_auth_bytes(token.into());
            let answer = self.call(|_| request).await?;
            if let Some(error) = KafkaError::from_code(answer.error_code, answer.error_message.as_ref()) {
                return Err(refused(&self.address, error.to_string()));
            }
            if state.is_finished() {
                return Ok(());
            }
            input = Some(answer.auth_bytes);
        }
        Err(refused(&self.address, "the broker asks for ever more".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kafka_protocol::{
        ResponseError,
        messages::{ApiKey, SaslHandshakeRequest, SaslHandshakeResponse},
        protocol::StrBytes,
    };

    use super::super::{
        Options,
        security::{Mechanism, Sasl, Security},
    };
    use super::*;
    use crate::standin;

    /// A broker that takes other ways to say who one is names them.
    #[tokio::test]
    async fn a_mechanism_that_is_not_taken() {
        let (listener, port) = standin::listener().await;
        let served = &[(ApiKey::SaslHandshake, 1), (ApiKey::SaslAuthenticate, 2)];
        standin::serve(listener, served, |asked| {
            assert_eq!(asked.read::<SaslHandshakeRequest>().mechanism.as_str(), "SCRAM-SHA-512");
            let taken = ["PLAIN", "SCRAM-SHA-256"].map(StrBytes::from_static_str);
            let refusal = SaslHandshakeResponse::default()
                .with_error_code(ResponseError::UnsupportedSaslMechanism.code())
                .with_mechanisms(taken.to_vec());
            asked.answer(&refusal)
        });
        let sasl = Sasl {
            mechanism: Mechanism::ScramSha512,
            user: "alice".to_owned(),
            password: "open sesame".to_owned(),
        };
        let options =
            Options::new("test", Duration::from_secs(5)).secured(Security { tls: None, sasl: Some(sasl) });
        let error = Connection::connect(&format!("127.0.0.1:{port}"), &options).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("does not let in alice by SCRAM-SHA-512"), "{text}");
        assert!(text.contains("the broker takes PLAIN, SCRAM-SHA-256"), "{text}");
    }
}
