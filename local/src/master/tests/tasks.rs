//! Launches, updates, kills, reconciliation.

use mesos::v1::{
    self, TaskState,
    scheduler::{self, call, call::Type},
    task_status::Reason,
};

use super::world::{
    LINK, MODERN, World, accept, acknowledge, bag, by, info, launch, of, offers, reconcile, resources,
    statuses, task, to_agent, update,
};
use crate::link::{ToAgent, ToMaster};

fn states(outputs: &[crate::master::Output]) -> Vec<(TaskState, Reason)> {
    statuses(outputs).iter().map(|it| (it.state(), it.reason())).collect()
}

#[test]
fn an_ended_task_frees_its_resources_before_its_acknowledgement_but_keeps_its_id() {
    let mut world = World::new();
    let (stream, framework, agent) = world.with_task(info("r", &MODERN));
    world.say(LINK, update(&framework, "t1", TaskState::TaskFinished, 2, &agent));
    let offer = offers(&world.pass(1.1, Some(LINK))).pop().unwrap();
    assert_eq!(bag(&offer.resources), bag(&resources("cpus:3.9;mem:992")), "all but the executor's");
    let reuse = || launch(vec![task("t1", &agent, "cpus:0.5;mem:32")]);
    let (_, outputs) = world.call(&stream, accept(&offer, vec![reuse()]));
    assert_eq!(states(&outputs), [(TaskState::TaskError, Reason::TaskInvalid)]);
    world.call(&stream, acknowledge(&framework, "t1", 2, &agent));
    let offer = offers(&world.pass(1.1, Some(LINK))).pop().unwrap();
    let (_, outputs) = world.call(&stream, accept(&offer, vec![reuse()]));
    assert!(matches!(to_agent(&outputs)[..], [ToAgent::RunTask { .. }]));
    // The executor's resources return when it has exited.
    let exited = ToMaster::ExecutorExited {
        framework_id: framework.clone(),
        executor_id: v1::ExecutorId { value: "e".to_owned() },
        status: 0,
    };
    world.say(LINK, update(&framework, "t1", TaskState::TaskFinished, 3, &agent));
    let failure = super::world::events(&world.say(LINK, exited)).remove(0).failure.unwrap();
    assert_eq!((failure.status, failure.executor_id.is_some()), (Some(0), true));
    assert_eq!(world.master.used(&agent.value), bag(&[]));
}

#[test]
fn each_task_of_a_launch_is_judged_alone() {
    let agent = v1::AgentId { value: "filled below".to_owned() };
    let fine = |id: &str| task(id, &agent, "cpus:0.1;mem:32");
    let changed = |id: &str, change: &dyn Fn(&mut v1::TaskInfo)| {
        let mut it = fine(id);
        change(&mut it);
        it
    };
    let executor =
        |it: &mut v1::TaskInfo, change: &dyn Fn(&mut v1::ExecutorInfo)| change(it.executor.as_mut().unwrap());
    let wrong: Vec<v1::TaskInfo> = vec![
        changed("a/b", &|_| {}),
        changed("too much", &|it| it.resources = resources("cpus:100")),
        changed("nothing", &|it| it.resources.clear()),
        changed("no executor", &|it| it.executor = None),
        changed("command task", &|it| {
            it.executor = None;
            it.command = Some(Default::default());
        }),
        changed("no command", &|it| {
            executor(it, &|e| (e.command, e.executor_id.value) = (None, "f".to_owned()))
        }),
        changed("foreign executor", &|it| {
            executor(it, &|e| e.framework_id = Some(v1::FrameworkId { value: "other".to_owned() }));
        }),
        changed("default executor", &|it| {
            executor(it, &|e| e.r#type = Some(v1::executor_info::Type::Default.into()));
        }),
        changed("negative grace", &|it| {
            let grace_period = Some(v1::DurationInfo { nanoseconds: -1 });
            it.kill_policy = Some(v1::KillPolicy { grace_period });
        }),
        changed("check without type", &|it| it.health_check = Some(Default::default())),
    ];
    for mut it in wrong {
        let mut world = World::new();
        let agent = world.agent(LINK, "cpus:4;mem:1024");
        let (stream, outputs) = world.subscribe(info("r", &MODERN));
        let offer = offers(&outputs).remove(0);
        it.agent_id = agent.clone();
        let name = it.task_id.value.clone();
        let good = task("good", &agent, "cpus:0.1;mem:32");
        let (_, outputs) = world.call(&stream, accept(&offer, vec![launch(vec![it, good])]));
        assert_eq!(states(&outputs), [(TaskState::TaskError, Reason::TaskInvalid)], "{name}");
        assert!(statuses(&outputs)[0].uuid.is_none());
        assert_eq!(to_agent(&outputs).len(), 1, "{name}: the good one runs");
    }
}

#[test]
fn an_executor_must_stay_the_same_while_it_runs() {
    let check = |change: &dyn Fn(&mut v1::ExecutorInfo), fine: bool| {
        let mut world = World::new();
        let (stream, _, agent) = world.with_task(info("r", &MODERN));
        let offer = offers(&world.pass(1.1, Some(LINK))).remove(0);
        let mut it = task("t2", &agent, "cpus:0.1;mem:32");
        change(it.executor.as_mut().unwrap());
        let (_, outputs) = world.call(&stream, accept(&offer, vec![launch(vec![it])]));
        assert_eq!(to_agent(&outputs).len() == 1, fine, "{:?}", statuses(&outputs));
    };
    check(&|_| {}, true);
    check(&|it| it.labels = Some(Default::default()), true);
    check(&|it| it.shutdown_grace_period = Some(v1::DurationInfo { nanoseconds: 1 }), true);
    check(&|it| it.r#type = Some(v1::executor_info::Type::Custom.into()), true);
    check(&|it| it.resources.reverse(), true);
    check(&|it| it.resources = resources("cpus:0.2;mem:32"), false);
    check(&|it| it.command.as_mut().unwrap().value = Some("other".to_owned()), false);
    check(&|it| it.data = Some(vec![1]), false);
}

#[test]
fn reconciliation_answers_what_the_master_knows_and_nothing_more() {
    let mut world = World::new();
    let (stream, framework, agent) = world.with_task(info("r", &MODERN));
    let other = v1::AgentId { value: "other".to_owned() };
    let answer = |world: &mut World, tasks: &[(&str, Option<&v1::AgentId>)]| {
        let (_, outputs) = world.call(&stream, reconcile(&framework, tasks));
        statuses(&outputs)
    };
    let known = answer(&mut world, &[("t1", Some(&agent))]).remove(0);
    assert_eq!((known.state(), known.reason()), (TaskState::TaskRunning, Reason::Reconciliation));
    assert_eq!((known.healthy, known.uuid.is_none(), known.data.is_none()), (Some(true), true, true));
    let state = |world: &mut World, task: &str, agent| answer(world, &[(task, agent)])[0].state();
    assert_eq!(state(&mut world, "t1", Some(&other)), TaskState::TaskRunning);
    assert_eq!(state(&mut world, "x", Some(&agent)), TaskState::TaskGone);
    assert_eq!(state(&mut world, "x", Some(&other)), TaskState::TaskUnknown);
    assert_eq!(state(&mut world, "x", None), TaskState::TaskUnknown);
    assert_eq!(answer(&mut world, &[]).len(), 1);
    // The answer follows what was forwarded, not the newest state.
    let ToMaster::Update { framework_id, executor_id, status, .. } =
        update(&framework, "t1", TaskState::TaskRunning, 5, &agent)
    else {
        panic!()
    };
    let ahead = ToMaster::Update { framework_id, executor_id, status, latest_state: TaskState::TaskFailed };
    world.say(LINK, ahead);
    assert_eq!(state(&mut world, "t1", Some(&agent)), TaskState::TaskRunning);
}

#[test]
fn kills_are_forwarded_each_time_kept_while_the_agent_is_away_and_answered_for_unknown_tasks() {
    let mut world = World::new();
    let (stream, framework, agent) = world.with_task(info("r", &MODERN));
    let kill = |task: &str, agent: Option<&str>| {
        let kill = call::Kill {
            task_id: v1::TaskId { value: task.to_owned() },
            agent_id: agent.map(|it| v1::AgentId { value: it.to_owned() }),
            kill_policy: None,
        };
        by(&framework, scheduler::Call { kill: Some(kill), ..of(Type::Kill) })
    };
    for _ in 0..2 {
        let (_, outputs) = world.call(&stream, kill("t1", None));
        assert!(matches!(to_agent(&outputs)[..], [ToAgent::KillTask { .. }]));
    }
    assert!(to_agent(&world.call(&stream, kill("t1", Some("other"))).1).is_empty());
    assert_eq!(
        states(&world.call(&stream, kill("x", None)).1),
        [(TaskState::TaskUnknown, Reason::Reconciliation)]
    );
    world.give(crate::master::Input::Unlinked(LINK));
    assert!(to_agent(&world.call(&stream, kill("t1", None)).1).is_empty());
    let tasks = world.master.frameworks[&framework.value].tasks.values().cloned().collect();
    let outputs = world.reregister(crate::link::LinkId(2), &agent, &resources("cpus:4;mem:1024"), tasks);
    assert!(to_agent(&outputs).iter().any(|it| matches!(it, ToAgent::KillTask { .. })));
}

#[test]
fn acknowledgements_are_passed_on_and_dropped_while_the_agent_is_away() {
    let mut world = World::new();
    let (stream, framework, agent) = world.with_task(info("r", &MODERN));
    let (_, outputs) = world.call(&stream, acknowledge(&framework, "t1", 1, &agent));
    assert!(matches!(to_agent(&outputs)[..], [ToAgent::AcknowledgeUpdate { .. }]));
    let other = v1::AgentId { value: "other".to_owned() };
    assert!(to_agent(&world.call(&stream, acknowledge(&framework, "t1", 1, &other)).1).is_empty());
}

#[test]
fn teardown_sends_no_updates_and_shows_tasks_as_killed() {
    let mut world = World::new();
    let (stream, framework, agent) = world.with_task(info("r", &MODERN));
    let (answer, outputs) = world.call(&stream, by(&framework, of(Type::Teardown)));
    assert_eq!(answer.status, 202);
    assert!(statuses(&outputs).is_empty());
    assert!(outputs.contains(&crate::master::Output::End(stream)));
    assert_eq!(to_agent(&outputs), [ToAgent::ShutdownFramework { framework_id: framework.clone() }]);
    assert_eq!(world.master.used(&agent.value), bag(&[]));
    let completed = &world.master.frameworks_document(Some(&framework.value))["completed_frameworks"][0];
    assert_eq!(completed["completed_tasks"][0]["state"], "TASK_KILLED");
    // A late word of the executor's end reaches nobody.
    let exited = ToMaster::ExecutorExited {
        framework_id: framework,
        executor_id: v1::ExecutorId { value: "e".to_owned() },
        status: 0,
    };
    assert!(world.say(LINK, exited).is_empty());
}
