//! Whether a broker that serves has also caught up: what completes its block (D18).

use api::ids::BrokerId;

use crate::{
    broker::Condition,
    event::{Effects, Timestamp},
    state::State,
};

/// Latches every serving broker that was seen in sync, or at once where nobody wants to wait for it.
pub fn settle(state: &mut State, effects: &mut Effects) {
    let running: Vec<BrokerId> = state
        .stored
        .brokers
        .values()
        .filter(|broker| broker.live_task().is_some_and(|t| t.condition == Condition::Running && !t.settled))
        .map(|broker| broker.id)
        .collect();
    for id in running {
        if why_not(state, id).is_none()
            && let Some(task) = state.stored.brokers.get_mut(&id).and_then(|broker| broker.task.as_mut())
        {
            task.settled = true;
            effects.notes.push(format!("broker {id}: serving and in sync"));
        }
    }
}

/// What a serving broker lacks to be settled, for people.
pub fn missing(state: &State, broker: BrokerId) -> String {
    why_not(state, broker).unwrap_or_else(|| "seen in sync just now".to_owned())
}

fn why_not(state: &State, broker: BrokerId) -> Option<String> {
    if !state.target().rollout_wait_for_isr {
        return None;
    }
    // A picture from before it served shows its earlier task, if any.
    let since = state.serving_since(broker).unwrap_or(Timestamp(u64::MAX));
    let fresh = state.kafka.as_ref().filter(|snapshot| snapshot.taken_at >= since.0);
    let Some(snapshot) = fresh else {
        return Some(match &state.kafka_error {
            Some(error) => format!("Kafka could not be asked: {error}"),
            None => "Kafka was not asked yet".to_owned(),
        });
    };
    if !snapshot.brokers.contains_key(&broker.0) {
        return Some("the other brokers do not know it yet".to_owned());
    }
    let lagging = snapshot.lagging(broker.0);
    if lagging.is_empty() {
        return None;
    }
    let named: Vec<_> = lagging.iter().take(3).map(ToString::to_string).collect();
    let more = if lagging.len() > 3 { format!(" and {} more", lagging.len() - 3) } else { String::new() };
    Some(format!("{}{more}", named.join(", ")))
}
