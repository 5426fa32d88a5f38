//! POST `/api/v1/scheduler`: the tests of a call, in the master's order (mesos-v1-http §1.4).

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode},
    response::Response,
};
use mesos::v1::scheduler::{self, call::Type};

use tokio::sync::oneshot;

use super::{Dead, Handle, Request, Stream, routes::Call};
use crate::{
    master::{StreamId, validate},
    shell::http::{self, refuse},
};

/// How long a new stream may wait for the end of the one it replaces.
const TAKE_OVER: Duration = Duration::from_millis(200);

/// The header that ties calls to a subscription.
const STREAM_ID: &str = "Mesos-Stream-Id";

pub(super) async fn call(handle: &Handle, request: &Call) -> Result<Response, Dead> {
    if request.method != axum::http::Method::POST {
        return Ok(http::only_post(&request.method));
    }
    let encoding = match http::body_encoding(&request.headers) {
        Ok(encoding) => encoding,
        Err(why) => return Ok(why.response()),
    };
    let call: scheduler::Call = match http::decode(encoding, &request.body) {
        Ok(call) => call,
        Err(why) => return Ok(refuse(StatusCode::BAD_REQUEST, why)),
    };
    if let Err(why) = validate::call(&call) {
        return Ok(refuse(StatusCode::BAD_REQUEST, format!("Failed to validate scheduler::Call: {why}")));
    }
    let accepted = http::accepted(&request.headers);
    if accepted.is_none() && matches!(call.r#type(), Type::Subscribe | Type::ReconcileOperations) {
        return Ok(http::not_acceptable());
    }
    let stream = request
        .headers
        .get(STREAM_ID)
        .and_then(|value| value.to_str().ok())
        .map(|id| StreamId(id.to_owned()));
    match (call.r#type(), accepted, call.subscribe) {
        (Type::Subscribe, Some(encoding), Some(subscribe)) => {
            if stream.is_some() {
                let why = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
                return Ok(refuse(StatusCode::BAD_REQUEST, why));
            }
            self::subscribe(handle, encoding, subscribe).await
        }
        (_, _, subscribe) => {
            let call = Box::new(scheduler::Call { subscribe, ..call });
            let answer = handle.ask(|answer| Request::Call { stream, call, answer }).await?;
            Ok(http::answer(answer.status, answer.text))
        }
    }
}

async fn subscribe(
    handle: &Handle,
    encoding: mesos::Encoding,
    subscribe: scheduler::call::Subscribe,
) -> Result<Response, Dead> {
    let stream = StreamId(uuid::Uuid::new_v4().to_string());
    let opened = http::record_stream(encoding);
    let mut response = opened.response;
    if let Ok(value) = HeaderValue::from_str(&stream.0) {
        response.headers_mut().insert(STREAM_ID, value);
    }
    let (watcher, watched, gone) = (handle.clone(), stream.clone(), opened.gone.clone());
    handle.spawn(async move {
        gone.cancelled().await;
        let _ = watcher.send(Request::StreamClosed(watched)).await;
    });
    let opened = Stream { sender: opened.sender, gone: opened.gone };
    let (replaced, old) = oneshot::channel();
    handle.send(Request::Subscribe { stream, opened, subscribe: Box::new(subscribe), replaced }).await?;
    // A refused stream ends by itself: only one that another takes over from is waited for. It hears of its end first,
    // as from the real master, unless its client does not read.
    if let Ok(old) = old.await {
        let _ = tokio::time::timeout(TAKE_OVER, old.cancelled()).await;
    }
    Ok(response)
}
