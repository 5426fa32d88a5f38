//! Stored records: their form, and what a start makes of bad ones.

use super::world::*;
use crate::{Scheduler, config::Settings, event::Records, record};

fn deployed() -> World {
    let mut world = World::new("BROKER_COUNT=2");
    world.subscribe();
    world.bring_up(0, "A-1");
    world.bring_up(1, "A-1");
    world
}

// The records of schema 1, to the byte: a later version must read them.
#[test]
fn records_of_schema_1() {
    let world = deployed();
    let text: Vec<_> = world
        .records
        .iter()
        .filter(|(key, _)| !key.starts_with("configs/"))
        .map(|(key, value)| format!("{key} {}", String::from_utf8_lossy(value)))
        .collect();
    expect_test::expect_file!["records/schema_1.txt"].assert_eq(&(text.join("\n") + "\n"));
}

/// Records of schema 1 out of a file, with the configuration they name.
fn written(text: &str) -> Records {
    let mut records: Records = text
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
        .collect();
    records.extend(deployed().records.into_iter().filter(|(key, _)| key.starts_with("configs/")));
    records
}

// What was written before restarts in place were on record is read as ever.
#[test]
fn records_of_the_first_version_are_read() {
    let stored = record::restore(&written(include_str!("records/schema_1.txt"))).unwrap().unwrap();
    assert_eq!(stored, deployed().scheduler.state().stored);
}

// A restart that is under way, refused, and forced, to the byte (D31).
#[test]
fn records_of_restarts_in_place() {
    let mut world = deployed();
    world.ask_restart(0, true);
    world.ask_restart(1, false);
    let id = world.task(0);
    let config_id = world.scheduler.state().stored.target.0;
    let reason = "no Kafka".to_owned();
    let refused = api::message::ToScheduler::RestartRefused { task: id, config_id, generation: 1, reason };
    // Nobody can be asked, so the KILL that follows is not decided yet.
    world.handle(crate::event::Event::Disconnected { reason: "x".to_owned() });
    world.handle(crate::event::Event::Message(Box::new(refused)));
    let brokers = world.records.iter().filter(|(key, _)| key.starts_with("brokers/"));
    let text: Vec<_> =
        brokers.map(|(key, value)| format!("{key} {}", String::from_utf8_lossy(value))).collect();
    expect_test::expect_file!["records/schema_1_restarts.txt"].assert_eq(&(text.join("\n") + "\n"));
    assert_eq!(record::restore(&world.records).unwrap().unwrap(), world.scheduler.state().stored);
}

// The state restored from the store equals the state held.
#[test]
fn what_is_stored_restores_the_state() {
    let world = deployed();
    let restored = record::restore(&world.records).unwrap().unwrap();
    assert_eq!(&restored, &world.scheduler.state().stored);
    assert_eq!(record::all(&restored), world.records);
}

// Records that make no state are refused, saying which and why: nothing may be launched on half of them.
#[test]
fn bad_records_are_refused() {
    let good = deployed().records;
    let changed = |change: &dyn Fn(&mut Records)| {
        let mut records = good.clone();
        change(&mut records);
        let service = Settings::from_env(&settings("BROKER_COUNT=2")).unwrap().service;
        let error = Scheduler::restore(service, &records, 1).unwrap_err();
        error.to_string()
    };
    let put = |key: &'static str, value: &'static str| {
        move |records: &mut Records| {
            records.insert(key.to_owned(), value.as_bytes().to_vec());
        }
    };
    let remove = |key: &'static str| {
        move |records: &mut Records| {
            records.remove(key);
        }
    };
    let schema = changed(&put("schema", "{\"version\":2}"));
    assert_eq!(schema, "the stored state has schema 2; this version reads 1");
    assert_eq!(changed(&put("brokers/0", "{")), "stored record \"brokers/0\" is not readable");
    for (said, error) in [
        ("record \"surprise\" means nothing here", changed(&put("surprise", "1"))),
        ("record \"wishes/0\" means nothing here", changed(&put("wishes/0", "1"))),
        ("record \"configs/x\" is not named by a uuid", changed(&put("configs/x", "1"))),
        ("record \"target\" is missing", changed(&remove("target"))),
        ("record \"brokers/1\" is missing", changed(&remove("brokers/1"))),
        ("no schema", changed(&remove("schema"))),
    ] {
        assert!(error.starts_with("the stored state is incomplete: ") && error.contains(said), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_record(
        key in "(framework|target|configs/.{0,40}|brokers/[0-9]{0,3}|released/.{0,40}|.{0,10})",
        value in r#"(null|[0-9]{1,5}|"[0-9a-f-]{0,36}"|\{.{0,40}\}|.{0,40})"#,
    ) {
        record::fuzz(format!("{key}\n{value}").as_bytes());
    }
}
