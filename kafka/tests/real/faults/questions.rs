//! What changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use kafka::{
    client::{At, Resource, Topics},
    cluster::{AdminError, OffsetsError, Reading, TopicsError},
    keeper::Keeper,
    report::{Line, Report},
};
use kafka_protocol::messages::ApiKey;

use super::{
    ask::{Ask, Before, COMMITTED, Case, Place, RECORDS, SETTING, Said, administered, asked},
    truth::Truth,
};

pub(super) const QUESTIONS: &[Ask] = &[
    // S-102, D43
    Ask {
        name: "list",
        key: ApiKey::Metadata,
        pass: 0,
        before: Before::Topic,
        run: |cluster, place| {
            Box::pin(async move {
                let names = if place.kraft {
                    match cluster.topics(&Keeper::KRaft).await {
                        Err(TopicsError::Ask(error)) => Err(error),
                        names => Ok(names.unwrap()),
                    }
                } else {
                    cluster.metadata(Topics::All).await.map(|found| found.topics.into_keys().collect())
                };
                names.map_or_else(|error| asked(&error), |names: Vec<String>| Said::words(names))
            })
        },
        judge: |case| case.same(&case.before.topics.keys().cloned().collect::<Vec<_>>().join(" ")),
    },
    // S-103, D43
    Ask {
        name: "describe",
        key: ApiKey::Metadata,
        pass: 0,
        before: Before::Topic,
        run: |cluster, place| {
            Box::pin(async move {
                let name = &place.name;
                let replicas: Vec<Vec<i32>> = if place.kraft {
                    match cluster.topic(&Keeper::KRaft, name).await {
                        Err(TopicsError::Ask(error)) => return asked(&error),
                        found => {
                            found.unwrap().map_or_else(Vec::new, |one| one.assignment.into_values().collect())
                        }
                    }
                } else {
                    let found = match cluster.metadata_of(name).await {
                        Ok(found) => found,
                        Err(error) => return asked(&error),
                    };
                    let partitions = found.topics[name.as_str()].partitions.values();
                    let signed = |ids: &Vec<u32>| ids.iter().map(|id| id.cast_signed()).collect();
                    partitions.map(|one| signed(&one.replicas)).collect()
                };
                Said::Done(format!("{replicas:?}"))
            })
        },
        judge: |case| {
            let states = &case.before.topics[case.place.name.as_str()];
            case.same(&format!("{:?}", states.iter().map(|state| &state.replicas).collect::<Vec<_>>()))
        },
    },
    // S-105
    Ask {
        name: "offsets",
        key: ApiKey::ListOffsets,
        pass: 0,
        before: Before::Records,
        run: |cluster, place| {
            Box::pin(async move {
                match cluster.offsets(&place.name, At::End).await {
                    Ok(offsets) => Said::Done(format!("{offsets:?}")),
                    Err(OffsetsError::NotFound { topic }) => Said::Done(format!("no topic {topic}")),
                    Err(error) => Said::Unknown(error.to_string()),
                }
            })
        },
        judge: |case| case.same(&format!("{{0: Some({RECORDS}), 1: Some(0)}}")),
    },
    // S-110: the request that is stopped is the one whose answer tells; the one before finds the controller.
    Ask {
        name: "under-replicated",
        key: ApiKey::Metadata,
        pass: 1,
        before: Before::Nothing,
        run: |cluster, _| {
            Box::pin(async move {
                match cluster.report(Report::UnderReplicated).await {
                    Ok(lines) => Said::words(lines.iter().flat_map(|Line { id, replicas, isr, .. }| {
                        let missing = replicas.iter().filter(|replica| !isr.contains(replica));
                        missing.map(move |replica| format!("{id}/{replica}"))
                    })),
                    Err(error) => asked(&error),
                }
            })
        },
        judge: |case| {
            // What only waits for replicas to come is well; where others are missing too, all are told.
            let coming = missing(case.before, true);
            let down = |one: &str| case.down.is_some_and(|down| one.ends_with(&format!("/{down}")));
            let (before, after) = (missing(case.before, false), missing(case.after, false));
            case.told(&before, &after, |_| false, |one| down(one) || coming.contains(one))
        },
    },
    // S-111
    Ask {
        name: "unavailable",
        key: ApiKey::Metadata,
        pass: 1,
        before: Before::Nothing,
        run: |cluster, _| {
            Box::pin(async move {
                match cluster.report(Report::Unavailable).await {
                    Ok(lines) => Said::words(lines.iter().map(|line| line.id.to_string())),
                    Err(error) => asked(&error),
                }
            })
        },
        judge: |case| {
            let led = |truth| led_by(truth, case.down.unwrap_or(-1));
            let down = &led(case.before) | &led(case.after);
            let (before, after) = (led_by(case.before, -1), led_by(case.after, -1));
            case.told(&before, &after, |_| false, |one| down.contains(one))
        },
    },
    Ask {
        name: "settings",
        key: ApiKey::DescribeConfigs,
        pass: 0,
        before: Before::Set,
        run: |cluster, place| {
            Box::pin(async move {
                match cluster.settings(&Resource::Topic(place.name), Some(&[SETTING.0])).await {
                    Ok(found) => Said::Done(found[SETTING.0].value.clone().unwrap_or_default()),
                    Err(AdminError::UnknownTopic(_)) => Said::Done("no topic".to_owned()),
                    Err(error) => administered(&error),
                }
            })
        },
        judge: |case| case.same(&case.before.settings[case.place.name.as_str()][SETTING.0]),
    },
    Ask {
        name: "under way",
        key: ApiKey::ListPartitionReassignments,
        pass: 0,
        before: Before::Moving,
        run: |cluster, _| {
            Box::pin(async move {
                match cluster.reassignments().await {
                    Ok(moving) => Said::words(moving.into_iter().map(|(partition, mut moving)| {
                        moving.adding.sort_unstable();
                        moving.removing.sort_unstable();
                        format!("{partition}+{:?}-{:?}", moving.adding, moving.removing).replace(' ', "")
                    })),
                    Err(error) => administered(&error),
                }
            })
        },
        judge: |case| {
            assert!(case.before.moving.contains_key(&case.place.partition().to_string()), "it is on its way");
            let words = |truth: &Truth| {
                let moving = truth.moving.iter();
                moving
                    .map(|(name, (adding, removing))| {
                        format!("{name}+{adding:?}-{removing:?}").replace(' ', "")
                    })
                    .collect()
            };
            case.told(&words(case.before), &words(case.after), |_| false, |_| false)
        },
    },
    Ask {
        name: "log dirs",
        key: ApiKey::DescribeLogDirs,
        pass: 0,
        before: Before::Records,
        run: |cluster, place| {
            Box::pin(async move {
                let dirs = match cluster.log_dirs(None).await {
                    Ok(dirs) => dirs,
                    Err(error) => return administered(&error),
                };
                Said::words(dirs.into_iter().flat_map(|(broker, dirs)| match dirs {
                    Err(_) => vec![format!("{broker}:?")],
                    Ok(dirs) => {
                        let replicas = dirs.into_iter().flat_map(|dir| dir.replicas);
                        let own = replicas.filter(|replica| replica.partition.topic == place.name);
                        own.map(|one| format!("{broker}:{}={}", one.partition, one.size)).collect()
                    }
                }))
            })
        },
        judge: |case| {
            let own = format!(":{}/", case.place.name);
            let sizes =
                |truth: &Truth| truth.sizes.iter().filter(|one| one.contains(&own)).cloned().collect();
            // That a broker does not tell is an answer, and that one that is down does not live is one too.
            let silent = |one: &str| {
                let broker = one.split(':').next().unwrap();
                says(case, &format!("{broker}:?")) || case.down.is_some_and(|down| broker == down.to_string())
            };
            case.told(&sizes(case.before), &sizes(case.after), silent, |one| one.ends_with(":?"))
        },
    },
    Ask {
        name: "groups",
        key: ApiKey::ListGroups,
        pass: 0,
        before: Before::Read,
        run: |cluster, _| {
            Box::pin(async move {
                match cluster.groups().await {
                    Ok(all) => {
                        let silent = all.silent.keys().map(|broker| format!("{broker}:?"));
                        Said::words(all.groups.into_keys().chain(silent))
                    }
                    Err(error) => administered(&error),
                }
            })
        },
        judge: |case| {
            let names = |truth: &Truth| truth.groups.keys().cloned().collect();
            let silent = |one: &str| says(case, &format!("{}:?", case.before.groups[one]));
            case.told(&names(case.before), &names(case.after), silent, |one| one.ends_with(":?"))
        },
    },
    // Its coordinator is asked how it is,
    Ask {
        name: "group",
        key: ApiKey::DescribeGroups,
        pass: 0,
        before: Before::Read,
        run: |cluster, place| Box::pin(async move { read(&place, cluster.group(&place.group).await) }),
        judge: reading,
    },
    // and the leader where the partition ends.
    Ask {
        name: "lag",
        key: ApiKey::ListOffsets,
        pass: 0,
        before: Before::Read,
        run: |cluster, place| Box::pin(async move { read(&place, cluster.group(&place.group).await) }),
        judge: reading,
    },
];

fn read(place: &Place, answer: Result<Reading, AdminError>) -> Said {
    match answer {
        Ok(Reading { group, partitions }) => {
            let lag = &partitions[&place.partition()];
            let words = [format!("state={}", group.state), format!("committed={:?}", lag.committed)];
            Said::words(words.into_iter().chain(lag.end.map(|end| format!("end={end}"))))
        }
        Err(AdminError::UnknownGroup(_)) => Said::Done("no group".to_owned()),
        Err(error) => administered(&error),
    }
}

/// Where a partition ends may be left out: it is not known, then.
fn reading(case: &Case) -> Result<(), String> {
    assert!(case.before.groups.contains_key(&case.place.group), "the group is there");
    let so = BTreeSet::from(["state=Empty".to_owned(), format!("committed={:?}", Some(COMMITTED))]);
    let end = format!("end={RECORDS}");
    case.told(&so, &so, |_| false, |one| one == end)
}

fn says(case: &Case, word: &str) -> bool {
    matches!(case.said, Said::Done(said) if said.split_whitespace().any(|one| one == word))
}

/// Replicas that are not in sync, as topic/partition/broker, of partitions that miss others than those to come; with
/// `coming`, of all.
fn missing(truth: &Truth, coming: bool) -> BTreeSet<String> {
    let nothing = BTreeMap::new();
    let moving = if coming { &nothing } else { &truth.moving };
    let missing = truth.partitions().flat_map(|(name, state)| {
        let adding = moving.get(&name).map_or(0, |(adding, _)| adding.len());
        let well = state.replicas.len().saturating_sub(adding) <= state.isr.len();
        let missing = state.replicas.iter().filter(|id| !well && !state.isr.contains(id));
        missing.map(|id| format!("{name}/{id}")).collect::<Vec<_>>()
    });
    missing.collect()
}

/// Partitions that this broker leads, or nobody.
fn led_by(truth: &Truth, broker: i32) -> BTreeSet<String> {
    truth.partitions().filter(|(_, state)| state.leader == broker).map(|(name, _)| name).collect()
}
