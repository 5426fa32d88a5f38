//! An incident: what is known of one end of a broker's JVM (D45).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{BrokerId, TaskId};

/// One end of a JVM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its own id.
    pub id: Uuid,
    /// Whose JVM it was.
    pub broker: BrokerId,
    /// In which task.
    pub task: TaskId,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What happened, in one line.
    pub summary: String,
}
