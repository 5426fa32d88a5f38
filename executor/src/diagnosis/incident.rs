//! Evidence and diagnosis → the incident that is told (D45).

use std::time::Duration;

use api::{
    ids::TaskId,
    incident::{Cause, End, Incident, WHOLE_LIMIT},
};
use uuid::Uuid;

use super::{Diagnosis, Evidence};
use crate::supervisor::How;

/// What the supervisor knows of a JVM that has ended.
#[derive(Clone, Debug)]
pub struct Life {
    /// In which task it ran.
    pub task: TaskId,
    /// For how long.
    pub uptime: Duration,
    /// What it ran.
    pub config_id: Option<Uuid>,
    /// The restart generation.
    pub generation: u64,
    /// Why it was to end, if anybody wanted it.
    pub asked: Option<String>,
}

/// The incident of one end. `report`: the whole story in one line.
pub fn incident(life: Life, how: How, diagnosis: &Diagnosis, report: String, evidence: Evidence) -> Incident {
    // An orderly stop has no story to tell.
    let orderly = diagnosis.cause == Cause::Asked && matches!(how, How::Code(0 | super::TERMINATED));
    let told = |lines: Vec<String>| if orderly { Vec::new() } else { lines };
    let incident = Incident {
        asked: life.asked,
        at: evidence.at,
        broker: life.task.broker,
        cause: diagnosis.cause,
        config_id: life.config_id,
        crash: evidence.crash,
        disks: evidence.disks,
        end: match how {
            How::Code(code) => End::Code(code),
            How::Signal(number) => End::Signal(number),
        },
        generation: life.generation,
        id: evidence.id,
        memory: evidence.memory,
        stderr: told(evidence.stderr),
        stdout: told(evidence.stdout),
        summary: report,
        task: life.task,
        uptime_ms: u64::try_from(life.uptime.as_millis()).unwrap_or(u64::MAX),
        whole: true,
    };
    incident.within(WHOLE_LIMIT)
}
