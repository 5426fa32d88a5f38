//! Groups whose coordinator has just taken over.
#![allow(clippy::disallowed_methods, reason = "a coordinator is looked for for some time")]

use kafka_protocol::messages::{
    DescribeGroupsResponse, FindCoordinatorResponse, OffsetFetchResponse,
    describe_groups_response::DescribedGroup,
    offset_fetch_response::{OffsetFetchResponsePartition, OffsetFetchResponseTopic},
};

use super::*;
use crate::client::DEAD;

const SERVED: &[(ApiKey, i16)] = &[
    (ApiKey::Metadata, 7),
    (ApiKey::FindCoordinator, 2),
    (ApiKey::DescribeGroups, 2),
    (ApiKey::OffsetFetch, 5),
];

/// A coordinator that is not known for as long as a group's absence must be said, then, so often, calls the group dead,
/// which in the middle of that has an offset already.
async fn a_group_after(dead: usize) -> Result<Reading, AdminError> {
    let (only, port) = standin::listener().await;
    let (born, said) = (std::time::Instant::now(), Arc::new(AtomicUsize::new(0)));
    standin::serve(only, SERVED, move |asked| match asked.key {
        ApiKey::Metadata => {
            let mut known = without(&[port], 0);
            known.topics[0].name = Some(StrBytes::from_static_str("__consumer_offsets").into());
            known.topics[0].error_code = 0;
            asked.answer(&known)
        }
        ApiKey::FindCoordinator if born.elapsed() < groups::SETTLING => asked.answer(
            &FindCoordinatorResponse::default()
                .with_error_code(ResponseError::CoordinatorNotAvailable.code()),
        ),
        ApiKey::FindCoordinator => asked.answer(
            &FindCoordinatorResponse::default()
                .with_host(StrBytes::from_static_str("127.0.0.1"))
                .with_port(port.into()),
        ),
        ApiKey::DescribeGroups => {
            let state = if said.fetch_add(1, Ordering::Relaxed) < dead { DEAD } else { "Empty" };
            let group = DescribedGroup::default().with_group_state(StrBytes::from_static_str(state));
            asked.answer(&DescribeGroupsResponse::default().with_groups(vec![group]))
        }
        _ if said.load(Ordering::Relaxed) < 2 => asked.answer(&OffsetFetchResponse::default()),
        _ => {
            let partition = OffsetFetchResponsePartition::default().with_committed_offset(1);
            let topic = OffsetFetchResponseTopic::default()
                .with_name(StrBytes::from_static_str("t").into())
                .with_partitions(vec![partition]);
            asked.answer(&OffsetFetchResponse::default().with_topics(vec![topic]))
        }
    });
    cluster(port).group("readers").await
}

/// D16: what a new coordinator has not read yet is not said to be gone, however long it was looked for.
#[tokio::test]
async fn a_new_coordinator_is_not_believed_at_once() {
    let reading = a_group_after(3).await.unwrap();
    let committed: Vec<_> = reading.partitions.values().map(|lag| lag.committed).collect();
    assert_eq!((reading.group.state.as_str(), committed), ("Empty", vec![Some(1)]));
    // What it goes on saying is believed.
    assert_eq!(a_group_after(usize::MAX).await.unwrap().group.state, DEAD);
}
