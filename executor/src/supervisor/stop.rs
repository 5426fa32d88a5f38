//! From serving, or anywhere, to the end: the transitions downwards.

use std::{fmt, time::Duration};

use super::{
    ACKNOWLEDGE_BRIEFLY, ACKNOWLEDGE_WAIT,
    effect::{Effect, ExitCode, Reason, Signal, TaskState, Update},
    event::How,
    incidents::Death,
    start,
    state::{After, Done, Jvm, Phase, State, Step, Task, Told},
};
use crate::diagnosis::Evidence;

/// Between two words on a JVM that takes its time to stop.
const NOTE: Duration = Duration::from_secs(10);

/// Why a task ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The scheduler's KILL.
    Killed,
    /// The agent ends this executor, or is gone for good.
    Shutdown(String),
    /// A signal to the executor.
    Signalled(&'static str),
    /// The health check gave it up.
    Unhealthy(String),
    /// Its log says that it is out of memory.
    OutOfMemory(String),
    /// The JVM ended by itself.
    Died,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed => f.write_str("killed as asked"),
            Self::Shutdown(reason) => write!(f, "executor shut down ({reason})"),
            Self::Signalled(signal) => write!(f, "executor ended by {signal}"),
            Self::Unhealthy(reason) => write!(f, "unhealthy: {reason}"),
            Self::OutOfMemory(_) => f.write_str("out of memory"),
            Self::Died => f.write_str("ended by itself"),
        }
    }
}

impl Ending {
    fn update(&self, task: &Task, report: &str) -> Update {
        let state = match self {
            Self::Killed | Self::Shutdown(_) => TaskState::Killed,
            Self::Signalled(_) | Self::Unhealthy(_) | Self::OutOfMemory(_) | Self::Died => TaskState::Failed,
        };
        let message = if *self == Self::Died { report.to_owned() } else { format!("{self}; {report}") };
        let reason = matches!(self, Self::Unhealthy(_)).then_some(Reason::Health);
        Update { reason, ..task.update(state, message) }
    }

    /// Whether whoever ends us waits only briefly for the acknowledgement.
    fn is_hurried(&self) -> bool {
        matches!(self, Self::Shutdown(_) | Self::Signalled(_))
    }

    fn done(&self, now: Duration, task: Task) -> State {
        let wait = if self.is_hurried() || task.hurried { ACKNOWLEDGE_BRIEFLY } else { ACKNOWLEDGE_WAIT };
        let forgetting = task.forgetting;
        State::Done(Done { task: task.id, until: now + wait, acknowledged: false, forgetting })
    }
}

/// Every way down but the JVM's own end. `grace`: what the ending brings, else the task's own.
pub(super) fn stop(
    now: Duration,
    state: State,
    ending: Ending,
    grace: Option<Duration>,
    killing: bool,
    out: &mut Vec<Effect>,
) -> State {
    match state {
        State::Idle => {
            out.push(Effect::Exit(ExitCode::Done));
            State::Idle
        }
        State::Preparing { task, .. } => {
            out.push(Effect::Update(ending.update(&task, "the broker was not started yet")));
            ending.done(now, task)
        }
        State::Starting { mut task, jvm, .. } | State::Running { mut task, jvm } => {
            let grace = match ending {
                // A KILL says what its broker needs. What others have is at most that: it never makes more of it.
                Ending::Killed => grace.unwrap_or(task.grace),
                _ => grace.map_or(task.grace, |grace| grace.min(task.grace)),
            };
            if matches!(ending, Ending::Unhealthy(_)) {
                task.healthy = Some(false);
            }
            out.push(Effect::Rest);
            if killing {
                out.push(Effect::Update(task.update(TaskState::Killing, ending.to_string())));
            }
            out.push(Effect::Note(format!(
                "stopping {}: {ending}, grace {} s",
                task.id,
                grace.as_secs_f64()
            )));
            State::Stopping { task, jvm, after: After::End(ending), phase: ask(now, grace, out) }
        }
        State::Stopping { mut task, jvm, after, phase } => {
            task.hurried |= ending.is_hurried();
            let after = match after {
                // No other JVM is started: the task ends as if it had been asked to while this one served.
                After::Start(_) => {
                    if killing {
                        out.push(Effect::Update(task.update(TaskState::Killing, ending.to_string())));
                    }
                    out.push(Effect::Note(format!("the restart of {} is given up: {ending}", task.id)));
                    After::End(ending.clone())
                }
                first => first,
            };
            let phase = match (phase, grace) {
                (Phase::Asked { deadline, asked, note }, Some(grace)) if now + grace < deadline => {
                    out.push(Effect::Note(format!("{ending}: grace shortened to {} s", grace.as_secs_f64())));
                    if grace.is_zero() {
                        force(out)
                    } else {
                        Phase::Asked { deadline: now + grace, asked, note }
                    }
                }
                (phase, _) => phase,
            };
            State::Stopping { task, jvm, after, phase }
        }
        State::Done(mut done) => {
            if ending.is_hurried() {
                done.until = done.until.min(now + ACKNOWLEDGE_BRIEFLY);
            }
            State::Done(done)
        }
    }
}

pub(super) fn ask(now: Duration, grace: Duration, out: &mut Vec<Effect>) -> Phase {
    if grace.is_zero() {
        return force(out);
    }
    out.push(Effect::Signal(Signal::Term));
    Phase::Asked { deadline: now + grace, asked: now, note: now + NOTE }
}

fn force(out: &mut Vec<Effect>) -> Phase {
    out.push(Effect::Signal(Signal::Kill));
    Phase::Forced
}

/// The JVM is gone, asked or not. Its registration goes before anything else: partitions wait for it (D38).
pub(super) fn exited(now: Duration, state: State, how: How, out: &mut Vec<Effect>) -> State {
    let (mut task, jvm, after, phase) = match state {
        State::Starting { task, jvm, .. } | State::Running { task, jvm } => {
            out.push(Effect::Rest);
            (task, jvm, After::End(Ending::Died), None)
        }
        State::Stopping { phase: Phase::Sweeping { .. }, .. } => return state,
        State::Stopping { task, jvm, after, phase } => (task, jvm, after, Some(phase)),
        other => return other,
    };
    if let Some(session) = jvm.session {
        task.forget(session, out);
    }
    out.push(Effect::Sweep);
    let asked = phase.is_some().then(|| match &after {
        After::End(ending) => (ending.to_string(), Some(ending)),
        After::Start(_) => ("restarted in place as asked".to_owned(), None),
    });
    out.push(Effect::Examine);
    let end = Told::Open(Box::new(Death::new(now, &task, &jvm, asked, phase.as_ref(), how)));
    State::Stopping { task, jvm, after, phase: Phase::Sweeping { end, left: None } }
}

/// What the JVM left is known.
pub(super) fn examined(now: Duration, state: State, evidence: Evidence, out: &mut Vec<Effect>) -> State {
    match state {
        State::Stopping { task, jvm, after, phase: Phase::Sweeping { end: Told::Open(death), left } } => {
            let end = Told::Report(death.examined(evidence, out));
            over(now, task, jvm, after, end, left, out)
        }
        other => other,
    }
}

/// Nobody is left of the JVM's group, or nobody whom a signal reaches.
pub(super) fn swept(now: Duration, state: State, left: usize, out: &mut Vec<Effect>) -> State {
    match state {
        State::Stopping { task, jvm, after, phase: Phase::Sweeping { end, left: None } } => {
            over(now, task, jvm, after, end, Some(left), out)
        }
        other => other,
    }
}

/// What follows, once both are known.
fn over(
    now: Duration,
    mut task: Task,
    jvm: Jvm,
    after: After,
    end: Told,
    left: Option<usize>,
    out: &mut Vec<Effect>,
) -> State {
    let (mut report, left) = match (end, left) {
        (Told::Report(report), Some(left)) => (report, left),
        (end, left) => return State::Stopping { task, jvm, after, phase: Phase::Sweeping { end, left } },
    };
    if left > 0 {
        out.push(Effect::Warn(format!("{left} processes of {} outlive SIGKILL", task.id)));
        report.push_str(&format!("; {left} of its processes outlive SIGKILL, stuck in the kernel"));
    }
    match after {
        After::End(ending) => {
            out.push(Effect::Update(ending.update(&task, &report)));
            ending.done(now, task)
        }
        // Two JVMs of one broker never serve: what is stuck may come loose.
        After::Start(_) if left > 0 => {
            start::fail(now, task, format!("it cannot be restarted in place: {report}"), out)
        }
        After::Start(next) => {
            out.push(Effect::Note(format!("{}: {report}; starting the next one", task.id)));
            task.contract = next.contract;
            start::look(now, task, next.session_timeout, out)
        }
    }
}

pub(super) fn acknowledged(mut state: State, task: &str, out: &mut Vec<Effect>) -> State {
    if let State::Done(done) = &mut state
        && done.task == task
    {
        done.acknowledged = true;
        leave(done, out);
    }
    state
}

/// The session the broker is registered under. It may come later than the end of its JVM, which it had overtaken in the
/// probe's queue: then nobody else will delete what that session holds.
pub(super) fn session(mut state: State, new: i64, out: &mut Vec<Effect>) -> State {
    match &mut state {
        State::Stopping { task, jvm, phase: Phase::Sweeping { .. }, .. } if jvm.session != Some(new) => {
            jvm.session = Some(new);
            task.forget(new, out);
        }
        // Of the JVM before the restart: the next one is not started yet.
        State::Preparing { task, step: Step::Registration { .. } } => task.forget(new, out),
        State::Starting { jvm, .. } | State::Running { jvm, .. } | State::Stopping { jvm, .. } => {
            jvm.session = Some(new);
        }
        _ => {}
    }
    state
}

/// The dead broker's registration is gone, or could not be deleted: either way there is nothing more to do about it.
pub(super) fn forgotten(mut state: State, out: &mut Vec<Effect>) -> State {
    match &mut state {
        // Faster than the sweep, or than the next JVM.
        State::Preparing { task, .. }
        | State::Starting { task, .. }
        | State::Running { task, .. }
        | State::Stopping { task, .. } => task.forgetting = task.forgetting.saturating_sub(1),
        State::Done(done) if done.forgetting > 0 => {
            done.forgetting -= 1;
            leave(done, out);
        }
        _ => {}
    }
    state
}

fn leave(done: &Done, out: &mut Vec<Effect>) {
    if done.acknowledged && done.forgetting == 0 {
        out.push(Effect::Exit(ExitCode::Done));
    }
}

pub(super) fn tick(now: Duration, state: State, out: &mut Vec<Effect>) -> State {
    match state {
        State::Preparing { task, step: Step::Registration { until, asking: false, shown } } => {
            out.push(Effect::Look);
            State::Preparing { task, step: Step::Registration { until, asking: true, shown } }
        }
        State::Stopping { task, jvm, after, phase: Phase::Asked { deadline, .. } } if now >= deadline => {
            out.push(Effect::Warn(format!("{} ignores SIGTERM beyond its grace: SIGKILL", task.id)));
            State::Stopping { task, jvm, after, phase: force(out) }
        }
        State::Stopping { task, jvm, after, phase: Phase::Asked { deadline, asked, note } }
            if now >= note =>
        {
            let (elapsed, left) = (now.saturating_sub(asked), deadline.saturating_sub(now));
            out.push(Effect::Note(format!(
                "{} is still stopping: {} s since SIGTERM, {} s until SIGKILL",
                task.id,
                elapsed.as_secs(),
                left.as_secs()
            )));
            // From now on, not from when it was due: a loop that was late does not catch up.
            State::Stopping { task, jvm, after, phase: Phase::Asked { deadline, asked, note: now + NOTE } }
        }
        State::Done(done) if now >= done.until => {
            let code = if done.acknowledged { ExitCode::Done } else { ExitCode::Unacknowledged };
            out.push(Effect::Exit(code));
            State::Done(done)
        }
        other => other,
    }
}
