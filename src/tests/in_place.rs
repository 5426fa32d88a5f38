//! Restarts in place: a changed configuration, an operator's wish, executors that refuse or say nothing.

use std::collections::BTreeMap;

use api::{
    ids::BrokerId,
    message::ToScheduler,
    rest::{Status, WaitReason},
};
use kafka::snapshot::{Partition, Topic};
use mesos::v1::{TaskState, offer::operation::Type, scheduler::call, task_status::Reason};

use super::{
    rollout::{resubscribe, three},
    world::*,
};
use crate::{
    broker::Task,
    event::{Effects, Event, Reply, Ticket},
};

fn task(world: &World, broker: u32) -> &Task {
    world.scheduler.state().stored.brokers[&BrokerId(broker)].task.as_ref().unwrap()
}

fn waiting(world: &World, broker: usize) -> (WaitReason, String) {
    let wait = world.view().brokers[broker].waiting.clone().unwrap();
    (wait.reason, wait.message)
}

/// Three brokers that run a changed configuration once they have followed it.
fn changed() -> World {
    let (mut world, _) = three();
    world.restart("KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100");
    resubscribe(&mut world);
    world
}

/// The broker's executor does what it was asked to.
fn follow(world: &mut World, broker: u32, what: (uuid::Uuid, u64)) {
    let id = world.task(broker);
    world.status(id, TaskState::TaskStarting);
    world.runs(id, what);
}

// D31, S-033, D26: one by one, the controller last, the same tasks, no offer; and stored before the MESSAGE leaves.
#[test]
fn a_configuration_is_followed_in_place() {
    let mut world = changed();
    let (tasks, target) = ([0, 1, 2].map(|id| world.task(id)), world.scheduler.state().stored.target.0);
    assert!(restarts(&world.pass(0)).is_empty(), "Kafka was not asked yet");
    for broker in [1, 2, 0] {
        let effects = world.kafka();
        let [(id, what)] = restarts(&effects)[..] else { panic!("{:?}", world.messages()) };
        assert_eq!((id, what), (tasks[broker as usize], (target, 1)));
        assert!(!effects.writes.0.is_empty(), "decided before it is asked for");
        assert_eq!(task(&world, broker).restart.as_ref().unwrap().generation, 1);
        let block = world.messages()[broker as usize].clone();
        assert!(
            block.ends_with("is InProgress: restarting in place with the target configuration"),
            "{block}"
        );
        assert_eq!(waiting(&world, broker as usize).0, WaitReason::Start);
        world.now = world.now.plus(1);
        let checked = mesos::v1::TaskStatus { healthy: Some(true), ..status(id, TaskState::TaskRunning) };
        world.handle(Event::Update(Box::new(checked)));
        world.status(id, TaskState::TaskStarting);
        assert_eq!(task(&world, broker).healthy, None, "the next JVM is not checked yet");
        assert!(world.kafka().calls.iter().all(|call| call.r#type() != call::Type::Message), "one at a time");
        world.now = world.now.plus(1);
        world.runs(id, what);
        let running = task(&world, broker);
        assert_eq!((running.config.0, running.generation, &running.restart), (target, 1, &None));
        assert!(!running.settled, "its partitions have to be in sync anew");
        assert_eq!(waiting(&world, broker as usize).0, WaitReason::InSync);
    }
    let effects = world.kafka();
    assert_eq!(world.view().plan.status, Status::Complete, "{:?}", world.messages());
    assert_eq!([0, 1, 2].map(|id| world.task(id)), tasks);
    assert!(effects.calls.is_empty(), "{:?}", effects.calls);
}

// A MESSAGE is best effort: it is said again, on the next subscription at once, until the executor's own word comes. What
// Mesos says of itself is none: an answer to RECONCILE carries no labels, and erases nothing.
#[test]
fn a_restart_is_asked_for_until_it_is_done() {
    let mut world = changed();
    let first = restarts(&world.kafka());
    let (id, what) = first[0];
    assert!(restarts(&world.kafka()).is_empty());
    world.now = world.now.plus(5000);
    assert_eq!(restarts(&world.kafka()), first);
    // The scheduler dies; the restart is on record.
    world.restart("");
    assert!(restarts(&world.subscribe()).is_empty(), "not before every task was heard from");
    for broker in 0..3 {
        let mut answer = status(world.task(broker), TaskState::TaskRunning);
        (answer.uuid, answer.reason) = (None, Some(Reason::Reconciliation.into()));
        world.handle(Event::Update(Box::new(answer)));
    }
    assert_eq!(restarts(&world.kafka()), first);
    assert!(task(&world, 1).restart.is_some());
    // An old word of the JVM before, and then the one that counts.
    world.runs(id, (what.0, 0));
    assert!(task(&world, 1).restart.is_some());
    world.now = world.now.plus(1);
    world.runs(id, what);
    assert!(task(&world, 1).restart.is_none());
    // It comes again, after the next one is under way.
    let effects = world.kafka();
    let [next] = restarts(&effects)[..] else { panic!("{:?}", world.messages()) };
    world.runs(id, (uuid::Uuid::nil(), 0));
    assert_eq!(task(&world, 1).generation, what.1);
    assert_ne!(next.0, id);
}

// STARTING after RUNNING in the same task is a broker down, by our hand or not: nobody else is taken down meanwhile.
#[test]
fn a_broker_that_starts_again_holds_the_others_back() {
    let (mut world, _) = three();
    world.status(world.task(2), TaskState::TaskStarting);
    world.restart("KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100");
    world.subscribe();
    for (broker, state) in
        [(0, TaskState::TaskRunning), (1, TaskState::TaskRunning), (2, TaskState::TaskStarting)]
    {
        world.status(world.task(broker), state);
    }
    assert!(restarts(&world.kafka()).is_empty());
    assert!(!task(&world, 2).settled);
    let block = &world.messages()[1];
    assert!(block.contains("waiting for broker-2"), "{block}");
}

// S-099, D15, D26: an operator's restart, and why it waits.
#[test]
fn an_operator_s_restart_waits_with_the_reason() {
    let (mut world, _) = three();
    let id = world.task(1);
    world.pass(20_000);
    let effects = world.ask_restart(1, false);
    assert_eq!(effects.replies, [(Ticket(1), Reply::Restarting(Some(id)))]);
    assert!(restarts(&effects).is_empty());
    assert!(!effects.writes.0.is_empty(), "a wish survives the scheduler");
    assert!(
        world.messages()[1]
            .starts_with("Broker-1 is Pending: asked to restart, restart blocked: what is known of Kafka")
    );
    let mut snapshot = world.snapshot();
    let partition =
        Partition { replicas: vec![0, 1, 2], isr: [0, 1].into(), leader: Some(0), ..Partition::default() };
    let topic = Topic { min_isr: Ok(2), internal: false, partitions: BTreeMap::from([(7, partition)]) };
    snapshot.topics.insert("orders".parse().unwrap(), topic);
    assert!(restarts(&world.handle(Event::Kafka(Ok(snapshot)))).is_empty());
    let reason = "asked to restart, restart blocked: orders/7 has ISR {0,1}, min.insync.replicas 2";
    assert_eq!(waiting(&world, 1), (WaitReason::Roll, reason.to_owned()));
    assert_eq!(world.view().plan.status, Status::InProgress);
    // Asked twice is asked once.
    world.ask_restart(1, false);
    world.restart("");
    resubscribe(&mut world);
    let asked = restarts(&world.kafka());
    let target = world.scheduler.state().stored.target.0;
    assert_eq!(asked, [(id, (target, 1))]);
    assert_eq!(waiting(&world, 1), (WaitReason::Start, "restarting in place".to_owned()));
    follow(&mut world, 1, asked[0].1);
    assert!(restarts(&world.kafka()).is_empty());
    assert_eq!(world.view().plan.status, Status::Complete, "{:?}", world.messages());
    assert_eq!(world.view().brokers[1].task_id, Some(id));
    let none = world.ask_restart(9, false);
    assert_eq!(none.replies, [(Ticket(1), Reply::NoSuchBroker)]);
}

// D26: with force it goes ahead, whatever the others do; and only that once.
#[test]
fn a_forced_restart_waits_for_nobody() {
    let (mut world, _) = three();
    world.status(world.task(2), TaskState::TaskFailed);
    world.pass(60_000);
    assert!(restarts(&world.ask_restart(1, false)).is_empty());
    let asked = restarts(&world.ask_restart(1, true));
    assert_eq!(asked[0].0, world.task(1));
    follow(&mut world, 1, asked[0].1);
    assert_eq!(world.scheduler.state().stored.brokers[&BrokerId(1)].forced, None);
    assert!(restarts(&world.ask_restart(1, false)).is_empty(), "broker 2 is down");
    // Even so nothing is done before it is known what runs.
    world.ask_restart(0, true);
    world.restart("");
    assert!(restarts(&world.subscribe()).is_empty());
}

// D26: nothing is under way while Mesos is not there, and the broker says so.
#[test]
fn a_restart_that_cannot_be_asked_for_says_so() {
    let (mut world, _) = three();
    world.ask_restart(1, true);
    assert_eq!(waiting(&world, 1), (WaitReason::Start, "restarting in place".to_owned()));
    world.handle(Event::Disconnected { reason: "no master answers".to_owned() });
    let reason = "asked to restart, restart blocked: not connected to Mesos: no master answers";
    assert_eq!(waiting(&world, 1), (WaitReason::Roll, reason.to_owned()));
    world.ask_restart(0, false);
    assert!(
        world.messages()[0].starts_with("Broker-0 is Pending: asked to restart"),
        "{:?}",
        world.messages()
    );
}

// An executor refuses a forced restart, and then makes it all the same, by the request's late twin: the stop that was decided
// on meanwhile goes on without waiting for others, who wait for it.
#[test]
fn a_forced_stop_and_a_restart_do_not_wait_for_each_other() {
    let (mut world, _) = three();
    assert_eq!(restarts(&world.ask_restart(1, false)).len(), 1);
    let [(id, what)] = restarts(&world.ask_restart(2, true))[..] else { panic!("one restart") };
    let refused = ToScheduler::RestartRefused {
        task: id,
        config_id: what.0,
        generation: what.1,
        reason: "no room".to_owned(),
    };
    let effects = world.handle(Event::Message(Box::new(refused)));
    assert_eq!(calls(&effects, call::Type::Kill).len(), 1);
    world.runs(id, what);
    // Neither the KILL nor the other's MESSAGE arrived.
    resubscribe(&mut world);
    let killed = calls(&world.pass(6000), call::Type::Kill).len();
    assert_eq!(killed, 1, "{:?}", world.messages());
    assert_eq!(waiting(&world, 2), (WaitReason::Stop, "stopping, to restart".to_owned()));
}

// A broker that is down comes back anyway: with the new generation.
#[test]
fn a_restart_of_a_broker_that_is_down_is_its_next_start() {
    let (mut world, homes) = three();
    let id = world.task(1);
    world.status(id, TaskState::TaskFailed);
    let effects = world.ask_restart(1, false);
    assert_eq!(effects.replies, [(Ticket(1), Reply::Restarting(Some(id)))]);
    let effects = world.offer("A-1", homes[1].clone());
    assert_eq!(operations(&effects), [Type::Launch]);
    assert_eq!(task(&world, 1).generation, 1);
    let id = world.task(1);
    world.runs(id, (world.scheduler.state().stored.target.0, 1));
    assert!(restarts(&world.kafka()).is_empty());
    assert_eq!(world.view().plan.status, Status::Complete, "{:?}", world.messages());

    let mut fresh = World::new("");
    fresh.subscribe();
    assert_eq!(fresh.ask_restart(1, false).replies, [(Ticket(1), Reply::Restarting(None))]);
}

/// Kills broker 1 and launches it anew at home.
fn anew(world: &mut World, effects: &Effects, home: Vec<mesos::v1::Resource>, reason: &str) {
    assert_eq!(calls(effects, call::Type::Kill).len(), 1, "{:?}", world.messages());
    assert!(world.messages()[1].contains(reason), "{:?}", world.messages());
    world.status(world.task(1), TaskState::TaskKilled);
    assert_eq!(operations(&world.offer("A-1", home)), [Type::Launch]);
    assert_eq!((task(world, 1).generation, &task(world, 1).restart), (1, &None));
}

// What an executor cannot do in place is done by KILL and LAUNCH, through the same gate, and said.
#[test]
fn a_refused_restart_is_made_by_another_task() {
    let (mut world, homes) = three();
    world.restart("KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100");
    resubscribe(&mut world);
    let (id, what) = restarts(&world.kafka())[0];
    let refused = |generation| {
        let reason = "no Kafka in the sandbox".to_owned();
        let refused = ToScheduler::RestartRefused { task: id, config_id: what.0, generation, reason };
        Event::Message(Box::new(refused))
    };
    world.handle(refused(7));
    assert_eq!(task(&world, 1).restart.as_ref().unwrap().refused, None, "that was another one");
    world.status(world.task(2), TaskState::TaskFailed);
    let effects = world.handle(refused(1));
    assert!(effects.notes[0].contains("cannot be restarted in place: no Kafka in the sandbox"));
    assert!(calls(&effects, call::Type::Kill).is_empty());
    let expect =
        "runs an older configuration, restart blocked (not in place: no Kafka in the sandbox): broker-2 is";
    assert!(world.messages()[1].contains(expect), "{:?}", world.messages());
    world.offer("A-1", homes[2].clone());
    world.now = world.now.plus(1);
    let effects = world.run(2);
    anew(&mut world, &effects, homes[1].clone(), "(not in place: no Kafka in the sandbox)");
}

// An executor of an older version says nothing to a MESSAGE, and its broker runs on as it was.
#[test]
fn a_silent_executor_is_replaced() {
    let (mut world, homes) = three();
    world.restart("KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100");
    resubscribe(&mut world);
    let (began, mut asked) = (world.now, 0);
    let killed = loop {
        let effects = world.kafka();
        asked += restarts(&effects).len();
        if !calls(&effects, call::Type::Kill).is_empty() {
            break effects;
        }
        world.now = world.now.plus(1000);
    };
    assert_eq!((asked, world.now.since(began)), (5, 121_000));
    anew(&mut world, &killed, homes[1].clone(), "(not in place: its executor did not answer 5 requests");
}

// The target changes while a restart is under way: the newer one has the next generation, and wins wherever they meet.
#[test]
fn a_changed_mind_is_another_restart() {
    let (mut world, _) = three();
    world.restart("BROKER_HEAP_MB=512");
    resubscribe(&mut world);
    let (id, what) = restarts(&world.kafka())[0];
    world.restart("BROKER_HEAP_MB=1024");
    resubscribe(&mut world);
    let again = restarts(&world.kafka());
    assert_eq!(again, [(id, (world.scheduler.state().stored.target.0, 2))], "{:?}", world.messages());
    world.runs(id, what);
    assert!(task(&world, 1).restart.is_some(), "the one before was made in the meantime");
    follow(&mut world, 1, again[0].1);
    world.kafka();
    assert_eq!(
        world.view().plan.status,
        Status::Complete,
        "the others were never touched: {:?}",
        world.messages()
    );
}

// What takes another task is not tried in place.
#[test]
fn what_is_fetched_or_reserved_takes_another_task() {
    let (mut world, _) = three();
    world.restart("KAFKA_OVERRIDE_LOG_RETENTION_HOURS=100 KAFKA_URI=file:///kafka-2.tgz");
    resubscribe(&mut world);
    let effects = world.kafka();
    assert!(restarts(&effects).is_empty());
    assert_eq!(calls(&effects, call::Type::Kill).len(), 1);
    assert_eq!(task(&world, 1).restart, None);
}
