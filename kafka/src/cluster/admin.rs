//! What administrators ask: whom it is asked, and what is asked again.

use super::{
    AskError, Cluster, ControllerError, NoBroker, PATIENCE,
    attempts::{Attempts, insist},
};
use crate::{
    client::{AlterError, Answers, Error, Metadata, Moving, Topics},
    error::KafkaError,
    pool::Lent,
    reassign::PlanError,
    retry::Retry,
    topic::{TopicName, TopicPartition},
};
use std::collections::BTreeMap;

/// Why there is no answer, or nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// None of the brokers answered.
    #[error(transparent)]
    NoBroker(#[from] NoBroker),
    /// One answered, but not this.
    #[error(transparent)]
    Call(#[from] Error),
    /// None is known; an election takes some seconds at most.
    #[error("Kafka has no controller at the moment; try again in a few seconds")]
    NoController,
    /// Kafka does not take it.
    #[error("Kafka refused: {0}")]
    Refused(KafkaError),
    /// There is no such topic.
    #[error("topic \"{0}\" does not exist")]
    UnknownTopic(TopicName),
    /// There is no such partition.
    #[error("partition {0} does not exist")]
    UnknownPartition(TopicPartition),
    /// There is no such group.
    #[error("group \"{0}\" does not exist")]
    UnknownGroup(String),
    /// No such broker lives.
    #[error("broker {broker} does not run: {} do", .live.iter().map(u32::to_string).collect::<Vec<_>>().join(", "))]
    UnknownBroker {
        /// The one meant.
        broker: u32,
        /// Those that live.
        live: Vec<u32>,
    },
    /// The replicas can't be spread so.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Somebody else throttles replication, and it is not ours to change.
    #[error("{0}")]
    ForeignThrottle(String),
}

impl From<AskError> for AdminError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoBroker(error) => error.into(),
            AskError::Call(error) => error.into(),
            AskError::NoController => Self::NoController,
        }
    }
}

impl From<ControllerError> for AdminError {
    fn from(error: ControllerError) -> Self {
        match error {
            ControllerError::None => Self::NoController,
            ControllerError::Call(error) => error.into(),
        }
    }
}

impl From<AlterError> for AdminError {
    fn from(error: AlterError) -> Self {
        match error {
            AlterError::Refused(error) => Self::Refused(error),
            AlterError::Call(error) => error.into(),
        }
    }
}

impl AdminError {
    /// Whether the change may have been made, or may still be: no answer came, or one that Kafka did not end with it in time.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Call(Error::Refused { source, .. }) | Self::Refused(source) => source.is_half_way(),
            Self::Call(error) => error.is_uncertain(),
            _ => false,
        }
    }

    /// Whether the same may go well in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoController => true,
            Self::Call(error) => error.is_passing(),
            Self::Refused(error) => error.retriable,
            _ => false,
        }
    }
}

/// Asks, and again where that may help: for what changes nothing.
macro_rules! patiently {
    ($ask:expr) => {{
        let mut retry = Retry::new(PATIENCE);
        loop {
            match $ask.await {
                Err(error) if AdminError::is_passing(&error) && retry.again().await => {
                    tracing::debug!(%error, "it is asked again");
                }
                answer => break answer,
            }
        }
    }};
}
pub(super) use patiently;

impl Cluster {
    /// Every partition on its way to other brokers.
    ///
    /// # Errors
    /// No answer of use, such as Kafka before 2.4.
    pub async fn reassignments(&self) -> Result<BTreeMap<TopicPartition, Moving>, AdminError> {
        patiently!(async { Ok(self.any_controller().await?.reassignments().await?) })
    }

    /// What the controller's own broker knows of topics.
    pub(super) async fn controllers_metadata(&self, names: &[TopicName]) -> Result<Metadata, AdminError> {
        Ok(self.any_controller().await?.metadata(Topics::Named(names)).await?)
    }

    /// Gives partitions new replicas; `None` cancels what is under way. A partition left half way is asked for again, and
    /// counts as an answer that was lost.
    pub(super) async fn alter_reassignments(
        &self,
        wanted: &BTreeMap<TopicPartition, Option<Vec<u32>>>,
        attempts: &mut Attempts,
    ) -> Result<Answers, AdminError> {
        insist!(attempts, async {
            let answers = self.any_controller().await?.alter_reassignments(wanted).await?;
            match answers.values().flatten().find(|error| error.is_half_way()) {
                Some(error) => Err(AdminError::Refused(error.clone())),
                None => Ok(answers),
            }
        })
    }

    pub(super) async fn any_controller(&self) -> Result<Lent<'_>, AdminError> {
        let metadata = self.metadata(Topics::None).await?;
        Ok(self.controller(&metadata).await?)
    }

    /// A broker by its id.
    pub(super) async fn broker(&self, metadata: &Metadata, id: u32) -> Result<Lent<'_>, AdminError> {
        let Some(address) = metadata.brokers.get(&id) else {
            let live = metadata.brokers.keys().copied().collect();
            return Err(AdminError::UnknownBroker { broker: id, live });
        };
        Ok(self.connect(address).await?)
    }
}
