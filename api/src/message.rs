//! What scheduler and executor say to each other in MESSAGE, as JSON: opaque to Mesos, best effort on the way, so whoever
//! needs an answer says it again.
//!
//! `kind` names the message; a reader passes over a kind it does not know, and says so.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ids::TaskId, incident::Incident, launch::LaunchContract};

/// From the scheduler to an executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ToExecutor {
    /// Restart the JVM in the same task, with this contract (D31). Said again until a TASK_RUNNING names its `config_id`
    /// and `generation`; an executor that runs them already, or is about to, changes nothing.
    Restart {
        /// The task it is meant for: another one is not touched.
        task: TaskId,
        /// What is to run.
        contract: Box<LaunchContract>,
    },
    /// An incident is stored (D45): it need not be sent again.
    IncidentStored {
        /// Which.
        id: Uuid,
    },
}

/// From an executor to the scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ToScheduler {
    /// An end of the JVM, whole (D45). Said again until it is stored.
    Incident(Box<Incident>),
    /// A restart in place is not possible; the JVM goes on as it was.
    RestartRefused {
        /// Whose.
        task: TaskId,
        /// The configuration that was to run.
        config_id: Uuid,
        /// The restart generation that was to run.
        generation: u64,
        /// Why not, for the operator.
        reason: String,
    },
}
