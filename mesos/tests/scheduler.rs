//! The scheduler client against a master that does what real ones do at their worst.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines and tasks of its own")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "scheduler/master.rs"]
mod master;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use master::{Answer, Master};
use mesos::backoff::Backoff;
use mesos::scheduler::{CallError, Caller, Client, Disconnect, Fatal, Message, Options};
use mesos::v1::scheduler::call::{Subscribe, Type};
use mesos::v1::scheduler::{Call, event};
use mesos::v1::{FrameworkId, FrameworkInfo};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Anything here that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    messages: mpsc::Receiver<Message>,
    ended: JoinHandle<Result<(), Fatal>>,
}

fn options(masters: &str) -> Options {
    let mut options = Options::new(masters.parse().unwrap());
    options.backoff = Backoff { first: Duration::from_millis(1), limit: Duration::from_millis(5) };
    options.connect_timeout = Duration::from_secs(1);
    options
}

/// Each SUBSCRIBE suppresses a role with its own number, to show that each has a fresh body.
fn start(options: Options, room: usize) -> Running {
    let client = Client::new(options).unwrap();
    let (sender, messages) = mpsc::channel(room);
    let count = Arc::new(AtomicU32::new(0));
    let ended = tokio::spawn(async move {
        let body = move || Subscribe {
            framework_info: FrameworkInfo {
                user: "u".to_owned(),
                name: "n".to_owned(),
                ..Default::default()
            },
            suppressed_roles: vec![format!("r{}", count.fetch_add(1, Ordering::Relaxed))],
            ..Default::default()
        };
        client.run(body, sender).await
    });
    Running { messages, ended }
}

impl Running {
    async fn next(&mut self) -> Message {
        tokio::time::timeout(DEADLINE, self.messages.recv())
            .await
            .expect("no message came")
            .expect("the client ended")
    }

    async fn disconnect(&mut self) -> Disconnect {
        match self.next().await {
            Message::Disconnected(reason) => reason,
            other => panic!("a disconnect was due, not {other:?}"),
        }
    }

    async fn connected(&mut self) -> Caller {
        let caller = match self.next().await {
            Message::Connected(caller) => caller,
            other => panic!("a connection was due, not {other:?}"),
        };
        assert_eq!(self.event().await.r#type(), event::Type::Subscribed);
        caller
    }

    async fn event(&mut self) -> mesos::v1::scheduler::Event {
        match self.next().await {
            Message::Event(event) => *event,
            other => panic!("an event was due, not {other:?}"),
        }
    }

    async fn end(self) -> Result<(), Fatal> {
        tokio::time::timeout(DEADLINE, self.ended).await.expect("the client goes on").unwrap()
    }
}

fn revive() -> Call {
    Call { r#type: Some(Type::Revive.into()), ..Default::default() }
}

#[tokio::test]
async fn a_redirect_without_scheme_is_followed_and_calls_go_to_the_leader() {
    let (follower, follower_address) = Master::start().await;
    let (leader, leader_address) = Master::start().await;
    follower.then(Answer::Redirect(format!("//{leader_address}/api/v1/scheduler")));
    let stream = leader.then_stream("S-1");
    stream.subscribed(15.0);
    let mut running = start(options(&follower_address), 8);
    let caller = running.connected().await;
    assert_eq!(caller.framework_id().value, "F-1");
    caller.send(revive()).await.unwrap();
    caller.send(revive()).await.unwrap();
    let seen = leader.seen();
    let [subscribe, first, second] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(subscribe.stream_id, None);
    assert_eq!(subscribe.call.framework_id, None);
    for call in [first, second] {
        assert_eq!(call.stream_id.as_deref(), Some("S-1"));
        assert_eq!(call.call.framework_id, Some(FrameworkId { value: "F-1".to_owned() }));
    }
    // The stream has its own connection; all calls share the other one, or their order would be lost.
    assert_ne!(subscribe.peer, first.peer);
    assert_eq!(first.peer, second.peer);
    assert_eq!(follower.seen().len(), 1);
}

#[tokio::test]
async fn redirects_in_a_circle_end_and_the_next_attempt_may_succeed() {
    let (master, address) = Master::start().await;
    for _ in 0..6 {
        master.then(Answer::Redirect(format!("//{address}/api/v1/scheduler")));
    }
    master.then(Answer::Redirect(String::new()));
    master.then_stream("S-1").subscribed(15.0);
    let mut running = start(options(&address), 8);
    assert!(matches!(running.disconnect().await, Disconnect::TooManyRedirects { hops: 5, .. }));
    assert!(matches!(running.disconnect().await, Disconnect::BadRedirect { .. }));
    running.connected().await;
}

#[tokio::test]
async fn masters_are_tried_in_turn_until_one_leads() {
    // Bound and let go: nobody listens there.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (starting, starting_address) = Master::start().await;
    let (electing, electing_address) = Master::start().await;
    starting.then(Answer::Status(404, ""));
    starting.then_stream("S-1").subscribed(15.0);
    electing.then(Answer::Status(503, "No leader elected"));
    let mut running = start(options(&format!("{dead},{starting_address},{electing_address}")), 8);
    assert!(matches!(running.disconnect().await, Disconnect::Unreachable { .. }));
    assert!(matches!(running.disconnect().await, Disconnect::NotReady { status: 404, .. }));
    match running.disconnect().await {
        Disconnect::NotReady { status, text, .. } => {
            assert_eq!((status, text.as_str()), (503, "No leader elected"))
        }
        other => panic!("{other}"),
    }
    assert!(matches!(running.disconnect().await, Disconnect::Unreachable { .. }));
    running.connected().await;
}

#[tokio::test]
async fn a_lost_stream_is_subscribed_again_with_the_id_and_a_fresh_body() {
    let (master, address) = Master::start().await;
    let stream = master.then_stream("S-1");
    stream.subscribed(15.0);
    let mut running = start(options(&address), 8);
    let old = running.connected().await;
    let again = master.then_stream("S-2");
    again.subscribed(15.0);
    drop(stream);
    assert!(matches!(running.disconnect().await, Disconnect::StreamEnded { .. }));
    let new = running.connected().await;
    assert_eq!(old.send(revive()).await, Err(CallError::Disconnected));
    new.send(revive()).await.unwrap();
    let subscribes = master.subscribes();
    let id = Some(FrameworkId { value: "F-1".to_owned() });
    let body = subscribes[1].call.subscribe.as_ref().unwrap();
    assert_eq!(subscribes[1].call.framework_id, id);
    assert_eq!(body.framework_info.id, id);
    assert_eq!(body.suppressed_roles, ["r1"]);
    assert_eq!(subscribes[1].stream_id, None);
    assert_eq!(master.seen().last().unwrap().stream_id.as_deref(), Some("S-2"));
}

#[tokio::test]
async fn silence_of_five_heartbeats_is_a_loss() {
    let (master, address) = Master::start().await;
    let quiet = master.then_stream("S-1");
    quiet.subscribed(0.02);
    master.then_stream("S-2").subscribed(15.0);
    let mut running = start(options(&address), 8);
    running.connected().await;
    match running.disconnect().await {
        Disconnect::Silent { after, .. } => assert_eq!(after, Duration::from_millis(100)),
        other => panic!("{other}"),
    }
    running.connected().await;
    // The stream had not ended by itself.
    drop(quiet);
}

#[tokio::test]
async fn another_scheduler_taking_over_is_final() {
    let (master, address) = Master::start().await;
    let stream = master.then_stream("S-1");
    stream.subscribed(15.0);
    let mut running = start(options(&address), 8);
    let caller = running.connected().await;
    stream.error("Framework failed over");
    assert_eq!(running.disconnect().await, Disconnect::Fatal(Fatal::FailedOver));
    assert_eq!(caller.send(revive()).await, Err(CallError::Disconnected));
    assert_eq!(running.end().await, Err(Fatal::FailedOver));
    assert_eq!(master.subscribes().len(), 1);
}

#[tokio::test]
async fn refusals_are_final_whichever_way_they_come() {
    let (master, address) = Master::start().await;
    master.then_stream("S-1").error("Framework has been removed");
    master.then_stream("S-2").error("Role 'x' is not present in the master's --roles");
    master.then(Answer::Status(401, "no credentials"));
    let ends = [
        Fatal::Removed,
        Fatal::Rejected { message: "Role 'x' is not present in the master's --roles".to_owned() },
        Fatal::Refused {
            master: format!("http://{address}"),
            status: 401,
            text: "no credentials".to_owned(),
        },
    ];
    for end in ends {
        let mut running = start(options(&address), 8);
        assert_eq!(running.disconnect().await, Disconnect::Fatal(end.clone()));
        assert_eq!(running.end().await, Err(end));
    }
}

#[tokio::test]
async fn calls_come_in_order_and_a_refused_one_does_not_end_the_subscription() {
    let (master, address) = Master::start().await;
    let stream = master.then_stream("S-1");
    stream.subscribed(15.0);
    let mut running = start(options(&address), 8);
    let caller = running.connected().await;
    master.then_call(400, "Failed to validate scheduler::Call");
    let refused = caller.send(revive()).await;
    assert_eq!(
        refused,
        Err(CallError::Refused { status: 400, text: "Failed to validate scheduler::Call".to_owned() })
    );
    let kinds = [Type::Suppress, Type::Revive, Type::Decline, Type::Reconcile];
    let sends = kinds.map(|kind| {
        let call = Call { r#type: Some(kind.into()), ..Default::default() };
        let caller = caller.clone();
        async move { caller.send(call).await }
    });
    for result in futures_util::future::join_all(sends).await {
        result.unwrap();
    }
    let seen: Vec<Type> = master.seen().iter().skip(2).map(|seen| seen.call.r#type()).collect();
    assert_eq!(seen, kinds);
    stream.rescind("O-1");
    assert_eq!(running.event().await.rescind.unwrap().offer_id.value, "O-1");
}

#[tokio::test]
async fn a_call_that_shows_the_subscription_gone_leads_to_a_new_one() {
    let (master, address) = Master::start().await;
    let stream = master.then_stream("S-1");
    stream.subscribed(15.0);
    let mut running = start(options(&address), 8);
    let caller = running.connected().await;
    master.then_stream("S-2").subscribed(15.0);
    master.then_call(403, "Framework is not subscribed");
    let result = caller.send(revive()).await;
    assert_eq!(result, Err(CallError::NotSubscribed { text: "Framework is not subscribed".to_owned() }));
    assert!(matches!(running.disconnect().await, Disconnect::CallFailed { .. }));
    running.connected().await;
}

#[tokio::test]
async fn what_is_no_mesos_is_said() {
    let (master, address) = Master::start().await;
    let (_page, stream) = mpsc::unbounded_channel();
    master.then(Answer::Stream("S-1", "text/html", stream));
    let garbage = master.then_stream("S-2");
    garbage.raw(b"<html>");
    let unopened = master.then_stream("S-3");
    unopened.rescind("O-1");
    let mut running = start(options(&address), 8);
    assert!(
        matches!(running.disconnect().await, Disconnect::NotMesos { what, .. } if what.contains("text/html"))
    );
    let reason = running.disconnect().await;
    assert!(reason.to_string().contains("a record starts with \"<html>\""), "{reason}");
    assert!(
        matches!(running.disconnect().await, Disconnect::NotMesos { what, .. } if what.contains("Rescind"))
    );
}

#[tokio::test]
async fn a_master_that_says_nothing_is_given_up() {
    let (master, address) = Master::start().await;
    master.then(Answer::Silence);
    let mut options = options(&address);
    options.call_timeout = Duration::from_millis(100);
    let mut running = start(options, 8);
    let reason = running.disconnect().await;
    assert!(
        matches!(&reason, Disconnect::Unreachable { cause, .. } if cause.contains("no answer within 0.1 s")),
        "{reason}"
    );
}

#[tokio::test]
async fn a_full_channel_loses_nothing_and_does_not_stop_calls() {
    let (master, address) = Master::start().await;
    let stream = master.then_stream("S-1");
    stream.subscribed(15.0);
    let mut running = start(options(&address), 1);
    let caller = running.connected().await;
    for offer in 0..50 {
        stream.rescind(&format!("O-{offer}"));
    }
    drop(stream);
    // Nobody receives now, yet calls go through.
    caller.send(revive()).await.unwrap();
    for offer in 0..50 {
        assert_eq!(running.event().await.rescind.unwrap().offer_id.value, format!("O-{offer}"));
    }
    assert!(matches!(running.disconnect().await, Disconnect::StreamEnded { .. }));
}

#[tokio::test]
async fn the_client_ends_when_nobody_listens() {
    let (master, address) = Master::start().await;
    let stream = master.then_stream("S-1");
    stream.subscribed(15.0);
    let mut running = start(options(&address), 8);
    running.connected().await;
    running.messages.close();
    assert_eq!(running.end().await, Ok(()));
}
