//! The executor client against an agent that restarts, loses and refuses things.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "executor/agent.rs"]
mod agent;

use std::time::Duration;

use agent::{Agent, Seen, id};
use mesos::executor::{self, Client, Closed, Handle, Message, Options, Refused, Shutdown, Token};
use mesos::v1::executor::call::Type;
use mesos::v1::task_status::Source;
use mesos::v1::{ExecutorId, FrameworkId, TaskState, TaskStatus};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Anything here that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    handle: Handle,
    messages: mpsc::Receiver<Message>,
    ended: JoinHandle<()>,
}

fn options(agent: &Agent) -> Options {
    Options {
        framework_id: FrameworkId { value: "F-1".to_owned() },
        executor_id: ExecutorId { value: "E-1".to_owned() },
        agent_id: None,
        agent: executor::Agent {
            host: agent.address.ip().to_string(),
            port: agent.address.port(),
            path: "/slave(1)/api/v1/executor".to_owned(),
        },
        checkpoint: true,
        recovery_timeout: DEADLINE,
        backoff_max: Duration::from_millis(20),
        shutdown_grace: Duration::from_secs(5),
        token: None,
        sandbox: None,
    }
}

fn start(options: Options) -> Running {
    let (client, handle) = Client::new(options);
    let (sender, messages) = mpsc::channel(4);
    Running { handle, messages, ended: tokio::spawn(client.run(sender)) }
}

impl Running {
    async fn next(&mut self) -> Message {
        tokio::time::timeout(DEADLINE, self.messages.recv())
            .await
            .expect("no message came")
            .expect("the client ended")
    }

    async fn subscribed(&mut self) {
        match self.next().await {
            Message::Subscribed(info) => assert_eq!(info.agent_info.hostname, "h"),
            other => panic!("SUBSCRIBED was due, not {other:?}"),
        }
    }

    async fn disconnected(&mut self) {
        let message = self.next().await;
        assert!(matches!(message, Message::Disconnected { .. }), "a disconnect was due, not {message:?}");
    }

    async fn update(&self, task: &str, state: TaskState) -> Uuid {
        let status = TaskStatus { task_id: id(task), state: state.into(), ..Default::default() };
        self.handle.update(status).await.unwrap()
    }

    async fn end(self) {
        tokio::time::timeout(DEADLINE, self.ended).await.expect("the client goes on").unwrap();
    }
}

fn uuid(seen: &Seen) -> Uuid {
    Uuid::from_slice(seen.call.update.as_ref().unwrap().status.uuid.as_ref().unwrap()).unwrap()
}

/// Tasks and updates that went along with a SUBSCRIBE.
fn carried(seen: &Seen) -> (Vec<String>, Vec<Uuid>) {
    let body = seen.call.subscribe.as_ref().unwrap();
    let tasks = body.unacknowledged_tasks.iter().map(|task| task.task_id.value.clone()).collect();
    let updates = body
        .unacknowledged_updates
        .iter()
        .map(|update| Uuid::from_slice(update.status.uuid.as_ref().unwrap()).unwrap())
        .collect();
    (tasks, updates)
}

#[tokio::test]
async fn a_task_lives_from_launch_to_the_acknowledged_end() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    stream.launch("T-1");
    let mut running = start(Options { token: Some(Token::new("jwt")), ..options(&agent) });
    running.subscribed().await;
    assert!(matches!(running.next().await, Message::Launch(task) if task.task_id == id("T-1")));
    let starting = running.update("T-1", TaskState::TaskStarting).await;
    let up = running.update("T-1", TaskState::TaskRunning).await;
    let updates = agent.calls(Type::Update, 2).await;
    assert_eq!([uuid(&updates[0]), uuid(&updates[1])], [starting, up]);
    for update in &updates {
        let status = &update.call.update.as_ref().unwrap().status;
        assert_eq!(status.source(), Source::Executor);
        assert_eq!(status.executor_id, Some(ExecutorId { value: "E-1".to_owned() }));
        assert!(status.timestamp.unwrap() > 1.7e9);
        // A real agent refuses any other kind of uuid.
        assert_eq!(uuid(update).get_version_num(), 4);
        assert_eq!(update.path, "/slave(1)/api/v1/executor");
        assert_eq!(update.authorization.as_deref(), Some("Bearer jwt"));
        // One connection for all of them, or their order would be lost.
        assert_eq!(update.peer, updates[0].peer);
    }
    let subscribe = &agent.calls(Type::Subscribe, 1).await[0];
    assert_eq!(carried(subscribe), (vec![], vec![]));
    assert_ne!(subscribe.peer, updates[0].peer);
    stream.acknowledge(&updates[0]);
    stream.acknowledge(&updates[1]);
    for uuid in [starting, up] {
        assert_eq!(running.next().await, Message::Acknowledged { task_id: id("T-1"), uuid });
    }
    stream.kill("T-1");
    assert_eq!(running.next().await, Message::Kill { task_id: id("T-1"), kill_policy: None });
    stream.message(b"hello");
    assert_eq!(running.next().await, Message::Message(b"hello".to_vec()));
    running.handle.message(b"there".to_vec()).await.unwrap();
    let message = &agent.calls(Type::Message, 1).await[0];
    assert_eq!(message.call.message.as_ref().unwrap().data, b"there");
    stream.shutdown();
    assert_eq!(running.next().await, Message::Shutdown(Shutdown::Asked));
    // The last word still goes out and is confirmed.
    let killed = running.update("T-1", TaskState::TaskKilled).await;
    stream.acknowledge(&agent.calls(Type::Update, 3).await[2]);
    assert_eq!(running.next().await, Message::Acknowledged { task_id: id("T-1"), uuid: killed });
}

#[tokio::test]
async fn an_agent_that_restarts_gets_what_it_did_not_confirm() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    stream.launch("T-1");
    stream.launch("T-2");
    let mut running = start(options(&agent));
    running.subscribed().await;
    running.next().await;
    running.next().await;
    let confirmed = running.update("T-1", TaskState::TaskStarting).await;
    let lost = running.update("T-1", TaskState::TaskRunning).await;
    let updates = agent.calls(Type::Update, 2).await;
    stream.acknowledge(&updates[0]);
    assert_eq!(running.next().await, Message::Acknowledged { task_id: id("T-1"), uuid: confirmed });
    // The agent dies before it acknowledges the second one.
    agent.stop().await;
    drop(stream);
    running.disconnected().await;
    let while_away = running.update("T-2", TaskState::TaskStarting).await;
    let stream = agent.then_stream();
    stream.subscribed();
    agent.restart().await;
    running.subscribed().await;
    let subscribe = &agent.calls(Type::Subscribe, 2).await[1];
    assert_eq!(carried(subscribe), (vec!["T-2".to_owned()], vec![lost, while_away]));
    // Both went along with SUBSCRIBE: no further call repeats them.
    stream.acknowledge(&updates[1]);
    assert_eq!(running.next().await, Message::Acknowledged { task_id: id("T-1"), uuid: lost });
    let later = running.update("T-2", TaskState::TaskRunning).await;
    let updates = agent.calls(Type::Update, 3).await;
    assert_eq!(uuid(&updates[2]), later);
}

#[tokio::test]
async fn an_update_the_agent_was_not_ready_for_is_repeated_in_order() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    agent.then_call(503, "Agent has not finished recovery");
    agent.then_call(503, "Agent has not finished recovery");
    let mut running = start(options(&agent));
    running.subscribed().await;
    let first = running.update("T-1", TaskState::TaskStarting).await;
    let second = running.update("T-1", TaskState::TaskRunning).await;
    let updates = agent.calls(Type::Update, 4).await;
    assert_eq!(updates.iter().map(uuid).collect::<Vec<_>>(), [first, first, first, second]);
}

#[tokio::test]
async fn a_refused_update_is_told_and_does_not_poison_the_next_subscription() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    agent.then_call(400, "Failed to validate Executor::Call");
    let mut running = start(options(&agent));
    running.subscribed().await;
    let refused = running.update("T-1", TaskState::TaskStaging).await;
    match running.next().await {
        Message::Refused(Refused::Update { task_id, uuid, status, text }) => {
            assert_eq!((task_id, uuid, status), (id("T-1"), refused, 400));
            assert_eq!(text, "Failed to validate Executor::Call");
        }
        other => panic!("{other:?}"),
    }
    let again = agent.then_stream();
    again.subscribed();
    drop(stream);
    running.disconnected().await;
    running.subscribed().await;
    assert_eq!(carried(&agent.calls(Type::Subscribe, 2).await[1]), (vec![], vec![]));
}

#[tokio::test]
async fn a_call_that_is_refused_as_unsubscribed_leads_to_a_new_subscription() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    let again = agent.then_stream();
    again.subscribed();
    agent.then_call(403, "Executor is not subscribed");
    let mut running = start(options(&agent));
    running.subscribed().await;
    let update = running.update("T-1", TaskState::TaskRunning).await;
    running.disconnected().await;
    running.subscribed().await;
    assert_eq!(carried(&agent.calls(Type::Subscribe, 2).await[1]).1, [update]);
}

#[tokio::test]
async fn an_agent_that_is_not_ready_is_asked_again_even_without_checkpoint() {
    let agent = Agent::start().await;
    for status in [401, 408, 429, 500, 503] {
        agent.then(status, "not now");
    }
    agent.then(404, "");
    let stream = agent.then_stream();
    stream.subscribed();
    let mut running = start(Options { checkpoint: false, ..options(&agent) });
    running.subscribed().await;
    drop(stream);
    running.disconnected().await;
    assert!(matches!(running.next().await, Message::Shutdown(Shutdown::NotCheckpointed { .. })));
    assert_eq!(running.handle.update(TaskStatus::default()).await, Err(Closed));
    running.end().await;
}

#[test]
fn only_an_agent_that_says_so_does_not_know_us() {
    for (status, text, unknown) in [
        (400, "Executor cannot be found", true),
        (400, "Framework cannot be found", true),
        (400, "Failed to validate Executor::Call: Expecting 'type' to be present", false),
        (403, "Executor cannot be found", false),
        (406, "", false),
    ] {
        let refused = Refused::Subscribe { status, text: text.to_owned() };
        assert_eq!(refused.is_unknown(), unknown, "{refused}");
    }
}

#[tokio::test]
async fn a_refused_subscription_is_the_end() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    let mut running = start(options(&agent));
    running.subscribed().await;
    agent.then(400, "Executor cannot be found");
    drop(stream);
    running.disconnected().await;
    let text = "Executor cannot be found".to_owned();
    assert_eq!(running.next().await, Message::Refused(Refused::Subscribe { status: 400, text }));
    running.end().await;
}

#[tokio::test]
async fn an_agent_that_stays_away_is_given_up_after_the_recovery_timeout() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    let timeout = Duration::from_millis(300);
    let mut running = start(Options { recovery_timeout: timeout, ..options(&agent) });
    running.subscribed().await;
    agent.stop().await;
    drop(stream);
    running.disconnected().await;
    let away = std::time::Instant::now();
    match running.next().await {
        Message::Shutdown(Shutdown::RecoveryTimeout { timeout: told, reason }) => {
            assert_eq!(told, timeout);
            assert!(reason.contains("cannot connect"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert!(away.elapsed() >= timeout.mul_f64(0.8), "given up after {:?}", away.elapsed());
    running.end().await;
}

#[tokio::test]
async fn an_error_event_is_the_end() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    stream.error("bad");
    let mut running = start(options(&agent));
    running.subscribed().await;
    assert_eq!(running.next().await, Message::Shutdown(Shutdown::Error { message: "bad".to_owned() }));
    running.end().await;
}

#[tokio::test]
async fn neither_side_blocks_the_other_when_both_are_busy() {
    let agent = Agent::start().await;
    let stream = agent.then_stream();
    stream.subscribed();
    for task in 0..100 {
        stream.kill(&task.to_string());
    }
    let mut running = start(options(&agent));
    running.subscribed().await;
    // More updates than any queue holds, while nobody takes the kills that fill the channel.
    let mut sent = Vec::new();
    for _ in 0..200 {
        sent.push(running.update("T-1", TaskState::TaskRunning).await);
    }
    let updates = agent.calls(Type::Update, 200).await;
    assert_eq!(updates.iter().map(uuid).collect::<Vec<_>>(), sent);
    for task in 0..100 {
        assert_eq!(running.next().await, Message::Kill { task_id: id(&task.to_string()), kill_policy: None });
    }
}
