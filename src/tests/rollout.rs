//! A changed configuration: refused with its reason, or followed broker by broker.

use std::collections::BTreeMap;

use api::rest::Status;
use kafka::snapshot::{Partition, Topic};
use mesos::v1::{TaskState, offer::operation::Type, scheduler::call};

use super::world::*;
use crate::event::Event;

fn three() -> (World, Vec<Vec<mesos::v1::Resource>>) {
    let mut world = World::new("");
    world.subscribe();
    let mut homes = Vec::new();
    for broker in 0..3 {
        homes.push(home_in_offer(&world.offer("A-1", plenty())));
        world.run(broker);
    }
    (world, homes)
}

/// The restarted scheduler hears that everything runs.
fn resubscribe(world: &mut World) {
    world.subscribe();
    for broker in 0..3 {
        world.status(world.task(broker), TaskState::TaskRunning);
    }
}

// S-046, S-061, S-124: the old configuration serves on, and the plan says why the new one is refused.
#[test]
fn a_refused_configuration_shows_on_the_plan() {
    let (mut world, _) = three();
    world.restart("BROKER_COUNT=2");
    resubscribe(&mut world);
    let plan = world.view().plan;
    assert_eq!(
        plan.errors,
        ["Validation error on field \"BROKER_COUNT\": Decreasing this value (from 3 to 2) is not supported."]
    );
    assert_eq!(plan.status, Status::Error);
    assert!(plan.phases.iter().all(|phase| phase.status == Status::Complete));
    world.restart("BROKER_COUNT=3");
    resubscribe(&mut world);
    assert_eq!(world.view().plan.status, Status::Complete);
}

#[test]
fn a_size_that_a_home_cannot_follow_is_refused() {
    let (mut world, _) = three();
    world.restart("BROKER_MEM=4096");
    let errors = world.view().plan.errors;
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("\"BROKER_MEM\": Changing this value (from 2048 to 4096)"), "{errors:?}");
}

// S-033, S-097, D26: one broker at a time, the controller last, and none while Kafka needs it.
#[test]
fn a_change_is_rolled_out_one_by_one() {
    let (mut world, homes) = three();
    world.restart("KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100");
    resubscribe(&mut world);
    assert!(calls(&world.pass(0), call::Type::Kill).is_empty(), "Kafka was not asked yet");
    let wait = "runs an older configuration, restart blocked: Kafka was not asked yet";
    assert!(world.messages()[0].contains(wait), "{:?}", world.messages());

    let partition = |isr: &[u32]| Partition {
        replicas: vec![0, 1, 2],
        isr: isr.iter().copied().collect(),
        leader: Some(0),
    };
    let mut snapshot = world.snapshot();
    let topic = |isr: &[u32]| Topic {
        min_isr: Ok(2),
        internal: false,
        partitions: BTreeMap::from([(7, partition(isr))]),
    };
    snapshot.topics.insert("orders".to_owned(), topic(&[0, 1]));
    let effects = world.handle(Event::Kafka(Ok(snapshot.clone())));
    assert!(calls(&effects, call::Type::Kill).is_empty());
    assert!(
        world.messages()[1].contains("orders/7 has ISR {0,1}, min.insync.replicas 2"),
        "{:?}",
        world.messages()
    );

    snapshot.topics.insert("orders".to_owned(), topic(&[0, 1, 2]));
    for broker in [1, 2, 0] {
        snapshot.taken_at = world.now.0;
        let effects = world.handle(Event::Kafka(Ok(snapshot.clone())));
        let kills = calls(&effects, call::Type::Kill);
        assert_eq!(kills.len(), 1, "{:?}", world.messages());
        let id = world.task(broker);
        assert_eq!(kills[0].kill.as_ref().unwrap().task_id.value, id.to_string());
        world.status(id, TaskState::TaskKilling);
        assert!(calls(&world.handle(Event::Kafka(Ok(snapshot.clone()))), call::Type::Kill).is_empty());
        world.status(id, TaskState::TaskKilled);
        world.pass(1);
        let effects = world.offer("A-1", homes[broker as usize].clone());
        assert_eq!(operations(&effects), [Type::Launch], "{:?}", world.messages());
        let id = world.task(broker);
        world.status(id, TaskState::TaskRunning);
    }
    world.kafka();
    assert_eq!(world.view().plan.status, Status::Complete);
}

// S-097: a broker is added by raising the count.
#[test]
fn a_broker_is_added() {
    let (mut world, _) = three();
    world.restart("BROKER_COUNT=4");
    resubscribe(&mut world);
    assert!(world.messages()[3].starts_with("Broker-3 is Pending"));
    world.bring_up(3, "A-2");
    assert_eq!(world.view().plan.status, Status::Complete);
    assert_eq!(world.view().brokers.len(), 4);
}
