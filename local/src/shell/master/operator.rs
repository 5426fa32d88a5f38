//! POST `/api/v1` and the GET documents (mesos-v1-http §9.1, §9.3).

use axum::{
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};
use mesos::{
    Encoding,
    v1::{
        self,
        master::{self as api, Response as Answer, call::Type},
        offer::{Operation, operation},
    },
};
use serde_json::{Value, json};

use super::{Dead, Handle, Request, routes::Call};
use crate::{
    master::{Change, Master, view::document::TaskQuery},
    shell::http::{self, refuse},
};

/// What a call comes to.
enum Meant {
    Look(fn(&Master) -> Answer),
    Change(Box<Change>),
    Refused(StatusCode, String),
}

pub(super) async fn call(handle: &Handle, request: &Call) -> Result<Response, Dead> {
    if request.method != Method::POST {
        return Ok(http::only_post(&request.method));
    }
    let encoding = match http::body_encoding(&request.headers) {
        Ok(encoding) => encoding,
        Err(why) => return Ok(why.response()),
    };
    let call: api::Call = match http::decode(encoding, &request.body) {
        Ok(call) => call,
        Err(why) => return Ok(refuse(StatusCode::BAD_REQUEST, why)),
    };
    let meant = meaning(call);
    let Some(encoding) = http::accepted(&request.headers) else { return Ok(http::not_acceptable()) };
    match meant {
        Meant::Refused(status, why) => Ok(refuse(status, why)),
        Meant::Change(change) => {
            let answer = handle.ask(|answer| Request::Change { change, answer }).await?;
            Ok(http::answer(answer.status, answer.text))
        }
        Meant::Look(look) => {
            let answer = handle.look(look).await?;
            Ok(match encoding {
                Encoding::Protobuf => http::message_response(encoding, &answer),
                Encoding::Json => http::json_response(&with_lists(mesos::json::to_value(&answer))),
            })
        }
    }
}

fn meaning(call: api::Call) -> Meant {
    let missing = |what: &str| {
        let why = format!("Failed to validate master::Call: Expecting '{what}' to be present");
        Meant::Refused(StatusCode::BAD_REQUEST, why)
    };
    let Some(kind) = call.r#type.and_then(|number| Type::try_from(number).ok()) else {
        return missing("type");
    };
    let of = |kind: operation::Type| Operation { r#type: Some(kind.into()), ..Default::default() };
    let apply = |agent: v1::AgentId, operation: Operation| {
        Meant::Change(Box::new(Change::Apply { agent, operation: Box::new(operation) }))
    };
    match kind {
        Type::GetHealth => Meant::Look(Master::get_health),
        Type::GetVersion => Meant::Look(Master::get_version),
        Type::GetFlags => Meant::Look(Master::get_flags),
        Type::GetMetrics => Meant::Look(Master::get_metrics),
        Type::GetMaster => Meant::Look(Master::get_master),
        Type::GetState => Meant::Look(Master::get_state),
        Type::GetAgents => Meant::Look(Master::get_agents),
        Type::GetFrameworks => Meant::Look(Master::get_frameworks),
        Type::GetTasks => Meant::Look(Master::get_tasks),
        Type::GetExecutors => Meant::Look(Master::get_executors),
        Type::GetOperations => Meant::Look(Master::get_operations),
        Type::GetRoles => Meant::Look(Master::get_roles),
        Type::Teardown => match call.teardown {
            Some(it) => Meant::Change(Box::new(Change::Teardown(it.framework_id))),
            None => missing("teardown"),
        },
        Type::MarkAgentGone => match call.mark_agent_gone {
            Some(it) => Meant::Change(Box::new(Change::MarkGone(it.agent_id))),
            None => missing("mark_agent_gone"),
        },
        Type::ReserveResources => match call.reserve_resources {
            Some(it) => {
                let reserve = Some(operation::Reserve { resources: it.resources, source: it.source });
                apply(it.agent_id, Operation { reserve, ..of(operation::Type::Reserve) })
            }
            None => missing("reserve_resources"),
        },
        Type::UnreserveResources => match call.unreserve_resources {
            Some(it) => {
                let unreserve = Some(operation::Unreserve { resources: it.resources });
                apply(it.agent_id, Operation { unreserve, ..of(operation::Type::Unreserve) })
            }
            None => missing("unreserve_resources"),
        },
        Type::CreateVolumes => match call.create_volumes {
            Some(it) => {
                let create = Some(operation::Create { volumes: it.volumes });
                apply(it.agent_id, Operation { create, ..of(operation::Type::Create) })
            }
            None => missing("create_volumes"),
        },
        Type::DestroyVolumes => match call.destroy_volumes {
            Some(it) => {
                let destroy = Some(operation::Destroy { volumes: it.volumes });
                apply(it.agent_id, Operation { destroy, ..of(operation::Type::Destroy) })
            }
            None => missing("destroy_volumes"),
        },
        other => Meant::Refused(
            StatusCode::NOT_IMPLEMENTED,
            format!("{} is not supported by this embedded master", other.as_str_name()),
        ),
    }
}

/// The real master writes some lists even when they are empty, and one field of AgentInfo that no longer has a
/// definition.
fn with_lists(mut answer: Value) -> Value {
    fn fill(it: &mut Value) {
        let Value::Object(fields) = it else { return };
        for (body, lists) in [
            ("get_tasks", ["tasks", "unreachable_tasks", "completed_tasks"].as_slice()),
            ("get_agents", ["agents", "recovered_agents"].as_slice()),
            ("get_frameworks", ["frameworks", "completed_frameworks"].as_slice()),
            ("get_executors", ["executors"].as_slice()),
        ] {
            let Some(Value::Object(body)) = fields.get_mut(body) else { continue };
            for list in lists {
                body.entry(*list).or_insert_with(|| json!([]));
            }
            for agent in body.get_mut("agents").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(Value::Object(info)) = agent.get_mut("agent_info") {
                    info.insert("checkpoint".to_owned(), true.into());
                }
            }
        }
    }
    fill(&mut answer);
    if let Some(state) = answer.get_mut("get_state") {
        fill(state);
    }
    answer
}

pub(super) async fn get(handle: &Handle, path: &str, request: &Call) -> Result<Response, Dead> {
    if request.method != Method::GET && request.method != Method::HEAD {
        let mut response =
            refuse(StatusCode::METHOD_NOT_ALLOWED, format!("405 Method Not Allowed: {path} takes GET"));
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        return Ok(response);
    }
    let query = http::form(&request.query);
    let field = |name: &str| query.get(name).cloned();
    let document = match path {
        "/health" => return Ok(http::empty(StatusCode::OK)),
        "/redirect" => return redirect(handle).await,
        "/version" => handle.look(Master::version_document).await?,
        "/flags" => handle.look(Master::flags_document).await?,
        "/metrics/snapshot" => handle.look(Master::metrics_document).await?,
        "/state" => handle.look(Master::state_document).await?,
        "/state-summary" => handle.look(Master::summary_document).await?,
        "/roles" => handle.look(Master::roles_document).await?,
        "/slaves" => {
            let only = field("slave_id");
            handle.look(move |master| master.slaves_document(only.as_deref())).await?
        }
        "/frameworks" => {
            let only = field("framework_id");
            handle.look(move |master| master.frameworks_document(only.as_deref())).await?
        }
        "/tasks" => {
            let number = |name: &str, default: usize| {
                field(name).and_then(|text| text.parse().ok()).unwrap_or(default)
            };
            let tasks = TaskQuery {
                framework: field("framework_id"),
                task: field("task_id"),
                limit: number("limit", 100),
                offset: number("offset", 0),
                ascending: field("order").as_deref() == Some("asc"),
            };
            handle.look(move |master| master.tasks_document(&tasks)).await?
        }
        _ => return Ok(refuse(StatusCode::NOT_FOUND, "404 Not Found.")),
    };
    Ok(http::json_response(&document))
}

/// 307 to the leader, which is this master: it is the only one.
async fn redirect(handle: &Handle) -> Result<Response, Dead> {
    let info = handle.look(|master| master.info().clone()).await?;
    let mut response = http::empty(StatusCode::TEMPORARY_REDIRECT);
    if let Ok(value) = HeaderValue::from_str(&format!("//{}:{}", info.hostname(), info.port)) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}
