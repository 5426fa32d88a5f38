//! CreateTopics on one broker, which must be the controller. [`crate::cluster`] finds it.

use kafka_protocol::{
    ResponseError,
    messages::{
        self, CreateTopicsRequest,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
    },
    protocol::StrBytes,
};

use super::{Connection, Error, call::Call};
use crate::{
    error::KafkaError,
    topic::{MAX_PARTITIONS, NewTopic, TopicName},
};

/// Why a topic was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is one of that name (D48).
    #[error("topic \"{topic}\" already exists")]
    AlreadyExists {
        /// Its name.
        topic: TopicName,
    },
    /// There is none any more (S-109), but its name is taken until the last replica is gone.
    #[error("topic \"{topic}\" is still being deleted; that ends once every broker with a replica is up")]
    BeingDeleted {
        /// Its name.
        topic: TopicName,
    },
    /// Metrics would not tell it from a topic that exists: they write '.' as '_'. In Kafka's words, which name that topic.
    #[error("{}", .0.message.as_deref().unwrap_or(&.0.name))]
    Collides(KafkaError),
    /// Kafka does not take the name.
    #[error("the name was refused: {0}")]
    InvalidName(KafkaError),
    /// Kafka, or [`MAX_PARTITIONS`], does not take the number of partitions.
    #[error("{partitions} partitions were refused: {reason}")]
    InvalidPartitions {
        /// How many were asked for.
        partitions: u32,
        /// In Kafka's words.
        reason: String,
    },
    /// Kafka does not take the replication factor, for example more than there are brokers.
    #[error("replication {replication} was refused: {reason}")]
    InvalidReplication {
        /// What was asked for.
        replication: u16,
        /// In Kafka's words.
        reason: String,
    },
    /// Kafka does not take one of the settings.
    #[error("a setting was refused: {0}")]
    InvalidConfig(KafkaError),
    /// The broker asked is not the controller.
    #[error("{address} is not the controller")]
    NotController {
        /// Who was asked.
        address: String,
    },
    /// There is no controller to ask.
    #[error("Kafka has no controller at the moment; try again in a few seconds")]
    NoController,
    /// Kafka refused for another reason.
    #[error("Kafka refused: {0}")]
    Refused(KafkaError),
    /// No answer of use.
    #[error(transparent)]
    Call(#[from] Error),
}

impl CreateError {
    /// Whether the topic may have been created, or may still be: the answer was lost, or Kafka gave up waiting for it.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Call(error) => error.is_uncertain(),
            Self::Refused(error) => error.is_half_way(),
            _ => false,
        }
    }

    /// Whether the same may go well in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::NotController { .. } | Self::NoController | Self::BeingDeleted { .. } => true,
            Self::Refused(error) => error.retriable || self.is_uncertain(),
            Self::Call(error) => error.is_passing(),
            _ => false,
        }
    }
}

/// A topic as it was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many replicas each of them has.
    pub replication: u16,
}

impl Connection {
    /// Creates a topic; what `topic` leaves open is filled in for `live` brokers (D41). Returns when the controller
    /// says that every broker knows of it.
    ///
    /// # Errors
    /// Kafka's refusal by kind, or no answer of use. After [`Error::Timeout`] the topic may exist or appear.
    pub async fn create_topic(&mut self, topic: &NewTopic, live: usize) -> Result<Created, CreateError> {
        let (partitions, replication) = topic.counts(live);
        if partitions > MAX_PARTITIONS {
            let reason = format!("at most {MAX_PARTITIONS} are created at once");
            return Err(CreateError::InvalidPartitions { partitions, reason });
        }
        let Ok(wire_replication) = i16::try_from(replication) else {
            let reason = format!("at most {} are possible", i16::MAX);
            return Err(CreateError::InvalidReplication { replication, reason });
        };
        let configs = topic.configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_value(Some(StrBytes::from_string(value.clone())))
        });
        let wire = CreatableTopic::default()
            .with_name(wire_name(&topic.name))
            .with_num_partitions(partitions.cast_signed())
            .with_replication_factor(wire_replication)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default().with_topics(vec![wire]).with_timeout_ms(self.patience());
        let response = self.call(|_| request).await?;
        let result = response.topics.first();
        let error =
            result.map(|result| KafkaError::from_code(result.error_code, result.error_message.as_ref()));
        match error {
            Some(None) => Ok(Created { name: topic.name.clone(), partitions, replication }),
            Some(Some(error)) => Err(self.why(topic, partitions, replication, error)),
            None => {
                let source = "the answer names no topic".into();
                let (address, call) = (self.address.clone(), CreateTopicsRequest::NAME);
                Err(Error::Codec { address, call, version: 0, source }.into())
            }
        }
    }

    fn why(&self, topic: &NewTopic, partitions: u32, replication: u16, error: KafkaError) -> CreateError {
        // Brokers before 0.10.2 and some errors bring no message; the name must do then.
        let reason = || error.message.clone().unwrap_or_else(|| error.name.clone());
        match error.code {
            code if code == ResponseError::TopicAlreadyExists.code() => {
                let topic = topic.name.clone();
                match says(&error, " is marked for deletion") {
                    true => CreateError::BeingDeleted { topic },
                    false => CreateError::AlreadyExists { topic },
                }
            }
            code if code == ResponseError::InvalidPartitions.code() => {
                CreateError::InvalidPartitions { partitions, reason: reason() }
            }
            code if code == ResponseError::InvalidReplicationFactor.code() => {
                CreateError::InvalidReplication { replication, reason: reason() }
            }
            code if code == ResponseError::NotController.code() => {
                CreateError::NotController { address: self.address.clone() }
            }
            code if code == ResponseError::InvalidTopicException.code() => {
                // "Topic 'a_b' collides with existing topics: a.b" ("topic" from 4.0 on).
                match says(&error, " collides with existing topic") {
                    true => CreateError::Collides(error),
                    false => CreateError::InvalidName(error),
                }
            }
            code if code == ResponseError::InvalidConfig.code() => CreateError::InvalidConfig(error),
            _ => CreateError::Refused(error),
        }
    }
}

/// Where one code means two things, Kafka's words tell which.
fn says(error: &KafkaError, words: &str) -> bool {
    error.message.as_ref().is_some_and(|message| message.contains(words))
}

pub(crate) fn wire_name(name: &TopicName) -> messages::TopicName {
    wire_text(name.as_str())
}

pub(super) fn wire_text(name: &str) -> messages::TopicName {
    messages::TopicName(StrBytes::from_string(name.to_owned()))
}
