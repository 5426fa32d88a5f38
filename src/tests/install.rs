//! The first install: placing, storing before asking, one broker after the other.

use api::rest::{Status, WaitReason};
use mesos::{
    resource::identity,
    v1::{TaskState, offer::operation::Type, scheduler::call},
};

use super::world::*;
use crate::{broker::Hold, event::Write};

// S-008, D32: reservation, volume and launch in one ACCEPT, the volume among the executor's resources.
// The intent is stored by the same batch that precedes the call (code-anchors 4.1).
#[test]
fn one_accept_reserves_creates_and_launches() {
    let mut world = World::new("BROKER_CPUS=0.5 BROKER_MEM=1024 BROKER_HEAP_MB=512");
    let subscribed = world.subscribe();
    assert_eq!(calls(&subscribed, call::Type::Revive).len(), 1);
    let effects = world.offer("A-1", plenty());
    assert_eq!(operations(&effects), [Type::Reserve, Type::Create, Type::Launch]);
    assert!(
        effects.writes.0.iter().any(|write| matches!(write, Write::Put { key, .. } if key == "brokers/0"))
    );
    let [reserve, create, launch] = accepted(&effects).unwrap() else { panic!() };
    let reserved = &reserve.reserve.as_ref().unwrap().resources;
    let total: mesos::resource::Resources = reserved.iter().cloned().collect();
    assert_eq!((total.cpus().to_f64(), total.mem().to_f64(), total.disk().to_f64()), (0.6, 1056.0, 5000.0));
    assert_eq!(total.ports().count(), 2);
    for resource in reserved {
        let reservation = resource.reservations.last().unwrap();
        assert_eq!(reservation.role.as_deref(), Some("kafka-role"));
        assert_eq!(reservation.principal.as_deref(), Some("kafka-principal"));
        let labels: Vec<_> =
            reservation.labels.as_ref().unwrap().labels.iter().map(|label| label.key.as_str()).collect();
        assert_eq!(labels, ["service", "broker", "home"]);
    }
    let task = &launch.launch.as_ref().unwrap().task_infos[0];
    let executor = task.executor.as_ref().unwrap();
    assert!(executor.resources.iter().any(identity::is_volume));
    assert!(!task.resources.iter().any(identity::is_volume));
    assert_eq!(
        create.create.as_ref().unwrap().volumes[0]
            .disk
            .as_ref()
            .unwrap()
            .volume
            .as_ref()
            .unwrap()
            .container_path,
        "data"
    );
    assert_eq!(
        world.scheduler.state().stored.brokers[&api::ids::BrokerId(0)].home.as_ref().unwrap().hold,
        Hold::Claimed
    );
}

// S-016, S-033, D40: three brokers, one after the other, each complete before the next; then offers are suppressed.
// S-043: the idle plan.
#[test]
fn brokers_come_one_after_the_other() {
    let mut world = World::new("");
    world.subscribe();
    assert_eq!(world.view().plan.status, Status::InProgress);
    world.offer("A-1", plenty());
    assert_eq!(
        world.messages()[1..],
        ["Broker-1 is Pending: waiting for broker-0", "Broker-2 is Pending: waiting for broker-0"]
    );
    let first = world.task(0);
    world.status(first, TaskState::TaskStarting);
    assert!(
        calls(&world.offer("A-1", plenty()), call::Type::Accept).is_empty(),
        "not before broker 0 is complete"
    );
    world.status(first, TaskState::TaskRunning);
    let effects = world.kafka();
    assert_eq!(calls(&effects, call::Type::Revive).len(), 1, "broker 1 needs an offer now");
    world.bring_up(1, "A-1");
    let effects = world.offer("A-1", resources("cpus:8;mem:16384;disk:40000;ports:[9094-10092]"));
    assert_eq!(calls(&effects, call::Type::Suppress).len(), 1, "nobody needs another offer");
    world.run(2);
    let view = world.view();
    assert_eq!(view.plan.status, Status::Complete);
    assert_eq!(world.messages(), ["Broker-0 is Complete", "Broker-1 is Complete", "Broker-2 is Complete"]);
    assert!(view.plan.phases.iter().flat_map(|phase| &phase.blocks).all(|block| !block.has_decision_point));
    assert_eq!(view.plan.phases[0].blocks[0].message, "Reconciliation complete"); // S-039
    assert_eq!(view.connection.address, ["10.0.0.5:9092", "10.0.0.5:9093", "10.0.0.5:9094"]); // S-089, D8, D33
    assert_eq!(view.connection.dns[1], "broker-1.kafka.mesos:9093"); // S-088
    assert_eq!(view.connection.zookeeper, "127.0.0.1:2181/dcos-service-kafka");
    assert!(view.health.is_healthy(), "{:?}", view.health);
}

// D18: RUNNING alone does not complete a block; its partitions must be in sync, by a picture newer than RUNNING.
#[test]
fn a_block_waits_for_its_partitions() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    world.offer("A-1", plenty());
    let old = world.snapshot();
    world.now = world.now.plus(1);
    let id = world.task(0);
    world.status(id, TaskState::TaskRunning);
    world.handle(crate::event::Event::Kafka(Ok(old)));
    let block = &world.view().plan.phases[1].blocks[0];
    assert_eq!(
        (block.status, block.waiting.as_ref().unwrap().reason),
        (Status::InProgress, WaitReason::InSync)
    );
    world.kafka();
    assert_eq!(world.view().plan.status, Status::Complete);

    let mut hasty = World::new("BROKER_COUNT=1 ROLLOUT_WAIT_FOR_ISR=false");
    hasty.subscribe();
    hasty.offer("A-1", plenty());
    let id = hasty.task(0);
    hasty.status(id, TaskState::TaskRunning);
    assert_eq!(hasty.view().plan.status, Status::Complete);
}

// Never a silent no: everything an offer lacks is named at once (S-063, S-068, S-123, D8).
#[test]
fn a_declined_offer_names_all_it_lacks() {
    let mut world = World::new("PLACEMENT_STRATEGY=NODE BROKER_PORT=9092");
    world.subscribe();
    world.bring_up(0, "A-1");
    let effects = world.offer("A-1", resources("cpus:1;mem:100;disk:10;ports:[31000-31001]"));
    assert_eq!(calls(&effects, call::Type::Decline).len(), 1);
    let outcome = &world.view().offers[0];
    let refusal = outcome.evaluations[0].refusal.as_ref().unwrap();
    let causes: Vec<_> = refusal.causes.iter().map(|cause| cause.reason.as_str()).collect();
    expect_test::expect![[r#"
        [
            "broker 0 lives on this agent, and PLACEMENT_STRATEGY=NODE wants one broker per agent",
            "not enough cpus: 1.1 needed, 1 offered",
            "not enough mem: 2080 needed, 100 offered",
            "not enough disk: 5000 needed, 10 offered",
            "port 9092 (BROKER_PORT) is not offered",
        ]
    "#]]
    .assert_debug_eq(&causes);
    assert_eq!(world.messages()[1], "Broker-1 is Pending: waiting for an offer with room for it");
    world.offer("A-2", plenty());
    world.run(1);
    world.offer("A-3", plenty());
    world.run(2);
    assert_eq!(world.view().connection.address[2], "10.0.0.5:9092");
}

// D8: with ANY, a port out of the offer: 9092–10092 where there is one, else any, and that is said.
#[test]
fn ports_come_out_of_the_offer() {
    let mut world = World::new("");
    world.subscribe();
    let effects = world.offer("A-1", resources("cpus:8;mem:16384;disk:40000;ports:[31000-31009]"));
    let note = effects.notes.iter().find(|note| note.contains("placed on")).unwrap();
    assert!(note.contains("the agent offers no port in 9092-10092, so it gets 31000"), "{note}");
    let home = world.scheduler.state().stored.brokers[&api::ids::BrokerId(0)].home.clone().unwrap();
    assert_eq!((home.port, home.api_port), (31000, 31009));

    // S-062: 0 is a random one in the range.
    let mut random = World::new("BROKER_PORT=0");
    random.subscribe();
    random.offer("A-1", plenty());
    let home = random.scheduler.state().stored.brokers[&api::ids::BrokerId(0)].home.clone().unwrap();
    assert!((9092..=10092).contains(&home.port));
}

// S-068: a MOUNT disk is taken whole, the smallest that suffices.
#[test]
fn a_mount_disk_is_taken_whole() {
    let mut world = World::new("DISK_TYPE=MOUNT BROKER_DISK=5000");
    world.subscribe();
    let mut offered = resources("cpus:8;mem:16384;disk:40000;ports:[9092-9099]");
    for (root, size) in [("/big", 9000.0), ("/small", 4000.0), ("/right", 6000.0)] {
        let mut disk = resources("disk:1").remove(0);
        disk.scalar.as_mut().unwrap().value = size;
        disk.disk = Some(mesos::v1::resource::DiskInfo {
            source: Some(mesos::v1::resource::disk_info::Source {
                r#type: mesos::v1::resource::disk_info::source::Type::Mount.into(),
                mount: Some(mesos::v1::resource::disk_info::source::Mount { root: Some(root.to_owned()) }),
                ..Default::default()
            }),
            ..Default::default()
        });
        offered.push(disk);
    }
    let effects = world.offer("A-1", offered);
    let create = accepted(&effects).unwrap()[1].create.as_ref().unwrap();
    let volume = &create.volumes[0];
    assert_eq!(volume.scalar.as_ref().unwrap().value, 6000.0);
    let source = volume.disk.as_ref().unwrap().source.as_ref().unwrap();
    assert_eq!(source.mount.as_ref().unwrap().root.as_deref(), Some("/right"));
}
