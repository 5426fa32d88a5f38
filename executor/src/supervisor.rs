//! The supervisor of one broker task: [`Event`] in, [`Effect`]s out, no clock and no IO inside.
//!
//! ```text
//! Idle ─ Launch ─► Preparing ─ Spawned ─► Starting ─ Ready ─► Running
//!                     │ files, then           │                  │
//!                     │ the old registration  │ Kill, Shutdown, Signalled,
//!                     │ (D38)                 │ Unhealthy, Exited
//!                     │                       ▼                  ▼
//!                     │ anything wrong     Stopping: TERM ─ deadline ─► KILL ─ Exited ─► sweep, examine
//!                     ▼                       │ Swept, Examined                      │ the same, and a restart
//!                    Done ◄───────────────────┘ terminal update                      ▼
//!                     │ acknowledged ─► Exit                      Preparing: the old registration, then Spawned …
//! ```
//!
//! A restart in place (D31) is prepared while the JVM before goes on: what stands in its way is refused, and nothing has
//! happened. Then that JVM is stopped like any other, and the next one started, all in the same task.
//!
//! It keeps:
//! - one task per executor, and one terminal update per task, the last one sent;
//! - no terminal update while a process of the broker's group may live: the home is free only then (D32);
//! - a later KILL may shorten the grace, never extend it;
//! - of two restarts the one of the higher generation wins, whichever comes last;
//! - the executor leaves only once the agent has acknowledged the terminal update, or after a bounded wait;
//! - every end of the JVM is told as an incident, and the exit waits a little for the scheduler to store it (D45).
//!
//! An event that has no meaning in a state changes nothing there: it was overtaken by another.

mod effect;
mod event;
mod incidents;
mod restart;
mod start;
mod state;
mod stop;

use std::time::Duration;

pub use self::incidents::STORED_WAIT;
pub use self::{
    effect::{Effect, ExitCode, Reason, Refusal, Signal, TaskState, Update},
    event::{Event, How, Launch, Registered},
};
use self::{incidents::Untold, state::State, stop::Ending};

/// Grace between SIGTERM and SIGKILL where neither KILL nor TaskInfo has a kill policy: D36's default.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(300);
/// The same for a broker that its health check gave up as silent: it hangs, and its partitions wait for a new leader.
/// One that answers, but has lost its place in the cluster, has its task's own grace: it shuts down cleanly, and is
/// spared the recovery of its logs.
pub const UNHEALTHY_GRACE: Duration = Duration::from_secs(3);
/// The same for a broker that is out of memory: it may hand over its partitions if it still can.
pub const OUT_OF_MEMORY_GRACE: Duration = Duration::from_secs(30);
/// How long an executor whose task has ended waits for the acknowledgement: as long as Mesos gives a restarting
/// agent by default (`MESOS_RECOVERY_TIMEOUT`).
pub const ACKNOWLEDGE_WAIT: Duration = Duration::from_secs(15 * 60);
/// The same once we were told to shut down.
pub const ACKNOWLEDGE_BRIEFLY: Duration = Duration::from_secs(2);
/// How long beyond its ZooKeeper session's timeout an old registration is waited for (D38).
pub const REGISTRATION_MARGIN: Duration = Duration::from_secs(10);

/// The state of this executor.
#[derive(Debug, Default)]
pub struct Supervisor {
    state: State,
    /// Whether the framework knows TASK_KILLING.
    killing: bool,
    incidents: Untold,
}

impl Supervisor {
    /// Takes one event in and says what to do, in order. `now` is the time since some fixed moment, from a clock
    /// that never goes back.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        let state = std::mem::take(&mut self.state);
        self.state = self.next(now, state, event, &mut out);
        self.incidents.follow(now, &mut out);
        out
    }

    /// The state in one word, for the admin endpoint.
    pub fn state(&self) -> &'static str {
        self.state.name()
    }

    /// When [`Event::Tick`] is next of use; `None`: not before another event. What is past is due at once.
    pub fn due(&self) -> Option<Duration> {
        [self.state.due(), self.incidents.due()].into_iter().flatten().min()
    }

    fn next(&mut self, now: Duration, state: State, event: Event, out: &mut Vec<Effect>) -> State {
        match event {
            Event::Subscribed { killing } => {
                self.killing = killing;
                state
            }
            Event::Launch(launch) => start::launch(now, state, *launch, out),
            Event::Prepared(result) => start::prepared(now, state, result, out),
            Event::Registration(found) => start::registration(now, state, found, out),
            Event::Spawned(result) => start::spawned(now, state, result, out),
            Event::Session(session) => stop::session(state, session, out),
            Event::Ready(result) => start::ready(state, result, out),
            Event::Checked { healthy, message } => start::checked(state, healthy, message, out),
            Event::Unhealthy { reason, silent } => match state {
                State::Starting { .. } | State::Running { .. } => {
                    let grace = silent.then_some(UNHEALTHY_GRACE);
                    self.stop(now, state, Ending::Unhealthy(reason), grace, out)
                }
                other => other,
            },
            Event::OutOfMemory(said) => match state {
                State::Starting { .. } | State::Running { .. } => {
                    self.stop(now, state, Ending::OutOfMemory(said), Some(OUT_OF_MEMORY_GRACE), out)
                }
                other => other,
            },
            Event::Restart { task, contract } => restart::asked(state, task, contract, out),
            Event::Kill { task, grace } if state.task() == Some(&task) => {
                self.stop(now, state, Ending::Killed, grace, out)
            }
            Event::Kill { task, .. } => {
                out.push(Effect::Warn(format!("KILL for {task}, which is not here: ignored")));
                state
            }
            Event::Shutdown { reason, grace } => {
                self.stop(now, state, Ending::Shutdown(reason), Some(grace), out)
            }
            Event::Signalled(signal) => self.stop(now, state, Ending::Signalled(signal), None, out),
            Event::Exited(how) => stop::exited(now, state, how, out),
            Event::Examined(evidence) => stop::examined(now, state, *evidence, out),
            Event::Swept { left } => stop::swept(now, state, left, out),
            Event::Forgotten => stop::forgotten(state, out),
            Event::Acknowledged { task } => stop::acknowledged(state, &task, out),
            Event::IncidentStored { id } => {
                self.incidents.stored(id);
                state
            }
            Event::Tick => stop::tick(now, state, out),
        }
    }

    fn stop(
        &self,
        now: Duration,
        state: State,
        ending: Ending,
        grace: Option<Duration>,
        out: &mut Vec<Effect>,
    ) -> State {
        stop::stop(now, state, ending, grace, self.killing, out)
    }
}

#[cfg(test)]
mod tests;
