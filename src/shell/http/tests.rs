#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::LazyLock;

use ::kafka::{producer::PrepareError, topic::TopicName};
use api::{
    ids::{BrokerId, TaskId},
    rest,
};
use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use super::*;

mod access;
mod administered;
mod command;
mod read;
mod topics;

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The error body, whose status and request id must fit (D16).
    pub(super) fn error(&self) -> rest::ErrorBody {
        let body: rest::ErrorBody = serde_json::from_str(&self.text).unwrap();
        assert_eq!(body.error_code.status(), self.status.as_u16());
        assert_eq!(self.header("x-request-id"), Some(body.request_id.as_str()));
        assert_eq!(self.header("content-type"), Some("application/json"));
        body
    }
}

pub(super) async fn call(router: Router, request: &str) -> Answer {
    let (method, uri) = request.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    described(method, uri, parts.status, &text);
    Answer { status: parts.status, headers: parts.headers, text }
}

/// Whatever a test gets for an answer, the document has it: its status, and the code where it is a refusal.
fn described(method: &str, uri: &str, status: StatusCode, text: &str) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(document::document()).unwrap());
    let path = uri.split('?').next().unwrap();
    let fits = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len() && template.iter().zip(path).all(|(t, p)| t.starts_with('{') || *t == p)
    };
    // A path of its own comes before one with a parameter, as in the router.
    let mut paths: Vec<_> = DOCUMENT["paths"].as_object().unwrap().iter().filter(|(t, _)| fits(t)).collect();
    paths.sort_by_key(|(template, _)| template.matches('{').count());
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let operation = paths.iter().find_map(|(_, item)| item.get(&method));
    let code = serde_json::from_str::<rest::ErrorBody>(text).ok().map(|body| body.error_code);
    if matches!(code, Some(rest::ErrorCode::RouteNotFound | rest::ErrorCode::MethodNotAllowed)) {
        return;
    }
    let operation = operation.unwrap_or_else(|| panic!("{method} {path} is not described: {status}"));
    let answer = document::tests::resolved(&DOCUMENT, &operation["responses"][status.as_str()]);
    assert!(answer.is_object(), "{method} {path} is not described to answer {status}");
    if let Some(code) = code {
        let examples = &answer["content"]["application/json"]["examples"];
        assert!(examples.get(code.as_str()).is_some(), "{method} {path} is not described to answer {code}");
    }
}

/// `GET path` of an API that shows `view`.
async fn get_of(view: &View, path: &str) -> Answer {
    call(api(app(view, Arc::new(topics::Unasked))), &format!("GET {path}")).await
}

fn app(view: &View, topics: Arc<dyn Topics>) -> App {
    // The receiver keeps the last value when its sender is gone.
    App::new(watch::channel(Arc::new(view.clone())).1, kafka(topics), mpsc::channel(1).0, Clock::start())
}

/// One whose producer tests are these.
pub(super) fn app_with(view: &View, producers: Arc<dyn Producers>) -> App {
    let mut app = app(view, Arc::new(topics::Unasked));
    app.kafka.producers = producers;
    app
}

/// Stand-ins: for topics this one, else such as must not be asked.
fn kafka(topics: Arc<dyn Topics>) -> Kafka {
    Kafka { administration: Arc::new(administered::Fake::unasked()), topics, producers: Arc::new(Untested) }
}

/// A Kafka whose topics must not be written to.
struct Untested;

impl Producers for Untested {
    fn prepare(
        &self,
        _: TopicName,
        _: ::kafka::producer::Clock,
    ) -> BoxFuture<'_, Result<Ready, PrepareError>> {
        panic!("a producer test was asked for")
    }
}

fn broker(id: u32) -> rest::Broker {
    let uuid = Uuid::from_u128(u128::from(id) + 1);
    rest::Broker {
        agent: Some(rest::Agent { hostname: format!("node-{id}"), id: format!("a-S{id}") }),
        config_id: Some(Uuid::from_u128(9)),
        generation: 0,
        health: rest::BrokerHealth::Healthy,
        host: Some("10.0.0.211".to_owned()),
        id: BrokerId(id),
        message: String::new(),
        port: Some(9843),
        task_id: Some(TaskId { broker: BrokerId(id), uuid }),
        task_state: Some(rest::TaskState::Running),
        waiting: None,
    }
}

/// A service with two brokers whose plan has `status`.
pub(in crate::shell) fn view(status: rest::Status) -> View {
    let plan = rest::Plan { errors: Vec::new(), phases: Vec::new(), status };
    let check = rest::Check { healthy: true, message: "subscribed".to_owned() };
    View {
        made_at: Clock::start().now(),
        not_registered: None,
        active: rest::PlanActive::from(&plan),
        plan,
        brokers: vec![broker(0), broker(1)],
        incidents: [(BrokerId(0), vec![Arc::new(read::incident())]), (BrokerId(1), Vec::new())].into(),
        connection: rest::Connection {
            address: vec!["10.0.0.211:9843".to_owned()],
            dns: vec!["broker-0.kafka.mesos:9843".to_owned()],
            vip: "broker.kafka.l4lb.thisdcos.directory:9092".to_owned(),
            zookeeper: "master.mesos:2181/dcos-service-kafka".to_owned(),
        },
        health: rest::Health([(rest::CheckName::Registered, check)].into()),
        offers: Vec::new(),
    }
}
