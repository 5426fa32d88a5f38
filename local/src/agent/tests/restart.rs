//! A restarted agent on what it left on disk (§5.7, §5.9, §6.3).
use std::time::Duration;

use mesos::v1::TaskState as S;
use mesos::v1::executor::event::Type as Event;
use mesos::v1::task_status::Reason;

use super::bench::*;
use crate::agent::{Answer, ContainerEvent, Input, Output};
use crate::link::ToMaster;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn executors_come_back_with_what_is_unacknowledged_and_nothing_is_lost() {
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    bench.subscribe("e", vec![], vec![]);
    let first = sent(&bench.update("e", status("t", S::TaskRunning, 1))).remove(0);
    bench.acknowledge("t", first.uuid);
    bench.update("e", status("t", S::TaskRunning, 2));

    let mut bench = bench.restart();
    assert!(
        bench.give(Input::Linked).is_empty(),
        "nobody is told anything before the executors had their time"
    );
    let (_, out) =
        bench.subscribe("e", vec![], vec![status("t", S::TaskRunning, 2), status("t", S::TaskRunning, 3)]);
    assert_eq!(events(&out), [Event::Acknowledged, Event::Acknowledged, Event::Subscribed]);
    // Also after its SUBSCRIBED, until the time is over.
    let out = bench.update("e", status("t", S::TaskRunning, 4));
    assert!(matches!(answer(&out), Answer::Refused { status: 503, .. }));
    let out = bench.wait(2 * SECOND);
    assert!(!destroys(&out));
    let Some(Output::Send(ToMaster::Reregister { info, tasks, .. })) = out.first() else { panic!("{out:?}") };
    assert_eq!(info.id.as_ref().unwrap().value, "A");
    assert_eq!(tasks[0].status_update_uuid, status("t", S::TaskRunning, 2).uuid);
    assert_eq!(answer(&bench.update("e", status("t", S::TaskRunning, 4))), Answer::Accepted);
}

#[test]
fn executors_that_stay_silent_are_ended_and_their_tasks_gone() {
    for (aware, state) in [(true, S::TaskGone), (false, S::TaskLost)] {
        let mut bench = Bench::new();
        let container = bench.launched(&framework(true, aware));
        bench.subscribe("e", vec![], vec![]);
        bench.update("e", status("t", S::TaskRunning, 1));
        let mut bench = bench.restart();
        assert!(destroys(&bench.wait(2 * SECOND)));
        bench.container(&container, ContainerEvent::Exited { status: 9 });
        let tasks = &recovered(&bench.disk).frameworks[0].executors[0].tasks;
        let crate::agent::UpdateRecord::Update(last) = tasks[0].updates.last().unwrap() else { panic!() };
        assert_eq!((last.state(), last.reason()), (state, Reason::ExecutorReregistrationTimeout));
    }
}

#[test]
fn what_never_reached_the_executor_is_dropped() {
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    bench.subscribe("e", vec![], vec![]);
    let mut bench = bench.restart();
    bench.subscribe("e", vec![], vec![]);
    let tasks = &recovered(&bench.disk).frameworks[0].executors[0].tasks;
    let crate::agent::UpdateRecord::Update(last) = tasks[0].updates.last().unwrap() else { panic!() };
    assert_eq!((last.state(), last.reason()), (S::TaskDropped, Reason::AgentRestarted));
}

#[test]
fn an_end_whose_updates_wait_is_remembered_over_a_restart() {
    let mut bench = Bench::new();
    let container = bench.launched(&framework(true, true));
    bench.subscribe("e", vec![], vec![]);
    bench.give(Input::Unlinked);
    bench.container(&container, ContainerEvent::Exited { status: 256 });
    let mut bench = bench.restart();
    let out = bench.give(Input::Linked);
    let Some(Output::Send(ToMaster::Reregister { tasks, executors, .. })) = out.first() else {
        panic!("{out:?}")
    };
    assert_eq!((tasks[0].state(), executors.len()), (S::TaskFailed, 0));
    let agent_id = bench.agent.id().unwrap().clone();
    let out =
        bench.master(crate::link::ToAgent::Reregistered { agent_id, missing: vec![], frameworks: vec![] });
    let status = sent(&out).remove(0);
    assert_eq!(status.state(), S::TaskFailed);
    bench.acknowledge("t", status.uuid);
    assert!(recovered(&bench.disk).frameworks.is_empty());
}

// Found by seed 974 of the simulation: the master kept the executor's resources for ever.
#[test]
fn an_executor_that_ends_while_the_agent_re_registers_is_told_behind_its_list() {
    let mut bench = Bench::new();
    let container = bench.launched(&framework(true, true));
    bench.subscribe("e", vec![], vec![]);
    bench.give(Input::Unlinked);
    let mut out = bench.give(Input::Linked);
    let asked = |out: &[Output]| {
        out.iter().find_map(|output| match output {
            Output::Send(ToMaster::Reregister { executors, .. }) => Some(executors.len()),
            _ => None,
        })
    };
    for _ in 0..60 {
        if asked(&out).is_none() {
            out = bench.wait(SECOND);
        }
    }
    assert_eq!(asked(&out), Some(1));
    let out = bench.container(&container, ContainerEvent::Exited { status: 9 });
    assert_eq!(exited(&out), Some(9));
}

#[test]
fn frameworks_without_checkpoint_leave_nothing_on_disk() {
    let mut bench = Bench::new();
    let container = bench.launched(&framework(false, true));
    bench.subscribe("e", vec![], vec![]);
    bench.update("e", status("t", S::TaskRunning, 1));
    bench.container(&container, ContainerEvent::Exited { status: 0 });
    assert!(recovered(&bench.disk).frameworks.is_empty());
    assert_eq!(bench.disk.len(), 1, "just who the agent is");
}
