//! [`Producers`] of a real cluster.

use futures_util::{FutureExt, future::BoxFuture};
use kafka::{
    producer::{Clock, PrepareError, Producer},
    topic::TopicName,
};

use super::{Producers, Real};
use crate::shell::http::job::producer_test::Ready;

impl Producers for Real {
    fn prepare(&self, topic: TopicName, clock: Clock) -> BoxFuture<'_, Result<Ready, PrepareError>> {
        let cluster = self.cluster();
        async move {
            let producer = Producer::prepare(cluster, topic, clock).await?;
            let ready: Ready = Box::new(move |messages, share, cancel, report| {
                async move { producer.run(messages, &share, cancel.cancelled(), report).await }.boxed()
            });
            Ok(ready)
        }
        .boxed()
    }
}
