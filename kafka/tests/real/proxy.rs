//! A way to the brokers that can be held: requests and answers pass whole, one after another, and a trap stops at a
//! chosen request, or at its answer, until the test has done what it wants to the cluster.

use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, BrokerId, MetadataResponse, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion},
};
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

/// Says what becomes of what was stopped.
pub(crate) type GoOn = oneshot::Sender<Fate>;

/// Which request a trap is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meant {
    /// Whose, by its client id.
    pub(crate) client: String,
    /// Of which kind.
    pub(crate) key: ApiKey,
    /// To which broker.
    pub(crate) broker: usize,
}

#[derive(Debug)]
struct Trap {
    meant: Meant,
    /// So many of them pass.
    pass: usize,
    when: When,
    caught: oneshot::Sender<GoOn>,
}

#[derive(Debug, Default)]
struct Shared {
    traps: Vec<Trap>,
    /// Each request since they were cleared.
    seen: Vec<Meant>,
    /// Whom brokers name as the controller, instead of any of them.
    controller: Option<i32>,
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
    /// Sets a trap for such a request, after `pass` of them have passed.
    pub(crate) fn trap(&self, meant: Meant, pass: usize, when: When) -> oneshot::Receiver<GoOn> {
        let (caught, trapped) = oneshot::channel();
        self.shared.lock().unwrap().traps.push(Trap { meant, pass, when, caught });
        trapped
    }

    /// Forgets traps that nothing went into, and what was seen.
    pub(crate) fn clear(&self) {
        let mut shared = self.shared.lock().unwrap();
        shared.traps.clear();
        shared.seen.clear();
    }

    /// From now on brokers name this one to their clients as the controller. With KRaft they name any that lives, and pass
    /// on what it is asked, so this is as good as another, and a test knows whom it will be.
    pub(crate) fn name_controller(&self, broker: Option<i32>) {
        self.shared.lock().unwrap().controller = broker;
    }

    /// Which brokers this client has sent this request since then, in order.
    pub(crate) fn asked(&self, client: &str, key: ApiKey) -> Vec<usize> {
        let shared = self.shared.lock().unwrap();
        let seen = shared.seen.iter().filter(|seen| seen.client == client && seen.key == key);
        seen.map(|seen| seen.broker).collect()
    }
}

/// One connection; `None` when either side has ended it, or the test.
async fn pass(broker: usize, mut client: TcpStream, address: &str, shared: &Mutex<Shared>) -> Option<()> {
    let mut server = TcpStream::connect(address).await.ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    loop {
        let request = frame(&mut client).await?;
        let short = |at: usize| i16::from_be_bytes([request[at], request[at + 1]]);
        let (key, version) = (ApiKey::try_from(short(4)).ok()?, short(6));
        let name = request.get(14..14 + usize::try_from(short(12)).ok()?)?;
        let meant = Meant { client: String::from_utf8(name.to_vec()).ok()?, key, broker };
        let (trap, controller) = {
            let mut shared = shared.lock().unwrap();
            shared.seen.push(meant.clone());
            (spring(&mut shared.traps, &meant), shared.controller)
        };
        let (before, after) = match trap {
            Some(trap) if trap.when == When::Before => (Some(trap), None),
            trap => (None, trap),
        };
        stop(before).await?;
        server.write_all(&request).await.ok()?;
        let mut answer = frame(&mut server).await?;
        if let (ApiKey::Metadata, Some(controller)) = (key, controller) {
            answer = named(&answer, version, controller);
        }
        stop(after).await?;
        client.write_all(&answer).await.ok()?;
    }
}

/// The trap that such a request goes into.
fn spring(traps: &mut Vec<Trap>, meant: &Meant) -> Option<Trap> {
    let at = traps.iter().position(|trap| trap.meant == *meant)?;
    if traps[at].pass > 0 {
        traps[at].pass -= 1;
        return None;
    }
    Some(traps.swap_remove(at))
}

/// An answer to Metadata with another controller.
fn named(answer: &[u8], version: i16, controller: i32) -> Vec<u8> {
    let mut bytes = Bytes::copy_from_slice(&answer[4..]);
    let header_version = MetadataResponse::header_version(version);
    let header = ResponseHeader::decode(&mut bytes, header_version).unwrap();
    let body = MetadataResponse::decode(&mut bytes, version).unwrap();
    let mut message = BytesMut::new();
    header.encode(&mut message, header_version).unwrap();
    body.with_controller_id(BrokerId(controller)).encode(&mut message, version).unwrap();
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat()
}

/// Waits in the trap, if there is one; `None` for what is lost.
async fn stop(trap: Option<Trap>) -> Option<()> {
    let Some(trap) = trap else { return Some(()) };
    let (go_on, fate) = oneshot::channel();
    trap.caught.send(go_on).ok()?;
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
