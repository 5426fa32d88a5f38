//! Kills, repeated until Mesos says dead or unknown: a single KILL is best effort (mesos-v1-http 5.3).
//!
//! A task that is its broker's has the grace of its TaskInfo. One that is nobody's has none: another may run in its place, and
//! two JVMs of one broker never serve.
//!
//! Not stored: a task that must end and still runs is found again by the next reconciliation.

use std::collections::BTreeMap;

use api::ids::TaskId;
use mesos::v1::{self, scheduler::call};

use crate::event::Timestamp;

/// First repeat.
const REPEAT_MS: u64 = 5_000;
/// Slowest repeat.
const REPEAT_CAP_MS: u64 = 60_000;

/// The tasks that must end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kills(BTreeMap<TaskId, Kill>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kill {
    agent_id: Option<String>,
    grace: Grace,
    tries: u32,
    next_at: Timestamp,
}

/// How long a broker may take to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// As long as its TaskInfo says (D36).
    Task,
    /// No time at all.
    Zero,
}

impl Kills {
    /// This task must end; the first KILL is due at once. Saying so again changes nothing.
    pub fn add(&mut self, id: TaskId, agent_id: Option<String>, grace: Grace, now: Timestamp) {
        self.0.entry(id).or_insert(Kill { agent_id, grace, tries: 0, next_at: now });
    }

    /// Mesos says that it is dead or unknown.
    pub fn done(&mut self, id: TaskId) {
        self.0.remove(&id);
    }

    /// A new subscription: what was sent before may be lost.
    pub fn resend(&mut self, now: Timestamp) {
        for kill in self.0.values_mut() {
            kill.tries = 0;
            kill.next_at = now;
        }
    }

    /// The KILL calls that are due.
    pub fn due(&mut self, now: Timestamp) -> Vec<v1::scheduler::Call> {
        let due = self.0.iter_mut().filter(|(_, kill)| kill.next_at <= now);
        due.map(|(id, kill)| {
            kill.next_at = now.plus((REPEAT_MS << kill.tries.min(4)).min(REPEAT_CAP_MS));
            kill.tries += 1;
            v1::scheduler::Call {
                r#type: Some(call::Type::Kill.into()),
                kill: Some(call::Kill {
                    task_id: v1::TaskId { value: id.to_string() },
                    agent_id: kill.agent_id.clone().map(|value| v1::AgentId { value }),
                    kill_policy: match kill.grace {
                        Grace::Task => None,
                        Grace::Zero => {
                            Some(v1::KillPolicy { grace_period: Some(v1::DurationInfo { nanoseconds: 0 }) })
                        }
                    },
                }),
                ..Default::default()
            }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use api::ids::BrokerId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_kill_is_repeated_until_done() {
        let id = TaskId { broker: BrokerId(1), uuid: Uuid::nil() };
        let mut kills = Kills::default();
        kills.add(id, None, Grace::Task, Timestamp(0));
        kills.add(id, None, Grace::Task, Timestamp(0));
        let sent: Vec<u64> =
            (0..200).filter(|second| !kills.due(Timestamp(second * 1000)).is_empty()).collect();
        assert_eq!(sent, [0, 5, 15, 35, 75, 135, 195]);
        kills.resend(Timestamp(200_000));
        assert_eq!(kills.due(Timestamp(200_000)).len(), 1);
        kills.done(id);
        assert!(kills.due(Timestamp(10_000_000)).is_empty());
    }
}
