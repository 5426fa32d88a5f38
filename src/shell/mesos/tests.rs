#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ::mesos::v1::{framework_info::Capability, framework_info::capability, scheduler::event};
use local::shell::{door::DoorKeeper, master};

use super::*;

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

/// Whoever gives up its subscription subscribes again as the same framework, as after any loss.
#[tokio::test]
async fn the_framework_id_outlives_subscriptions_and_masters() {
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

    let (inputs, mut received) = mpsc::channel(16);
    let masters = running.address().to_string().parse().unwrap();
    let subscription = Subscription::new(masters, framework(), inputs).unwrap();
    let reset = Arc::clone(&subscription.reset);
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(subscription.run(stop.clone()));

    let calls = until(&mut received, |input| match input {
        Input::Connected(calls) => Some(calls),
        _ => None,
    })
    .await;
    let first = until(&mut received, subscribed).await;

    // As `Calls` does when its queue is full.
    reset.notify_one();
    let reason = until(&mut received, |input| match input {
        Input::Disconnected(reason) => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, "the master does not keep up with our calls");
    drop(calls);
    assert_eq!(until(&mut received, subscribed).await, first);

    running.kill().await;
    let running = master::start(options, &door).await.unwrap();
    assert_eq!(until(&mut received, subscribed).await, first);

    stop.cancel();
    tokio::time::timeout(Duration::from_secs(20), tasks.join_next()).await.unwrap();
    running.kill().await;
}
