//! The scheduler: its events, its effects as the shell carries them out, and its deaths.

use std::collections::BTreeMap;

use local::master::{self, StreamId};
use mesos::v1::{self, TaskState, scheduler as wire};
use scheduler::event::{Event, Timestamp, Write};

use super::{Happening, World, launched_on};
use crate::{invariant, planted::Planted};

impl World {
    pub(super) fn start_process(&mut self) {
        if self.process.core.is_some() {
            return;
        }
        self.note("scheduler starts");
        let seed = self.chance.seed();
        self.process.start(seed);
        let life = self.process.life;
        self.after(1000, Happening::ProcessTick(life));
        self.after(50, Happening::Subscribe(life));
    }

    pub(super) fn crash(&mut self, why: &str) {
        self.note(&format!("scheduler dies: {why}"));
        if let Some(stream) = self.process.stream.clone() {
            self.master_takes(master::Input::StreamClosed(stream));
        }
        self.process.die();
        let delay = self.chance.millis(100, 5000);
        self.after(delay, Happening::ProcessStart);
    }

    pub(super) fn subscribe(&mut self, life: u64) {
        let Some(core) = self.process.core.as_ref().filter(|_| self.process.life == life) else { return };
        if self.process.stream.is_some() {
            return;
        }
        if self.master.is_none() {
            return self.after(500, Happening::Subscribe(life));
        }
        let subscribe = wire::call::Subscribe { framework_info: core.framework_info(), ..Default::default() };
        let stream = StreamId(format!("S-{}", self.ticket()));
        self.process.stream = Some(stream.clone());
        self.process.calls_die = false;
        self.master_takes(master::Input::Subscribe { stream, subscribe: Box::new(subscribe) });
    }

    pub(super) fn stream_says(&mut self, stream: &StreamId, event: wire::Event) {
        use wire::event::Type;
        if self.process.stream.as_ref() != Some(stream) {
            return;
        }
        match event.r#type() {
            Type::Subscribed => {
                let framework_id = event.subscribed.unwrap().framework_id.value;
                self.core_takes(Event::Subscribed { framework_id });
                if self.planted == Some(Planted::RelaunchBeforeReconciliation) {
                    self.lie_about_launches(0);
                }
            }
            Type::Offers => self.core_takes(Event::Offers(event.offers.unwrap().offers)),
            Type::Update => {
                let status = event.update.unwrap().status;
                self.note(&format!("update: {} is {}", status.task_id.value, status.state().as_str_name()));
                self.core_takes(Event::Update(Box::new(status)));
            }
            Type::Message => {
                let said = serde_json::from_slice(&event.message.unwrap().data).unwrap();
                self.note(&format!("message: {said:?}"));
                self.core_takes(Event::Message(Box::new(said)));
            }
            Type::Error => {
                let message = event.error.unwrap().message;
                self.check(Err(format!("the framework is never given up: {message}")));
            }
            _ => {}
        }
    }

    pub(super) fn stream_ends(&mut self, stream: &StreamId) {
        if self.process.stream.as_ref() != Some(stream) {
            return;
        }
        self.process.stream = None;
        self.master_takes(master::Input::StreamClosed(stream.clone()));
        self.core_takes(Event::Disconnected { reason: "the stream ended".to_owned() });
        let (life, delay) = (self.process.life, self.chance.millis(0, 500));
        self.after(delay, Happening::Subscribe(life));
    }

    pub(super) fn ask_kafka(&mut self) {
        let asked = self.process.core.as_ref().is_some_and(|core| core.wants_kafka().is_some());
        if asked {
            let answer = match self.happens(|rates| rates.kafka_silent) {
                true => Err("no answer".to_owned()),
                false => Ok(self.kafka.snapshot(self.now)),
            };
            self.core_takes(Event::Kafka(answer));
        }
    }

    /// One event through the core; then its effects as the shell carries them out, unless the process dies meanwhile.
    pub(super) fn core_takes(&mut self, event: Event) {
        let offers: Vec<String> = match &event {
            Event::Offers(offers) => offers.iter().map(|offer| offer.id.value.clone()).collect(),
            _ => Vec::new(),
        };
        let asked = matches!(event, Event::Command(..));
        let now = Timestamp(self.now);
        let Some(core) = &mut self.process.core else { return };
        let before = invariant::kept_homes(core);
        let mut effects = core.handle(now, event);
        let check = invariant::homes_are_kept(&before, &invariant::kept_homes(core));
        self.check(check);
        for note in std::mem::take(&mut effects.notes) {
            self.note(&format!("scheduler: {note}"));
        }
        let check = invariant::offers_are_answered(&offers, &effects.calls);
        self.check(check);
        if effects.replies.len() != usize::from(asked) {
            self.check(Err(format!("each operator is answered once: {:?}", effects.replies)));
        }
        let early: Vec<wire::Call>;
        (early, effects.calls) =
            std::mem::take(&mut effects.calls).into_iter().partition(|call| match self.planted {
                Some(Planted::AcceptBeforeStore) => call.accept.is_some(),
                Some(Planted::AcknowledgeBeforeStore) => call.acknowledge.is_some(),
                _ => false,
            });
        for call in early {
            self.send_call(call);
        }
        if self.happens(|rates| rates.crash_before_commit) {
            return self.crash("before the commit");
        }
        if !effects.writes.0.is_empty() && self.happens(|rates| rates.store_fails) {
            return self.crash("the store failed");
        }
        if let Some(lost) = self.planted.and_then(Planted::lost) {
            effects
                .writes
                .0
                .retain(|write| !matches!(write, Write::Put { key, .. } if key.starts_with(lost)));
        }
        let wrote = !effects.writes.0.is_empty();
        self.process.commit(&effects.writes);
        if wrote && let Some(core) = &self.process.core {
            let check = invariant::store_is_state(&self.process.store, core, self.planted);
            self.check(check);
        }
        if wrote && self.happens(|rates| rates.crash_after_commit) {
            return self.crash("between commit and calls");
        }
        for call in effects.calls {
            self.send_call(call);
            if self.happens(|rates| rates.crash_midway) {
                return self.crash("midway through its calls");
            }
        }
    }

    /// A call leaves for Mesos; it may be lost, and dies with its subscription.
    pub(super) fn send_call(&mut self, mut call: wire::Call) {
        let Some(core) = &self.process.core else { return };
        let store = &self.process.store;
        let checks = [
            invariant::launch_is_stored(store, &call),
            invariant::acknowledged_is_stored(store, &call, &self.updates),
            invariant::incident_is_stored(store, &call),
            invariant::incident_is_acknowledged(store, &call, &self.updates),
            self.converged_at.map_or(Ok(()), |_| invariant::left_alone(&call, core)),
            invariant::destroyed_held_nothing(&call, &self.served),
        ];
        let down = invariant::one_down_by_our_hand(&call, core, &self.serving(), &self.down, &self.forced);
        call.framework_id = core.state().stored.framework_id.clone().map(|value| v1::FrameworkId { value });
        for check in checks {
            self.check(check);
        }
        match down {
            Ok(Some(broker)) => {
                self.down.insert(broker);
                let since = self.now.saturating_sub(scheduler::roll::MAX_AGE_MS);
                if !self.kafka.may_stop(broker, since) {
                    self.check(Err(format!(
                        "none is below min ISR by our hand: broker {broker} is taken down"
                    )));
                }
            }
            Ok(None) => {}
            Err(violation) => self.check(Err(violation)),
        }
        if let Err(refusal) = master::validate::call(&call) {
            self.check(Err(format!("every call is valid: {refusal:?}")));
        }
        self.note(&format!("call: {}", invariant::describe(&call)));
        let launches = call.accept.as_ref().is_some_and(|a| a.operations.iter().any(|o| o.launch.is_some()));
        let message = call.message.is_some();
        if message && self.happens(|rates| rates.message_lost) {
            return self.note("  (lost on the way)");
        }
        if let Some(stream) = self.process.stream.clone().filter(|_| !self.process.calls_die) {
            if message && self.happens(|rates| rates.message_twice) {
                let later = self.chance.millis(0, 10_000);
                self.after(later, Happening::Call(stream.clone(), Box::new(call.clone())));
            }
            let lost = self.happens(|rates| rates.call_lost);
            // A call without an answer ends its subscription, whether it arrived or not: an offer that nobody
            // answered would be held for ever. All calls after it die with the subscription.
            if lost {
                self.note("  (no answer)");
                self.process.calls_die = true;
                let delay = self.chance.millis(0, 5000);
                self.after(delay, Happening::StreamEnd(stream.clone()));
            }
            if !lost || self.chance.happens(500) {
                let delay = self.chance.millis(0, 50);
                self.in_order(format!("calls {}", stream.0), delay, Happening::Call(stream, Box::new(call)));
            }
        }
        if launches && self.planted == Some(Planted::DoubleLaunch) {
            self.lie_about_launches(200);
        }
    }

    pub(super) fn call_arrives(&mut self, stream: StreamId, call: wire::Call) {
        let ticket = master::Ticket(self.ticket());
        let launched_on = call.accept.as_ref().and_then(launched_on);
        self.master_takes(master::Input::Call { ticket, stream: Some(stream), call: Box::new(call) });
        // What follows from an ACCEPT reaches the agent in several messages: the link may break between any two.
        if let Some(agent) = launched_on
            && self.happens(|rates| rates.cut_at_launch)
            && let Some(node) =
                self.nodes.iter().position(|node| node.id().as_deref() == Some(agent.as_str()))
        {
            let (delay, millis) = (self.chance.millis(0, 40), self.chance.millis(0, 60_000));
            self.after(delay, Happening::Cut(node, millis));
        }
    }

    /// Tells the core that its launches are lost, without having asked anybody.
    pub(super) fn lie_about_launches(&mut self, delay: u64) {
        let Some(core) = &self.process.core else { return };
        let launching = core.state().stored.brokers.values().filter_map(|broker| broker.task.as_ref());
        let lies: Vec<_> = launching
            .filter(|task| task.condition == scheduler::broker::Condition::Launching)
            .map(|task| v1::TaskStatus {
                task_id: v1::TaskId { value: task.id.to_string() },
                state: TaskState::TaskGone.into(),
                ..Default::default()
            })
            .collect();
        let life = self.process.life;
        for lie in lies {
            self.after(delay, Happening::Lie(life, Box::new(lie)));
        }
    }

    /// The tasks whose brokers truly serve, and the generation that does.
    pub(super) fn serving(&self) -> BTreeMap<String, u64> {
        let executors = self.nodes.iter().flat_map(|node| node.executors.values()).filter(|e| e.serving);
        executors.filter_map(|executor| Some((executor.task_id()?.to_owned(), executor.runs.1))).collect()
    }
}
