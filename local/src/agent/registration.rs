//! Registering with the master, and staying so over broken links and either side's restarts.
use mesos::v1;

use super::{Agent, Checkpoint, Output, Time};
use crate::link::{MissingTask, ToMaster};

/// Where the agent stands with the master.
#[derive(Debug)]
pub(super) struct Membership {
    linked: bool,
    /// In this life.
    was_connected: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Executors of a former life have until then to subscribe again; nobody else is spoken to.
    Recovering {
        until: Time,
    },
    /// Asks to be let in, again at that time.
    Asking {
        next: Time,
    },
    Connected,
    /// Leaves, or has left: speaks no more.
    Leaving,
}

impl Membership {
    pub(super) fn new() -> Self {
        Self { linked: false, was_connected: false, state: State::Asking { next: Time::ZERO } }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.linked && matches!(self.state, State::Connected)
    }

    /// Whether what is said now reaches a master that listens: also the last words of an agent that leaves, and what comes
    /// behind a re-registration that is on its way, whose list is already wrong. Before one it is passed over.
    pub(super) fn can_speak(&self) -> bool {
        self.linked && !matches!(self.state, State::Recovering { .. })
    }

    pub(super) fn is_recovering(&self) -> bool {
        matches!(self.state, State::Recovering { .. })
    }

    pub(super) fn recover_until(&mut self, until: Time) {
        self.state = State::Recovering { until };
    }

    pub(super) fn leave(&mut self) {
        self.state = State::Leaving;
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        match self.state {
            State::Recovering { until } => Some(until),
            State::Asking { next } if self.linked => Some(next),
            State::Asking { .. } | State::Connected | State::Leaving => None,
        }
    }
}

impl Agent {
    /// Who the agent is, with its id once it has one.
    pub fn info(&self) -> v1::AgentInfo {
        v1::AgentInfo {
            hostname: self.options.hostname.clone(),
            resources: self.options.resources.to_vec(),
            attributes: self.options.attributes.clone(),
            id: self.id.clone(),
            port: Some(self.options.address.port().into()),
            domain: self.options.domain.clone(),
        }
    }

    pub(super) fn linked(&mut self) {
        self.membership.linked = true;
        let next = match self.membership.state {
            State::Asking { next: Time::ZERO } => self.now,
            // It has been with a master before: as in Mesos it gives one that has just started a while.
            State::Connected | State::Asking { .. } => self.now + self.options.registration_backoff,
            State::Recovering { .. } | State::Leaving => return,
        };
        self.membership.state = State::Asking { next };
    }

    pub(super) fn unlinked(&mut self) {
        self.membership.linked = false;
        if let State::Connected = self.membership.state {
            self.membership.state = State::Asking { next: self.now };
        }
    }

    pub(super) fn registration_tick(&mut self) {
        if let State::Recovering { until } = self.membership.state
            && until <= self.now
        {
            self.membership.state = State::Asking { next: self.now };
            self.end_recovery();
        }
        if let State::Asking { next } = self.membership.state
            && self.membership.linked
            && next <= self.now
        {
            self.ask();
        }
    }

    fn ask(&mut self) {
        self.membership.state = State::Asking { next: self.now + self.options.registration_backoff };
        let (info, resources) = (Box::new(self.info()), self.total.to_vec());
        let message = if self.id.is_none() {
            ToMaster::Register { info, resources }
        } else {
            let live = || self.frameworks.values().filter(|framework| !framework.terminating);
            ToMaster::Reregister {
                info,
                resources,
                tasks: live()
                    .flat_map(|f| f.executors.values())
                    .flat_map(|e| &e.tasks)
                    .map(|task| self.task_for_master(task))
                    .collect(),
                executors: live()
                    .flat_map(|f| f.executors.values().map(move |e| (f, e)))
                    .filter(|(_, executor)| executor.is_alive())
                    .map(|(f, e)| v1::ExecutorInfo { framework_id: f.info.id.clone(), ..e.info.clone() })
                    .collect(),
                frameworks: live().map(|framework| framework.info.clone()).collect(),
                operations: self.operations.all(),
            }
        };
        self.out.push(Output::Send(message));
    }

    pub(super) fn registered(&mut self, agent_id: v1::AgentId) {
        if !matches!(self.membership.state, State::Asking { .. })
            || self.id.as_ref().is_some_and(|id| *id != agent_id)
        {
            return self.log(format!("the id {} ignored: the agent did not ask for one", agent_id.value));
        }
        self.id = Some(agent_id);
        let info = Box::new(self.info());
        self.out.push(Output::Checkpoint(Checkpoint::Agent(info)));
        self.connected();
    }

    pub(super) fn reregistered(
        &mut self,
        agent_id: &v1::AgentId,
        missing: Vec<MissingTask>,
        frameworks: Vec<v1::FrameworkInfo>,
    ) {
        if !matches!(self.membership.state, State::Asking { .. }) || self.id.as_ref() != Some(agent_id) {
            return self.log(format!(
                "a re-registration as {} ignored: the agent did not ask for it",
                agent_id.value
            ));
        }
        for framework in frameworks {
            self.note_framework(framework);
        }
        self.connected();
        self.report_missing(missing);
    }

    fn connected(&mut self) {
        self.membership.state = State::Connected;
        self.membership.was_connected = true;
        self.updates.resume(self.now, None);
        self.operations.resume(self.options.status_update_retry, self.now);
    }

    pub(super) fn ping(&mut self, connected: bool) {
        if matches!(self.membership.state, State::Leaving) {
            return;
        }
        self.out.push(Output::Send(ToMaster::Pong));
        if !connected && matches!(self.membership.state, State::Connected) {
            self.membership.state = State::Asking { next: self.now };
        }
    }

    /// The framework's description changed, or its scheduler is back.
    pub(super) fn framework_changed(&mut self, framework: v1::FrameworkInfo) {
        let id = framework.id.clone().unwrap_or_default().value;
        self.note_framework(framework);
        self.updates.resume(self.now, Some(&id));
    }

    fn note_framework(&mut self, new: v1::FrameworkInfo) {
        let id = new.id.clone().unwrap_or_default().value;
        let agent_id = self.agent_id().value;
        let Some(framework) = self.frameworks.get_mut(&id) else { return };
        if framework.info != new {
            framework.info = new.clone();
            if new.checkpoint() {
                self.out.push(Output::Checkpoint(Checkpoint::Framework { agent_id, info: Box::new(new) }));
            }
        }
    }
}
