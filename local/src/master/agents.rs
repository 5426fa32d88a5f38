//! The life of an agent: registered, disconnected, unreachable, back, gone (mesos-v1-http §5.5, §5.9).

use std::{collections::BTreeMap, net::SocketAddr};

use mesos::{
    resource::Resources,
    v1::{
        self, OperationState, TaskState,
        scheduler::{self, event::Type as EventType},
        task_status::Reason,
    },
};

use super::{
    Master, Output, Time, event,
    framework::Framework,
    operation::{self, is_terminal as is_terminal_operation},
    task::{self, Made, is_terminal, or_lost},
};
use crate::link::{LinkId, MissingTask, ToAgent, ToMaster};

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

/// Why an agent is no longer one of the master's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    Unreachable,
    Unregistered,
    Gone,
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
        let tasks = it.tasks.values().filter(|task| !is_terminal(task.state())).flat_map(|task| &task.resources);
        let executors = self
            .agents
            .values()
            .flat_map(|agent| &agent.executors)
            .filter(|((owner, _), _)| owner == framework)
            .flat_map(|(_, executor)| &executor.resources);
        tasks
            .chain(executors)
            .filter(|resource| role.is_none_or(|role| mesos::resource::identity::allocation_role(resource) == Some(role)))
            .cloned()
            .collect()
    }

    pub(super) fn from_agent(&mut self, link: LinkId, message: ToMaster) {
        let Some(address) = self.links.get(&link).copied() else { return };
        match message {
            ToMaster::Register { info, resources } => return self.register(link, address, *info, resources),
            ToMaster::Reregister { info, resources, tasks, executors, frameworks, operations } => {
                return self.reregister(link, address, *info, Back { resources, tasks, executors, frameworks, operations });
            }
            _ => {}
        }
        // Everything else counts only on the live link of a registered agent.
        let Some(agent) = self.agents.iter().find(|(_, agent)| agent.link == Some(link)).map(|(id, _)| id.clone()) else {
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
                let message = Some(scheduler::event::Message { agent_id, executor_id, data: data.into() });
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
    fn ignores(&self, info: &v1::AgentInfo) -> bool {
        info.domain.is_some() && self.options.domain.is_none()
    }

    fn register(&mut self, link: LinkId, address: SocketAddr, mut info: v1::AgentInfo, resources: Vec<v1::Resource>) {
        if self.ignores(&info) {
            tracing::warn!(agent = %info.hostname, "ignoring an agent with a fault domain: this master has none");
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
        let agent = self.new_agent(link, address, info, &resources);
        self.agents.insert(id.clone(), agent);
        self.outputs.push(Output::ToAgent { link, message: ToAgent::Registered { agent_id } });
        self.allocate(None, Some(&id));
    }

    fn new_agent(&self, link: LinkId, address: SocketAddr, info: v1::AgentInfo, total: &[v1::Resource]) -> Agent {
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

    fn reregister(&mut self, link: LinkId, address: SocketAddr, info: v1::AgentInfo, back: Back) {
        if self.ignores(&info) {
            tracing::warn!(agent = %info.hostname, "ignoring an agent with a fault domain: this master has none");
            return;
        }
        let Some(agent_id) = info.id.clone() else { return };
        let id = agent_id.value.clone();
        if self.registry.gone.contains_key(&id) {
            let message = ToAgent::Shutdown { message: "this agent was marked gone".to_owned() };
            self.outputs.push(Output::ToAgent { link, message });
            return;
        }
        let was_unreachable = self.registry.unreachable.contains_key(&id);
        self.recovered.remove(&id);
        if self.registry.agents.get(&id) != Some(&info) {
            self.registry.admit(&id, info.clone());
            self.write_registry();
        }
        self.rescind_agent(&id);
        let mut agent = self.new_agent(link, address, info, &back.resources);
        let mut known_operations = BTreeMap::new();
        if let Some(old) = self.agents.remove(&id) {
            if let Some(stale) = old.link.filter(|old| *old != link) {
                self.outputs.push(Output::Cut(stale));
            }
            agent.registered = old.registered;
            agent.kills = old.kills;
            known_operations = old.operations;
        }
        agent.reregistered = Some(self.now);
        self.agents.insert(id.clone(), agent);
        let missing = self.reconcile_tasks(&id, &back, was_unreachable);
        self.reconcile_executors(&id, &back);
        self.reconcile_operation_list(&id, known_operations, back.operations);
        let frameworks = back
            .frameworks
            .iter()
            .filter_map(|it| self.frameworks.get(&it.id.as_ref()?.value))
            .map(|framework| framework.info.clone())
            .collect();
        self.tell(&id, ToAgent::Reregistered { agent_id, missing, frameworks });
        self.send_kills(&id);
        self.allocate(None, Some(&id));
    }

    /// Brings the master's tasks in line with what a returned agent says it runs.
    fn reconcile_tasks(&mut self, id: &str, back: &Back, was_unreachable: bool) -> Vec<MissingTask> {
        for info in &back.frameworks {
            let Some(framework) = info.id.clone() else { continue };
            if self.completed.iter().any(|it| it.id() == framework) {
                self.tell(id, ToAgent::ShutdownFramework { framework_id: framework });
            } else {
                // After the master's restart this is how it learns of a framework that has not subscribed yet.
                self.frameworks.entry(framework.value).or_insert_with(|| {
                    let mut it = Framework::new(info.clone());
                    it.recovered = true;
                    it
                });
            }
        }
        let mut news = Vec::new();
        for task in &back.tasks {
            let Some(framework) = self.frameworks.get_mut(&task.framework_id.value) else { continue };
            let key = task.task_id.value.clone();
            let unreachable = framework.unreachable.remove(&key);
            let mut task = task.clone();
            if let Some(mine) = framework.tasks.get(&key).or(unreachable.as_ref())
                && (task.statuses.is_empty() || mine.statuses.len() > task.statuses.len())
            {
                task.statuses.clone_from(&mine.statuses);
            }
            if task.state() == TaskState::TaskUnreachable {
                task.state = task::forwarded_state(&task).into();
            }
            if was_unreachable && unreachable.is_some() {
                let message = "Unreachable agent re-registered";
                news.push((
                    task.framework_id.value.clone(),
                    task::known_status(self.now, &task, Reason::AgentReregistered, message),
                ));
            }
            framework.tasks.insert(key, task);
        }
        for (framework, status) in news {
            self.send_status(&framework, status);
        }
        let listed = |task: &v1::Task| {
            back.tasks.iter().any(|it| it.task_id == task.task_id && it.framework_id == task.framework_id)
        };
        self.frameworks
            .values()
            .flat_map(|framework| framework.tasks.values().map(move |task| (framework, task)))
            .filter(|(_, task)| task.agent_id.value == id && !is_terminal(task.state()) && !listed(task))
            .map(|(framework, task)| MissingTask {
                framework_id: task.framework_id.clone(),
                task_id: task.task_id.clone(),
                partition_aware: framework.partition_aware(),
            })
            .collect()
    }

    fn reconcile_executors(&mut self, id: &str, back: &Back) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        for executor in &back.executors {
            let Some(framework) = &executor.framework_id else { continue };
            if self.frameworks.contains_key(&framework.value) {
                let key = (framework.value.clone(), executor.executor_id.value.clone());
                agent.executors.insert(key, executor.clone());
            }
        }
    }

    /// Operations the agent still has replace ours; those it never got are lost.
    fn reconcile_operation_list(&mut self, id: &str, known: BTreeMap<Vec<u8>, v1::Operation>, has: Vec<v1::Operation>) {
        for (uuid, operation) in known {
            if has.iter().any(|it| it.uuid.value[..] == uuid[..]) || is_terminal_operation(operation.latest_status.state()) {
                continue;
            }
            let status = v1::OperationStatus {
                message: Some("the agent never received the operation".to_owned()),
                ..operation::status(&operation, OperationState::OperationDropped)
            };
            if let Some(framework) = &operation.framework_id {
                self.send_operation(&framework.value, status);
            }
        }
        let Some(agent) = self.agents.get_mut(id) else { return };
        agent.operations = has.into_iter().map(|operation| (operation.uuid.value.to_vec(), operation)).collect();
    }

    fn send_kills(&mut self, id: &str) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        for ((framework, task), kill_policy) in std::mem::take(&mut agent.kills) {
            let framework_id = v1::FrameworkId { value: framework };
            self.tell(id, ToAgent::KillTask { framework_id, task_id: v1::TaskId { value: task }, kill_policy });
        }
    }

    /// A link has broken: offers are taken back, tasks of frameworks without checkpoint count as lost at once.
    pub(super) fn unlinked(&mut self, link: LinkId) {
        self.links.remove(&link);
        let Some((id, agent)) = self.agents.iter_mut().find(|(_, agent)| agent.link == Some(link)) else { return };
        agent.link = None;
        let (id, hostname) = (id.clone(), agent.info.hostname.clone());
        self.rescind_agent(&id);
        let lost: Vec<String> =
            self.frameworks.iter().filter(|(_, it)| !it.info.checkpoint()).map(|(id, _)| id.clone()).collect();
        for framework in &lost {
            let made = Made {
                // Also for PARTITION_AWARE frameworks, as the real master has it.
                state: TaskState::TaskLost,
                reason: Reason::AgentDisconnected,
                message: &format!("Agent {hostname} disconnected"),
                unreachable: None,
            };
            self.end_tasks(&id, framework, &made, false);
        }
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.executors.retain(|(owner, _), _| !lost.contains(owner));
        }
    }

    /// Ends or loses all tasks of a framework on an agent, with an update for those that were live.
    fn end_tasks(&mut self, agent: &str, framework: &str, made: &Made<'_>, keep: bool) {
        let Some(it) = self.frameworks.get_mut(framework) else { return };
        let here: Vec<String> =
            it.tasks.iter().filter(|(_, task)| task.agent_id.value == agent).map(|(id, _)| id.clone()).collect();
        let mut statuses = Vec::new();
        for id in here {
            let Some(mut task) = it.tasks.remove(&id) else { continue };
            if is_terminal(task.state()) {
                it.complete(task);
                continue;
            }
            let status =
                made.status(self.now, task.task_id.clone(), Some(task.agent_id.clone()), task.executor_id.clone());
            task.state = made.state.into();
            if keep {
                it.lose(task);
            } else {
                task::remember(&mut task, status.clone());
                it.complete(task);
            }
            statuses.push(status);
        }
        for status in statuses {
            self.send_status(framework, status);
        }
    }

    /// Pings those whose turn it is; who missed too many pongs in a row is unreachable, connected or not.
    pub(super) fn ping(&mut self) {
        let now = self.now;
        let mut lost = Vec::new();
        for (id, agent) in &mut self.agents {
            if agent.ping_at > now {
                continue;
            }
            agent.ping_at = now + self.options.agent_ping_timeout;
            if agent.awaits_pong || agent.link.is_none() {
                agent.misses += 1;
                if agent.misses >= self.options.max_agent_ping_timeouts {
                    lost.push(id.clone());
                    continue;
                }
            }
            agent.awaits_pong = true;
            if let Some(link) = agent.link {
                self.outputs.push(Output::ToAgent { link, message: ToAgent::Ping { connected: true } });
            }
        }
        for id in lost {
            self.lose_agent(&id, Loss::Unreachable, "health check timed out");
        }
        if !self.recovered.is_empty() && self.recovery_ends <= now {
            for id in std::mem::take(&mut self.recovered).into_keys() {
                self.registry.mark_unreachable(&id, now);
                self.write_registry();
                self.tell_all_of_failure(&id);
            }
        }
    }

    fn lose_agent(&mut self, id: &str, loss: Loss, why: &str) {
        let now = self.now;
        match loss {
            Loss::Unreachable => self.registry.mark_unreachable(id, now),
            Loss::Unregistered => self.registry.remove(id),
            Loss::Gone => self.registry.mark_gone(id, now),
        }
        self.write_registry();
        self.rescind_agent(id);
        let Some(agent) = self.agents.remove(id) else { return };
        let frameworks: Vec<String> = self.frameworks.keys().cloned().collect();
        for framework in frameworks {
            let aware = self.frameworks.get(&framework).is_some_and(Framework::partition_aware);
            let made = match loss {
                Loss::Unreachable => Made {
                    state: or_lost(aware, TaskState::TaskUnreachable),
                    reason: Reason::AgentRemoved,
                    message: why,
                    unreachable: Some(now),
                },
                // Also for PARTITION_AWARE frameworks, as the real master has it.
                Loss::Unregistered => Made {
                    state: TaskState::TaskLost,
                    reason: Reason::AgentRemoved,
                    message: &format!("Agent {} removed: {why}", agent.info.hostname),
                    unreachable: None,
                },
                Loss::Gone => Made {
                    state: or_lost(aware, TaskState::TaskGoneByOperator),
                    reason: Reason::AgentRemovedByOperator,
                    message: why,
                    unreachable: None,
                },
            };
            self.end_tasks(id, &framework, &made, loss == Loss::Unreachable);
        }
        let state = match loss {
            Loss::Unreachable | Loss::Unregistered => OperationState::OperationUnreachable,
            Loss::Gone => OperationState::OperationGoneByOperator,
        };
        for operation in agent.operations.into_values() {
            if let Some(framework) = operation.framework_id.clone()
                && !is_terminal_operation(operation.latest_status.state())
            {
                self.send_operation(&framework.value, operation::status(&operation, state));
            }
        }
        self.tell_all_of_failure(id);
        if let Some(link) = agent.link {
            if loss == Loss::Gone {
                let message = ToAgent::Shutdown { message: why.to_owned() };
                self.outputs.push(Output::ToAgent { link, message });
            } else {
                self.outputs.push(Output::Cut(link));
            }
        }
    }

    fn tell_all_of_failure(&mut self, id: &str) {
        let frameworks: Vec<String> = self.frameworks.keys().cloned().collect();
        for framework in frameworks {
            let agent_id = Some(v1::AgentId { value: id.to_owned() });
            let failure = Some(scheduler::event::Failure { agent_id, executor_id: None, status: None });
            self.send(&framework, scheduler::Event { failure, ..event(EventType::Failure) });
        }
    }

    /// An operator says the agent will never come back. `false` for one nobody knows.
    pub(super) fn mark_gone(&mut self, id: &str) -> bool {
        if self.registry.gone.contains_key(id) {
            return true;
        }
        let known = self.agents.contains_key(id)
            || self.recovered.remove(id).is_some()
            || self.registry.unreachable.contains_key(id);
        if known {
            self.lose_agent(id, Loss::Gone, "the agent was marked gone by an operator");
        }
        known
    }
}

/// What a returned agent says of itself.
struct Back {
    resources: Vec<v1::Resource>,
    tasks: Vec<v1::Task>,
    executors: Vec<v1::ExecutorInfo>,
    frameworks: Vec<v1::FrameworkInfo>,
    operations: Vec<v1::Operation>,
}
