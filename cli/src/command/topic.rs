//! `topic …`

use super::{Scheduler, test};
use crate::{args::Topic, failure::Failure, render};

pub(super) async fn run(scheduler: &Scheduler, topic: &Topic) -> Result<(), Failure> {
    let client = &scheduler.client;
    match topic {
        Topic::List => scheduler.show(client.topics().await, |topics| render::column("TOPIC", topics)),
        Topic::Describe { name } => scheduler.show(client.topic(name).await, render::topic),
        Topic::Create { name, partitions, replication } => {
            let answer = client.create_topic(name, *partitions, *replication).await;
            scheduler.show(answer, |message| message.message.clone())
        }
        Topic::Offsets { name, time } => {
            let answer = client.offsets(name, time.as_ref().map(|time| time.0.as_str())).await;
            scheduler.show(answer, |offsets| render::offsets(offsets))
        }
        Topic::Partitions { name, count } => {
            scheduler.show(client.add_partitions(name, *count).await, |message| message.message.clone())
        }
        Topic::Delete { name } => {
            scheduler.show(client.delete_topic(name).await, |message| message.message.clone())
        }
        Topic::ProducerTest { name, messages } => test::run(scheduler, name, *messages).await,
        Topic::UnderReplicatedPartitions => {
            scheduler.show(client.under_replicated_partitions().await, render::report)
        }
        Topic::UnavailablePartitions => scheduler.show(client.unavailable_partitions().await, render::report),
    }
}
