//! Agents lost and back, and a master that starts again.

use mesos::v1::{self, TaskState, scheduler::event::Type as Event, task_status::Reason};

use super::world::{LINK, MODERN, World, info, kinds, offers, reconcile, resources, statuses, to_agent};
use crate::{
    link::{LinkId, MissingTask, ToAgent, ToMaster},
    master::{Change, Input, Output, Ticket},
};

const NEXT: LinkId = LinkId(2);

fn states(outputs: &[Output]) -> Vec<(TaskState, Reason)> {
    statuses(outputs).iter().map(|it| (it.state(), it.reason())).collect()
}

fn tasks(world: &World, framework: &v1::FrameworkId) -> Vec<v1::Task> {
    let it = &world.master.frameworks[&framework.value];
    it.tasks.values().chain(it.unreachable.values()).cloned().collect()
}

#[test]
fn without_pongs_an_agent_is_unreachable_and_its_tasks_may_come_back() {
    for (capabilities, state) in
        [(MODERN.as_slice(), TaskState::TaskUnreachable), (&MODERN[..2], TaskState::TaskLost)]
    {
        let mut world = World::new();
        let (stream, framework, agent) = world.with_task(info("r", capabilities));
        let ran = tasks(&world, &framework);
        world.give(Input::Unlinked(LINK));
        assert!(statuses(&world.pass(7.0, None)).is_empty(), "checkpointing: nothing yet");
        let outputs = world.pass(5.0, None);
        assert_eq!(states(&outputs), [(state, Reason::AgentRemoved)]);
        assert!(statuses(&outputs)[0].unreachable_time.is_some());
        assert!(kinds(&outputs).contains(&Event::Failure));
        let (_, outputs) = world.call(&stream, reconcile(&framework, &[("t1", Some(&agent))]));
        assert_eq!(states(&outputs), [(state, Reason::Reconciliation)]);
        let (_, outputs) = world.call(&stream, reconcile(&framework, &[]));
        assert!(statuses(&outputs).is_empty(), "implicit answers leave unreachable tasks out");
        let outputs = world.reregister(NEXT, &agent, &resources("cpus:4;mem:1024"), ran);
        assert_eq!(states(&outputs), [(TaskState::TaskRunning, Reason::AgentReregistered)]);
        assert!(statuses(&outputs)[0].uuid.is_none());
    }
}

#[test]
fn a_silent_agent_on_a_live_link_is_cut_off() {
    let mut world = World::new();
    world.agent(LINK, "cpus:4;mem:1024");
    world.pass(60.0, Some(LINK));
    assert!(!world.outputs.contains(&Output::Cut(LINK)));
    let outputs = world.pass(13.0, None);
    assert!(outputs.contains(&Output::Cut(LINK)));
}

#[test]
fn without_checkpoint_tasks_are_lost_with_the_link() {
    let mut world = World::new();
    let (_, framework, agent) = world.with_task(v1::FrameworkInfo { checkpoint: None, ..info("r", &MODERN) });
    let ran = tasks(&world, &framework);
    let outputs = world.give(Input::Unlinked(LINK));
    // Also for a PARTITION_AWARE framework.
    assert_eq!(states(&outputs), [(TaskState::TaskLost, Reason::AgentDisconnected)]);
    assert!(!kinds(&outputs).contains(&Event::Failure));
    // A link that was merely broken brings them back: the loss was premature.
    let outputs = world.reregister(NEXT, &agent, &resources("cpus:4;mem:1024"), ran);
    assert!(statuses(&outputs).is_empty());
    assert_eq!(tasks(&world, &framework).len(), 1);
}

#[test]
fn what_a_returned_agent_does_not_list_is_named_to_it() {
    let mut world = World::new();
    let (_, framework, agent) = world.with_task(info("r", &MODERN));
    world.give(Input::Unlinked(LINK));
    let outputs = world.reregister(NEXT, &agent, &resources("cpus:4;mem:1024"), Vec::new());
    let ToAgent::Reregistered { missing, .. } = to_agent(&outputs).remove(0) else { panic!() };
    let task_id = v1::TaskId { value: "t1".to_owned() };
    assert_eq!(missing, [MissingTask { framework_id: framework, task_id, partition_aware: true }]);
}

#[test]
fn an_end_the_returned_agent_has_forgotten_is_forgotten() {
    let mut world = World::new();
    let (_, framework, agent) = world.with_task(info("r", &MODERN));
    world.say(LINK, super::world::update(&framework, "t1", TaskState::TaskFinished, 2, &agent));
    let outputs = world.reregister(NEXT, &agent, &resources("cpus:4;mem:1024"), Vec::new());
    let ToAgent::Reregistered { missing, .. } = to_agent(&outputs).remove(0) else { panic!() };
    assert!(missing.is_empty() && tasks(&world, &framework).is_empty());
}

#[test]
fn a_late_word_on_a_dead_link_counts_for_nothing() {
    let mut world = World::new();
    let (_, framework, agent) = world.with_task(info("r", &MODERN));
    let ran = tasks(&world, &framework);
    let outputs = world.reregister(NEXT, &agent, &resources("cpus:4;mem:1024"), ran);
    assert!(outputs.contains(&Output::Cut(LINK)));
    assert!(world.say(LINK, ToMaster::Unregister).is_empty());
    assert_eq!(tasks(&world, &framework).len(), 1);
}

#[test]
fn an_agent_that_unregisters_loses_its_tasks_and_may_come_back_under_its_id() {
    let mut world = World::new();
    let (_, _, agent) = world.with_task(info("r", &MODERN));
    let outputs = world.say(LINK, ToMaster::Unregister);
    assert_eq!(states(&outputs), [(TaskState::TaskLost, Reason::AgentRemoved)]);
    assert!(kinds(&outputs).contains(&Event::Failure));
    let outputs = world.reregister(NEXT, &agent, &resources("cpus:4;mem:1024"), Vec::new());
    assert!(matches!(to_agent(&outputs)[0], ToAgent::Reregistered { .. }));
    assert_eq!(offers(&outputs).len(), 1);
}

#[test]
fn an_agent_marked_gone_never_comes_back() {
    let mut world = World::new();
    let (_, _, agent) = world.with_task(info("r", &MODERN));
    let change = || Box::new(Change::MarkGone(agent.clone()));
    let outputs = world.give(Input::Operator { ticket: Ticket(1), change: change() });
    assert_eq!(states(&outputs), [(TaskState::TaskGoneByOperator, Reason::AgentRemovedByOperator)]);
    assert!(matches!(to_agent(&outputs)[..], [ToAgent::Shutdown { .. }]));
    let outputs = world.reregister(NEXT, &agent, &resources("cpus:4"), Vec::new());
    assert!(matches!(to_agent(&outputs)[..], [ToAgent::Shutdown { .. }]));
    let nobody = Box::new(Change::MarkGone(v1::AgentId { value: "nobody".to_owned() }));
    let outputs = world.give(Input::Operator { ticket: Ticket(2), change: nobody });
    assert_eq!(super::world::answer(&outputs).status, 404);
}

#[test]
fn a_restarted_master_waits_for_its_agents_and_learns_from_them() {
    let mut world = World::new();
    let (_, framework, agent) = world.with_task(info("r", &MODERN));
    let ran = tasks(&world, &framework);
    let mut world = World::with(world.registry.clone(), world.now, 2);
    let again = v1::FrameworkInfo { id: Some(framework.clone()), ..info("r", &MODERN) };
    let (stream, outputs) = world.subscribe(again);
    assert_eq!(kinds(&outputs)[0], Event::Subscribed);
    for asked in [("t1", Some(&agent)), ("t1", None)] {
        let (_, outputs) = world.call(&stream, reconcile(&framework, &[asked]));
        assert!(statuses(&outputs).is_empty(), "nobody can tell yet");
    }
    let outputs = world.reregister(NEXT, &agent, &resources("cpus:4;mem:1024"), ran.clone());
    assert!(statuses(&outputs).is_empty());
    let (_, outputs) = world.call(&stream, reconcile(&framework, &[("t1", Some(&agent))]));
    assert_eq!(states(&outputs), [(TaskState::TaskRunning, Reason::Reconciliation)]);
    // A framework that has not subscribed yet is known through the agent that runs its tasks.
    let mut world = World::with(world.registry.clone(), world.now, 3);
    world.reregister(NEXT, &agent, &resources("cpus:4;mem:1024"), ran);
    assert_eq!(world.master.frameworks_document(None)["frameworks"][0]["recovered"], true);
    // And an agent that does not return in time is unreachable.
    let mut world = World::with(world.registry.clone(), world.now, 4);
    world.pass(601.0, None);
    assert!(world.registry.unreachable.contains_key(&agent.value));
}

#[test]
fn an_agent_with_a_fault_domain_is_ignored_by_a_master_without_one() {
    let mut world = World::new();
    world.give(Input::Linked { link: LINK, address: "127.0.0.1:6001".parse().unwrap() });
    let domain = Some(v1::DomainInfo { fault_domain: Some(Default::default()) });
    let info = Box::new(v1::AgentInfo { hostname: "h".to_owned(), domain, ..Default::default() });
    let outputs = world.say(LINK, ToMaster::Register { info, resources: resources("cpus:1") });
    assert!(matches!(outputs[..], [Output::Log(_)]), "{outputs:?}");
}
