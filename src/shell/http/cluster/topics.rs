//! [`Topics`] of a real cluster.

use futures_util::{FutureExt, future::BoxFuture};
use kafka::{
    client::Created,
    cluster::CreateTopicError,
    topic::{NewTopic, TopicName},
    zookeeper::{self, TopicState},
};

use super::{Real, Topics};

impl Topics for Real {
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
        let cluster = self.cluster(bootstrap);
        async move { cluster.create_topic(&topic).await }.boxed()
    }
}
