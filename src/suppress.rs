//! When offers are asked for, and when they are not: REVIVE and SUPPRESS.

use api::ids::BrokerId;
use mesos::v1::scheduler::{Call, call};

use crate::{
    broker::{Broker, Condition},
    clean,
    decide::needs,
    event::{Effects, Timestamp},
    offer::Need,
    state::{OfferFlow, State},
};

/// How often REVIVE is repeated while somebody needs an offer, in case the last one was lost.
const REVIVE_MS: u64 = 60_000;

/// Offers are asked for while a broker needs one or is out of sight, or a released home may turn up; only then.
pub fn suppress_or_revive(state: &mut State, now: Timestamp, effects: &mut Effects) {
    let mut needs: Vec<BrokerId> = needs(state, now).iter().map(Need::broker).collect();
    // Only an offer can show that a broker out of sight has ended (`find_ended`), and where its home is now.
    let out_of_sight =
        |broker: &&Broker| broker.live_task().is_some_and(|t| t.condition == Condition::Unreachable);
    needs.extend(state.stored.brokers.values().filter(out_of_sight).map(|broker| broker.id));
    let wanted = !needs.is_empty() || clean::is_searching(&state.stored, now);
    let r#type = match &state.offer_flow {
        OfferFlow::Suppressed if !wanted => return,
        OfferFlow::Revived { needs: before, at }
            if wanted && *before == needs && now.since(*at) < REVIVE_MS =>
        {
            return;
        }
        _ if wanted => {
            state.offer_flow = OfferFlow::Revived { needs, at: now };
            call::Type::Revive
        }
        _ => {
            state.offer_flow = OfferFlow::Suppressed;
            call::Type::Suppress
        }
    };
    effects.calls.push(Call { r#type: Some(r#type.into()), ..Default::default() });
}
