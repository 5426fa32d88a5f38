//! The calls: which request of theirs is stopped, what they say, and when that is wrong.

use std::{collections::BTreeSet, pin::Pin, time::Duration};

use kafka::{
    client::{At, CreateError, Error, Options, Topics},
    cluster::{AskError, ChangeError, Cluster, CreateTopicError, OffsetsError},
    report::{Line, Report},
    topic::{NewTopic, TopicName},
};
use kafka_protocol::messages::ApiKey;

use super::{Said, State, Truth};

/// Short, since some faults are waited out; a request that takes longer on a slow machine is an answer not known.
pub(super) const LIMIT: Duration = Duration::from_millis(1500);
/// How many records stand in partition 0 of a topic that is there before.
pub(super) const RECORDS: u64 = 3;

pub(super) fn cluster(bootstrap: Vec<String>) -> Cluster {
    Cluster::new(bootstrap, Options::new("test", LIMIT))
}

type Run = for<'a> fn(&'a Cluster, &'a TopicName) -> Pin<Box<dyn Future<Output = Said> + 'a>>;

/// A call.
pub(super) struct Ask {
    pub(super) name: &'static str,
    /// The request that is stopped.
    pub(super) key: ApiKey,
    /// Whether it changes something.
    pub(super) change: bool,
    /// Whether it is a list of what is not well, which has something to say of a broker that is dead.
    pub(super) reports: bool,
    /// Whether the topic is there before, with two partitions.
    pub(super) existing: bool,
    pub(super) run: Run,
    /// Why what was said is wrong.
    pub(super) judge: fn(&Case) -> Result<(), String>,
}

/// What was said, and what is so.
pub(super) struct Case<'a> {
    pub(super) said: &'a Said,
    pub(super) name: &'a str,
    pub(super) before: &'a Truth,
    pub(super) after: &'a Truth,
    /// The broker that was down for a while.
    pub(super) down: Option<usize>,
}

pub(super) const ASKS: &[Ask] = &[
    // S-102
    Ask {
        name: "list",
        key: ApiKey::Metadata,
        change: false,
        reports: false,
        existing: true,
        run: |cluster, _| {
            Box::pin(async {
                match cluster.metadata(Topics::All).await {
                    Ok(metadata) => Said::Done(metadata.topics.into_keys().collect::<Vec<_>>().join(",")),
                    Err(error) => asked(&error),
                }
            })
        },
        judge: |case| same(case.said, &case.before.keys().cloned().collect::<Vec<_>>().join(",")),
    },
    // S-103
    Ask {
        name: "describe",
        key: ApiKey::Metadata,
        change: false,
        reports: false,
        existing: true,
        run: |cluster, name| {
            Box::pin(async {
                match cluster.metadata_of(name).await {
                    Ok(metadata) => {
                        let partitions = &metadata.topics[name.as_str()].partitions;
                        Said::Done(format!(
                            "{:?}",
                            partitions.values().map(|one| &one.replicas).collect::<Vec<_>>()
                        ))
                    }
                    Err(error) => asked(&error),
                }
            })
        },
        judge: |case| {
            let states = &case.before[case.name];
            same(case.said, &format!("{:?}", states.iter().map(|state| &state.replicas).collect::<Vec<_>>()))
        },
    },
    // S-105
    Ask {
        name: "offsets",
        key: ApiKey::ListOffsets,
        change: false,
        reports: false,
        existing: true,
        run: |cluster, name| {
            Box::pin(async {
                match cluster.offsets(name, At::End).await {
                    Ok(offsets) => Said::Done(format!("{offsets:?}")),
                    Err(OffsetsError::NotFound { topic }) => Said::Done(format!("no topic {topic}")),
                    Err(error) => Said::Unknown(error.to_string()),
                }
            })
        },
        judge: |case| same(case.said, &format!("{{0: Some({RECORDS}), 1: Some(0)}}")),
    },
    // S-110
    Ask {
        name: "under-replicated",
        key: ApiKey::Metadata,
        change: false,
        reports: true,
        existing: true,
        run: |cluster, _| {
            Box::pin(async {
                match cluster.report(Report::UnderReplicated).await {
                    Ok(lines) => {
                        let missing = lines.iter().flat_map(|Line { id, replicas, isr, .. }| {
                            let missing = replicas.iter().filter(|replica| !isr.contains(replica));
                            missing.map(move |replica| format!("{id}/{replica}"))
                        });
                        Said::Done(missing.collect::<Vec<_>>().join(" "))
                    }
                    Err(error) => asked(&error),
                }
            })
        },
        judge: |case| between(case, missing),
    },
    // S-111
    Ask {
        name: "unavailable",
        key: ApiKey::Metadata,
        change: false,
        reports: true,
        existing: true,
        run: |cluster, _| {
            Box::pin(async {
                match cluster.report(Report::Unavailable).await {
                    Ok(lines) => {
                        let ids = lines.iter().map(|line| &line.id);
                        let names = ids.map(ToString::to_string);
                        Said::Done(names.collect::<Vec<_>>().join(" "))
                    }
                    Err(error) => asked(&error),
                }
            })
        },
        judge: |case| between(case, headless),
    },
    // S-104
    Ask {
        name: "create",
        key: ApiKey::CreateTopics,
        change: true,
        reports: false,
        existing: false,
        run: |cluster, name| {
            Box::pin(async {
                let topic = NewTopic { partitions: Some(2), ..NewTopic::new(name.clone()) };
                match cluster.create_topic(&topic).await {
                    Ok(created) => Said::Done(format!("{created:?}")),
                    Err(CreateTopicError::NoBroker(error)) => Said::NotDone(error.to_string()),
                    Err(CreateTopicError::Create(CreateError::Call(error))) => called(&error),
                    Err(CreateTopicError::Create(error)) if error.is_uncertain() => {
                        Said::Unknown(error.to_string())
                    }
                    Err(CreateTopicError::Create(error)) => Said::NotDone(error.to_string()),
                }
            })
        },
        judge: |case| went(case.said, partitions(case) == 2, partitions(case) == 0),
    },
    // S-106
    Ask {
        name: "grow",
        key: ApiKey::CreatePartitions,
        change: true,
        reports: false,
        existing: true,
        run: |cluster, name| Box::pin(async { changed(cluster.add_partitions(name, 4).await) }),
        judge: |case| went(case.said, partitions(case) == 4, partitions(case) == 2),
    },
    // S-106: as many as there are is refused, also when the refusal was lost.
    Ask {
        name: "grow to the same",
        key: ApiKey::CreatePartitions,
        change: true,
        reports: false,
        existing: true,
        run: |cluster, name| Box::pin(async { changed(cluster.add_partitions(name, 2).await) }),
        judge: |case| went(case.said, false, partitions(case) == 2),
    },
    // S-109
    Ask {
        name: "delete",
        key: ApiKey::DeleteTopics,
        change: true,
        reports: false,
        existing: true,
        run: |cluster, name| Box::pin(async { changed(cluster.delete_topic(name).await) }),
        judge: |case| went(case.said, partitions(case) == 0, partitions(case) == 2),
    },
    // S-109: there is nothing to delete, also when the refusal was lost.
    Ask {
        name: "delete nothing",
        key: ApiKey::DeleteTopics,
        change: true,
        reports: false,
        existing: false,
        run: |cluster, name| Box::pin(async { changed(cluster.delete_topic(name).await) }),
        judge: |case| went(case.said, false, partitions(case) == 0),
    },
];

/// How many partitions the topic has afterwards.
fn partitions(case: &Case) -> usize {
    case.after.get(case.name).map_or(0, Vec::len)
}

/// Whether it is done, or untouched, exactly if that was said.
fn went(said: &Said, done: bool, untouched: bool) -> Result<(), String> {
    match said {
        Said::Done(_) if !done => Err("it is not done".to_owned()),
        Said::NotDone(_) if !untouched => Err("something was done".to_owned()),
        _ => Ok(()),
    }
}

fn same(said: &Said, truth: &str) -> Result<(), String> {
    match said {
        Said::Done(said) if said != truth => Err(format!("it is {truth}")),
        _ => Ok(()),
    }
}

/// What was so before the request and still is must be said; what was so at neither time must not, but of the broker that
/// was down for a while.
fn between(case: &Case, wrong: fn(&Truth, Option<i32>) -> BTreeSet<String>) -> Result<(), String> {
    let Said::Done(said) = case.said else { return Ok(()) };
    let said: BTreeSet<String> = said.split_whitespace().map(str::to_owned).collect();
    let (before, after) = (wrong(case.before, None), wrong(case.after, None));
    if let Some(unsaid) = before.intersection(&after).find(|one| !said.contains(*one)) {
        return Err(format!("it does not say {unsaid}, which was so all the while"));
    }
    let down = case.down.map(|down| i32::try_from(down).unwrap());
    let allowed = &wrong(case.before, down) | &wrong(case.after, down);
    match said.difference(&allowed).next() {
        Some(other) => Err(format!("{other} is well; it might be said of {allowed:?}")),
        None => Ok(()),
    }
}

/// Replicas that are not in sync, as topic/partition/broker; all those of `down` too.
fn missing(truth: &Truth, down: Option<i32>) -> BTreeSet<String> {
    let missing = partitions_of(truth).flat_map(|(name, state)| {
        let missing = state.replicas.iter().filter(|id| !state.isr.contains(id) || Some(**id) == down);
        missing.map(|id| format!("{name}/{id}")).collect::<Vec<_>>()
    });
    missing.collect()
}

/// Partitions without a leader; those that `down` leads too.
fn headless(truth: &Truth, down: Option<i32>) -> BTreeSet<String> {
    let headless = partitions_of(truth).filter(|(_, state)| state.leader < 0 || Some(state.leader) == down);
    headless.map(|(name, _)| name).collect()
}

/// Each as topic/partition.
fn partitions_of(truth: &Truth) -> impl Iterator<Item = (String, &State)> {
    truth.iter().flat_map(|(topic, states)| {
        states.iter().enumerate().map(move |(number, state)| (format!("{topic}/{number}"), state))
    })
}

fn asked(error: &AskError) -> Said {
    match error {
        AskError::NoBroker(error) => Said::NotDone(error.to_string()),
        AskError::NoController => Said::NotDone(error.to_string()),
        AskError::Call(error) => called(error),
    }
}

fn changed(result: Result<(), ChangeError>) -> Said {
    match result {
        Ok(()) => Said::Done(String::new()),
        Err(error @ ChangeError::Unknown(_)) => Said::Unknown(error.to_string()),
        Err(error) => Said::NotDone(error.to_string()),
    }
}

/// A request that was never sent has done nothing.
fn called(error: &Error) -> Said {
    if error.is_uncertain() { Said::Unknown(error.to_string()) } else { Said::NotDone(error.to_string()) }
}
