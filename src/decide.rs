//! From state alone to effects, in a fixed order: reconcile → settle → roll → kill → place → clean → suppress or revive.
//!
//! Every event, a bare tick included, ends here. A lost call needs no retry of its own: the next tick sees that what is
//! wanted still is not, and asks again.

use api::{
    ids::{BrokerId, TaskId},
    rest::offer::{Evaluation, OfferDecision, OfferOutcome, Refusal},
};
use mesos::{
    resource::Resources,
    v1::{
        self,
        offer::Operation,
        scheduler::{Call, call},
    },
};
use rand::Rng;

use crate::{
    broker::{Broker, Condition, Hold},
    clean,
    event::{Effects, Timestamp},
    launch,
    offer::{self, Context, Need, Placed, pool::Pool},
    plan, reconcile, roll, settle,
    state::{Connection, State, launching},
    suppress,
};

/// How long an offer that fits nobody is refused. REVIVE forgets it when somebody new needs one, and resources that
/// come free are offered in spite of it (mesos-v1-http 3.4).
const REFUSE_SECS: f64 = 600.0;

/// Decides what follows from the state, and answers the offers at hand.
pub fn decide(
    state: &mut State,
    now: Timestamp,
    offers: Vec<v1::Offer>,
    rng: &mut impl Rng,
    effects: &mut Effects,
) {
    settle::settle(state, effects);
    if state.connection != Connection::Subscribed {
        // Offers of a subscription that is gone are void; Mesos takes them back by itself.
        return;
    }
    reconcile(state, now, effects);
    state.reconciled |= state.reconcile.is_complete();
    clean::forget(&mut state.stored, now);
    roll::roll(state, now, effects);
    effects.calls.extend(state.kills.due(now));
    let mut offers = offers;
    // Brokers spread where they may: the emptiest agent is tried first.
    let homes = homes(state);
    offers.sort_by_key(|offer| homes.iter().filter(|(_, agent)| *agent == offer.agent_id.value).count());
    for offer in offers {
        let call = answer(state, now, &offer, rng, effects);
        effects.calls.push(call);
    }
    suppress::suppress_or_revive(state, now, effects);
}

fn reconcile(state: &mut State, now: Timestamp, effects: &mut Effects) {
    let live: Vec<_> = state
        .stored
        .brokers
        .values()
        .filter_map(|broker| {
            let task = broker.live_task()?;
            Some(reconcile::Asked {
                id: task.id,
                agent_id: broker.home.as_ref().map(|home| home.agent_id.clone()),
                overdue: task.condition == Condition::Launching
                    && now.since(task.launched_at) >= reconcile::OVERDUE_MS,
            })
        })
        .collect();
    if live.iter().any(|task| task.overdue) {
        state.reconcile.hasten(now);
    }
    effects.calls.extend(state.reconcile.ask(now, &live));
}

/// The brokers to launch now: those with a home first, since their data is waiting, then the next new one.
pub fn needs(state: &State, now: Timestamp) -> Vec<Need> {
    let ready = |broker: &&Broker| broker.live_task().is_none() && broker.failures.wait(now) == 0;
    let at_home = plan::wanted(state)
        .filter(ready)
        .filter_map(|broker| Some(Need::AtHome(broker.id, broker.home.clone()?)));
    // A new broker waits for every task to be heard from, and for every broker before it (S-033, D40).
    let next = plan::wanted(state).find(|broker| !plan::is_complete(state, broker));
    let fresh = next
        .filter(|broker| broker.home.is_none() && state.reconcile.is_complete())
        .filter(ready)
        .map(|broker| Need::Fresh(broker.id));
    at_home.chain(fresh).collect()
}

/// Answers one offer: ACCEPT with all it is good for, or DECLINE.
fn answer(
    state: &mut State,
    now: Timestamp,
    offer: &v1::Offer,
    rng: &mut impl Rng,
    effects: &mut Effects,
) -> Call {
    let mut pool = Pool::new(offer);
    find_ended(state, &pool, now, effects);
    let mut operations = Vec::new();
    let mut evaluations = Vec::new();
    for need in needs(state, now) {
        let homes = homes(state);
        let homes = homes.iter().map(|(broker, agent)| (*broker, agent.as_str())).collect();
        let context = Context { service: state.target(), homes };
        let refusal = match offer::place(&need, offer, &mut pool, &context, rng) {
            Ok(placed) => {
                operations.extend(place(state, now, placed, rng, effects));
                None
            }
            Err(refusals) => {
                let causes = refusals.iter().map(|refusal| Refusal::leaf(refusal.to_string())).collect();
                Some(Refusal::because(format!("broker {} does not fit", need.broker()), causes))
            }
        };
        evaluations.push(Evaluation { broker: need.broker(), refusal });
    }
    let cleaning = clean::clean(&mut state.stored, offer, &mut pool);
    operations.extend(cleaning.operations);
    effects.notes.extend(cleaning.remarks);
    let accepted = !operations.is_empty();
    state.remember(OfferOutcome {
        at: now.0,
        offer_id: offer.id.value.clone(),
        agent_id: offer.agent_id.value.clone(),
        hostname: offer.hostname.clone(),
        resources: summary(offer),
        decision: if accepted { OfferDecision::Accepted } else { OfferDecision::Declined },
        evaluations,
    });
    if accepted { accept(offer, operations) } else { decline(offer) }
}

/// A home offered whole is in nobody's use, so a task last known out of sight there has ended: a volume among the
/// executor's resources is offered only once its container is destroyed (D32).
fn find_ended(state: &mut State, pool: &Pool, now: Timestamp, effects: &mut Effects) {
    for home in pool.homes() {
        for broker in state.stored.brokers.values_mut() {
            let Some(kept) = broker.home.as_ref().filter(|kept| kept.id == home) else { continue };
            let persistence_id = kept.volume.persistence_id.to_string();
            let offered = pool.clone().take_volume(home, &persistence_id).is_some();
            if let Some(task) = broker.task.as_mut()
                && task.condition == Condition::Unreachable
                && offered
            {
                effects
                    .notes
                    .push(format!("broker {}: task {} has ended: its home is offered", broker.id, task.id));
                task.condition = Condition::Ended { at: now };
                state.kills.done(task.id);
                broker.failures = broker.failures.again(task.launched_at, now);
            }
        }
    }
}

/// Stores the launch of a placed broker and answers the operations that make it so.
fn place(
    state: &mut State,
    now: Timestamp,
    placed: Placed,
    rng: &mut impl Rng,
    effects: &mut Effects,
) -> Vec<Operation> {
    let target = state.stored.target;
    let Some(broker) = state.stored.brokers.get_mut(&placed.broker) else { return Vec::new() };
    let id = TaskId { broker: placed.broker, uuid: offer::new_uuid(rng) };
    let task = launching(id, target, broker.generation, now);
    broker.forced = None;
    let home = &placed.home;
    let how = if home.hold == Hold::Claimed { "placed on" } else { "back at home on" };
    let remark = placed.remark.as_ref().map(|remark| format!(" ({remark})")).unwrap_or_default();
    effects.notes.push(format!(
        "broker {}: {how} agent {}, port {}{remark}; task {id}",
        placed.broker, home.hostname, home.port
    ));
    broker.home = Some(placed.home.clone());
    broker.task = Some(task.clone());
    state.heard.remove(&placed.broker);
    launch::operations(&placed, &task, state.target())
}

/// Where every broker lives, and where a stopped home may come back to.
fn homes(state: &State) -> Vec<(BrokerId, String)> {
    let homes = state.stored.brokers.values().filter_map(|broker| Some((broker.id, broker.home.as_ref()?)));
    homes.map(|(id, home)| (id, home.agent_id.clone())).collect()
}

fn accept(offer: &v1::Offer, operations: Vec<Operation>) -> Call {
    Call {
        r#type: Some(call::Type::Accept.into()),
        accept: Some(call::Accept {
            offer_ids: vec![offer.id.clone()],
            operations,
            filters: Some(v1::Filters { refuse_seconds: Some(REFUSE_SECS) }),
        }),
        ..Default::default()
    }
}

fn decline(offer: &v1::Offer) -> Call {
    Call {
        r#type: Some(call::Type::Decline.into()),
        decline: Some(call::Decline {
            offer_ids: vec![offer.id.clone()],
            filters: Some(v1::Filters { refuse_seconds: Some(REFUSE_SECS) }),
        }),
        ..Default::default()
    }
}

/// What an offer holds, for people.
fn summary(offer: &v1::Offer) -> String {
    offer.resources.iter().cloned().collect::<Resources>().to_string()
}
