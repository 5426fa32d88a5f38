//! A restart in place (D31): the same task, another JVM, prepared while the one before goes on.

use std::time::Duration;

use api::{ids::TaskId, launch::LaunchContract};

use super::{
    REGISTRATION_MARGIN,
    effect::{Effect, Refusal, TaskState},
    state::{After, Jvm, Next, Staging, State, Step, Task},
    stop,
};
use crate::contract;

/// The scheduler asks for one, perhaps not for the first time.
pub(super) fn asked(
    mut state: State,
    task: TaskId,
    contract: Box<LaunchContract>,
    out: &mut Vec<Effect>,
) -> State {
    let id = task.to_string();
    if state.task() != Some(&id) {
        let here = state.task().map_or_else(|| "no task yet".to_owned(), |here| format!("task {here}"));
        out.push(refuse(task, &contract, format!("this executor has {here}")));
        return state;
    }
    let Some(newest) = newest(&state) else {
        out.push(Effect::Note(format!("a restart of {id}, which is ending: ignored")));
        return state;
    };
    if version(&contract) == newest {
        // Its word on what runs may have been lost on the way.
        if let State::Running { task, .. } = &state
            && task.staging.is_none()
        {
            let message = format!("broker {} runs this already", task.broker());
            out.push(Effect::Update(task.update(TaskState::Running, message)));
        }
        return state;
    }
    if contract.generation < newest.0 {
        // Late on its way, it is nobody's wish any more; of a scheduler with an older state, it must not wait in vain.
        let (old, new) = (contract.generation, newest.0);
        let reason = format!("generation {old} is over, since {new} was asked for after it");
        out.push(refuse(task, &contract, reason));
        return state;
    }
    let running = state.going_on().map(|task| task.contract.clone());
    let problems = contract::restart(&id, running.as_deref(), &contract);
    if !problems.is_empty() {
        out.push(refuse(task, &contract, problems.join("; ")));
        return state;
    }
    let (config, generation) = (contract.config_id, contract.generation);
    out.push(Effect::Note(format!("restart of {id} to configuration {config}, generation {generation}")));
    match &mut state {
        State::Preparing { step: Step::Files { newer }, .. } => *newer = Some(contract),
        other => {
            if let Some(task) = other.going_on() {
                task.stage(contract, out);
            }
        }
    }
    state
}

fn version(contract: &LaunchContract) -> (u64, uuid::Uuid) {
    (contract.generation, contract.config_id)
}

/// What the task will run once all that was asked for is done; `None` where it ends.
fn newest(state: &State) -> Option<(u64, uuid::Uuid)> {
    let (task, next) = match state {
        State::Idle | State::Done(_) | State::Stopping { after: After::End(_), .. } => return None,
        State::Preparing { task, step: Step::Files { newer } } => (task, newer.as_deref()),
        State::Preparing { task, step: Step::Spawn { next } } => {
            (task, next.as_ref().map(|next| &*next.contract))
        }
        State::Stopping { task, after: After::Start(next), .. } => (task, Some(&*next.contract)),
        State::Preparing { task, .. } | State::Starting { task, .. } | State::Running { task, .. } => {
            (task, None)
        }
    };
    let staging = task.staging.as_ref().map(|Staging { contract, newer }| newer.as_ref().unwrap_or(contract));
    Some(version(staging.map_or(next.unwrap_or(&task.contract), |staging| staging)))
}

fn refuse(task: TaskId, contract: &LaunchContract, reason: String) -> Effect {
    let (config_id, generation) = (contract.config_id, contract.generation);
    Effect::Refuse(Box::new(Refusal { task, config_id, generation, reason }))
}

/// The answer to a restart's [`Effect::Prepare`].
pub(super) fn prepared(
    now: Duration,
    mut state: State,
    result: Result<Duration, String>,
    out: &mut Vec<Effect>,
) -> State {
    let Some(task) = state.going_on() else { return state };
    let Some(Staging { contract, newer }) = task.staging.take() else { return state };
    state = match result {
        Ok(session_timeout) => take_up(now, state, Next { contract, session_timeout }, out),
        Err(problem) => {
            // A task whose id is no TaskId of ours was never asked to restart.
            if let Ok(id) = task.id.parse() {
                out.push(refuse(id, &contract, problem));
            }
            state
        }
    };
    if let (Some(newer), Some(task)) = (newer, state.going_on()) {
        task.stage(newer, out);
    }
    state
}

fn take_up(now: Duration, state: State, next: Next, out: &mut Vec<Effect>) -> State {
    match state {
        State::Starting { task, jvm, .. } | State::Running { task, jvm } => begin(now, task, jvm, next, out),
        State::Stopping { task, jvm, phase, after: After::Start(_) } => {
            State::Stopping { task, jvm, phase, after: After::Start(next) }
        }
        // No JVM yet: the one to come is this one.
        State::Preparing { mut task, step: Step::Registration { asking, shown, .. } } => {
            task.contract = next.contract;
            let until = now + next.session_timeout + REGISTRATION_MARGIN;
            State::Preparing { task, step: Step::Registration { until, asking, shown } }
        }
        State::Preparing { task, step: Step::Spawn { .. } } => {
            State::Preparing { task, step: Step::Spawn { next: Some(next) } }
        }
        other => other,
    }
}

/// Stops the JVM, to start the next one.
pub(super) fn begin(now: Duration, mut task: Task, jvm: Jvm, next: Next, out: &mut Vec<Effect>) -> State {
    out.push(Effect::Rest);
    // Nobody checks the one to come yet, and the one before is as well as it was.
    task.healthy = None;
    let message = format!(
        "restarting in place, to configuration {}, generation {}: the JVM is being stopped",
        next.contract.config_id, next.contract.generation
    );
    out.push(Effect::Update(task.update(TaskState::Starting, message)));
    let phase = stop::ask(now, task.grace, out);
    State::Stopping { task, jvm, after: After::Start(next), phase }
}
