//! What the agent has not confirmed. It goes along with every SUBSCRIBE, so that neither a restart of the agent nor a
//! lost answer loses a task or an update.

use crate::v1::executor::call::{Subscribe, Update};
use crate::v1::{TaskId, TaskInfo, TaskStatus};

/// Tasks of which no update is acknowledged, and updates that are not acknowledged, in the order they came.
///
/// In memory is enough: when this process ends, so do its tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unacknowledged {
    tasks: Vec<TaskInfo>,
    updates: Vec<Update>,
}

impl Unacknowledged {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A task came. One that came before stays as it was.
    pub fn received(&mut self, task: TaskInfo) {
        if !self.tasks.iter().any(|known| known.task_id == task.task_id) {
            self.tasks.push(task);
        }
    }

    /// An update is to be sent.
    pub fn sending(&mut self, status: TaskStatus) {
        self.updates.push(Update { status });
    }

    /// An update is acknowledged: it is done with, and its task is known to have arrived. Says whether the update was
    /// one of ours.
    pub fn acknowledged(&mut self, task_id: &TaskId, uuid: &[u8]) -> bool {
        self.tasks.retain(|task| task.task_id != *task_id);
        self.forget(uuid)
    }

    /// An update is refused for good. Says whether it was one of ours.
    pub fn forget(&mut self, uuid: &[u8]) -> bool {
        let before = self.updates.len();
        self.updates.retain(|update| update.status.uuid.as_deref() != Some(uuid));
        self.updates.len() < before
    }

    /// Whether an update still waits for its acknowledgement.
    pub fn holds(&self, uuid: &[u8]) -> bool {
        self.updates.iter().any(|update| update.status.uuid.as_deref() == Some(uuid))
    }

    /// The body of a SUBSCRIBE.
    pub fn subscribe(&self) -> Subscribe {
        Subscribe { unacknowledged_tasks: self.tasks.clone(), unacknowledged_updates: self.updates.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One thing that happens, named shortly: task 1 comes, its update a is sent, and so on.
    enum Step {
        Task(u8),
        Update(u8, u8),
        Ack(u8, u8),
        Refuse(u8),
    }
    use Step::{Ack, Refuse, Task, Update as Sent};

    /// Name, what happens, tasks and updates that remain.
    type Row<'a> = (&'a str, &'a [Step], &'a [u8], &'a [u8]);

    fn id(task: u8) -> TaskId {
        TaskId { value: task.to_string() }
    }

    #[test]
    fn lists_hold_what_is_not_confirmed() {
        let table: [Row; 9] = [
            ("nothing", &[], &[], &[]),
            ("a task that came", &[Task(1)], &[1], &[]),
            ("an update alone does not confirm its task", &[Task(1), Sent(1, 10)], &[1], &[10]),
            ("the first acknowledgement confirms the task", &[Task(1), Sent(1, 10), Ack(1, 10)], &[], &[]),
            ("only that update is done", &[Task(1), Sent(1, 10), Sent(1, 11), Ack(1, 10)], &[], &[11]),
            ("order is kept", &[Task(2), Task(1), Sent(1, 11), Sent(2, 10)], &[2, 1], &[11, 10]),
            (
                "a second acknowledgement changes nothing",
                &[Task(1), Sent(1, 10), Ack(1, 10), Ack(1, 10)],
                &[],
                &[],
            ),
            ("a task that comes twice is one", &[Task(1), Task(1)], &[1], &[]),
            ("a refused update confirms nothing", &[Task(1), Sent(1, 10), Refuse(10)], &[1], &[]),
        ];
        for (name, steps, tasks, updates) in table {
            let mut lists = Unacknowledged::new();
            for step in steps {
                match *step {
                    Task(task) => lists.received(TaskInfo { task_id: id(task), ..Default::default() }),
                    Sent(task, uuid) => {
                        lists.sending(TaskStatus {
                            task_id: id(task),
                            uuid: Some(vec![uuid]),
                            ..Default::default()
                        });
                        assert!(lists.holds(&[uuid]));
                    }
                    Ack(task, uuid) => {
                        let held = lists.holds(&[uuid]);
                        assert_eq!(lists.acknowledged(&id(task), &[uuid]), held, "{name}");
                    }
                    Refuse(uuid) => assert!(lists.forget(&[uuid]), "{name}"),
                }
            }
            let body = lists.subscribe();
            let found: Vec<TaskId> = body.unacknowledged_tasks.into_iter().map(|task| task.task_id).collect();
            assert_eq!(found, tasks.iter().map(|task| id(*task)).collect::<Vec<_>>(), "{name}");
            let found: Vec<Option<Vec<u8>>> =
                body.unacknowledged_updates.into_iter().map(|update| update.status.uuid).collect();
            assert_eq!(found, updates.iter().map(|uuid| Some(vec![*uuid])).collect::<Vec<_>>(), "{name}");
        }
    }
}
