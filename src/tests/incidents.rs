//! Incidents as they reach the core: stored, once, before whoever told them is told so (D45).

use std::collections::BTreeMap;

use api::{
    ids::BrokerId,
    incident::{Cause, End, Incident},
    message::{ToExecutor, ToScheduler},
};
use expect_test::expect;
use mesos::v1::{self, TaskState, scheduler::call};
use uuid::Uuid;

use super::world::*;
use crate::{
    Scheduler,
    config::Settings,
    event::{Effects, Event, Write},
    record,
};

fn deployed() -> World {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    world.bring_up(0, "A-1");
    world
}

fn incident(world: &World, whole: bool) -> Incident {
    Incident {
        asked: None,
        at: 900_000,
        broker: BrokerId(0),
        cause: Cause::Killed,
        config_id: None,
        crash: None,
        disks: Vec::new(),
        end: End::Signal(9),
        generation: 0,
        id: Uuid::from_u128(5),
        memory: None,
        stderr: Vec::new(),
        stdout: if whole { vec!["[2026] INFO started".to_owned()] } else { Vec::new() },
        summary: "the JVM was ended by SIGKILL after 61.0 s".to_owned(),
        task: world.task(0),
        uptime_ms: 61_000,
        whole,
    }
}

fn told(world: &mut World, incident: Incident) -> Effects {
    world.handle(Event::Message(Box::new(ToScheduler::Incident(Box::new(incident)))))
}

fn failed(world: &World, data: Vec<u8>) -> Event {
    let status = status(world.task(0), TaskState::TaskFailed);
    Event::Update(Box::new(v1::TaskStatus { data: Some(data), ..status }))
}

fn put(effects: &Effects) -> Vec<&str> {
    let puts = effects.writes.0.iter().filter_map(|write| match write {
        Write::Put { key, .. } => Some(key.as_str()),
        Write::Delete { .. } => None,
    });
    puts.filter(|key| key.starts_with("incidents/")).collect()
}

/// Whether each incident of broker 0 is whole, the latest first.
fn shown(world: &World) -> Vec<bool> {
    world.view().incidents[&BrokerId(0)].iter().map(|incident| incident.whole).collect()
}

// D45: each effect carries out its writes before its calls.
#[test]
fn one_told_in_a_message_is_stored_and_answered() {
    let mut world = deployed();
    let whole = incident(&world, true);
    for (time, key) in [("first", "incidents/0/00000000-0000-0000-0000-000000000005"), ("again", "")] {
        let effects = told(&mut world, whole.clone());
        let expect: Vec<_> = [key].into_iter().filter(|key| !key.is_empty()).collect();
        assert_eq!(put(&effects), expect, "{time}");
        let messages = calls(&effects, call::Type::Message);
        let [answer] = messages[..] else { panic!("{time}: one answer") };
        let message = answer.message.as_ref().unwrap();
        assert_eq!(message.agent_id.value, "A-1");
        assert_eq!(message.executor_id.value, world.task(0).to_string());
        let said: ToExecutor = serde_json::from_slice(&message.data).unwrap();
        assert_eq!(said, ToExecutor::IncidentStored { id: whole.id });
    }
    assert_eq!(shown(&world), [true]);
}

// D45: short with the update, whole in the message, in either order.
#[test]
fn one_told_both_ways_is_one() {
    for whole_first in [false, true] {
        let mut world = deployed();
        let short = serde_json::to_vec(&incident(&world, false)).unwrap();
        let whole = incident(&world, true);
        if whole_first {
            told(&mut world, whole.clone());
        }
        let event = failed(&world, short);
        let effects = world.handle(event);
        assert_eq!(put(&effects).len(), usize::from(!whole_first));
        assert_eq!(calls(&effects, call::Type::Acknowledge).len(), 1);
        assert_eq!(shown(&world), [whole_first]);
        told(&mut world, whole);
        assert_eq!(shown(&world), [true], "also when its task has ended");
    }
}

// An update again, after the scheduler has forgotten nothing: reconciliation brings none, repetition no second one.
#[test]
fn what_is_no_incident_of_ours_is_passed_over() {
    let mut world = deployed();
    let foreign = Incident { broker: BrokerId(9), ..incident(&world, true) };
    let effects = told(&mut world, foreign);
    assert!(effects.notes[0].contains("is of no broker of ours"), "{:?}", effects.notes);
    assert!(put(&effects).is_empty() && calls(&effects, call::Type::Message).is_empty());
    let mut other = incident(&world, true);
    other.task.uuid = Uuid::from_u128(77);
    for data in [b"{}".to_vec(), serde_json::to_vec(&other).unwrap()] {
        let event = failed(&world, data);
        let effects = world.handle(event);
        assert!(put(&effects).is_empty());
        assert_eq!(calls(&effects, call::Type::Acknowledge).len(), 1, "the update counts all the same");
    }
    assert_eq!(shown(&world), [] as [bool; 0]);
}

// The state restored from the store equals the state held; a state of before there were incidents restores too.
#[test]
fn they_outlive_the_scheduler() {
    let mut world = deployed();
    let mut second = incident(&world, true);
    (second.id, second.at) = (Uuid::from_u128(4), second.at + 1);
    let first = incident(&world, true);
    told(&mut world, first);
    told(&mut world, second);
    let restored = record::restore(&world.records).unwrap().unwrap();
    assert_eq!(&restored, &world.scheduler.state().stored);
    assert_eq!(record::all(&restored), world.records);
    let service = Settings::from_env(&settings("BROKER_COUNT=1")).unwrap().service;
    let (_, effects) = Scheduler::restore(service, &world.records, 1).unwrap();
    assert_eq!(effects.writes.0, [], "nothing is written twice");
    let ids: Vec<_> =
        world.view().incidents[&BrokerId(0)].iter().map(|incident| incident.id.as_u128()).collect();
    assert_eq!(ids, [4, 5], "the latest first");
    let text =
        String::from_utf8(world.records["incidents/0/00000000-0000-0000-0000-000000000005"].clone()).unwrap();
    let task = world.task(0).to_string();
    expect![[r#"{"asked":null,"at":900000,"broker":"0","cause":"killed","config_id":null,"crash":null,"disks":[],"end":{"signal":9},"generation":0,"id":"00000000-0000-0000-0000-000000000005","memory":null,"stderr":[],"stdout":["[2026] INFO started"],"summary":"the JVM was ended by SIGKILL after 61.0 s","task":"<task>","uptime_ms":61000,"whole":true}"#]].assert_eq(&text.replace(&task, "<task>"));
}

// D45: what came short is read whole out of the sandbox, once the MESSAGE has had its chance; in vain only a few times.
#[test]
fn a_short_one_is_read_out_of_its_sandbox() {
    let mut world = deployed();
    let event = failed(&world, serde_json::to_vec(&incident(&world, false)).unwrap());
    world.handle(event);
    let wanted = |world: &World| world.scheduler.wants_incident(world.now);
    assert_eq!(wanted(&world), None);
    world.pass(10_000);
    let fetch = wanted(&world).unwrap();
    assert_eq!((fetch.agent_id.as_str(), fetch.framework_id.as_str()), ("A-1", "F-1"));
    assert_eq!((fetch.id, fetch.task), (Uuid::from_u128(5), world.task(0)));
    let id = fetch.id;
    for minutes in [1, 2, 4] {
        world.handle(Event::Fetched { id, result: Err("gone".to_owned()) });
        world.pass(minutes * 60_000 - 1);
        assert_eq!(wanted(&world), None);
        world.pass(1);
        assert!(wanted(&world).is_some());
    }
    let other = Incident { id: Uuid::from_u128(6), ..incident(&world, true) };
    world.handle(Event::Fetched { id, result: Ok(Box::new(other)) });
    world.pass(3_600_000);
    assert_eq!(wanted(&world), None, "enough is enough");
    assert_eq!(shown(&world), [false]);

    // A scheduler that starts anew tries again, and has better luck.
    world.restart("");
    assert_eq!(wanted(&world), None, "not subscribed");
    world.subscribe();
    assert!(wanted(&world).is_some());
    let effects = world.handle(Event::Fetched { id, result: Ok(Box::new(incident(&world, true))) });
    assert_eq!(put(&effects).len(), 1);
    assert_eq!(shown(&world), [true]);
    assert_eq!(wanted(&world), None);
}

// What its sandbox has under its name is not believed as it is, and asking for it ends.
#[test]
fn a_file_that_is_of_another_is_read_no_more() {
    let mut world = deployed();
    let event = failed(&world, serde_json::to_vec(&incident(&world, false)).unwrap());
    world.handle(event);
    let id = Uuid::from_u128(5);
    let whole = incident(&world, true);
    let broker = Incident { broker: BrokerId(7), ..whole.clone() };
    let short = Incident { whole: false, ..whole.clone() };
    let other = Incident { id: Uuid::from_u128(6), ..whole };
    for (file, says, minutes) in
        [(broker, "of another broker", 1), (short, "no more of it either", 2), (other, "of another one", 4)]
    {
        world.pass(minutes * 60_000);
        assert!(world.scheduler.wants_incident(world.now).is_some());
        let effects = world.handle(Event::Fetched { id, result: Ok(Box::new(file)) });
        assert!(effects.notes.iter().any(|note| note.contains(says)), "{:?}", effects.notes);
        assert_eq!(world.scheduler.wants_incident(world.now), None, "{says}");
    }
    assert_eq!(shown(&world), [false]);
}

// Incidents are kept by their executors' clocks: one that was ahead does not hide what happens from then on.
#[test]
fn a_clock_that_is_ahead_drives_out_nothing() {
    let mut world = deployed();
    let year = 365 * 24 * 3_600_000;
    for number in 0..40_u64 {
        world.pass(1000);
        let ahead = if number < 20 { year } else { 0 };
        let at = world.now.0 + ahead;
        let next = Incident { id: Uuid::from_u128(number.into()), at, ..incident(&world, true) };
        told(&mut world, next);
    }
    let ids: Vec<_> = world.view().incidents[&BrokerId(0)].iter().map(|kept| kept.id.as_u128()).collect();
    assert_eq!(ids, (20..40).rev().collect::<Vec<_>>());
}

// The 21st drives out the first, in the store too.
#[test]
fn what_is_no_longer_kept_is_deleted() {
    let mut world = deployed();
    for number in 0..30_u64 {
        let mut next = incident(&world, true);
        (next.id, next.at) = (Uuid::from_u128(number.into()), number);
        told(&mut world, next);
    }
    let kept: BTreeMap<_, _> =
        world.records.range("incidents/".to_owned().."incidents0".to_owned()).collect();
    assert_eq!(kept.len(), 20);
    assert!(kept.keys().next().unwrap().ends_with("00000a"));
}
