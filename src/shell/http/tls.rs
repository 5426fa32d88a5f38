//! HTTPS: certificate and key out of files, and the handshake of a connection.

use std::{io, sync::Arc, time::Duration};

use api::rest::{ErrorBody, ErrorCode};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use uuid::Uuid;

use super::reload::{self, Keep, Watched, trouble};
use crate::config::{TlsFiles, ValidationError};

/// How long a handshake may take.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
/// What a TLS connection begins with: the type of a record that holds a handshake.
const RECORD: u8 = 22;

/// The pair that holds now; a connection keeps the one it began with.
pub(super) type Tls = Arc<Watched<ServerConfig>>;

const CERTIFICATE: &str = "API_TLS_CERT_FILE";
const KEY: &str = "API_TLS_KEY_FILE";

/// Watches the pair.
pub(super) fn open(files: TlsFiles) -> Result<Watched<ServerConfig>, ValidationError> {
    Watched::open(vec![files.certificate.clone(), files.key.clone()], move || load(&files))
}

fn load(files: &TlsFiles) -> Result<ServerConfig, ValidationError> {
    let TlsFiles { certificate, key } = files;
    let pem = reload::read(CERTIFICATE, certificate, Keep::Public)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| trouble(CERTIFICATE, certificate, &format!("is no PEM: {error}")))?;
    if chain.is_empty() {
        return Err(trouble(CERTIFICATE, certificate, "holds no certificate in PEM"));
    }
    let pem = reload::read(KEY, key, Keep::Secret)?;
    let secret = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| trouble(KEY, key, &format!("holds no private key in PEM: {error}")))?;
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| trouble(CERTIFICATE, certificate, &error.to_string()))?;
    let mut config = versions.with_no_client_auth().with_single_cert(chain, secret).map_err(|error| {
        let what = match error {
            rustls::Error::InconsistentKeys(_) => {
                format!("is not the key of the certificate in {} ({CERTIFICATE})", certificate.display())
            }
            error => format!("and {} cannot be used together: {error}", certificate.display()),
        };
        trouble(KEY, key, &what)
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    tracing::info!(certificate = %certificate.display(), "the certificate of the API is read");
    Ok(config)
}

/// A connection that speaks TLS from here on. One that speaks plain HTTP is told what to do instead.
pub(super) async fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream<TcpStream>> {
    let accepting = async {
        let mut first = [0];
        match stream.peek(&mut first).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ if first[0] == RECORD => TlsAcceptor::from(config).accept(stream).await,
            _ => {
                answer_plain(stream).await?;
                Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak TLS"))
            }
        }
    };
    timeout(HANDSHAKE, accepting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn answer_plain(mut stream: TcpStream) -> io::Result<()> {
    /// Read at most before the connection is closed: what is unread then would take the answer with it.
    const REST: u64 = 64 << 10;

    let code = ErrorCode::HttpsRequired;
    let body = ErrorBody {
        error_code: code,
        message: "this port speaks HTTPS: begin the URL with https://".to_owned(),
        request_id: Uuid::new_v4().to_string(),
    };
    let body = serde_json::to_string(&body)?;
    let head = format!(
        "HTTP/1.1 {} Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        code.status(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(REST), &mut tokio::io::sink()).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
