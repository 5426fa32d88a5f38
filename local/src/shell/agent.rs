//! The agent half over real files and processes: one task owns the pure [`Agent`] and carries out what it wants.
//!
//! ```text
//! executor ──HTTP──> http ──Call──┐
//! door ──────────────ToAgent──────┤──> actor: Agent::handle ──> store (checkpoints, durable before anything further)
//! container ─────────events───────┘          │                  streams, link
//!                                            └────────────────> containers: sandbox, fetcher, processes
//! ```
//!
//! [`start`] brings it up; [`Running::kill`] is a SIGKILL of this half: sockets and memory go at once, executors and
//! files stay, and the next [`start`] on the same work directory finds them.

mod actor;
mod archive;
mod cache;
mod container;
mod fetcher;
mod files;
mod gc;
mod http;
mod process;
mod record;
mod sandbox;
mod store;
#[cfg(test)]
mod tests;
mod tree;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use crate::agent::Options;
use crate::agent::{Agent, Ended};

pub use store::kept_resources;

use super::Executors;
use super::clock::Clock;
use super::door::MasterDoor;
use super::listener::CutListener;

/// Requests and events the actor may be behind with.
///
/// Overflow policy: senders wait. Executors and containers are few, and each waits for its own answer.
const QUEUE: usize = 1024;

/// Why an agent half does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The work directory cannot be read or written.
    #[error("cannot use the work directory {path}")]
    WorkDir {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The configured resources do not fit what is on disk.
    #[error(transparent)]
    Incompatible(#[from] crate::agent::Incompatible),
    /// No HTTP client for fetching can be made.
    #[error("cannot make an HTTP client for fetching")]
    Client(#[from] reqwest::Error),
}

/// A running agent half. Dropping it leaves it running to the end of the runtime; end it by one of its methods.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    cut: CancellationToken,
    requests: mpsc::Sender<actor::Request>,
    actor: JoinHandle<Option<Ended>>,
    server: JoinHandle<()>,
}

impl Running {
    /// Where its HTTP endpoint listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it has not ended by itself.
    pub fn is_alive(&self) -> bool {
        !self.actor.is_finished()
    }

    /// As SIGKILL: drops its sockets and what it has in memory; executors live on.
    pub async fn kill(self) {
        self.cut.cancel();
        let _ = self.actor.await;
        let _ = self.server.await;
    }

    /// Leaves the master in an orderly way and ends all executors; returns when they are gone.
    pub async fn unregister(self) -> Option<Ended> {
        self.end(actor::Request::Unregister).await
    }

    /// As SIGTERM: see [`Executors`]; returns when they are gone, or at once if they are to stay.
    pub async fn stop(self, executors: Executors) -> Option<Ended> {
        match executors {
            Executors::End { within } => self.end(actor::Request::Stop { within }).await,
            Executors::Leave => {
                self.kill().await;
                None
            }
        }
    }

    /// As [`Running::stop`] with [`Executors::End`], but once `hurry` is over the executors' time is, too.
    pub async fn stop_hurried(self, within: Duration, hurry: impl Future<Output = ()>) -> Option<Ended> {
        let requests = self.requests.clone();
        let end = self.end(actor::Request::Stop { within });
        tokio::pin!(end);
        tokio::select! {
            ended = &mut end => return ended,
            () = hurry => {}
        }
        let _ = requests.send(actor::Request::Stop { within: Duration::ZERO }).await;
        end.await
    }

    /// Returns when the agent half has ended by itself, as it does when the master tells it to leave for good.
    pub async fn ended(&mut self) -> Option<Ended> {
        (&mut self.actor).await.ok().flatten()
    }

    async fn end(self, how: actor::Request) -> Option<Ended> {
        let _ = self.requests.send(how).await;
        let ended = self.actor.await.ok().flatten();
        self.cut.cancel();
        let _ = self.server.await;
        ended
    }
}

/// Starts the agent half on `options.work_dir`, with what is there already, listening on `options.address` (port 0
/// takes a free one). Returns once its HTTP endpoint answers; registration goes on in the background.
///
/// # Errors
/// See [`StartError`].
pub async fn start(mut options: Options, door: MasterDoor) -> Result<Running, StartError> {
    // Another part of the process may have chosen one already: that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cut = CancellationToken::new();
    let listen = |source| StartError::Listen { address: options.address, source };
    let listener = CutListener::bind(options.address, cut.clone()).await.map_err(listen)?;
    let address = listener.address().map_err(listen)?;
    options.address = address;
    let work_dir = |source| StartError::WorkDir { path: options.work_dir.clone(), source };
    std::fs::create_dir_all(&options.work_dir).map_err(work_dir)?;
    options.work_dir = options.work_dir.canonicalize().map_err(work_dir)?;
    let work_dir = |source| StartError::WorkDir { path: options.work_dir.clone(), source };
    let store = store::Store::open(&options.work_dir).map_err(work_dir)?;
    let recovered = store.load().map_err(work_dir)?;
    let clock = Clock::new();
    let agent = Agent::new(options.clone(), recovered.clone(), rand::random(), clock.now())?;
    let (requests, receiver) = mpsc::channel(QUEUE);
    let containers = container::Containers::new(&options.work_dir, requests.clone(), cut.clone())?;
    let files = files::Files::new(&options);
    let app = http::router(http::Endpoint::new(requests.clone(), files, cut.clone()));
    let actor = actor::Actor { agent, clock, store, containers, door, address, cut: cut.clone(), receiver };
    tokio::spawn(gc::run(options.work_dir.clone(), cut.clone()));
    Ok(Running {
        address,
        cut,
        requests,
        actor: tokio::spawn(actor.run(recovered)),
        server: tokio::spawn(listener.serve(app)),
    })
}

/// Where an answer goes that the actor owes.
type Reply<T> = oneshot::Sender<T>;
