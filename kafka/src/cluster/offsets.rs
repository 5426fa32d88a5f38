//! Offsets of a topic's partitions, each from its leader.

use std::collections::BTreeMap;

use super::{AT_ONCE, AskError, Cluster, NoBroker, PATIENCE, leaders::Leaders};
use crate::{
    client::{At, Error, Offsets},
    error::KafkaError,
    retry::Retry,
    topic::TopicName,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;

/// Why offsets are not known.
#[derive(Debug, thiserror::Error)]
pub enum OffsetsError {
    /// None of the brokers answered.
    #[error(transparent)]
    NoBroker(#[from] NoBroker),
    /// A leader, or whoever was asked for the leaders, gave no answer of use.
    #[error(transparent)]
    Call(#[from] Error),
    /// Only the controller could have told whether there is such a topic.
    #[error("Kafka has no controller at the moment; try again in a few seconds")]
    NoController,
    /// There is no such topic.
    #[error("topic \"{topic}\" does not exist")]
    NotFound {
        /// Its name.
        topic: TopicName,
    },
    /// Nobody leads these partitions, so nobody knows.
    #[error("topic \"{topic}\" has partitions without a leader: {}", listed(.partitions))]
    NoLeader {
        /// The topic.
        topic: TopicName,
        /// The partitions.
        partitions: Vec<u32>,
    },
    /// A leader refused.
    #[error("partition {partition} of topic \"{topic}\": {source}")]
    Refused {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: u32,
        /// Kafka's reason.
        source: KafkaError,
    },
}

fn listed(partitions: &[u32]) -> String {
    partitions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

impl From<AskError> for OffsetsError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoBroker(error) => Self::NoBroker(error),
            AskError::Call(error) => Self::Call(error),
            AskError::NoController => Self::NoController,
        }
    }
}

impl OffsetsError {
    fn is_passing(&self) -> bool {
        match self {
            Self::NoController | Self::NoLeader { .. } => true,
            Self::NoBroker(error) => !error.is_login_refused(),
            Self::Call(error) => error.is_passing(),
            Self::Refused { source, .. } => source.retriable,
            Self::NotFound { .. } => false,
        }
    }
}

impl Cluster {
    /// The offset in every partition of a topic (S-105), `None` where no record is that new. Asked again while leaders
    /// move, so all of them are told or none.
    ///
    /// # Errors
    /// See [`OffsetsError`].
    pub async fn offsets(
        &self,
        topic: &TopicName,
        at: At,
    ) -> Result<BTreeMap<u32, Option<u64>>, OffsetsError> {
        let mut retry = Retry::new(PATIENCE);
        loop {
            match self.offsets_once(topic, at).await {
                Err(error) if error.is_passing() && retry.again().await => {
                    tracing::debug!(%error, %topic, "offsets are asked for again");
                }
                result => return result,
            }
        }
    }

    async fn offsets_once(
        &self,
        topic: &TopicName,
        at: At,
    ) -> Result<BTreeMap<u32, Option<u64>>, OffsetsError> {
        let guess = self.guesses.of(topic);
        let mut guessed = JoinSet::new();
        if let Some(leaders) = guess.clone() {
            let (cluster, topic) = (self.clone(), topic.clone());
            guessed.spawn(async move { cluster.led(&leaders, &topic, at).await });
        }
        let metadata = self.metadata_of(topic).await?;
        let known = metadata.topics.get(topic.as_str()).filter(|known| known.exists());
        let known = known.ok_or_else(|| OffsetsError::NotFound { topic: topic.clone() })?;
        let (mut leaders, mut without) = (BTreeMap::<String, Vec<u32>>::new(), Vec::new());
        for (number, partition) in &known.partitions {
            match partition.leader.and_then(|leader| metadata.brokers.get(&leader)) {
                Some(address) => leaders.entry(address.clone()).or_default().push(*number),
                None => without.push(*number),
            }
        }
        if !without.is_empty() {
            return Err(OffsetsError::NoLeader { topic: topic.clone(), partitions: without });
        }
        let leaders = Leaders::new(leaders);
        let answered = match guess {
            Some(guess) if guess == leaders => guessed.join_next().await.and_then(Result::ok),
            _ => None,
        };
        let answers = match answered {
            // Of those whom the metadata calls leaders meanwhile.
            Some(answers) => answers?,
            None => {
                self.guesses.remember(topic, leaders.clone());
                self.led(&leaders, topic, at).await?
            }
        };
        let each = answers.into_iter().flatten().map(|(partition, offset)| {
            let refused = |source| OffsetsError::Refused { topic: topic.clone(), partition, source };
            offset.map(|offset| (partition, offset)).map_err(refused)
        });
        each.collect()
    }

    /// Each leader's answer about its partitions.
    async fn led(&self, leaders: &Leaders, topic: &TopicName, at: At) -> Result<Vec<Offsets>, Error> {
        // Addresses are owned: a future that borrows each of them could not go from thread to thread.
        let asked: Vec<_> =
            leaders.iter().map(|(address, partitions)| (address.clone(), partitions.clone())).collect();
        stream::iter(asked)
            .map(async |(address, partitions)| {
                self.connect(&address).await?.list_offsets(topic, &partitions, at).await
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }
}
