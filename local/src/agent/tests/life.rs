//! The life of an executor and its tasks (§5.3, §5.6, §6.1, §6.3, §6.4).
use std::time::Duration;

use mesos::v1::executor::event::Type as Event;
use mesos::v1::executor::{self, call};
use mesos::v1::task_status::Reason;
use mesos::v1::{self, TaskState as S};

use super::bench::*;
use crate::agent::{Answer, ContainerEvent, Ended, Input, Output};
use crate::link::ToAgent;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_task_runs_and_ends_and_everything_is_forgotten() {
    let mut bench = Bench::new();
    let container = bench.launched(&framework(true, true));
    let (_, out) = bench.subscribe("e", vec![], vec![]);
    assert_eq!(answer(&out), Answer::Stream);
    assert_eq!(events(&out), [Event::Subscribed, Event::Launch]);

    let out = bench.update("e", status("t", S::TaskRunning, 1));
    assert_eq!(answer(&out), Answer::Accepted);
    assert!(kept_before_acknowledged(&out));
    let running = sent(&out).remove(0);
    assert_eq!(running.agent_id.as_ref().unwrap().value, "A");
    assert_eq!(running.timestamp, Some(1000.0));
    assert_eq!(running.executor_id, None, "the agent does not fill it in");
    let container_status = running.container_status.unwrap();
    assert_eq!(container_status.executor_pid, Some(42));
    assert_eq!(container_status.container_id.unwrap().value, container.0);

    bench.acknowledge("t", running.uuid);
    let finished = sent(&bench.update("e", status("t", S::TaskFinished, 2))).remove(0);
    bench.acknowledge("t", finished.uuid);
    let out = bench.container(&container, ContainerEvent::Exited { status: 0 });
    assert_eq!((exited(&out), states(&out)), (Some(0), vec![]));
    assert!(recovered(&bench.disk).frameworks.is_empty());
    assert_eq!(bench.agent.next_deadline(), None);
}

#[test]
fn an_executors_end_fails_its_live_tasks_for_the_reason_at_hand() {
    let check =
        |story: fn(&mut Bench, &crate::agent::Container) -> Vec<Output>, status: i32, reason: Reason| {
            let mut bench = Bench::new();
            let container = bench.launched(&framework(true, true));
            let out = story(&mut bench, &container);
            let out = if exited(&out).is_some() {
                out
            } else {
                bench.container(&container, ContainerEvent::Exited { status })
            };
            assert_eq!(exited(&out), Some(status));
            assert_eq!(states(&out), [("t".to_owned(), S::TaskFailed, Some(reason))]);
            let update = sent(&out).remove(0);
            assert!(update.uuid.is_some() && update.container_status.is_none());
            assert_eq!(update.executor_id.unwrap().value, "e");
        };
    check(|_, _| vec![], 7 << 8, Reason::ExecutorTerminated);
    check(|bench, _| bench.subscribe("e", vec![], vec![]).1, 9, Reason::ExecutorTerminated);
    check(
        |bench, _| {
            let out = bench.wait(6 * SECOND);
            assert!(destroys(&out));
            out
        },
        9,
        Reason::ExecutorRegistrationTimeout,
    );
    check(
        |bench, container| bench.container(container, ContainerEvent::Failed("no such file".into())),
        256,
        Reason::ContainerLaunchFailed,
    );
}

#[test]
fn the_registration_timeout_ends_with_subscribe() {
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    assert!(!destroys(&bench.wait(6 * SECOND - Duration::from_millis(1))));
    bench.subscribe("e", vec![], vec![]);
    assert!(!destroys(&bench.wait(60 * SECOND)));
}

#[test]
fn kill_depends_on_where_the_task_is() {
    let kill = |task: &str| ToAgent::KillTask {
        framework_id: framework_id(),
        task_id: v1::TaskId { value: task.into() },
        kill_policy: Some(v1::KillPolicy { grace_period: Some(v1::DurationInfo { nanoseconds: 5 }) }),
    };
    // Not handed over yet.
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    let out = bench.master(kill("t"));
    assert_eq!(states(&out), [("t".to_owned(), S::TaskKilled, Some(Reason::TaskKilledDuringLaunch))]);
    // Its executor then has nothing to do: SHUTDOWN instead of SUBSCRIBED, and its end after the grace period.
    let (_, out) = bench.subscribe("e", vec![], vec![]);
    assert_eq!(events(&out), [Event::Shutdown]);
    assert!(destroys(&bench.wait(5 * SECOND)));

    // Handed over: the executor's business, each time.
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    bench.subscribe("e", vec![], vec![]);
    for _ in 0..2 {
        let out = bench.master(kill("t"));
        assert_eq!(events(&out), [Event::Kill]);
        assert!(states(&out).is_empty());
    }
    // Unknown: dropped, or lost where the framework knows no better.
    for (aware, state) in [(true, S::TaskDropped), (false, S::TaskLost)] {
        let mut bench = Bench::new();
        bench.launched(&framework(true, aware));
        let out = bench.master(kill("x"));
        assert_eq!(states(&out), [("x".to_owned(), state, Some(Reason::ExecutorTerminated))]);
    }
}

#[test]
fn shutdown_has_a_grace_period_and_then_an_end() {
    let mut bench = Bench::new();
    let own = v1::ExecutorInfo {
        shutdown_grace_period: Some(v1::DurationInfo { nanoseconds: 2_000_000_000 }),
        ..executor("e")
    };
    bench.run_task(&framework(true, true), &own, &task("t"));
    let container = bench.agent.sandboxes()[0].1.file_name().unwrap().to_str().unwrap().to_owned();
    let container = crate::agent::Container(container);
    bench.container(&container, ContainerEvent::Prepared);
    bench.container(&container, ContainerEvent::Launched { pid: 42 });
    bench.subscribe("e", vec![], vec![]);
    let shutdown =
        ToAgent::ShutdownExecutor { framework_id: framework_id(), executor_id: own.executor_id.clone() };
    assert_eq!(events(&bench.master(shutdown.clone())), [Event::Shutdown]);
    assert!(events(&bench.master(shutdown)).is_empty(), "once is enough");
    // Its last words still count.
    let out = bench.update("e", status("t", S::TaskKilled, 1));
    assert_eq!(states(&out), [("t".to_owned(), S::TaskKilled, None)]);
    assert!(!destroys(&bench.wait(2 * SECOND - Duration::from_millis(1))));
    assert!(destroys(&bench.wait(Duration::from_millis(1))));
    let out = bench.run_task(&framework(true, true), &own, &task("t2"));
    assert_eq!(states(&out), [("t2".to_owned(), S::TaskDropped, Some(Reason::ExecutorTerminated))]);
    let out = bench.container(&container, ContainerEvent::Exited { status: 9 });
    assert_eq!((exited(&out), states(&out)), (Some(9), vec![]));
}

#[test]
fn teardown_is_silent_but_for_the_executors_end() {
    let mut bench = Bench::new();
    let container = bench.launched(&framework(true, true));
    bench.subscribe("e", vec![], vec![]);
    bench.update("e", status("t", S::TaskRunning, 1));
    let out = bench.master(ToAgent::ShutdownFramework { framework_id: framework_id() });
    assert_eq!(events(&out), [Event::Shutdown]);
    let out = bench.update("e", status("t", S::TaskKilled, 2));
    assert_eq!((answer(&out), states(&out), events(&out)), (Answer::Accepted, vec![], vec![]));
    let out = bench.container(&container, ContainerEvent::Exited { status: 0 });
    assert_eq!((exited(&out), states(&out)), (Some(0), vec![]));
    assert!(recovered(&bench.disk).frameworks.is_empty());
    assert!(sent(&bench.wait(60 * SECOND)).is_empty());
}

#[test]
fn leaving_ends_the_agent_when_the_last_executor_has_gone() {
    let left = |out: &[Output]| {
        out.iter().find_map(|output| match output {
            Output::Exit(ended) => Some(ended.clone()),
            _ => None,
        })
    };
    let check = |input: Input, expect: Ended, keeps_update: bool| {
        let mut bench = Bench::new();
        let container = bench.launched(&framework(true, true));
        bench.subscribe("e", vec![], vec![]);
        let out = bench.give(input);
        assert_eq!((events(&out), left(&out)), (vec![Event::Shutdown], None));
        assert!(destroys(&bench.wait(5 * SECOND)));
        let out = bench.container(&container, ContainerEvent::Exited { status: 9 });
        assert_eq!(left(&out), Some(expect));
        assert_eq!(!recovered(&bench.disk).frameworks.is_empty(), keeps_update);
    };
    check(Input::Unregister, Ended::Left, false);
    check(Input::Stop { within: 3 * SECOND }, Ended::Stopped, true);
    let shutdown = Input::Master(ToAgent::Shutdown { message: "gone".into() });
    check(shutdown, Ended::Told("gone".into()), false);
    let mut idle = Bench::new();
    assert_eq!(left(&idle.give(Input::Unregister)), Some(Ended::Left));
}

#[test]
fn calls_are_refused_in_mesos_order() {
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    let good = || executor::Call {
        update: Some(call::Update { status: status("t", S::TaskRunning, 1) }),
        ..of("e", call::Type::Update)
    };
    let mut check = |call: executor::Call, expect: u16| {
        let code = match answer(&bench.call(call.clone()).1) {
            Answer::Accepted => 202,
            Answer::Stream => 200,
            Answer::Refused { status, .. } => status,
        };
        assert_eq!(code, expect, "{call:?}");
    };
    let wrong = |change: fn(&mut v1::TaskStatus)| {
        let mut call = good();
        change(&mut call.update.as_mut().unwrap().status);
        call
    };
    check(good(), 403);
    check(of("e", call::Type::Heartbeat), 202);
    check(of("x", call::Type::Heartbeat), 202);
    check(of("e", call::Type::Unknown), 501);
    check(executor::Call { r#type: None, ..good() }, 400);
    check(of("e", call::Type::Update), 400);
    check(of("e", call::Type::Subscribe), 400);
    check(of("e", call::Type::Message), 400);
    check(wrong(|s| s.source = None), 400);
    check(wrong(|s| s.source = Some(v1::task_status::Source::Agent.into())), 400);
    check(wrong(|s| s.uuid = None), 400);
    check(wrong(|s| s.uuid = Some(vec![1])), 400);
    check(wrong(|s| s.uuid = Some(vec![0; 16])), 400);
    check(wrong(|s| s.state = S::TaskStaging.into()), 400);
    check(wrong(|s| s.executor_id = Some(v1::ExecutorId { value: "x".into() })), 400);
    check(wrong(|s| s.check_status = Some(v1::CheckStatusInfo::default())), 400);
    check(executor::Call { framework_id: v1::FrameworkId { value: "x".into() }, ..good() }, 400);
    check(executor::Call { executor_id: v1::ExecutorId { value: "x".into() }, ..good() }, 400);
}

#[test]
fn messages_pass_both_ways_or_not_at_all() {
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    let to = |id: &str| ToAgent::Message {
        framework_id: framework_id(),
        executor_id: v1::ExecutorId { value: id.into() },
        data: vec![0, 255],
    };
    assert!(events(&bench.master(to("e"))).is_empty(), "not subscribed");
    let (stream, _) = bench.subscribe("e", vec![], vec![]);
    assert_eq!(events(&bench.master(to("e"))), [Event::Message]);
    assert!(events(&bench.master(to("x"))).is_empty());
    bench.give(Input::StreamClosed(stream));
    assert!(events(&bench.master(to("e"))).is_empty(), "not connected");
}

#[test]
fn a_second_subscribe_takes_over() {
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    let (first, _) = bench.subscribe("e", vec![], vec![]);
    bench.update("e", status("t", S::TaskRunning, 1));
    let (_, out) = bench.subscribe("e", vec![], vec![status("t", S::TaskRunning, 1)]);
    assert!(out.iter().any(|output| matches!(output, Output::EndStream(old) if *old == first)));
    // The known update is acknowledged again; no second LAUNCH.
    assert_eq!(events(&out), [Event::Acknowledged, Event::Subscribed]);
    assert!(states(&out).is_empty());
    // The old connection's end says nothing about the new one.
    bench.give(Input::StreamClosed(first));
    let message = ToAgent::Message {
        framework_id: framework_id(),
        executor_id: executor("e").executor_id,
        data: vec![],
    };
    assert_eq!(events(&bench.master(message)), [Event::Message]);
}

#[test]
fn tasks_of_a_disconnected_executor_wait_and_those_lost_on_the_way_are_dropped() {
    let mut bench = Bench::new();
    let info = framework(true, true);
    bench.launched(&info);
    let (stream, _) = bench.subscribe("e", vec![], vec![]);
    // t went down a stream that broke; t2 comes while there is none.
    bench.give(Input::StreamClosed(stream));
    assert!(events(&bench.run_task(&info, &executor("e"), &task("t2"))).is_empty());
    let (_, out) = bench.subscribe("e", vec![], vec![]);
    assert_eq!(events(&out), [Event::Subscribed, Event::Launch]);
    assert_eq!(states(&out), [("t".to_owned(), S::TaskDropped, Some(Reason::AgentRestarted))]);
    // Had the executor heard of t, it would say so.
    bench.give(Input::StreamClosed(stream));
    let (_, out) = bench.subscribe("e", vec![task("t2")], vec![]);
    assert!(states(&out).is_empty());
}

#[test]
fn executors_get_just_the_environment_of_mesos() {
    let environment = |checkpoint: bool| {
        let mut bench = Bench::new();
        let own =
            v1::environment::Variable { name: "OWN".into(), value: Some("x".into()), ..Default::default() };
        let mut info = executor("e");
        info.command.as_mut().unwrap().environment = Some(v1::Environment { variables: vec![own] });
        let out = bench.run_task(&framework(checkpoint, true), &info, &task("t"));
        let Some(Output::Prepare { run, .. }) = out.iter().find(|o| matches!(o, Output::Prepare { .. }))
        else {
            panic!()
        };
        let container = run.container.clone();
        let out = bench.container(&container, ContainerEvent::Prepared);
        let Some(Output::Launch { environment, .. }) = out.into_iter().next() else { panic!() };
        environment
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.replace(&container.0, "C")))
            .collect::<Vec<_>>()
    };
    let sandbox = "/w/slaves/A/frameworks/F/executors/e/runs/C";
    let expect = |recovery: &[&str]| {
        let mut all = vec![
            "LIBPROCESS_IP=127.0.0.1".to_owned(),
            "LIBPROCESS_PORT=0".into(),
            "MESOS_AGENT_ENDPOINT=127.0.0.1:5051".into(),
            format!("MESOS_CHECKPOINT={}", u8::from(!recovery.is_empty())),
            format!("MESOS_DIRECTORY={sandbox}"),
            "MESOS_EXECUTOR_ID=e".into(),
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs".into(),
            "MESOS_FRAMEWORK_ID=F".into(),
            "MESOS_HTTP_COMMAND_EXECUTOR=0".into(),
            format!("MESOS_SANDBOX={sandbox}"),
            "MESOS_SLAVE_ID=A".into(),
            "MESOS_SLAVE_PID=slave(1)@127.0.0.1:5051".into(),
            "OWN=x".into(),
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
        ];
        all.extend(recovery.iter().map(|s| (*s).to_owned()));
        all.sort();
        all
    };
    assert_eq!(environment(false), expect(&[]));
    assert_eq!(
        environment(true),
        expect(&["MESOS_RECOVERY_TIMEOUT=15mins", "MESOS_SUBSCRIPTION_BACKOFF_MAX=2secs"])
    );
}
