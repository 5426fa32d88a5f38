//! A changed configuration: refused with its reason, or followed broker by broker.

use std::collections::BTreeMap;

use api::rest::Status;
use kafka::snapshot::{Partition, Topic};
use mesos::v1::{TaskState, offer::operation::Type, scheduler::call};

use super::world::*;
use crate::event::Event;

pub(super) fn three() -> (World, Vec<Vec<mesos::v1::Resource>>) {
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
pub(super) fn resubscribe(world: &mut World) {
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
    world.restart("BROKER_KILL_GRACE_SEC=100");
    resubscribe(&mut world);
    assert!(calls(&world.pass(0), call::Type::Kill).is_empty(), "Kafka was not asked yet");
    let wait = "runs an older configuration, restart blocked: Kafka was not asked yet";
    assert!(world.messages()[0].contains(wait), "{:?}", world.messages());
    assert!(world.messages()[1].contains("waiting for broker-0"), "{:?}", world.messages());

    let partition = |isr: &[u32]| Partition {
        replicas: vec![0, 1, 2],
        isr: isr.iter().copied().collect(),
        leader: Some(0),
        ..Partition::default()
    };
    let mut snapshot = world.snapshot();
    let topic = |isr: &[u32]| Topic {
        min_isr: Ok(2),
        internal: false,
        partitions: BTreeMap::from([(7, partition(isr))]),
    };
    snapshot.topics.insert("orders".parse().unwrap(), topic(&[0, 1]));
    let effects = world.handle(Event::Kafka(Ok(snapshot.clone())));
    assert!(calls(&effects, call::Type::Kill).is_empty());
    assert!(
        world.messages()[1].contains("orders/7 has ISR {0,1}, min.insync.replicas 2"),
        "{:?}",
        world.messages()
    );

    snapshot.topics.insert("orders".parse().unwrap(), topic(&[0, 1, 2]));
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

// A broker whose claim was denied has no data to protect, and waits for the roll itself: the two must not wait for
// each other.
#[test]
fn a_roll_does_not_wait_for_a_broker_without_a_home() {
    let (mut world, _) = three();
    world.restart("BROKER_COUNT=4");
    resubscribe(&mut world);
    world.offer("A-2", plenty());
    world.status(world.task(3), TaskState::TaskDropped);
    world.restart("BROKER_KILL_GRACE_SEC=100");
    resubscribe(&mut world);
    let effects = world.kafka();
    assert_eq!(calls(&effects, call::Type::Kill).len(), 1, "{:?}", world.messages());
}

// A bad roll is repaired where it went wrong first: a broker that does not come up is restarted before any that serves.
#[test]
fn a_broker_that_is_not_up_is_rolled_first() {
    let (mut world, homes) = three();
    world.restart("BROKER_KILL_GRACE_SEC=100");
    resubscribe(&mut world);
    world.kafka();
    let id = world.task(1);
    world.status(id, TaskState::TaskKilled);
    world.offer("A-1", homes[1].clone());
    let stuck = world.task(1);
    world.status(stuck, TaskState::TaskStarting);
    assert!(calls(&world.kafka(), call::Type::Kill).is_empty(), "one down is enough");
    world.restart("BROKER_KILL_GRACE_SEC=200");
    world.subscribe();
    for (broker, state) in
        [(0, TaskState::TaskRunning), (1, TaskState::TaskStarting), (2, TaskState::TaskRunning)]
    {
        world.status(world.task(broker), state);
    }
    assert!(world.messages()[1].contains("starting"), "{:?}", world.messages());
    assert!(calls(&world.pass(59_000), call::Type::Kill).is_empty(), "it may be about to serve");
    world.now = world.now.plus(1000);
    let mut snapshot = world.snapshot();
    snapshot.brokers.remove(&1);
    let effects = world.handle(Event::Kafka(Ok(snapshot)));
    let kills: Vec<_> = effects.calls.into_iter().filter_map(|call| call.kill).collect();
    assert_eq!(kills.iter().map(|kill| kill.task_id.value.clone()).collect::<Vec<_>>(), [stuck.to_string()]);
    assert!(world.scheduler.state().stored.brokers[&api::ids::BrokerId(1)].task.as_ref().unwrap().stopping);
}

// A KILL that may not have arrived is not repeated while another broker is down (D26); and the wait is explained.
#[test]
fn a_kill_is_not_repeated_while_another_broker_is_down() {
    let (mut world, _) = three();
    world.restart("BROKER_KILL_GRACE_SEC=100");
    resubscribe(&mut world);
    assert_eq!(calls(&world.kafka(), call::Type::Kill).len(), 1);
    world.status(world.task(2), TaskState::TaskFailed);
    assert!(calls(&world.pass(5000), call::Type::Kill).is_empty());
    assert!(calls(&world.subscribe(), call::Type::Kill).is_empty());
    world.status(world.task(0), TaskState::TaskRunning);
    world.status(world.task(1), TaskState::TaskRunning);
    assert!(calls(&world.kafka(), call::Type::Kill).is_empty());
    assert!(
        world.messages()[1].contains("restart blocked: broker-2 is not back yet"),
        "{:?}",
        world.messages()
    );
}

// D26: partitions that no order of restarts keeps available are named, and the roll goes on.
#[test]
fn unavoidable_unavailability_is_named() {
    let (mut world, _) = three();
    world.restart("BROKER_KILL_GRACE_SEC=100");
    resubscribe(&mut world);
    let mut snapshot = world.snapshot();
    let partition = Partition { replicas: vec![1], isr: [1].into(), leader: Some(1), ..Partition::default() };
    let topic = Topic { min_isr: Ok(1), internal: false, partitions: BTreeMap::from([(0, partition)]) };
    snapshot.topics.insert("topic1".parse().unwrap(), topic);
    let effects = world.handle(Event::Kafka(Ok(snapshot)));
    assert_eq!(calls(&effects, call::Type::Kill).len(), 1);
    let message = &world.messages()[1];
    assert!(
        message.contains("unavailable meanwhile, since no other broker can stand in: topic1/0"),
        "{message}"
    );
}
