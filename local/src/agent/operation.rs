//! Reservations and volumes: applied to what the agent has, kept, and confirmed until the framework has heard (§4.4).
use std::collections::BTreeMap;
use std::time::Duration;

use mesos::resource::operation::{Unsound, conversions};
use mesos::resource::{Resources, identity};
use mesos::v1;
use mesos::v1::OperationState;

use super::{Agent, Checkpoint, Output, StoredOperation, Time, layout};
use crate::link::{RawUuid, ToMaster};

/// Operations whose status is not acknowledged, by the master's id.
#[derive(Debug, Default)]
pub(super) struct Operations(BTreeMap<RawUuid, Waiting>);

#[derive(Debug)]
struct Waiting {
    operation: v1::Operation,
    pause: Duration,
    resend_at: Time,
}

impl Operations {
    pub(super) fn next_due(&self) -> Option<Time> {
        self.0.values().map(|waiting| waiting.resend_at).min()
    }

    pub(super) fn insert(&mut self, operation: v1::Operation, pause: Duration, now: Time) {
        self.0.insert(operation.uuid.value.clone(), Waiting { operation, pause, resend_at: now });
    }

    /// All of them, as views and the master have them.
    pub(super) fn all(&self) -> Vec<v1::Operation> {
        self.0.values().map(|waiting| waiting.operation.clone()).collect()
    }

    /// Makes all of them due, with the first pause again.
    pub(super) fn resume(&mut self, pause: Duration, now: Time) {
        for waiting in self.0.values_mut() {
            (waiting.pause, waiting.resend_at) = (pause, now);
        }
    }
}

impl Agent {
    pub(super) fn apply(
        &mut self,
        uuid: RawUuid,
        id: Option<v1::OperationId>,
        framework_id: Option<v1::FrameworkId>,
        info: v1::offer::Operation,
    ) {
        if self.operations.0.contains_key(&uuid) {
            return self.log("an operation ignored: it was applied before");
        }
        let applied = self.convert(&info);
        let (state, message) = match &applied {
            Ok(()) => (OperationState::OperationFinished, None),
            Err(error) => (OperationState::OperationError, Some(error.to_string())),
        };
        if let Err(error) = applied {
            self.log(format!("operation {} refused: {error}", info.r#type().as_str_name()));
            let resources = self.total.to_vec();
            self.out.push(Output::Send(ToMaster::Resources { resources }));
        }
        if id.is_some() {
            let status = v1::OperationStatus {
                operation_id: id,
                state: state.into(),
                message,
                uuid: Some(v1::Uuid { value: self.fresh_uuid().as_bytes().to_vec() }),
                agent_id: Some(self.agent_id()),
                ..Default::default()
            };
            let operation = v1::Operation {
                framework_id,
                agent_id: Some(self.agent_id()),
                info,
                latest_status: status.clone(),
                statuses: vec![status],
                uuid: v1::Uuid { value: uuid },
            };
            self.operations.insert(operation, self.options.status_update_retry, self.now);
        }
        // Also what has no id: the reservation itself must be on disk before anybody relies on it.
        self.checkpoint_resources();
        if self.membership.is_connected() {
            self.resend_operations();
        }
    }

    /// Applies an operation to what the agent has, with its volumes: all of it or nothing.
    fn convert(&mut self, info: &v1::offer::Operation) -> Result<(), Unsound> {
        let (mut total, mut made, mut gone) = (self.total.clone(), Resources::new(), Resources::new());
        for conversion in conversions(info)? {
            let (consumed, converted) =
                (conversion.consumed.unallocated(), conversion.converted.unallocated());
            total.subtract(&consumed)?;
            total.add_all(&converted);
            made.add_all(&converted.volumes());
            gone.add_all(&consumed.volumes());
        }
        self.total = total;
        let known = |all: &Resources, volume: &v1::Resource| {
            all.iter().any(|other| identity::persistence_id(other) == identity::persistence_id(volume))
        };
        for volume in made.iter().filter(|volume| !known(&gone, volume)) {
            if let Some((path, _)) = layout::volume(&self.options.work_dir, volume) {
                self.out.push(Output::CreateVolume(path));
            }
        }
        for volume in gone.iter().filter(|volume| !known(&made, volume)) {
            if let Some((path, keep_root)) = layout::volume(&self.options.work_dir, volume) {
                self.out.push(Output::DestroyVolume { path, keep_root });
            }
        }
        Ok(())
    }

    fn checkpoint_resources(&mut self) {
        let kept = self.total.filter(|r| identity::is_dynamically_reserved(r) || identity::is_volume(r));
        let operations =
            self.operations.all().into_iter().map(|operation| StoredOperation { operation }).collect();
        let resources = kept.to_vec();
        self.out.push(Output::Checkpoint(Checkpoint::Resources { resources, operations }));
    }

    /// Sends every status that is due.
    pub(super) fn resend_operations(&mut self) {
        let longest = self.options.status_update_retry_max;
        for (uuid, waiting) in
            self.operations.0.iter_mut().filter(|(_, waiting)| waiting.resend_at <= self.now)
        {
            waiting.resend_at = self.now + waiting.pause;
            waiting.pause = (waiting.pause * 2).min(longest);
            self.out.push(Output::Send(ToMaster::OperationUpdate {
                operation: uuid.clone(),
                framework_id: waiting.operation.framework_id.clone(),
                status: Box::new(waiting.operation.latest_status.clone()),
            }));
        }
    }

    pub(super) fn operation_acknowledged(&mut self, operation: &RawUuid, status: &RawUuid) {
        let fits = self.operations.0.get(operation).is_some_and(|waiting| {
            waiting.operation.latest_status.uuid.as_ref().is_some_and(|uuid| uuid.value == *status)
        });
        if fits {
            self.operations.0.remove(operation);
            self.checkpoint_resources();
        } else {
            self.log("acknowledgement of an operation ignored: it names no outstanding status");
        }
    }
}
