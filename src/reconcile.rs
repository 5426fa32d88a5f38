//! Asking Mesos what it believes of our tasks; used for nothing else (mesos-v1-http 5.4).
//!
//! After each subscription every live task is asked for by name until it was heard from; nothing destructive happens
//! to a broker before that. From then on, all live tasks are asked for again now and then, by name (which finds the
//! lost ones) and in turn for all (which finds those we forgot).

use std::collections::BTreeSet;

use api::ids::TaskId;
use mesos::v1::{self, scheduler::call};

use crate::event::Timestamp;

/// First repeat of an explicit reconciliation.
const REPEAT_MS: u64 = 5_000;
/// Slowest repeat.
const REPEAT_CAP_MS: u64 = 60_000;
/// A launch unheard of for this long is asked for, in case its ACCEPT was lost.
pub const OVERDUE_MS: u64 = 30_000;
/// How often everything is asked for again.
const ROUND_MS: u64 = 5 * 60_000;

/// Who was heard from on this subscription, and when to ask next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconcile {
    unheard: BTreeSet<TaskId>,
    tries: u32,
    next_at: Timestamp,
    /// Whether the next full round is implicit.
    implicit: bool,
}

/// A live task as reconciliation needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The task.
    pub id: TaskId,
    /// Where it runs, if that is known.
    pub agent_id: Option<String>,
    /// Whether its launch has gone unheard of for [`OVERDUE_MS`].
    pub overdue: bool,
}

impl Reconcile {
    /// A new subscription: nobody was heard from.
    pub fn begin(now: Timestamp, live: impl Iterator<Item = TaskId>) -> Self {
        Self { unheard: live.collect(), tries: 0, next_at: now, implicit: true }
    }

    /// A status of this task came.
    pub fn heard(&mut self, id: TaskId) {
        self.unheard.remove(&id);
    }

    /// Whether every task was heard from.
    pub fn is_complete(&self) -> bool {
        self.unheard.is_empty()
    }

    /// Whether this task was heard from since the subscription began.
    pub fn has_heard(&self, id: TaskId) -> bool {
        !self.unheard.contains(&id)
    }

    /// The tasks still waited for.
    pub fn unheard(&self) -> impl Iterator<Item = TaskId> {
        self.unheard.iter().copied()
    }

    /// The call that is due, if any. One at a time, since Mesos answers each in full.
    pub fn ask(&mut self, now: Timestamp, live: &[Asked]) -> Option<v1::scheduler::Call> {
        // A task that ended by other means (its agent's offer showed it) is waited for no more.
        self.unheard.retain(|id| live.iter().any(|task| task.id == *id));
        if now < self.next_at {
            return None;
        }
        let waited: Vec<_> =
            live.iter().filter(|task| task.overdue || self.unheard.contains(&task.id)).collect();
        if !waited.is_empty() {
            let delay = (REPEAT_MS << self.tries.min(4)).min(REPEAT_CAP_MS);
            self.tries += 1;
            self.next_at = now.plus(delay);
            return Some(call(&waited));
        }
        self.tries = 0;
        let implicit = std::mem::replace(&mut self.implicit, false);
        if implicit {
            self.next_at = now.plus(ROUND_MS);
            return Some(call(&[]));
        }
        self.implicit = true;
        // Right after the explicit round comes the implicit one: nobody answers an empty explicit question.
        self.next_at = now.plus(if live.is_empty() { 0 } else { REPEAT_MS });
        (!live.is_empty()).then(|| call(&live.iter().collect::<Vec<_>>()))
    }

    /// Ask soon: a launch may have become overdue.
    pub fn hasten(&mut self, now: Timestamp) {
        if self.tries == 0 {
            self.next_at = self.next_at.min(now);
        }
    }
}

/// RECONCILE of these tasks; of all when there are none.
fn call(tasks: &[&Asked]) -> v1::scheduler::Call {
    let tasks = tasks
        .iter()
        .map(|task| call::reconcile::Task {
            task_id: v1::TaskId { value: task.id.to_string() },
            agent_id: task.agent_id.clone().map(|value| v1::AgentId { value }),
        })
        .collect();
    v1::scheduler::Call {
        r#type: Some(call::Type::Reconcile.into()),
        reconcile: Some(call::Reconcile { tasks }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use api::ids::BrokerId;
    use uuid::Uuid;

    use super::*;

    fn asked(n: u32) -> Asked {
        let id = TaskId { broker: BrokerId(n), uuid: Uuid::from_u128(n.into()) };
        Asked { id, agent_id: Some("agent".to_owned()), overdue: false }
    }

    fn names(call: Option<v1::scheduler::Call>) -> Option<Vec<String>> {
        let tasks = call?.reconcile?.tasks;
        Some(
            tasks
                .into_iter()
                .map(|task| task.task_id.value.split("__").next().unwrap_or("").to_owned())
                .collect(),
        )
    }

    // S-038: reconciliation needs no human, and asks until everybody was heard from.
    #[test]
    fn asks_by_name_until_heard_then_for_all() {
        let live = [asked(0), asked(1)];
        let mut reconcile = Reconcile::begin(Timestamp(0), live.iter().map(|task| task.id));
        assert_eq!(
            names(reconcile.ask(Timestamp(0), &live)),
            Some(vec!["broker-0".into(), "broker-1".into()])
        );
        assert_eq!(names(reconcile.ask(Timestamp(4_999), &live)), None);
        reconcile.heard(live[0].id);
        assert!(!reconcile.is_complete());
        assert!(reconcile.has_heard(live[0].id) && !reconcile.has_heard(live[1].id));
        assert_eq!(names(reconcile.ask(Timestamp(5_000), &live)), Some(vec!["broker-1".into()]));
        assert_eq!(names(reconcile.ask(Timestamp(14_999), &live)), None);
        reconcile.heard(live[1].id);
        assert!(reconcile.is_complete());
        assert_eq!(names(reconcile.ask(Timestamp(15_000), &live)), Some(vec![]));
    }

    #[test]
    fn with_nothing_to_ask_for_it_is_complete_at_once() {
        let mut reconcile = Reconcile::begin(Timestamp(0), std::iter::empty());
        assert!(reconcile.is_complete());
        assert_eq!(names(reconcile.ask(Timestamp(0), &[])), Some(vec![]));
        assert_eq!(names(reconcile.ask(Timestamp(1), &[])), None);
    }

    #[test]
    fn rounds_alternate_between_names_and_all() {
        let live = [asked(0)];
        let mut reconcile = Reconcile::begin(Timestamp(0), std::iter::empty());
        assert_eq!(names(reconcile.ask(Timestamp(0), &live)), Some(vec![]));
        assert_eq!(names(reconcile.ask(Timestamp(ROUND_MS), &live)), Some(vec!["broker-0".into()]));
        assert_eq!(names(reconcile.ask(Timestamp(ROUND_MS + REPEAT_MS), &live)), Some(vec![]));
    }

    #[test]
    fn an_overdue_launch_is_asked_for() {
        let mut reconcile = Reconcile::begin(Timestamp(0), std::iter::empty());
        reconcile.ask(Timestamp(0), &[]);
        let late = Asked { overdue: true, ..asked(2) };
        reconcile.hasten(Timestamp(40_000));
        assert_eq!(names(reconcile.ask(Timestamp(40_000), &[late])), Some(vec!["broker-2".into()]));
    }
}
