//! Agents that go: a broken link, silence, a farewell, an operator's word (mesos-v1-http §5.5).

use mesos::v1::{
    self, OperationState, TaskState,
    scheduler::{self, event::Type as EventType},
    task_status::Reason,
};

use super::super::{
    Master, Output, event,
    framework::Framework,
    operation::{self, is_terminal as is_terminal_operation},
    task::{self, Made, is_terminal, or_lost},
};
use crate::link::{LinkId, ToAgent};

/// Why an agent is no longer one of the master's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Unreachable,
    Unregistered,
    Gone,
}

impl Master {
    /// A link has broken: offers are taken back, tasks of frameworks without checkpoint count as lost at once.
    pub(in crate::master) fn unlinked(&mut self, link: LinkId) {
        self.links.remove(&link);
        let Some((id, agent)) = self.agents.iter_mut().find(|(_, agent)| agent.link == Some(link)) else {
            return;
        };
        agent.link = None;
        let (id, hostname) = (id.clone(), agent.info.hostname.clone());
        self.rescind_agent(&id);
        let lost: Vec<String> = self
            .frameworks
            .iter()
            .filter(|(_, it)| !it.info.checkpoint())
            .map(|(id, _)| id.clone())
            .collect();
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
        let here: Vec<String> = it
            .tasks
            .iter()
            .filter(|(_, task)| task.agent_id.value == agent)
            .map(|(id, _)| id.clone())
            .collect();
        let mut statuses = Vec::new();
        for id in here {
            let Some(mut task) = it.tasks.remove(&id) else { continue };
            if is_terminal(task.state()) {
                it.complete(task);
                continue;
            }
            let status = made.status(
                self.now,
                task.task_id.clone(),
                Some(task.agent_id.clone()),
                task.executor_id.clone(),
            );
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
    pub(in crate::master) fn ping(&mut self) {
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

    pub(super) fn lose_agent(&mut self, id: &str, loss: Loss, why: &str) {
        let now = self.now;
        match loss {
            Loss::Unreachable => self.registry.mark_unreachable(id, now),
            Loss::Unregistered => self.registry.remove(id),
            Loss::Gone => self.registry.mark_gone(id, now),
        }
        self.write_registry();
        self.log(format!("agent {id} lost: {why}"));
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
    pub(in crate::master) fn mark_gone(&mut self, id: &str) -> bool {
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
