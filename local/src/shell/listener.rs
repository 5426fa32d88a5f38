//! A listening socket whose connections can all be cut at once, as a SIGKILL of its process would.

use std::{io, net::SocketAddr, time::Duration};

use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Pause after a failed accept, as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until cut.
#[derive(Debug)]
pub struct CutListener {
    inner: TcpListener,
    cut: CancellationToken,
}

impl CutListener {
    /// Listen on `address`; port 0 takes a free one. Cancelling `cut` ends every connection accepted here.
    ///
    /// # Errors
    /// Whatever `bind` says, in use or not permitted for instance.
    pub async fn bind(address: SocketAddr, cut: CancellationToken) -> io::Result<Self> {
        Ok(Self { inner: TcpListener::bind(address).await?, cut })
    }

    /// The bound address, with the port that was taken.
    ///
    /// # Errors
    /// The operating system's, never seen on a bound socket.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Serves `app` until cut. Returns with the listener and all connections closed; handlers still running are
    /// dropped with their connection.
    pub async fn serve(self, app: axum::Router) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = self.cut.cancelled() => break,
                accepted = self.inner.accept() => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(connection(stream, app.clone()))),
                    Err(error) => {
                        tracing::warn!(error = %error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.inner);
        connections.shutdown().await;
    }
}

async fn connection(stream: TcpStream, app: axum::Router) {
    // Small records must leave at once: Nagle would hold an UPDATE back behind an unacknowledged HEARTBEAT.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "cannot set TCP_NODELAY");
    }
    let served = hyper::server::conn::http1::Builder::new()
        // As Mesos writes them; there are clients that look for `Mesos-Stream-Id` letter by letter.
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .await;
    if let Err(error) = served {
        tracing::debug!(error = %error, "a connection broke");
    }
}
