//! The connection against brokers made of bytes: an old one, a silent one, and some that are no brokers.

use std::error::Error as _;

use tokio::net::{TcpListener, TcpStream};

use super::*;

#[test]
fn versions_from_both_sides() {
    assert_eq!(agree((4, 12), Some((0, 12))), Ok(12));
    assert_eq!(agree((4, 12), Some((0, 4))), Ok(4));
    assert_eq!(agree((4, 12), Some((0, 3))), Err("versions 0 to 3".into()));
    assert_eq!(agree((4, 12), Some((12, 20))), Ok(12));
    assert_eq!(agree((4, 12), Some((13, 20))), Err("versions 13 to 20".into()));
    assert_eq!(agree((4, 12), None), Err("no version".into()));
}

/// Reads one request and gives its version and correlation id.
async fn request(socket: &mut TcpStream) -> (i16, i32) {
    let length = socket.read_i32().await.unwrap();
    let mut message = vec![0; usize::try_from(length).unwrap()];
    socket.read_exact(&mut message).await.unwrap();
    let mut message = &message[..];
    let _key = message.get_i16();
    (message.get_i16(), message.get_i32())
}

async fn answer(socket: &mut TcpStream, correlation: i32, body: &[u8]) {
    let message = [&correlation.to_be_bytes()[..], body].concat();
    socket.write_all(&frame::seal(&message).unwrap()).await.unwrap();
}

/// Connects to a broker that does what `broker` does with the one connection it gets.
async fn connect_to<F: Future<Output = ()>>(
    broker: impl FnOnce(TcpStream) -> F,
) -> Result<Connection, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = async { broker(listener.accept().await.unwrap().0).await };
    let options = Options::new("test", Duration::from_secs(5));
    let (connected, ()) = tokio::join!(Connection::connect(&address, &options), serve);
    connected
}

/// D27: a broker from before Kafka 2.4 answers version 3 with UNSUPPORTED_VERSION in version 0.
#[tokio::test]
async fn an_old_broker_is_asked_again() {
    let connection = connect_to(|mut socket| async move {
        let (version, correlation) = request(&mut socket).await;
        assert_eq!(version, 3);
        answer(&mut socket, correlation, &[0, 35, 0, 0, 0, 0]).await;
        let (version, correlation) = request(&mut socket).await;
        assert_eq!(version, 0);
        // Metadata (3) in versions 0 to 5, as Kafka 1.0 has it.
        answer(&mut socket, correlation, &[0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 5]).await;
    });
    let mut connection = connection.await.unwrap();
    assert_eq!(connection.api_versions(), &ApiVersions::from([(3, (0, 5))]));
    // What it does not serve is said without asking, and the connection lives on.
    let error = connection.describe_configs(&["t"], None).await.unwrap_err();
    assert!(matches!(error, Error::Version { call: "DescribeConfigs", .. }), "{error}");
    let min_isr = connection.min_insync_replicas(&["t"]).await.unwrap();
    assert!(min_isr["t"].as_ref().unwrap_err().contains("no version"), "{min_isr:?}");
}

/// S-105, S-110, S-111: a broker that has just started answers before it has heard from the controller, which is no cluster
/// without topics.
#[tokio::test]
async fn a_broker_that_knows_nothing_yet() {
    let (hand, handed) = tokio::sync::oneshot::channel();
    let connection = connect_to(|mut socket| async move {
        let (_, correlation) = request(&mut socket).await;
        answer(&mut socket, correlation, &[0, 35, 0, 0, 0, 0]).await;
        let (_, correlation) = request(&mut socket).await;
        answer(&mut socket, correlation, &[0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 5]).await;
        hand.send(socket).unwrap();
    });
    let mut connection = connection.await.unwrap();
    let mut socket = handed.await.unwrap();
    let serve = async {
        for _ in 0..3 {
            let (version, correlation) = request(&mut socket).await;
            assert_eq!(version, 5);
            // No throttling, no brokers, no cluster id, no controller, no topics.
            let nothing = [&[0; 8][..], &[0xff; 6], &[0; 4]].concat();
            answer(&mut socket, correlation, &nothing).await;
        }
    };
    let topic = "t".parse().unwrap();
    let questions = async {
        [
            connection.metadata(Topics::All).await.unwrap_err(),
            connection.led(&topic).await.unwrap_err(),
            connection.lines().await.unwrap_err(),
        ]
    };
    for error in tokio::join!(questions, serve).0 {
        assert!(matches!(error, Error::Uninformed { .. }) && error.is_passing(), "{error}");
    }
}

#[tokio::test]
async fn no_broker_at_all() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let error =
        Connection::connect(&closed, &Options::new("test", Duration::from_secs(5))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{closed} can't be reached"));
    assert!(error.source().is_some());

    let error = connect_to(|socket| async { drop(socket) }).await.unwrap_err();
    // Hanging up on unread bytes may come as a reset.
    assert!(matches!(error, Error::Closed { .. } | Error::Io { .. }), "{error}");

    let http = connect_to(|mut socket| async move {
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        request(&mut socket).await;
    });
    let error = http.await.unwrap_err();
    assert!(matches!(error, Error::Frame { .. }), "{error}");

    let other = connect_to(|mut socket| async move {
        let (_, correlation) = request(&mut socket).await;
        answer(&mut socket, correlation + 1, &[0, 0]).await;
    });
    let error = other.await.unwrap_err();
    assert!(matches!(error, Error::Correlation { .. }), "{error}");
}

/// A broker that stops answering costs its deadline, and the connection with it.
#[tokio::test]
async fn a_silent_broker() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let limit = Duration::from_millis(50);
    let error = Connection::connect(&address, &Options::new("test", limit)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{address} did not answer ApiVersions within 50 ms"));

    let serve = async {
        // The first connection is the one given up on above.
        let _given_up = listener.accept().await.unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        let (_, correlation) = request(&mut socket).await;
        // Version 3, compact: one api key (Metadata 0 to 12), throttle 0, no tags.
        answer(&mut socket, correlation, &[0, 0, 2, 0, 3, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0]).await;
        socket
    };
    let options = Options::new("test", Duration::from_secs(5));
    let (connection, _socket) = tokio::join!(Connection::connect(&address, &options), serve);
    let mut connection = connection.unwrap();
    connection.timeout = limit;
    let error = connection.metadata(Topics::None).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { call: "Metadata", .. }), "{error}");
    let error = connection.metadata(Topics::None).await.unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error}");
}

/// TLS keeps what its socket did not take at once until it is told to send it; so does this. A request that stays there is
/// never answered.
#[tokio::test]
async fn a_request_is_sent_to_its_last_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ours = TcpStream::connect(&address).await.unwrap();
    let mut theirs = listener.accept().await.unwrap().0;
    let stream =
        Stream { socket: Box::new(tokio::io::BufStream::new(ours)), decoder: frame::Decoder::default() };
    let mut connection = Connection {
        address,
        client_id: StrBytes::from_static_str("test"),
        timeout: Duration::from_secs(5),
        versions: ApiVersions::from([(3, (4, 4))]),
        correlation: 0,
        stream: Some(stream),
    };
    let serve = async {
        let (version, correlation) = request(&mut theirs).await;
        // Broker 7 at h:9092 without a rack, no cluster id, controller 7, no topics.
        let said = b"\0\0\0\0\0\0\0\x01\0\0\0\x07\0\x01h\0\0\x23\x84\xff\xff\xff\xff\0\0\0\x07\0\0\0\0";
        answer(&mut theirs, correlation, said).await;
        version
    };
    let both = async { tokio::join!(connection.metadata(Topics::None), serve) };
    let (metadata, version) = timeout(Duration::from_secs(10), both).await.expect("the request to arrive");
    assert_eq!((metadata.unwrap().controller, version), (Some(7), 4));
}
