//! The requests this program makes, and in which of their versions.

use bytes::Bytes;
#[cfg(feature = "security")]
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::{
    messages::{
        AlterConfigsRequest, AlterPartitionReassignmentsRequest, ApiKey, ApiVersionsRequest,
        ApiVersionsResponse, ConsumerGroupDescribeRequest, CreatePartitionsRequest, CreatePartitionsResponse,
        CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
        DescribeClusterRequest, DescribeConfigsRequest, DescribeConfigsResponse, DescribeGroupsRequest,
        DescribeLogDirsRequest, DescribeQuorumRequest, DescribeTopicPartitionsRequest,
        DescribeTopicPartitionsResponse, ElectLeadersRequest, FetchRequest, FetchResponse,
        FindCoordinatorRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest,
        InitProducerIdResponse, ListGroupsRequest, ListOffsetsRequest, ListOffsetsResponse,
        ListPartitionReassignmentsRequest, MetadataRequest, MetadataResponse, OffsetFetchRequest,
        ProduceRequest, ProduceResponse,
    },
    protocol::{Decodable, Encodable, HeaderVersion},
};

use crate::decode::decode;

mod admin;

/// A request with all that asking it takes.
pub(crate) trait Call: Encodable + HeaderVersion {
    /// Kafka's number of it.
    const KEY: i16;
    /// Kafka's name of it.
    const NAME: &'static str;
    /// First and last version we ask in.
    const VERSIONS: (i16, i16);
    /// The first Kafka that serves one of them, with its KIP where that is how it is known.
    const SINCE: &'static str;
    /// Its answer.
    type Response: Decodable + HeaderVersion;
}

impl Call for ApiVersionsRequest {
    const KEY: i16 = ApiKey::ApiVersions as i16;
    const NAME: &'static str = "ApiVersions";
    const VERSIONS: (i16, i16) = (0, 3);
    const SINCE: &'static str = "Kafka 0.10";
    type Response = ApiVersionsResponse;
}

impl Call for MetadataRequest {
    const KEY: i16 = ApiKey::Metadata as i16;
    const NAME: &'static str = "Metadata";
    // Before 4 asking for a topic could create it.
    const VERSIONS: (i16, i16) = (4, 12);
    const SINCE: &'static str = "Kafka 0.11";
    type Response = MetadataResponse;
}

impl Call for CreateTopicsRequest {
    const KEY: i16 = ApiKey::CreateTopics as i16;
    const NAME: &'static str = "CreateTopics";
    const VERSIONS: (i16, i16) = (2, 7);
    const SINCE: &'static str = "Kafka 0.11";
    type Response = CreateTopicsResponse;
}

impl Call for DescribeConfigsRequest {
    const KEY: i16 = ApiKey::DescribeConfigs as i16;
    const NAME: &'static str = "DescribeConfigs";
    // Version 0, all that Kafka 1.0 has, is not in the codec crate; Kafka 1.1 serves version 1.
    const VERSIONS: (i16, i16) = (1, 4);
    const SINCE: &'static str = "Kafka 1.1";
    type Response = DescribeConfigsResponse;
}

impl Call for ProduceRequest {
    const KEY: i16 = ApiKey::Produce as i16;
    const NAME: &'static str = "Produce";
    // From 13 on topics go by id.
    const VERSIONS: (i16, i16) = (3, 9);
    const SINCE: &'static str = "Kafka 0.11";
    type Response = ProduceResponse;
}

impl Call for InitProducerIdRequest {
    const KEY: i16 = ApiKey::InitProducerId as i16;
    const NAME: &'static str = "InitProducerId";
    const VERSIONS: (i16, i16) = (0, 4);
    const SINCE: &'static str = "Kafka 0.11";
    type Response = InitProducerIdResponse;
}

impl Call for FetchRequest {
    const KEY: i16 = ApiKey::Fetch as i16;
    const NAME: &'static str = "Fetch";
    // From 13 on topics go by id.
    const VERSIONS: (i16, i16) = (4, 12);
    const SINCE: &'static str = "Kafka 0.11";
    type Response = FetchResponse;
}

impl Call for DeleteTopicsRequest {
    const KEY: i16 = ApiKey::DeleteTopics as i16;
    const NAME: &'static str = "DeleteTopics";
    const VERSIONS: (i16, i16) = (1, 6);
    const SINCE: &'static str = "Kafka 0.11";
    type Response = DeleteTopicsResponse;
}

impl Call for CreatePartitionsRequest {
    const KEY: i16 = ApiKey::CreatePartitions as i16;
    const NAME: &'static str = "CreatePartitions";
    const VERSIONS: (i16, i16) = (0, 3);
    const SINCE: &'static str = "Kafka 1.0";
    type Response = CreatePartitionsResponse;
}

impl Call for ListOffsetsRequest {
    const KEY: i16 = ApiKey::ListOffsets as i16;
    const NAME: &'static str = "ListOffsets";
    const VERSIONS: (i16, i16) = (1, 9);
    const SINCE: &'static str = "Kafka 0.10.1";
    type Response = ListOffsetsResponse;
}

impl Call for DescribeTopicPartitionsRequest {
    const KEY: i16 = ApiKey::DescribeTopicPartitions as i16;
    const NAME: &'static str = "DescribeTopicPartitions";
    const VERSIONS: (i16, i16) = (0, 0);
    const SINCE: &'static str = "Kafka 3.8 (KIP-966)";
    type Response = DescribeTopicPartitionsResponse;
}

#[cfg(feature = "security")]
impl Call for SaslHandshakeRequest {
    const KEY: i16 = ApiKey::SaslHandshake as i16;
    const NAME: &'static str = "SaslHandshake";
    // After version 0 the tokens go without frames.
    const VERSIONS: (i16, i16) = (1, 1);
    const SINCE: &'static str = "Kafka 0.10";
    type Response = SaslHandshakeResponse;
}

#[cfg(feature = "security")]
impl Call for SaslAuthenticateRequest {
    const KEY: i16 = ApiKey::SaslAuthenticate as i16;
    const NAME: &'static str = "SaslAuthenticate";
    const VERSIONS: (i16, i16) = (0, 2);
    const SINCE: &'static str = "Kafka 1.0 (KIP-152)";
    type Response = SaslAuthenticateResponse;
}

/// Name, versions and decoder of an answer.
pub(crate) type Answer = (&'static str, (i16, i16), fn(&Bytes, i16));

/// Each answer this program reads, for a fuzzer.
pub(crate) const ANSWERS: &[Answer] = &[
    answer::<ApiVersionsRequest>(),
    answer::<MetadataRequest>(),
    answer::<CreateTopicsRequest>(),
    answer::<DescribeConfigsRequest>(),
    answer::<ProduceRequest>(),
    answer::<FetchRequest>(),
    answer::<DeleteTopicsRequest>(),
    answer::<CreatePartitionsRequest>(),
    answer::<ListOffsetsRequest>(),
    answer::<DescribeTopicPartitionsRequest>(),
    answer::<InitProducerIdRequest>(),
    #[cfg(feature = "security")]
    answer::<SaslHandshakeRequest>(),
    #[cfg(feature = "security")]
    answer::<SaslAuthenticateRequest>(),
    answer::<AlterConfigsRequest>(),
    answer::<AlterPartitionReassignmentsRequest>(),
    answer::<ConsumerGroupDescribeRequest>(),
    answer::<DescribeClusterRequest>(),
    answer::<DescribeGroupsRequest>(),
    answer::<DescribeLogDirsRequest>(),
    answer::<DescribeQuorumRequest>(),
    answer::<ElectLeadersRequest>(),
    answer::<FindCoordinatorRequest>(),
    answer::<IncrementalAlterConfigsRequest>(),
    answer::<ListGroupsRequest>(),
    answer::<ListPartitionReassignmentsRequest>(),
    answer::<OffsetFetchRequest>(),
];

const fn answer<C: Call>() -> Answer {
    (C::NAME, C::VERSIONS, |body, version| drop(decode::<C::Response>(body, version)))
}
