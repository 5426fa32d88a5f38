//! A cluster of several brokers: whom to ask, and what is asked twice.
//!
//! Connections are kept between two questions (see [`crate::pool`]), what was answered is not: who leads and who is the
//! controller is asked anew each time, which costs a round trip and can't go stale.
//!
//! Where KRaft keeps the metadata, no client can reach the controller: brokers name one of themselves at random and pass
//! on what it is asked (KIP-590), so the same questions go the same way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    client::{Error, Metadata, Options, TopicMetadata, Topics},
    pool::{Lent, Pool},
    snapshot::{Partition, Snapshot, Topic},
    topic::{TopicName, TopicPartition},
};

use self::leaders::Guesses;
pub use self::{
    admin::AdminError,
    change::ChangeError,
    create::CreateTopicError,
    groups::{Groups, Lag, Reading},
    logdirs::{LogDirs, Progress},
    offsets::OffsetsError,
    reassign::{Outcome, Tended, on_their_way},
    topics::TopicsError,
};

mod admin;
mod attempts;
mod cancel;
mod change;
mod create;
mod elect;
mod groups;
mod leaders;
mod logdirs;
mod offsets;
mod reassign;
mod report;
mod settings;
#[cfg(test)]
mod tests;
mod topics;

/// Within which a question is asked again where that may help. An election of a controller takes some seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Brokers asked at the same time.
const AT_ONCE: usize = 16;

/// A cluster, and connections to it. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Brokers to begin with, `host:port`.
    bootstrap: Arc<[String]>,
    pool: Arc<Pool>,
    guesses: Arc<Guesses>,
}

/// None of the brokers answered.
#[derive(Debug, thiserror::Error)]
#[error("no broker answered: {}", if .tried.is_empty() { "none is known".to_owned() } else { listed(.tried) })]
pub struct NoBroker {
    /// Each broker's failure, in order.
    pub tried: Vec<Error>,
}

impl NoBroker {
    /// Whether one that was reached does not believe who we are. Its others ask for the same, so that this is what to
    /// mend, and does not pass.
    pub fn is_login_refused(&self) -> bool {
        self.tried.iter().any(Error::is_login_refused)
    }
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
    /// Only the controller could have told, and none is known; an election takes some seconds at most.
    #[error("Kafka has no controller at the moment; try again in a few seconds")]
    NoController,
}

impl From<ControllerError> for AskError {
    fn from(error: ControllerError) -> Self {
        match error {
            ControllerError::None => Self::NoController,
            ControllerError::Call(error) => Self::Call(error),
        }
    }
}

/// Why the controller was not asked.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// None is known; an election takes some seconds at most.
    #[error("Kafka has no controller at the moment; try again in a few seconds")]
    None,
    /// It can't be reached.
    #[error(transparent)]
    Call(#[from] Error),
}

fn listed(tried: &[Error]) -> String {
    tried.iter().map(in_words).collect::<Vec<_>>().join("; ")
}

/// An error with its cause.
pub(crate) fn in_words(error: &Error) -> String {
    let source = std::error::Error::source(error).map(|source| format!(" ({source})"));
    format!("{error}{}", source.unwrap_or_default())
}

impl Cluster {
    /// The cluster that the brokers at `bootstrap` (`host:port`) belong to. Nothing is connected yet.
    pub fn new(bootstrap: impl Into<Arc<[String]>>, options: Options) -> Self {
        Self { bootstrap: bootstrap.into(), pool: Arc::new(Pool::new(options)), guesses: Arc::default() }
    }

    /// The same cluster and connections, to be reached by other brokers.
    pub fn at(&self, bootstrap: impl Into<Arc<[String]>>) -> Self {
        Self { bootstrap: bootstrap.into(), ..self.clone() }
    }

    /// The limit of one request.
    pub(crate) fn limit(&self) -> Duration {
        self.pool.options().timeout
    }

    /// Brokers to begin with.
    pub fn bootstrap(&self) -> &[String] {
        &self.bootstrap
    }

    /// How its brokers are spoken to.
    pub(crate) fn options(&self) -> &Options {
        self.pool.options()
    }

    /// What the first broker that answers knows of the cluster.
    ///
    /// # Errors
    /// None answers, or not this.
    pub async fn metadata(&self, topics: Topics<'_>) -> Result<Metadata, AskError> {
        let mut failed = 0;
        loop {
            match self.metadata_once(topics).await {
                Err(error) if self.others(&error, &mut failed) => {}
                result => return result,
            }
        }
    }

    async fn metadata_once(&self, topics: Topics<'_>) -> Result<Metadata, AskError> {
        Ok(self.any().await?.metadata(topics).await?)
    }

    /// Whether a question that changes nothing is asked again, since its answer was lost: as often as there are brokers,
    /// and the one that failed is tried last.
    fn others(&self, error: &AskError, failed: &mut usize) -> bool {
        *failed += 1;
        let again =
            matches!(error, AskError::Call(error) if error.is_passing()) && *failed < self.bootstrap.len();
        if again {
            tracing::debug!(%error, "another broker is asked");
        }
        again
    }

    /// One topic as the first broker that answers knows it. One that it does not know is asked for at the controller's
    /// too: a topic just created is there first. So that there is none is the controller's own word.
    ///
    /// # Errors
    /// None answers, or not this; or one does not know the topic, and the controller does not tell.
    pub async fn metadata_of(&self, topic: &TopicName) -> Result<Metadata, AskError> {
        self.metadata_of_each(std::slice::from_ref(topic)).await
    }

    /// The same of several topics.
    ///
    /// # Errors
    /// As of [`Cluster::metadata_of`].
    pub async fn metadata_of_each(&self, names: &[TopicName]) -> Result<Metadata, AskError> {
        let topics = Topics::Named(names);
        let metadata = self.metadata(topics).await?;
        let exists = |name: &TopicName| metadata.topics.get(name.as_str()).is_some_and(TopicMetadata::exists);
        if names.iter().all(exists) {
            return Ok(metadata);
        }
        Ok(self.controller(&metadata).await?.metadata(topics).await?)
    }

    /// The whole cluster as its controller's broker has it; `now` in milliseconds since 1970. Where there is no
    /// controller, or it does not answer, another broker's word is taken.
    ///
    /// # Errors
    /// None answers, or not this.
    pub async fn snapshot(&self, now: u64) -> Result<Snapshot, AskError> {
        let mut failed = 0;
        loop {
            match self.snapshot_once(now).await {
                Err(error) if self.others(&error, &mut failed) => {}
                result => return result,
            }
        }
    }

    async fn snapshot_once(&self, now: u64) -> Result<Snapshot, AskError> {
        let mut connection = self.best().await?;
        let metadata = connection.metadata(Topics::All).await?;
        let names: Vec<&str> = metadata.topics.keys().map(String::as_str).collect();
        let mut min_isr = connection.min_insync_replicas(&names).await?;
        let mut topics = BTreeMap::new();
        let moving = match metadata
            .topics
            .values()
            .any(|topic| topic.partitions.values().any(Partition::under_replicated))
        {
            true => connection.moving().await?,
            false => BTreeMap::new(),
        };
        for (name, mut topic) in metadata.topics {
            let Some(described) = min_isr.remove(&name) else { continue }; // deleted meanwhile
            let min_isr = topic.error.map_or(described, |error| Err(error.to_string()));
            let name = TopicName::existing(name);
            for (number, partition) in &mut topic.partitions {
                let id = TopicPartition { topic: name.clone(), number: *number };
                if let Some(moving) = moving.get(&id) {
                    partition.coming.extend(&moving.adding);
                }
            }
            topics.insert(name, Topic { min_isr, internal: topic.internal, partitions: topic.partitions });
        }
        Ok(Snapshot { taken_at: now, controller: metadata.controller, topics, brokers: metadata.brokers })
    }

    /// The controller's broker, or another where there is no controller or it does not answer.
    async fn best(&self) -> Result<Lent<'_>, AskError> {
        let mut connection = self.any().await?;
        let brokers = connection.metadata(Topics::None).await?;
        let controller = brokers.controller.and_then(|id| brokers.brokers.get(&id));
        if let Some(address) = controller.filter(|address| *address != connection.address()) {
            match self.connect(address).await {
                Ok(better) => connection = better,
                Err(error) => tracing::debug!(%error, "the controller's broker is not asked"),
            }
        }
        Ok(connection)
    }

    /// Whichever broker answers.
    ///
    /// # Errors
    /// None does.
    pub async fn any(&self) -> Result<Lent<'_>, NoBroker> {
        let mut tried = Vec::new();
        for address in self.pool.order(self.bootstrap.to_vec()) {
            match self.connect(&address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => tried.push(error),
            }
        }
        Err(NoBroker { tried })
    }

    /// The broker at `address`, as the metadata gives it.
    ///
    /// # Errors
    /// It can't be reached.
    pub async fn connect(&self, address: &str) -> Result<Lent<'_>, Error> {
        self.pool.connect(address).await
    }

    /// The broker to ask for a change: the controller's, of those that `metadata` has.
    ///
    /// # Errors
    /// There is none, or it can't be reached.
    pub async fn controller(&self, metadata: &Metadata) -> Result<Lent<'_>, ControllerError> {
        let address = metadata.controller.and_then(|id| metadata.brokers.get(&id));
        Ok(self.connect(address.ok_or(ControllerError::None)?).await?)
    }
}
