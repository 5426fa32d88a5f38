//! Who may acknowledge a status update, and which: the core alone, in the effects of the very event that brought it, so
//! that the shell has stored what the update says before the ACKNOWLEDGE leaves.

use mesos::v1::{self, scheduler::call};

/// The acknowledgement an update asks for; made only from an update with a uuid (mesos-v1-http 5.1).
pub fn of(status: &v1::TaskStatus) -> Option<v1::scheduler::Call> {
    let uuid = status.uuid.clone()?;
    let agent_id = status.agent_id.clone()?;
    Some(v1::scheduler::Call {
        r#type: Some(call::Type::Acknowledge.into()),
        acknowledge: Some(call::Acknowledge { agent_id, task_id: status.task_id.clone(), uuid }),
        ..Default::default()
    })
}
