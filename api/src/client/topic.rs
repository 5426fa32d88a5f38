//! `/v1/topics` and what is below.

use reqwest::Method;

use super::{Answer, Client, Error, possible};
use crate::rest::{self, topic::REPORTS};

impl Client {
    /// `GET /v1/topics` (S-102).
    ///
    /// # Errors
    /// See [`Error`]; so for every request below.
    pub async fn topics(&self) -> Result<Answer<Vec<String>>, Error> {
        self.get(&["v1", "topics"]).await
    }

    /// `GET /v1/topics/{name}` (S-103).
    pub async fn topic(&self, name: &str) -> Result<Answer<rest::TopicDescription>, Error> {
        // The path of two names is a report of all topics.
        let query: &[_] = if REPORTS.contains(&name) { &[("describe", "true".to_owned())] } else { &[] };
        self.ask(Method::GET, &["v1", "topics", topic(name)?], query).await
    }

    /// `POST /v1/topics` (S-104). What is `None` the scheduler decides (D41).
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: Option<u32>,
        replication: Option<u16>,
    ) -> Result<Answer<rest::Message>, Error> {
        let mut query = vec![("name", name.to_owned())];
        query.extend(partitions.map(|count| ("partitions", count.to_string())));
        query.extend(replication.map(|count| ("replication", count.to_string())));
        self.ask(Method::POST, &["v1", "topics"], &query).await
    }

    /// `GET /v1/topics/{name}/offsets` (S-105); `time` as in D6.
    pub async fn offsets(
        &self,
        name: &str,
        time: Option<&str>,
    ) -> Result<Answer<Vec<rest::PartitionOffset>>, Error> {
        let query: Vec<_> = time.map(|time| ("time", time.to_owned())).into_iter().collect();
        self.ask(Method::GET, &["v1", "topics", topic(name)?, "offsets"], &query).await
    }

    /// `PUT /v1/topics/{name}?operation=partitions` (S-106): so many in all.
    pub async fn add_partitions(&self, name: &str, count: u32) -> Result<Answer<rest::Message>, Error> {
        let query = [("operation", "partitions".to_owned()), ("partitions", count.to_string())];
        self.ask(Method::PUT, &["v1", "topics", topic(name)?], &query).await
    }

    /// `GET /v1/topics/{name}/config`: every setting, Kafka's defaults included.
    pub async fn topic_config(&self, name: &str) -> Result<Answer<rest::TopicConfig>, Error> {
        self.get(&["v1", "topics", topic(name)?, "config"]).await
    }

    /// `PATCH /v1/topics/{name}/config`: settings that `change` does not name stay as they are.
    pub async fn alter_topic_config(
        &self,
        name: &str,
        change: &rest::ConfigChange,
    ) -> Result<Answer<rest::Message>, Error> {
        self.tell(Method::PATCH, &["v1", "topics", topic(name)?, "config"], change).await
    }

    /// `POST /v1/leader-elections`: preferred leaders lead again, as far as they are in sync.
    pub async fn elect_leaders(
        &self,
        election: &rest::LeaderElection,
    ) -> Result<Answer<rest::Elected>, Error> {
        self.tell(Method::POST, &["v1", "leader-elections"], election).await
    }

    /// `DELETE /v1/topics/{name}` (S-109).
    pub async fn delete_topic(&self, name: &str) -> Result<Answer<rest::Message>, Error> {
        self.ask(Method::DELETE, &["v1", "topics", topic(name)?], &[]).await
    }

    /// `GET /v1/topics/under_replicated_partitions` (S-110).
    pub async fn under_replicated_partitions(&self) -> Result<Answer<rest::Report>, Error> {
        self.get(&["v1", "topics", rest::topic::UNDER_REPLICATED]).await
    }

    /// `GET /v1/topics/unavailable_partitions` (S-111).
    pub async fn unavailable_partitions(&self) -> Result<Answer<rest::Report>, Error> {
        self.get(&["v1", "topics", rest::topic::UNAVAILABLE]).await
    }
}

/// The name, unless it does not survive in a URL's path; Kafka takes none of those.
pub(super) fn topic(name: &str) -> Result<&str, Error> {
    possible("topic name", name)
}
