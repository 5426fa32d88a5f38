//! [`Topics`] on a real cluster.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use kafka::{
    client::Created,
    cluster::{Cluster, CreateTopicError},
    topic::{NewTopic, TopicName},
    zookeeper::{self, TopicState, ZooKeeper},
};

use super::Topics;

/// Limit of each request to a broker. With an unreachable one tried first, two fit into a request's deadline.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Asks the ensemble and the brokers themselves.
#[derive(Debug)]
pub struct KafkaTopics {
    zookeeper: Arc<ZooKeeper>,
    client_id: String,
}

impl KafkaTopics {
    /// Kafka at `zookeeper` (with its chroot); brokers' logs show `client_id`.
    pub fn new(zookeeper: Arc<ZooKeeper>, client_id: impl Into<String>) -> Self {
        Self { zookeeper, client_id: client_id.into() }
    }
}

impl Topics for KafkaTopics {
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, zookeeper::Error>> {
        self.zookeeper.topics().boxed()
    }

    fn describe<'a>(
        &'a self,
        name: &'a TopicName,
    ) -> BoxFuture<'a, Result<Option<TopicState>, zookeeper::Error>> {
        self.zookeeper.topic(name.as_str()).boxed()
    }

    fn create(
        &self,
        bootstrap: Vec<String>,
        topic: NewTopic,
    ) -> BoxFuture<'_, Result<Created, CreateTopicError>> {
        let cluster = Cluster { bootstrap, client_id: self.client_id.clone(), timeout: TIMEOUT };
        async move { cluster.create_topic(&topic).await }.boxed()
    }
}
