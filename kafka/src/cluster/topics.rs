//! Topics where Kafka keeps them (D27): in ZooKeeper, which tells them while no broker answers too, or with KRaft (D43).

use std::collections::BTreeMap;

use super::{AskError, Cluster};
use crate::{
    client::{Connection, Error, Topics},
    keeper::Keeper,
    partition::{PartitionState, TopicState},
    topic::TopicName,
    zookeeper,
};

/// The version of a partition's state that KRaft's are shown in (D43).
const STATE_VERSION: i32 = 1;

/// Why the topics are not known.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// ZooKeeper did not tell.
    #[error(transparent)]
    ZooKeeper(#[from] zookeeper::Error),
    /// KRaft keeps them, and the brokers did not tell.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl Cluster {
    /// The names of all topics, sorted, Kafka's own included.
    ///
    /// # Errors
    /// ZooKeeper does not tell, or no broker does where KRaft keeps them.
    pub async fn topics(&self, keeper: &Keeper) -> Result<Vec<String>, TopicsError> {
        match keeper {
            Keeper::ZooKeeper(zookeeper) => Ok(zookeeper.topics().await?),
            Keeper::KRaft => Ok(self.metadata(Topics::All).await?.topics.into_keys().collect()),
        }
    }

    /// One topic with its partitions' states (S-103), `None` where there is no such topic.
    ///
    /// # Errors
    /// ZooKeeper does not tell, or no broker does where KRaft keeps it.
    pub async fn topic(&self, keeper: &Keeper, name: &TopicName) -> Result<Option<TopicState>, TopicsError> {
        if let Keeper::ZooKeeper(zookeeper) = keeper {
            return Ok(zookeeper.topic(name.as_str()).await?);
        }
        let mut failed = 0;
        loop {
            match self.topic_once(name).await {
                Err(error) if self.others(&error, &mut failed) => {}
                result => return Ok(result?),
            }
        }
    }

    async fn topic_once(&self, name: &TopicName) -> Result<Option<TopicState>, AskError> {
        let mut connection = self.any().await?;
        if let Some(found) = described(&mut connection, name).await? {
            return Ok(Some(found));
        }
        // One broker learns of a new topic later than another: that there is none is not one's word alone.
        let brokers = connection.metadata(Topics::None).await?;
        Ok(described(&mut *self.controller(&brokers).await?, name).await?)
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
