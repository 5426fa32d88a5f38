#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use axum::{Router, body::Body, middleware, routing::get};
use tower::ServiceExt;

use super::*;

async fn answer(request: Request) -> (StatusCode, ErrorBody, Option<String>) {
    async fn fall() -> &'static str {
        panic!("fell over")
    }
    let router = Router::new()
        .route("/panic", get(fall))
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
    let begun = tokio::time::Instant::now();
    let (status, body, _) = answer(request("/forever")).await;
    assert_eq!((status, body.error_code), (StatusCode::GATEWAY_TIMEOUT, ErrorCode::Timeout));
    assert!(begun.elapsed() >= DEADLINE && begun.elapsed() < 2 * DEADLINE);
    // What would change something may have done so.
    let (status, body, _) = answer(Request::put("/forever").body(Body::empty()).unwrap()).await;
    assert_eq!((status, body.error_code), (StatusCode::GATEWAY_TIMEOUT, ErrorCode::OutcomeUnknown));
}

#[tokio::test]
async fn long_bodies_are_refused_unread() {
    let request =
        Request::get("/forever").header(CONTENT_LENGTH, BODY_LIMIT + 1).body(Body::empty()).unwrap();
    let (status, body, _) = answer(request).await;
    assert_eq!((status, body.error_code), (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::RequestTooLarge));
    assert!(body.message.contains("65537 bytes"), "{}", body.message);
}
