//! What the client knows and still has to say, in both directions. Pure: no time, no connection.

use std::collections::VecDeque;

use uuid::Uuid;

use super::connection::Answer;
use super::handle::Input;
use super::{Message, Options, Refused, Shutdown, Unacknowledged};
use crate::v1::executor::call::{self, Type};
use crate::v1::executor::{Call, Event, event};
use crate::v1::{ExecutorId, FrameworkId, TaskId, TaskStatus};

/// Outlives subscriptions.
#[derive(Debug)]
pub(super) struct State {
    executor_id: ExecutorId,
    framework_id: FrameworkId,
    unacknowledged: Unacknowledged,
    /// Calls to make on this subscription, in order. Updates among them are in `unacknowledged` as well.
    pending: VecDeque<Pending>,
    /// Messages not taken yet.
    pub(super) outbox: VecDeque<Message>,
}

/// A call that waits to be sent.
#[derive(Debug)]
enum Pending {
    Update { task_id: TaskId, uuid: Uuid, status: Box<TaskStatus> },
    Message(Vec<u8>),
    Heartbeat,
}

/// What to do after an event or an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Go on.
    Go,
    /// SUBSCRIBED came: calls may be made.
    Subscribed,
    /// Make the same call again in a while.
    Repeat,
    /// The subscription is gone.
    Stop(String),
    /// All is over; this is the last message.
    End(Box<Message>),
}

impl State {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            executor_id: options.executor_id.clone(),
            framework_id: options.framework_id.clone(),
            unacknowledged: Unacknowledged::new(),
            pending: VecDeque::new(),
            outbox: VecDeque::new(),
        }
    }

    /// Puts a message in line.
    pub(super) fn tell(&mut self, message: Message) {
        self.outbox.push_back(message);
    }

    /// The call that opens a subscription. Updates so far go along with it and need no call of their own; messages
    /// that wait are lost, as they may be.
    pub(super) fn subscribe(&mut self) -> Call {
        self.pending.clear();
        Call { subscribe: Some(self.unacknowledged.subscribe()), ..self.call(Type::Subscribe) }
    }

    /// Takes what a handle gives.
    pub(super) fn accept(&mut self, input: Input) {
        match input {
            Input::Update(status, uuid) => {
                self.unacknowledged.sending((*status).clone());
                self.pending.push_back(Pending::Update { task_id: status.task_id.clone(), uuid, status });
            }
            Input::Message(data) => self.pending.push_back(Pending::Message(data)),
        }
    }

    /// A HEARTBEAT call is due.
    pub(super) fn heartbeat(&mut self) {
        self.pending.push_back(Pending::Heartbeat);
    }

    /// Whether a call waits.
    pub(super) fn has_calls(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes what the agent says.
    pub(super) fn absorb(&mut self, event: Event) -> Next {
        match event.r#type() {
            event::Type::Subscribed => {
                if let Some(info) = event.subscribed {
                    self.tell(Message::Subscribed(Box::new(info)));
                }
                return Next::Subscribed;
            }
            event::Type::Launch => {
                if let Some(event::Launch { task }) = event.launch {
                    self.unacknowledged.received(task.clone());
                    self.tell(Message::Launch(Box::new(task)));
                }
            }
            event::Type::LaunchGroup => {
                if let Some(event::LaunchGroup { task_group }) = event.launch_group {
                    for task in &task_group.tasks {
                        self.unacknowledged.received(task.clone());
                    }
                    self.tell(Message::LaunchGroup(task_group.tasks));
                }
            }
            event::Type::Kill => {
                if let Some(event::Kill { task_id, kill_policy }) = event.kill {
                    self.tell(Message::Kill { task_id, kill_policy });
                }
            }
            event::Type::Acknowledged => {
                if let Some(event::Acknowledged { task_id, uuid }) = event.acknowledged {
                    self.acknowledged(task_id, &uuid);
                }
            }
            event::Type::Message => {
                if let Some(event::Message { data }) = event.message {
                    self.tell(Message::Message(data));
                }
            }
            event::Type::Shutdown => self.tell(Message::Shutdown(Shutdown::Asked)),
            event::Type::Error => {
                let message = event.error.map(|error| error.message).unwrap_or_default();
                return Next::End(Box::new(Message::Shutdown(Shutdown::Error { message })));
            }
            event::Type::Heartbeat => {}
            event::Type::Unknown => tracing::debug!("event of an unknown type skipped"),
        }
        Next::Go
    }

    fn acknowledged(&mut self, task_id: TaskId, uuid: &[u8]) {
        let ours = self.unacknowledged.acknowledged(&task_id, uuid);
        match Uuid::from_slice(uuid) {
            Ok(uuid) if ours => self.tell(Message::Acknowledged { task_id, uuid }),
            // Acknowledged again after a re-subscription.
            _ => tracing::debug!(task = task_id.value, "acknowledgement of nothing that waits"),
        }
    }

    /// The call that is due. An update that is acknowledged already needs none.
    pub(super) fn next_call(&mut self) -> Option<Call> {
        while let Some(Pending::Update { uuid, .. }) = self.pending.front() {
            if self.unacknowledged.holds(uuid.as_bytes()) {
                break;
            }
            self.pending.pop_front();
        }
        Some(match self.pending.front()? {
            Pending::Update { status, .. } => {
                Call { update: Some(call::Update { status: (**status).clone() }), ..self.call(Type::Update) }
            }
            Pending::Message(data) => {
                Call { message: Some(call::Message { data: data.clone() }), ..self.call(Type::Message) }
            }
            Pending::Heartbeat => self.call(Type::Heartbeat),
        })
    }

    /// Takes the answer to the call that was due.
    pub(super) fn answered(&mut self, answer: Result<Answer, String>) -> Next {
        let Answer { status, text } = match answer {
            Ok(answer) => answer,
            // Updates go along with the next SUBSCRIBE.
            Err(reason) => return Next::Stop(reason),
        };
        match status {
            200..300 => {
                self.pending.pop_front();
                Next::Go
            }
            // The agent does not take us for subscribed.
            401 | 403 => Next::Stop(format!("the agent refuses a call: {status} {text}")),
            // The agent is not ready. The update is lost to it unless it is repeated.
            404 | 500.. if matches!(self.pending.front(), Some(Pending::Update { .. })) => Next::Repeat,
            _ => {
                if let Some(Pending::Update { task_id, uuid, .. }) = self.pending.pop_front() {
                    // It would be refused as part of the next SUBSCRIBE, and all of that with it.
                    self.unacknowledged.forget(uuid.as_bytes());
                    self.tell(Message::Refused(Refused::Update { task_id, uuid, status, text }));
                } else {
                    tracing::warn!(status, text, "the agent did not take a call");
                }
                Next::Go
            }
        }
    }

    fn call(&self, kind: Type) -> Call {
        Call {
            executor_id: self.executor_id.clone(),
            framework_id: self.framework_id.clone(),
            r#type: Some(kind.into()),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{TaskGroupInfo, TaskInfo};

    fn state() -> State {
        let lookup = |name: &str| match name {
            "MESOS_FRAMEWORK_ID" => Some("F".to_owned()),
            "MESOS_EXECUTOR_ID" => Some("E".to_owned()),
            "MESOS_AGENT_ENDPOINT" => Some("h:1".to_owned()),
            _ => None,
        };
        match Options::from_lookup(lookup) {
            Ok(options) => State::new(&options),
            Err(error) => panic!("{error}"),
        }
    }

    fn id(task: &str) -> TaskId {
        TaskId { value: task.to_owned() }
    }

    fn update(state: &mut State, task: &str) -> Uuid {
        let uuid = Uuid::new_v4();
        let status =
            TaskStatus { task_id: id(task), uuid: Some(uuid.as_bytes().to_vec()), ..Default::default() };
        state.accept(Input::Update(Box::new(status), uuid));
        uuid
    }

    fn taken(status: u16) -> Result<Answer, String> {
        Ok(Answer { status, text: String::new() })
    }

    fn acknowledge(state: &mut State, task: &str, uuid: Uuid) {
        let acknowledged = event::Acknowledged { task_id: id(task), uuid: uuid.as_bytes().to_vec() };
        let kind = Some(event::Type::Acknowledged.into());
        let next =
            state.absorb(Event { r#type: kind, acknowledged: Some(acknowledged), ..Default::default() });
        assert_eq!(next, Next::Go);
    }

    fn kinds(state: &mut State) -> Vec<Type> {
        std::iter::from_fn(|| {
            let kind = state.next_call()?.r#type();
            assert_eq!(state.answered(taken(202)), Next::Go);
            Some(kind)
        })
        .collect()
    }

    #[test]
    fn calls_are_made_in_the_order_they_were_asked_for() {
        let mut state = state();
        update(&mut state, "T");
        state.heartbeat();
        state.accept(Input::Message(vec![1]));
        update(&mut state, "T");
        assert_eq!(kinds(&mut state), [Type::Update, Type::Heartbeat, Type::Message, Type::Update]);
        assert!(!state.has_calls());
    }

    #[test]
    fn only_an_update_is_worth_repeating() {
        let mut state = state();
        state.accept(Input::Message(vec![1]));
        state.heartbeat();
        update(&mut state, "T");
        for expected in [Next::Go, Next::Go, Next::Repeat, Next::Repeat] {
            assert!(state.next_call().is_some());
            assert_eq!(state.answered(taken(503)), expected);
        }
        assert_eq!(state.answered(Err("reset".to_owned())), Next::Stop("reset".to_owned()));
        assert!(state.has_calls());
    }

    #[test]
    fn an_update_acknowledged_while_it_is_repeated_is_not_sent_again() {
        let mut state = state();
        let uuid = update(&mut state, "T");
        assert_eq!(state.answered(taken(503)), Next::Repeat);
        acknowledge(&mut state, "T", uuid);
        assert_eq!(state.outbox.pop_front(), Some(Message::Acknowledged { task_id: id("T"), uuid }));
        assert_eq!(state.next_call(), None);
        // A second acknowledgement says nothing new.
        acknowledge(&mut state, "T", uuid);
        assert!(state.outbox.is_empty());
    }

    #[test]
    fn a_new_subscription_carries_updates_and_drops_other_calls() {
        let mut state = state();
        update(&mut state, "T");
        state.accept(Input::Message(vec![1]));
        let body = state.subscribe().subscribe.unwrap_or_default();
        assert_eq!(body.unacknowledged_updates.len(), 1);
        assert!(!state.has_calls());
        update(&mut state, "T");
        assert_eq!(kinds(&mut state), [Type::Update]);
    }

    #[test]
    fn a_group_comes_whole_and_unknown_events_do_no_harm() {
        let mut state = state();
        let tasks: Vec<TaskInfo> =
            ["a", "b"].map(|task| TaskInfo { task_id: id(task), ..Default::default() }).into();
        let group = event::LaunchGroup { task_group: TaskGroupInfo { tasks: tasks.clone() } };
        let kind = Some(event::Type::LaunchGroup.into());
        state.absorb(Event { r#type: kind, launch_group: Some(group), ..Default::default() });
        assert_eq!(state.outbox.pop_front(), Some(Message::LaunchGroup(tasks.clone())));
        for kind in [None, Some(99), Some(event::Type::Heartbeat.into()), Some(event::Type::Launch.into())] {
            assert_eq!(state.absorb(Event { r#type: kind, ..Default::default() }), Next::Go);
        }
        assert!(state.outbox.is_empty());
        let body = state.subscribe().subscribe.unwrap_or_default();
        assert_eq!(body.unacknowledged_tasks, tasks);
    }
}
