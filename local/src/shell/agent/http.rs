//! The agent's HTTP endpoint: executors on `/api/v1/executor`, operators on `/api/v1`, `/state`, `/health`, `/files`.
//!
//! Every route also exists behind the agent's process name, `/slave(1)`, percent-encoded or not. Routing is by longest
//! prefix, as Mesos's is: `/api/v1/whatever` reaches `/api/v1`.
use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use mesos::v1::agent;
use mesos::v1::agent::response::{self, Type};
use mesos::v1::executor;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Reply;
use super::actor::Request;
use super::files::{self, Files, Hidden};
use crate::agent::Answer;
use crate::shell::http::{
    MAX_BODY, accepted, body_encoding, decode, empty, json_response, message_response, only_post,
    record_stream, refuse,
};

/// Bytes of a download read at once.
const CHUNK: usize = 64 << 10;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    requests: mpsc::Sender<Request>,
    files: Files,
    cut: CancellationToken,
}

impl Endpoint {
    pub(super) fn new(requests: mpsc::Sender<Request>, files: Files, cut: CancellationToken) -> Self {
        Self { requests, files, cut }
    }

    /// Asks the actor; `None` when it has ended.
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.ok()?;
        answer.await.ok()
    }

    async fn agent_id(&self) -> String {
        self.ask(Request::Id).await.flatten().unwrap_or_default().value
    }
}

pub(super) fn router(endpoint: Endpoint) -> Router {
    let limit = axum::extract::DefaultBodyLimit::max(MAX_BODY);
    Router::new().fallback(route).layer(limit).with_state(endpoint)
}

async fn route(
    State(endpoint): State<Endpoint>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().replace("%28", "(").replace("%29", ")");
    let path = path.strip_prefix("/slave(1)").unwrap_or(&path);
    let reaches =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if reaches("/api/v1/executor") {
        return executor_call(&endpoint, &method, &headers, &body).await;
    }
    if reaches("/api/v1") {
        return operator_call(&endpoint, &method, &headers, &body).await;
    }
    let found = match path {
        "/health" => empty(StatusCode::OK),
        "/version" => json_response(&json!({ "version": crate::master::VERSION })),
        "/flags" => json_response(&json!({ "flags": {} })),
        "/state" | "/state.json" => match endpoint.ask(Request::State).await {
            Some(state) => json_response(&state),
            None => ended(),
        },
        "/files/browse" | "/files/read" | "/files/download" => file(&endpoint, path, &query).await,
        "/files/debug" => {
            let all = endpoint.ask(Request::Sandboxes).await.unwrap_or_default();
            let all: BTreeMap<String, String> =
                all.into_iter().map(|(path, at)| (path, at.display().to_string())).collect();
            json_response(&json!(all))
        }
        _ => refuse(StatusCode::NOT_FOUND, format!("the agent has no {path}")),
    };
    if method == Method::GET || method == Method::HEAD || found.status() == StatusCode::NOT_FOUND {
        found
    } else {
        refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("Expecting one of {{ 'GET' }}, but received '{method}'."),
        )
    }
}

fn ended() -> Response {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "the agent is ending")
}

/// One executor call, with the checks of §1.5 in their order; those that need the agent are its own.
async fn executor_call(endpoint: &Endpoint, method: &Method, headers: &HeaderMap, body: &Bytes) -> Response {
    if method != Method::POST {
        return only_post(method);
    }
    let encoding = match body_encoding(headers) {
        Ok(encoding) => encoding,
        Err(error) => return error.response(),
    };
    let call: executor::Call = match decode(encoding, body) {
        Ok(call) => call,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, why),
    };
    // SUBSCRIBE without its body is 400 before Accept counts.
    let subscribes = call.r#type() == executor::call::Type::Subscribe && call.subscribe.is_some();
    let stream = match (subscribes, accepted(headers)) {
        (false, _) => None,
        (true, Some(accepted)) => Some(record_stream(accepted)),
        (true, None) => return refuse(StatusCode::NOT_ACCEPTABLE, not_acceptable()),
    };
    let sender = stream.as_ref().map(|stream| stream.sender.clone());
    let call = Box::new(call);
    let Some((ticket, answer)) = endpoint.ask(|reply| Request::Call { call, stream: sender, reply }).await
    else {
        return ended();
    };
    match (answer, stream) {
        (Answer::Stream, Some(stream)) => {
            let requests = endpoint.requests.clone();
            let gone = stream.gone.clone();
            tokio::spawn(endpoint.cut.clone().run_until_cancelled_owned(async move {
                gone.cancelled().await;
                // No actor, nobody to tell.
                let _ = requests.send(Request::StreamClosed(ticket)).await;
            }));
            stream.response
        }
        (Answer::Stream | Answer::Accepted, _) => empty(StatusCode::ACCEPTED),
        (Answer::Refused { status, why }, _) => {
            refuse(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), why)
        }
    }
}

fn not_acceptable() -> &'static str {
    "Expecting 'Accept' to allow 'application/json' or 'application/x-protobuf'"
}

/// One operator call.
async fn operator_call(endpoint: &Endpoint, method: &Method, headers: &HeaderMap, body: &Bytes) -> Response {
    if method != Method::POST {
        return only_post(method);
    }
    let encoding = match body_encoding(headers) {
        Ok(encoding) => encoding,
        Err(error) => return error.response(),
    };
    let call: agent::Call = match decode(encoding, body) {
        Ok(call) => call,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, why),
    };
    let Some(accept) = accepted(headers) else { return refuse(StatusCode::NOT_ACCEPTABLE, not_acceptable()) };
    let invalid = |what: &str| {
        refuse(
            StatusCode::BAD_REQUEST,
            format!("Failed to validate agent::Call: Expecting '{what}' to be present"),
        )
    };
    let kind = call.r#type();
    let of = |kind: Type| agent::Response { r#type: Some(kind.into()), ..Default::default() };
    let answer = match kind {
        _ if call.r#type.is_none() => return invalid("type"),
        agent::call::Type::GetFlags => {
            agent::Response { get_flags: Some(response::GetFlags::default()), ..of(Type::GetFlags) }
        }
        agent::call::Type::GetVersion => {
            let version_info =
                mesos::v1::VersionInfo { version: crate::master::VERSION.to_owned(), ..Default::default() };
            agent::Response {
                get_version: Some(response::GetVersion { version_info }),
                ..of(Type::GetVersion)
            }
        }
        agent::call::Type::ListFiles => {
            let Some(asked) = call.list_files else { return invalid("list_files") };
            match endpoint.files.list(&endpoint.agent_id().await, &asked.path) {
                Ok(file_infos) => agent::Response {
                    list_files: Some(response::ListFiles { file_infos }),
                    ..of(Type::ListFiles)
                },
                Err(why) => return hidden(why),
            }
        }
        agent::call::Type::ReadFile => {
            let Some(asked) = call.read_file else { return invalid("read_file") };
            let length = asked.length.unwrap_or(files::READ_LIMIT);
            match endpoint.files.read(&endpoint.agent_id().await, &asked.path, asked.offset, length) {
                Ok((data, size)) => agent::Response {
                    read_file: Some(response::ReadFile { size, data }),
                    ..of(Type::ReadFile)
                },
                Err(why) => return hidden(why),
            }
        }
        _ => match endpoint.ask(|reply| Request::Respond { kind, reply }).await {
            None => return ended(),
            Some(None) => {
                let why = format!("this agent does not serve {}", kind.as_str_name());
                return refuse(StatusCode::NOT_IMPLEMENTED, why);
            }
            Some(Some(answer)) => answer,
        },
    };
    message_response(accept, &answer)
}

async fn file(endpoint: &Endpoint, kind: &str, query: &BTreeMap<String, String>) -> Response {
    let bad = |why: &str| refuse(StatusCode::BAD_REQUEST, why);
    let Some(path) = query.get("path").filter(|path| !path.is_empty()) else {
        return bad("Expecting 'path=value' in query.");
    };
    let agent_id = endpoint.agent_id().await;
    let number = |name: &str| query.get(name).map(|text| text.parse::<i64>()).transpose();
    let answer = match kind {
        "/files/browse" => endpoint
            .files
            .list(&agent_id, path)
            .map(|all| json_response(&json!(all.iter().map(files::browse_entry).collect::<Vec<_>>()))),
        "/files/download" => match endpoint.files.resolve(&agent_id, path) {
            Ok(real) => download(&real).await,
            Err(why) => Err(why),
        },
        _ => {
            let (Ok(offset), Ok(length)) = (number("offset"), number("length")) else {
                return bad("'offset' and 'length' must be numbers");
            };
            let (offset, length) = (offset.unwrap_or(-1), length.unwrap_or(-1));
            let size_only = offset < 0;
            let from = u64::try_from(offset).unwrap_or(0);
            let length = if size_only { 0 } else { u64::try_from(length).unwrap_or(files::READ_LIMIT) };
            endpoint.files.read(&agent_id, path, from, length).map(|(data, size)| {
                let text = String::from_utf8_lossy(&data);
                let at = if size_only { size } else { from };
                json_response(&json!({ "data": text, "offset": at }))
            })
        }
    };
    answer.unwrap_or_else(hidden)
}

/// A whole file, however long, read as its client takes it.
async fn download(real: &std::path::Path) -> Result<Response, Hidden> {
    let file = tokio::fs::File::open(real).await?;
    if file.metadata().await?.is_dir() {
        return Err(Hidden::Wrong("Cannot download a directory".to_owned()));
    }
    let chunks = futures_util::stream::unfold(file, |mut file| async move {
        let mut chunk = Vec::with_capacity(CHUNK);
        match file.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(chunk), file)),
            Err(error) => Some((Err(error), file)),
        }
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let kind = header::HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn hidden(why: Hidden) -> Response {
    match why {
        Hidden::Missing => refuse(StatusCode::NOT_FOUND, "no such file here"),
        Hidden::Forbidden => refuse(StatusCode::FORBIDDEN, "that is outside of what is shown"),
        Hidden::Wrong(why) => refuse(StatusCode::BAD_REQUEST, why),
    }
}
