#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use ::mesos::v1::{
    framework_info::{Capability, capability},
    scheduler::{Call, call, event},
};
use local::shell::door::DoorKeeper;

use super::*;

mod master;

use master::Master;

#[test]
fn events_become_the_cores() {
    let id = v1::FrameworkId { value: "f-1".into() };
    let subscribed = v1::scheduler::Event {
        r#type: Some(Type::Subscribed.into()),
        subscribed: Some(event::Subscribed { framework_id: id, ..Default::default() }),
        ..Default::default()
    };
    assert!(
        matches!(translate(subscribed), Some(Event::Subscribed { framework_id }) if framework_id == "f-1")
    );

    let offers = v1::scheduler::Event {
        r#type: Some(Type::Offers.into()),
        offers: Some(event::Offers { offers: vec![v1::Offer::default(); 2] }),
        ..Default::default()
    };
    assert!(matches!(translate(offers), Some(Event::Offers(offers)) if offers.len() == 2));

    let update = v1::scheduler::Event {
        r#type: Some(Type::Update.into()),
        update: Some(event::Update {
            status: v1::TaskStatus { message: Some("m".into()), ..Default::default() },
        }),
        ..Default::default()
    };
    assert!(matches!(translate(update), Some(Event::Update(status)) if status.message() == "m"));

    for kind in [Type::Heartbeat, Type::Rescind, Type::Failure, Type::Unknown, Type::Subscribed] {
        let event = v1::scheduler::Event { r#type: Some(kind.into()), ..Default::default() };
        assert!(translate(event).is_none(), "{kind:?} without a body");
    }
}

/// A framework the embedded master takes.
fn framework() -> v1::FrameworkInfo {
    v1::FrameworkInfo {
        user: "nobody".into(),
        name: "kafka".into(),
        roles: vec!["kafka-role".into()],
        failover_timeout: Some(3600.0),
        capabilities: vec![Capability { r#type: Some(capability::Type::MultiRole.into()) }],
        ..Default::default()
    }
}

/// Receives until an input fits; what does not is passed over.
async fn until<T>(inputs: &mut mpsc::Receiver<Input>, mut fits: impl FnMut(Input) -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = fits(inputs.recv().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), search).await.unwrap()
}

fn subscribed(input: Input) -> Option<String> {
    if let Input::Event(Event::Subscribed { framework_id }) = input { Some(framework_id) } else { None }
}

fn connected(input: Input) -> Option<Calls> {
    if let Input::Connected(calls) = input { Some(calls) } else { None }
}

fn disconnected(input: Input) -> Option<String> {
    if let Input::Disconnected(reason) = input { Some(reason) } else { None }
}

fn call(kind: call::Type) -> Call {
    Call { r#type: Some(kind.into()), ..Call::default() }
}

/// More calls than may wait; none leaves meanwhile, as nothing here waits.
fn fill(calls: &Calls) {
    for _ in 0..5000 {
        calls.send(call(call::Type::Decline));
    }
}

/// A subscription that waits only for as long as `last_words` says, and does not hold up its test otherwise.
struct Running {
    inputs: mpsc::Receiver<Input>,
    stop: CancellationToken,
    tasks: tokio::task::JoinSet<()>,
}

impl Running {
    fn start(address: SocketAddr, last_words: Duration) -> Running {
        let (sender, inputs) = mpsc::channel(16);
        let masters = address.to_string().parse().unwrap();
        let mut subscription = Subscription::new(masters, framework(), sender).unwrap();
        subscription.last_words = last_words;
        subscription.backoff = Backoff { first: Duration::from_millis(1), limit: Duration::from_millis(1) };
        let stop = CancellationToken::new();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(subscription.run(stop.clone()));
        Running { inputs, stop, tasks }
    }

    async fn stop(mut self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.tasks.join_next()).await.unwrap();
    }
}

/// Whoever gives up its subscription subscribes again as the same framework, as after any loss.
#[tokio::test]
async fn the_framework_id_outlives_subscriptions_and_masters() {
    use local::shell::master;
    let temp = tempfile::tempdir().unwrap();
    let door = DoorKeeper::new();
    let any = "127.0.0.1:0".parse().unwrap();
    let mut options = master::Options {
        master: local::master::Options::new(any),
        work_dir: temp.path().join("master"),
        seed: 1,
    };
    let running = master::start(options.clone(), &door).await.unwrap();
    options.master.address = running.address();

    let mut subscription = Running::start(running.address(), Duration::from_millis(1));
    let calls = until(&mut subscription.inputs, connected).await;
    let first = until(&mut subscription.inputs, subscribed).await;

    fill(&calls);
    let reason = until(&mut subscription.inputs, disconnected).await;
    assert_eq!(reason, "4096 calls wait and the master hardly takes any");
    drop(calls);
    assert_eq!(until(&mut subscription.inputs, subscribed).await, first);

    running.kill().await;
    let running = master::start(options, &door).await.unwrap();
    assert_eq!(until(&mut subscription.inputs, subscribed).await, first);

    subscription.stop().await;
    running.kill().await;
}

/// To whoever another scheduler took over from, a refused call may come before the ERROR that says so.
#[tokio::test]
async fn a_framework_that_failed_over_is_not_taken_back() {
    let (master, address) = Master::start(400).await;
    let mut subscription = Running::start(address, Duration::from_secs(20));
    let calls = until(&mut subscription.inputs, connected).await;
    calls.send(call(call::Type::Accept));
    let reason = until(&mut subscription.inputs, disconnected).await;
    assert_eq!(reason, "an offer could not be answered by ACCEPT: the master refuses the call: 400 as told");
    master.error("Framework failed over");
    let refused = |input| if let Input::Refused(reason) = input { Some(reason) } else { None };
    let reason = until(&mut subscription.inputs, refused).await;
    assert_eq!(reason, "another scheduler took over this framework id");
    subscription.stop().await;
    assert_eq!(master.subscribes(), 1);
}

/// Calls of a subscription that ended do not end the next one.
#[tokio::test]
async fn a_subscription_is_given_up_for_its_own_calls_alone() {
    let (master, address) = Master::start(202).await;
    let mut subscription = Running::start(address, Duration::from_millis(1));
    let old = until(&mut subscription.inputs, connected).await;
    fill(&old);
    until(&mut subscription.inputs, disconnected).await;
    let _calls = until(&mut subscription.inputs, connected).await;
    until(&mut subscription.inputs, subscribed).await;
    fill(&old);
    master.update("still here");
    let next = until(&mut subscription.inputs, Some).await;
    assert!(matches!(next, Input::Event(Event::Update(status)) if status.message() == "still here"));
    subscription.stop().await;
    assert_eq!(master.subscribes(), 2);
}

#[test]
fn the_waits_grow_from_a_second_and_have_a_limit() {
    let between = |before| [0.0, 1.0].map(|chance| pause(BACKOFF, before, chance).as_secs());
    assert_eq!([0, 1, 2, 9].map(between), [[1, 2], [2, 4], [4, 8], [15, 30]]);
}
