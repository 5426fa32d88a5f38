//! Incidents (D45): executors tell how their JVMs ended, whole and short; sandboxes keep it.

use api::{
    ids::TaskId,
    incident::{Cause, End, Incident},
    message::ToScheduler,
};
use scheduler::event::{Event, Timestamp};
use uuid::Uuid;

use super::{World, restarts};

impl World {
    /// The JVM of this executor has ended: it is told in MESSAGE, and the short form waits for the terminal update.
    pub(super) fn tell_incident(&mut self, node: usize, container: &str, asked: bool) {
        let id = {
            use rand::RngExt as _;
            uuid::Builder::from_random_bytes(self.chance.rng.random()).into_uuid()
        };
        let executor = restarts::executor_of(self, node, container);
        let Some(task) = executor.task_id().and_then(|id| id.parse().ok()) else { return };
        let runs = executor.runs;
        let whole = incident(id, task, self.now, asked, runs);
        let short = Incident { stdout: Vec::new(), whole: false, ..whole.clone() };
        restarts::executor_of(self, node, container).data = serde_json::to_vec(&short).ok();
        self.incidents.insert(id, whole.clone());
        // Said again until it is stored, or the executor has left.
        let times = 1 + self.chance.pick(2);
        for _ in 0..times {
            if !self.happens(|rates| rates.message_lost) {
                self.executor_says(node, container, &ToScheduler::Incident(Box::new(whole.clone())));
            }
        }
    }

    /// What the core wants out of a sandbox, it gets, unless the agent is away.
    pub(super) fn read_sandbox(&mut self) {
        let wanted = self.process.core.as_ref().and_then(|core| core.wants_incident(Timestamp(self.now)));
        let Some(fetch) = wanted else { return };
        let away = self.happens(|rates| rates.kafka_silent);
        let result = match self.incidents.get(&fetch.id) {
            Some(incident) if !away => Ok(Box::new(incident.clone())),
            _ => Err("the agent is away".to_owned()),
        };
        self.core_takes(Event::Fetched { id: fetch.id, result });
    }
}

fn incident(id: Uuid, task: TaskId, at: u64, asked: bool, (config_id, generation): (Uuid, u64)) -> Incident {
    Incident {
        asked: asked.then(|| "killed as asked".to_owned()),
        at,
        broker: task.broker,
        cause: if asked { Cause::Asked } else { Cause::Killed },
        config_id: Some(config_id),
        crash: None,
        disks: Vec::new(),
        end: if asked { End::Code(143) } else { End::Signal(9) },
        generation,
        id,
        memory: None,
        stderr: Vec::new(),
        stdout: vec!["the last line".to_owned()],
        summary: "it ended".to_owned(),
        task,
        uptime_ms: 5,
        whole: true,
    }
}
