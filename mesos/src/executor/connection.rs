//! HTTP to the agent: one connection for the stream, one for calls.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Agent, Options};
use crate::Encoding;
use crate::events::causes;
use crate::v1::executor::Call;

/// The agent is on the same machine: it answers soon or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Time for the answer to a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an error text that are kept.
const MAX_TEXT: usize = 512;

/// One connection; dropping it closes it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Holds the task that moves the bytes, and ends it when dropped.
    _driver: JoinSet<()>,
}

/// Status and the beginning of the text of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Connection {
    pub(super) async fn open(agent: &Agent) -> Result<Self, String> {
        let connecting = TcpStream::connect((agent.host.as_str(), agent.port));
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(format!("cannot connect to {}:{}: {error}", agent.host, agent.port));
            }
            Err(_) => return Err(format!("cannot connect to {}:{}: no answer", agent.host, agent.port)),
        };
        // Calls are small and each is waited for. Without the option they are only slower.
        let _ = stream.set_nodelay(true);
        let handshake = http1::Builder::new().max_buf_size(64 << 10).handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|error| causes(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever waits for an answer gets the error too.
            let _ = connection.await;
        });
        Ok(Self { sender, _driver: driver })
    }

    /// Sends a call and waits for the head of the answer.
    pub(super) async fn post(
        &mut self,
        options: &Options,
        call: &Call,
    ) -> Result<Response<Incoming>, String> {
        let media_type = Encoding::Protobuf.media_type();
        let mut request = Request::post(options.agent.path.as_str())
            .header("host", format!("{}:{}", options.agent.host, options.agent.port))
            .header("content-type", media_type)
            .header("accept", media_type);
        if let Some(token) = &options.token {
            request = request.header("authorization", token.bearer());
        }
        let body = Full::new(Bytes::from(Encoding::Protobuf.encode(call)));
        let request = request.body(body).map_err(|error| causes(&error))?;
        match tokio::time::timeout(CALL_TIMEOUT, self.sender.send_request(request)).await {
            Ok(response) => response.map_err(|error| causes(&error)),
            Err(_) => Err(format!("no answer within {} s", CALL_TIMEOUT.as_secs())),
        }
    }

    fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }
}

/// The connection for calls: opened when it is needed and kept, since order holds only within one connection.
#[derive(Default)]
pub(super) struct Calls(Option<Connection>);

impl Calls {
    /// Makes one call. After an error the connection is not used again.
    pub(super) async fn post(&mut self, options: &Options, call: &Call) -> Result<Answer, String> {
        let mut connection = match self.0.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::open(&options.agent).await?,
        };
        let response = connection.post(options, call).await?;
        let status = response.status().as_u16();
        let text = tokio::time::timeout(CALL_TIMEOUT, text(response))
            .await
            .map_err(|_| "the answer does not end".to_owned())?;
        self.0 = Some(connection);
        Ok(Answer { status, text })
    }
}

/// Reads an answer to its end, so that its connection can be used again; keeps only the beginning.
pub(super) async fn text(response: Response<Incoming>) -> String {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    // The status says what matters: a body that breaks off ends the text and nothing else.
    while let Some(Ok(frame)) = body.frame().await {
        let room = MAX_TEXT.saturating_sub(bytes.len());
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
