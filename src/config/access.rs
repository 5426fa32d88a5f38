//! Who may use the REST API, and over what: the `API_*` settings (D39). Files are named here and read by the shell.

use std::path::PathBuf;

use super::read::Reader;

/// What guards the REST API; nothing does where nothing is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The static tokens (`API_TOKENS_FILE`).
    pub tokens: Option<PathBuf>,
    /// The key that JSON Web Tokens are verified with.
    pub jwt: Option<JwtFile>,
    /// What the API proves who it is with; plain HTTP without.
    pub tls: Option<TlsFiles>,
}

impl Access {
    /// Whether a request must say who makes it.
    pub fn is_guarded(&self) -> bool {
        self.tokens.is_some() || self.jwt.is_some()
    }
}

/// The key for JSON Web Tokens, and the only algorithm it is used with: what a token's header says never counts (D39).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtFile {
    /// `API_JWT_KEY_FILE`.
    pub key: PathBuf,
    /// `API_JWT_ALGORITHM`.
    pub algorithm: JwtAlgorithm,
}

/// How JSON Web Tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256: whoever verifies could sign, too.
    Hs256,
    /// RSA with SHA-256: the public key is enough here.
    Rs256,
}

/// What the REST API proves who it is with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and what leads to its authority, in PEM (`API_TLS_CERT_FILE`).
    pub certificate: PathBuf,
    /// Its private key, in PEM (`API_TLS_KEY_FILE`).
    pub key: PathBuf,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Access {
    let tokens = path(reader, "API_TOKENS_FILE");
    let key = path(reader, "API_JWT_KEY_FILE");
    let algorithm = reader.given("API_JWT_ALGORITHM").map(|_| {
        reader.word("API_JWT_ALGORITHM", &[("HS256", JwtAlgorithm::Hs256), ("RS256", JwtAlgorithm::Rs256)])
    });
    let certificate = path(reader, "API_TLS_CERT_FILE");
    let tls_key = path(reader, "API_TLS_KEY_FILE");
    Access {
        tokens,
        jwt: both(reader, ("API_JWT_KEY_FILE", key), ("API_JWT_ALGORITHM", algorithm))
            .map(|(key, algorithm)| JwtFile { key, algorithm }),
        tls: both(reader, ("API_TLS_CERT_FILE", certificate), ("API_TLS_KEY_FILE", tls_key))
            .map(|(certificate, key)| TlsFiles { certificate, key }),
    }
}

pub(super) fn path(reader: &mut Reader<'_>, name: &str) -> Option<PathBuf> {
    let path = reader.given(name)?;
    if !path.starts_with('/') {
        reader.error(name, "is no absolute path");
    }
    Some(path.into())
}

/// Two settings of which neither makes sense alone.
pub(super) fn both<A, B>(
    reader: &mut Reader<'_>,
    (one, a): (&str, Option<A>),
    (other, b): (&str, Option<B>),
) -> Option<(A, B)> {
    match (&a, &b) {
        (Some(_), None) => reader.error(other, format!("must be set, since {one} is")),
        (None, Some(_)) => reader.error(one, format!("must be set, since {other} is")),
        _ => {}
    }
    a.zip(b)
}

/// What is worth a warning: secrets that everybody on the way can read.
pub(super) fn warnings(access: &Access, loopback: bool) -> Option<String> {
    (access.is_guarded() && access.tls.is_none() && !loopback).then(|| {
        "tokens are asked for over plain HTTP, so whoever sees the network can use them: set API_TLS_CERT_FILE and \
         API_TLS_KEY_FILE, or LISTEN_ADDRESS=127.0.0.1 behind a proxy that speaks TLS"
            .to_owned()
    })
}
