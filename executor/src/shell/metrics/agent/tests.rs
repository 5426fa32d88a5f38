#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use std::os::unix::fs::PermissionsExt as _;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener as Listener,
    task::JoinSet,
};

use super::*;
use crate::metrics::{Gauges, catalog::Metric, delta::Counters};

// D39
#[test]
fn its_files_are_for_its_user_alone_and_new_for_each_jvm() {
    let sandbox = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read_to_string(sandbox.path().join(name)).unwrap();
    let first = admit(sandbox.path()).unwrap();
    let text = read(METRICS_AGENT_PROPERTIES);
    for name in [METRICS_AGENT_PROPERTIES, METRICS_AGENT_POLICY] {
        let mode = fs::metadata(sandbox.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(text.contains(&format!("host=127.0.0.1\nport={}\n", first.address.port())), "{text}");
    assert!(text.contains("discoveryEnabled=false\n"));
    assert!(text.contains("policyLocation=file:metrics-agent-policy.xml\n"));
    let second = admit(sandbox.path()).unwrap();
    assert_ne!(first.authorization, second.authorization);
    assert_ne!(text, read(METRICS_AGENT_PROPERTIES));
    assert!(admit(&sandbox.path().join("nowhere")).is_err());
}

/// What is asked of an agent that answers `response` (and then closes, or says nothing more).
async fn asked(response: Vec<u8>, closes: bool) -> (Result<Answer, String>, String) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let access = Access { address: listener.local_addr().unwrap(), authorization: "Basic eDp5".to_owned() };
    let mut server = JoinSet::new();
    let (heard, hear) = tokio::sync::oneshot::channel();
    server.spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}]") && socket.read_buf(&mut request).await.unwrap() > 0 {}
        let _nobody_listens = heard.send(String::from_utf8(request).unwrap());
        let _hung_up = socket.write_all(&response).await;
        if !closes {
            std::future::pending::<()>().await;
        }
    });
    (ask(&access).await, hear.await.unwrap())
}

fn response(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_good_answer() {
    let body = include_bytes!("../../../metrics/kafka/jolokia-2.2.9.json");
    let (answer, request) = asked(response(body), true).await;
    let mut counters = Counters::default();
    answer.unwrap().store(&mut Gauges::default(), &mut counters);
    assert_eq!(counters.total(Metric::MessagesIn), Some(1000));
    assert!(request.starts_with("POST /jolokia/?includeRequest=false HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nauthorization: Basic eDp5\r\n"), "{request}");
}

#[tokio::test]
async fn a_bad_one_is_said_and_bounded() {
    let why = |answer: (Result<Answer, String>, String)| answer.0.unwrap_err();
    let refused = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec();
    assert_eq!(why(asked(refused, true).await), "the metrics agent answers 401 Unauthorized");
    let much = why(asked(response(&vec![b' '; LONGEST + 1]), true).await);
    assert!(much.starts_with("the metrics agent says too much, or broke off: "), "{much}");
    let cut = why(asked(response(b"[")[..].split_last().unwrap().1.to_vec(), true).await);
    assert!(cut.starts_with("the metrics agent says too much, or broke off: "), "{cut}");
    let noise = why(asked(b"\x00\x01\x02 no HTTP at all\r\n\r\n".to_vec(), true).await);
    assert!(noise.starts_with("the metrics agent hung up: "), "{noise}");
    let access = Access {
        address: TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(),
        authorization: String::new(),
    };
    let nobody = ask(&access).await.unwrap_err();
    assert!(nobody.starts_with("the metrics agent is not there: "), "{nobody}");
}

#[tokio::test]
async fn a_silent_one_is_given_up() {
    let (answer, _) = asked(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[".to_vec(), false).await;
    assert_eq!(answer.unwrap_err(), "the metrics agent did not answer within 2s");
}
