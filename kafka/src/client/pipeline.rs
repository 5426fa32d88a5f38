//! A connection as two halves, so that Produce requests are sent while earlier ones are not answered yet. A broker
//! answers one connection's requests in their order.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        InitProducerIdRequest, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader,
        TopicName as WireName,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::{BoxedError, Connection, Error, agree, call::Call, transport::Transport};
use crate::{decode::decode, error::KafkaError, frame, producer::Identity};

/// All in-sync replicas have it, as Kafka's own producer wants by default since 3.0 (KIP-679).
const ACKS_ALL: i16 = -1;
/// From 9 on something follows the records in a request; before, they are its last field and need not be copied.
const VERSIONS: (i16, i16) = (3, 8);

/// Sends Produce requests.
#[derive(Debug)]
pub(crate) struct Sender {
    half: WriteHalf<Box<dyn Transport>>,
    address: String,
    client_id: StrBytes,
    version: i16,
    correlation: i32,
    timeout: i32,
}

/// Receives their answers.
#[derive(Debug)]
pub(crate) struct Receiver {
    half: ReadHalf<Box<dyn Transport>>,
    decoder: frame::Decoder,
    address: String,
    version: i16,
    correlation: i32,
}

impl Connection {
    /// Splits the connection. Brokers wait for their followers for at most half of its limit, so that they say so in
    /// time.
    ///
    /// # Errors
    /// No common version of Produce, or an earlier request was cut off.
    pub(crate) fn pipeline(self) -> Result<(Sender, Receiver), Error> {
        let (call, key) = (ProduceRequest::NAME, <ProduceRequest as Call>::KEY);
        let version = agree(VERSIONS, self.versions.get(&key).copied()).map_err(|theirs| Error::Version {
            address: self.address.clone(),
            call,
            ours: VERSIONS,
            theirs,
            since: ProduceRequest::SINCE,
        })?;
        let Some(stream) = self.stream else { return Err(Error::Gone { address: self.address }) };
        let (read, write) = tokio::io::split(stream.socket);
        let sender = Sender {
            half: write,
            address: self.address.clone(),
            client_id: self.client_id,
            version,
            correlation: self.correlation,
            timeout: i32::try_from(self.timeout.as_millis() / 2).unwrap_or(i32::MAX),
        };
        let receiver = Receiver {
            half: read,
            decoder: stream.decoder,
            address: self.address,
            version,
            correlation: self.correlation,
        };
        Ok((sender, receiver))
    }

    /// A new identity for a producer, under which brokers store a batch once that is sent twice (KIP-98).
    ///
    /// # Errors
    /// Kafka's refusal ([`Error::Refused`]), or no answer of use.
    pub async fn producer_id(&mut self) -> Result<Identity, Error> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let response = self.call(|_| request).await?;
        match KafkaError::from_code(response.error_code, None) {
            Some(error) => Err(self.refused(InitProducerIdRequest::NAME, error)),
            None => Ok(Identity { id: response.producer_id.0, epoch: response.producer_epoch }),
        }
    }
}

impl Sender {
    /// Sends one batch, given as its head and its records.
    pub(crate) async fn send(
        &mut self,
        topic: &WireName,
        partition: u32,
        head: &[u8],
        records: &Bytes,
    ) -> Result<(), Error> {
        self.correlation = self.correlation.wrapping_add(1);
        let mut front = self.front(topic, partition).map_err(|source| self.codec(source))?;
        // The records are encoded as none, of which the last four bytes are the length.
        let length = head.len() + records.len();
        front.truncate(front.len() - 4);
        front.put_u32(u32::try_from(length).map_err(|source| self.codec(source.into()))?);
        front.extend_from_slice(head);
        let size = front.len() - 4 + records.len();
        front[..4]
            .copy_from_slice(&u32::try_from(size).map_err(|source| self.codec(source.into()))?.to_be_bytes());
        let mut message = front.chain(&records[..]);
        let io = |source| Error::Io { address: self.address.clone(), call: ProduceRequest::NAME, source };
        self.half.write_all_buf(&mut message).await.map_err(io)?;
        self.half.flush().await.map_err(io)
    }

    fn front(&self, topic: &WireName, partition: u32) -> Result<BytesMut, BoxedError> {
        let data = PartitionProduceData::default()
            .with_index(partition.cast_signed())
            .with_records(Some(Bytes::new()));
        let topic = TopicProduceData::default().with_name(topic.clone()).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(ACKS_ALL)
            .with_timeout_ms(self.timeout)
            .with_topic_data(vec![topic]);
        let header = RequestHeader::default()
            .with_request_api_key(<ProduceRequest as Call>::KEY)
            .with_request_api_version(self.version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(self.client_id.clone()));
        let mut front = BytesMut::with_capacity(512);
        front.put_u32(0); // the length of all
        header.encode(&mut front, ProduceRequest::header_version(self.version))?;
        request.encode(&mut front, self.version)?;
        Ok(front)
    }

    fn codec(&self, source: BoxedError) -> Error {
        let (address, call) = (self.address.clone(), ProduceRequest::NAME);
        Error::Codec { address, call, version: self.version, source }
    }
}

impl Receiver {
    /// No answer within `after`.
    pub(crate) fn late(&self, after: Duration) -> Error {
        Error::Timeout { address: self.address.clone(), call: ProduceRequest::NAME, after }
    }

    /// The answer to the next request: Kafka's error for its one partition, if there is one.
    pub(crate) async fn receive(&mut self) -> Result<Option<KafkaError>, Error> {
        let (address, call) = (&self.address, ProduceRequest::NAME);
        let frame = loop {
            let next = self.decoder.take();
            match next.map_err(|source| Error::Frame { address: address.clone(), call, source })? {
                Some(frame) => break frame,
                None => {
                    let read = self.half.read_buf(self.decoder.buffer()).await;
                    if read.map_err(|source| Error::Io { address: address.clone(), call, source })? == 0 {
                        return Err(Error::Closed { address: address.clone(), call });
                    }
                }
            }
        };
        self.correlation = self.correlation.wrapping_add(1);
        let (expected, got) = (self.correlation, frame.correlation);
        if got != expected {
            return Err(Error::Correlation { address: address.clone(), call, expected, got });
        }
        let codec = |source| Error::Codec { address: address.clone(), call, version: self.version, source };
        let mut body = BytesMut::with_capacity(4 + frame.body.len());
        body.put_i32(frame.correlation);
        body.extend_from_slice(&frame.body);
        let mut body = body.freeze();
        ResponseHeader::decode(&mut body, ProduceResponse::header_version(self.version))
            .map_err(|source| codec(source.into()))?;
        let response: ProduceResponse = decode(&body, self.version).map_err(codec)?;
        let result = response.responses.first().and_then(|topic| topic.partition_responses.first());
        let result = result.ok_or_else(|| codec("the answer names no partition".into()))?;
        Ok(KafkaError::from_code(result.error_code, result.error_message.as_ref()))
    }
}
