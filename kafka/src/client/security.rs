//! TLS and SASL: how a connection is protected, and who we are (KIP-12, KIP-43, KIP-84).
//!
//! TLS is rustls', SASL's mechanisms are rsasl's; ours is to carry them. Passwords are in no `Debug`.

use std::{fmt, io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Plain TCP and nobody, unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Encrypts, and makes sure of the broker.
    pub tls: Option<Tls>,
    /// Says who we are.
    pub sasl: Option<Sasl>,
}

/// Whom we trust to be a broker.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ClientConfig>);

/// Nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The text holds something else than certificates.
    #[error("the certificates of the authorities cannot be read: {0}")]
    Unreadable(String),
    /// There is none in it.
    #[error("there is no certificate of an authority (-----BEGIN CERTIFICATE-----) in the text")]
    Empty,
    /// The machine's own could not be found.
    #[error("this machine has no authorities to trust ({0}): give their certificates")]
    NoSystem(String),
    /// What we are to prove who we are with cannot be used.
    #[error("our certificate and key cannot be used: {0}")]
    Identity(String),
}

impl Tls {
    /// Trusts the authorities of `pem`, else this machine's.
    ///
    /// # Errors
    /// There is none.
    pub fn new(pem: Option<&[u8]>) -> Result<Self, TrustError> {
        let builder = builder().with_root_certificates(authorities(pem)?);
        Ok(Self(Arc::new(builder.with_no_client_auth())))
    }

    /// The same for brokers that ask who we are (`ssl.client.auth`): `certificates` in PEM, ours first, and its `key`.
    ///
    /// # Errors
    /// There is no authority, or the pair cannot be used.
    pub fn proving(pem: Option<&[u8]>, certificates: &[u8], key: &[u8]) -> Result<Self, TrustError> {
        let unusable = |error: &dyn fmt::Display| TrustError::Identity(error.to_string());
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| unusable(&error))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable(&error))?;
        let builder = builder().with_root_certificates(authorities(pem)?);
        let config = builder.with_client_auth_cert(chain, key).map_err(|error| unusable(&error))?;
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands with the broker at `address`, whose certificate must be its host's.
    pub(super) async fn connect(&self, address: &str, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, socket).await
    }
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of both versions")
}

/// The authorities of `pem`, else this machine's.
fn authorities(pem: Option<&[u8]>) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = pem {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| TrustError::Unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| TrustError::Unreadable(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(TrustError::Empty);
        }
        return Ok(roots);
    }
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(TrustError::NoSystem(why.join("; ")));
    }
    Ok(roots)
}

/// How we prove who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The password itself: only over TLS.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// As Kafka's `sasl.enabled.mechanisms` lists it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Who we are.
#[derive(Clone)]
pub struct Sasl {
    /// How it is proven.
    pub mechanism: Mechanism,
    /// Our name.
    pub user: String,
    /// A secret.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl")
            .field("mechanism", &self.mechanism)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "security/tests.rs"]
mod tests;
