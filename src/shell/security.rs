//! How connections to brokers are protected, out of the files that settings name: read once, at the start.

use kafka::client::security::{Sasl, Security, Tls, TrustError};

use super::http::reload::{self, Keep, Trouble, trouble};
use crate::config::{Errors, KafkaClient, KafkaSasl, KafkaTls, TlsFiles};

const CA: &str = "KAFKA_CLIENT_CA_FILE";
const CERTIFICATE: &str = "KAFKA_CLIENT_CERT_FILE";
const KEY: &str = "KAFKA_CLIENT_KEY_FILE";
const PASSWORD: &str = "KAFKA_CLIENT_SASL_PASSWORD_FILE";

/// Reads every file that the settings name.
///
/// # Errors
/// What is wrong with them, each under its setting's name (S-047).
pub(super) fn open(client: &KafkaClient) -> Result<Security, Errors> {
    let mut errors = Vec::new();
    let tls = client.tls.as_ref().and_then(|files| tls(files, &mut errors));
    let sasl = client.sasl.as_ref().and_then(|sasl| password(sasl).map_err(|error| errors.push(error)).ok());
    if errors.is_empty() { Ok(Security { tls, sasl }) } else { Err(Errors(errors)) }
}

fn tls(files: &KafkaTls, errors: &mut Vec<Trouble>) -> Option<Tls> {
    let mut read = |setting, path: &std::path::PathBuf, keep| {
        reload::read(setting, path, keep).map_err(|error| errors.push(error)).ok()
    };
    let authorities = files.authorities.as_ref().map(|path| read(CA, path, Keep::Public));
    let own = files.own.as_ref().map(|TlsFiles { certificate, key }| {
        let pair = (read(CERTIFICATE, certificate, Keep::Public), read(KEY, key, Keep::Secret));
        pair.0.zip(pair.1)
    });
    // What could not be read is said already.
    let authorities = authorities.map_or(Some(None), |read| read.map(Some))?;
    let own = own.map_or(Some(None), |read| read.map(Some))?;
    let made = match &own {
        Some((certificate, key)) => Tls::proving(authorities.as_deref(), certificate, key),
        None => Tls::new(authorities.as_deref()),
    };
    made.map_err(|error| errors.push(unusable(files, &error))).ok()
}

/// Whose fault it is that nobody can be trusted, or we cannot prove who we are.
fn unusable(files: &KafkaTls, error: &TrustError) -> Trouble {
    let of = |setting, path: &std::path::PathBuf| trouble(setting, path, &format!("cannot be used: {error}"));
    match (error, &files.own, &files.authorities) {
        (TrustError::Identity(_), Some(own), _) => of(CERTIFICATE, &own.certificate),
        (_, _, Some(authorities)) => of(CA, authorities),
        _ => Trouble { field: CA.to_owned(), message: format!("must be set: {error}") },
    }
}

fn password(sasl: &KafkaSasl) -> Result<Sasl, Trouble> {
    let KafkaSasl { mechanism, user, password: path } = sasl;
    let bytes = reload::read(PASSWORD, path, Keep::Secret)?;
    let text = String::from_utf8(bytes).map_err(|_| trouble(PASSWORD, path, "is no UTF-8 text"))?;
    // An editor ends its last line; a password does not begin a second one.
    let password =
        text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    match password {
        "" => Err(trouble(PASSWORD, path, "holds no password")),
        several if several.contains('\n') => {
            Err(trouble(PASSWORD, path, "has several lines: it must hold the password alone"))
        }
        one => Ok(Sasl { mechanism: *mechanism, user: user.clone(), password: one.to_owned() }),
    }
}

#[cfg(test)]
mod tests;
