//! The statsd server: where it is now, and what became of what was sent.
//!
//! UDP tells little. A port that is closed is known from the next datagram on; a name that moved, by asking again.
//! Nothing is queued: a tick's datagrams go, or its counters wait for the next tick inside the counters themselves.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tracing::{info, warn};

use crate::metrics::statsd::Datagrams;

/// Between two looks at where the name leads.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// And while something is wrong.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Longest a tick waits for such a look; it goes on behind.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// Between two lines about a server that is away.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Asks where `host:port` is; may take long.
pub(super) type Resolve = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// The system's way.
pub(super) fn system() -> Resolve {
    Arc::new(|address| Ok(address.to_socket_addrs()?.collect()))
}

pub(super) struct Receiver {
    /// As it was given: `host:port`.
    name: String,
    resolve: Resolve,
    look: Option<JoinHandle<io::Result<Vec<SocketAddr>>>>,
    looked: Option<Instant>,
    socket: Option<(SocketAddr, UdpSocket)>,
    /// Why nothing gets there.
    trouble: Option<String>,
    /// What was sent since went, and may have got there.
    hopeful: bool,
    complained: Option<Instant>,
    /// The log says that it is away.
    known_away: bool,
}

impl Receiver {
    pub(super) fn new(name: String, resolve: Resolve) -> Self {
        Self {
            name,
            resolve,
            look: None,
            looked: None,
            socket: None,
            trouble: None,
            hopeful: false,
            complained: None,
            known_away: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong, if anything is known to be.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether what was sent last turned out not to have got there; asked once after each.
    pub(super) fn was_refused(&mut self, now: Instant) -> bool {
        let Some((to, socket)) = &self.socket else { return false };
        match socket.take_error() {
            Ok(None) => {
                let recovered = std::mem::take(&mut self.hopeful) && self.trouble.take().is_some();
                if recovered && std::mem::take(&mut self.known_away) {
                    info!(server = self.name, address = %to, "metrics reach the statsd server again");
                }
                false
            }
            Ok(Some(error)) | Err(error) => {
                self.failed(now, error.to_string());
                true
            }
        }
    }

    /// Sends them all. `false`: not all of them went.
    pub(super) async fn send(&mut self, now: Instant, datagrams: &Datagrams) -> bool {
        self.look(now).await;
        let Some((_, socket)) = &self.socket else { return false };
        for datagram in datagrams.iter() {
            // Never waited for: where its buffer is full, so is the way.
            if let Err(error) = socket.send(datagram) {
                self.failed(now, error.to_string());
                return false;
            }
        }
        self.hopeful = true;
        true
    }

    /// Looks where the server is, if that is due: now and then, and whenever something is wrong.
    async fn look(&mut self, now: Instant) {
        let every = if self.trouble.is_some() { LOOK_AGAIN } else { LOOK_EVERY };
        let due = self.looked.is_none_or(|at| now - at >= every);
        if self.look.is_none() && due {
            let (resolve, name) = (Arc::clone(&self.resolve), self.name.clone());
            self.look = Some(tokio::task::spawn_blocking(move || resolve(&name)));
        }
        let Some(look) = &mut self.look else { return };
        let Ok(found) = timeout(LOOK_LIMIT, look).await else {
            // One question at a time, however long it takes; meanwhile it is where it was.
            if self.socket.is_none() {
                self.failed(now, "its name is still being looked up".to_owned());
            }
            return;
        };
        self.look = None;
        self.looked = Some(now);
        let found = found.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        match found.and_then(|all| all.first().copied().map(|first| (first, all)).ok_or_else(nowhere)) {
            Ok((first, all)) => self.connect(now, first, &all),
            // Where it was it may still be.
            Err(error) if self.socket.is_none() => self.failed(now, error.to_string()),
            Err(_) => {}
        }
    }

    fn connect(&mut self, now: Instant, first: SocketAddr, all: &[SocketAddr]) {
        // A healthy one is kept while the name still leads there, among others.
        if let Some((to, _)) = &self.socket
            && self.trouble.is_none()
            && all.contains(to)
        {
            return;
        }
        // Of several, the next one where this one is in trouble.
        let at = self.socket.as_ref().and_then(|(to, _)| all.iter().position(|address| address == to));
        let to = at.map_or(first, |at| all[(at + 1) % all.len()]);
        match socket(to) {
            Ok(socket) => {
                if self.socket.as_ref().is_none_or(|(was, _)| *was != to) {
                    info!(server = self.name, address = %to, "metrics go to this address");
                }
                self.socket = Some((to, socket));
            }
            Err(error) => {
                self.socket = None;
                self.failed(now, error.to_string());
            }
        }
    }

    fn failed(&mut self, now: Instant, why: String) {
        if self.complained.is_none_or(|at| now - at >= COMPLAIN_EVERY) {
            warn!(server = self.name, why, "metrics do not reach the statsd server; counters wait");
            self.complained = Some(now);
            self.known_away = true;
        }
        self.trouble = Some(why);
        self.hopeful = false;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(look) = &self.look {
            look.abort();
        }
    }
}

fn nowhere() -> io::Error {
    io::Error::other("its name leads nowhere")
}

/// One that never waits. Errors of earlier datagrams come back on it, since it is connected.
fn socket(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(to)?;
    Ok(socket)
}

#[cfg(test)]
#[path = "receiver/tests.rs"]
mod tests;
