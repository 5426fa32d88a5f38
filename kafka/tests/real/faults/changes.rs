//! What changes something.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use kafka::{
    client::{Change, CreateError, Elected, Resource},
    cluster::{AdminError, ChangeError, Cluster, CreateTopicError, Outcome},
    topic::NewTopic,
};
use kafka_protocol::messages::ApiKey;

use super::{
    ask::{Ask, Before, Case, Place, SETTING, Said, administered, called},
    setup::LIMITED,
};

pub(super) const CHANGES: &[Ask] = &[
    // S-104
    Ask {
        name: "create",
        key: ApiKey::CreateTopics,
        pass: 0,
        before: Before::Nothing,
        run: |cluster, place| {
            Box::pin(async move {
                let topic = NewTopic { partitions: Some(2), ..NewTopic::new(place.name) };
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
        judge: |case| case.went(case.partitions() == 2, case.partitions() == 0),
    },
    // S-106
    Ask {
        name: "grow",
        key: ApiKey::CreatePartitions,
        pass: 0,
        before: Before::Topic,
        run: |cluster, place| Box::pin(async move { changed(cluster.add_partitions(&place.name, 4).await) }),
        judge: |case| case.went(case.partitions() == 4, case.partitions() == 2),
    },
    // S-106: as many as there are is refused, also when the refusal was lost.
    Ask {
        name: "grow to the same",
        key: ApiKey::CreatePartitions,
        pass: 0,
        before: Before::Topic,
        run: |cluster, place| Box::pin(async move { changed(cluster.add_partitions(&place.name, 2).await) }),
        judge: |case| case.went(false, case.partitions() == 2),
    },
    // S-109
    Ask {
        name: "delete",
        key: ApiKey::DeleteTopics,
        pass: 0,
        before: Before::Topic,
        run: |cluster, place| Box::pin(async move { changed(cluster.delete_topic(&place.name).await) }),
        judge: |case| case.went(case.partitions() == 0, case.partitions() == 2),
    },
    // S-109: there is nothing to delete, also when the refusal was lost.
    Ask {
        name: "delete nothing",
        key: ApiKey::DeleteTopics,
        pass: 0,
        before: Before::Nothing,
        run: |cluster, place| Box::pin(async move { changed(cluster.delete_topic(&place.name).await) }),
        judge: |case| case.went(false, case.partitions() == 0),
    },
    Ask {
        name: "set",
        key: ApiKey::IncrementalAlterConfigs,
        pass: 0,
        before: Before::Topic,
        run: |cluster, place| {
            Box::pin(async move {
                let set = BTreeMap::from([(SETTING.0.to_owned(), SETTING.1.to_owned())]);
                let change = Change { set, ..Change::default() };
                altered(cluster.alter_settings(&Resource::Topic(place.name), &change, false).await)
            })
        },
        judge: |case| case.went(retention(case) == Some(SETTING.1), retention(case).is_none()),
    },
    Ask {
        name: "reset",
        key: ApiKey::IncrementalAlterConfigs,
        pass: 0,
        before: Before::Set,
        run: |cluster, place| {
            Box::pin(async move {
                let change = Change { unset: BTreeSet::from([SETTING.0.to_owned()]), ..Change::default() };
                altered(cluster.alter_settings(&Resource::Topic(place.name), &change, false).await)
            })
        },
        judge: |case| case.went(retention(case).is_none(), retention(case) == Some(SETTING.1)),
    },
    BEGIN,
    Ask { name: "begin slowly", run: slowly, judge: began_slowly, ..BEGIN },
    // Its limits are set first, the topic's before those of brokers.
    Ask {
        name: "begin limit",
        key: ApiKey::IncrementalAlterConfigs,
        run: slowly,
        judge: began_slowly,
        ..BEGIN
    },
    // What was over when it was cancelled is left out: it lies where it was to go, then.
    Ask {
        name: "cancel",
        key: ApiKey::AlterPartitionReassignments,
        pass: 0,
        before: Before::Moving,
        run: |cluster, place| {
            Box::pin(async move {
                moved(&place, cluster.cancel(Some(&BTreeSet::from([place.name.clone()]))).await)
            })
        },
        judge: |case| {
            assert!(case.before.moving.contains_key(&case.place.partition().to_string()), "it is on its way");
            case.went(case.lies(false), case.lies(true) || case.moves())
        },
    },
    Ask {
        name: "elect",
        key: ApiKey::ElectLeaders,
        pass: 0,
        before: Before::Led,
        run: |cluster, place| {
            Box::pin(async move {
                let partition = place.partition();
                match cluster.elect_preferred(Some(&BTreeSet::from([partition.clone()]))).await {
                    Ok(elected) => match elected.get(&partition) {
                        // It needs none where the next call, which elects all at the same time, was first.
                        Some(how @ (Elected::Done | Elected::NotNeeded)) => Said::Done(format!("{how:?}")),
                        other => Said::NotDone(format!("{other:?}")),
                    },
                    Err(error) => administered(&error),
                }
            })
        },
        judge: elected,
    },
    // Of all partitions, and answered with those that it did something for.
    Ask {
        name: "elect all",
        key: ApiKey::ElectLeaders,
        pass: 0,
        before: Before::Led,
        run: |cluster, place| {
            Box::pin(async move {
                match cluster.elect_preferred(None).await {
                    Ok(elected) => match elected.get(&place.partition()) {
                        Some(Elected::Done) => Said::Done(String::new()),
                        other => Said::NotDone(format!("{other:?}")),
                    },
                    Err(error) => administered(&error),
                }
            })
        },
        judge: elected,
    },
];

const BEGIN: Ask = Ask {
    name: "begin",
    key: ApiKey::AlterPartitionReassignments,
    pass: 0,
    before: Before::Two,
    run: |cluster, place| {
        Box::pin(async move {
            let (from, to) = (place.on(false), place.on(true));
            moved(&place, cluster.reassign(&from, &to, None).await)
        })
    },
    // On its way there it is begun.
    judge: |case| case.went(case.lies(true) || case.moves(), case.lies(false)),
};

/// The same, limited.
fn slowly(cluster: Cluster, place: Place) -> BoxFuture<'static, Said> {
    Box::pin(async move {
        let (from, to) = (place.on(false), place.on(true));
        moved(&place, cluster.reassign(&from, &to, Some(1)).await)
    })
}

/// What is begun is limited; of what is not, a limit may be left, which is tended later.
fn began_slowly(case: &Case) -> Result<(), String> {
    (BEGIN.judge)(case)?;
    let limited = LIMITED.iter().all(|list| setting(case, list).is_some());
    let begun = case.lies(true) || case.moves();
    if begun && !limited { Err("it goes there without limit".to_owned()) } else { Ok(()) }
}

fn changed(result: Result<(), ChangeError>) -> Said {
    match result {
        Ok(()) => Said::Done(String::new()),
        Err(error @ ChangeError::Unknown(_)) => Said::Unknown(error.to_string()),
        Err(error) => Said::NotDone(error.to_string()),
    }
}

fn altered(result: Result<(), AdminError>) -> Said {
    result.map_or_else(|error| administered(&error), |()| Said::Done(String::new()))
}

fn moved(place: &Place, result: Result<Outcome, AdminError>) -> Said {
    match result {
        Ok(outcome) if outcome.started.contains(&place.partition()) => Said::Done(String::new()),
        Ok(outcome) => Said::NotDone(format!("{:?}", outcome.refused)),
        Err(error) => administered(&error),
    }
}

/// What the topic is set to afterwards.
fn setting<'a>(case: &Case<'a>, name: &str) -> Option<&'a str> {
    case.after.settings.get(case.place.name.as_str())?.get(name).map(String::as_str)
}

fn retention<'a>(case: &Case<'a>) -> Option<&'a str> {
    setting(case, SETTING.0)
}

/// The second broker leads.
fn elected(case: &Case) -> Result<(), String> {
    let second = case.place.brokers[1].cast_signed();
    assert_ne!(case.leader(case.before), second, "another leads before");
    let leads = case.leader(case.after) == second;
    case.went(leads, !leads)
}
