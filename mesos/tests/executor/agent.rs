//! An agent that answers as it is told, remembers what it was asked, and can be stopped and started.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Response, StatusCode};
use axum::routing::post;
use mesos::v1::executor::{Call, Event, call, event};
use mesos::v1::{AgentInfo, ExecutorId, ExecutorInfo, FrameworkId, FrameworkInfo, TaskId, TaskInfo};
use mesos::{Encoding, recordio};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What one SUBSCRIBE is answered.
pub(crate) enum Answer {
    Status(u16, &'static str),
    Stream(mpsc::UnboundedReceiver<Vec<u8>>),
}

/// A call as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) call: Call,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) peer: SocketAddr,
}

#[derive(Clone)]
pub(crate) struct Agent {
    subscriptions: Arc<Mutex<VecDeque<Answer>>>,
    calls: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    seen: watch::Sender<Vec<Seen>>,
    pub(crate) address: SocketAddr,
    server: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Agent {
    /// Starts one on a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let agent = Self {
            subscriptions: Arc::default(),
            calls: Arc::default(),
            seen: watch::Sender::default(),
            address: listener.local_addr().unwrap(),
            server: Arc::default(),
        };
        agent.serve(listener);
        agent
    }

    fn serve(&self, listener: TcpListener) {
        let router = Router::new().fallback(post(answer)).with_state(self.clone());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        *self.server.lock().unwrap() = Some(server);
    }

    /// Nobody listens from now on. Streams end when the test drops them.
    pub(crate) async fn stop(&self) {
        let server = self.server.lock().unwrap().take().unwrap();
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
    }

    /// Listens again, on the same port.
    pub(crate) async fn restart(&self) {
        self.serve(TcpListener::bind(self.address).await.unwrap());
    }

    /// The next SUBSCRIBE gets this answer.
    pub(crate) fn then(&self, status: u16, text: &'static str) {
        self.subscriptions.lock().unwrap().push_back(Answer::Status(status, text));
    }

    /// The next SUBSCRIBE gets a stream.
    pub(crate) fn then_stream(&self) -> Stream {
        let (bytes, stream) = mpsc::unbounded_channel();
        self.subscriptions.lock().unwrap().push_back(Answer::Stream(stream));
        Stream(bytes)
    }

    /// The next call that is no SUBSCRIBE gets this answer instead of 202.
    pub(crate) fn then_call(&self, status: u16, text: &'static str) {
        self.calls.lock().unwrap().push_back((status, text));
    }

    /// Waits until this many calls of a type were seen, and gives them.
    pub(crate) async fn calls(&self, kind: call::Type, count: usize) -> Vec<Seen> {
        let of_kind = |seen: &[Seen]| -> Vec<Seen> {
            seen.iter().filter(|seen| seen.call.r#type() == kind).cloned().collect()
        };
        let mut watched = self.seen.subscribe();
        let wait = watched.wait_for(|seen| of_kind(seen).len() >= count);
        let seen = tokio::time::timeout(super::DEADLINE, wait).await.expect("the calls do not come").unwrap();
        of_kind(&seen)
    }
}

async fn answer(
    State(agent): State<Agent>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
    assert_eq!(header("accept").as_deref(), Some("application/x-protobuf"));
    assert_eq!(header("host"), Some(agent.address.to_string()));
    let (authorization, path) = (header("authorization"), parts.uri.path().to_owned());
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let call: Call = Encoding::Protobuf.decode(&body).unwrap();
    let subscribing = call.r#type() == call::Type::Subscribe;
    // A real agent wants the body even when it is empty.
    assert_eq!(call.subscribe.is_some(), subscribing);
    let planned = if subscribing {
        let next = agent.subscriptions.lock().unwrap().pop_front();
        next.unwrap_or(Answer::Status(503, "nothing planned"))
    } else {
        let (status, text) = agent.calls.lock().unwrap().pop_front().unwrap_or((202, ""));
        Answer::Status(status, text)
    };
    agent.seen.send_modify(|seen| seen.push(Seen { call, path, authorization, peer }));
    match planned {
        Answer::Status(code, text) => {
            Response::builder().status(StatusCode::from_u16(code).unwrap()).body(Body::from(text)).unwrap()
        }
        Answer::Stream(stream) => {
            let stream = futures_util::stream::unfold(stream, |mut stream| async {
                stream.recv().await.map(|bytes| (Ok::<_, Infallible>(Bytes::from(bytes)), stream))
            });
            Response::builder()
                .header("content-type", "application/x-protobuf")
                .body(Body::from_stream(stream))
                .unwrap()
        }
    }
}

/// The sending end of a stream; dropping it ends the stream.
pub(crate) struct Stream(mpsc::UnboundedSender<Vec<u8>>);

impl Stream {
    fn send(&self, kind: event::Type, event: Event) {
        let event = Event { r#type: Some(kind.into()), ..event };
        // In two pieces, which never are records.
        let record = recordio::encode(&Encoding::Protobuf.encode(&event));
        let (first, second) = record.split_at(record.len() / 2);
        self.0.send(first.to_vec()).unwrap();
        self.0.send(second.to_vec()).unwrap();
    }

    pub(crate) fn subscribed(&self) {
        let resources = event::Subscribed {
            executor_info: ExecutorInfo {
                executor_id: ExecutorId { value: "E-1".to_owned() },
                ..Default::default()
            },
            framework_info: FrameworkInfo {
                id: Some(FrameworkId { value: "F-1".to_owned() }),
                ..Default::default()
            },
            agent_info: AgentInfo { hostname: "h".to_owned(), ..Default::default() },
            container_id: None,
        };
        self.send(event::Type::Subscribed, Event { subscribed: Some(resources), ..Default::default() });
    }

    pub(crate) fn launch(&self, task: &str) {
        let task = TaskInfo { task_id: id(task), ..Default::default() };
        self.send(event::Type::Launch, Event { launch: Some(event::Launch { task }), ..Default::default() });
    }

    pub(crate) fn kill(&self, task: &str) {
        let kill = event::Kill { task_id: id(task), kill_policy: None };
        self.send(event::Type::Kill, Event { kill: Some(kill), ..Default::default() });
    }

    pub(crate) fn acknowledge(&self, seen: &Seen) {
        let status = &seen.call.update.as_ref().unwrap().status;
        let acknowledged =
            event::Acknowledged { task_id: status.task_id.clone(), uuid: status.uuid.clone().unwrap() };
        self.send(
            event::Type::Acknowledged,
            Event { acknowledged: Some(acknowledged), ..Default::default() },
        );
    }

    pub(crate) fn message(&self, data: &[u8]) {
        let message = event::Message { data: data.to_vec() };
        self.send(event::Type::Message, Event { message: Some(message), ..Default::default() });
    }

    pub(crate) fn shutdown(&self) {
        self.send(event::Type::Shutdown, Event::default());
    }

    pub(crate) fn error(&self, message: &str) {
        let error = event::Error { message: message.to_owned() };
        self.send(event::Type::Error, Event { error: Some(error), ..Default::default() });
    }
}

pub(crate) fn id(task: &str) -> TaskId {
    TaskId { value: task.to_owned() }
}
