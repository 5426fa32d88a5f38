//! A cluster of several brokers: whom to ask, and what is asked twice.
//!
//! Nothing is kept between two questions: each connects anew, which costs milliseconds and can't go stale.

use std::time::Duration;

use crate::{
    client::{Connection, CreateError, Created, Error, Metadata, Topics},
    snapshot::{Snapshot, Topic},
    topic::NewTopic,
};

/// How to reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Brokers to begin with, `host:port`; the first that answers is taken.
    pub bootstrap: Vec<String>,
    /// Shown in brokers' logs.
    pub client_id: String,
    /// Limit of each single request.
    pub timeout: Duration,
}

/// None of the brokers answered.
#[derive(Debug, thiserror::Error)]
#[error("no broker answered: {}", if .tried.is_empty() { "none is known".to_owned() } else { listed(.tried) })]
pub struct NoBroker {
    /// Each broker's failure, in order.
    pub tried: Vec<Error>,
}

/// Why a cluster could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// None of the brokers answered.
    #[error(transparent)]
    NoBroker(#[from] NoBroker),
    /// One answered, but not this.
    #[error(transparent)]
    Call(#[from] Error),
}

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
        }
    }
}

fn listed(tried: &[Error]) -> String {
    let words = tried.iter().map(|error| {
        let source = std::error::Error::source(error).map(|source| format!(" ({source})"));
        format!("{error}{}", source.unwrap_or_default())
    });
    words.collect::<Vec<_>>().join("; ")
}

impl Cluster {
    /// What the first broker that answers knows of the cluster.
    ///
    /// # Errors
    /// None answers, or not this.
    pub async fn metadata(&self, topics: Topics<'_>) -> Result<Metadata, AskError> {
        Ok(self.any().await?.metadata(topics).await?)
    }

    /// Creates a topic at the controller. Where that turns out to be another broker by now, it is looked for once more
    /// and asked again.
    ///
    /// # Errors
    /// Kafka's refusal by kind (an existing topic: [`CreateError::AlreadyExists`], D48), or no answer of use.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<Created, CreateTopicError> {
        match self.create_once(topic).await {
            Err(CreateTopicError::Create(CreateError::NotController { address })) => {
                tracing::warn!(%address, topic = %topic.name, "the controller has moved, asking once more");
                self.create_once(topic).await
            }
            result => result,
        }
    }

    async fn create_once(&self, topic: &NewTopic) -> Result<Created, CreateTopicError> {
        let metadata = self.metadata(Topics::All).await?;
        let with = topic.name.collisions(metadata.topics.keys().map(String::as_str));
        if !with.is_empty() {
            return Err(CreateError::Collides { topic: topic.name.clone(), with }.into());
        }
        let controller = metadata.controller.and_then(|id| metadata.brokers.get(&id));
        let address = controller.ok_or(CreateError::NoController)?;
        let mut connection = self.connect(address).await.map_err(CreateError::from)?;
        Ok(connection.create_topic(topic, metadata.brokers.len()).await?)
    }

    /// The whole cluster as its controller's broker has it; `now` in milliseconds since 1970. Where there is no
    /// controller, or it does not answer, another broker's word is taken.
    ///
    /// # Errors
    /// None answers, or not this.
    pub async fn snapshot(&self, now: u64) -> Result<Snapshot, AskError> {
        let mut connection = self.any().await?;
        let brokers = connection.metadata(Topics::None).await?;
        let controller = brokers.controller.and_then(|id| brokers.brokers.get(&id));
        if let Some(address) = controller.filter(|address| *address != connection.address()) {
            match self.connect(address).await {
                Ok(better) => connection = better,
                Err(error) => tracing::debug!(%error, "the controller's broker is not asked"),
            }
        }
        let metadata = connection.metadata(Topics::All).await?;
        let names: Vec<&str> = metadata.topics.keys().map(String::as_str).collect();
        let mut min_isr = connection.min_insync_replicas(&names).await?;
        let topics = metadata.topics.into_iter().filter_map(|(name, topic)| {
            let described = min_isr.remove(&name)?; // deleted meanwhile
            let min_isr = topic.error.map_or(described, |error| Err(error.to_string()));
            Some((name, Topic { min_isr, internal: topic.internal, partitions: topic.partitions }))
        });
        Ok(Snapshot {
            taken_at: now,
            controller: metadata.controller,
            topics: topics.collect(),
            brokers: metadata.brokers,
        })
    }

    async fn any(&self) -> Result<Connection, NoBroker> {
        let mut tried = Vec::new();
        for address in &self.bootstrap {
            match self.connect(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => tried.push(error),
            }
        }
        Err(NoBroker { tried })
    }

    async fn connect(&self, address: &str) -> Result<Connection, Error> {
        Connection::connect(address, &self.client_id, self.timeout).await
    }
}
