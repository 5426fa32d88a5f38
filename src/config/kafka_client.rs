//! How the scheduler speaks to its brokers, where they do not speak to everybody: the `KAFKA_CLIENT_*` settings. Files
//! are named here and read by the shell, so that no secret is in the environment, in the state or in a log.

use std::path::PathBuf;

use kafka::client::security::Mechanism;

use super::{
    Protocol, TlsFiles,
    access::{both, path},
    read::Reader,
};

/// What connections to brokers need beside TCP: nothing where brokers speak PLAINTEXT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaClient {
    /// Where they speak TLS.
    pub tls: Option<KafkaTls>,
    /// Where they ask by SASL who we are.
    pub sasl: Option<KafkaSasl>,
}

/// Whom we trust to be a broker, and whom we are by our certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaTls {
    /// Certificates of the authorities (`KAFKA_CLIENT_CA_FILE`); this machine's without.
    pub authorities: Option<PathBuf>,
    /// What brokers with `ssl.client.auth` ask for (`KAFKA_CLIENT_CERT_FILE`, `KAFKA_CLIENT_KEY_FILE`).
    pub own: Option<TlsFiles>,
}

/// Who we are by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSasl {
    /// `KAFKA_CLIENT_SASL_MECHANISM`.
    pub mechanism: Mechanism,
    /// `KAFKA_CLIENT_SASL_USER`.
    pub user: String,
    /// `KAFKA_CLIENT_SASL_PASSWORD_FILE`.
    pub password: PathBuf,
}

const CA: &str = "KAFKA_CLIENT_CA_FILE";
const CERTIFICATE: &str = "KAFKA_CLIENT_CERT_FILE";
const KEY: &str = "KAFKA_CLIENT_KEY_FILE";
const MECHANISM: &str = "KAFKA_CLIENT_SASL_MECHANISM";
const USER: &str = "KAFKA_CLIENT_SASL_USER";
const PASSWORD: &str = "KAFKA_CLIENT_SASL_PASSWORD_FILE";

/// What is given for brokers that speak `protocol`. What that leaves without effect is refused: who sets it takes
/// connections for safer than they are.
pub(super) fn read(reader: &mut Reader<'_>, protocol: Protocol) -> KafkaClient {
    let idle = |reader: &mut Reader<'_>, names: &[&str], instead: &str| {
        for name in names.iter().filter(|name| reader.given(name).is_some()).collect::<Vec<_>>() {
            let why = format!(
                "has no effect with BROKER_SECURITY_PROTOCOL={}, only with {instead}",
                protocol.as_str()
            );
            reader.error(name, why);
        }
    };
    let mut client = KafkaClient::default();
    if protocol.tls() {
        client.tls = Some(tls(reader));
    } else {
        idle(reader, &[CA, CERTIFICATE, KEY], "SSL and SASL_SSL");
    }
    if protocol.sasl() {
        client.sasl = sasl(reader, protocol);
    } else {
        idle(reader, &[MECHANISM, USER, PASSWORD], "SASL_PLAINTEXT and SASL_SSL");
    }
    client
}

fn tls(reader: &mut Reader<'_>) -> KafkaTls {
    let authorities = path(reader, CA);
    let (certificate, key) = (path(reader, CERTIFICATE), path(reader, KEY));
    let own = both(reader, (CERTIFICATE, certificate), (KEY, key));
    KafkaTls { authorities, own: own.map(|(certificate, key)| TlsFiles { certificate, key }) }
}

fn sasl(reader: &mut Reader<'_>, protocol: Protocol) -> Option<KafkaSasl> {
    for name in [MECHANISM, USER, PASSWORD] {
        if reader.given(name).is_none() {
            reader
                .error(name, format!("must be set, since BROKER_SECURITY_PROTOCOL is {}", protocol.as_str()));
        }
    }
    let mechanism = reader.given(MECHANISM).map(|_| {
        let all = [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512];
        reader.word(MECHANISM, &all.map(|mechanism| (mechanism.as_str(), mechanism)))
    });
    if mechanism == Some(Mechanism::Plain) && !protocol.tls() && reader.is_fine(MECHANISM) {
        reader.error(
            MECHANISM,
            "PLAIN sends the password for everybody to read: take BROKER_SECURITY_PROTOCOL=SASL_SSL, or SCRAM-SHA-256 or \
             SCRAM-SHA-512",
        );
    }
    let password = path(reader, PASSWORD);
    Some(KafkaSasl { mechanism: mechanism?, user: reader.given(USER)?.to_owned(), password: password? })
}
