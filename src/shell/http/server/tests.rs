#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{net::Ipv4Addr, sync::atomic::Ordering};

use axum::{
    body::Body,
    routing::{get, put},
};
use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    time::timeout,
};

use super::{super::limit::STALL, *};
use producer_test::PATIENCE;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn ask(address: SocketAddr, what: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{what} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

// The answer under way when the stop comes is given; then the port is free again.
#[tokio::test]
async fn stop_finishes_what_is_under_way() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let router = Router::new().route(
        "/slow",
        get({
            let (begun, go_on) = (begun.clone(), go_on.clone());
            || async move {
                begun.notify_one();
                go_on.notified().await;
                "done"
            }
        }),
    );
    let listener = bind(LOOPBACK, 0).await.unwrap();
    let address = listener.address();
    let stop = CancellationToken::new();
    let server = tokio::spawn(listener.serve(router, stop.clone()));
    // An idle connection does not hold the stop up.
    let _idle = TcpStream::connect(address).await.unwrap();
    let mut stream = ask(address, "GET /slow").await;
    begun.notified().await;
    stop.cancel();
    go_on.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
    bind(LOOPBACK, address.port()).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = bind(LOOPBACK, 0).await.unwrap();
    let error = bind(LOOPBACK, first.address().port()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {}", first.address()));
}

// A connection that says nothing, or half of a head, is ended. Time is virtual: it moves on when all wait.
#[tokio::test(start_paused = true)]
async fn silence_is_ended() {
    let listener = bind(LOOPBACK, 0).await.unwrap();
    let address = listener.address();
    let stop = CancellationToken::new();
    let server = tokio::spawn(listener.serve(Router::new(), stop.clone()));
    for head in ["", "GET / HTTP/1.1\r\nhos"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        timeout(2 * HEAD, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    }
    stop.cancel();
    timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
}

// One address has its share, is told so, and has another when one of its connections ends.
#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    let listener = bind(LOOPBACK, 0).await.unwrap();
    let (address, limits, stop) = (listener.address(), listener.limits.clone(), CancellationToken::new());
    let server = tokio::spawn(listener.serve(Router::new().route("/", get(async || "done")), stop.clone()));
    let read = async |mut stream: TcpStream| {
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap_or(0);
        String::from_utf8(answer[..length].to_vec()).unwrap()
    };
    let mut held = Vec::new();
    for _ in 0..PER_ADDRESS {
        let mut stream = ask(address, "GET /").await;
        // Served, so it is counted.
        stream.read_exact(&mut [0; 15]).await.unwrap();
        held.push(stream);
    }
    let answer = read(TcpStream::connect(address).await.unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("Overloaded"), "{answer}");
    assert_eq!(limits.connections.load(Ordering::Relaxed), 1);
    drop(held.pop());
    let again = async {
        while !read(ask(address, "GET /").await).await.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), again).await.unwrap();
    stop.cancel();
    drop(held);
    timeout(Duration::from_secs(20), server).await.unwrap().unwrap();
}

// An answer that nobody takes is given up. Time is virtual: it moves on when all wait.
#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_let_go() {
    let listener = bind(LOOPBACK, 0).await.unwrap();
    let (address, limits, stop) = (listener.address(), listener.limits.clone(), CancellationToken::new());
    let router = Router::new().route("/", get(async || vec![b'x'; 64 << 20]));
    let server = tokio::spawn(listener.serve(router, stop.clone()));
    let _unread = ask(address, "GET /").await;
    let given_up = async {
        while limits.slow_readers.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(STALL * 4, given_up).await.unwrap();
    stop.cancel();
    timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
}

// However old a connection is when it asks, it gets its answer: of a producer test asked as a whole, which may take longer
// than the connection has left, and of any other request with a body that comes slowly. Time is virtual.
#[tokio::test(start_paused = true)]
async fn an_old_connection_still_answers() {
    let second = Duration::from_secs(1);
    let answered = |after: Duration| {
        async move || {
            sleep(after).await;
            "answered"
        }
    };
    let slow = move |body: axum::body::Bytes| async move {
        assert_eq!(body.len(), 1);
        sleep(DEADLINE - second).await;
        "answered"
    };
    let router = Router::new()
        .route("/short", get(async || "short"))
        .route("/test", put(answered(PATIENCE)))
        .route("/body", put(slow));
    let listener = bind(LOOPBACK, 0).await.unwrap();
    let (address, stop) = (listener.address(), CancellationToken::new());
    let server = tokio::spawn(listener.serve(router, stop.clone()));
    // Virtual time jumps to the next timer even when bytes have just arrived: here never by much.
    let small_steps = tokio::spawn(async {
        loop {
            sleep(Duration::from_millis(50)).await;
        }
    });
    for (age, head, body, late) in [
        (second * 200, "PUT /test?operation=producer-test", "", Duration::ZERO),
        (LIFE - second * 2, "PUT /test?operation=producer%2Dtest", "", Duration::ZERO),
        (LIFE - second * 2, "PUT /body", "x", BODY - second),
    ] {
        let begun = tokio::time::Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A kernel that waits for more bytes would wait in real time.
        stream.set_nodelay(true).unwrap();
        while begun.elapsed() < age {
            stream.write_all(b"GET /short HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            let mut short = Vec::new();
            while !short.ends_with(b"short") {
                assert!(stream.read_buf(&mut short).await.unwrap() > 0, "{head}");
            }
            sleep(age.saturating_sub(begun.elapsed()).min(HEAD - second)).await;
        }
        let request = format!("{head} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        sleep(late).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // The end may be a reset, after the answer.
        let _ended = stream.read_to_string(&mut answer).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("answered"), "{head}: {answer:?}");
    }
    small_steps.abort();
    stop.cancel();
    timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
}

// A connection ends with what it answers, but not in the middle of a test that is followed, however long that takes. Time
// is virtual: it moves on when all wait.
#[tokio::test(start_paused = true)]
async fn a_followed_test_outlives_its_connections_time() {
    const LINES: usize = 100;
    let endless = || async {
        // Longer than a connection lives, and than any other answer may take after that.
        let lines = stream::iter(0..LINES).then(|number| async move {
            sleep(Duration::from_secs(10)).await;
            Ok::<_, std::convert::Infallible>(format!("{number}\n"))
        });
        Body::from_stream(lines)
    };
    let listener = bind(LOOPBACK, 0).await.unwrap();
    let (address, stop) = (listener.address(), CancellationToken::new());
    let router = Router::new().route("/", put(endless));
    let server = tokio::spawn(listener.serve(router, stop.clone()));
    let read = async |what: &str| {
        let mut answer = String::new();
        // The end may be a reset.
        let _ended = ask(address, what).await.read_to_string(&mut answer).await;
        answer
    };
    let followed = read("PUT /?operation=producer-test").await;
    assert!(
        followed.contains(&format!("\n{}\n", LINES - 1)) && followed.ends_with("0\r\n\r\n"),
        "{followed}"
    );
    let other = read("PUT /").await;
    assert!(other.contains("\n20\n") && !other.contains(&format!("\n{}\n", LINES - 1)), "{other}");
    stop.cancel();
    timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
}
