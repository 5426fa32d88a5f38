//! Restarts in place: the MESSAGE that asks for one, repeated until its executor says what runs (D31). A MESSAGE is best
//! effort on every hop (mesos-v1-http 5.3), and one that arrives twice changes nothing.
//!
//! Not stored: which restart is under way is, with the task, and asking again does no harm.

use std::collections::BTreeMap;

use api::{ids::TaskId, launch::LaunchContract, message::ToExecutor};
use mesos::v1::{self, scheduler::call};

use crate::event::Timestamp;

/// First repeat.
const REPEAT_MS: u64 = 5_000;
/// Slowest repeat.
const REPEAT_CAP_MS: u64 = 60_000;
/// An executor whose broker runs on as it was for so long, after so many requests, does not know what is asked of it: it is
/// of an older version. Longer than Mesos takes to see that an agent is away (75 s): its executor may have done it, unheard.
const SILENT_MS: u64 = 120_000;
const SILENT_TRIES: u32 = 4;

/// The restarts that were asked for on this subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restarts(BTreeMap<TaskId, Asked>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    generation: u64,
    tries: u32,
    first_at: Timestamp,
    next_at: Timestamp,
}

impl Restarts {
    /// A new subscription: what was sent before may be lost.
    pub fn resend(&mut self) {
        self.0.clear();
    }

    /// Forgets all but these.
    pub fn retain(&mut self, wanted: impl Fn(TaskId) -> bool) {
        self.0.retain(|id, _| wanted(*id));
    }

    /// Whether the restart of this task to `generation` is to be asked for now; then it counts as asked for.
    pub fn is_due(&mut self, id: TaskId, generation: u64, now: Timestamp) -> bool {
        let fresh = Asked { generation, tries: 0, first_at: now, next_at: now };
        let asked = self.0.entry(id).or_insert_with(|| fresh.clone());
        if asked.generation != generation {
            *asked = fresh;
        }
        if now < asked.next_at {
            return false;
        }
        asked.next_at = now.plus((REPEAT_MS << asked.tries.min(4)).min(REPEAT_CAP_MS));
        asked.tries += 1;
        true
    }

    /// How often it was asked for, where its executor gives no sign of having heard, although its broker has served since
    /// `serving`.
    pub fn silent(&self, id: TaskId, generation: u64, serving: Timestamp, now: Timestamp) -> Option<u32> {
        let asked = self.0.get(&id).filter(|asked| asked.generation == generation)?;
        let since = asked.first_at.max(serving);
        (asked.tries >= SILENT_TRIES && now.since(since) >= SILENT_MS).then_some(asked.tries)
    }
}

/// The MESSAGE that asks for it. An executor's id is its task's (see `launch`).
pub fn message(id: TaskId, agent_id: String, contract: LaunchContract) -> v1::scheduler::Call {
    let said = ToExecutor::Restart { task: id, contract: Box::new(contract) };
    // Proof: the contract's maps have text keys and nothing in it fails to serialise.
    let data = serde_json::to_vec(&said).unwrap_or_default();
    v1::scheduler::Call {
        r#type: Some(call::Type::Message.into()),
        message: Some(call::Message {
            agent_id: v1::AgentId { value: agent_id },
            executor_id: v1::ExecutorId { value: id.to_string() },
            data,
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use api::ids::BrokerId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_restart_is_asked_for_again_and_again_and_then_silence_is_an_answer() {
        let id = TaskId { broker: BrokerId(1), uuid: Uuid::nil() };
        let mut restarts = Restarts::default();
        let at = |second: u64| Timestamp(second * 1000);
        let asked: Vec<u64> = (0..140).filter(|second| restarts.is_due(id, 3, at(*second))).collect();
        assert_eq!(asked, [0, 5, 15, 35, 75, 135]);
        assert_eq!(restarts.silent(id, 3, at(0), at(119)), None);
        assert_eq!(restarts.silent(id, 3, at(0), at(120)), Some(6));
        assert_eq!(restarts.silent(id, 3, at(30), at(140)), None, "it came back since, perhaps by our word");
        assert_eq!(restarts.silent(id, 4, at(0), at(140)), None);
        assert!(restarts.is_due(id, 4, at(140)), "another restart begins anew");
        assert_eq!(restarts.silent(id, 4, at(0), at(600)), None);
        restarts.resend();
        assert!(restarts.is_due(id, 4, at(141)));
        restarts.retain(|_| false);
        assert_eq!(restarts, Restarts::default());
    }
}
