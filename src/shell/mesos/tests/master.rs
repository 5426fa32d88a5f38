//! A master whose streams and answers a test writes.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use ::mesos::{
    Encoding, recordio,
    v1::{
        FrameworkId, TaskStatus,
        scheduler::{
            Call, Event, call,
            event::{self, Type},
        },
    },
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::Response,
    routing::post,
};
use tokio::sync::mpsc;

/// Every SUBSCRIBE gets a stream that begins with SUBSCRIBED; every other call gets `status`.
#[derive(Clone)]
pub(super) struct Master {
    status: u16,
    streams: Arc<Mutex<Vec<mpsc::Sender<Bytes>>>>,
}

impl Master {
    /// Starts one on a free port.
    pub(super) async fn start(status: u16) -> (Self, SocketAddr) {
        let master = Self { status, streams: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/api/v1/scheduler", post(answer)).with_state(master.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (master, address)
    }

    /// How many SUBSCRIBEs came.
    pub(super) fn subscribes(&self) -> usize {
        self.streams.lock().unwrap().len()
    }

    /// ERROR on the latest stream.
    pub(super) fn error(&self, message: &str) {
        let error = event::Error { message: message.to_owned() };
        self.send(&Event { r#type: Some(Type::Error.into()), error: Some(error), ..Default::default() });
    }

    /// UPDATE on the latest stream.
    pub(super) fn update(&self, message: &str) {
        let status = TaskStatus { message: Some(message.to_owned()), ..Default::default() };
        let update = Some(event::Update { status });
        self.send(&Event { r#type: Some(Type::Update.into()), update, ..Default::default() });
    }

    fn send(&self, event: &Event) {
        let streams = self.streams.lock().unwrap();
        streams.last().unwrap().try_send(record(event)).unwrap();
    }
}

fn record(event: &Event) -> Bytes {
    recordio::encode(&Encoding::Protobuf.encode(event)).into()
}

async fn answer(State(master): State<Master>, body: Bytes) -> Response<Body> {
    let call: Call = Encoding::Protobuf.decode(&body).unwrap();
    if call.r#type() != call::Type::Subscribe {
        return Response::builder().status(master.status).body("as told".into()).unwrap();
    }
    let (events, stream) = mpsc::channel(16);
    let framework_id = FrameworkId { value: "F-1".to_owned() };
    let subscribed = Some(event::Subscribed { framework_id, ..Default::default() });
    let first = Event { r#type: Some(Type::Subscribed.into()), subscribed, ..Default::default() };
    events.try_send(record(&first)).unwrap();
    master.streams.lock().unwrap().push(events);
    let stream = futures_util::stream::unfold(stream, |mut stream| async {
        stream.recv().await.map(|bytes| (Ok::<_, Infallible>(bytes), stream))
    });
    Response::builder()
        .header("content-type", Encoding::Protobuf.media_type())
        .header("mesos-stream-id", "s-1")
        .body(Body::from_stream(stream))
        .unwrap()
}
