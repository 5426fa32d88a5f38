//! From LAUNCH to serving: the transitions upwards.

use std::time::Duration;

use super::{
    ACKNOWLEDGE_WAIT, REGISTRATION_MARGIN,
    effect::{Effect, Reason, TaskState, Update},
    event::{Launch, Registered},
    restart,
    state::{Done, Jvm, State, Step, Task},
};

pub(super) fn launch(now: Duration, state: State, launch: Launch, out: &mut Vec<Effect>) -> State {
    let current = match state.task() {
        None => None,
        Some(current) if *current == launch.task => {
            out.push(Effect::Warn(format!("LAUNCH of {current}, which is here already: ignored")));
            return state;
        }
        Some(current) => Some(current),
    };
    if let Some(current) = current {
        let message = format!("this executor has {current}: one executor runs one task, once");
        out.push(Effect::Update(Update::failed(&launch.task, message)));
        return state;
    }
    let contract = match launch.contract {
        Ok(contract) => contract,
        Err(problems) => {
            out.push(Effect::Update(Update::failed(&launch.task, problems.to_string())));
            return done(now, launch.task, 0);
        }
    };
    let task = Task::new(launch.task, contract, launch.grace);
    out.push(Effect::Update(task.update(TaskState::Starting, "preparing the sandbox")));
    out.push(Effect::Prepare(task.contract.clone()));
    State::Preparing { task, step: Step::Files { newer: None } }
}

pub(super) fn prepared(
    now: Duration,
    state: State,
    result: Result<Duration, String>,
    out: &mut Vec<Effect>,
) -> State {
    let State::Preparing { mut task, step: Step::Files { newer } } = state else {
        return restart::prepared(now, state, result, out);
    };
    match result {
        Ok(session_timeout) => {
            if let Some(newer) = newer {
                task.stage(newer, out);
            }
            look(now, task, session_timeout, out)
        }
        Err(problem) => fail(now, task, problem, out),
    }
}

/// All is prepared, and no JVM of ours runs: on to who is registered under our id.
pub(super) fn look(now: Duration, task: Task, session_timeout: Duration, out: &mut Vec<Effect>) -> State {
    out.push(Effect::Look);
    let until = now + session_timeout + REGISTRATION_MARGIN;
    State::Preparing { task, step: Step::Registration { until, asking: true, shown: String::new() } }
}

/// D38: nobody may hold the broker's id, nor its port, when its JVM starts, since it would exit at once.
pub(super) fn registration(now: Duration, state: State, found: Registered, out: &mut Vec<Effect>) -> State {
    let State::Preparing { task, step: Step::Registration { until, shown, .. } } = state else {
        return state;
    };
    let broker = task.broker();
    let (waiting, failed) = match found {
        Registered::Nobody => {
            out.push(Effect::Spawn);
            return State::Preparing { task, step: Step::Spawn { next: None } };
        }
        Registered::Listening { address } => (
            format!("waiting for {address}, the port of broker {broker}: something listens there"),
            format!("something else still listens on {address}: broker {broker} cannot have its port"),
        ),
        Registered::Other { owner } => (
            format!("waiting for the old registration of broker {broker} by {owner}"),
            format!(
                "broker {broker} is still registered by {owner}: does another process run as this broker?"
            ),
        ),
        Registered::Unknown { why } => (
            format!("waiting for ZooKeeper: {why}"),
            format!("ZooKeeper did not say in time whether broker {broker} is free to start: {why}"),
        ),
    };
    if now >= until {
        return fail(now, task, failed, out);
    }
    // In steps of five seconds: each new message is an update that Mesos must carry to the scheduler and back.
    let left = (until - now).as_secs_f64().ceil() as u64;
    let message = format!("{waiting}, {} s left", left.div_ceil(5) * 5);
    if message != shown {
        out.push(Effect::Update(task.update(TaskState::Starting, &message)));
    }
    State::Preparing { task, step: Step::Registration { until, asking: false, shown: message } }
}

pub(super) fn spawned(
    now: Duration,
    state: State,
    result: Result<u32, String>,
    out: &mut Vec<Effect>,
) -> State {
    match (state, result) {
        (State::Preparing { task, step: Step::Spawn { next } }, Ok(pid)) => {
            let shown = format!("the JVM runs as process {pid}");
            out.push(Effect::Update(task.update(TaskState::Starting, &shown)));
            let jvm = Jvm { since: now, session: None };
            match next {
                Some(next) => restart::begin(now, task, jvm, next, out),
                None => State::Starting { task, jvm, shown },
            }
        }
        (State::Preparing { task, step: Step::Spawn { .. } }, Err(problem)) => fail(now, task, problem, out),
        // The task was stopped while the fork was under way: what came out of it must not live.
        (state, Ok(_)) => {
            out.push(Effect::Sweep);
            state
        }
        (state, Err(_)) => state,
    }
}

pub(super) fn ready(state: State, result: Result<(), String>, out: &mut Vec<Effect>) -> State {
    let State::Starting { task, jvm, shown } = state else { return state };
    match result {
        Ok(()) => {
            let message = format!("broker {} is registered and answers", task.broker());
            out.push(Effect::Update(task.update(TaskState::Running, message)));
            State::Running { task, jvm }
        }
        // D18: repeated whenever its message changes.
        Err(missing) => {
            if missing != shown {
                out.push(Effect::Update(task.update(TaskState::Starting, &missing)));
            }
            State::Starting { task, jvm, shown: missing }
        }
    }
}

/// Every failure is reported, and the first success after one (mesos-v1-http 6.6).
pub(super) fn checked(mut state: State, healthy: bool, message: String, out: &mut Vec<Effect>) -> State {
    let (task, current) = match &mut state {
        State::Starting { task, .. } => (task, TaskState::Starting),
        State::Running { task, .. } => (task, TaskState::Running),
        _ => return state,
    };
    if !healthy || task.healthy != Some(true) {
        task.healthy = Some(healthy);
        out.push(Effect::Update(Update { reason: Some(Reason::Health), ..task.update(current, message) }));
    }
    state
}

/// The end of a task that has no JVM.
pub(super) fn fail(now: Duration, task: Task, message: String, out: &mut Vec<Effect>) -> State {
    out.push(Effect::Update(task.update(TaskState::Failed, message)));
    done(now, task.id, task.forgetting)
}

fn done(now: Duration, task: String, forgetting: usize) -> State {
    State::Done(Done { task, until: now + ACKNOWLEDGE_WAIT, acknowledged: false, forgetting })
}
