//! Changes an operator asks for: teardown, reservations and volumes on free resources, agents gone (mesos-v1-http §9.2,
//! §9.3).

use mesos::{
    resource::operation::{Unsound, conversions},
    v1::offer::Operation,
};

use super::{
    Answer, Change, Master,
    operation::{self, Caller},
};

/// The filter a rescinded offer leaves behind (§3.4), in seconds.
const RESCIND_FILTER: f64 = 5.0;

impl Master {
    pub(super) fn change(&mut self, change: Change) -> Answer {
        match change {
            Change::Teardown(id) if self.remove_framework(&id.value) => Answer::new(200, ""),
            Change::Teardown(_) => Answer::new(400, "No framework found with specified ID"),
            Change::MarkGone(id) if self.mark_gone(&id.value) => Answer::new(200, ""),
            Change::MarkGone(id) => Answer::new(404, format!("Agent '{}' not found", id.value)),
            Change::Apply { agent, operation } => self.apply_for_operator(&agent.value, &operation),
        }
    }

    fn apply_for_operator(&mut self, agent: &str, asked: &Operation) -> Answer {
        let Some(state) = self.agents.get(agent).filter(|agent| agent.link.is_some()) else {
            return Answer::new(400, "No agent found with specified ID");
        };
        let used = self.used(agent);
        // Without authentication an operator has no principal, and so may write any.
        let caller = Caller { principal: None, role: None };
        let checked = operation::plain(asked, None).and_then(|plain| {
            operation::check(&plain, &caller, &state.total, &used)?;
            Ok(plain)
        });
        let plain = match checked {
            Ok(plain) => plain,
            Err(why) => {
                return Answer::new(
                    400,
                    format!("Invalid {} operation on agent {agent}: {why}", asked.r#type().as_str_name()),
                );
            }
        };
        let steps = match conversions(&plain) {
            Ok(steps) => steps,
            Err(why) => return Answer::new(400, operation::chain(&why)),
        };
        let mut needed = mesos::resource::Resources::new();
        for step in &steps {
            needed.add_all(&step.consumed);
        }
        // Offers are taken back one by one until enough is free.
        for offer in self.offers_on(agent) {
            if self.free(agent).contains(&needed) {
                break;
            }
            self.rescind(&offer, Some(RESCIND_FILTER));
        }
        let free = self.free(agent);
        if !free.contains(&needed) {
            return Answer::new(409, format!("{free} does not contain {needed}"));
        }
        match self.apply_to_agent(agent, None, None, plain) {
            Ok(()) => Answer::new(202, ""),
            Err(why @ Unsound::Missing(_)) => Answer::new(409, why.to_string()),
            Err(why) => Answer::new(400, operation::chain(&why)),
        }
    }
}
