//! Connections are used again while they are good, and only then.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{client::Topics, frame};

/// ApiVersions 3, compact: one api key (Metadata 0 to 4), throttle 0, no tags.
const VERSIONS: &[u8] = &[0, 0, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0];
/// Metadata 4 of broker 7 at `h:9092` without a rack, no cluster id, controller -1, no topics.
const METADATA: &[u8] =
    b"\0\0\0\0\0\0\0\x01\0\0\0\x07\0\x01h\0\0\x23\x84\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";

/// Answers the next `answers` on this connection.
async fn serve(socket: &mut TcpStream, answers: &[&[u8]]) {
    for answer in answers {
        let mut request = vec![0; usize::try_from(socket.read_i32().await.unwrap()).unwrap()];
        socket.read_exact(&mut request).await.unwrap();
        let message = [&request[4..8], answer].concat();
        socket.write_all(&frame::seal(&message).unwrap()).await.unwrap();
    }
}

async fn world() -> (TcpListener, String, Pool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address, Pool::new(Options::new("test", Duration::from_secs(5))))
}

async fn ask(pool: &Pool, address: &str) -> Result<(), Error> {
    pool.connect(address).await?.metadata(Topics::None).await.map(|_| ())
}

#[tokio::test]
async fn one_connection_for_many_questions() {
    let (listener, address, pool) = world().await;
    let broker = async {
        let mut socket = listener.accept().await.unwrap().0;
        serve(&mut socket, &[VERSIONS, METADATA, METADATA, METADATA]).await;
        socket
    };
    let questions = async {
        for _ in 0..3 {
            ask(&pool, &address).await.unwrap();
        }
    };
    let (_socket, ()) = tokio::join!(broker, questions);
    assert_eq!(pool.state().idle[&address].len(), 1);
}

/// What the broker closed meanwhile, or spoke on unasked, is not lent again.
#[tokio::test]
async fn a_closed_connection_is_not_used_again() {
    let (listener, address, pool) = world().await;
    for word in [None, Some(b"x")] {
        let broker = async {
            let mut socket = listener.accept().await.unwrap().0;
            serve(&mut socket, &[VERSIONS, METADATA]).await;
            socket
        };
        let (mut socket, asked) = tokio::join!(broker, ask(&pool, &address));
        asked.unwrap();
        match word {
            Some(word) => socket.write_all(word).await.unwrap(),
            None => drop(socket),
        }
        let mut idle = pool.take(&address).unwrap();
        while idle.is_open() {
            tokio::task::yield_now().await;
        }
        pool.give_back(idle);
    }
}

/// A request that was cut off takes its connection with it, and its broker is tried last for a while.
#[tokio::test]
async fn a_cut_off_request_ends_its_connection() {
    let (listener, address, pool) = world().await;
    let broker = async {
        let mut socket = listener.accept().await.unwrap().0;
        serve(&mut socket, &[VERSIONS]).await;
    };
    let (asked, ()) = tokio::join!(ask(&pool, &address), broker);
    assert!(matches!(asked, Err(Error::Closed { .. })), "{asked:?}");
    assert!(pool.state().idle.is_empty());
    let other = "127.0.0.1:1".to_owned();
    assert_eq!(pool.order(vec![address.clone(), other.clone()]), [other.clone(), address.clone()]);
    // One that refuses connections goes to the end too.
    assert!(matches!(ask(&pool, &other).await, Err(Error::Connect { .. })));
    assert_eq!(pool.order(vec![other.clone(), address.clone()]), [other, address]);
}

#[tokio::test]
async fn no_more_than_so_many_lie_idle() {
    let (listener, address, pool) = world().await;
    let broker = async {
        let mut sockets = Vec::new();
        for _ in 0..=IDLE_CONNECTIONS {
            let mut socket = listener.accept().await.unwrap().0;
            serve(&mut socket, &[VERSIONS]).await;
            sockets.push(socket);
        }
        sockets
    };
    let lend = async {
        let mut lent = Vec::new();
        for _ in 0..=IDLE_CONNECTIONS {
            lent.push(pool.connect(&address).await.unwrap());
        }
    };
    let (_sockets, ()) = tokio::join!(broker, lend);
    assert_eq!(pool.state().idle[&address].len(), IDLE_CONNECTIONS);
}
