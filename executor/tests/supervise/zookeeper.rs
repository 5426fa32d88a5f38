//! A ZooKeeper of a few nodes, as much of its protocol as reading and deleting a registration needs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Path → content and owning session.
type Nodes = Arc<Mutex<BTreeMap<String, (Vec<u8>, i64)>>>;

pub(crate) struct FakeZooKeeper {
    pub(crate) connect: String,
    nodes: Nodes,
    server: JoinHandle<()>,
}

impl FakeZooKeeper {
    pub(crate) async fn start() -> Self {
        Self::answering(true).await
    }

    /// One that leaves unanswered what it does not know, so that a real Kafka waits in its start.
    pub(crate) async fn keeping_kafka_waiting() -> Self {
        Self::answering(false).await
    }

    async fn answering(all: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connect = listener.local_addr().unwrap().to_string();
        let nodes = Nodes::default();
        let served = Arc::clone(&nodes);
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                connections.spawn(serve(socket, Arc::clone(&served), all));
            }
        });
        Self { connect, nodes, server }
    }

    pub(crate) fn put(&self, path: &str, content: &str, owner: i64) {
        self.nodes.lock().unwrap().insert(path.to_owned(), (content.as_bytes().to_vec(), owner));
    }

    /// As a broker on `port` registers, now.
    pub(crate) fn register(&self, port: u16, owner: i64) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.register_at(port, owner, now.as_millis());
    }

    /// As one did at `since`, milliseconds since 1970.
    pub(crate) fn register_at(&self, port: u16, owner: i64, since: u128) {
        self.register_broker(1, port, owner, since);
    }

    pub(crate) fn register_broker(&self, broker: u32, port: u16, owner: i64, since: u128) {
        let content = format!(
            r#"{{"version":5,"host":"127.0.0.1","port":{port},"jmx_port":-1,"timestamp":"{since}","endpoints":["PLAINTEXT://127.0.0.1:{port}"],"listener_security_protocol_map":{{"PLAINTEXT":"PLAINTEXT"}},"features":{{}}}}"#
        );
        self.put(&format!("/brokers/ids/{broker}"), &content, owner);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.nodes.lock().unwrap().remove(path);
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.nodes.lock().unwrap().contains_key(path)
    }
}

impl Drop for FakeZooKeeper {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const NO_NODE: i32 = -101;
const BAD_VERSION: i32 = -103;
const UNIMPLEMENTED: i32 = -6;

/// With `all`, what is not known is answered too: that it is not.
async fn serve(mut socket: TcpStream, nodes: Nodes, all: bool) -> Option<()> {
    let _connect = frame(&mut socket).await?;
    // protocol version, timeout, session, password, read-only
    let mut hello = Vec::new();
    hello.extend(0_i32.to_be_bytes());
    hello.extend(10_000_i32.to_be_bytes());
    hello.extend(0x5e55_i64.to_be_bytes());
    hello.extend(16_i32.to_be_bytes());
    hello.extend([1; 16]);
    hello.push(0);
    reply(&mut socket, &hello).await?;
    loop {
        let request = frame(&mut socket).await?;
        let xid = int(&request, 0);
        let (error, body) = match int(&request, 4) {
            11 => (0, Vec::new()),
            kind => answer(kind, &request[8..], &mut nodes.lock().unwrap()),
        };
        if error == UNIMPLEMENTED && !all {
            continue;
        }
        let mut bytes = Vec::new();
        bytes.extend(xid.to_be_bytes());
        bytes.extend(1_i64.to_be_bytes());
        bytes.extend(error.to_be_bytes());
        bytes.extend(body);
        reply(&mut socket, &bytes).await?;
    }
}

fn answer(kind: i32, request: &[u8], nodes: &mut BTreeMap<String, (Vec<u8>, i64)>) -> (i32, Vec<u8>) {
    let path = || {
        let length = int(request, 0) as usize;
        String::from_utf8(request[4..4 + length].to_vec()).unwrap()
    };
    match kind {
        // delete
        2 => {
            let version = int(request, request.len() - 4);
            match nodes.contains_key(&path()) {
                false => (NO_NODE, Vec::new()),
                true if !matches!(version, 0 | -1) => (BAD_VERSION, Vec::new()),
                true => {
                    nodes.remove(&path());
                    (0, Vec::new())
                }
            }
        }
        // exists, getData
        3 | 4 => match nodes.get(&path()) {
            None => (NO_NODE, Vec::new()),
            Some((content, owner)) => {
                let mut body = Vec::new();
                if kind == 4 {
                    body.extend((content.len() as i32).to_be_bytes());
                    body.extend(content);
                }
                body.extend(stat(content.len(), *owner));
                (0, body)
            }
        },
        // getChildren
        8 => {
            let parent = format!("{}/", path());
            let names: Vec<_> = nodes.keys().filter_map(|path| path.strip_prefix(&parent)).collect();
            let mut body = (names.len() as i32).to_be_bytes().to_vec();
            for name in names {
                body.extend((name.len() as i32).to_be_bytes());
                body.extend(name.as_bytes());
            }
            (0, body)
        }
        _ => (UNIMPLEMENTED, Vec::new()),
    }
}

fn stat(length: usize, owner: i64) -> Vec<u8> {
    let mut bytes = vec![0; 4 * 8 + 3 * 4]; // zxids, times, versions
    bytes.extend(owner.to_be_bytes());
    bytes.extend((length as i32).to_be_bytes());
    bytes.extend([0; 4 + 8]); // children, zxid of children
    bytes
}

async fn frame(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let length = socket.read_i32().await.ok()?;
    let mut bytes = vec![0; length as usize];
    socket.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

async fn reply(socket: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    let mut framed = (bytes.len() as i32).to_be_bytes().to_vec();
    framed.extend(bytes);
    socket.write_all(&framed).await.ok()
}

fn int(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}
