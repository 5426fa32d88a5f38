//! The life of a framework: subscribed, disconnected, back again, removed (mesos-v1-http §3.1, §3.2, §5.7), and the
//! tests each of its calls passes first (§1.4, steps 12 to 18).

use std::time::Duration;

use mesos::v1::{
    self, TaskState,
    scheduler::{
        self,
        call::{self, Type},
        event::Type as EventType,
    },
};

use super::{
    Answer, COMPLETED_FRAMEWORKS, Master, Output, StreamId, event, framework::Framework, task::is_terminal,
    validate,
};
use crate::link::ToAgent;

impl Master {
    /// SUBSCRIBE. A refusal is an ERROR event on the new stream, and its end.
    pub(super) fn subscribe(&mut self, stream: StreamId, subscribe: call::Subscribe) {
        if let Err(why) = self.may_subscribe(&subscribe) {
            self.log(format!("subscription of {} refused: {why}", subscribe.framework_info.name));
            self.end_with_error(stream, &why);
            return;
        }
        let call::Subscribe { framework_info: mut info, suppressed_roles, offer_constraints } = subscribe;
        let given = info.id.take().map(|id| id.value).filter(|id| !id.is_empty());
        let id = given.unwrap_or_else(|| self.ids.framework());
        info.id = Some(v1::FrameworkId { value: id.clone() });

        let known = self.frameworks.contains_key(&id);
        self.discard_offers(&id);
        let now = self.now;
        let framework = self.frameworks.entry(id.clone()).or_insert_with(|| Framework::new(info.clone()));
        // Neither can ever change for an id; SUBSCRIBE ignores other values.
        info.user.clone_from(&framework.info.user);
        info.checkpoint = framework.info.checkpoint;
        framework.info = info;
        framework.suppressed = suppressed_roles.into_iter().collect();
        framework.constraints = offer_constraints;
        framework.failover_at = None;
        framework.recovered = false;
        if framework.registered.is_none() {
            framework.registered = Some(now);
        } else {
            framework.reregistered = Some(now);
        }
        framework.heartbeat_at = now + self.options.heartbeat_interval;
        if let Some(old) = framework.stream.replace(stream) {
            self.end_with_error(old, "Framework failed over");
        }
        self.log(format!("framework {id} subscribed"));
        let subscribed = scheduler::event::Subscribed {
            framework_id: v1::FrameworkId { value: id.clone() },
            heartbeat_interval_seconds: Some(self.options.heartbeat_interval.as_secs_f64()),
            master_info: Some(self.info.clone()),
        };
        self.send(&id, scheduler::Event { subscribed: Some(subscribed), ..event(EventType::Subscribed) });
        self.send(&id, event(EventType::Heartbeat));
        if known {
            self.tell_of_framework(&id);
        }
        self.allocate(Some(&id), None);
    }

    fn may_subscribe(&self, subscribe: &call::Subscribe) -> Result<(), String> {
        let info = &subscribe.framework_info;
        validate::subscription(info, &subscribe.suppressed_roles, subscribe.offer_constraints.as_ref())
            .map_err(|why| why.to_string())?;
        let Some(id) = &info.id else { return Ok(()) };
        if self.completed.iter().any(|framework| framework.id() == *id) {
            return Err("Framework has been removed".to_owned());
        }
        match self.frameworks.get(&id.value) {
            Some(framework) if framework.info.principal != info.principal => {
                Err("Changing framework's principal is not allowed.".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn end_with_error(&mut self, stream: StreamId, message: &str) {
        let error = Some(scheduler::event::Error { message: message.to_owned() });
        let event = Box::new(scheduler::Event { error, ..event(EventType::Error) });
        self.outputs.push(Output::Event { stream: stream.clone(), event });
        self.outputs.push(Output::End(stream));
    }

    /// Tells the agents that run something of a framework what it is now; they send what it has not acknowledged again.
    pub(super) fn tell_of_framework(&mut self, id: &str) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let message = ToAgent::UpdateFramework { framework: Box::new(framework.info.clone()) };
        let agents: Vec<String> = self.agents.keys().cloned().collect();
        for agent in agents {
            self.tell(&agent, message.clone());
        }
    }

    /// A scheduler's stream has broken: its offers return, its filters are void, its failover timer starts.
    pub(super) fn stream_closed(&mut self, stream: &StreamId) {
        let Some(framework) = self.frameworks.values_mut().find(|it| it.stream.as_ref() == Some(stream))
        else {
            return;
        };
        framework.stream = None;
        framework.filters.clear();
        // A negative timeout is accepted and is over at once.
        let timeout = Duration::try_from_secs_f64(framework.info.failover_timeout()).unwrap_or_default();
        framework.failover_at = Some(self.now.saturating_add(timeout));
        let id = framework.id().value;
        self.discard_offers(&id);
    }

    pub(super) fn expire_frameworks(&mut self) {
        let now = self.now;
        let expired: Vec<String> = self
            .frameworks
            .iter()
            .filter(|(_, framework)| framework.failover_at.is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in expired {
            self.remove_framework(&id);
        }
    }

    pub(super) fn heartbeat(&mut self) {
        for framework in self.frameworks.values_mut() {
            let Some(stream) = framework.stream.clone().filter(|_| framework.heartbeat_at <= self.now) else {
                continue;
            };
            framework.heartbeat_at = self.now + self.options.heartbeat_interval;
            self.outputs.push(Output::Event { stream, event: Box::new(event(EventType::Heartbeat)) });
        }
    }

    /// TEARDOWN, by whomever, or the end of the failover timeout: executors are shut down, no update is sent.
    pub(super) fn remove_framework(&mut self, id: &str) -> bool {
        self.discard_offers(id);
        let Some(mut framework) = self.frameworks.remove(id) else { return false };
        if let Some(stream) = framework.stream.take() {
            self.outputs.push(Output::End(stream));
        }
        self.log(format!("framework {id} ({}) removed", framework.info.name));
        framework.unregistered = Some(self.now);
        framework.failover_at = None;
        framework.filters.clear();
        for mut task in std::mem::take(&mut framework.tasks).into_values() {
            if !is_terminal(task.state()) {
                task.state = TaskState::TaskKilled.into();
            }
            framework.complete(task);
        }
        let framework_id = framework.id();
        let agents: Vec<String> = self.agents.keys().cloned().collect();
        for agent in agents {
            self.tell(&agent, ToAgent::ShutdownFramework { framework_id: framework_id.clone() });
        }
        for agent in self.agents.values_mut() {
            agent.executors.retain(|(owner, _), _| owner != id);
            agent.kills.retain(|(owner, _), _| owner != id);
            agent.operations.retain(|_, operation| operation.framework_id.as_ref() != Some(&framework_id));
        }
        self.completed.push_back(framework);
        while self.completed.len() > COMPLETED_FRAMEWORKS {
            self.completed.pop_front();
        }
        true
    }

    /// A call other than SUBSCRIBE, which passed [`validate::call`].
    pub(super) fn call(&mut self, stream: Option<&StreamId>, call: scheduler::Call) -> Answer {
        let id = call.framework_id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
        if let Err(refused) = self.admit(&id, stream) {
            return refused;
        }
        let accepted = Answer::new(202, "");
        match call.r#type() {
            Type::Unknown | Type::Subscribe => return Answer::new(501, "call type not implemented"),
            Type::Teardown => drop(self.remove_framework(&id)),
            Type::Accept => self.accept(&id, call.accept.unwrap_or_default()),
            Type::Decline => self.decline(&id, call.decline.unwrap_or_default()),
            Type::Revive => self.revive(&id, &call.revive.unwrap_or_default().roles),
            Type::Suppress => self.suppress(&id, &call.suppress.unwrap_or_default().roles),
            Type::Kill => self.kill(&id, call.kill.unwrap_or_default()),
            Type::Shutdown => self.shutdown(&id, call.shutdown.unwrap_or_default()),
            Type::Acknowledge => self.acknowledge(&id, call.acknowledge.unwrap_or_default()),
            Type::AcknowledgeOperationStatus => {
                self.acknowledge_operation(&id, call.acknowledge_operation_status.unwrap_or_default());
            }
            Type::Reconcile => self.reconcile(&id, &call.reconcile.unwrap_or_default().tasks),
            Type::ReconcileOperations => {
                self.reconcile_operations(&id, &call.reconcile_operations.unwrap_or_default().operations);
            }
            Type::Message => self.message(&id, call.message.unwrap_or_default()),
            Type::UpdateFramework => {
                return self.update_framework(&id, call.update_framework.unwrap_or_default());
            }
            // The built-in allocator does nothing with the first; we make no inverse offers that could be answered.
            Type::Request | Type::AcceptInverseOffers | Type::DeclineInverseOffers => {}
        }
        accepted
    }

    fn admit(&self, id: &str, stream: Option<&StreamId>) -> Result<(), Answer> {
        let Some(framework) = self.frameworks.get(id) else {
            return Err(Answer::new(400, "Framework cannot be found"));
        };
        let Some(current) = &framework.stream else {
            return Err(Answer::new(403, "Framework is not subscribed"));
        };
        match stream {
            None => {
                Err(Answer::new(400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"))
            }
            Some(stream) if stream != current => Err(Answer::new(
                400,
                format!(
                    "The stream ID '{}' included in this request didn't match the stream ID currently associated with \
                     framework ID {id}",
                    stream.0
                ),
            )),
            Some(_) => Ok(()),
        }
    }

    fn update_framework(&mut self, id: &str, update: call::UpdateFramework) -> Answer {
        let info = update.framework_info;
        if let Err(why) =
            validate::subscription(&info, &update.suppressed_roles, update.offer_constraints.as_ref())
        {
            return Answer::new(400, format!("Supplied FrameworkInfo is not valid: {why}"));
        }
        let Some(framework) = self.frameworks.get_mut(id) else {
            return Answer::new(400, "Framework cannot be found");
        };
        let old = &framework.info;
        let fixed = |field: &str, from: &str, to: &str| {
            format!(
                "FrameworkInfo update is not valid: Updating 'FrameworkInfo.{field}' is unsupported; attempted to update \
                 from '{from}' to '{to}'"
            )
        };
        if old.principal != info.principal {
            return Answer::new(
                400,
                "FrameworkInfo update is not valid: Changing framework's principal is not allowed.",
            );
        }
        if old.user != info.user {
            return Answer::new(400, fixed("user", &old.user, &info.user));
        }
        if old.checkpoint() != info.checkpoint() {
            let (from, to) = (old.checkpoint().to_string(), info.checkpoint().to_string());
            return Answer::new(400, fixed("checkpoint", &from, &to));
        }
        framework.info = info;
        framework.suppressed = update.suppressed_roles.into_iter().collect();
        framework.constraints = update.offer_constraints;
        let roles = framework.roles();
        let removed: Vec<String> = self
            .offers
            .iter()
            .filter(|(_, offer)| offer.framework == id && !roles.contains(&offer.role))
            .map(|(offer, _)| offer.clone())
            .collect();
        for offer in removed {
            self.rescind(&offer, None);
        }
        self.tell_of_framework(id);
        self.allocate(Some(id), None);
        Answer::new(200, "")
    }
}
