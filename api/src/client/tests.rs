#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]

use std::net::SocketAddr;

use axum::{
    Router,
    http::{HeaderMap, StatusCode as Status, Uri},
    routing::{get, post},
};
use expect_test::expect;
use tokio::net::TcpListener;

use super::*;

/// Serves `router` until the test ends.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn client(url: String) -> Client {
    let deadline = Duration::from_secs(10);
    Client::new(Options { url, token: None, ca_pem: None, deadline }).unwrap()
}

async fn client_of(router: Router) -> Client {
    client(format!("http://{}", serve(router).await))
}

const PLAN: &str = r#"{"errors":[],"phases":[],"status":"InProgress","colour":"blue"}"#;

// S-048: the 503 of a rollout carries the plan; D2: unknown keys are kept in the JSON.
#[tokio::test]
async fn plan_of_a_rollout_is_no_error() {
    let router = Router::new().route("/v1/plan", get(|| async { (Status::SERVICE_UNAVAILABLE, PLAN) }));
    let plan = client_of(router).await.plan().await.unwrap();
    assert_eq!(plan.body.status, rest::Status::InProgress);
    assert_eq!(plan.json["colour"], "blue");
}

// D16: any other 503 is one.
#[tokio::test]
async fn plan_of_nobody_is_an_error() {
    let body = r#"{"error_code":"NotRegistered","message":"not registered yet","request_id":"r-1"}"#;
    let router =
        Router::new().route("/v1/plan", get(move || async move { (Status::SERVICE_UNAVAILABLE, body) }));
    let error = client_of(router).await.plan().await.unwrap_err();
    let refused = Error::Refused {
        status: 503,
        code: "NotRegistered".to_owned(),
        message: "not registered yet".to_owned(),
        request_id: "r-1".to_owned(),
    };
    assert_eq!(error, refused);
}

// S-092, S-093, S-104, D41: below the service's path, with the token, and only what was given.
#[tokio::test]
async fn create_says_what_was_given() {
    async fn echo(uri: Uri, headers: HeaderMap) -> String {
        let token = headers["authorization"].to_str().unwrap();
        format!(r#"{{"message":"{uri} {token}"}}"#)
    }
    let address = serve(Router::new().route("/service/kafka/v1/topics", post(echo))).await;
    let options = Options {
        url: format!("http://{address}/service/kafka/"),
        token: Some("secret".to_owned()),
        ca_pem: None,
        deadline: Duration::from_secs(10),
    };
    let client = Client::new(options).unwrap();
    let plain = client.create_topic("topic1", None, None).await.unwrap();
    assert_eq!(plain.body.message, "/service/kafka/v1/topics?name=topic1 token=secret");
    let full = client.create_topic("a&b", Some(3), Some(2)).await.unwrap();
    assert_eq!(
        full.body.message,
        "/service/kafka/v1/topics?name=a%26b&partitions=3&replication=2 token=secret"
    );
}

// A name is one segment of a path, whatever it holds.
#[tokio::test]
async fn names_stay_in_their_segment() {
    let router = Router::new().fallback(|uri: Uri| async move { (Status::NOT_FOUND, uri.to_string()) });
    let error = client_of(router).await.topic("a/../b?c").await.unwrap_err();
    let Error::Unexpected { excerpt, .. } = error else { panic!("{error:?}") };
    assert_eq!(excerpt, "/v1/topics/a%2F..%2Fb%3Fc");
    let client = client("http://127.0.0.1:1".to_owned());
    for name in ["", ".", ".."] {
        assert!(matches!(client.topic(name).await, Err(Error::Options { .. })), "{name:?}");
    }
}

// What is told goes as JSON, and what is not given is not sent.
#[tokio::test]
async fn bodies_and_queries() {
    async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: String) -> (Status, String) {
        let kind = headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
        (Status::NOT_FOUND, format!("{method} {uri} {kind} {body}").trim_end().to_owned())
    }
    let client = client_of(Router::new().fallback(echo)).await;
    let sent = |error| match error {
        Error::Unexpected { excerpt, .. } => excerpt,
        other => panic!("{other:?}"),
    };
    let change = rest::ConfigChange { set: [("a".to_owned(), "1".to_owned())].into(), unset: Vec::new() };
    assert_eq!(
        sent(client.alter_topic_config("t", &change).await.unwrap_err()),
        r#"PATCH /v1/topics/t/config application/json {"set":{"a":"1"}}"#
    );
    assert_eq!(sent(client.topic_config("t").await.unwrap_err()), "GET /v1/topics/t/config");
    let wish = rest::Reassignment { topics: Some(vec!["t".to_owned()]), ..rest::Reassignment::default() };
    assert_eq!(
        sent(client.reassign(&wish).await.unwrap_err()),
        r#"POST /v1/reassignments application/json {"topics":["t"]}"#
    );
    assert_eq!(sent(client.reassignments().await.unwrap_err()), "GET /v1/reassignments");
    assert_eq!(
        sent(client.cancel_reassignments(Some("a&b")).await.unwrap_err()),
        "DELETE /v1/reassignments?topic=a%26b"
    );
    assert_eq!(sent(client.cancel_reassignments(None).await.unwrap_err()), "DELETE /v1/reassignments");
    assert_eq!(
        sent(client.elect_leaders(&rest::LeaderElection::default()).await.unwrap_err()),
        "POST /v1/leader-elections application/json {}"
    );
    assert_eq!(sent(client.log_dirs(None, None).await.unwrap_err()), "GET /v1/log-dirs");
    assert_eq!(
        sent(client.log_dirs(Some(BrokerId(1)), Some("t")).await.unwrap_err()),
        "GET /v1/log-dirs?broker=1&topic=t"
    );
    assert_eq!(sent(client.groups().await.unwrap_err()), "GET /v1/groups");
    assert_eq!(sent(client.group("a/b").await.unwrap_err()), "GET /v1/groups/a%2Fb");
    assert!(matches!(client.group("..").await, Err(Error::Options { what: "group name", .. })));
}

#[tokio::test]
async fn strangers_are_recognised() {
    let page = "<html>\n  <body>Bad Gateway</body>\n</html>";
    let router = Router::new()
        .route("/v1/topics", get(move || async move { (Status::BAD_GATEWAY, page) }))
        .route("/v1/brokers", get(|| async { "[1]" }))
        .route("/v1/connection", get(|| async { Status::INTERNAL_SERVER_ERROR }));
    let client = client_of(router).await;
    let host = client.url().as_str().to_owned();
    let check = |error: Error, expect: expect_test::Expect| {
        expect.assert_eq(&error.to_string().replace(&host, "http://host/"));
    };
    check(
        client.topics().await.unwrap_err(),
        expect![
            "http://host/v1/topics answered 502 and is not, or not yet, the scheduler's API: <html> <body>Bad Gateway</body> </html>"
        ],
    );
    check(
        client.brokers().await.unwrap_err(),
        expect![
            "cannot read the answer of http://host/v1/brokers: invalid type: integer `1`, expected a sequence; it begins with [1]"
        ],
    );
    check(
        client.connection().await.unwrap_err(),
        expect![
            "http://host/v1/connection answered 500 and is not, or not yet, the scheduler's API: (an empty body)"
        ],
    );
}

#[tokio::test]
async fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(url).connection().await.unwrap_err();
    let Error::Unreachable { reason, .. } = error else { panic!("{error:?}") };
    assert!(reason.to_lowercase().contains("connection refused"), "{reason}");
}

#[tokio::test]
async fn silence_has_an_end() {
    let router = Router::new().route("/v1/connection", get(std::future::pending::<String>));
    let url = format!("http://{}", serve(router).await);
    let deadline = Duration::from_millis(50);
    let client = Client::new(Options { url, token: None, ca_pem: None, deadline }).unwrap();
    let error = client.connection().await.unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
}

// D46: a laptop's proxy is none of the scheduler's; `dcos-kafka`'s own tests show it with one in the environment.
#[test]
fn loopback_is_this_machine() {
    for (host, ours) in [
        ("127.0.0.1:8080", true),
        ("127.1.2.3", true),
        ("[::1]:8080", true),
        ("[::ffff:127.0.0.1]", true),
        ("LOCALHOST:8080", true),
        ("localhost.", true),
        ("kafka.localhost", true),
        ("10.0.0.1", false),
        ("[fe80::1]", false),
        ("localhost.example", false),
        ("notlocalhost", false),
    ] {
        let url = format!("http://{host}/service/kafka").parse().unwrap();
        assert_eq!(is_this_machine(&url), ours, "{host}");
    }
}

#[test]
fn bad_options_are_named() {
    let refuse = |url: &str, token: Option<&str>| {
        let token = token.map(str::to_owned);
        let options = Options { url: url.to_owned(), token, ca_pem: None, deadline: Duration::from_secs(1) };
        Client::new(options).unwrap_err().to_string()
    };
    assert!(refuse("localhost:8080", None).contains("must begin with http:// or https://"));
    assert!(refuse("", None).starts_with("the URL cannot be used"));
    let secret = refuse("http://localhost", Some("se\ncret"));
    assert!(secret.contains("token") && !secret.contains("cret"), "{secret}");
}
