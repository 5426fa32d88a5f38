//! What a status of a task says: how far the task is, what it runs, and whether its home is there.

use api::launch::{LABEL_CONFIG, LABEL_GENERATION};
use mesos::v1::{self, TaskState, task_status::Reason};

use crate::{
    broker::{Broker, Condition, ConfigId, Hold, Home, HomeId},
    event::{Effects, Timestamp},
    state::Released,
};

/// What runs, as the executor's own TASK_RUNNING says (D31). Of the answer to a RECONCILE it says nothing.
fn runs(status: &v1::TaskStatus) -> Option<(ConfigId, u64)> {
    if status.state() != TaskState::TaskRunning || status.reason == Some(Reason::Reconciliation.into()) {
        return None;
    }
    let labels = &status.labels.as_ref()?.labels;
    let label = |key: &str| labels.iter().find(|label| label.key == key)?.value.as_deref();
    Some((ConfigId(label(LABEL_CONFIG)?.parse().ok()?), label(LABEL_GENERATION)?.parse().ok()?))
}

/// Whether the state says that the task runs, or is about to.
pub(crate) fn is_live(state: TaskState) -> bool {
    use TaskState::*;
    matches!(state, TaskStaging | TaskStarting | TaskRunning | TaskKilling)
}

/// Follows a status of the broker's current, live task. Answers the home to return, if the status denies its claim.
pub(crate) fn follow(
    broker: &mut Broker,
    status: &v1::TaskStatus,
    now: Timestamp,
    effects: &mut Effects,
) -> Option<(HomeId, Released)> {
    let id = broker.id;
    let state = status.state();
    let task = broker.task.as_mut()?;
    if let Some(healthy) = status.healthy {
        task.healthy = Some(healthy);
    }
    // An answer to RECONCILE carries Mesos' words about reconciliation, never the executor's (D31).
    let reconciled = status.reason == Some(Reason::Reconciliation.into());
    if !reconciled && let Some(message) = &status.message {
        task.message.clone_from(message);
    }
    let before = task.condition;
    task.condition = match state {
        // Known to the master and not started, so nothing new.
        TaskState::TaskStaging => task.condition,
        TaskState::TaskStarting => Condition::Starting,
        TaskState::TaskRunning => Condition::Running,
        TaskState::TaskKilling => Condition::Stopping,
        // The master has no idea: its agent may yet come back.
        TaskState::TaskUnreachable | TaskState::TaskUnknown => Condition::Unreachable,
        _ => Condition::Ended { at: now },
    };
    if before == Condition::Running && task.condition == Condition::Starting {
        // Another JVM in the same task: its partitions have to be in sync anew, and nobody has checked it yet.
        task.settled = false;
        task.healthy = status.healthy;
    }
    // An update that comes a second time may be older than what is known.
    if let Some((config, generation)) = runs(status)
        && generation > task.generation
    {
        (task.config, task.generation, task.settled) = (config, generation, false);
        task.restart = task.restart.take().filter(|restart| restart.generation > generation);
        // A stop that must not wait still must not: others wait for it, and it would wait for them.
        broker.forced = broker.forced.filter(|forced| task.stopping || *forced > generation);
        effects.notes.push(format!("broker {id}: runs configuration {}, generation {generation}", config.0));
    }
    if task.condition != before {
        let words = if task.message.is_empty() { String::new() } else { format!(": {}", task.message) };
        effects.notes.push(format!("broker {id}: task {} is {}{words}", task.id, state.as_str_name()));
    }
    // An end that somebody asked for is no failure: a roll, or an agent that was stopped.
    if task.condition.is_ended() && !task.stopping && state != TaskState::TaskKilled {
        broker.failures = broker.failures.again(task.launched_at, now);
    }
    let claim = broker.home.as_mut().filter(|home| home.hold == Hold::Claimed);
    match (claim, meaning_for_claim(status)) {
        (Some(home), Claim::Shown) => keep(home, status),
        (Some(_), Claim::Denied { returned }) => {
            let home = broker.home.take()?;
            effects
                .notes
                .push(format!("broker {id}: its claim on agent {} was denied and is let go", home.agent_id));
            let released = Released { broker: id, agent_id: home.agent_id, since: now };
            return returned.then_some((home.id, released));
        }
        _ => {}
    }
    None
}

/// What a status of its task says about a claimed home.
enum Claim {
    /// Nothing: Mesos may or may not have made it.
    Open,
    /// It is there.
    Shown,
    /// It is not there, as far as anyone can tell.
    Denied {
        /// Whether what may be there after all held no broker for sure, so that it may be returned when it turns up.
        returned: bool,
    },
}

fn meaning_for_claim(status: &v1::TaskStatus) -> Claim {
    use TaskState::*;
    match status.state() {
        // The master has the launch; its agent may not.
        TaskStaging | TaskUnreachable | TaskUnknown => Claim::Open,
        TaskStarting | TaskRunning | TaskKilling | TaskFinished | TaskFailed | TaskKilled => Claim::Shown,
        // By the agent: its executor was there, and is no more.
        TaskGone if status.uuid.is_some() => Claim::Shown,
        TaskError | TaskDropped | TaskGone => Claim::Denied { returned: true },
        // Its agent has left: a broker may have served there unheard.
        TaskLost | TaskGoneByOperator => Claim::Denied { returned: false },
    }
}

/// Mesos has shown the home: from now on only an operator can give it up.
fn keep(home: &mut Home, status: &v1::TaskStatus) {
    home.hold = Hold::Kept;
    if let Some(agent) = &status.agent_id {
        home.agent_id.clone_from(&agent.value);
    }
}
