//! The form endpoints (mesos-v1-http §9.2).

use std::collections::BTreeMap;

use axum::{
    http::{Method, StatusCode},
    response::Response,
};
use mesos::v1::{
    self,
    offer::{
        Operation,
        operation::{self, Type},
    },
};

use super::{Dead, Handle, Request, routes::Call};
use crate::{
    master::Change,
    shell::http::{self, refuse},
};

pub(super) async fn change(handle: &Handle, path: &str, call: &Call) -> Result<Response, Dead> {
    if call.method != Method::POST {
        return Ok(http::only_post(&call.method));
    }
    let fields = http::form(&String::from_utf8_lossy(&call.body));
    match parse(path, &fields) {
        Err(why) => Ok(refuse(StatusCode::BAD_REQUEST, why)),
        Ok(change) => {
            let change = Box::new(change);
            let answer = handle.ask(|answer| Request::Change { change, answer }).await?;
            Ok(http::answer(answer.status, answer.text))
        }
    }
}

fn parse(path: &str, fields: &BTreeMap<String, String>) -> Result<Change, String> {
    let field = |name: &str| {
        fields.get(name).ok_or_else(|| format!("Missing '{name}' query parameter in the request body"))
    };
    if path == "/teardown" {
        return Ok(Change::Teardown(v1::FrameworkId { value: field("frameworkId")?.clone() }));
    }
    let agent = v1::AgentId { value: field("slaveId")?.clone() };
    let list = |name: &str| -> Result<Vec<v1::Resource>, String> {
        let error =
            |why: String| format!("Error parsing '{name}' query parameter in the request body: {why}");
        let values: Vec<serde_json::Value> =
            serde_json::from_str(field(name)?).map_err(|why| error(why.to_string()))?;
        values
            .iter()
            .map(|value| mesos::json::from_value(value).map_err(|why| error(why.to_string())))
            .collect()
    };
    let of = |kind: Type| Operation { r#type: Some(kind.into()), ..Default::default() };
    let operation = match path {
        "/reserve" => {
            let source = if fields.contains_key("source") { list("source")? } else { Vec::new() };
            let reserve = Some(operation::Reserve { resources: list("resources")?, source });
            Operation { reserve, ..of(Type::Reserve) }
        }
        "/unreserve" => {
            let unreserve = Some(operation::Unreserve { resources: list("resources")? });
            Operation { unreserve, ..of(Type::Unreserve) }
        }
        "/create-volumes" => {
            Operation { create: Some(operation::Create { volumes: list("volumes")? }), ..of(Type::Create) }
        }
        _ => {
            Operation { destroy: Some(operation::Destroy { volumes: list("volumes")? }), ..of(Type::Destroy) }
        }
    };
    Ok(Change::Apply { agent, operation: Box::new(operation) })
}
