//! What carries a connection's bytes.

use std::{
    fmt::Debug,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// TCP, or TLS over it.
pub(super) trait Transport: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Transport for T {}

/// Connects to `address` (`host:port`).
pub(super) async fn tcp(address: &str) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Whether the other side has neither hung up nor said anything. Does not wait.
pub(super) fn is_quiet(transport: &mut dyn Transport) -> bool {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let read = Pin::new(transport).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
    matches!(read, Poll::Pending)
}
