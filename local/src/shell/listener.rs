//! A listening socket whose connections can all be cut at once, as a SIGKILL of its process would.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

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

    /// Serve `app` until cut. Returns with the listener closed; handlers still running find their socket dead.
    pub async fn serve(self, app: axum::Router) {
        let cut = self.cut.clone();
        let serve = axum::serve(self, app);
        tokio::select! {
            () = cut.cancelled() => {}
            result = serve.into_future() => {
                if let Err(error) = result {
                    tracing::error!(error = %error, "http server ended");
                }
            }
        }
    }
}

impl axum::serve::Listener for CutListener {
    type Io = CutStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.inner).await;
        // Small records must leave at once: Nagle would hold an UPDATE back behind an unacknowledged HEARTBEAT.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "cannot set TCP_NODELAY");
        }
        (CutStream { stream, cut: Box::pin(self.cut.clone().cancelled_owned()), dead: false }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A connection that fails from the moment it is cut.
#[derive(Debug)]
pub struct CutStream {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    dead: bool,
}

impl CutStream {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.dead = self.dead || self.cut.as_mut().poll(cx).is_ready();
        if self.dead { Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut")) } else { Ok(()) }
    }
}

impl AsyncRead for CutStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
