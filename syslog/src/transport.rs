//! Connections to a syslog server. None of them ever blocks but to connect.

mod stream;
mod tls;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixDatagram,
    },
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub(crate) use self::tls::Trust;
use self::{stream::Stream, tls::Tls};
use crate::{
    batch::Batch,
    target::{Address, Target},
};

/// Longest that a connection and its handshake may take.
const CONNECT: Duration = Duration::from_secs(3);

/// An open one.
#[derive(Debug)]
pub(crate) enum Connection {
    Tcp(Stream),
    Tls(Box<Tls>),
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Connection {
    /// Opens one. `trust` is asked for TLS only.
    pub(crate) fn open(target: &Target, trust: Option<&Trust>) -> io::Result<Self> {
        match target {
            Target::Tcp(address) => Ok(Self::Tcp(Stream::new(connect(address)?)?)),
            Target::Tls(address) => {
                let trust = trust.ok_or_else(|| io::Error::other("no authorities to trust"))?;
                Ok(Self::Tls(Box::new(Tls::new(connect(address)?, &address.host, trust, CONNECT)?)))
            }
            Target::Udp(address) => each(address, |address| {
                let any: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Udp(socket))
            }),
            Target::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Unix(socket))
            }
        }
    }

    /// How many of the bytes sent last may be lost with it.
    pub(crate) fn keep(&self) -> u64 {
        match self {
            Self::Tcp(stream) => stream.keep(),
            Self::Tls(tls) => tls.keep(),
            Self::Udp(_) | Self::Unix(_) => 0,
        }
    }

    /// Sends what the socket takes at once of the batch's rest; 0 means that it takes nothing now.
    pub(crate) fn send(&mut self, batch: &Batch) -> io::Result<usize> {
        let sent = match self {
            Self::Tcp(stream) => stream.send(batch.rest()),
            Self::Tls(tls) => tls.send(batch.rest()),
            Self::Udp(socket) => batch.next().map_or(Ok(0), |frame| socket.send(frame)),
            Self::Unix(socket) => batch.next().map_or(Ok(0), |frame| socket.send(frame)),
        };
        match sent {
            Err(error) if is_patience(&error) => Ok(0),
            sent => sent,
        }
    }

    /// Reads what the server says, which means nothing, to learn whether it is still there.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.check(),
            Self::Tls(tls) => tls.check(),
            // A refusal that came back for what was sent.
            Self::Udp(socket) => socket.take_error()?.map_or(Ok(()), Err),
            Self::Unix(_) => Ok(()),
        }
    }

    /// Waits until it may take more, or has something to say.
    pub(crate) fn wait(&self, patience: Duration) {
        let fd: BorrowedFd<'_> = match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Tls(tls) => tls.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        };
        let flags = PollFlags::POLLOUT | PollFlags::POLLIN;
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
        // Woken early or not at all: whoever sends finds out.
        let _ready = poll(&mut [PollFd::new(fd, flags)], timeout);
    }

    /// Ends it in order: nothing of what was sent is lost if the server takes it in time.
    pub(crate) fn close(self, until: Instant) {
        match self {
            Self::Tcp(stream) => stream.close(until),
            Self::Tls(tls) => tls.close(until),
            Self::Udp(_) | Self::Unix(_) => {}
        }
    }
}

/// Whether `error` only says that this is not the moment.
fn is_patience(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        || error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32)
}

fn connect(address: &Address) -> io::Result<TcpStream> {
    each(address, |address| TcpStream::connect_timeout(&address, CONNECT))
}

/// Tries each address of a host until one works; the last one's error otherwise.
fn each<T>(address: &Address, mut attempt: impl FnMut(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut problem = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (address.host.as_str(), address.port).to_socket_addrs()? {
        match attempt(address) {
            Ok(open) => return Ok(open),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}
