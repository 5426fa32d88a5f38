//! Around every route: a request id, who asks and whether they may, a deadline, a limit on what is sent, a line in the
//! audit log, and an error body whatever happens (D16).
//! There is no way past it to an empty 500.

use std::{any::Any, net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use api::rest::{ErrorBody, ErrorCode};
use axum::{
    Json,
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Access, ApiError, audit, gate::is_read, job::producer_test, shown::shown};

/// How long an answer may take. Longer than any single question to Kafka or ZooKeeper, so that their own words come
/// first.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// Names the request in the log and in the error body.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whom a request comes from; put beside it by the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

pub(super) async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let id = Uuid::new_v4().to_string();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let client = request.extensions().get::<Peer>().map(|peer| peer.0);
    let (caller, admitted) = access.gate.admit((&method, &path, request.headers()), client, Instant::now());
    let audited = (!is_read(&method)).then(|| {
        let asked = (&method, path.as_str(), request.uri().query().unwrap_or_default());
        audit::Entry::new(asked, caller, client, id.clone())
    });
    let mut response = match admitted {
        Err(error) => error.into_response(),
        Ok(()) => match access.limits.body(request).await {
            Ok((request, _room)) => run(request, next).await,
            Err(error) => error.into_response(),
        },
    };
    if let Some(entry) = audited {
        entry.answered(response.status());
    }
    let head_only = method == Method::HEAD;
    let (path, named) = (&*shown(&path), &*shown(method.as_str()));
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        access.limits.refused(error.code);
        let body = ErrorBody { error_code: error.code, message: error.message, request_id: id.clone() };
        log(named, path, response.status(), &body);
        explain(&mut response, body, head_only);
    } else {
        let status = response.status().as_u16();
        if is_read(&method) {
            tracing::debug!(method = named, path, status, request_id = id, "answered");
        } else {
            tracing::info!(method = named, path, status, request_id = id, "answered");
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

async fn run(request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    // A producer test is as long as it is; it is a job, and does not go with its request.
    let deadline = producer_test::patience(&request).unwrap_or(DEADLINE);
    // After a panic nothing of the request is used again: what it owned is dropped, and views are never written here.
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    let error = match tokio::time::timeout(deadline, answer).await {
        Ok(Ok(response)) => return response,
        Ok(Err(panic)) => {
            tracing::error!(panic = words(&*panic), "a request panicked");
            let message =
                "the scheduler failed on this request; its log has the details under the request id";
            ApiError::new(ErrorCode::InternalError, message)
        }
        Err(_) if changes => {
            let message = format!(
                "no answer within {} s; it is not known whether what was asked for happened",
                deadline.as_secs()
            );
            ApiError::new(ErrorCode::OutcomeUnknown, message)
        }
        Err(_) => ApiError::new(ErrorCode::Timeout, format!("no answer within {} s", deadline.as_secs())),
    };
    error.into_response()
}

/// Gives the response the body of its error, keeping status and headers.
fn explain(response: &mut Response, body: ErrorBody, head_only: bool) {
    let (mut parts, content) = Json(body).into_response().into_parts();
    for name in [CONTENT_TYPE, CONTENT_LENGTH] {
        response.headers_mut().remove(&name);
        if let Some(value) = parts.headers.remove(&name) {
            response.headers_mut().insert(name, value);
        }
    }
    if !head_only {
        *response.body_mut() = content;
    }
}

fn log(method: &str, path: &str, status: StatusCode, body: &ErrorBody) {
    // The message may repeat the path, or what was wrong in the query.
    let (code, error, request_id) = (body.error_code.as_str(), &*shown(&body.message), &body.request_id);
    let status = status.as_u16();
    match body.error_code {
        ErrorCode::InternalError => tracing::error!(method, path, status, code, error, request_id, "failed"),
        _ if status >= 500 => tracing::warn!(method, path, status, code, error, request_id, "failed"),
        _ => tracing::info!(method, path, status, code, error, request_id, "refused"),
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no words)")
}

#[cfg(test)]
mod tests;
