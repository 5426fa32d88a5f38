//! Crashes, lost words, and brokers that end.

use api::ids::{BrokerId, TaskId};
use mesos::v1::{TaskState, offer::operation::Type, scheduler::call, task_status::Reason};
use uuid::Uuid;

use super::world::*;
use crate::{
    broker::{Condition, Hold},
    event::Event,
};

// A crash between commit and ACCEPT: reconciliation denies the claim, which is let go; nothing is launched before.
#[test]
fn a_claim_that_mesos_denies_is_let_go() {
    let mut world = World::new("");
    world.subscribe();
    world.offer("A-1", plenty()); // stored, and then the process dies before the call
    let lost = world.task(0);
    world.restart("");
    let effects = world.subscribe();
    let reconcile = calls(&effects, call::Type::Reconcile);
    assert_eq!(reconcile[0].reconcile.as_ref().unwrap().tasks[0].task_id.value, lost.to_string());
    let early = world.offer("A-1", plenty());
    assert!(accepted(&early).is_none(), "not before it was heard from");
    let mut gone = status(lost, TaskState::TaskGone);
    gone.uuid = None;
    let effects = world.handle(Event::Update(Box::new(gone)));
    assert!(calls(&effects, call::Type::Acknowledge).is_empty(), "no uuid, no acknowledgement");
    assert_eq!(calls(&effects, call::Type::Revive).len(), 1);
    let effects = world.offer("A-1", plenty());
    assert_eq!(operations(&effects), [Type::Reserve, Type::Create, Type::Launch]);
    assert_ne!(world.task(0), lost);
}

// Had the reservation been made after all, its label lets it be returned; one of unknown origin is left alone.
#[test]
fn a_reservation_that_leaked_is_returned() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    let leaked = home_in_offer(&world.offer("A-1", plenty()));
    let lost = world.task(0);
    world.status(lost, TaskState::TaskDropped);
    assert_eq!(world.scheduler.state().stored.released.len(), 1);
    let effects = world.offer("A-1", leaked.clone());
    assert_eq!(operations(&effects), [Type::Destroy, Type::Unreserve]);
    world.bring_up(0, "A-2");
    assert!(calls(&world.pass(1000), call::Type::Suppress).is_empty(), "it may turn up again");
    let effects = world.offer("A-1", leaked.clone());
    assert_eq!(
        operations(&effects),
        [Type::Destroy, Type::Unreserve],
        "its agent never heard of the first time"
    );
    assert_eq!(calls(&world.pass(15 * 60_000), call::Type::Suppress).len(), 1);
    world.pass(7 * 24 * 3_600_000);
    assert!(world.scheduler.state().stored.released.is_empty());

    let mut stranger = World::new("BROKER_COUNT=1");
    stranger.subscribe();
    let effects = stranger.offer("A-9", leaked);
    assert!(accepted(&effects).is_none());
    assert!(effects.notes.iter().any(|note| note.contains("left alone")), "{:?}", effects.notes);
}

// S-079: back on the same volume, as soon as its reservation is offered whole; until then, why not.
#[test]
fn a_broker_that_ends_comes_back_home() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    let launched = world.offer("A-1", plenty());
    let home = home_in_offer(&launched);
    world.run(0);
    let before = world.task(0);
    let mut failed = status(before, TaskState::TaskFailed);
    failed.message = Some("exit code 1".to_owned());
    let effects = world.handle(Event::Update(Box::new(failed)));
    assert_eq!(calls(&effects, call::Type::Acknowledge).len(), 1);
    assert_eq!(calls(&effects, call::Type::Revive).len(), 1);
    assert_eq!(
        world.messages(),
        ["Broker-0 is Pending: waiting for an offer with its reservation on agent A-1.local (exit code 1)"]
    );
    let volume_in_use: Vec<_> =
        home.iter().filter(|r| !mesos::resource::identity::is_volume(r)).cloned().collect();
    assert!(accepted(&world.offer("A-1", volume_in_use)).is_none());
    let view = world.view();
    let causes = &view.offers[0].evaluations[0].refusal.as_ref().unwrap().causes;
    assert_eq!(causes[0].reason, "the broker's reserved volume is still in use by its previous executor");
    let effects = world.offer("A-1", home);
    assert_eq!(operations(&effects), [Type::Launch]);
    assert_ne!(world.task(0), before);
}

#[test]
fn repeated_ends_wait_longer_and_longer() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    let home = home_in_offer(&world.offer("A-1", plenty()));
    world.run(0);
    world.status(world.task(0), TaskState::TaskFailed);
    world.offer("A-1", home.clone());
    world.status(world.task(0), TaskState::TaskFailed);
    assert!(accepted(&world.offer("A-1", home.clone())).is_none());
    assert_eq!(world.messages(), ["Broker-0 is Pending: launched again in 1 s, after 2 failures in a row"]);
    world.pass(1000);
    assert!(accepted(&world.offer("A-1", home)).is_some());
}

// An end that somebody asked for earns no delay: a laptop stopped and started again must not look like failures.
#[test]
fn a_killed_broker_has_not_failed() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    let home = home_in_offer(&world.offer("A-1", plenty()));
    for _ in 0..3 {
        world.run(0);
        world.status(world.task(0), TaskState::TaskKilled);
        assert!(accepted(&world.offer("A-1", home.clone())).is_some(), "{:?}", world.messages());
    }
}

// dks #374: a live task that is not its broker's current one is killed, never adopted, and again until it is dead.
#[test]
fn a_zombie_is_killed() {
    let mut world = World::new("");
    world.subscribe();
    world.bring_up(0, "A-1");
    let zombie = TaskId { broker: BrokerId(0), uuid: Uuid::from_u128(99) };
    let effects = world.status(zombie, TaskState::TaskRunning);
    assert_eq!(calls(&effects, call::Type::Acknowledge).len(), 1);
    let kill = calls(&effects, call::Type::Kill)[0].kill.as_ref().unwrap();
    assert_eq!(kill.task_id.value, zombie.to_string());
    // Its broker may be launched anew any moment: two of one id never serve.
    let grace = kill.kill_policy.as_ref().unwrap().grace_period.as_ref();
    assert_eq!(grace.unwrap().nanoseconds, 0);
    assert_eq!(calls(&world.pass(5000), call::Type::Kill).len(), 1);
    world.status(zombie, TaskState::TaskKilled);
    assert!(calls(&world.pass(60_000), call::Type::Kill).is_empty());
    assert!(world.messages()[0].contains("Complete"));
}

// S-028, S-118: a restarted scheduler adopts what runs; nothing is launched or killed.
#[test]
fn a_restart_adopts_running_brokers() {
    let mut world = World::new("");
    world.subscribe();
    for broker in 0..3 {
        world.bring_up(broker, "A-1");
    }
    let before: Vec<_> = (0..3).map(|broker| world.task(broker)).collect();
    world.restart("");
    world.subscribe();
    let mut quiet = true;
    for id in &before {
        let mut answer = status(*id, TaskState::TaskRunning);
        (answer.uuid, answer.reason) = (None, Some(Reason::Reconciliation.into()));
        answer.message = Some("Reconciliation: Latest task state".to_owned());
        let effects = world.handle(Event::Update(Box::new(answer)));
        quiet &= calls(&effects, call::Type::Kill).is_empty() && accepted(&effects).is_none();
    }
    assert!(quiet);
    assert_eq!(before, (0..3).map(|broker| world.task(broker)).collect::<Vec<_>>());
    assert_eq!(world.view().plan.status, api::rest::Status::Complete);
    // D31: an answer to RECONCILE erases nothing of what the executor said.
    assert_eq!(world.view().brokers[0].message, "");
}

// Merely unreachable is not gone: the broker may still run. Its home offered whole says that it does not.
#[test]
fn an_unreachable_broker_is_waited_for() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    let home = home_in_offer(&world.offer("A-1", plenty()));
    world.run(0);
    let id = world.task(0);
    let effects = world.status(id, TaskState::TaskUnreachable);
    assert_eq!(calls(&effects, call::Type::Revive).len(), 1, "only an offer can show that it has ended");
    assert_eq!(
        world.messages(),
        ["Broker-0 is InProgress: agent A-1.local is unreachable; the broker may still run there"]
    );
    assert!(accepted(&world.offer("A-2", plenty())).is_none());
    world.status(id, TaskState::TaskRunning);
    assert_eq!(world.view().plan.status, api::rest::Status::Complete);
    world.status(id, TaskState::TaskUnreachable);
    let effects = world.offer("A-1b", home); // the agent's id may change, the volume stays
    assert_eq!(operations(&effects), [Type::Launch]);
    let broker = &world.scheduler.state().stored.brokers[&BrokerId(0)];
    assert_eq!(broker.home.as_ref().unwrap().agent_id, "A-1b");
    assert_eq!(broker.task.as_ref().unwrap().condition, Condition::Launching);
}

// A launch nobody hears of is asked for, in case its ACCEPT was lost.
#[test]
fn an_overdue_launch_is_asked_for() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    world.offer("A-1", plenty());
    assert!(calls(&world.pass(29_000), call::Type::Reconcile).is_empty());
    let effects = world.pass(1000);
    assert_eq!(calls(&effects, call::Type::Reconcile)[0].reconcile.as_ref().unwrap().tasks.len(), 1);
}

// A claim becomes a home once Mesos shows it, and then only an operator may give it up.
#[test]
fn a_home_once_seen_is_kept() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    world.offer("A-1", plenty());
    let id = world.task(0);
    world.status(id, TaskState::TaskStarting);
    let hold =
        |world: &World| world.scheduler.state().stored.brokers[&BrokerId(0)].home.as_ref().map(|h| h.hold);
    assert_eq!(hold(&world), Some(Hold::Kept));
    world.status(id, TaskState::TaskGone);
    assert_eq!(hold(&world), Some(Hold::Kept));
    assert!(world.scheduler.state().stored.released.is_empty());
}

// The master has a launch long before its agent has it: TASK_STAGING is no sign of a home.
#[test]
fn a_claim_that_was_staging_may_still_be_denied() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    world.offer("A-1", plenty());
    world.status(world.task(0), TaskState::TaskStaging);
    world.status(world.task(0), TaskState::TaskDropped);
    assert_eq!(world.scheduler.state().stored.brokers[&BrokerId(0)].home, None);
    assert_eq!(operations(&world.offer("A-1", plenty())), [Type::Reserve, Type::Create, Type::Launch]);
}

// "No idea" is no denial: the agent may come back, with a broker that served unheard.
#[test]
fn a_claim_of_which_mesos_has_no_idea_is_waited_for() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    let home = home_in_offer(&world.offer("A-1", plenty()));
    world.status(world.task(0), TaskState::TaskUnknown);
    assert!(accepted(&world.offer("A-2", plenty())).is_none());
    assert_eq!(
        operations(&world.offer("A-1", home)),
        [Type::Launch],
        "the offer shows that it is there, and unused"
    );
}

// An agent that left may hold what a broker wrote unheard: its claim is let go, but never destroyed.
#[test]
fn the_claim_of_an_agent_that_left_is_never_destroyed() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    let home = home_in_offer(&world.offer("A-1", plenty()));
    world.status(world.task(0), TaskState::TaskLost);
    world.bring_up(0, "A-2");
    let effects = world.offer("A-1", home);
    assert!(accepted(&effects).is_none());
    assert!(effects.notes.iter().any(|note| note.contains("left alone")));
}

// A new broker waits for every task to be heard from: one of them may be its own.
#[test]
fn no_new_broker_before_reconciliation() {
    let mut world = World::new("");
    world.subscribe();
    for broker in 0..3 {
        world.bring_up(broker, "A-1");
    }
    world.restart("BROKER_COUNT=4");
    world.subscribe();
    assert!(accepted(&world.offer("A-1", plenty())).is_none());
    assert_eq!(world.messages()[3], "Broker-3 is Pending: waiting for Mesos to report on 3 task(s)");
    for broker in 0..3 {
        world.status(world.task(broker), TaskState::TaskRunning);
    }
    assert!(accepted(&world.offer("A-1", plenty())).is_some());
}

// A lost subscription is no rollout: the plan stays complete, health does not (S-048, D19).
#[test]
fn a_lost_subscription_is_no_rollout() {
    let mut world = World::new("BROKER_COUNT=1");
    world.subscribe();
    world.bring_up(0, "A-1");
    world.handle(Event::Disconnected { reason: "the stream ended".to_owned() });
    let view = world.view();
    assert_eq!(view.plan.status, api::rest::Status::Complete);
    assert_eq!(
        view.plan.phases[0].blocks[0].message,
        "Reconciliation is Complete: not connected to Mesos: the stream ended"
    );
    assert!(!view.health.is_healthy());
}
