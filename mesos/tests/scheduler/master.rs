//! A master that answers as it is told, and remembers what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::post;
use mesos::v1::scheduler::{Call, Event, call, event};
use mesos::v1::{FrameworkId, scheduler};
use mesos::{Encoding, recordio};
use tokio::sync::mpsc;

/// What one SUBSCRIBE is answered.
pub(crate) enum Answer {
    Status(u16, &'static str),
    Redirect(String),
    /// A stream with this id, of the given type, fed by the channel.
    Stream(&'static str, &'static str, mpsc::UnboundedReceiver<Vec<u8>>),
    /// The connection is kept, nothing is said.
    Silence,
}

/// A call as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) call: Call,
    pub(crate) stream_id: Option<String>,
    pub(crate) peer: SocketAddr,
}

#[derive(Clone, Default)]
pub(crate) struct Master {
    subscriptions: Arc<Mutex<VecDeque<Answer>>>,
    calls: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Master {
    /// Starts one on a free port; its address is `host:port`.
    pub(crate) async fn start() -> (Self, String) {
        let master = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().route("/api/v1/scheduler", post(answer)).with_state(master.clone());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        (master, address)
    }

    /// The next SUBSCRIBE gets this answer.
    pub(crate) fn then(&self, answer: Answer) -> &Self {
        self.subscriptions.lock().unwrap().push_back(answer);
        self
    }

    /// The next SUBSCRIBE gets a stream.
    pub(crate) fn then_stream(&self, stream_id: &'static str) -> Stream {
        let (bytes, stream) = mpsc::unbounded_channel();
        self.then(Answer::Stream(stream_id, "application/x-protobuf", stream));
        Stream(bytes)
    }

    /// The next call that is no SUBSCRIBE gets this answer instead of 202.
    pub(crate) fn then_call(&self, status: u16, text: &'static str) {
        self.calls.lock().unwrap().push_back((status, text));
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn subscribes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.call.r#type() == call::Type::Subscribe).collect()
    }
}

async fn answer(
    State(master): State<Master>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
    let call: Call = Encoding::Protobuf.decode(&body).unwrap();
    let subscribing = call.r#type() == call::Type::Subscribe;
    master.seen.lock().unwrap().push(Seen { call, stream_id: header("mesos-stream-id"), peer });
    let status = |code: u16| Response::builder().status(StatusCode::from_u16(code).unwrap());
    if !subscribing {
        let (code, text) = master.calls.lock().unwrap().pop_front().unwrap_or((202, ""));
        return status(code).body(Body::from(text)).unwrap();
    }
    assert_eq!(header("accept").as_deref(), Some("application/x-protobuf"));
    let next = master.subscriptions.lock().unwrap().pop_front();
    match next.unwrap_or(Answer::Status(503, "nothing planned")) {
        Answer::Status(code, text) => status(code).body(Body::from(text)).unwrap(),
        Answer::Redirect(to) => status(307).header("location", to).body(Body::empty()).unwrap(),
        Answer::Silence => std::future::pending().await,
        Answer::Stream(stream_id, content_type, stream) => {
            let stream = futures_util::stream::unfold(stream, |mut stream| async {
                stream.recv().await.map(|bytes| (Ok::<_, Infallible>(Bytes::from(bytes)), stream))
            });
            status(200)
                .header("content-type", content_type)
                .header("mesos-stream-id", stream_id)
                .body(Body::from_stream(stream))
                .unwrap()
        }
    }
}

/// The sending end of a stream; dropping it ends the stream.
pub(crate) struct Stream(mpsc::UnboundedSender<Vec<u8>>);

impl Stream {
    pub(crate) fn raw(&self, bytes: &[u8]) {
        self.0.send(bytes.to_vec()).unwrap();
    }

    pub(crate) fn send(&self, event: &Event) {
        self.raw(&recordio::encode(&Encoding::Protobuf.encode(event)));
    }

    /// SUBSCRIBED with the id `F-1` and a heartbeat at once, as Mesos does.
    pub(crate) fn subscribed(&self, interval: f64) {
        self.send(&Event {
            r#type: Some(event::Type::Subscribed.into()),
            subscribed: Some(event::Subscribed {
                framework_id: FrameworkId { value: "F-1".to_owned() },
                heartbeat_interval_seconds: Some(interval),
                master_info: None,
            }),
            ..Default::default()
        });
        self.heartbeat();
    }

    pub(crate) fn heartbeat(&self) {
        self.send(&Event { r#type: Some(event::Type::Heartbeat.into()), ..Default::default() });
    }

    pub(crate) fn error(&self, message: &str) {
        self.send(&Event {
            r#type: Some(event::Type::Error.into()),
            error: Some(event::Error { message: message.to_owned() }),
            ..Default::default()
        });
    }

    pub(crate) fn rescind(&self, offer: &str) {
        self.send(&Event {
            r#type: Some(scheduler::event::Type::Rescind.into()),
            rescind: Some(event::Rescind { offer_id: mesos::v1::OfferId { value: offer.to_owned() } }),
            ..Default::default()
        });
    }
}
