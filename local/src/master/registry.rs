//! What a master must remember over its death: the agents it admitted, and those it gave up.

use std::collections::BTreeMap;

use mesos::v1;

use super::Time;

/// Unreachable and gone agents kept; beyond it the longest gone are forgotten.
const KEPT: usize = 1000;

/// The master's durable memory, by agent id. Frameworks and tasks are not in it: they come back by themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    /// Admitted agents.
    pub agents: BTreeMap<String, v1::AgentInfo>,
    /// Agents that stopped answering, and when.
    pub unreachable: BTreeMap<String, Time>,
    /// Agents an operator declared gone, and when; never admitted again.
    pub gone: BTreeMap<String, Time>,
}

impl Registry {
    pub(crate) fn admit(&mut self, id: &str, info: v1::AgentInfo) {
        self.unreachable.remove(id);
        self.agents.insert(id.to_owned(), info);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.agents.remove(id);
        self.unreachable.remove(id);
    }

    pub(crate) fn mark_unreachable(&mut self, id: &str, since: Time) {
        self.agents.remove(id);
        insert(&mut self.unreachable, id, since);
    }

    pub(crate) fn mark_gone(&mut self, id: &str, since: Time) {
        self.remove(id);
        insert(&mut self.gone, id, since);
    }
}

fn insert(map: &mut BTreeMap<String, Time>, id: &str, since: Time) {
    map.insert(id.to_owned(), since);
    if map.len() > KEPT
        && let Some(oldest) = map.iter().min_by_key(|(_, since)| **since).map(|(id, _)| id.clone())
    {
        map.remove(&oldest);
    }
}
