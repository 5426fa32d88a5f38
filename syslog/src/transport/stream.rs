//! TCP.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use nix::sys::socket::{getsockopt, setsockopt, sockopt};

/// Our send buffer; the kernel doubles it. A fixed one bounds what may be lost.
const SEND_BUFFER: usize = 256 * 1024;
/// Linux' own largest receive buffer, where this machine does not say.
const RECEIVE_BUFFER: u64 = 6 * 1024 * 1024;
/// What the server's program may have read and not yet used.
const READ_BUFFER: u64 = 256 * 1024;
/// A server that acknowledges nothing for so long is gone, in milliseconds.
const SILENCE_MS: u32 = 60_000;

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Stream(pub(super) TcpStream);

impl Stream {
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER)?;
        setsockopt(&socket, sockopt::KeepAlive, &true)?;
        setsockopt(&socket, sockopt::TcpKeepIdle, &(SILENCE_MS / 2000))?;
        setsockopt(&socket, sockopt::TcpUserTimeout, &SILENCE_MS)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// As much as both socket buffers hold (D44). The other one's size is not told; ours stands for it.
    pub(super) fn keep(&self) -> u64 {
        let ours = getsockopt(&self.0, sockopt::SndBuf).unwrap_or(2 * SEND_BUFFER) as u64;
        let theirs = fs::read_to_string("/proc/sys/net/ipv4/tcp_rmem").ok();
        let theirs = theirs.and_then(|text| text.split_whitespace().nth(2)?.parse().ok());
        ours + theirs.unwrap_or(RECEIVE_BUFFER) + READ_BUFFER
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    pub(super) fn check(&mut self) -> io::Result<()> {
        let mut buffer = [0; 512];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return Err(closed()),
                Ok(_) => {}
                Err(error) if super::is_patience(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The server closes once it has read all; waiting for that keeps what is under way from being thrown away.
    pub(super) fn close(self, until: Instant) {
        if self.0.shutdown(Shutdown::Write).is_err() || self.0.set_nonblocking(false).is_err() {
            return;
        }
        let mut socket = self.0;
        let mut buffer = [0; 512];
        while let Some(patience) = left(until) {
            if socket.set_read_timeout(Some(patience)).is_err()
                || !matches!(socket.read(&mut buffer), Ok(1..))
            {
                return;
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(super) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")
}

#[expect(clippy::disallowed_methods, reason = "a wait keeps its deadline by the clock")]
fn left(until: Instant) -> Option<Duration> {
    Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}
