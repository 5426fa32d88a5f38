//! Where an agent finds the master, inside one process: what a TCP connection is to Apache Mesos.
//!
//! A link is two bounded queues. Overflow policy: a full queue counts as a broken connection. The writer drops its end
//! and the agent connects and re-registers anew; nothing blocks, and no single message is lost in silence.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{mpsc, watch};

use crate::link::{LinkId, ToAgent, ToMaster};

/// Messages a link holds in each direction before it counts as broken.
pub const LINK_CAPACITY: usize = 4096;

/// The agent's end of a live link. Dropping it breaks the link; a closed queue means that the master broke it.
#[derive(Debug)]
pub struct AgentEnd {
    /// Number of this connection.
    pub link: LinkId,
    /// Towards the master. Use `try_send`; an error means the link is broken.
    pub to_master: mpsc::Sender<ToMaster>,
    /// From the master; `None` means the link is broken.
    pub from_master: mpsc::Receiver<ToAgent>,
}

/// The master's end of a live link.
#[derive(Debug)]
pub struct MasterEnd {
    /// Number of this connection.
    pub link: LinkId,
    /// Where the agent's HTTP endpoint listens; becomes the `url` of its offers and its pid.
    pub address: std::net::SocketAddr,
    /// Towards the agent.
    pub to_agent: mpsc::Sender<ToAgent>,
    /// From the agent; `None` means the link is broken.
    pub from_agent: mpsc::Receiver<ToMaster>,
}

/// The address of the master half; cheap to clone, and valid over the master's restarts.
#[derive(Clone, Debug)]
pub struct MasterDoor {
    open: watch::Receiver<Option<mpsc::Sender<MasterEnd>>>,
    next: Arc<AtomicU64>,
}

/// The master's side of the door: opened by each master that starts, closed when it dies.
#[derive(Debug)]
pub struct DoorKeeper {
    open: watch::Sender<Option<mpsc::Sender<MasterEnd>>>,
    next: Arc<AtomicU64>,
}

impl DoorKeeper {
    /// A closed door.
    #[allow(clippy::new_without_default, reason = "a default door would be one nobody opens")]
    pub fn new() -> Self {
        Self { open: watch::Sender::new(None), next: Arc::new(AtomicU64::new(1)) }
    }

    /// A door for agents.
    pub fn door(&self) -> MasterDoor {
        MasterDoor { open: self.open.subscribe(), next: self.next.clone() }
    }

    /// Open it: connections come out of the returned queue until [`DoorKeeper::close`].
    pub fn open(&self) -> mpsc::Receiver<MasterEnd> {
        let (sender, receiver) = mpsc::channel(16);
        self.open.send_replace(Some(sender));
        receiver
    }

    /// Close it; live links are not touched, their owner drops them.
    pub fn close(&self) {
        self.open.send_replace(None);
    }
}

impl MasterDoor {
    /// Connect. `None` while no master listens: try again after a while, or await [`MasterDoor::opened`].
    pub async fn connect(&self, address: std::net::SocketAddr) -> Option<AgentEnd> {
        let master = self.open.borrow().clone()?;
        let link = LinkId(self.next.fetch_add(1, Ordering::Relaxed));
        let (to_agent, from_master) = mpsc::channel(LINK_CAPACITY);
        let (to_master, from_agent) = mpsc::channel(LINK_CAPACITY);
        master.send(MasterEnd { link, address, to_agent, from_agent }).await.ok()?;
        Some(AgentEnd { link, to_master, from_master })
    }

    /// Returns when a master listens; never if the whole process is ending.
    pub async fn opened(&self) {
        let mut open = self.open.clone();
        if open.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
