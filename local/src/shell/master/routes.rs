//! Which path leads where: with and without `/master`, by longest prefix (mesos-v1-http §1.1).

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};

use super::{Dead, Handle, form, operator, scheduler};
use crate::shell::http::{self, refuse};

/// A request, read whole.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) query: String,
    pub(super) body: Bytes,
}

/// Every path the master knows.
const PATHS: [&str; 19] = [
    "/api/v1/scheduler",
    "/api/v1",
    "/health",
    "/version",
    "/flags",
    "/metrics/snapshot",
    "/state",
    "/state-summary",
    "/slaves",
    "/frameworks",
    "/tasks",
    "/roles",
    "/redirect",
    "/teardown",
    "/reserve",
    "/unreserve",
    "/create-volumes",
    "/destroy-volumes",
    "/master",
];

pub(super) fn router(handle: Handle) -> Router {
    Router::new().fallback(dispatch).with_state(handle)
}

/// The known path a request belongs to: itself, or the longest that it continues.
fn resolve(path: &str) -> Option<&'static str> {
    let path = match path.strip_prefix("/master") {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    };
    PATHS
        .into_iter()
        .filter(|known| path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        .max_by_key(|known| known.len())
}

async fn dispatch(State(handle): State<Handle>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(path) = resolve(parts.uri.path()) else {
        return refuse(StatusCode::NOT_FOUND, "404 Not Found.");
    };
    let body = match http::read_body(&parts.headers, body).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let call = Call {
        method: parts.method,
        headers: parts.headers,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body,
    };
    let answer = match path {
        "/api/v1/scheduler" => scheduler::call(&handle, &call).await,
        "/api/v1" => operator::call(&handle, &call).await,
        "/teardown" | "/reserve" | "/unreserve" | "/create-volumes" | "/destroy-volumes" => {
            form::change(&handle, path, &call).await
        }
        _ => operator::get(&handle, path, &call).await,
    };
    // A dead master's sockets are cut; whatever is answered here is not sent.
    answer.unwrap_or_else(|Dead| refuse(StatusCode::SERVICE_UNAVAILABLE, "the master has ended"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn paths_are_found_by_longest_prefix_with_or_without_the_process_name() {
        let check = |path: &str, expect: Option<&str>| assert_eq!(resolve(path), expect, "{path}");
        check("/api/v1/scheduler", Some("/api/v1/scheduler"));
        check("/master/api/v1/scheduler", Some("/api/v1/scheduler"));
        check("/api/v1/whatever", Some("/api/v1"));
        check("/api/v1", Some("/api/v1"));
        check("/master/state", Some("/state"));
        check("/state", Some("/state"));
        check("/state-summary", Some("/state-summary"));
        check("/stately", None);
        check("/no-such-process/nothing", None);
    }
}
