//! A broker made of bytes: what a real one does too seldom for a test to wait for.
#![allow(clippy::disallowed_methods, reason = "a test keeps tasks of its own")]

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, MetadataResponse, RequestHeader, ResponseHeader,
        api_versions_response::ApiVersion, metadata_response::MetadataResponseBroker,
    },
    protocol::{Decodable, Encodable, StrBytes},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A request.
pub(crate) struct Asked {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) body: Bytes,
}

impl Asked {
    /// The answer in the version of the request.
    pub(crate) fn answer(&self, message: &impl Encodable) -> Answer {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes, self.version).unwrap();
        Answer::Message(bytes)
    }

    /// The request itself.
    pub(crate) fn read<T: Decodable>(&self) -> T {
        T::decode(&mut self.body.clone(), self.version).unwrap()
    }
}

/// What becomes of a request.
pub(crate) enum Answer {
    Message(BytesMut),
    Silence,
    HangUp,
}

/// A listener that has its port already.
pub(crate) async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Answers whoever connects, for as long as the test runs. ApiVersions is answered with `served`, each from version 0 on.
pub(crate) fn serve(
    listener: TcpListener,
    served: &'static [(ApiKey, i16)],
    answer: impl Fn(Asked) -> Answer + Clone + Send + Sync + 'static,
) {
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(one(socket, served, answer.clone()));
        }
    });
}

async fn one(mut socket: TcpStream, served: &'static [(ApiKey, i16)], answer: impl Fn(Asked) -> Answer) {
    while let Ok(length) = socket.read_u32().await {
        let mut message = vec![0; length as usize];
        socket.read_exact(&mut message).await.unwrap();
        let mut body = Bytes::from(message);
        let (key, version) = ((&body[..2]).get_i16(), (&body[2..4]).get_i16());
        let key = ApiKey::try_from(key).unwrap();
        let header = RequestHeader::decode(&mut body, key.request_header_version(version)).unwrap();
        let asked = Asked { key, version, body };
        let said = if key == ApiKey::ApiVersions { asked.answer(&versions(served)) } else { answer(asked) };
        let bytes = match said {
            Answer::Message(bytes) => bytes,
            Answer::Silence => continue,
            Answer::HangUp => return,
        };
        let mut message = BytesMut::new();
        let head = ResponseHeader::default().with_correlation_id(header.correlation_id);
        head.encode(&mut message, key.response_header_version(version)).unwrap();
        message.extend_from_slice(&bytes);
        socket.write_all(&crate::frame::seal(&message).unwrap()).await.unwrap();
    }
}

fn versions(served: &[(ApiKey, i16)]) -> ApiVersionsResponse {
    let one =
        |(key, last): &(ApiKey, i16)| ApiVersion::default().with_api_key(*key as i16).with_max_version(*last);
    ApiVersionsResponse::default().with_api_keys(served.iter().map(one).collect())
}

/// Brokers 0, 1, … on these ports of loopback, and no topic.
pub(crate) fn metadata(ports: &[u16]) -> MetadataResponse {
    let brokers = (0..).zip(ports).map(|(id, port)| {
        MetadataResponseBroker::default()
            .with_node_id(id.into())
            .with_host(StrBytes::from_static_str("127.0.0.1"))
            .with_port((*port).into())
    });
    MetadataResponse::default().with_brokers(brokers.collect())
}
