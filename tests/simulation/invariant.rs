//! What must hold, under the names of the scheduler crate's documentation. A check answers the violation, if any.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    ids::{BrokerId, TaskId},
    incident::Incident,
    launch::LABEL_GENERATION,
    message::ToExecutor,
};
use mesos::{
    resource::identity,
    v1::{
        self, TaskState,
        offer::operation,
        scheduler::{Call, call},
    },
};
use scheduler::{
    broker::{Broker, Condition, ConfigId, Hold, HomeId, is_terminal},
    event::Records,
    offer::pool::home_of,
    plan, record,
};

use uuid::Uuid;

use crate::{node::Node, planted::Planted};

/// What a check answers: nothing, or what is wrong.
pub type Check = Result<(), String>;

/// A stored broker.
fn stored_broker(store: &Records, id: TaskId) -> Option<Broker> {
    serde_json::from_slice(store.get(&format!("brokers/{}", id.broker))?).ok()
}

/// No call rests on an unstored write: a LAUNCH's task and home are in the store.
pub fn launch_is_stored(store: &Records, call: &Call) -> Check {
    let Some(accept) = &call.accept else { return Ok(()) };
    for task in
        accept.operations.iter().filter_map(|o| o.launch.as_ref()).flat_map(|launch| &launch.task_infos)
    {
        let id: TaskId = task.task_id.value.parse().unwrap();
        let stored = stored_broker(store, id).and_then(|broker| Some((broker.task?.id, broker.home?)));
        let executor = task.executor.as_ref().unwrap();
        let home = executor.resources.iter().find_map(home_of);
        match stored {
            Some((task, kept)) if task == id && Some(kept.id) == home => {}
            other => {
                return Err(format!("no call rests on an unstored write: LAUNCH of {id}, stored {other:?}"));
            }
        }
    }
    Ok(())
}

/// No acknowledge before store: the update acknowledged shows in the stored record of its task.
pub fn acknowledged_is_stored(
    store: &Records,
    call: &Call,
    updates: &BTreeMap<Vec<u8>, v1::TaskStatus>,
) -> Check {
    let Some(acknowledge) = &call.acknowledge else { return Ok(()) };
    let Some(status) = updates.get(&acknowledge.uuid) else {
        return Err(format!("no acknowledge before store: unknown uuid {:?}", acknowledge.uuid));
    };
    let id: TaskId = status.task_id.value.parse().unwrap();
    let Some(task) = stored_broker(store, id).and_then(|broker| broker.task).filter(|task| task.id == id)
    else {
        return Ok(());
    };
    let fits = match (status.state(), task.condition) {
        (state, Condition::Ended { .. }) => is_terminal(state) || state != TaskState::TaskStaging,
        (state, _) if is_terminal(state) => false,
        (_, Condition::Launching) => false,
        // A repeated update may be older than what is stored, never newer.
        (TaskState::TaskRunning, Condition::Starting) => false,
        _ => true,
    };
    let labels = status.labels.iter().flat_map(|labels| &labels.labels);
    let generation =
        labels.filter(|label| label.key == LABEL_GENERATION).find_map(|label| label.value.as_deref());
    // D31: what the executor says of what runs is on record, while it does.
    let known = task.condition.is_ended()
        || generation.is_none_or(|generation| task.generation >= generation.parse().unwrap());
    if fits && known {
        return Ok(());
    }
    Err(format!(
        "no acknowledge before store: {} of {id} while {:?} is stored",
        status.state().as_str_name(),
        task.condition
    ))
}

/// Each offer is answered once, in the `handle` that brought it.
pub fn offers_are_answered(offers: &[String], calls: &[Call]) -> Check {
    let mut answered: Vec<&str> = calls
        .iter()
        .flat_map(|call| {
            let accepted = call.accept.iter().flat_map(|accept| &accept.offer_ids);
            accepted.chain(call.decline.iter().flat_map(|decline| &decline.offer_ids))
        })
        .map(|id| id.value.as_str())
        .collect();
    answered.sort_unstable();
    let mut offers: Vec<&str> = offers.iter().map(String::as_str).collect();
    offers.sort_unstable();
    if answered == offers {
        return Ok(());
    }
    Err(format!("each offer is answered once: offered {offers:?}, answered {answered:?}"))
}

/// The state restored from the store equals the state held.
pub fn store_is_state(store: &Records, core: &scheduler::Scheduler, planted: Option<Planted>) -> Check {
    let mut held = record::all(&core.state().stored);
    let mut store = store.clone();
    if let Some(lost) = planted.and_then(Planted::lost) {
        held.retain(|key, _| !key.starts_with(lost));
        store.retain(|key, _| !key.starts_with(lost));
    }
    let restored =
        record::restore(&store).map_err(|e| format!("the state restored equals the state held: {e}"))?;
    match restored {
        Some(restored) if record::all(&restored) == held => Ok(()),
        _ => {
            let different: Vec<_> =
                held.iter().filter(|(key, value)| store.get(*key) != Some(value)).map(|(k, _)| k).collect();
            Err(format!("the state restored equals the state held: {different:?} differ"))
        }
    }
}

/// A volume is destroyed only after a denied claim: never one that a broker ever served from.
pub fn destroyed_held_nothing(call: &Call, served: &BTreeSet<String>) -> Check {
    let Some(accept) = &call.accept else { return Ok(()) };
    for volume in
        accept.operations.iter().filter_map(|o| o.destroy.as_ref()).flat_map(|destroy| &destroy.volumes)
    {
        let id = identity::persistence_id(volume).unwrap_or_default();
        if served.contains(id) {
            return Err(format!(
                "a volume is destroyed only after a denied claim: {id} held a broker's data"
            ));
        }
    }
    Ok(())
}

/// One live task per broker, in truth: executors that run, on whatever machine.
pub fn one_live_task(nodes: &[Node]) -> Check {
    let mut live: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for executor in nodes.iter().flat_map(|node| node.executors.values()).filter(|executor| !executor.ending)
    {
        if let (Some(broker), Some(task)) = (executor.broker(), executor.task_id()) {
            live.entry(broker).or_default().push(task);
        }
    }
    match live.into_iter().find(|(_, tasks)| tasks.len() > 1) {
        Some((broker, tasks)) => Err(format!("one live task per broker: broker {broker} has {tasks:?}")),
        None => Ok(()),
    }
}

/// No call rests on an unstored write: an incident that is said to be stored is, unless twenty newer ones are.
pub fn incident_is_stored(store: &Records, call: &Call) -> Check {
    let Some(message) = &call.message else { return Ok(()) };
    let ToExecutor::IncidentStored { id } = serde_json::from_slice(&message.data).unwrap() else {
        return Ok(());
    };
    let task: TaskId = message.executor_id.value.parse().unwrap();
    match is_kept(store, task, id) {
        true => Ok(()),
        false => Err(format!("no call rests on an unstored write: incident {id} of {task}")),
    }
}

/// No acknowledge before store: nor of an update that tells of an incident, which comes nowhere else for sure (D45).
pub fn incident_is_acknowledged(
    store: &Records,
    call: &Call,
    updates: &BTreeMap<Vec<u8>, v1::TaskStatus>,
) -> Check {
    let status = call.acknowledge.as_ref().and_then(|acknowledge| updates.get(&acknowledge.uuid));
    let Some(data) = status.and_then(|status| status.data.as_ref()) else { return Ok(()) };
    let Incident { id, task, .. } = serde_json::from_slice(data).unwrap();
    match is_kept(store, task, id) {
        true => Ok(()),
        false => Err(format!("no acknowledge before store: incident {id} of {task}")),
    }
}

/// Whether an incident is stored, or twenty newer ones are.
fn is_kept(store: &Records, task: TaskId, id: Uuid) -> bool {
    let prefix = format!("incidents/{}/", task.broker);
    let kept = store.keys().filter(|key| key.starts_with(&prefix)).count();
    store.contains_key(&format!("{prefix}{id}")) || kept == scheduler::incident::KEPT
}

/// A converged cluster is left alone: no broker is taken down or launched when all is as it is wanted.
pub fn left_alone(call: &Call, core: &scheduler::Scheduler) -> Check {
    let current = |id: &TaskId| {
        core.state().stored.brokers[&id.broker].task.as_ref().is_some_and(|task| task.id == *id)
    };
    let launches = call.accept.as_ref().is_some_and(|a| a.operations.iter().any(|o| o.launch.is_some()));
    match launches || taken_down(call).is_some_and(|(id, _)| current(&id)) {
        true => Err(format!("a converged cluster is left alone: {}", describe(call))),
        false => Ok(()),
    }
}

/// The task whose broker a call takes down; of a restart also the generation that is to run.
fn taken_down(call: &Call) -> Option<(TaskId, Option<u64>)> {
    if let Some(kill) = &call.kill {
        return Some((kill.task_id.value.parse().unwrap(), None));
    }
    match serde_json::from_slice(&call.message.as_ref()?.data).unwrap() {
        ToExecutor::Restart { task, contract } => Some((task, Some(contract.generation))),
        ToExecutor::IncidentStored { .. } => None,
    }
}

/// At most one broker is down by our hand: a KILL of a broker's current task, or its restart, comes only while no other one
/// is, unless an operator forced it. One that is nobody's, and takes nothing down, is killed without grace.
pub fn one_down_by_our_hand(
    call: &Call,
    core: &scheduler::Scheduler,
    serving: &BTreeMap<String, u64>,
    down: &BTreeSet<u32>,
    forced: &BTreeSet<u32>,
) -> Result<Option<u32>, String> {
    let Some((id, generation)) = taken_down(call) else { return Ok(None) };
    let current = core.state().stored.brokers.get(&id.broker).and_then(|broker| broker.task.as_ref());
    let is_zombie = current.is_none_or(|task| task.id != id || task.condition.is_ended());
    if call.kill.as_ref().is_some_and(|kill| kill.kill_policy.is_some() != is_zombie) {
        return Err(format!("who is killed without grace is a zombie, and the other way round: {id}"));
    }
    if is_zombie {
        return Ok(None);
    }
    if !is_asked_for(core, call, id) {
        return Err(format!("a broker that runs what is wanted is left alone: {} of {id}", describe(call)));
    }
    // One that serves nobody takes nothing down; a first start has taken nothing away either.
    let Some(runs) = serving.get(&id.to_string()) else { return Ok(None) };
    // Nor does a restart that it has made already.
    if generation.is_some_and(|generation| generation <= *runs) {
        return Ok(None);
    }
    // That is the operator's hand.
    if is_forced(core, id.broker.0, forced) {
        return Ok(None);
    }
    let other: Vec<_> = down.iter().filter(|broker| **broker != id.broker.0).collect();
    if other.is_empty() {
        return Ok(Some(id.broker.0));
    }
    Err(format!("at most one broker is down by our hand: {} while {other:?} are", id.broker))
}

/// Whether an operator, one of those who did, wants this broker's restart not to wait.
pub fn is_forced(core: &scheduler::Scheduler, broker: u32, forced: &BTreeSet<u32>) -> bool {
    forced.contains(&broker) && core.state().stored.brokers[&BrokerId(broker)].is_forced()
}

/// Whether the scheduler has a reason to take down this current task: it runs something else than is wanted.
fn is_asked_for(core: &scheduler::Scheduler, call: &Call, id: TaskId) -> bool {
    let broker = &core.state().stored.brokers[&id.broker];
    let Some(task) = broker.task.as_ref() else { return false };
    let differs = task.config != core.state().stored.target || task.generation != broker.generation;
    let decided = match call.r#type() {
        call::Type::Kill => task.stopping,
        _ => task.restart.as_ref().is_some_and(|restart| restart.generation == broker.generation),
    };
    differs && decided || task.condition.is_ended()
}

/// What runs is what is wanted, in truth: each broker's configuration and generation.
pub fn runs_what_is_wanted(
    broker: &Broker,
    (config, generation): (Uuid, u64),
    core: &scheduler::Scheduler,
) -> bool {
    generation == broker.generation && plan::is_target(core.state(), ConfigId(config))
}

/// A kept home never changes: its id is the same after each step.
pub fn homes_are_kept(before: &BTreeMap<u32, HomeId>, after: &BTreeMap<u32, HomeId>) -> Check {
    match before.iter().find(|(broker, home)| after.get(broker) != Some(home)) {
        Some((broker, home)) => {
            Err(format!("a kept home is given up by nobody: broker {broker} had {}", home.0))
        }
        None => Ok(()),
    }
}

/// The homes that Mesos has shown.
pub fn kept_homes(core: &scheduler::Scheduler) -> BTreeMap<u32, HomeId> {
    let homes =
        core.state().stored.brokers.values().filter_map(|broker| Some((broker.id.0, broker.home.as_ref()?)));
    homes.filter(|(_, home)| home.hold == Hold::Kept).map(|(id, home)| (id, home.id)).collect()
}

/// No reservation leaks once converged: every home reserved is a broker's.
pub fn nothing_leaks(nodes: &[Node], core: &scheduler::Scheduler) -> Check {
    let homes: BTreeSet<_> = core
        .state()
        .stored
        .brokers
        .values()
        .filter_map(|broker| broker.home.as_ref())
        .map(|home| home.id)
        .collect();
    for resource in nodes.iter().flat_map(|node| node.disk.reserved()) {
        let home = home_of(resource);
        if home.is_none_or(|home| !homes.contains(&home)) {
            return Err(format!("no reservation leaks once converged: {} of home {home:?}", resource.name));
        }
    }
    Ok(())
}

/// What an ACCEPT does, for the trace.
pub fn describe(call: &Call) -> String {
    let kind = call.r#type().as_str_name();
    let Some(accept) = &call.accept else {
        let about = call
            .kill
            .as_ref()
            .map(|kill| &kill.task_id)
            .or(call.acknowledge.as_ref().map(|acknowledge| &acknowledge.task_id))
            .map(|id| format!(" {}", id.value))
            .or(taken_down(call).map(|(id, _)| format!(" {id}")))
            .or(call.reconcile.as_ref().map(|reconcile| format!(" {} tasks", reconcile.tasks.len())));
        return format!("{kind}{}", about.unwrap_or_default());
    };
    let operations: Vec<_> = accept
        .operations
        .iter()
        .map(|operation| match operation.r#type() {
            operation::Type::Launch => {
                let tasks = operation.launch.iter().flat_map(|launch| &launch.task_infos);
                format!(
                    "LAUNCH {}",
                    tasks.map(|task| task.task_id.value.as_str()).collect::<Vec<_>>().join(",")
                )
            }
            other => other.as_str_name().to_owned(),
        })
        .collect();
    format!("{kind} [{}]", operations.join("; "))
}
