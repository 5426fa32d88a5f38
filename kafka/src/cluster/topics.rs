//! Topics where Kafka keeps them: in ZooKeeper, which tells them while no broker answers too, or with KRaft (D43).
//!
//! Which of them it is, is seen by whether Kafka has ever written its topics into ZooKeeper.

use std::collections::BTreeMap;

use super::{AskError, Cluster, NoBroker};
use crate::{
    client::{Connection, Error, Topics},
    partition::{PartitionState, TopicState},
    topic::TopicName,
    zookeeper::{self, ZooKeeper},
};

/// The version of a partition's state that KRaft's are shown in (D43).
const STATE_VERSION: i32 = 1;

/// Why the topics are not known.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// ZooKeeper did not tell.
    #[error(transparent)]
    ZooKeeper(#[from] zookeeper::Error),
    /// It keeps none, and the brokers did not tell.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl Cluster {
    /// The names of all topics, sorted, Kafka's own included.
    ///
    /// # Errors
    /// ZooKeeper does not tell, or no broker does where KRaft keeps them.
    pub async fn topics(&self, zookeeper: &ZooKeeper) -> Result<Vec<String>, TopicsError> {
        let topics = zookeeper.topics().await?;
        if !topics.is_empty() || zookeeper.keeps_topics().await? {
            return Ok(topics);
        }
        let known = nobody_knows_none(self.metadata(Topics::All).await)?;
        Ok(known.map(|known| known.topics.into_keys().collect()).unwrap_or_default())
    }

    /// One topic with its partitions' states (S-103), `None` where there is no such topic.
    ///
    /// # Errors
    /// ZooKeeper does not tell, or no broker does where KRaft keeps it.
    pub async fn topic(
        &self,
        zookeeper: &ZooKeeper,
        name: &TopicName,
    ) -> Result<Option<TopicState>, TopicsError> {
        if let Some(topic) = zookeeper.topic(name.as_str()).await? {
            return Ok(Some(topic));
        }
        if zookeeper.keeps_topics().await? {
            return Ok(None);
        }
        let mut failed = 0;
        loop {
            match self.topic_once(name).await {
                Err(error) if self.others(&error, &mut failed) => {}
                result => return Ok(nobody_knows_none(result)?.flatten()),
            }
        }
    }

    async fn topic_once(&self, name: &TopicName) -> Result<Option<TopicState>, AskError> {
        let mut connection = self.any().await?;
        if let Some(found) = described(&mut connection, name).await? {
            return Ok(Some(found));
        }
        // One broker learns of a new topic later than another.
        let mut other = self.best().await?;
        Ok(described(&mut other, name).await?)
    }
}

/// Where no broker was ever there, nobody has topics.
fn nobody_knows_none<T>(answer: Result<T, AskError>) -> Result<Option<T>, AskError> {
    match answer {
        Err(AskError::NoBroker(NoBroker { tried })) if tried.is_empty() => Ok(None),
        answer => answer.map(Some),
    }
}

/// A topic as a broker of a KRaft cluster has it. The epoch is asked only of a topic that exists: where there is none, a
/// broker that knows no quorum can say so too.
async fn described(connection: &mut Connection, name: &TopicName) -> Result<Option<TopicState>, Error> {
    let Some(partitions) = connection.led(name).await? else { return Ok(None) };
    let controller_epoch = connection.quorum().await?.leader_epoch;
    let (mut assignment, mut states) = (BTreeMap::new(), BTreeMap::new());
    for (number, partition) in partitions {
        let state = PartitionState {
            controller_epoch,
            isr: partition.isr,
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
            version: STATE_VERSION,
        };
        states.insert(number, state);
        assignment.insert(number, partition.replicas);
    }
    Ok(Some(TopicState { assignment, states }))
}
