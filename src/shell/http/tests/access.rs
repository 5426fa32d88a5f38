//! Who may do what, route by route.

use std::{fs, net::IpAddr, os::unix::fs::PermissionsExt, path::Path};

use axum::http::{Method, header::AUTHORIZATION};
use serde_json::json;

use super::{gate::Role, *};
use crate::{
    config::Settings,
    shell::{
        http::{
            gate::tests::{PUBLIC, Sign, at, jwt, line},
            guard::Peer,
            tests::topics::Unasked,
        },
        log::tests::Logged,
    },
};

const WRITER: &str = "a static token of an operator";
const READER: &str = "a static token of a monitor";

/// Writes a file with a mode.
fn put(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn token(text: &str) -> String {
    text.replace(' ', "-")
}

/// Settings with a tokens file and a public key in `directory`.
fn settings(directory: &Path) -> Settings {
    let path = |name: &str| directory.join(name).display().to_string();
    let env = [
        ("MESOS_MASTER", "127.0.0.1:1".to_owned()),
        ("SCHEDULER_STATE_URI", "file:///state".to_owned()),
        ("FRAMEWORK_USER", "kafka".to_owned()),
        ("KAFKA_URI", "file:///k.tgz".to_owned()),
        ("EXECUTOR_URI", "file:///e".to_owned()),
        ("API_TOKENS_FILE", path("tokens")),
        ("API_JWT_KEY_FILE", path("key.pem")),
        ("API_JWT_ALGORITHM", "RS256".to_owned()),
    ];
    Settings::from_env(&env.map(|(name, value)| (name.to_owned(), value)).into()).unwrap()
}

fn files(directory: &Path) {
    let tokens = line("ops", "operator", &token(WRITER)) + &line("monitor", "read-only", &token(READER));
    put(&directory.join("tokens"), &tokens, 0o600);
    put(&directory.join("key.pem"), PUBLIC, 0o644);
}

/// Every route of the document, which has them all, and some that are none.
fn routes() -> Vec<(Method, String)> {
    let document = serde_json::to_value(document::document()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path: Vec<_> =
            path.split('/').map(|part| if part.starts_with('{') { "0" } else { part }).collect();
        for method in item.as_object().unwrap().keys() {
            if let Ok(method) = method.to_uppercase().parse::<Method>()
                && ["GET", "PUT", "POST", "DELETE", "PATCH"].contains(&method.as_str())
            {
                routes.push((method, path.join("/")));
            }
        }
    }
    assert!(routes.len() > 12, "{routes:?}");
    for (method, path) in [
        ("GET", "/"),
        ("DELETE", "/v1/plan"),
        ("HEAD", "/v1/plan"),
        ("PUT", "/admin/ping"),
        ("OPTIONS", "/v1/topics"),
    ] {
        routes.push((method.parse().unwrap(), path.to_owned()));
    }
    routes
}

/// One try: what the answer is, and whether it tells how to do better.
async fn try_with(
    router: &Router,
    route: &(Method, String),
    header: Option<&str>,
    client: IpAddr,
) -> (StatusCode, bool) {
    let mut request = Request::builder().method(&route.0).uri(&route.1).extension(Peer(client));
    if let Some(header) = header {
        request = request.header(AUTHORIZATION, header);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    (response.status(), response.headers().contains_key("www-authenticate"))
}

// D39, S-093: every route × every kind of token. A new route cannot be forgotten: they are taken from the document, and
// the document is made of the router.
#[tokio::test]
async fn every_route_asks_who_it_is() {
    let temp = tempfile::tempdir().unwrap();
    files(temp.path());
    let access = Arc::new(Access::open(&settings(temp.path())).unwrap());
    // Not registered, so that nothing is asked of Kafka or the loop.
    let view = View { not_registered: Some("no framework id yet".to_owned()), ..view(rest::Status::Pending) };
    let app = app(&view, Arc::new(Unasked)).guarded_by(access);
    let signed =
        |role: &str, exp| jwt("RS256", &Sign::Rsa, &json!({"sub": "alice", "role": role, "exp": exp}));
    let operator = json!({"sub": "alice", "role": "operator", "exp": at(600)});
    let none = jwt("none", &Sign::Nothing, &operator);
    let confused = jwt("HS256", &Sign::Hmac(PUBLIC.as_bytes()), &operator);
    // What it is, the header, and whether it may read and change.
    let kinds = [
        ("no token", None, None),
        ("wrong", Some("token=guess".to_owned()), None),
        ("another scheme", Some("Basic b3BzOm9wcw==".to_owned()), None),
        ("read-only", Some(format!("token={}", token(READER))), Some(Role::ReadOnly)),
        ("operator", Some(format!("token={}", token(WRITER))), Some(Role::Operator)),
        ("operator", Some(format!("Bearer {}", token(WRITER))), Some(Role::Operator)),
        ("read-only JWT", Some(format!("Bearer {}", signed("read-only", at(600)))), Some(Role::ReadOnly)),
        ("operator JWT", Some(format!("token={}", signed("operator", at(600)))), Some(Role::Operator)),
        ("expired", Some(format!("Bearer {}", signed("operator", at(-600)))), None),
        ("alg=none", Some(format!("Bearer {none}")), None),
        ("HS256 signed with the public key", Some(format!("Bearer {confused}")), None),
    ];
    let mut client = 0u32;
    for (port, router) in [("PORT1", api(app.clone())), ("PORT0", admin(app))] {
        for route in routes() {
            let reads = matches!(route.0, Method::GET | Method::HEAD);
            let open = reads && route.1.starts_with("/admin/");
            for (kind, header, role) in &kinds {
                client += 1;
                let (status, told) =
                    try_with(&router, &route, header.as_deref(), IpAddr::V4(client.into())).await;
                let row = format!("{port} {} {}, {kind}: {status}", route.0, route.1);
                let admitted =
                    open || *role == Some(Role::Operator) || (reads && *role == Some(Role::ReadOnly));
                let refused = match role {
                    Some(_) => StatusCode::FORBIDDEN,
                    None => StatusCode::UNAUTHORIZED,
                };
                if admitted {
                    assert!(![401, 403, 429].contains(&status.as_u16()), "{row}");
                } else {
                    assert_eq!(status, refused, "{row}");
                    assert_eq!(told, status == StatusCode::UNAUTHORIZED, "{row}");
                }
            }
        }
    }
}

// Wrong tokens of one address come to an end; others go on, and so does that address after a while.
#[tokio::test(start_paused = true)]
async fn guesses_are_few() {
    let temp = tempfile::tempdir().unwrap();
    files(temp.path());
    let access = Arc::new(Access::open(&settings(temp.path())).unwrap());
    let router = api(app(&view(rest::Status::Complete), Arc::new(Unasked)).guarded_by(access));
    let route = (Method::GET, "/v1/plan".to_owned());
    let (bad, good) = (IpAddr::V4(1.into()), IpAddr::V4(2.into()));
    let right = format!("token={}", token(WRITER));
    let expired = jwt("RS256", &Sign::Rsa, &json!({"sub": "a", "role": "operator", "exp": at(-600)}));
    // What is no guess is not counted.
    for header in [None, Some(format!("Bearer {expired}"))].into_iter().cycle().take(100) {
        assert_eq!(try_with(&router, &route, header.as_deref(), bad).await.0, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..gate::BURST {
        assert_eq!(try_with(&router, &route, Some("token=guess"), bad).await.0, StatusCode::UNAUTHORIZED);
    }
    for header in ["token=guess", &right] {
        assert_eq!(try_with(&router, &route, Some(header), bad).await.0, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(try_with(&router, &route, Some(&right), good).await.0, StatusCode::OK);
    let open = (Method::GET, "/admin/ping".to_owned());
    assert_eq!(try_with(&router, &open, Some("token=guess"), bad).await.0, StatusCode::OK);
    tokio::time::advance(gate::REFILL).await;
    assert_eq!(try_with(&router, &route, Some(&right), bad).await.0, StatusCode::OK);
}

// D39: every mistake at once, each under its setting's name, and no secret in it.
#[test]
fn files_that_cannot_be_used_are_told() {
    let temp = tempfile::tempdir().unwrap();
    let open =
        || Access::open(&settings(temp.path())).err().map(|errors| errors.to_string()).unwrap_or_default();
    let told = open();
    assert!(told.contains("\"API_TOKENS_FILE\"") && told.contains("\"API_JWT_KEY_FILE\""), "{told}");
    files(temp.path());
    assert_eq!(open(), "");
    let tokens = temp.path().join("tokens");
    for (mode, fine) in [(0o400, true), (0o640, true), (0o644, false), (0o660, false), (0o602, false)] {
        fs::set_permissions(&tokens, fs::Permissions::from_mode(mode)).unwrap();
        let told = open();
        assert_eq!(told.is_empty(), fine, "{mode:o}: {told}");
        assert!(fine || told.contains(&format!("has mode {mode:03o}")), "{told}");
    }
    put(&tokens, "ops operator my-secret-token\n", 0o600);
    assert!(
        open().contains("line 1 is not '<name> <role> sha256:") && !open().contains("my-secret"),
        "{}",
        open()
    );
    fs::remove_file(&tokens).unwrap();
    fs::create_dir(&tokens).unwrap();
    assert!(open().contains("is no file"), "{}", open());
}

// A broken file is shown, and the tokens before it still hold; a good one is taken over while requests go on.
#[tokio::test]
async fn tokens_are_replaced_under_load() {
    let temp = tempfile::tempdir().unwrap();
    files(temp.path());
    let access = Arc::new(Access::open(&settings(temp.path())).unwrap());
    let router = api(app(&view(rest::Status::Complete), Arc::new(Unasked)).guarded_by(access.clone()));
    let route = (Method::GET, "/v1/debug/api".to_owned());
    let [ops, new] = [token(WRITER), "next".to_owned()].map(|token| format!("token={token}"));
    let replace = |text: &str| {
        put(&temp.path().join("tokens.new"), text, 0o600);
        fs::rename(temp.path().join("tokens.new"), temp.path().join("tokens")).unwrap();
    };
    let status = async |header: &str, client: u32| {
        try_with(&router, &route, Some(header), IpAddr::V4(client.into())).await.0
    };
    for round in 0..20 {
        let kept = line("ops", "operator", &token(WRITER));
        replace(&(kept.clone() + "half a li"));
        for _ in 0..3 {
            access.look();
            assert_eq!(status(&ops, round).await, StatusCode::OK);
        }
        let request = Request::get("/v1/debug/api").header(AUTHORIZATION, &ops).body(Body::empty()).unwrap();
        let shown = router.clone().oneshot(request).await.unwrap().into_body();
        let shown = String::from_utf8(axum::body::to_bytes(shown, 1 << 20).await.unwrap().to_vec()).unwrap();
        assert!(
            shown.contains(r#""setting":"API_TOKENS_FILE""#) && shown.contains("line 2 has a role"),
            "{shown}"
        );
        assert!(!shown.contains("half a li"), "{shown}");
        // The next one comes and goes.
        assert_eq!(status(&new, round).await, StatusCode::UNAUTHORIZED);
        for (text, expect) in [(kept.clone() + &line("ops", "operator", "next"), 200), (kept, 401)] {
            replace(&text);
            for _ in 0..2 {
                assert_eq!(status(&ops, round).await, StatusCode::OK);
                access.look();
            }
            assert_eq!(status(&new, round).await.as_u16(), expect);
        }
        assert_eq!(access.door().not_taken_over, []);
    }
    assert_eq!(access.door().refused.wrong_tokens, 40);
}

/// The same service twice: one that asks who makes a request, with the files it reads in `place`, and an open one.
fn both(place: &std::path::Path) -> (crate::view::View, Router, Router) {
    files(place);
    let access = Arc::new(Access::open(&settings(place)).unwrap());
    let view = view(rest::Status::Complete);
    let guarded = api(app(&view, Arc::new(Unasked)).guarded_by(access));
    let open = api(app(&view, Arc::new(Unasked)));
    (view, guarded, open)
}

// Who changed what, or tried to: one line each, and none for reads.
#[tokio::test]
async fn changes_are_audited() {
    let logged = Logged::default();
    let _logging = tracing::subscriber::set_default(logged.subscriber());
    let temp = tempfile::tempdir().unwrap();
    let (view, guarded, open) = both(temp.path());
    let signed = jwt("RS256", &Sign::Rsa, &json!({"sub": "alice", "role": "operator", "exp": at(600)}));
    let client = IpAddr::V4(0x0a00_0001.into());
    let put = (Method::PUT, "/v1/brokers/x?force=true".to_owned());
    let mut expected = Vec::new();
    for (router, header, who, role, status) in [
        (&guarded, Some(format!("token={}", token(WRITER))), "token:ops", "operator", 400),
        (&guarded, Some(format!("Bearer {signed}")), "jwt:alice", "operator", 400),
        (&guarded, Some(format!("token={}", token(READER))), "token:monitor", "read-only", 403),
        (&guarded, Some("token=guess".to_owned()), "unknown", "none", 401),
        (&guarded, None, "unknown", "none", 401),
        (&open, None, "anonymous", "none", 400),
    ] {
        assert_eq!(try_with(router, &put, header.as_deref(), client).await.0.as_u16(), status);
        expected.push(format!(
            "method=\"PUT\" path=\"/v1/brokers/x\" query=\"force=true\" who={who} role=\"{role}\" client=\"10.0.0.1\""
        ));
        expected.push(format!("status=\"{status}\""));
        try_with(router, &(Method::GET, "/v1/plan".to_owned()), header.as_deref(), client).await;
    }
    // The loop is never heard of, and then its client is gone.
    let (commands, _unread) = mpsc::channel(1);
    let shown = watch::channel(Arc::new(view.clone())).1;
    let stuck = api(App::new(shown, kafka(Arc::new(Unasked)), commands, Clock::start()));
    let put = (Method::PUT, "/v1/brokers/1".to_owned());
    let asked =
        tokio::time::timeout(std::time::Duration::from_millis(10), try_with(&stuck, &put, None, client));
    assert!(asked.await.is_err());
    expected.push("method=\"PUT\" path=\"/v1/brokers/1\" query=\"\" who=anonymous".to_owned());
    expected.push("status=\"none, the client hung up\"".to_owned());

    let lines = logged.lines();
    let audit: Vec<_> = lines.iter().filter(|line| line.contains(" audit: ")).collect();
    assert_eq!(audit.len(), 7, "{lines:#?}");
    for (line, words) in audit.iter().zip(expected.chunks(2)) {
        assert!(
            words.iter().all(|words| line.contains(words)) && line.contains("request_id="),
            "{words:?}: {line}"
        );
    }
    for secret in [token(WRITER), token(READER), "guess".to_owned(), signed] {
        assert!(!lines.iter().any(|line| line.contains(&secret)), "{lines:#?}");
    }
}

// Whoever may connect is logged, but no more of what they send than is reasonable, and never as a line of their own.
#[tokio::test]
async fn strangers_write_little_into_the_log() {
    let logged = Logged::default();
    let temp = tempfile::tempdir().unwrap();
    let (_, guarded, open) = both(temp.path());
    let _logging = tracing::subscriber::set_default(logged.subscriber());
    let client = IpAddr::V4(0x0a00_0001.into());
    let long = "é".repeat(15_000);
    // What is no ASCII comes through as it is: NEL (a line's end), CSI (what a terminal obeys), LINE SEPARATOR.
    let forged = "\u{85}\u{9b}2J\u{2028}INFO audit: change".replace(' ', "+");
    for (router, status) in [(&guarded, 401), (&open, 400)] {
        for path in [format!("/v1/brokers/{long}?{long}"), format!("/v1/brokers/{forged}?{forged}")] {
            let put = (Method::PUT, path);
            assert_eq!(try_with(router, &put, None, client).await.0.as_u16(), status);
        }
    }
    // A method is as long as a head may be.
    let method = Method::from_bytes("A".repeat(30_000).as_bytes()).unwrap();
    for (router, status) in [(&guarded, 401), (&open, 405)] {
        let other = (method.clone(), "/v1/brokers".to_owned());
        assert_eq!(try_with(router, &other, None, client).await.0.as_u16(), status);
    }
    // Sent as a line's end, it is one only once it is decoded: in the words of an error.
    let encoded = (Method::PUT, "/v1/brokers/1?%0AINFO%20audit:%20change=1".to_owned());
    assert_eq!(try_with(&open, &encoded, None, client).await.0.as_u16(), 400);

    let lines = logged.lines();
    // For each request one line of the audit, and one of the refusal.
    assert_eq!(lines.len(), 14, "{lines:#?}");
    for line in &lines {
        assert!(line.len() < 8 << 10, "{} bytes: {line}", line.len());
        assert!(line.contains("audit: change ") || line.contains("guard: refused "), "{line}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{2028}'), "{line:?}");
    }
    let cut = |line: &&String| line.contains("é… (cut: 30000 bytes in all)\" who=");
    assert_eq!(lines.iter().filter(cut).count(), 2, "the query of the audit: {lines:#?}");
    let method = "method=\"AAA";
    assert_eq!(lines.iter().filter(|line| line.contains(method)).count(), 4, "{lines:#?}");
    let path = "é… (cut: 30012 bytes in all)\"";
    assert_eq!(lines.iter().filter(|line| line.contains(path)).count(), 4, "{lines:#?}");
    let escaped = r"\u{85}\u{9b}2J\u{2028}INFO";
    assert_eq!(lines.iter().filter(|line| line.contains(escaped)).count(), 4, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains(r"\nINFO audit: change")), "{lines:#?}");
}
