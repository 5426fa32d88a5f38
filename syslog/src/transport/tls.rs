//! TLS over TCP (RFC 5425), by rustls: nothing of the agent's libraries is needed.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use super::stream::{Stream, closed};

/// A TLS record carries no more. One at a time is written, so that what the kernel has is known exactly.
const RECORD: usize = 16 * 1024;

/// Whom we trust.
#[derive(Clone, Debug)]
pub(crate) struct Trust(Arc<ClientConfig>);

/// Nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("cannot read certificates from {path}: {why}")]
    File { path: PathBuf, why: String },
    #[error("{0} holds no certificate of an authority")]
    Empty(PathBuf),
    #[error("this machine has no authorities to trust ({0}): name a file of them")]
    NoSystem(String),
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

impl Trust {
    /// In the authorities of `file`, else in the system's.
    pub(crate) fn new(file: Option<&Path>) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        match file {
            Some(path) => {
                let wrong = |error: rustls::pki_types::pem::Error| TrustError::File {
                    path: path.to_owned(),
                    why: error.to_string(),
                };
                for certificate in CertificateDer::pem_file_iter(path).map_err(wrong)? {
                    roots.add(certificate.map_err(wrong)?)?;
                }
                if roots.is_empty() {
                    return Err(TrustError::Empty(path.to_owned()));
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
                    return Err(TrustError::NoSystem(why.join("; ")));
                }
            }
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // One connection for days: nothing to remember.
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }
}

/// A TLS connection.
#[derive(Debug)]
pub(crate) struct Tls {
    session: ClientConnection,
    stream: Stream,
    /// Bytes within the session whose record is not yet written whole.
    pending: usize,
}

impl Tls {
    /// With the handshake done.
    pub(super) fn new(
        mut socket: TcpStream,
        host: &str,
        trust: &Trust,
        patience: Duration,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let mut session = ClientConnection::new(Arc::clone(&trust.0), name).map_err(io::Error::other)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        while session.is_handshaking() {
            session.complete_io(&mut socket).map_err(|error| {
                if super::is_patience(&error) {
                    io::Error::new(io::ErrorKind::TimedOut, "the server did not finish the TLS handshake")
                } else {
                    error
                }
            })?;
        }
        Ok(Self { session, stream: Stream::new(socket)?, pending: 0 })
    }

    pub(super) fn keep(&self) -> u64 {
        self.stream.keep()
    }

    /// Always to be called with the same bytes until it has taken some.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending == 0 {
            self.pending = self.session.writer().write(&bytes[..bytes.len().min(RECORD)])?;
        }
        self.flush()?;
        Ok(std::mem::take(&mut self.pending))
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.stream.0)? == 0 {
                return Err(closed());
            }
        }
        Ok(())
    }

    pub(super) fn check(&mut self) -> io::Result<()> {
        loop {
            match self.session.read_tls(&mut self.stream.0) {
                Ok(0) => return Err(closed()),
                Ok(_) => {}
                Err(error) if super::is_patience(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            let state = self.session.process_new_packets().map_err(io::Error::other)?;
            if state.peer_has_closed() {
                return Err(closed());
            }
            let mut left = state.plaintext_bytes_to_read();
            let mut buffer = [0; 512];
            while left > 0 {
                let read = self.session.reader().read(&mut buffer)?;
                left = if read == 0 { 0 } else { left.saturating_sub(read) };
            }
        }
    }

    pub(super) fn close(mut self, until: Instant) {
        self.session.send_close_notify();
        if self.stream.0.set_nonblocking(false).is_ok() && self.flush().is_ok() {
            self.stream.close(until);
        }
    }
}

impl AsFd for Tls {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
