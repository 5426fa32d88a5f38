#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use axum::{Router, body::Body, middleware, routing::get};
use tower::ServiceExt;

use super::{
    super::limit::{BODY, FORM, JSON},
    *,
};

async fn answer(request: Request) -> (StatusCode, ErrorBody, Option<String>) {
    async fn fall() -> &'static str {
        panic!("fell over")
    }
    let router = Router::new()
        .route("/panic", get(fall).post(fall))
        .route("/forever", get(std::future::pending::<String>).put(std::future::pending::<String>))
        .layer(middleware::from_fn_with_state(Arc::<Access>::default(), guard));
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let id = response.headers().get(REQUEST_ID).map(|id| id.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap(), id)
}

fn request(path: &str) -> Request {
    Request::get(path).body(Body::empty()).unwrap()
}

// D16: never an empty 500.
#[tokio::test]
async fn a_panic_is_a_500_with_a_body() {
    let (status, body, id) = answer(request("/panic")).await;
    assert_eq!((status, body.error_code), (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::InternalError));
    assert!(body.message.contains("request id") && !body.message.contains("fell over"), "{}", body.message);
    assert_eq!(Some(body.request_id), id);
}

#[tokio::test(start_paused = true)]
async fn no_answer_takes_for_ever() {
    // A producer test has longer (S-107), but that is a PUT.
    for path in ["/forever", "/forever?operation=producer-test"] {
        let begun = tokio::time::Instant::now();
        let (status, body, _) = answer(request(path)).await;
        assert_eq!((status, body.error_code), (StatusCode::GATEWAY_TIMEOUT, ErrorCode::Timeout));
        assert!(begun.elapsed() >= DEADLINE && begun.elapsed() < 2 * DEADLINE);
    }
    // What would change something may have done so.
    let (status, body, _) = answer(Request::put("/forever").body(Body::empty()).unwrap()).await;
    assert_eq!((status, body.error_code), (StatusCode::GATEWAY_TIMEOUT, ErrorCode::OutcomeUnknown));
}

/// A body in chunks, without a length.
fn chunks(chunks: usize, each: usize) -> Body {
    let chunks = (0..chunks).map(move |_| Ok::<_, std::io::Error>(vec![b' '; each]));
    Body::from_stream(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn long_bodies_are_refused_unread() {
    let request = Request::get("/forever").header(CONTENT_LENGTH, FORM + 1).body(Body::empty()).unwrap();
    let (status, body, _) = answer(request).await;
    assert_eq!((status, body.error_code), (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::RequestTooLarge));
    assert!(body.message.contains("65537 bytes"), "{}", body.message);
}

// Without a length they are counted as they come; JSON may be longer.
#[tokio::test]
async fn long_bodies_are_refused_as_they_come() {
    for (kind, limit) in [("text/plain", FORM), ("application/json; charset=utf-8", JSON)] {
        let limit = usize::try_from(limit).unwrap();
        for (count, path, code) in [
            (limit / 1024, "/panic", ErrorCode::InternalError),
            (limit / 1024 + 1, "/panic", ErrorCode::RequestTooLarge),
        ] {
            let request = Request::post(path).header(CONTENT_TYPE, kind).body(chunks(count, 1024)).unwrap();
            assert_eq!(answer(request).await.1.error_code, code, "{kind} {count} KiB");
        }
    }
}

// A route begins with the whole body or not at all. Time is virtual.
#[tokio::test(start_paused = true)]
async fn slow_bodies_are_given_up() {
    let begun = Instant::now();
    let slow = futures_util::stream::unfold((), async |()| {
        tokio::time::sleep(BODY / 4).await;
        Some((Ok::<_, std::io::Error>("x"), ()))
    });
    let request = Request::post("/panic").body(Body::from_stream(slow)).unwrap();
    let (status, body, _) = answer(request).await;
    assert_eq!((status, body.error_code), (StatusCode::REQUEST_TIMEOUT, ErrorCode::RequestTimeout));
    assert!(begun.elapsed() >= BODY && begun.elapsed() < 2 * BODY);
    let broken = futures_util::stream::iter([Ok("half"), Err(std::io::Error::other("gone"))]);
    let request = Request::post("/panic").body(Body::from_stream(broken)).unwrap();
    assert_eq!(answer(request).await.1.error_code, ErrorCode::InvalidParameter);
}
