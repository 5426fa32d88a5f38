//! One connection to one broker.
//!
//! Requests go one after another, each with a deadline. Their versions are the newest both sides know, found with
//! ApiVersions at the start (D27): first in its version 3, then, where a broker from before 2.4 answers
//! `UNSUPPORTED_VERSION`, in version 0. A request that was cut off, by its deadline or because its future was dropped,
//! takes the connection with it: its answer could still arrive and be taken for another's.
//!
//! A further request is an `impl Call` in `call.rs` and a method in a file of its own.

use std::{collections::BTreeMap, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::{
    ResponseError,
    messages::{ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

pub(crate) use self::{call::ANSWERS, groups::DEAD, pipeline::Receiver, topics::wire_name};
use self::{call::Call, transport::Transport};
pub use self::{
    configs::TopicConfigs,
    elections::Elected,
    error::Error,
    groups::{Group, Listed, Member},
    logdirs::{LogDir, Replica},
    metadata::{Metadata, TopicMetadata, Topics},
    offsets::{At, Offsets},
    options::Options,
    quorum::{Description, Node, Quorum},
    reassignments::{Answers, Moving},
    settings::{AlterError, Change, Resource, Setting, Settings, Source},
    topics::{CreateError, Created},
};
use crate::{decode::decode, error::KafkaError, frame};

mod call;
mod change;
mod configs;
mod elections;
mod error;
mod groups;
mod lines;
mod logdirs;
mod metadata;
mod offsets;
mod options;
mod pipeline;
mod quorum;
mod reassignments;
pub mod records;
#[cfg(feature = "security")]
mod sasl;
#[cfg(feature = "security")]
pub mod security;
mod settings;
mod topics;
mod transport;

/// A connection, its versions negotiated.
#[derive(Debug)]
pub struct Connection {
    address: String,
    client_id: StrBytes,
    timeout: Duration,
    versions: ApiVersions,
    correlation: i32,
    /// Taken out while a request is under way.
    stream: Option<Stream>,
}

/// First and last version a broker serves, by API key.
pub type ApiVersions = BTreeMap<i16, (i16, i16)>;

#[derive(Debug)]
struct Stream {
    socket: Box<dyn Transport>,
    decoder: frame::Decoder,
}

impl Connection {
    /// Connects to `address` (`host:port`) and negotiates versions, both together within the limit of one request.
    ///
    /// # Errors
    /// Whatever keeps it from answering ApiVersions.
    pub async fn connect(address: &str, options: &Options) -> Result<Self, Error> {
        let (call, limit) = (ApiVersionsRequest::NAME, options.timeout);
        let negotiate = async {
            let socket = transport::tcp(address)
                .await
                .map_err(|source| Error::Connect { address: address.to_owned(), source })?;
            #[cfg(not(feature = "security"))]
            let socket: Box<dyn Transport> = Box::new(socket);
            #[cfg(feature = "security")]
            let socket: Box<dyn Transport> = match &options.security.tls {
                None => Box::new(socket),
                Some(tls) => {
                    let tls = tls.connect(address, socket).await;
                    Box::new(tls.map_err(|source| Error::Tls { address: address.to_owned(), source })?)
                }
            };
            let mut connection = Self {
                address: address.to_owned(),
                client_id: StrBytes::from_string(options.client_id.clone()),
                timeout: limit,
                versions: ApiVersions::new(),
                correlation: 0,
                stream: Some(Stream { socket, decoder: frame::Decoder::with_limit(options.longest) }),
            };
            connection.versions = connection.negotiate().await?;
            #[cfg(feature = "security")]
            if let Some(sasl) = &options.security.sasl {
                connection.authenticate(sasl).await?;
            }
            Ok(connection)
        };
        let late = || Error::Timeout { address: address.to_owned(), call, after: limit };
        timeout(limit, negotiate).await.map_err(|_| late())?
    }

    /// The broker this leads to, as it was given.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the broker serves, as it said when the connection was made.
    pub fn api_versions(&self) -> &ApiVersions {
        &self.versions
    }

    /// Whether it can take another request: none was cut off.
    pub fn is_usable(&self) -> bool {
        self.stream.is_some()
    }

    /// Whether the broker has neither closed it nor said something nobody asked for. Does not wait.
    pub(crate) fn is_open(&mut self) -> bool {
        self.stream.as_mut().is_some_and(|stream| transport::is_quiet(&mut *stream.socket))
    }

    async fn negotiate(&mut self) -> Result<ApiVersions, Error> {
        let call = ApiVersionsRequest::NAME;
        let modern = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("kafka-mesos"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let (mut body, mut version) = (self.exchange(3, &modern).await?, 3);
        // A broker that does not know version 3 answers in version 0, which starts with the error.
        if body.get(..2) == Some(&ResponseError::UnsupportedVersion.code().to_be_bytes()) {
            version = 0;
            body = self.exchange(0, &ApiVersionsRequest::default()).await?;
        }
        let response = decode::<ApiVersionsResponse>(&body, version)
            .map_err(|source| self.codec(call, version, source))?;
        if let Some(error) = KafkaError::from_code(response.error_code, None) {
            return Err(self.refused(call, error));
        }
        let ranges = response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version)));
        Ok(ranges.collect())
    }

    /// Asks in the newest version both sides know; `request` makes it for that version.
    async fn call<C: Call>(&mut self, request: impl FnOnce(i16) -> C) -> Result<C::Response, Error> {
        let version = agree(C::VERSIONS, self.versions.get(&C::KEY).copied()).map_err(|theirs| {
            let (address, ours) = (self.address.clone(), C::VERSIONS);
            Error::Version { address, call: C::NAME, ours, theirs, since: C::SINCE }
        })?;
        let (limit, address) = (self.timeout, self.address.clone());
        let request = request(version);
        let answer = timeout(limit, self.exchange(version, &request)).await;
        let body = answer.map_err(|_| Error::Timeout { address, call: C::NAME, after: limit })??;
        decode(&body, version).map_err(|source| self.codec(C::NAME, version, source))
    }

    /// Sends a request and gives the body of its answer. The connection is only kept if all went well.
    async fn exchange<C: Call>(&mut self, version: i16, request: &C) -> Result<Bytes, Error> {
        let (address, call) = (self.address.clone(), C::NAME);
        let mut stream = self.stream.take().ok_or_else(|| Error::Gone { address: address.clone() })?;
        self.correlation = self.correlation.wrapping_add(1);
        let message = self.encode(version, request)?;
        let io = |source| Error::Io { address: address.clone(), call, source };
        stream.socket.write_all(&message).await.map_err(io)?;
        // TLS keeps what the socket did not take at once: without this the end of a long request would stay here.
        stream.socket.flush().await.map_err(io)?;
        let frame = loop {
            let next = stream.decoder.take();
            let unreadable = |source| match source {
                frame::Error::TooLong { bytes, limit } => {
                    Error::TooLong { address: address.clone(), call, bytes, limit }
                }
                source => Error::Frame { address: address.clone(), call, source },
            };
            match next.map_err(unreadable)? {
                Some(frame) => break frame,
                None if stream.socket.read_buf(stream.decoder.buffer()).await.map_err(io)? == 0 => {
                    return Err(Error::Closed { address, call });
                }
                None => {}
            }
        };
        if frame.correlation != self.correlation {
            return Err(Error::Correlation {
                address,
                call,
                expected: self.correlation,
                got: frame.correlation,
            });
        }
        // The codec's header holds the correlation id that the decoder has already taken off.
        let mut body = BytesMut::with_capacity(4 + frame.body.len());
        body.extend_from_slice(&frame.correlation.to_be_bytes());
        body.extend_from_slice(&frame.body);
        let mut body = body.freeze();
        ResponseHeader::decode(&mut body, C::Response::header_version(version))
            .map_err(|source| self.codec(call, version, source))?;
        self.stream = Some(stream);
        Ok(body.copy_to_bytes(body.remaining()))
    }

    fn encode<C: Call>(&self, version: i16, request: &C) -> Result<Bytes, Error> {
        let header = RequestHeader::default()
            .with_request_api_key(C::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(self.client_id.clone()));
        let mut message = BytesMut::new();
        header
            .encode(&mut message, C::header_version(version))
            .and_then(|()| request.encode(&mut message, version))
            .map_err(|source| self.codec(C::NAME, version, source))?;
        frame::seal(&message).map_err(|source| Error::Frame {
            address: self.address.clone(),
            call: C::NAME,
            source,
        })
    }

    /// How long a broker may work at a change, in milliseconds: a little less than we wait, so that its own words
    /// reach the user.
    fn patience(&self) -> i32 {
        i32::try_from(self.timeout.as_millis() * 9 / 10).unwrap_or(i32::MAX)
    }

    fn codec(&self, call: &'static str, version: i16, source: impl Into<BoxedError>) -> Error {
        Error::Codec { address: self.address.clone(), call, version, source: source.into() }
    }

    fn refused(&self, call: &'static str, source: KafkaError) -> Error {
        Error::Refused { address: self.address.clone(), call, source }
    }
}

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// The newest version in both ranges, or theirs in words.
fn agree(ours: (i16, i16), theirs: Option<(i16, i16)>) -> Result<i16, String> {
    let Some((first, last)) = theirs else { return Err("no version".to_owned()) };
    let newest = ours.1.min(last);
    if newest < ours.0.max(first) { Err(format!("versions {first} to {last}")) } else { Ok(newest) }
}

#[cfg(test)]
#[path = "client/tests.rs"]
mod tests;
