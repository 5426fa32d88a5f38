//! Reliable delivery of task updates (§5.1): one outstanding per task, repeated until acknowledged, duplicates told by
//! their uuid.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use mesos::v1;

use super::book::is_terminal;
use super::{Run, Time};
use crate::link::RawUuid;

/// A task: framework id and task id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) framework_id: String,
    pub(super) task_id: String,
}

/// What became of an update handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It waits behind others.
    Queued,
    /// It is the one to send now.
    First,
    /// It was handed in before.
    Known,
    /// The task's terminal update is already here: dropped.
    TooLate,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// The next update is to be sent now.
    Next,
    /// Nothing more waits.
    Idle,
    /// That was the terminal update: the task's stream is over.
    Over,
    /// It names no outstanding update.
    Ignored,
}

#[derive(Debug)]
struct Stream {
    executor_id: Option<String>,
    /// Where its steps are kept; `None` for what is not checkpointed.
    run: Option<Run>,
    waiting: VecDeque<v1::TaskStatus>,
    seen: BTreeSet<RawUuid>,
    terminal: bool,
    pause: Duration,
    resend_at: Time,
}

/// All streams of an agent.
#[derive(Debug)]
pub(super) struct StatusUpdates {
    first_pause: Duration,
    longest_pause: Duration,
    streams: BTreeMap<Key, Stream>,
}

impl StatusUpdates {
    pub(super) fn new(first_pause: Duration, longest_pause: Duration) -> Self {
        Self { first_pause, longest_pause, streams: BTreeMap::new() }
    }

    /// Hands in an update. `status.uuid` is set.
    pub(super) fn take(
        &mut self,
        now: Time,
        key: &Key,
        executor_id: Option<&str>,
        run: Option<Run>,
        status: v1::TaskStatus,
    ) -> Taken {
        let pause = self.first_pause;
        let stream = self.streams.entry(key.clone()).or_insert_with(|| Stream {
            executor_id: executor_id.map(str::to_owned),
            run,
            waiting: VecDeque::new(),
            seen: BTreeSet::new(),
            terminal: false,
            pause,
            resend_at: now,
        });
        let uuid = status.uuid.clone().unwrap_or_default();
        if stream.seen.contains(&uuid) {
            return Taken::Known;
        }
        if stream.terminal {
            return Taken::TooLate;
        }
        stream.seen.insert(uuid);
        stream.terminal = is_terminal(status.state());
        stream.waiting.push_back(status);
        if stream.waiting.len() == 1 { Taken::First } else { Taken::Queued }
    }

    /// Notes an acknowledgement found on disk or told by the master.
    pub(super) fn acknowledge(&mut self, key: &Key, uuid: &[u8]) -> Acknowledged {
        let Some(stream) = self.streams.get_mut(key) else { return Acknowledged::Ignored };
        if stream.waiting.front().and_then(|status| status.uuid.as_deref()) != Some(uuid) {
            return Acknowledged::Ignored;
        }
        stream.waiting.pop_front();
        stream.pause = self.first_pause;
        if !stream.waiting.is_empty() {
            Acknowledged::Next
        } else if stream.terminal {
            self.streams.remove(key);
            Acknowledged::Over
        } else {
            Acknowledged::Idle
        }
    }

    /// The outstanding update of a task, with its executor.
    pub(super) fn outstanding(&self, key: &Key) -> Option<(&v1::TaskStatus, Option<&str>)> {
        let stream = self.streams.get(key)?;
        Some((stream.waiting.front()?, stream.executor_id.as_deref()))
    }

    /// The newest state handed in for a task.
    pub(super) fn newest(&self, key: &Key) -> Option<v1::TaskState> {
        Some(self.streams.get(key)?.waiting.back()?.state())
    }

    /// Where a task's steps are kept.
    pub(super) fn run(&self, key: &Key) -> Option<&Run> {
        self.streams.get(key)?.run.as_ref()
    }

    /// Whether there is a stream for a task.
    pub(super) fn knows(&self, key: &Key) -> bool {
        self.streams.contains_key(key)
    }

    /// Notes that the outstanding update was sent at `now`.
    pub(super) fn sent(&mut self, now: Time, key: &Key) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.resend_at = now + stream.pause;
            stream.pause = (stream.pause * 2).min(self.longest_pause);
        }
    }

    /// Tasks whose outstanding update is to be sent again.
    pub(super) fn due(&self, now: Time) -> Vec<Key> {
        let due = self.streams.iter().filter(|(_, s)| !s.waiting.is_empty() && s.resend_at <= now);
        due.map(|(key, _)| key.clone()).collect()
    }

    /// When the next repetition is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.streams.values().filter(|stream| !stream.waiting.is_empty()).map(|stream| stream.resend_at).min()
    }

    /// Whoever was away is back: makes everything outstanding (of one framework, or of all) due, with the first pause
    /// again.
    pub(super) fn resume(&mut self, now: Time, framework_id: Option<&str>) {
        for (key, stream) in &mut self.streams {
            if framework_id.is_none_or(|id| key.framework_id == id) {
                stream.pause = self.first_pause;
                stream.resend_at = now;
            }
        }
    }

    /// Forgets everything of a framework.
    pub(super) fn forget(&mut self, framework_id: &str) {
        self.streams.retain(|key, _| key.framework_id != framework_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(n: u8, state: v1::TaskState) -> v1::TaskStatus {
        v1::TaskStatus { uuid: Some(vec![n; 16]), state: state.into(), ..Default::default() }
    }

    const RUNNING: v1::TaskState = v1::TaskState::TaskRunning;
    const FINISHED: v1::TaskState = v1::TaskState::TaskFinished;

    fn secs(s: u64) -> Time {
        Time::from_secs(s)
    }

    fn new() -> (StatusUpdates, Key) {
        let key = Key { framework_id: "f".into(), task_id: "t".into() };
        (StatusUpdates::new(secs(10), secs(600)), key)
    }

    #[test]
    fn one_at_a_time_repeated_until_acknowledged() {
        let (mut all, key) = new();
        assert_eq!(all.take(secs(0), &key, None, None, status(1, RUNNING)), Taken::First);
        all.sent(secs(0), &key);
        assert_eq!(all.take(secs(0), &key, None, None, status(2, FINISHED)), Taken::Queued);
        // 10 s, then double, up to 10 minutes.
        let mut now = secs(0);
        for pause in [10, 20, 40, 80, 160, 320, 600, 600] {
            let due = now + secs(pause);
            assert_eq!(all.next_due(), Some(due));
            assert!(all.due(due - Time::from_millis(1)).is_empty());
            assert_eq!(all.due(due), std::slice::from_ref(&key));
            all.sent(due, &key);
            now = due;
        }
        assert_eq!(all.acknowledge(&key, &[2; 16]), Acknowledged::Ignored);
        assert_eq!(all.acknowledge(&key, &[1; 16]), Acknowledged::Next);
        assert_eq!(all.acknowledge(&key, &[1; 16]), Acknowledged::Ignored);
        assert_eq!(all.outstanding(&key).map(|(s, _)| s.state()), Some(FINISHED));
        assert_eq!(all.acknowledge(&key, &[2; 16]), Acknowledged::Over);
        assert!(!all.knows(&key));
        assert_eq!(all.next_due(), None);
    }

    #[test]
    fn duplicates_and_what_comes_after_the_end_are_told_apart() {
        let (mut all, key) = new();
        assert_eq!(all.take(secs(0), &key, None, None, status(1, RUNNING)), Taken::First);
        assert_eq!(all.acknowledge(&key, &[1; 16]), Acknowledged::Idle);
        assert_eq!(all.take(secs(0), &key, None, None, status(1, RUNNING)), Taken::Known);
        assert_eq!(all.take(secs(0), &key, None, None, status(2, FINISHED)), Taken::First);
        assert_eq!(all.take(secs(0), &key, None, None, status(3, FINISHED)), Taken::TooLate);
        assert_eq!(all.take(secs(0), &key, None, None, status(2, FINISHED)), Taken::Known);
    }

    #[test]
    fn return_of_the_master_starts_over_with_the_short_pause() {
        let (mut all, key) = new();
        all.take(secs(0), &key, None, None, status(1, RUNNING));
        for now in [0, 10, 30] {
            all.sent(secs(now), &key);
        }
        all.resume(secs(35), Some("other"));
        assert!(all.due(secs(35)).is_empty());
        all.resume(secs(35), None);
        assert_eq!(all.due(secs(35)), std::slice::from_ref(&key));
        all.sent(secs(35), &key);
        assert_eq!(all.next_due(), Some(secs(45)));
    }
}
