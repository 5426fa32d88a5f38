//! Accepts connections and serves a router on them, within limits, until told to stop.
//!
//! Limits: [`CONNECTIONS`] at once, one more waits in the kernel's queue until another ends; a request's head must
//! arrive within [`HEAD`], which also ends idle connections; one address has [`PER_ADDRESS`] of them; an answer must be taken
//! ([`super::limit::STALL`]); no connection lives longer than [`LIFE`], but the answer that it then owes is given, for which it
//! has the time that a request has, or as long as a producer test lasts. So nobody can hold the API by holding sockets.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use api::rest::{ErrorBody, ErrorCode};
use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use uuid::Uuid;

use super::{
    Access,
    guard::{DEADLINE, Peer},
    job::producer_test,
    limit::{BODY, Limits, PER_ADDRESS, Patient},
    tls::{self, Tls},
};

/// Connections served at once.
const CONNECTIONS: usize = 256;
/// How long a request's head may take to arrive.
const HEAD: Duration = Duration::from_secs(15);
/// Longest head, and whatever else of a request is held unread, in bytes: before anybody is let in.
const HEAD_SIZE: usize = 64 << 10;
/// After this a connection ends with the answer it is giving.
const LIFE: Duration = Duration::from_secs(300);
/// Pause after a failed accept, which is most often a lack of file descriptors and would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A port that is ours, not served yet.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    limits: Arc<Limits>,
}

/// A port that could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// Takes `port` on `address`; port 0 takes a free one.
///
/// # Errors
/// When it cannot be had, most often because another process has it.
pub async fn bind(address: IpAddr, port: u16) -> Result<Listener, BindError> {
    let address = SocketAddr::new(address, port);
    let failed = |source| BindError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listener { listener, address, tls: None, limits: Arc::default() })
}

impl Listener {
    /// Where it listens, with the port the kernel chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, counting what is turned away where `access` shows it.
    pub(crate) fn counted_by(self, access: &Access) -> Self {
        Self { limits: access.limits.clone(), ..self }
    }

    /// The same over TLS, if `access` has a certificate.
    pub(crate) fn over_tls_of(self, access: &Access) -> Self {
        Self { tls: access.tls(), ..self }
    }

    /// The same over TLS with that pair.
    #[cfg(test)]
    pub(super) fn over(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Serves `router` until `stop`; then takes no more connections, and returns once the answers under way are given,
    /// which takes no longer than a request may.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let connections = TaskTracker::new();
        while let Some(Ok(slot)) = stop.run_until_cancelled(slots.clone().acquire_owned()).await {
            let (stream, peer) = match stop.run_until_cancelled(self.listener.accept()).await {
                None => break,
                Some(Ok((stream, peer))) => (stream, Peer(peer.ip())),
                Some(Err(error)) => {
                    tracing::warn!(address = %self.address, %error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = self.limits.connection(peer.0) else {
                turn_away(&stream, self.tls.is_some());
                continue;
            };
            let limits = self.limits.clone();
            let (router, tls, stop) = (router.clone(), self.tls.clone(), stop.clone());
            connections.spawn(async move {
                // Answers are small and written whole.
                let _ = stream.set_nodelay(true);
                match tls {
                    None => serve_connection(Patient::new(stream, limits), peer, router, stop).await,
                    Some(tls) => match stop.run_until_cancelled(tls::accept(stream, tls.get())).await {
                        Some(Ok(stream)) => {
                            serve_connection(Patient::new(stream, limits), peer, router, stop).await;
                        }
                        Some(Err(error)) => {
                            tracing::debug!(client = %peer.0, %error, "a TLS handshake failed")
                        }
                        None => {}
                    },
                }
                drop((slot, place));
            });
        }
        drop(self.listener);
        connections.close();
        connections.wait().await;
    }
}

/// Tells a client without TLS that it has its share; what does not go out at once is dropped with the connection.
fn turn_away(stream: &TcpStream, is_tls: bool) {
    if is_tls {
        return;
    }
    let body = ErrorBody {
        error_code: ErrorCode::Overloaded,
        message: format!("this address has {PER_ADDRESS} connections, as many as one may have; close some"),
        request_id: Uuid::new_v4().to_string(),
    };
    let body = serde_json::to_string(&body).unwrap_or_default();
    // Read first: what is unread when the connection closes would take the answer with it.
    let _ = stream.try_read(&mut [0; 4096]);
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: \
         close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.try_write(answer.as_bytes());
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    peer: Peer,
    router: Router,
    stop: CancellationToken,
) {
    let router = TowerToHyperService::new(router);
    // Whether what is answered, or was last, is a job that is followed: as long as it is.
    let is_long = Arc::new(AtomicBool::new(false));
    let asked = is_long.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        asked.store(producer_test::patience(&request).is_some(), Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = sleep(LIFE) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            let given_up = async {
                if is_long.load(Ordering::Relaxed) {
                    // It ends with its job, or when its client takes nothing of it any more.
                    stop.cancelled().await;
                }
                // What was asked a moment ago may take that long. An answer that its client does not read is given up.
                sleep(BODY + DEADLINE).await;
            };
            tokio::select! {
                ended = connection => ended,
                () = given_up => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

#[cfg(test)]
mod tests;
