//! Whether an operation on resources is allowed (mesos-v1-http §4.3), and its feedback (§4.4). The arithmetic is in
//! [`mesos::resource::operation`].

use std::collections::BTreeSet;

use mesos::{
    resource::{Resources, identity, validate as resource},
    v1::{
        self, OperationState,
        offer::{Operation, operation::Type},
        scheduler::call,
    },
};

use super::{
    Master,
    validate::{Refusal, refuse},
};
use crate::link::ToAgent;

/// Who asks for an operation.
pub(super) struct Caller<'a> {
    /// The framework's principal. Without one, reservations and volumes may name any.
    pub(super) principal: Option<&'a str>,
    /// The role of the accepted offers; none for an operator.
    pub(super) role: Option<&'a str>,
}

/// Whether an operation in this state has ended for good.
pub(super) fn is_terminal(state: OperationState) -> bool {
    use OperationState::*;
    match state {
        OperationFinished | OperationFailed | OperationError | OperationDropped | OperationGoneByOperator => {
            true
        }
        OperationUnsupported | OperationPending | OperationUnreachable | OperationRecovering
        | OperationUnknown => false,
    }
}

/// The record of an operation whose end is awaited.
pub(super) fn pending(
    uuid: &[u8],
    framework_id: Option<v1::FrameworkId>,
    agent_id: v1::AgentId,
    id: Option<v1::OperationId>,
    operation: Operation,
) -> v1::Operation {
    let latest_status = v1::OperationStatus {
        operation_id: id.clone(),
        state: OperationState::OperationPending.into(),
        agent_id: Some(agent_id.clone()),
        ..Default::default()
    };
    v1::Operation {
        framework_id,
        agent_id: Some(agent_id),
        info: Operation { id, ..operation },
        latest_status: latest_status.clone(),
        statuses: vec![latest_status],
        uuid: v1::Uuid { value: uuid.to_vec() },
    }
}

/// A status the master makes itself: no uuid, not acknowledged.
pub(super) fn status(operation: &v1::Operation, state: OperationState) -> v1::OperationStatus {
    v1::OperationStatus {
        operation_id: operation.info.id.clone(),
        state: state.into(),
        agent_id: operation.agent_id.clone(),
        ..Default::default()
    }
}

/// The operation in post-format and without allocation. An allocation that is given must be to the offers' role; an
/// operator gives none.
pub(super) fn plain(operation: &Operation, role: Option<&str>) -> Result<Operation, Refusal> {
    let mut plain = operation.clone();
    plain.id = None;
    for it in resources_of(&mut plain) {
        if let Some(allocated) = it.allocation_info.take() {
            match role {
                None => {
                    return refuse(
                        "An operation was attempted with an allocated resource, but operators work on unallocated resources only",
                    );
                }
                Some(role) if allocated.role() != role => {
                    return refuse(format!(
                        "A resource is allocated to role '{}', but the offer is to '{role}'",
                        allocated.role()
                    ));
                }
                Some(_) => {}
            }
        }
        *it = resource::one(it.clone())
            .map_err(|why| Refusal(format!("Operation attempted with invalid resources: {}", chain(&why))))?;
    }
    Ok(plain)
}

fn resources_of(operation: &mut Operation) -> Vec<&mut v1::Resource> {
    let Operation { reserve, unreserve, create, destroy, grow_volume, shrink_volume, .. } = operation;
    let lists = [
        reserve.as_mut().map(|it| &mut it.resources),
        unreserve.as_mut().map(|it| &mut it.resources),
        create.as_mut().map(|it| &mut it.volumes),
        destroy.as_mut().map(|it| &mut it.volumes),
    ];
    let mut all: Vec<&mut v1::Resource> = lists.into_iter().flatten().flatten().collect();
    if let Some(grow) = grow_volume {
        all.extend([&mut grow.volume, &mut grow.addition]);
    }
    if let Some(shrink) = shrink_volume {
        all.push(&mut shrink.volume);
    }
    all
}

/// Whether the caller may do this on an agent that has `total`, of which `used` is in use. Whether enough is free is
/// not tested here.
pub(super) fn check(
    operation: &Operation,
    caller: &Caller<'_>,
    total: &Resources,
    used: &Resources,
) -> Result<(), Refusal> {
    let empty = || refuse("Invalid resources: the operation has none");
    match operation.r#type() {
        Type::Reserve => match &operation.reserve {
            Some(reserve) if !reserve.source.is_empty() => {
                refuse("'reserve.source' is for operators; this embedded master does not support it")
            }
            Some(reserve) if !reserve.resources.is_empty() => {
                reserve.resources.iter().try_for_each(|it| check_reserve(it, caller))
            }
            _ => empty(),
        },
        Type::Unreserve => match &operation.unreserve {
            Some(unreserve) if !unreserve.resources.is_empty() => unreserve.resources.iter().try_for_each(|it| {
                if identity::is_volume(it) {
                    return refuse(
                        "A dynamically reserved persistent volume cannot be unreserved directly. Please destroy the \
                         persistent volume first then unreserve the resource",
                    );
                }
                check_dynamic(it)
            }),
            _ => empty(),
        },
        Type::Create => match &operation.create {
            Some(create) if !create.volumes.is_empty() => check_create(&create.volumes, caller, total),
            _ => empty(),
        },
        Type::Destroy => match &operation.destroy {
            Some(destroy) if !destroy.volumes.is_empty() => {
                destroy.volumes.iter().try_for_each(|it| check_volume(it, total, used))
            }
            _ => empty(),
        },
        Type::GrowVolume => match &operation.grow_volume {
            Some(grow) => check_volume(&grow.volume, total, used),
            None => empty(),
        },
        Type::ShrinkVolume => match &operation.shrink_volume {
            Some(shrink) => check_volume(&shrink.volume, total, used),
            None => empty(),
        },
        other => refuse(format!("{} changes no resources", other.as_str_name())),
    }
}

fn check_dynamic(it: &v1::Resource) -> Result<(), Refusal> {
    if identity::is_dynamically_reserved(it) {
        return Ok(());
    }
    refuse(format!("Resource {} is not dynamically reserved", it.name))
}

fn check_reserve(it: &v1::Resource, caller: &Caller<'_>) -> Result<(), Refusal> {
    check_dynamic(it)?;
    if it.revocable.is_some() {
        return refuse(format!("Resource {} is revocable and cannot be reserved", it.name));
    }
    let role = identity::reservation_role(it);
    if role == "*" {
        return refuse("Invalid reservation: role \"*\" cannot be reserved");
    }
    if let Some(offered) = caller.role.filter(|offered| *offered != role) {
        return refuse(format!(
            "A reserve operation was attempted for a resource with role '{role}', but the resource was allocated to role \
             '{offered}'"
        ));
    }
    let given = it.reservations.last().and_then(|last| last.principal.as_deref());
    match (caller.principal, given) {
        (Some(own), None) => refuse(format!(
            "A reserve operation was attempted by principal '{own}', but there is a reserved resource in the request with \
             no principal set"
        )),
        (Some(own), Some(given)) if own != given => refuse(format!(
            "A reserve operation was attempted by authenticated principal '{own}', which does not match a reserved \
             resource in the request with principal '{given}'"
        )),
        _ => Ok(()),
    }
}

fn check_create(volumes: &[v1::Resource], caller: &Caller<'_>, total: &Resources) -> Result<(), Refusal> {
    let mut ids: BTreeSet<(String, String)> = total.iter().filter_map(volume_key).collect();
    for it in volumes {
        let Some(key) = volume_key(it) else {
            return refuse(format!("Not a persistent volume: {}", it.name));
        };
        if !identity::is_reserved(it) {
            return refuse("Persistent volumes cannot be created from unreserved resources");
        }
        if it.revocable.is_some() {
            return refuse("Persistent volumes cannot be created from revocable resources");
        }
        if it.shared.is_some() {
            return refuse("Shared persistent volumes are not supported by this embedded master");
        }
        super::validate::id(&key.1)
            .map_err(|why| Refusal(format!("Invalid persistence ID for persistent volume: {why}")))?;
        let disk = it.disk.clone().unwrap_or_default();
        let Some(volume) = disk.volume else {
            return refuse("Expecting 'volume' to be set for persistent volume");
        };
        if volume.host_path.is_some() || volume.image.is_some() || volume.source.is_some() {
            return refuse("Expecting 'host_path', 'image' and 'source' to be unset for persistent volume");
        }
        if volume.mode() != v1::volume::Mode::Rw {
            return refuse("Not a persistent volume: Read-only persistent volume not supported");
        }
        let given = disk.persistence.and_then(|persistence| persistence.principal);
        if let Some(own) = caller.principal.filter(|own| given.as_deref() != Some(*own)) {
            return refuse(format!(
                "Create volume operation attempted by authenticated principal '{own}', which does not match a volume in \
                 the operation with principal '{}' set in 'disk.persistence'",
                given.unwrap_or_default()
            ));
        }
        if !ids.insert(key.clone()) {
            return refuse(format!("Persistence ID '{}' is not unique", key.1));
        }
    }
    Ok(())
}

/// What makes a volume unique on an agent: its role and persistence id.
fn volume_key(it: &v1::Resource) -> Option<(String, String)> {
    Some((identity::reservation_role(it).to_owned(), identity::persistence_id(it)?.to_owned()))
}

fn check_volume(it: &v1::Resource, total: &Resources, used: &Resources) -> Result<(), Refusal> {
    if !identity::is_volume(it) || !total.contains_one(it) {
        return refuse("Persistent volumes not found");
    }
    if used.contains_one(it) {
        return refuse("Persistent volumes in use");
    }
    Ok(())
}

/// An error with its sources, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(&format!(": {error}"));
        next = error.source();
    }
    text
}

impl Master {
    /// An operation's status from the agent: recorded and forwarded; the agent repeats it until acknowledged.
    pub(super) fn operation_update(
        &mut self,
        agent: &str,
        uuid: &[u8],
        framework: Option<&v1::FrameworkId>,
        status: v1::OperationStatus,
    ) {
        if let Some(operation) = self.agents.get_mut(agent).and_then(|agent| agent.operations.get_mut(uuid)) {
            if operation.latest_status.uuid != status.uuid {
                operation.statuses.push(status.clone());
            }
            operation.latest_status = status.clone();
        }
        if let Some(framework) = framework {
            // The real master reports no converted resources for RESERVE, UNRESERVE, CREATE and DESTROY.
            self.send_operation(
                &framework.value,
                v1::OperationStatus { converted_resources: Vec::new(), ..status },
            );
        }
    }

    /// ACKNOWLEDGE_OPERATION_STATUS: passed on; an ended operation is forgotten.
    pub(super) fn acknowledge_operation(
        &mut self,
        framework: &str,
        acknowledge: call::AcknowledgeOperationStatus,
    ) {
        let Some(agent_id) = acknowledge.agent_id else { return };
        let Some(agent) = self.agents.get_mut(&agent_id.value).filter(|agent| agent.link.is_some()) else {
            return;
        };
        let found = agent.operations.iter().find(|(_, it)| {
            it.info.id.as_ref() == Some(&acknowledge.operation_id)
                && it.framework_id.as_ref().is_some_and(|id| id.value == framework)
                && it.latest_status.uuid.as_ref().is_some_and(|uuid| uuid.value == acknowledge.uuid)
        });
        let Some((uuid, ended)) =
            found.map(|(uuid, it)| (uuid.clone(), is_terminal(it.latest_status.state())))
        else {
            return;
        };
        if ended {
            agent.operations.remove(&uuid);
        }
        let status = acknowledge.uuid.to_vec();
        self.tell(&agent_id.value, ToAgent::AcknowledgeOperation { operation: uuid, status });
    }
}
