//! What executors say: the rules of §1.5 and §6.4 in their order, and SUBSCRIBE as in §6.3.
use mesos::v1;
use mesos::v1::executor::{self, call, event};
use mesos::v1::{TaskState, task_status};

use super::book::{Cause, Phase, Stage};
use super::status::of;
use super::{Agent, Answer, Output, Ticket, Time};
use crate::link::ToMaster;

/// Pause between HEARTBEAT events on an executor's stream.
const HEARTBEAT: Time = Time::from_secs(30 * 60);

/// Checks what needs no knowledge of the agent.
///
/// # Errors
/// The text of the 400.
pub(super) fn validate(call: &executor::Call) -> Result<(), String> {
    let expect = |there: bool, what: &str| {
        if there { Ok(()) } else { Err(format!("Expecting '{what}' to be present")) }
    };
    expect(call.r#type.is_some(), "type")?;
    match call.r#type() {
        call::Type::Subscribe => expect(call.subscribe.is_some(), "subscribe"),
        call::Type::Message => expect(call.message.is_some(), "message"),
        call::Type::Update => {
            expect(call.update.is_some(), "update")?;
            call.update.as_ref().map_or(Ok(()), |update| status(call, &update.status))
        }
        call::Type::Heartbeat | call::Type::Unknown => Ok(()),
    }
}

fn status(call: &executor::Call, status: &v1::TaskStatus) -> Result<(), String> {
    let uuid = status.uuid.as_deref().ok_or("Expecting 'uuid' to be present")?;
    if !is_rfc4122(uuid) {
        return Err("Not a valid UUID".to_owned());
    }
    if status.executor_id.as_ref().is_some_and(|id| *id != call.executor_id) {
        return Err("ExecutorID in Call does not match ExecutorID in TaskStatus".to_owned());
    }
    if status.source.is_none() || status.source() != task_status::Source::Executor {
        return Err("Received Call from executor with invalid source, expecting 'SOURCE_EXECUTOR'".to_owned());
    }
    if status.state() == TaskState::TaskStaging {
        return Err("Received TASK_STAGING from executor, which is not allowed".to_owned());
    }
    status.check_status.as_ref().map_or(Ok(()), check_status)
}

fn check_status(check: &v1::CheckStatusInfo) -> Result<(), String> {
    use v1::check_info::Type;
    let there = match check.r#type() {
        _ if check.r#type.is_none() => return Err("CheckStatusInfo must specify 'type'".to_owned()),
        Type::Command => check.command.is_some(),
        Type::Http => check.http.is_some(),
        Type::Tcp => check.tcp.is_some(),
        Type::Unknown => return Err("CheckStatusInfo has an unknown type".to_owned()),
    };
    if there { Ok(()) } else { Err("CheckStatusInfo must have the body for its type".to_owned()) }
}

/// Sixteen bytes with RFC 4122's variant and a version it knows.
fn is_rfc4122(bytes: &[u8]) -> bool {
    bytes.len() == 16 && bytes[8] >> 6 == 0b10 && (1..=5).contains(&(bytes[6] >> 4))
}

impl Agent {
    pub(super) fn executor_says(&mut self, ticket: Ticket, call: executor::Call) {
        let answer = self.judge(ticket, call);
        if let Some(answer) = answer {
            self.out.push(Output::Answer { ticket, answer });
        }
    }

    /// The answer to a call, or `None` once [`Agent::subscribe`] has given it.
    fn judge(&mut self, ticket: Ticket, call: executor::Call) -> Option<Answer> {
        if let Err(why) = validate(&call) {
            return Some(Answer::refused(400, format!("Failed to validate Executor::Call: {why}")));
        }
        let kind = call.r#type();
        match kind {
            call::Type::Heartbeat => return Some(Answer::Accepted),
            call::Type::Unknown => return Some(Answer::refused(501, "Unknown call type")),
            _ => {}
        }
        if kind != call::Type::Subscribe && self.membership.is_recovering() {
            return Some(Answer::refused(503, "Agent has not finished recovery"));
        }
        let (framework_id, executor_id) = (call.framework_id.value.as_str(), call.executor_id.value.as_str());
        let Some(framework) = self.frameworks.get(framework_id) else {
            return Some(Answer::refused(400, "Framework cannot be found"));
        };
        let executor = framework.executors.get(executor_id).filter(|executor| executor.is_alive());
        let Some(executor) = executor else { return Some(Answer::refused(400, "Executor cannot be found")) };
        if kind != call::Type::Subscribe
            && matches!(executor.phase, Phase::Preparing | Phase::Launching | Phase::Registering)
        {
            return Some(Answer::refused(403, "Executor is not subscribed"));
        }
        match kind {
            call::Type::Subscribe => {
                self.subscribe(ticket, framework_id, executor_id, call.subscribe.unwrap_or_default());
                return None;
            }
            call::Type::Update => {
                if let Some(update) = call.update {
                    self.executor_update(framework_id, executor_id, update.status);
                }
            }
            call::Type::Message => self.message_to_scheduler(call),
            call::Type::Heartbeat | call::Type::Unknown => {}
        }
        Some(Answer::Accepted)
    }

    fn subscribe(
        &mut self,
        ticket: Ticket,
        framework_id: &str,
        executor_id: &str,
        subscribe: call::Subscribe,
    ) {
        self.out.push(Output::Answer { ticket, answer: Answer::Stream });
        let Some(framework) = self.frameworks.get_mut(framework_id) else { return };
        let Some(executor) = framework.executors.get_mut(executor_id) else { return };
        if executor.phase == Phase::Terminating || framework.terminating || self.leaving.is_some() {
            self.event(ticket, of(event::Type::Shutdown));
            return self.out.push(Output::EndStream(ticket));
        }
        let was = executor.phase;
        if let Some(old) = executor.stream.replace(ticket) {
            self.out.push(Output::EndStream(old));
        }
        executor.phase = Phase::Running;
        executor.register_by = None;
        executor.heartbeat_at = Some(self.now + HEARTBEAT);
        for update in subscribe.unacknowledged_updates {
            // The rules of §6.4 hold for these too; one that breaks them was refused when it first came.
            self.executor_update(framework_id, executor_id, update.status);
        }
        self.drop_undelivered(framework_id, executor_id, &subscribe.unacknowledged_tasks);
        let idle = self.frameworks.get(framework_id).and_then(|f| f.executors.get(executor_id)).is_some_and(
            |executor| {
                was != Phase::Running
                    && !executor.delivered
                    && !executor.tasks.iter().any(|t| t.stage == Stage::Queued)
            },
        );
        if idle {
            self.log(format!("executor {executor_id} has nothing to do any more: it is shut down"));
            return self.begin_shutdown(framework_id, executor_id, None);
        }
        let agent_info = self.info();
        let Some(framework) = self.frameworks.get(framework_id) else { return };
        let Some(executor) = framework.executors.get(executor_id) else { return };
        let subscribed = event::Subscribed {
            executor_info: executor.info.clone(),
            framework_info: framework.info.clone(),
            agent_info,
            container_id: Some(super::book::container_id(&executor.run.container)),
        };
        self.event(ticket, executor::Event { subscribed: Some(subscribed), ..of(event::Type::Subscribed) });
        self.hand_over(framework_id, executor_id);
    }

    /// Tasks that were handed over, of which the executor has never heard: the hand-over was lost with the stream.
    fn drop_undelivered(&mut self, framework_id: &str, executor_id: &str, heard: &[v1::TaskInfo]) {
        let Some(framework) = self.frameworks.get(framework_id) else { return };
        let Some(executor) = framework.executors.get(executor_id) else { return };
        let cause = Cause {
            state: framework.lost_or(TaskState::TaskDropped),
            reason: task_status::Reason::AgentRestarted,
            message: "Task launched during agent restart".to_owned(),
        };
        let lost: Vec<String> = executor
            .tasks
            .iter()
            .filter(|task| task.stage == Stage::Launched && task.record.state() == TaskState::TaskStaging)
            .map(|task| task.info.task_id.value.clone())
            .filter(|id| !heard.iter().any(|task| task.task_id.value == *id))
            .collect();
        for task_id in lost {
            self.own_update(framework_id, Some(executor_id), &task_id, &cause);
        }
    }

    fn message_to_scheduler(&mut self, call: executor::Call) {
        if !self.membership.is_connected() {
            return self.log("an executor's message dropped: the agent is not registered");
        }
        self.out.push(Output::Send(ToMaster::Message {
            framework_id: call.framework_id,
            executor_id: call.executor_id,
            data: call.message.unwrap_or_default().data,
        }));
    }

    pub(super) fn message_to_executor(
        &mut self,
        framework_id: &v1::FrameworkId,
        executor_id: &v1::ExecutorId,
        data: Vec<u8>,
    ) {
        let executor =
            self.frameworks.get(&framework_id.value).and_then(|f| f.executors.get(&executor_id.value));
        let stream =
            executor.filter(|executor| executor.phase == Phase::Running).and_then(|executor| executor.stream);
        match stream {
            Some(stream) => {
                let message = Some(event::Message { data });
                self.event(stream, executor::Event { message, ..of(event::Type::Message) });
            }
            None => self.log(format!(
                "message to executor {} dropped: it is not running or not connected",
                executor_id.value
            )),
        }
    }

    pub(super) fn stream_closed(&mut self, stream: Ticket) {
        for executor in self.frameworks.values_mut().flat_map(|framework| framework.executors.values_mut()) {
            if executor.stream == Some(stream) {
                executor.stream = None;
                executor.heartbeat_at = None;
            }
        }
    }

    /// Sends the heartbeats that are due.
    pub(super) fn heartbeats(&mut self) {
        for executor in self.frameworks.values_mut().flat_map(|framework| framework.executors.values_mut()) {
            if executor.heartbeat_at.is_some_and(|at| at <= self.now)
                && let Some(stream) = executor.stream
            {
                executor.heartbeat_at = Some(self.now + HEARTBEAT);
                self.out.push(Output::Event { stream, event: Box::new(of(event::Type::Heartbeat)) });
            }
        }
    }
}
