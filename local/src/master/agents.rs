//! Agents and what they say: registering here, [`back`] and [`loss`] beside (mesos-v1-http §5.5, §5.9).

mod back;
mod loss;

use std::{collections::BTreeMap, net::SocketAddr};

use mesos::{
    resource::Resources,
    v1::{
        self,
        scheduler::{self, event::Type as EventType},
    },
};

use super::{Master, Output, Time, event, task::is_terminal};
use crate::link::{LinkId, ToAgent, ToMaster};
use back::Back;
use loss::Loss;

/// An agent the master has admitted, connected or not.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) info: v1::AgentInfo,
    pub(crate) address: SocketAddr,
    /// Its live connection; none while it is disconnected.
    pub(crate) link: Option<LinkId>,
    /// All it has, reservations and volumes included; not allocated.
    pub(crate) total: Resources,
    pub(crate) registered: Time,
    pub(crate) reregistered: Option<Time>,
    /// When the next ping goes out, and the last one is judged.
    pub(crate) ping_at: Time,
    pub(crate) awaits_pong: bool,
    pub(crate) misses: u32,
    /// By framework and executor id; `framework_id` is set.
    pub(crate) executors: BTreeMap<(String, String), v1::ExecutorInfo>,
    /// Kills asked for while it was away, by framework and task id.
    pub(crate) kills: BTreeMap<(String, String), Option<v1::KillPolicy>>,
    /// Operations with feedback that are not acknowledged, by internal id.
    pub(crate) operations: BTreeMap<Vec<u8>, v1::Operation>,
}

impl Master {
    /// Resources of an agent's live tasks and executors, not allocated.
    pub(super) fn used(&self, agent: &str) -> Resources {
        let mut used = Resources::new();
        for task in self.frameworks.values().flat_map(|framework| framework.tasks.values()) {
            if task.agent_id.value == agent && !is_terminal(task.state()) {
                used.add_all(&task.resources.iter().cloned().collect());
            }
        }
        for executor in self.agents.get(agent).into_iter().flat_map(|agent| agent.executors.values()) {
            used.add_all(&executor.resources.iter().cloned().collect());
        }
        used.unallocated()
    }

    /// What a framework's live tasks and executors hold, allocated; of one role or all.
    pub(super) fn allocated(&self, framework: &str, role: Option<&str>) -> Resources {
        let Some(it) = self.frameworks.get(framework) else { return Resources::new() };
        let tasks =
            it.tasks.values().filter(|task| !is_terminal(task.state())).flat_map(|task| &task.resources);
        let executors = self
            .agents
            .values()
            .flat_map(|agent| &agent.executors)
            .filter(|((owner, _), _)| owner == framework)
            .flat_map(|(_, executor)| &executor.resources);
        tasks
            .chain(executors)
            .filter(|resource| {
                role.is_none_or(|role| mesos::resource::identity::allocation_role(resource) == Some(role))
            })
            .cloned()
            .collect()
    }

    pub(super) fn agent_says(&mut self, link: LinkId, message: ToMaster) {
        let Some(address) = self.links.get(&link).copied() else { return };
        match message {
            ToMaster::Register { info, resources } => return self.register(link, address, *info, resources),
            ToMaster::Reregister { info, resources, tasks, executors, frameworks, operations } => {
                return self.reregister(
                    link,
                    address,
                    *info,
                    Back { resources, tasks, executors, frameworks, operations },
                );
            }
            _ => {}
        }
        // Everything else counts only on the live link of a registered agent.
        let Some(agent) =
            self.agents.iter().find(|(_, agent)| agent.link == Some(link)).map(|(id, _)| id.clone())
        else {
            return;
        };
        match message {
            ToMaster::Register { .. } | ToMaster::Reregister { .. } => {}
            ToMaster::Update { framework_id, executor_id: _, status, latest_state } => {
                self.update(&framework_id.value, *status, latest_state);
            }
            ToMaster::ExecutorExited { framework_id, executor_id, status } => {
                self.executor_exited(&agent, &framework_id.value, executor_id, status);
            }
            ToMaster::Message { framework_id, executor_id, data } => {
                let agent_id = v1::AgentId { value: agent };
                let message = Some(scheduler::event::Message { agent_id, executor_id, data });
                self.send(&framework_id.value, scheduler::Event { message, ..event(EventType::Message) });
            }
            ToMaster::OperationUpdate { operation, framework_id, status } => {
                self.operation_update(&agent, &operation, framework_id.as_ref(), *status);
            }
            ToMaster::Resources { resources } => {
                if let Some(agent) = self.agents.get_mut(&agent) {
                    agent.total = resources.into_iter().collect();
                }
                self.rescind_agent(&agent);
            }
            ToMaster::Pong => {
                if let Some(agent) = self.agents.get_mut(&agent) {
                    (agent.awaits_pong, agent.misses) = (false, 0);
                }
            }
            ToMaster::Unregister => self.lose_agent(&agent, Loss::Unregistered, "the agent unregistered"),
        }
    }

    /// Whether fault domains fit; a master without one ignores agents that have one.
    fn ignores(&mut self, info: &v1::AgentInfo) -> bool {
        let ignored = info.domain.is_some() && self.options.domain.is_none();
        if ignored {
            let hostname = &info.hostname;
            self.log(format!("agent at {hostname} ignored: it has a fault domain and this master has none"));
        }
        ignored
    }

    fn register(
        &mut self,
        link: LinkId,
        address: SocketAddr,
        mut info: v1::AgentInfo,
        resources: Vec<v1::Resource>,
    ) {
        if self.ignores(&info) {
            return;
        }
        if let Some((id, _)) = self.agents.iter().find(|(_, agent)| agent.link == Some(link)) {
            let agent_id = v1::AgentId { value: id.clone() };
            self.outputs.push(Output::ToAgent { link, message: ToAgent::Registered { agent_id } });
            return;
        }
        // An agent at the address of an old one has lost its work directory: the old one will not come back.
        let old = self.agents.iter().find(|(_, agent)| agent.address == address).map(|(id, _)| id.clone());
        if let Some(old) = old {
            self.lose_agent(&old, Loss::Unregistered, "a new agent registered at the same address");
        }
        let id = self.ids.agent();
        let agent_id = v1::AgentId { value: id.clone() };
        info.id = Some(agent_id.clone());
        self.registry.admit(&id, info.clone());
        self.write_registry();
        self.log(format!("agent {id} at {address} registered"));
        let agent = self.new_agent(link, address, info, &resources);
        self.agents.insert(id.clone(), agent);
        self.outputs.push(Output::ToAgent { link, message: ToAgent::Registered { agent_id } });
        self.allocate(None, Some(&id));
    }

    fn new_agent(
        &self,
        link: LinkId,
        address: SocketAddr,
        info: v1::AgentInfo,
        total: &[v1::Resource],
    ) -> Agent {
        Agent {
            info,
            address,
            link: Some(link),
            total: total.iter().cloned().collect(),
            registered: self.now,
            reregistered: None,
            ping_at: self.now + self.options.agent_ping_timeout,
            awaits_pong: false,
            misses: 0,
            executors: BTreeMap::new(),
            kills: BTreeMap::new(),
            operations: BTreeMap::new(),
        }
    }
}
