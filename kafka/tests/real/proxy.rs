//! A way to the brokers that can be held: requests and answers pass whole, one after another, and a trap stops at a
//! chosen request, or at its answer, until the test has done what it wants to the cluster.

use std::sync::{Arc, Mutex};

use kafka_protocol::messages::ApiKey;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// Where a trap stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// The client has sent its request, the broker has not got it.
    Before,
    /// The broker has answered, the client does not know.
    After,
}

/// What becomes of what was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes on its way.
    Deliver,
    /// It is lost, and the connection with it.
    Lose,
}

/// Something was stopped.
#[derive(Debug)]
pub(crate) struct Caught {
    /// Whose request or answer it is.
    pub(crate) broker: usize,
    /// Says what becomes of it.
    pub(crate) go_on: oneshot::Sender<Fate>,
}

#[derive(Debug)]
struct Trap {
    key: i16,
    when: When,
    caught: oneshot::Sender<Caught>,
}

#[derive(Debug, Default)]
struct Shared {
    trap: Option<Trap>,
    /// Each request since the trap was set: whom it went to, and what.
    seen: Vec<(usize, i16)>,
}

/// One listener for each broker.
#[derive(Debug)]
pub(crate) struct Proxy {
    listeners: Vec<TcpListener>,
    shared: Arc<Mutex<Shared>>,
}

impl Proxy {
    /// Listens for so many brokers; to be known before they are started, since they say that they are here.
    pub(crate) async fn listen(brokers: u32) -> Self {
        let mut listeners = Vec::new();
        for _ in 0..brokers {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        Self { listeners, shared: Arc::default() }
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
    }

    /// Lets clients through to the brokers, in the order of its ports. Ends with the test's runtime.
    pub(crate) fn serve(self, brokers: Vec<String>) -> Road {
        for (index, (listener, address)) in self.listeners.into_iter().zip(brokers).enumerate() {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (shared, address) = (Arc::clone(&shared), address.clone());
                    tokio::spawn(async move { pass(index, client, &address, &shared).await });
                }
            });
        }
        Road { shared: self.shared }
    }
}

/// The way, once it is open.
#[derive(Debug)]
pub(crate) struct Road {
    shared: Arc<Mutex<Shared>>,
}

impl Road {
    /// Sets a trap for the next request of this kind; it replaces one that nothing went into.
    pub(crate) fn trap(&self, key: ApiKey, when: When) -> oneshot::Receiver<Caught> {
        let (caught, trapped) = oneshot::channel();
        let mut shared = self.shared.lock().unwrap();
        shared.trap = Some(Trap { key: key as i16, when, caught });
        shared.seen.clear();
        trapped
    }

    /// Which brokers were sent this request since the trap was set, in order.
    pub(crate) fn asked(&self, key: ApiKey) -> Vec<usize> {
        let shared = self.shared.lock().unwrap();
        shared.seen.iter().filter(|(_, seen)| *seen == key as i16).map(|(broker, _)| *broker).collect()
    }
}

/// One connection; `None` when either side has ended it, or the test.
async fn pass(broker: usize, mut client: TcpStream, address: &str, shared: &Mutex<Shared>) -> Option<()> {
    let mut server = TcpStream::connect(address).await.ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    loop {
        let request = frame(&mut client).await?;
        let key = i16::from_be_bytes([request[4], request[5]]);
        let trap = {
            let mut shared = shared.lock().unwrap();
            shared.seen.push((broker, key));
            shared.trap.take_if(|trap| trap.key == key)
        };
        let (before, after) = match trap {
            Some(trap) if trap.when == When::Before => (Some(trap), None),
            trap => (None, trap),
        };
        stop(broker, before).await?;
        server.write_all(&request).await.ok()?;
        let answer = frame(&mut server).await?;
        stop(broker, after).await?;
        client.write_all(&answer).await.ok()?;
    }
}

/// Waits in the trap, if there is one; `None` for what is lost.
async fn stop(broker: usize, trap: Option<Trap>) -> Option<()> {
    let Some(trap) = trap else { return Some(()) };
    let (go_on, fate) = oneshot::channel();
    trap.caught.send(Caught { broker, go_on }).ok()?;
    (fate.await == Ok(Fate::Deliver)).then_some(())
}

/// A whole message with its length.
async fn frame(from: &mut TcpStream) -> Option<Vec<u8>> {
    let length = from.read_u32().await.ok()?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.resize(4 + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut bytes[4..]).await.ok()?;
    Some(bytes)
}
