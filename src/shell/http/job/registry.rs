//! Which jobs there are: those at work, and the last that ended. Pure: ids and times come in.

use std::collections::VecDeque;

use api::rest::{Job, JobList, JobState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Jobs kept once they have ended; one more drops the oldest and is counted.
pub(super) const KEPT: usize = 20;

/// A job as others see it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// How it is now.
    pub(super) job: watch::Receiver<Job>,
    /// Stops it.
    pub(super) cancel: CancellationToken,
}

/// The jobs, the latest last.
#[derive(Debug, Default)]
pub(super) struct Registry {
    entries: VecDeque<Entry>,
    forgotten: u64,
}

impl Entry {
    fn id(&self) -> Uuid {
        self.job.borrow().id
    }

    fn is_running(&self) -> bool {
        self.job.borrow().state == JobState::Running
    }
}

impl Registry {
    pub(super) fn add(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        let mut ended = self.entries.iter().filter(|entry| !entry.is_running()).count();
        self.entries.retain(|entry| {
            let drop = ended > KEPT && !entry.is_running();
            if drop {
                ended -= 1;
                self.forgotten += 1;
            }
            !drop
        });
    }

    pub(super) fn find(&self, id: Uuid) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.id() == id).cloned()
    }

    pub(super) fn list(&self) -> JobList {
        let jobs = self.entries.iter().rev().map(|entry| entry.job.borrow().clone());
        JobList { forgotten: self.forgotten, jobs: jobs.collect() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::{super::tests::job, *};

    #[test]
    fn those_at_work_are_never_forgotten() {
        let mut registry = Registry::default();
        let mut add = |number: u128, state| {
            let job = watch::channel(job(number, state)).1;
            registry.add(Entry { job, cancel: CancellationToken::new() });
        };
        add(1, JobState::Running);
        let count = KEPT as u128 + 5;
        (2..2 + count).for_each(|number| add(number, JobState::Completed));
        add(100, JobState::Running);
        let list = registry.list();
        assert_eq!(list.forgotten, 5);
        let ids: Vec<u128> = list.jobs.iter().map(|job| job.id.as_u128()).collect();
        assert_eq!(ids.len(), KEPT + 2);
        assert_eq!((ids[0], ids[KEPT], ids[KEPT + 1]), (100, 7, 1));
        assert!(registry.find(Uuid::from_u128(2)).is_none());
        assert_eq!(registry.find(Uuid::from_u128(1)).unwrap().id().as_u128(), 1);
    }
}
