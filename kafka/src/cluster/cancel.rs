//! Stopping partitions on their way, whatever happens between request and answer.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::ResponseError;

use super::{AdminError, Cluster, Outcome, PATIENCE, attempts::Attempts};
use crate::{
    client::Moving,
    retry::Retry,
    topic::{TopicName, TopicPartition},
};

impl Cluster {
    /// Stops what is on its way, of all topics or of those given: each partition keeps the replicas it had. What is over
    /// already is left out. Where an answer is lost and it is asked again, nothing is on its way any more, also because it was
    /// stopped: then it is looked where the replicas are.
    ///
    /// # Errors
    /// No answer of use.
    pub async fn cancel(&self, topics: Option<&BTreeSet<TopicName>>) -> Result<Outcome, AdminError> {
        let moving = self.reassignments().await?;
        let meant =
            |partition: &&TopicPartition| topics.is_none_or(|topics| topics.contains(&partition.topic));
        let wanted: BTreeMap<_, _> =
            moving.keys().filter(meant).map(|partition| (partition.clone(), None)).collect();
        if wanted.is_empty() {
            return Ok(Outcome::default());
        }
        let mut attempts = Attempts::new();
        let mut outcome = Outcome::from(self.alter_reassignments(&wanted, &mut attempts).await?);
        let (over, refused): (BTreeMap<_, _>, _) = outcome
            .refused
            .into_iter()
            .partition(|(_, error)| error.is(ResponseError::NoReassignmentInProgress));
        outcome.refused = refused;
        if let Some(lost) = attempts.lost() {
            let over = over.into_keys().filter_map(|partition| Some((moving.get(&partition)?, partition)));
            let over = over.map(|(moving, partition)| (partition, moving)).collect();
            outcome.started.extend(self.stopped(over).await.ok_or(lost)?);
        }
        Ok(outcome)
    }

    /// Of partitions that were on their way so, and are no more, those that were stopped. `None` where the controller's
    /// broker does not say in time: it hears of it later than the controller, and its answers may be lost too.
    async fn stopped(&self, mut over: BTreeMap<TopicPartition, &Moving>) -> Option<BTreeSet<TopicPartition>> {
        let topics: BTreeSet<TopicName> = over.keys().map(|partition| partition.topic.clone()).collect();
        let topics: Vec<TopicName> = topics.into_iter().collect();
        let (mut stopped, mut retry) = (BTreeSet::new(), Retry::new(PATIENCE));
        while !over.is_empty() {
            match self.controllers_metadata(&topics).await {
                Ok(metadata) => over.retain(|partition, moving| {
                    let topic = metadata.topics.get(partition.topic.as_str());
                    let state = topic.and_then(|topic| topic.partitions.get(&partition.number));
                    let end = state.map(|state| end(&state.replicas, moving));
                    if end == Some(End::Stopped) {
                        stopped.insert(partition.clone());
                    }
                    end == Some(End::Unknown)
                }),
                Err(error) => tracing::debug!(%error, "what was cancelled is looked for again"),
            }
            if !over.is_empty() && !retry.again().await {
                return None;
            }
        }
        Some(stopped)
    }
}

/// How a partition's way has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It has the replicas it had.
    Stopped,
    /// It has those it was to have.
    Arrived,
    /// Whoever was asked does not know yet.
    Unknown,
}

/// How the way of a partition that has these replicas has ended.
fn end(replicas: &[u32], moving: &Moving) -> End {
    let without = |gone: &[u32]| -> BTreeSet<u32> {
        moving.replicas.iter().filter(|id| !gone.contains(id)).copied().collect()
    };
    let now: BTreeSet<u32> = replicas.iter().copied().collect();
    // As on its way. Where it only gains replicas it has just these once it has arrived too, and where it only loses some,
    // once it was stopped: so that alone does not tell.
    if now == without(&[]) {
        End::Unknown
    } else if now == without(&moving.adding) {
        End::Stopped
    } else if now == without(&moving.removing) {
        End::Arrived
    } else {
        End::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_its_replicas_are_tells_how_it_ended() {
        let moving = Moving { replicas: vec![0, 2, 1], adding: vec![2], removing: vec![1] };
        assert_eq!(end(&[1, 0], &moving), End::Stopped);
        assert_eq!(end(&[0, 2], &moving), End::Arrived);
        assert_eq!(end(&[0, 2, 1], &moving), End::Unknown);
        // Somebody has sent it elsewhere since.
        assert_eq!(end(&[3], &moving), End::Unknown);
        // What only grows, or only shrinks, is on its way as one of its ends.
        let grows = Moving { replicas: vec![0, 1, 2], adding: vec![2], removing: vec![] };
        assert_eq!(end(&[0, 1], &grows), End::Stopped);
        assert_eq!(end(&[0, 1, 2], &grows), End::Unknown);
        let shrinks = Moving { replicas: vec![0, 1, 2], adding: vec![], removing: vec![2] };
        assert_eq!(end(&[0, 1], &shrinks), End::Arrived);
        assert_eq!(end(&[0, 1, 2], &shrinks), End::Unknown);
    }
}
