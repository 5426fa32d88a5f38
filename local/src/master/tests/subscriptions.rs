//! Subscribed, failed over, disconnected, removed.

use mesos::v1::scheduler::{call::Type, event::Type as Event};

use super::world::{LINK, MODERN, World, by, decline, events, info, kinds, of, offers};
use crate::master::{Input, Output};

#[test]
fn subscribed_and_a_heartbeat_come_before_offers() {
    let mut world = World::new();
    world.agent(LINK, "cpus:4;mem:1024");
    let (_, outputs) = world.subscribe(info("r", &MODERN));
    assert_eq!(kinds(&outputs), [Event::Subscribed, Event::Heartbeat, Event::Offers]);
    let subscribed = events(&outputs)[0].subscribed.clone().unwrap();
    assert_eq!(subscribed.heartbeat_interval_seconds, Some(15.0));
    // A heartbeat every 15 s, whatever else happens.
    let later = world.pass(45.5, Some(LINK));
    assert_eq!(kinds(&later).iter().filter(|it| **it == Event::Heartbeat).count(), 3);
}

#[test]
fn the_second_subscription_of_an_id_wins_and_offers_are_void_in_silence() {
    let mut world = World::new();
    world.agent(LINK, "cpus:4;mem:1024");
    let (old, outputs) = world.subscribe(info("r", &MODERN));
    let old_offer = offers(&outputs).remove(0);
    let id = old_offer.framework_id.clone();
    let again = mesos::v1::FrameworkInfo { id: Some(id.clone()), ..info("r", &MODERN) };
    let (new, outputs) = world.subscribe(again);
    assert_eq!(kinds(&outputs), [Event::Error, Event::Subscribed, Event::Heartbeat, Event::Offers]);
    assert_eq!(events(&outputs)[0].error.clone().unwrap().message, "Framework failed over");
    assert!(outputs.contains(&Output::End(old.clone())));
    assert_eq!(world.call(&old, by(&id, of(Type::Revive))).0.status, 400);
    assert_eq!(world.call(&new, by(&id, of(Type::Revive))).0.status, 202);
}

#[test]
fn a_lost_stream_starts_the_failover_timer_and_its_end_removes_the_framework() {
    let mut world = World::new();
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let id = events(&outputs)[0].subscribed.clone().unwrap().framework_id;
    let again = || mesos::v1::FrameworkInfo { id: Some(id.clone()), ..info("r", &MODERN) };
    world.give(Input::StreamClosed(stream.clone()));
    let (answer, _) = world.call(&stream, by(&id, of(Type::Revive)));
    assert_eq!((answer.status, answer.text.as_str()), (403, "Framework is not subscribed"));
    world.pass(59.0, None);
    let (stream, outputs) = world.subscribe(again());
    assert_eq!(kinds(&outputs)[0], Event::Subscribed);
    world.pass(120.0, None);
    world.give(Input::StreamClosed(stream));
    world.pass(61.0, None);
    let (_, outputs) = world.subscribe(again());
    assert_eq!(events(&outputs)[0].error.clone().unwrap().message, "Framework has been removed");
}

#[test]
fn the_checks_of_a_call_come_in_the_order_of_the_real_master() {
    let mut world = World::new();
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let id = events(&outputs)[0].subscribed.clone().unwrap().framework_id;
    let unknown = mesos::v1::FrameworkId { value: "nobody".to_owned() };
    assert_eq!(world.call(&stream, by(&unknown, of(Type::Revive))).0.text, "Framework cannot be found");
    let call = Box::new(by(&id, of(Type::Revive)));
    let ticket = crate::master::Ticket(7);
    let outputs = world.give(Input::Call { ticket, stream: None, call });
    assert_eq!(super::world::answer(&outputs).status, 400);
    // Never sent by anybody sane; the real master dies of it.
    assert_eq!(world.call(&stream, by(&id, of(Type::Unknown))).0.status, 501);
}

#[test]
fn filters_survive_a_take_over_and_die_with_a_broken_stream() {
    let mut world = World::new();
    world.agent(LINK, "cpus:4;mem:1024");
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let offer = offers(&outputs).remove(0);
    world.call(&stream, decline(&offer, Some(600.0)));
    let again = mesos::v1::FrameworkInfo { id: Some(offer.framework_id.clone()), ..info("r", &MODERN) };
    let (stream, outputs) = world.subscribe(again.clone());
    assert!(offers(&outputs).is_empty());
    assert!(offers(&world.pass(10.0, Some(LINK))).is_empty());
    world.give(Input::StreamClosed(stream));
    let (_, outputs) = world.subscribe(again);
    assert_eq!(offers(&outputs).len(), 1);
}

#[test]
fn the_same_inputs_and_seed_give_the_same_outputs() {
    let run = |seed| {
        let mut world = World::with(Default::default(), std::time::Duration::from_secs(5), seed);
        world.with_task(info("r", &MODERN));
        world.pass(30.0, Some(LINK));
        world.outputs
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
