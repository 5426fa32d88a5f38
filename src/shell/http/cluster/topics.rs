//! [`Topics`] of a real cluster.

use std::collections::BTreeMap;

use futures_util::{FutureExt, future::BoxFuture};
use kafka::{
    client::{At, Created},
    partition::TopicState,
    report::Report,
    topic::{NewTopic, TopicName},
};

use super::{Real, Topics, refused};
use crate::shell::http::{ApiError, topic::Time};

impl Topics for Real {
    fn list(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        let cluster = self.cluster();
        async move { cluster.topics(&self.keeper).await.map_err(|error| refused::topics(&error)) }.boxed()
    }

    fn describe<'a>(&'a self, name: &'a TopicName) -> BoxFuture<'a, Result<Option<TopicState>, ApiError>> {
        let cluster = self.cluster();
        async move { cluster.topic(&self.keeper, name).await.map_err(|error| refused::topics(&error)) }
            .boxed()
    }

    fn create(&self, topic: NewTopic) -> BoxFuture<'_, Result<Created, ApiError>> {
        let cluster = self.cluster();
        async move {
            cluster.create_topic(&topic).await.map_err(|error| refused::creation(&topic.name, &error))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, name: &'a TopicName) -> BoxFuture<'a, Result<(), ApiError>> {
        let cluster = self.cluster();
        async move { cluster.delete_topic(name).await.map_err(|error| refused::change(&error)) }.boxed()
    }

    fn add_partitions<'a>(&'a self, name: &'a TopicName, count: u32) -> BoxFuture<'a, Result<(), ApiError>> {
        let cluster = self.cluster();
        async move { cluster.add_partitions(name, count).await.map_err(|error| refused::change(&error)) }
            .boxed()
    }

    fn offsets<'a>(
        &'a self,
        name: &'a TopicName,
        time: Time,
    ) -> BoxFuture<'a, Result<BTreeMap<u32, u64>, ApiError>> {
        let cluster = self.cluster();
        let at = match time {
            Time::First => At::First,
            Time::Last => At::End,
            Time::At(millis) => At::Time(millis),
        };
        async move {
            let found = cluster.offsets(name, at).await.map_err(|error| refused::offsets(&error))?;
            if found.values().all(Option::is_some) {
                return Ok(found.into_iter().filter_map(|(number, at)| Some((number, at?))).collect());
            }
            // No record is that new: the next one will be. Asked second, so that none in between is passed over.
            let ends = cluster.offsets(name, At::End).await.map_err(|error| refused::offsets(&error))?;
            let at_end = |number| ends.get(&number).copied().flatten();
            Ok(found
                .into_iter()
                .filter_map(|(number, at)| Some((number, at.or_else(|| at_end(number))?)))
                .collect())
        }
        .boxed()
    }

    fn report(&self, kind: Report) -> BoxFuture<'_, Result<String, ApiError>> {
        let cluster = self.cluster();
        async move {
            let lines = cluster.report(kind).await.map_err(|error| refused::question(&error))?;
            Ok(lines.iter().map(|line| format!("{line}\n")).collect())
        }
        .boxed()
    }
}
