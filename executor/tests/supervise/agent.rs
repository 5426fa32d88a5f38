//! The agent's side of the executor API, as small as it can be: one executor, every call kept, updates acknowledged.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use api::{
    incident::Incident,
    message::{ToExecutor, ToScheduler},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use mesos::{
    Encoding, recordio,
    v1::{
        self, TaskInfo, TaskState, TaskStatus,
        executor::{Call, Event, call, event},
    },
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

use crate::wait_for;

/// A body takes fallible pieces; these never fail.
type Record = Result<Vec<u8>, Infallible>;

#[derive(Default)]
struct Shared {
    /// The stream to the executor, while it is subscribed.
    stream: Option<(Encoding, mpsc::UnboundedSender<Record>)>,
    subscriptions: Vec<call::Subscribe>,
    updates: Vec<TaskStatus>,
    /// When each came.
    received: Vec<Instant>,
    /// When the last task was launched.
    launched: Option<Instant>,
    /// Tasks to launch at the next subscription.
    waiting: Vec<TaskInfo>,
    /// What the executor says to the scheduler.
    messages: Vec<ToScheduler>,
    silent: bool,
    /// Whoever subscribes is refused.
    refusing: bool,
    /// Whether incidents are left unanswered.
    forgetful: bool,
}

type Door = Arc<Mutex<Shared>>;

pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    shared: Door,
    server: Option<JoinHandle<()>>,
}

impl Agent {
    /// Listens; launches `task` at whoever subscribes first.
    pub(crate) async fn start(task: TaskInfo) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Door::default();
        shared.lock().unwrap().waiting.push(task);
        let mut agent = Self { address, shared, server: None };
        agent.serve(listener);
        agent
    }

    fn serve(&mut self, listener: TcpListener) {
        let routes = Router::new()
            .route("/slave(1)/api/v1/executor", post(answer))
            .with_state(Arc::clone(&self.shared));
        self.server = Some(tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() }));
    }

    /// Goes away as a killed process does: the port is closed, the stream breaks.
    pub(crate) async fn stop(&mut self) {
        let server = self.server.take().unwrap();
        server.abort();
        let _cancelled = server.await;
        self.shared.lock().unwrap().stream = None;
    }

    /// Comes back on the same port.
    pub(crate) async fn back(&mut self) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        self.serve(socket.listen(16).unwrap());
    }

    /// From now on updates are taken but not acknowledged.
    pub(crate) fn fall_silent(&self) {
        self.shared.lock().unwrap().silent = true;
    }

    /// What a silent one owes.
    pub(crate) fn acknowledge(&self, status: &TaskStatus) {
        self.send(&acknowledged(status));
    }

    /// From now on incidents are taken but never stored.
    pub(crate) fn forget_incidents(&self) {
        self.shared.lock().unwrap().forgetful = true;
    }

    pub(crate) fn send(&self, event: &Event) {
        assert!(send(&self.shared.lock().unwrap(), event), "the executor is not subscribed");
    }

    pub(crate) fn kill(&self, task: &str, grace: Option<f64>) {
        let grace_period = grace.map(|seconds| v1::DurationInfo { nanoseconds: (seconds * 1e9) as i64 });
        let kill_policy = grace_period.map(|grace| v1::KillPolicy { grace_period: Some(grace) });
        let kill = event::Kill { task_id: v1::TaskId { value: task.to_owned() }, kill_policy };
        self.send(&Event { kill: Some(kill), ..of(event::Type::Kill) });
    }

    /// From now on nobody is taken: the agent knows no such executor.
    pub(crate) fn refuse(&self) {
        self.shared.lock().unwrap().refusing = true;
    }

    /// The scheduler's MESSAGE.
    pub(crate) fn say(&self, message: &ToExecutor) {
        let data = serde_json::to_vec(message).unwrap();
        let message = event::Message { data };
        self.send(&Event { message: Some(message), ..of(event::Type::Message) });
    }

    /// Every incident told in MESSAGE, repeated ones too.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        let said = &self.shared.lock().unwrap().messages;
        let incidents = said.iter().filter_map(|said| match said {
            ToScheduler::Incident(incident) => Some((**incident).clone()),
            _ => None,
        });
        incidents.collect()
    }

    /// All else that was said.
    pub(crate) fn messages(&self) -> Vec<ToScheduler> {
        let incident = |said: &&ToScheduler| matches!(said, ToScheduler::Incident(_));
        self.shared.lock().unwrap().messages.iter().filter(|said| !incident(said)).cloned().collect()
    }

    pub(crate) fn shutdown(&self) {
        self.send(&of(event::Type::Shutdown));
    }

    pub(crate) fn updates(&self) -> Vec<TaskStatus> {
        self.shared.lock().unwrap().updates.clone()
    }

    /// When the task was launched.
    pub(crate) fn launched(&self) -> Instant {
        self.shared.lock().unwrap().launched.unwrap()
    }

    /// When the last update that `matches` came.
    pub(crate) fn received(&self, matches: impl Fn(&TaskStatus) -> bool) -> Instant {
        let shared = self.shared.lock().unwrap();
        shared.received[shared.updates.iter().rposition(matches).unwrap()]
    }

    pub(crate) fn states(&self) -> Vec<TaskState> {
        self.updates().iter().map(TaskStatus::state).collect()
    }

    pub(crate) fn subscriptions(&self) -> Vec<call::Subscribe> {
        self.shared.lock().unwrap().subscriptions.clone()
    }

    /// The first update that `matches`.
    pub(crate) async fn update(&self, what: &str, matches: impl Fn(&TaskStatus) -> bool) -> TaskStatus {
        let deadline = std::time::Instant::now() + crate::PATIENCE;
        loop {
            let updates = self.updates();
            if let Some(found) = updates.iter().find(|update| matches(update)) {
                return found.clone();
            }
            let told: Vec<_> = updates.iter().map(|update| (update.state(), update.message())).collect();
            assert!(std::time::Instant::now() < deadline, "no update with {what}; told: {told:#?}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn state(&self, state: TaskState) -> TaskStatus {
        self.update(state.as_str_name(), |update| update.state() == state).await
    }

    pub(crate) async fn subscribed(&self, times: usize) {
        wait_for("subscription", || (self.subscriptions().len() >= times).then_some(())).await;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}

pub(crate) fn of(kind: event::Type) -> Event {
    Event { r#type: Some(kind as i32), ..Default::default() }
}

fn acknowledged(status: &TaskStatus) -> Event {
    let acknowledged = event::Acknowledged { task_id: status.task_id.clone(), uuid: status.uuid().to_vec() };
    Event { acknowledged: Some(acknowledged), ..of(event::Type::Acknowledged) }
}

fn send(shared: &Shared, event: &Event) -> bool {
    let Some((encoding, stream)) = &shared.stream else { return false };
    stream.send(Ok(recordio::encode(&encoding.encode(event)))).is_ok()
}

async fn answer(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap());
    let encoding = Encoding::of_content_type(text(header::CONTENT_TYPE).unwrap()).unwrap();
    let call: Call = encoding.decode(&body).unwrap();
    let mut shared = door.lock().unwrap();
    match call.r#type() {
        call::Type::Subscribe if shared.refusing => {
            (StatusCode::BAD_REQUEST, "Executor cannot be found").into_response()
        }
        call::Type::Subscribe => {
            let encoding = Encoding::of_accept(text(header::ACCEPT)).unwrap();
            let (sender, receiver) = mpsc::unbounded_channel();
            shared.stream = Some((encoding, sender));
            shared.subscriptions.push(call.subscribe.unwrap());
            let subscribed = Event { subscribed: Some(subscribed()), ..of(event::Type::Subscribed) };
            send(&shared, &subscribed);
            for task in std::mem::take(&mut shared.waiting) {
                shared.launched = Some(Instant::now());
                send(&shared, &Event { launch: Some(event::Launch { task }), ..of(event::Type::Launch) });
            }
            let stream = futures(receiver);
            ([(header::CONTENT_TYPE, encoding.media_type())], Body::from_stream(stream)).into_response()
        }
        call::Type::Update => {
            let status = call.update.unwrap().status;
            if !shared.silent {
                send(&shared, &acknowledged(&status));
            }
            shared.updates.push(status);
            shared.received.push(Instant::now());
            StatusCode::ACCEPTED.into_response()
        }
        call::Type::Message => {
            let said: ToScheduler = serde_json::from_slice(&call.message.unwrap().data).unwrap();
            if let ToScheduler::Incident(incident) = &said
                && !shared.forgetful
            {
                let data = serde_json::to_vec(&ToExecutor::IncidentStored { id: incident.id }).unwrap();
                let message = Some(event::Message { data });
                send(&shared, &Event { message, ..of(event::Type::Message) });
            }
            shared.messages.push(said);
            StatusCode::ACCEPTED.into_response()
        }
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

fn futures<T: Send + 'static>(
    receiver: mpsc::UnboundedReceiver<T>,
) -> impl futures_util::Stream<Item = T> + Send + 'static {
    futures_util::stream::unfold(
        receiver,
        |mut receiver| async move { Some((receiver.recv().await?, receiver)) },
    )
}

fn subscribed() -> event::Subscribed {
    let capability = v1::framework_info::capability::Type::TaskKillingState as i32;
    event::Subscribed {
        framework_info: v1::FrameworkInfo {
            user: "root".to_owned(),
            name: "kafka".to_owned(),
            checkpoint: Some(true),
            capabilities: vec![v1::framework_info::Capability { r#type: Some(capability) }],
            ..Default::default()
        },
        executor_info: v1::ExecutorInfo {
            executor_id: v1::ExecutorId { value: "E".to_owned() },
            ..Default::default()
        },
        agent_info: v1::AgentInfo { hostname: "localhost".to_owned(), ..Default::default() },
        container_id: None,
    }
}
