//! One request to one broker and nothing else: how a test learns what is so without the client it tests.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, DescribeQuorumRequest, DescribeQuorumResponse, MetadataRequest, MetadataResponse,
        RequestHeader, ResponseHeader, TopicName,
        describe_quorum_request::{PartitionData, TopicData},
    },
    protocol::{Decodable, Encodable, HeaderVersion, StrBytes},
};

/// How long a broker may take that does answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks `address` (`host:port`) in this version of the request.
pub(crate) fn ask<Q, A>(address: &str, key: ApiKey, version: i16, request: &Q) -> io::Result<A>
where
    Q: Encodable + HeaderVersion,
    A: Decodable + HeaderVersion,
{
    let mut message = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(7);
    header.encode(&mut message, Q::header_version(version)).map_err(io::Error::other)?;
    request.encode(&mut message, version).map_err(io::Error::other)?;
    let mut socket = TcpStream::connect_timeout(&address.parse().map_err(io::Error::other)?, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(&u32::try_from(message.len()).unwrap().to_be_bytes())?;
    socket.write_all(&message)?;
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut answer)?;
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, A::header_version(version)).map_err(io::Error::other)?;
    let body = A::decode(&mut answer, version).map_err(io::Error::other)?;
    assert_eq!(answer.remaining(), 0, "bytes are left of an answer of {address}");
    Ok(body)
}

/// Brokers, controller and all topics, as the broker at `address` has them.
pub(crate) fn metadata(address: &str) -> io::Result<MetadataResponse> {
    ask(address, ApiKey::Metadata, 7, &MetadataRequest::default().with_topics(None))
}

/// The epoch in which the controller at `address` leads the others, if it does.
pub(crate) fn leads(address: &str) -> Option<i32> {
    let topic = TopicData::default()
        .with_topic_name(TopicName(StrBytes::from_static_str("__cluster_metadata")))
        .with_partitions(vec![PartitionData::default()]);
    let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
    let answer: DescribeQuorumResponse = ask(address, ApiKey::DescribeQuorum, 0, &request).ok()?;
    let partition = answer.topics.first()?.partitions.first()?;
    (partition.error_code == 0).then_some(partition.leader_epoch)
}
