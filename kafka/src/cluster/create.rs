//! Creating a topic, whatever happens between request and answer.

use kafka_protocol::ResponseError;

use super::{AskError, Cluster, ControllerError, NoBroker, PATIENCE};
use crate::{
    client::{CreateError, Created, Metadata, Topics},
    retry::Retry,
    topic::NewTopic,
};

/// Why a topic was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateTopicError {
    /// None of the brokers answered.
    #[error(transparent)]
    NoBroker(#[from] NoBroker),
    /// Kafka's answer.
    #[error(transparent)]
    Create(#[from] CreateError),
}

impl From<AskError> for CreateTopicError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoBroker(error) => Self::NoBroker(error),
            AskError::Call(error) => Self::Create(error.into()),
            AskError::NoController => Self::Create(CreateError::NoController),
        }
    }
}

impl From<ControllerError> for CreateTopicError {
    fn from(error: ControllerError) -> Self {
        Self::Create(match error {
            ControllerError::None => CreateError::NoController,
            ControllerError::Call(error) => error.into(),
        })
    }
}

impl Cluster {
    /// Creates a topic at the controller, and asks again where that may help: when the controller moved, or is being
    /// elected. An answer that was lost is made up for by looking: a topic that was not there when we began, and then
    /// is, as it was asked for, was created.
    ///
    /// # Errors
    /// Kafka's refusal by kind (an existing topic: [`CreateError::AlreadyExists`], D48), or no answer of use; what is
    /// left after [`CreateError::is_uncertain`] may have been created all the same.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<Created, CreateTopicError> {
        // The first of our requests whose answer was lost.
        let (mut retry, mut lost) = (Retry::new(PATIENCE), None);
        loop {
            let error = match self.create_once(topic, lost.is_some()).await {
                Err(CreateTopicError::Create(error)) if error.is_passing() => error.into(),
                // By our own lost request, of which the broker asked for the metadata has not heard yet.
                Err(error @ CreateTopicError::Create(CreateError::AlreadyExists { .. }))
                    if lost.is_some() =>
                {
                    error
                }
                // Nobody to ask ends only what has not begun.
                Err(error @ CreateTopicError::NoBroker(_)) if lost.is_some() => error,
                result => return result,
            };
            tracing::warn!(%error, topic = %topic.name, "creating a topic is tried again");
            let is_there = matches!(error, CreateTopicError::Create(CreateError::AlreadyExists { .. }));
            if !retry.again().await {
                return Err(if is_there { error } else { lost.unwrap_or(error) });
            }
            if matches!(&error, CreateTopicError::Create(error) if error.is_uncertain()) {
                lost.get_or_insert(error);
            }
        }
    }

    /// `began`: an earlier request of ours may have created it.
    async fn create_once(&self, topic: &NewTopic, began: bool) -> Result<Created, CreateTopicError> {
        let names = [topic.name.clone()];
        let metadata = self.metadata(Topics::Named(&names)).await?;
        if began && let Some(created) = found(topic, &metadata) {
            return Ok(created);
        }
        let mut connection = self.controller(&metadata).await?;
        // One broker learns of a deletion later than another: that there is one is not one's word alone.
        if is_there(topic, &metadata)
            && is_there(topic, &connection.metadata(Topics::Named(&names)).await.map_err(AskError::from)?)
        {
            return Err(CreateError::AlreadyExists { topic: topic.name.clone() }.into());
        }
        // The controller's own count: another broker may know of fewer than there are, or of one that is gone.
        let live = match topic.replication {
            None => connection.metadata(Topics::None).await.map_err(AskError::from)?.brokers.len(),
            Some(_) => metadata.brokers.len(),
        };
        Ok(connection.create_topic(topic, live).await?)
    }
}

/// Whether a broker has it, with leaders or still without.
fn is_there(asked: &NewTopic, metadata: &Metadata) -> bool {
    metadata.topics.get(asked.name.as_str()).is_some_and(|topic| {
        topic.error.as_ref().is_none_or(|error| error.is(ResponseError::LeaderNotAvailable))
    })
}

/// The topic, if it is there as it was asked for.
fn found(asked: &NewTopic, metadata: &Metadata) -> Option<Created> {
    let topic = metadata.topics.get(asked.name.as_str()).filter(|topic| topic.error.is_none())?;
    let partitions = u32::try_from(topic.partitions.len()).ok()?;
    let replication = u16::try_from(topic.partitions.values().next()?.replicas.len()).ok()?;
    let as_asked = asked.partitions.is_none_or(|count| count == partitions)
        && asked.replication.is_none_or(|count| count == replication);
    as_asked.then(|| Created { name: asked.name.clone(), partitions, replication })
}
