//! Who is offered what, and when again.

use mesos::v1::{
    framework_info::capability::Type as Capability,
    scheduler::{self, call, call::Type, event::Type as Event},
};

use super::world::{
    LINK, MODERN, World, accept, bag, by, decline, info, kinds, launch, of, offers, resources, task,
};

#[test]
fn a_declined_offer_comes_again_after_its_refusal_and_never_at_once() {
    // (asked, not yet after, again after)
    for (refuse, quiet, after) in
        [(Some(0.0), 0.0, 1.1), (Some(4.0), 3.9, 5.1), (None, 4.9, 6.1), (Some(-1.0), 4.9, 6.1)]
    {
        let mut world = World::new();
        world.agent(LINK, "cpus:4;mem:1024");
        let (stream, outputs) = world.subscribe(info("r", &MODERN));
        let offer = offers(&outputs).remove(0);
        let (answer, outputs) = world.call(&stream, decline(&offer, refuse));
        assert_eq!(answer.status, 202);
        assert!(offers(&outputs).is_empty(), "offered again at once");
        assert!(offers(&world.pass(quiet, Some(LINK))).is_empty(), "{refuse:?}: too early");
        let again = offers(&world.pass(after - quiet, Some(LINK)));
        assert_eq!(again.len(), 1, "{refuse:?}");
        assert_ne!(again[0].id, offer.id);
    }
}

#[test]
fn suppressed_roles_get_nothing_and_revive_offers_at_once() {
    let mut world = World::new();
    world.agent(LINK, "cpus:4;mem:1024");
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let offer = offers(&outputs).remove(0);
    let id = offer.framework_id.clone();
    let revive = |roles: &[&str]| {
        let revive = Some(call::Revive { roles: roles.iter().map(|it| (*it).to_owned()).collect() });
        by(&id, scheduler::Call { revive, ..of(Type::Revive) })
    };
    world.call(&stream, by(&id, of(Type::Suppress)));
    world.call(&stream, decline(&offer, Some(0.0)));
    assert!(offers(&world.pass(5.0, Some(LINK))).is_empty());
    // A role the framework does not have voids the whole call, and it is still 202.
    let (answer, outputs) = world.call(&stream, revive(&["r", "other"]));
    assert_eq!((answer.status, offers(&outputs).len()), (202, 0));
    let (_, outputs) = world.call(&stream, revive(&["r"]));
    assert_eq!(offers(&outputs).len(), 1);
}

#[test]
fn the_format_follows_the_capabilities() {
    let check = |capabilities: &[Capability], role: Option<&str>, allocated: bool| {
        let mut world = World::new();
        world.agent(LINK, "cpus:4;mem:1024");
        let mut it = info("r", capabilities);
        if !capabilities.contains(&Capability::MultiRole) {
            (it.roles, it.role) = (Vec::new(), Some("r".to_owned()));
        }
        let (_, outputs) = world.subscribe(it);
        let offer = offers(&outputs).remove(0);
        assert_eq!(offer.allocation_info.is_some(), allocated);
        for resource in &offer.resources {
            assert_eq!(resource.role.as_deref(), role);
            assert_eq!(resource.allocation_info.is_some(), allocated);
        }
    };
    check(&MODERN, None, true);
    check(&[Capability::MultiRole], Some("*"), true);
    check(&[], Some("*"), false);
}

#[test]
fn reserved_resources_go_to_their_role_and_its_children_only() {
    let mut world = World::new();
    world.agent(LINK, "cpus(a):1;mem(a):100;cpus:1;mem:100");
    for (role, cpus) in [("a", 2.0), ("a/b", 2.0), ("b", 1.0), ("ab", 1.0)] {
        let (stream, outputs) = world.subscribe(info(role, &MODERN));
        let offer = offers(&outputs).remove(0);
        assert_eq!(bag(&offer.resources).cpus().to_f64(), cpus, "{role}");
        world.call(&stream, by(&offer.framework_id, of(Type::Teardown)));
    }
}

#[test]
fn two_roles_of_a_framework_get_an_offer_each_when_both_have_something() {
    let mut world = World::new();
    world.agent(LINK, "cpus(a):1;mem(a):100;cpus:1;mem:100");
    let mut it = info("a", &MODERN);
    it.roles.push("b".to_owned());
    let (stream, outputs) = world.subscribe(it);
    let first = offers(&outputs);
    // The first role takes all it may have; the other one is served first once that has been declined.
    for offer in first {
        world.call(&stream, decline(&offer, Some(0.0)));
    }
    let offers = offers(&world.pass(1.1, Some(LINK)));
    let roles: Vec<_> =
        offers.iter().map(|it| it.allocation_info.clone().unwrap().role().to_owned()).collect();
    assert_eq!(roles, ["b", "a"]);
}

#[test]
fn what_is_left_is_offered_to_three_decimals() {
    let mut world = World::new();
    let agent = world.agent(LINK, "cpus:1;mem:1000");
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let mut offer = offers(&outputs).remove(0);
    for n in 0..7 {
        // 0.1 has no exact binary form; seven of them and 0.1 of an executor leave exactly 0.2.
        world.call(
            &stream,
            accept(&offer, vec![launch(vec![task(&format!("t{n}"), &agent, "cpus:0.1;mem:10")])]),
        );
        offer = offers(&world.pass(1.1, Some(LINK))).remove(0);
    }
    assert_eq!(bag(&offer.resources), bag(&resources("cpus:0.2;mem:898")));
    assert_eq!(offer.executor_ids.len(), 1);
}

#[test]
fn a_lost_agent_takes_its_offers_with_it() {
    let mut world = World::new();
    world.agent(LINK, "cpus:4;mem:1024");
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let offer = offers(&outputs).remove(0);
    let outputs = world.give(crate::master::Input::Unlinked(LINK));
    assert_eq!(kinds(&outputs), [Event::Rescind]);
    let agent = offer.agent_id.clone();
    let (_, outputs) =
        world.call(&stream, accept(&offer, vec![launch(vec![task("t", &agent, "cpus:1;mem:64")])]));
    let status = super::world::statuses(&outputs).remove(0);
    assert_eq!(status.state(), mesos::v1::TaskState::TaskDropped);
    assert_eq!(status.reason(), mesos::v1::task_status::Reason::InvalidOffers);
    assert!(status.uuid.is_none());
}
