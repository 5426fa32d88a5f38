//! Reservations and volumes.

use mesos::v1::{
    self, OperationState,
    offer::{Operation, operation},
    scheduler::{self, call, call::Type},
};

use super::world::{
    LINK, MODERN, World, accept, bag, by, info, launch, of, offers, operation_statuses, resources, task,
    to_agent, uuid,
};
use crate::{
    link::{ToAgent, ToMaster},
    master::{Change, Input, Ticket},
};

fn reserved(text: &str) -> Vec<v1::Resource> {
    let reservation = mesos::resource::reservation::dynamic("r", Some("p"), None);
    resources(text)
        .into_iter()
        .map(|it| mesos::resource::reservation::push(it, reservation.clone()))
        .collect()
}

fn volume(size: f64, id: &str) -> v1::Resource {
    use v1::resource::{DiskInfo, disk_info::Persistence};
    let mut it = reserved(&format!("disk:{size}")).remove(0);
    it.disk = Some(DiskInfo {
        persistence: Some(Persistence { id: id.to_owned(), principal: Some("p".to_owned()) }),
        volume: Some(v1::Volume {
            container_path: "data".to_owned(),
            mode: v1::volume::Mode::Rw.into(),
            ..Default::default()
        }),
        source: None,
    });
    it
}

fn reserve(id: Option<&str>, resources: Vec<v1::Resource>) -> Operation {
    Operation {
        r#type: Some(operation::Type::Reserve.into()),
        id: id.map(|id| v1::OperationId { value: id.to_owned() }),
        reserve: Some(operation::Reserve { resources, source: Vec::new() }),
        ..Default::default()
    }
}

fn create(id: Option<&str>, volumes: Vec<v1::Resource>) -> Operation {
    Operation {
        r#type: Some(operation::Type::Create.into()),
        id: id.map(|id| v1::OperationId { value: id.to_owned() }),
        create: Some(operation::Create { volumes }),
        ..Default::default()
    }
}

#[test]
fn reserve_create_and_launch_work_on_each_others_results() {
    let mut world = World::new();
    let agent = world.agent(LINK, "cpus:4;mem:1024;disk:1000");
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let offer = offers(&outputs).remove(0);
    let mut it = task("t", &agent, "cpus:1;mem:64");
    it.resources.push(volume(100.0, "v"));
    let operations =
        vec![reserve(None, reserved("disk:100")), create(None, vec![volume(100.0, "v")]), launch(vec![it])];
    let (_, outputs) = world.call(&stream, accept(&offer, operations));
    let said: Vec<&str> = to_agent(&outputs)
        .iter()
        .map(|message| match message {
            ToAgent::ApplyOperation { info, .. } => info.r#type().as_str_name(),
            ToAgent::RunTask { .. } => "RUN",
            _ => "?",
        })
        .collect();
    assert_eq!(said, ["RESERVE", "CREATE", "RUN"]);
    let offer = offers(&world.pass(1.1, Some(LINK))).remove(0);
    assert_eq!(
        bag(&offer.resources),
        bag(&resources("cpus:2.9;mem:928;disk:900")),
        "a volume in use is not offered"
    );
}

#[test]
fn a_refused_operation_is_told_only_with_an_id_and_later_ones_still_run() {
    let mut world = World::new();
    world.agent(LINK, "cpus:4;mem:1024;disk:1000");
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let offer = offers(&outputs).remove(0);
    let operations = vec![
        reserve(None, reserved("disk:5000")),
        reserve(Some("too-much"), reserved("disk:5000")),
        reserve(Some("fine"), reserved("disk:500")),
    ];
    let (answer, outputs) = world.call(&stream, accept(&offer, operations));
    assert_eq!(answer.status, 202);
    let errors = operation_statuses(&outputs);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].operation_id.clone().unwrap().value, "too-much");
    assert_eq!(errors[0].state(), OperationState::OperationError);
    assert!(errors[0].uuid.is_none() && errors[0].agent_id.is_none());
    assert_eq!(to_agent(&outputs).len(), 1);
}

#[test]
fn what_may_not_be_done_is_refused() {
    let foreign = |it: v1::Resource| {
        let mut it = it;
        it.reservations[0].principal = Some("somebody".to_owned());
        it
    };
    let twice = create(Some("x"), vec![volume(10.0, "v"), volume(10.0, "v")]);
    let table: Vec<(&str, Operation)> = vec![
        ("nothing", reserve(Some("x"), Vec::new())),
        (
            "zero",
            reserve(
                Some("x"),
                reserved("cpus:1")
                    .into_iter()
                    .map(|it| v1::Resource { scalar: Some(v1::value::Scalar { value: 0.0 }), ..it })
                    .collect(),
            ),
        ),
        ("foreign principal", reserve(Some("x"), reserved("cpus:1").into_iter().map(foreign).collect())),
        ("unreserved", reserve(Some("x"), resources("cpus:1"))),
        (
            "other role",
            reserve(
                Some("x"),
                vec![{
                    let mut it = reserved("cpus:1").remove(0);
                    it.reservations[0].role = Some("other".to_owned());
                    it
                }],
            ),
        ),
        ("volume on nothing", create(Some("x"), vec![volume(10.0, "v")])),
        ("one id twice", twice),
    ];
    for (what, operation) in table {
        let mut world = World::new();
        world.agent(LINK, "cpus:4;mem:1024;disk:1000");
        let (stream, outputs) = world.subscribe(info("r", &MODERN));
        let offer = offers(&outputs).remove(0);
        let (_, outputs) = world.call(&stream, accept(&offer, vec![operation]));
        let states: Vec<_> = operation_statuses(&outputs).iter().map(v1::OperationStatus::state).collect();
        assert_eq!(states, [OperationState::OperationError], "{what}");
        assert!(to_agent(&outputs).is_empty(), "{what}");
        let offer = offers(&world.pass(1.1, Some(LINK))).remove(0);
        assert_eq!(bag(&offer.resources), bag(&resources("cpus:4;mem:1024;disk:1000")), "{what}");
    }
}

#[test]
fn feedback_is_passed_on_and_forgotten_once_acknowledged() {
    let mut world = World::new();
    let agent = world.agent(LINK, "cpus:4;mem:1024;disk:1000");
    let (stream, outputs) = world.subscribe(info("r", &MODERN));
    let offer = offers(&outputs).remove(0);
    let (_, outputs) = world.call(&stream, accept(&offer, vec![reserve(Some("op"), reserved("disk:10"))]));
    let ToAgent::ApplyOperation { operation, id, framework_id, .. } = to_agent(&outputs).remove(0) else {
        panic!()
    };
    let framework = framework_id.clone().unwrap();
    let ask = || {
        let asked = call::reconcile_operations::Operation {
            operation_id: v1::OperationId { value: "op".to_owned() },
            agent_id: Some(agent.clone()),
            ..Default::default()
        };
        let reconcile_operations = Some(call::ReconcileOperations { operations: vec![asked] });
        by(&framework, scheduler::Call { reconcile_operations, ..of(Type::ReconcileOperations) })
    };
    let state = |outputs: &[crate::master::Output]| operation_statuses(outputs)[0].state();
    assert_eq!(state(&world.call(&stream, ask()).1), OperationState::OperationPending);
    let status = v1::OperationStatus {
        operation_id: id,
        state: OperationState::OperationFinished.into(),
        uuid: Some(v1::Uuid { value: uuid(3) }),
        agent_id: Some(agent.clone()),
        ..Default::default()
    };
    let finished =
        ToMaster::OperationUpdate { operation: operation.clone(), framework_id, status: Box::new(status) };
    assert_eq!(state(&world.say(LINK, finished)), OperationState::OperationFinished);
    let body = call::AcknowledgeOperationStatus {
        agent_id: Some(agent.clone()),
        uuid: uuid(3),
        operation_id: v1::OperationId { value: "op".to_owned() },
        ..Default::default()
    };
    let acknowledge =
        scheduler::Call { acknowledge_operation_status: Some(body), ..of(Type::AcknowledgeOperationStatus) };
    let (_, outputs) = world.call(&stream, by(&framework, acknowledge));
    assert_eq!(to_agent(&outputs), [ToAgent::AcknowledgeOperation { operation, status: uuid(3) }]);
    assert_eq!(state(&world.call(&stream, ask()).1), OperationState::OperationUnknown);
}

#[test]
fn an_operator_takes_offers_back_when_he_needs_them() {
    let mut world = World::new();
    let agent = world.agent(LINK, "cpus:4;mem:1024;disk:1000");
    let (_, _) = world.subscribe(info("r", &MODERN));
    let mut apply = |operation: Operation| {
        let change = Box::new(Change::Apply { agent: agent.clone(), operation: Box::new(operation) });
        let outputs = world.give(Input::Operator { ticket: Ticket(1), change });
        (super::world::answer(&outputs).status, super::world::kinds(&outputs).len())
    };
    assert_eq!(apply(reserve(None, reserved("disk:10"))), (202, 1));
    assert_eq!(apply(reserve(None, reserved("disk:10000"))).0, 409);
    assert_eq!(apply(create(None, vec![volume(10.0, "v")])).0, 202);
    assert_eq!(apply(create(None, vec![volume(10.0, "v")])).0, 400);
    let unreserve = operation::Unreserve { resources: reserved("disk:10") };
    let unreserve = Operation {
        r#type: Some(operation::Type::Unreserve.into()),
        unreserve: Some(unreserve),
        ..Default::default()
    };
    assert_eq!(apply(unreserve.clone()).0, 409, "a volume sits on it");
    let destroy = operation::Destroy { volumes: vec![volume(10.0, "v")] };
    let destroy = Operation {
        r#type: Some(operation::Type::Destroy.into()),
        destroy: Some(destroy),
        ..Default::default()
    };
    assert_eq!(apply(destroy.clone()).0, 202);
    assert_eq!(apply(destroy).0, 400);
    assert_eq!(apply(unreserve).0, 202);
}
