//! `topic …`

use api::rest::reassignment::RefusedPartition;

use super::{Scheduler, reassign, test};
use crate::{
    args::{Config, ElectLeaders, Topic},
    failure::Failure,
    render,
};

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
        Topic::Config(arguments) => config(scheduler, arguments).await,
        Topic::Reassign(arguments) => reassign::start(scheduler, arguments).await,
        Topic::Reassignments(following) => reassign::list(scheduler, *following).await,
        Topic::CancelReassignments { name, all: _ } => reassign::cancel(scheduler, name.as_deref()).await,
        Topic::ElectLeaders(arguments) => elect(scheduler, arguments).await,
        Topic::UnderReplicatedPartitions => {
            scheduler.show(client.under_replicated_partitions().await, render::report)
        }
        Topic::UnavailablePartitions => scheduler.show(client.unavailable_partitions().await, render::report),
    }
}

async fn config(scheduler: &Scheduler, arguments: &Config) -> Result<(), Failure> {
    let (client, name) = (&scheduler.client, &arguments.name);
    match arguments.change().map_err(Failure::Usage)? {
        None => scheduler.show(client.topic_config(name).await, render::config),
        Some(change) => {
            let answer = client.alter_topic_config(name, &change).await;
            scheduler.show(answer, |message| message.message.clone())
        }
    }
}

async fn elect(scheduler: &Scheduler, arguments: &ElectLeaders) -> Result<(), Failure> {
    let election = arguments.election().map_err(Failure::Usage)?;
    let answer = scheduler.answered(scheduler.client.elect_leaders(&election).await)?;
    let refused = answer.body.refused.clone();
    scheduler.show(Ok(answer), render::elected)?;
    none_refused(&refused)
}

/// A failure that names the partitions for which Kafka refused, if there are any.
pub(super) fn none_refused(refused: &[RefusedPartition]) -> Result<(), Failure> {
    if refused.is_empty() {
        return Ok(());
    }
    let each: Vec<_> =
        refused.iter().map(|one| format!("{}/{}: {}", one.topic, one.partition, one.error)).collect();
    Err(Failure::Undone(format!("Kafka refused {} of the partitions: {}", each.len(), each.join("; "))))
}
