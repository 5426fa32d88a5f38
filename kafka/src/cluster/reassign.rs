//! Moving partitions to other brokers: limited while they are copied, and not a moment longer.
//!
//! What is limited by us is found in Kafka itself (see [`crate::throttle`]), so whoever runs [`Cluster::tend`] now and then
//! removes what is over, whatever became of the one who began it.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::ResponseError;

use super::{AdminError, Cluster, PATIENCE, attempts::Attempts};
use crate::{
    client::{Answers, Change, Error, Metadata, Moving, Resource, Topics},
    error::KafkaError,
    reassign::{self, Assignment},
    retry::Retry,
    throttle::{self, Copied, Owner},
    topic::{TopicName, TopicPartition},
};

/// What was asked of Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Partitions that are on their way now.
    pub started: BTreeSet<TopicPartition>,
    /// Those that Kafka did not take, and why.
    pub refused: BTreeMap<TopicPartition, KafkaError>,
    /// Those that were on their way there already, and are limited anew; see [`on_their_way`].
    pub limited: BTreeMap<TopicPartition, Copied>,
}

/// Of partitions that are `moving`, those that go to where `to` wants them: what they are still copied from, and to.
pub fn on_their_way(
    moving: BTreeMap<TopicPartition, Moving>,
    to: &Assignment,
) -> BTreeMap<TopicPartition, Copied> {
    let copied = moving.into_iter().filter_map(|(partition, Moving { replicas, adding, .. })| {
        let wanted = to.get(&partition)?;
        let (coming, from): (BTreeSet<u32>, BTreeSet<u32>) =
            replicas.into_iter().partition(|broker| adding.contains(broker));
        let to: BTreeSet<u32> = coming.into_iter().filter(|broker| wanted.contains(broker)).collect();
        (!to.is_empty()).then_some((partition, Copied { from, to }))
    });
    copied.collect()
}

/// What [`Cluster::tend`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// Topics with a limit of ours whose partitions are still on their way.
    pub moving: BTreeSet<TopicName>,
    /// Topics that had a limit of ours, and have none any more.
    pub topics: BTreeSet<TopicName>,
    /// Brokers that had rates of ours, and have none any more.
    pub brokers: BTreeSet<u32>,
    /// Limits of ours that are still there although nothing is on its way, and why.
    pub failed: Vec<String>,
}

impl Tended {
    /// Whether nothing is left to be done.
    pub fn is_over(&self) -> bool {
        self.moving.is_empty() && self.failed.is_empty()
    }
}

impl Cluster {
    /// The replicas of every partition of `topics`, once what is on its way has arrived.
    ///
    /// # Errors
    /// A topic does not exist, or no answer of use.
    pub async fn assignment(&self, topics: &BTreeSet<TopicName>) -> Result<Assignment, AdminError> {
        let names: Vec<TopicName> = topics.iter().cloned().collect();
        let metadata = self.metadata_of_each(&names).await?;
        let moving = self.reassignments().await?;
        let mut assignment = Assignment::new();
        for name in names {
            let topic = metadata.topics.get(name.as_str()).filter(|topic| topic.error.is_none());
            let topic = topic.ok_or_else(|| AdminError::UnknownTopic(name.clone()))?;
            for (number, state) in &topic.partitions {
                let partition = TopicPartition { topic: name.clone(), number: *number };
                let replicas = once_arrived(&state.replicas, moving.get(&partition));
                assignment.insert(partition, replicas);
            }
        }
        Ok(assignment)
    }

    /// Brings partitions from their replicas in `from` to those in `to`; only those that differ are asked for. With
    /// `rate`, in bytes per second, brokers copy no faster, also what is on its way there already, with another limit or
    /// none; [`Cluster::tend`] removes that limit when all is copied, and must not run at the same time as this. What is
    /// refused after an answer was lost is looked for: on its way there, or there already, it was started.
    ///
    /// # Errors
    /// Somebody else limits one of these topics or brokers, a broker does not live, or no answer of use. A limit may then
    /// be set in part; [`Cluster::tend`] removes it.
    pub async fn reassign(
        &self,
        from: &Assignment,
        to: &Assignment,
        rate: Option<u64>,
    ) -> Result<Outcome, AdminError> {
        let changes: Vec<_> = reassign::changes(from, to).collect();
        let limited = match rate {
            Some(_) => on_their_way(self.reassignments().await?, to),
            None => BTreeMap::new(),
        };
        if changes.is_empty() && limited.is_empty() {
            return Ok(Outcome::default());
        }
        let metadata = self.metadata(Topics::None).await?;
        let live: Vec<u32> = metadata.brokers.keys().copied().collect();
        if let Some(broker) = changes.iter().flat_map(|(_, _, new)| *new).find(|id| !live.contains(id)) {
            return Err(AdminError::UnknownBroker { broker: *broker, live });
        }
        if let Some(rate) = rate {
            let mut copies: BTreeMap<&TopicPartition, Copied> =
                limited.iter().map(|(partition, copied)| (partition, copied.clone())).collect();
            for (partition, old, new) in &changes {
                let added: BTreeSet<u32> = reassign::copies(old, new).collect();
                if !added.is_empty() {
                    let copied = copies.entry(*partition).or_default();
                    copied.from.extend(*old);
                    copied.to.extend(added);
                }
            }
            self.slow_down(&metadata, &copies, rate).await?;
        }
        if changes.is_empty() {
            return Ok(Outcome { limited, ..Outcome::default() });
        }
        let wanted = changes.iter().map(|(partition, _, new)| ((*partition).clone(), Some(new.to_vec())));
        let mut attempts = Attempts::new();
        let answers = self.alter_reassignments(&wanted.collect(), &mut attempts).await?;
        let mut outcome = Outcome { limited, ..Outcome::from(answers) };
        if let Some(lost) = attempts.lost() {
            // Those that do not exist go nowhere.
            let (absent, refused): (BTreeMap<_, _>, BTreeMap<_, _>) = outcome
                .refused
                .into_iter()
                .partition(|(_, error)| error.is(ResponseError::UnknownTopicOrPartition));
            outcome.refused = absent;
            let refused: BTreeSet<TopicPartition> = refused.into_keys().collect();
            if !self.all_began(&refused, to).await {
                return Err(lost);
            }
            outcome.started.extend(refused);
        }
        Ok(outcome)
    }

    /// Whether all these are on their way to where `to` wants them, or there. The controller's broker may hear of an
    /// arrival a little later than the controller.
    async fn all_began(&self, partitions: &BTreeSet<TopicPartition>, to: &Assignment) -> bool {
        let topics: BTreeSet<TopicName> =
            partitions.iter().map(|partition| partition.topic.clone()).collect();
        let (topics, mut retry) = (topics.into_iter().collect::<Vec<_>>(), Retry::new(PATIENCE));
        let look = async || {
            let moving = self.any_controller().await?.reassignments().await?;
            let metadata = self.controllers_metadata(&topics).await?;
            let began = |partition: &TopicPartition| {
                let topic = metadata.topics.get(partition.topic.as_str());
                let state = topic.and_then(|topic| topic.partitions.get(&partition.number));
                let now = state.map(|state| once_arrived(&state.replicas, moving.get(partition)));
                now.is_some() && now.as_ref() == to.get(partition)
            };
            Ok::<bool, AdminError>(partitions.iter().all(began))
        };
        while !partitions.is_empty() {
            match look().await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "what was reassigned is looked for again"),
            }
            if !retry.again().await {
                return false;
            }
        }
        true
    }

    /// Removes limits of ours where nothing is on its way any more, whoever began it and however it ended.
    ///
    /// # Errors
    /// No answer of use; what could not be removed is in [`Tended::failed`], for the next time.
    pub async fn tend(&self) -> Result<Tended, AdminError> {
        let metadata = self.metadata(Topics::All).await?;
        let mut tended = Tended::default();
        let limited = self.our_topics(&metadata).await?;
        let moving: BTreeSet<TopicName> = if limited.is_empty() {
            BTreeSet::new()
        } else {
            self.reassignments().await?.into_keys().map(|partition| partition.topic).collect()
        };
        let (still, over): (BTreeSet<_>, BTreeSet<_>) =
            limited.into_iter().partition(|topic| moving.contains(topic));
        // A topic's lists go last: as long as they are there, the rates are looked for again.
        if still.is_empty() {
            for id in metadata.brokers.keys() {
                match self.free_broker(&metadata, *id).await {
                    Ok(true) => drop(tended.brokers.insert(*id)),
                    Ok(false) => {}
                    Err(error) => tended.failed.push(format!("the rates of broker {id}: {error}")),
                }
            }
        }
        for topic in over {
            let resource = Resource::Topic(topic.clone());
            match self.alter_settings(&resource, &throttle::no_lists(), false).await {
                Ok(()) => drop(tended.topics.insert(topic)),
                Err(AdminError::UnknownTopic(_)) => {}
                Err(error) => tended.failed.push(format!("the lists of topic {topic}: {error}")),
            }
        }
        tended.moving = still;
        Ok(tended)
    }

    /// Sets lists and rates, unless somebody else has.
    async fn slow_down(
        &self,
        metadata: &Metadata,
        copies: &BTreeMap<&TopicPartition, Copied>,
        rate: u64,
    ) -> Result<(), AdminError> {
        let brokers: BTreeSet<u32> =
            copies.values().flat_map(|copied| copied.from.union(&copied.to)).copied().collect();
        // One that is dead reads and writes nothing.
        let brokers: Vec<u32> = brokers.into_iter().filter(|id| metadata.brokers.contains_key(id)).collect();
        let mut topics = BTreeMap::<&TopicName, BTreeMap<&TopicPartition, Copied>>::new();
        for (partition, copied) in copies {
            topics.entry(&partition.topic).or_default().insert(partition, copied.clone());
        }
        let mut changes = Vec::<(Resource, Change)>::new();
        for (topic, copies) in topics {
            let resource = Resource::Topic(topic.clone());
            let lists = [throttle::LEADER_REPLICAS, throttle::FOLLOWER_REPLICAS];
            let settings = self.settings(&resource, Some(&lists)).await?;
            if throttle::of_topic(&settings) == Owner::Another {
                let message = format!(
                    "topic \"{topic}\" has {} or {} set by somebody else; remove them, or give no throttle",
                    lists[0], lists[1]
                );
                return Err(AdminError::ForeignThrottle(message));
            }
            changes.push((resource, throttle::lists(&settings, &copies)));
        }
        for id in brokers {
            let resource = Resource::Broker(id);
            let rates = [throttle::LEADER_RATE, throttle::FOLLOWER_RATE];
            let settings = self.settings(&resource, Some(&rates)).await?;
            if throttle::of_broker(&settings) == Owner::Another {
                let message = format!(
                    "broker {id} has {} or {} set by somebody else; remove them, or give no throttle",
                    rates[0], rates[1]
                );
                return Err(AdminError::ForeignThrottle(message));
            }
            changes.push((resource, throttle::rates(rate)));
        }
        for (resource, change) in changes {
            self.alter_settings(&resource, &change, false).await?;
        }
        Ok(())
    }

    /// Topics whose lists are ours.
    async fn our_topics(&self, metadata: &Metadata) -> Result<BTreeSet<TopicName>, AdminError> {
        let topics = metadata.topics.keys().map(|name| Resource::Topic(TopicName::existing(name.as_str())));
        let lists = [throttle::LEADER_REPLICAS, throttle::FOLLOWER_REPLICAS];
        let topics: Vec<Resource> = topics.collect();
        let settings = match self.any().await?.settings(&topics, Some(&lists)).await {
            // Kafka 1.0, where we can't move partitions either.
            Err(Error::Version { .. }) => return Ok(BTreeSet::new()),
            settings => settings?,
        };
        let ours = settings.into_iter().filter_map(|(resource, settings)| match resource {
            Resource::Topic(name) => (throttle::of_topic(&settings.ok()?) == Owner::Us).then_some(name),
            Resource::Broker(_) => None,
        });
        Ok(ours.collect())
    }

    /// Removes a broker's rates if they are ours.
    async fn free_broker(&self, metadata: &Metadata, id: u32) -> Result<bool, AdminError> {
        let mut connection = self.broker(metadata, id).await?;
        let resource = Resource::Broker(id);
        let rates = [throttle::LEADER_RATE, throttle::FOLLOWER_RATE];
        let found = connection.settings(std::slice::from_ref(&resource), Some(&rates)).await;
        let mut found = match found {
            Err(Error::Version { .. }) => return Ok(false),
            found => found?,
        };
        let settings = found.remove(&resource).unwrap_or_else(|| Ok(BTreeMap::new()));
        if throttle::of_broker(&settings.map_err(AdminError::Refused)?) != Owner::Us {
            return Ok(false);
        }
        connection.alter_settings(&resource, &throttle::no_rates(), false).await?;
        Ok(true)
    }
}

/// The replicas of a partition once it has arrived, if it is on its way.
fn once_arrived(replicas: &[u32], moving: Option<&Moving>) -> Vec<u32> {
    let leaving = moving.map(|moving| moving.removing.as_slice()).unwrap_or_default();
    replicas.iter().filter(|broker| !leaving.contains(broker)).copied().collect()
}

impl From<Answers> for Outcome {
    fn from(answers: Answers) -> Self {
        let mut outcome = Self::default();
        for (partition, error) in answers {
            match error {
                None => drop(outcome.started.insert(partition)),
                Some(error) => drop(outcome.refused.insert(partition, error)),
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    // What goes where it is wanted is limited anew, and copied from those that hold it; what goes elsewhere is not.
    #[test]
    fn what_is_on_its_way() {
        let partition = |number| TopicPartition { topic: "t".parse().unwrap(), number };
        let moving = |replicas: &[u32], adding: &[u32]| Moving {
            replicas: replicas.to_vec(),
            adding: adding.to_vec(),
            removing: vec![0],
        };
        let all = BTreeMap::from([
            (partition(0), moving(&[3, 2, 1, 0], &[2, 3])),
            (partition(1), moving(&[2, 0], &[2])),
            (partition(2), moving(&[1, 0], &[])),
            (partition(3), moving(&[2, 0], &[2])),
        ]);
        let to = Assignment::from([
            (partition(0), vec![2, 1]),
            (partition(1), vec![1]),
            (partition(2), vec![1]),
            (partition(4), vec![2]),
        ]);
        let copied = Copied { from: [0, 1].into(), to: [2].into() };
        assert_eq!(on_their_way(all, &to), BTreeMap::from([(partition(0), copied)]));
    }
}
