//! What a person sees of a cluster that comes up: one line for each broker. Pure.

use api::rest::{Block, Broker, Plan, Status, TaskState};

/// One line about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub name: String,
    /// How far it is.
    pub step: Step,
    /// Detail; may be empty.
    pub detail: String,
}

/// How far something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing happened yet.
    Waiting,
    /// It has an agent.
    Placed,
    /// It comes up.
    Starting,
    /// It serves.
    Running,
    /// It serves and nothing is left to do.
    Done,
    /// It is there and has nothing to run.
    Found,
}

impl Step {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Placed => "placed",
            Self::Starting => "starting",
            Self::Running | Self::Done => "running",
            Self::Found => "found",
        }
    }
}

/// The line of one block; `broker` is what the API says of its broker, where it says anything.
pub fn line(block: &Block, broker: Option<&Broker>) -> Line {
    let name = block.name.clone();
    let waiting = || block.waiting.as_ref().map(|wait| wait.message.clone()).unwrap_or_default();
    let line = |step, detail| Line { name: name.clone(), step, detail };
    let Some(broker) = broker else {
        let step = if block.status == Status::Complete { Step::Done } else { Step::Waiting };
        return line(step, waiting());
    };
    let at = match (&broker.host, broker.port) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        _ => String::new(),
    };
    match broker.task_state {
        None => line(Step::Waiting, waiting()),
        Some(TaskState::Launching) => line(Step::Placed, if at.is_empty() { at } else { format!("at {at}") }),
        Some(TaskState::Starting) => line(Step::Starting, broker.message.clone()),
        Some(TaskState::Running) if block.status == Status::Complete => {
            line(Step::Done, format!("serves at {at}"))
        }
        Some(TaskState::Running) => line(Step::Running, join(&format!("serves at {at}"), &waiting())),
        Some(TaskState::Stopping) => line(Step::Waiting, join("stopping", &broker.message)),
        Some(TaskState::Unreachable) => line(Step::Waiting, join("unreachable", &broker.message)),
        Some(TaskState::Ended) => line(Step::Waiting, join(&join("ended", &broker.message), &waiting())),
    }
}

fn join(first: &str, second: &str) -> String {
    match (first, second) {
        (first, "") => first.to_owned(),
        ("", second) => second.to_owned(),
        (first, second) => format!("{first}; {second}"),
    }
}

/// Whether Mesos has said yet what runs: until then a scheduler only knows what ran when it last looked.
pub fn reconciled(plan: &Plan) -> bool {
    plan.phases
        .iter()
        .flat_map(|phase| &phase.blocks)
        .all(|block| block.name != "Reconciliation" || block.status == Status::Complete)
}

/// The blocks that are about brokers, with their ids.
pub fn brokers(plan: &Plan) -> impl Iterator<Item = (&str, &Block)> {
    plan.phases
        .iter()
        .flat_map(|phase| &phase.blocks)
        .filter_map(|block| Some((block.name.strip_prefix("broker-")?, block)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use api::{
        ids::BrokerId,
        rest::{BrokerHealth, Phase, Wait, WaitReason},
    };
    use uuid::Uuid;

    use super::*;

    fn block(status: Status, waiting: Option<&str>) -> Block {
        Block {
            has_decision_point: false,
            id: Uuid::nil(),
            message: String::new(),
            name: "broker-1".to_owned(),
            status,
            waiting: waiting.map(|text| Wait::new(WaitReason::Offer, text)),
        }
    }

    fn broker(state: Option<TaskState>, message: &str) -> Broker {
        Broker {
            agent: None,
            config_id: None,
            generation: 0,
            health: BrokerHealth::Unknown,
            host: state.map(|_| "127.0.0.1".to_owned()),
            id: BrokerId(1),
            message: message.to_owned(),
            port: state.map(|_| 9093),
            task_id: None,
            task_state: state,
            waiting: None,
        }
    }

    // Issue 3: then each broker: placed, starting, running.
    #[test]
    fn a_broker_comes_up_step_by_step() {
        let pending = block(Status::Pending, Some("no offer yet"));
        let active = block(Status::InProgress, None);
        let complete = block(Status::Complete, None);
        for (block, state, message, expected) in [
            (&pending, None, "", "waiting no offer yet"),
            (&active, Some(TaskState::Launching), "", "placed at 127.0.0.1:9093"),
            (&active, Some(TaskState::Starting), "log recovery 41 %", "starting log recovery 41 %"),
            (&active, Some(TaskState::Running), "", "running serves at 127.0.0.1:9093"),
            (&complete, Some(TaskState::Running), "", "running serves at 127.0.0.1:9093"),
            (&pending, Some(TaskState::Ended), "exit code 1", "waiting ended; exit code 1; no offer yet"),
        ] {
            let line = line(block, Some(&broker(state, message)));
            assert_eq!(format!("{} {}", line.step.word(), line.detail), expected);
            assert_eq!(line.name, "broker-1");
        }
        assert_eq!(line(&pending, None).detail, "no offer yet");
        assert_eq!(line(&complete, None).step, Step::Done);
        let running = broker(Some(TaskState::Running), "");
        // It serves before its block is complete: partitions may still be catching up (D18).
        assert_eq!(line(&active, Some(&running)).step, Step::Running);
        assert_eq!(line(&complete, Some(&running)).step, Step::Done);
    }

    #[test]
    fn only_broker_blocks_are_brokers() {
        let mut reconciliation = block(Status::Complete, None);
        reconciliation.name = "Reconciliation".to_owned();
        let phase = |blocks| Phase { blocks, id: Uuid::nil(), name: String::new(), status: Status::Complete };
        let plan = Plan {
            errors: Vec::new(),
            phases: vec![phase(vec![reconciliation]), phase(vec![block(Status::Complete, None)])],
            status: Status::Complete,
        };
        assert_eq!(brokers(&plan).map(|(id, _)| id).collect::<Vec<_>>(), ["1"]);
        assert!(reconciled(&plan));
        let mut plan = plan;
        plan.phases[0].blocks[0].status = Status::InProgress;
        assert!(!reconciled(&plan));
    }
}
