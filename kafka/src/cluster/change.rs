//! Deleting topics and adding partitions, whatever happens between request and answer.

use kafka_protocol::ResponseError;

use super::{AskError, Cluster, ControllerError, NoBroker, PATIENCE};
use crate::{client::Error, error::KafkaError, retry::Retry, topic::TopicName};

/// Why a topic was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// None of the brokers answered. Nothing was changed.
    #[error(transparent)]
    NoBroker(#[from] NoBroker),
    /// There is nobody who could change it. Nothing was changed.
    #[error("Kafka has no controller at the moment; try again in a few seconds")]
    NoController,
    /// There is no such topic.
    #[error("topic \"{topic}\" does not exist")]
    NotFound {
        /// Its name.
        topic: TopicName,
    },
    /// The brokers' `delete.topic.enable` is false (D42).
    #[error("Kafka does not delete topics: its setting delete.topic.enable is false")]
    DeletionDisabled,
    /// Kafka does not take that many partitions.
    #[error("{}", .0.message.as_deref().unwrap_or(&.0.name))]
    InvalidPartitions(KafkaError),
    /// Kafka refused for another reason. Nothing was changed.
    #[error("Kafka refused: {0}")]
    Refused(KafkaError),
    /// No answer of use, and nothing was changed.
    #[error(transparent)]
    Call(Error),
    /// The answer was lost, and what became of the change could not be found out: it may happen, or have happened.
    #[error("it is not known whether Kafka did it: {0}")]
    Unknown(#[source] Error),
}

impl From<AskError> for ChangeError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoBroker(error) => Self::NoBroker(error),
            AskError::Call(error) => Self::Call(error),
            AskError::NoController => Self::NoController,
        }
    }
}

impl From<ControllerError> for ChangeError {
    fn from(error: ControllerError) -> Self {
        match error {
            ControllerError::None => Self::NoController,
            ControllerError::Call(error) => Self::Call(error),
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Change {
    Delete,
    Partitions(u32),
}

impl Change {
    /// Whether there was anything to do when we began: what is so already is refused, and not ours.
    fn was_due(self, began: Option<Option<u32>>) -> bool {
        match (self, began) {
            (Self::Delete, Some(partitions)) => partitions.is_some(),
            (Self::Partitions(total), Some(Some(partitions))) => partitions < total,
            (Self::Partitions(_), Some(None)) => false,
            (_, None) => true,
        }
    }
}

impl Cluster {
    /// Deletes a topic. When this returns, the topic is gone from the metadata, or Kafka has taken it on (before 2.0 it
    /// only marks it).
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn delete_topic(&self, topic: &TopicName) -> Result<(), ChangeError> {
        self.change(topic, Change::Delete).await
    }

    /// Gives a topic `total` partitions, which must be more than it has (S-106).
    ///
    /// # Errors
    /// See [`ChangeError`]; fewer or as many are refused with Kafka's own reason.
    pub async fn add_partitions(&self, topic: &TopicName, total: u32) -> Result<(), ChangeError> {
        self.change(topic, Change::Partitions(total)).await
    }

    /// Asks the controller, again where that may help. After a lost answer it looks first: a change that is there now,
    /// and was not when we began, is done.
    async fn change(&self, topic: &TopicName, change: Change) -> Result<(), ChangeError> {
        let mut retry = Retry::new(PATIENCE);
        // The answer of ours that was lost last.
        let mut lost: Option<Error> = None;
        // How many partitions there were when we began, once that is known; none of a topic that was not there.
        let mut began: Option<Option<u32>> = None;
        loop {
            let error = match self.change_once(topic, change, &mut began, lost.is_some()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            tracing::debug!(%error, %topic, ?change, "a change was not answered with success");
            let passing = match error {
                ChangeError::Call(error) if error.is_uncertain() => {
                    lost = Some(error);
                    None
                }
                ChangeError::Refused(error) if error.retriable => Some(ChangeError::Refused(error)),
                ChangeError::Call(error) if error.is_passing() => Some(ChangeError::Call(error)),
                error @ ChangeError::NoController => Some(error),
                ChangeError::NoBroker(error) if !error.is_login_refused() => Some(error.into()),
                // Our own lost request has done it, and the broker asked for the metadata has not heard of that yet.
                ChangeError::NotFound { .. } if lost.is_some() && change.was_due(began) => match change {
                    Change::Delete => return Ok(()),
                    Change::Partitions(_) => None,
                },
                ChangeError::InvalidPartitions(_) if lost.is_some() && change.was_due(began) => None,
                error => return Err(error),
            };
            if !retry.again().await {
                return Err(match (lost, passing) {
                    (Some(error), _) => ChangeError::Unknown(error),
                    (None, Some(error)) => error,
                    (None, None) => ChangeError::NoController,
                });
            }
        }
    }

    /// `lost`: an earlier request of ours may have done it.
    async fn change_once(
        &self,
        topic: &TopicName,
        change: Change,
        began: &mut Option<Option<u32>>,
        lost: bool,
    ) -> Result<(), ChangeError> {
        let metadata = self.metadata_of(topic).await?;
        let known = metadata.topics.get(topic.as_str()).filter(|known| known.exists());
        let partitions = known.and_then(|known| u32::try_from(known.partitions.len()).ok());
        began.get_or_insert(partitions);
        match (change, partitions) {
            // What there is to say of a change that was never due, the controller says.
            _ if !lost || !change.was_due(*began) => {}
            (Change::Delete, None) => return Ok(()),
            (Change::Partitions(total), Some(now)) if now == total => return Ok(()),
            _ => {}
        }
        let mut controller = self.controller(&metadata).await?;
        let answer = match change {
            Change::Delete => controller.delete_topic(topic).await,
            Change::Partitions(total) => controller.create_partitions(topic, total).await,
        };
        answer.map_err(|error| match error {
            Error::Refused { source, address, call } => {
                let is = |kind: ResponseError| source.is(kind);
                // Names are fine here; one whose deletion is accepted is invalid to CreatePartitions, "queued for deletion".
                let is_queued =
                    matches!(change, Change::Partitions(_)) && is(ResponseError::InvalidTopicException);
                if is(ResponseError::UnknownTopicOrPartition) || is_queued {
                    ChangeError::NotFound { topic: topic.clone() }
                } else if is(ResponseError::TopicDeletionDisabled) {
                    ChangeError::DeletionDisabled
                } else if is(ResponseError::InvalidPartitions) {
                    ChangeError::InvalidPartitions(source)
                } else if source.is_half_way() {
                    ChangeError::Call(Error::Timeout { address, call, after: self.limit() })
                } else {
                    ChangeError::Refused(source)
                }
            }
            error => ChangeError::Call(error),
        })
    }
}
