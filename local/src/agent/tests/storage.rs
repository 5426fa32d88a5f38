//! Reservations and volumes (§4.3, §4.4, §5.9, §7.2).
use std::path::PathBuf;
use std::time::Duration;

use mesos::resource::reservation::dynamic;
use mesos::v1::offer::operation::Type;
use mesos::v1::offer::{Operation, operation};
use mesos::v1::resource::DiskInfo;
use mesos::v1::resource::disk_info::Persistence;
use mesos::v1::task_status::Reason;
use mesos::v1::{self, OperationState, TaskState as S};

use super::bench::*;
use crate::agent::{Agent, ContainerEvent, Input, Mount, Output, Recovered, Time};
use crate::link::{ToAgent, ToMaster};

fn reserved(megabytes: f64) -> v1::Resource {
    v1::Resource {
        name: "disk".into(),
        scalar: Some(v1::value::Scalar { value: megabytes }),
        reservations: vec![dynamic("a/b", Some("p"), None)],
        allocation_info: Some(v1::resource::AllocationInfo { role: Some("a/b".into()) }),
        ..Default::default()
    }
}

fn volume(id: &str, path: &str) -> v1::Resource {
    v1::Resource {
        disk: Some(DiskInfo {
            persistence: Some(Persistence { id: id.into(), principal: Some("p".into()) }),
            volume: Some(v1::Volume {
                container_path: path.into(),
                mode: v1::volume::Mode::Rw.into(),
                ..Default::default()
            }),
            source: None,
        }),
        ..reserved(10.0)
    }
}

fn reserve() -> Operation {
    let reserve = Some(operation::Reserve { resources: vec![reserved(10.0)], source: vec![] });
    Operation { r#type: Some(Type::Reserve.into()), reserve, ..Default::default() }
}

fn create() -> Operation {
    let create = Some(operation::Create { volumes: vec![volume("v", "data")] });
    Operation { r#type: Some(Type::Create.into()), create, ..Default::default() }
}

fn destroy() -> Operation {
    let destroy = Some(operation::Destroy { volumes: vec![volume("v", "data")] });
    Operation { r#type: Some(Type::Destroy.into()), destroy, ..Default::default() }
}

fn apply(bench: &mut Bench, n: u8, id: Option<&str>, info: Operation) -> Vec<Output> {
    bench.master(ToAgent::ApplyOperation {
        operation: vec![n; 16],
        id: id.map(|id| v1::OperationId { value: id.into() }),
        framework_id: Some(framework_id()),
        info: Box::new(info),
    })
}

fn feedback(out: &[Output]) -> Option<v1::OperationStatus> {
    out.iter().find_map(|output| match output {
        Output::Send(ToMaster::OperationUpdate { status, .. }) => Some((**status).clone()),
        _ => None,
    })
}

#[test]
fn a_volume_is_made_kept_over_restarts_and_new_ids_and_removed() {
    let mut bench = Bench::new();
    assert!(feedback(&apply(&mut bench, 1, None, reserve())).is_none(), "no id, no feedback");
    let out = apply(&mut bench, 2, None, create());
    let path = PathBuf::from("/w/volumes/roles/a b/v");
    assert!(out.iter().any(|output| matches!(output, Output::CreateVolume(p) if *p == path)));

    // Restarted, even under another id: the same volume, offered again.
    let kept = Recovered { agent_id: None, ..recovered(&bench.disk) };
    let mut other = Agent::new(options(), kept, 1, Time::ZERO).unwrap();
    let out = other.handle(Time::ZERO, Input::Linked);
    let Some(Output::Send(ToMaster::Register { info, resources })) = out.first() else { panic!("{out:?}") };
    assert_eq!(
        resources.iter().filter_map(mesos::resource::identity::persistence_id).collect::<Vec<_>>(),
        ["v"]
    );
    assert!(resources.iter().all(|resource| resource.allocation_info.is_none()));
    assert!(info.resources.iter().all(|resource| resource.reservations.is_empty()), "configured, not made");

    let out = apply(&mut bench, 3, None, destroy());
    assert!(
        out.iter().any(
            |output| matches!(output, Output::DestroyVolume { path: p, keep_root: false } if *p == path)
        )
    );
}

#[test]
fn feedback_is_repeated_until_acknowledged_and_survives_a_restart() {
    let mut bench = Bench::new();
    let first = feedback(&apply(&mut bench, 1, Some("op"), reserve())).unwrap();
    assert_eq!(
        (first.state(), first.operation_id.clone().unwrap().value),
        (OperationState::OperationFinished, "op".into())
    );
    assert!(first.agent_id.is_some() && first.converted_resources.is_empty());
    assert_eq!(feedback(&bench.wait(Duration::from_secs(10))), Some(first.clone()));
    assert_eq!(feedback(&bench.wait(Duration::from_secs(19))), None);
    // A second arrival of the same operation, after a re-registration for instance, is not applied twice.
    apply(&mut bench, 1, Some("op"), reserve());
    assert_eq!(recovered(&bench.disk).resources.len(), 1);

    let mut bench = bench.restart();
    let out = bench.give(Input::Linked);
    let Some(Output::Send(ToMaster::Reregister { operations, .. })) = out.first() else { panic!("{out:?}") };
    assert_eq!(operations.len(), 1);
    let agent_id = bench.agent.id().unwrap().clone();
    let out = bench.master(ToAgent::Reregistered { agent_id, missing: vec![], frameworks: vec![] });
    assert_eq!(feedback(&out), Some(first.clone()));
    let status = first.uuid.unwrap().value;
    bench.master(ToAgent::AcknowledgeOperation { operation: vec![1; 16], status: vec![9; 16] });
    assert_eq!(recovered(&bench.disk).operations.len(), 1, "that was not its uuid");
    bench.master(ToAgent::AcknowledgeOperation { operation: vec![1; 16], status });
    assert!(recovered(&bench.disk).operations.is_empty());
    assert!(feedback(&bench.wait(Duration::from_secs(1000))).is_none());
}

#[test]
fn what_cannot_be_applied_changes_nothing_and_the_master_is_set_right() {
    let mut bench = Bench::new();
    let out = apply(&mut bench, 1, Some("op"), create());
    assert!(out.iter().any(|output| matches!(output, Output::Send(ToMaster::Resources { .. }))));
    assert_eq!(feedback(&out).unwrap().state(), OperationState::OperationError);
    assert!(!out.iter().any(|output| matches!(output, Output::CreateVolume(_))));
}

#[test]
fn less_than_what_is_reserved_does_not_start() {
    let mut bench = Bench::new();
    apply(&mut bench, 1, None, reserve());
    let small = crate::agent::Options { resources: resources("cpus:4;disk:5"), ..options() };
    let error = Agent::new(small, recovered(&bench.disk), 1, Time::ZERO).unwrap_err();
    assert!(error.to_string().contains("disk(a/b, p):10"), "{error}");
}

#[test]
fn volumes_are_shown_as_long_as_somebody_uses_them() {
    let mut bench = Bench::new();
    apply(&mut bench, 1, None, reserve());
    apply(&mut bench, 2, None, create());
    let info = framework(true, true);
    let with = |id: &str, path: &str| v1::TaskInfo { resources: vec![volume("v", path)], ..task(id) };
    let out = bench.run_task(&info, &executor("e"), &with("t", "data"));
    let target = PathBuf::from("/w/volumes/roles/a b/v");
    let Some(Output::Prepare { run, mounts, .. }) = out.iter().find(|o| matches!(o, Output::Prepare { .. }))
    else {
        panic!()
    };
    assert_eq!(mounts, &[Mount { name: "data".into(), target: target.clone() }]);
    let container = run.container.clone();
    bench.container(&container, ContainerEvent::Prepared);
    bench.container(&container, ContainerEvent::Launched { pid: 1 });
    bench.subscribe("e", vec![], vec![]);
    let unmounted = |out: &[Output]| out.iter().any(|output| matches!(output, Output::Unmount { .. }));
    assert!(!unmounted(&bench.update("e", status("t", S::TaskRunning, 1))));
    // A path of more than one name is not shown at all.
    let out = bench.run_task(&info, &executor("e"), &with("t2", "a/b"));
    assert!(!out.iter().any(|output| matches!(output, Output::Mount { .. })));
    assert!(unmounted(&bench.update("e", status("t", S::TaskFinished, 2))));
}

#[test]
fn a_task_on_a_volume_the_agent_does_not_have_is_dropped() {
    let mut bench = Bench::new();
    let on_volume = v1::TaskInfo { resources: vec![volume("v", "data")], ..task("t") };
    let out = bench.run_task(&framework(true, true), &executor("e"), &on_volume);
    assert_eq!(states(&out), [("t".to_owned(), S::TaskDropped, Some(Reason::ResourcesUnknown))]);
    assert!(!out.iter().any(|output| matches!(output, Output::Prepare { .. })));
}
