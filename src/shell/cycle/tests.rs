#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::VecDeque, time::Duration};

use mesos::v1::scheduler::{Call, call::Type};

use super::*;
use crate::{
    config::Settings,
    event::{Batch, Command, Write},
    shell::store::memory::MemoryStore,
};

/// A core that does as it is told.
struct Script {
    effects: VecDeque<Effects>,
    events: mpsc::UnboundedSender<String>,
    view: View,
}

impl Core for Script {
    fn handle(&mut self, _: Timestamp, event: Event) -> Effects {
        self.events.send(format!("{event:?}")).unwrap();
        // Something to see of each turn.
        self.view.not_registered = Some(format!("{event:?}"));
        self.effects.pop_front().unwrap_or_default()
    }

    fn view(&self, _: Timestamp) -> View {
        self.view.clone()
    }

    fn wants_kafka(&self) -> Option<KafkaQuestion> {
        None
    }

    fn wants_incident(&self, _now: Timestamp) -> Option<Fetch> {
        None
    }
}

struct Rig {
    cycle: Cycle<Script, MemoryStore>,
    store: MemoryStore,
    events: mpsc::UnboundedReceiver<String>,
    shown: watch::Receiver<Arc<View>>,
}

fn rig(effects: impl Into<VecDeque<Effects>>) -> Rig {
    let store = MemoryStore::default();
    let (sender, events) = mpsc::unbounded_channel();
    let view = any_view();
    let (shown_by, shown) = watch::channel(Arc::new(view.clone()));
    let script = Script { effects: effects.into(), events: sender, view };
    let failpoint = Failpoint::new(None, true);
    let asks = Asks { question: watch::channel(None).0, incident: watch::channel(None).0 };
    let cycle = Cycle::new(script, store.clone(), Clock::start(), failpoint, shown_by, asks);
    Rig { cycle, store, events, shown }
}

fn any_view() -> View {
    let env = [
        ("MESOS_MASTER", "127.0.0.1:5050"),
        ("SCHEDULER_STATE_URI", "file:///state"),
        ("FRAMEWORK_USER", "kafka"),
        ("KAFKA_URI", "file:///k.tgz"),
        ("EXECUTOR_URI", "file:///e"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let service = Settings::from_env(&env).unwrap().service;
    Scheduler::restore(service, &Default::default(), 1).unwrap().0.view(Timestamp(0))
}

fn effects(key: &str, kind: Type) -> Effects {
    let put = Write::Put { key: key.into(), value: b"1".to_vec() };
    let call = Call { r#type: Some(kind.into()), ..Call::default() };
    Effects { writes: Batch(vec![put]), calls: vec![call], ..Effects::default() }
}

/// Calls that tell of each one: its type, and whether the store held `key` when it left.
fn spying(store: &MemoryStore, key: &'static str) -> (Calls, mpsc::UnboundedReceiver<(Type, bool)>) {
    let (sender, seen) = mpsc::unbounded_channel();
    let store = store.clone();
    let send = move |call: Call| {
        // Whoever has seen enough may be gone.
        let _ = sender.send((call.r#type(), store.records().contains_key(key)));
        std::future::ready(Ok(()))
    };
    (Calls::start(send).0, seen)
}

// Store before ACCEPT, before ACKNOWLEDGE.
#[tokio::test(start_paused = true)]
async fn what_a_call_rests_on_is_stored_before_it_leaves() {
    let mut rig = rig([effects("broker", Type::Accept)]);
    let (calls, mut seen) = spying(&rig.store, "broker");
    rig.cycle.turn(Input::Connected(calls)).await.unwrap();
    rig.cycle.turn(Input::Event(Event::Tick)).await.unwrap();
    assert_eq!(seen.recv().await, Some((Type::Accept, true)));
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_commit_nothing_leaves_and_nothing_is_shown() {
    let mut rig = rig([effects("broker", Type::Accept)]);
    let (calls, mut seen) = spying(&rig.store, "broker");
    rig.cycle.turn(Input::Connected(calls)).await.unwrap();
    rig.store.fail_at(1);
    let before = rig.shown.borrow().clone();
    let failure = rig.cycle.turn(Input::Event(Event::Tick)).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Commit);
    rig.cycle.finish().await;
    assert_eq!(seen.recv().await, None, "no call leaves");
    assert_eq!(*rig.shown.borrow(), before);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_hangs_has_failed() {
    let mut rig = rig([effects("broker", Type::Accept)]);
    rig.store.hang();
    let turn = rig.cycle.turn(Input::Event(Event::Tick));
    let failure = tokio::time::timeout(Duration::from_secs(60), turn).await.unwrap().unwrap_err();
    assert_eq!(failure.exit(), Exit::Commit);
    let text = super::super::log::chain(&failure);
    assert!(text.ends_with("the commit did not end within 30 s"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn calls_are_made_only_while_subscribed() {
    let mut rig = rig([
        effects("a", Type::Revive),
        effects("b", Type::Accept),
        effects("c", Type::Decline),
        effects("d", Type::Suppress),
    ]);
    rig.cycle.turn(Input::Event(Event::Tick)).await.unwrap();
    let (calls, mut seen) = spying(&rig.store, "b");
    rig.cycle.turn(Input::Connected(calls)).await.unwrap();
    rig.cycle.turn(Input::Event(Event::Tick)).await.unwrap();
    assert_eq!(seen.recv().await, Some((Type::Accept, true)), "the first had nobody to go to");
    rig.cycle.turn(Input::Disconnected("the stream ended".into())).await.unwrap();
    rig.cycle.turn(Input::Event(Event::Tick)).await.unwrap();
    assert_eq!(seen.recv().await, None);
    assert_eq!(rig.store.commits(), 4, "what is decided meanwhile is stored all the same");
    let mut events = Vec::new();
    while let Ok(event) = rig.events.try_recv() {
        events.push(event);
    }
    assert_eq!(events, ["Tick", "Tick", r#"Disconnected { reason: "the stream ended" }"#, "Tick"]);
}

#[tokio::test(start_paused = true)]
async fn each_turn_shows_its_view_and_commits_only_what_changed() {
    let mut rig = rig([]);
    rig.cycle.turn(Input::Event(Event::Tick)).await.unwrap();
    assert_eq!(rig.shown.borrow().not_registered.as_deref(), Some("Tick"));
    assert_eq!(rig.store.commits(), 0);
}

/// Whoever asked is answered once what was decided is stored, and can be seen.
#[tokio::test(start_paused = true)]
async fn an_operator_is_answered_last() {
    let mut rig =
        rig([Effects { replies: vec![(Ticket(0), Reply::NoSuchBroker)], ..effects("a", Type::Revive) }]);
    let (answer, mut answered) = oneshot::channel();
    let command = Command::Restart { broker: api::ids::BrokerId(1), force: false };
    rig.cycle.turn(Input::Command(command, answer)).await.unwrap();
    assert_eq!(answered.try_recv(), Ok(Reply::NoSuchBroker));
    assert_eq!(rig.store.commits(), 1);
    assert!(rig.shown.borrow().not_registered.as_ref().unwrap().contains("Restart"));
}

async fn ended_by(
    part: impl Future<Output = &'static str> + Send + 'static,
    input: Option<Input>,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let mut rig = rig([]);
    let (inputs, mut received) = mpsc::channel(8);
    if let Some(input) = input {
        inputs.try_send(input).ok().unwrap();
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(part);
    let run = rig.cycle.run(&mut received, &mut tasks, stop);
    tokio::time::timeout(Duration::from_secs(5), run).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_for_a_stop_a_refusal_or_a_part_that_ended() {
    let go = CancellationToken::new;
    let stopped = go();
    stopped.cancel();
    ended_by(std::future::pending(), None, &stopped).await.unwrap();

    let refused = Input::Refused("the framework has been removed".into());
    let failure = ended_by(std::future::pending(), Some(refused), &go()).await.unwrap_err();
    assert_eq!(failure.to_string(), "Mesos refuses this framework: the framework has been removed");
    assert_eq!(failure.exit(), Exit::Refused);

    let failure = ended_by(std::future::ready("ticker"), None, &go()).await.unwrap_err();
    assert_eq!(
        (failure.to_string().as_str(), failure.exit()),
        ("the ticker ended by itself, which is a bug", Exit::Internal)
    );

    let failure = ended_by(async { panic!("as told") }, None, &go()).await.unwrap_err();
    assert!(matches!(failure, Failure::Panicked(_)) && failure.exit() == Exit::Internal);
}
