//! Updates and registration over broken links (§5.1, §5.5).
use std::time::Duration;

use mesos::v1::executor::event::Type as Event;
use mesos::v1::task_status::Reason;
use mesos::v1::{self, TaskState as S};

use super::bench::*;
use crate::agent::{Input, Output};
use crate::link::{MissingTask, ToAgent, ToMaster};

const SECOND: Duration = Duration::from_secs(1);

fn running() -> Bench {
    let mut bench = Bench::new();
    bench.launched(&framework(true, true));
    bench.subscribe("e", vec![], vec![]);
    bench
}

#[test]
fn one_update_outstanding_repeated_after_10_and_20_seconds() {
    let mut bench = running();
    assert_eq!(states(&bench.update("e", status("t", S::TaskStarting, 1))).len(), 1);
    let out = bench.update("e", status("t", S::TaskRunning, 2));
    assert!(states(&out).is_empty());
    assert_eq!(events(&out), [Event::Acknowledged], "the executor does not wait for the scheduler");
    assert!(states(&bench.wait(9 * SECOND)).is_empty());
    let again = bench.wait(SECOND);
    assert_eq!(states(&again), [("t".to_owned(), S::TaskStarting, None)]);
    let newest = again.iter().find_map(|output| match output {
        Output::Send(ToMaster::Update { latest_state, .. }) => Some(*latest_state),
        _ => None,
    });
    assert_eq!(newest, Some(S::TaskRunning), "the master is told the latest state alongside");
    assert!(states(&bench.wait(19 * SECOND)).is_empty());
    assert_eq!(states(&bench.wait(SECOND)).len(), 1);
    let first = status("t", S::TaskStarting, 1).uuid;
    assert_eq!(states(&bench.acknowledge("t", first.clone())), [("t".to_owned(), S::TaskRunning, None)]);
    assert!(states(&bench.acknowledge("t", first)).is_empty(), "a stale acknowledgement does nothing");
    bench.acknowledge("t", status("t", S::TaskRunning, 2).uuid);
    assert!(states(&bench.wait(1000 * SECOND)).is_empty());
}

#[test]
fn after_the_terminal_update_nothing_counts_yet_all_is_acknowledged_to_the_executor() {
    let mut bench = running();
    bench.update("e", status("t", S::TaskFinished, 1));
    for (state, n) in [(S::TaskFailed, 2), (S::TaskRunning, 3), (S::TaskFinished, 1)] {
        let out = bench.update("e", status("t", state, n));
        assert_eq!((events(&out), states(&out)), (vec![Event::Acknowledged], vec![]));
    }
}

#[test]
fn updates_pause_while_the_master_is_away_and_all_come_at_once_when_it_is_back() {
    let mut bench = running();
    bench.update("e", status("t", S::TaskRunning, 1));
    bench.give(Input::Unlinked);
    assert!(states(&bench.wait(100 * SECOND)).is_empty());
    let out = bench.update("e", status("t2", S::TaskRunning, 2));
    assert_eq!((events(&out), states(&out)), (vec![Event::Acknowledged], vec![]));
    assert!(bench.give(Input::Linked).is_empty(), "a new master is given a moment");
    let out = bench.wait(SECOND);
    let Some(Output::Send(ToMaster::Reregister { tasks, executors, frameworks, .. })) = out.first() else {
        panic!("{out:?}")
    };
    assert_eq!((tasks.len(), executors.len(), frameworks.len()), (1, 1, 1));
    assert_eq!(tasks[0].state(), S::TaskRunning);
    assert_eq!(tasks[0].status_update_uuid, status("t", S::TaskRunning, 1).uuid);
    // Asked again until answered.
    assert_eq!(bench.wait(3 * SECOND).len(), 3);
    let out = bench.master(back(vec![]));
    assert_eq!(states(&out).len(), 2);
    // The back-off starts over.
    assert_eq!(states(&bench.wait(10 * SECOND)).len(), 2);
}

fn back(missing: Vec<MissingTask>) -> ToAgent {
    ToAgent::Reregistered { agent_id: v1::AgentId { value: "A".into() }, missing, frameworks: vec![] }
}

#[test]
fn what_only_the_master_knows_is_reported_dropped() {
    let mut bench = running();
    bench.give(Input::Unlinked);
    bench.give(Input::Linked);
    bench.wait(SECOND);
    let missing = |task: &str, partition_aware| MissingTask {
        framework_id: framework_id(),
        task_id: v1::TaskId { value: task.into() },
        partition_aware,
    };
    let out = bench.master(back(vec![missing("x", true), missing("y", false), missing("t", true)]));
    assert_eq!(
        states(&out),
        [
            ("x".to_owned(), S::TaskDropped, Some(Reason::Reconciliation)),
            ("y".to_owned(), S::TaskLost, Some(Reason::Reconciliation)),
        ]
    );
    assert!(sent(&out).iter().all(|status| status.uuid.is_some()));
    let uuid = sent(&out)[0].uuid.clone();
    bench.acknowledge("x", uuid);
    assert_eq!(states(&bench.wait(10 * SECOND)).len(), 1, "only y is still repeated");
}

#[test]
fn the_schedulers_return_hurries_its_updates() {
    let mut bench = running();
    bench.update("e", status("t", S::TaskRunning, 1));
    bench.wait(35 * SECOND);
    let framework = Box::new(framework(true, true));
    let out = bench.master(ToAgent::UpdateFramework { framework });
    assert_eq!(states(&out).len(), 1);
}

#[test]
fn a_ping_that_calls_the_agent_disconnected_makes_it_register_again() {
    let mut bench = running();
    let out = bench.master(ToAgent::Ping { connected: true });
    assert!(matches!(out[..], [Output::Send(ToMaster::Pong)]));
    let out = bench.master(ToAgent::Ping { connected: false });
    assert!(matches!(out[..], [Output::Send(ToMaster::Pong), Output::Send(ToMaster::Reregister { .. })]));
}
