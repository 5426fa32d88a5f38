//! The requests of an administrator.

use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, ApiKey, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
    DescribeClusterRequest, DescribeClusterResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    ElectLeadersRequest, ElectLeadersResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ListGroupsRequest, ListGroupsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};

use super::Call;

macro_rules! calls {
    ($($name:ident: $request:ty => $response:ty, $versions:expr, $since:literal;)+) => {
        $(
            impl Call for $request {
                const KEY: i16 = ApiKey::$name as i16;
                const NAME: &'static str = stringify!($name);
                const VERSIONS: (i16, i16) = $versions;
                const SINCE: &'static str = $since;
                type Response = $response;
            }
        )+
    };
}

calls! {
    IncrementalAlterConfigs: IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse,
        (0, 1), "Kafka 2.3 (KIP-339)";
    AlterConfigs: AlterConfigsRequest => AlterConfigsResponse, (0, 2), "Kafka 0.11";
    // Version 1 changes how a change of the replication factor is allowed, which we do not restrict.
    AlterPartitionReassignments: AlterPartitionReassignmentsRequest => AlterPartitionReassignmentsResponse,
        (0, 0), "Kafka 2.4 (KIP-455)";
    ListPartitionReassignments: ListPartitionReassignmentsRequest => ListPartitionReassignmentsResponse,
        (0, 0), "Kafka 2.4 (KIP-455)";
    ElectLeaders: ElectLeadersRequest => ElectLeadersResponse, (0, 2), "Kafka 2.2 (KIP-183)";
    // Version 0, of Kafka 1.0, is not in the codec crate.
    DescribeLogDirs: DescribeLogDirsRequest => DescribeLogDirsResponse, (1, 4), "Kafka 2.0";
    ListGroups: ListGroupsRequest => ListGroupsResponse, (0, 5), "Kafka 0.9";
    // From 6 on a group that does not exist is an error; before it is a dead one.
    DescribeGroups: DescribeGroupsRequest => DescribeGroupsResponse, (0, 5), "Kafka 0.9";
    ConsumerGroupDescribe: ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse,
        (0, 1), "Kafka 3.7 (KIP-848)";
    // From 8 on several groups are asked for at once; before 2 not all partitions.
    OffsetFetch: OffsetFetchRequest => OffsetFetchResponse, (2, 7), "Kafka 0.10.2";
    // From 4 on several keys are asked for at once.
    FindCoordinator: FindCoordinatorRequest => FindCoordinatorResponse, (0, 3), "Kafka 0.9";
    DescribeCluster: DescribeClusterRequest => DescribeClusterResponse, (0, 1), "Kafka 2.8 (KIP-700)";
    DescribeQuorum: DescribeQuorumRequest => DescribeQuorumResponse, (0, 1), "Kafka 3.3 (KIP-836), with KRaft";
}
