#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

//! Both halves of the table: what each state does with an event that means something to it, and that every other
//! event changes nothing.

use expect_test::{Expect, expect};

use super::*;
use crate::contract::{Problems, tests::good};

const TASK: &str = "broker-1__11111111-2222-4333-8444-555555555555";

/// A supervisor, its clock, and what it said.
struct Script {
    supervisor: Supervisor,
    now: Duration,
    said: String,
}

impl Script {
    fn new() -> Self {
        let mut script = Self { supervisor: Supervisor::default(), now: Duration::ZERO, said: String::new() };
        script.on(Event::Subscribed { killing: true });
        script
    }

    /// One that has come as far as `state`.
    fn at(state: &str) -> Self {
        let mut script = Self::new();
        let way = ["idle", "preparing", "starting", "running", "stopping", "done"];
        let steps: [Vec<Event>; 6] = [
            vec![],
            vec![launch()],
            vec![
                Event::Prepared(Ok(secs(18))),
                Event::Registration(Registered::Nobody),
                Event::Spawned(Ok(42)),
            ],
            vec![Event::Session(7), Event::Ready(Ok(()))],
            vec![kill(None)],
            vec![exited(How::Code(143)), Event::Swept { left: 0 }],
        ];
        for (name, events) in way.iter().zip(steps) {
            events.into_iter().for_each(|event| script.on(event));
            assert_eq!(script.supervisor.state(), *name);
            if *name == state {
                script.said.clear();
                return script;
            }
        }
        panic!("no state {state}")
    }

    fn on(&mut self, event: Event) {
        for effect in self.supervisor.handle(self.now, event) {
            self.said.push_str(&line(&effect));
            self.said.push('\n');
        }
    }

    fn after(&mut self, time: Duration, event: Event) {
        self.now += time;
        self.on(event);
    }

    fn check(&mut self, events: impl IntoIterator<Item = Event>, expect: Expect) {
        events.into_iter().for_each(|event| self.on(event));
        expect.assert_eq(&format!("{}-> {}\n", self.said, self.supervisor.state()));
        self.said.clear();
    }
}

fn line(effect: &Effect) -> String {
    match effect {
        Effect::Update(update) => {
            let mut line = format!("{:?}: {}", update.state, update.message);
            if let Some(healthy) = update.healthy {
                line.push_str(&format!(" [healthy {healthy}]"));
            }
            if let Some(reason) = update.reason {
                line.push_str(&format!(" [{reason:?}]"));
            }
            for (name, value) in &update.labels {
                line.push_str(&format!(" {name}={value}"));
            }
            line
        }
        Effect::Prepare(_) => "Prepare".to_owned(),
        other => format!("{other:?}"),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn launch() -> Event {
    Event::Launch(Box::new(Launch { task: TASK.to_owned(), contract: Ok(good()), grace: Some(secs(60)) }))
}

fn kill(grace: Option<u64>) -> Event {
    Event::Kill { task: TASK.to_owned(), grace: grace.map(secs) }
}

fn shutdown() -> Event {
    Event::Shutdown { reason: "the agent asks".to_owned(), grace: secs(4) }
}

fn exited(how: How) -> Event {
    Event::Exited(End { how, tail: Vec::new() })
}

fn acknowledged() -> Event {
    Event::Acknowledged { task: TASK.to_owned() }
}

fn other(owner: &str) -> Event {
    Event::Registration(Registered::Other { owner: owner.to_owned() })
}

// D18, D31
#[test]
fn from_launch_to_serving() {
    let mut script = Script::new();
    script.check(
        [launch()],
        expect![[r#"
        Starting: preparing the sandbox
        Prepare
        -> preparing
    "#]],
    );
    script.check(
        [Event::Prepared(Ok(secs(18)))],
        expect![[r#"
        Look
        -> preparing
    "#]],
    );
    script.check(
        [Event::Registration(Registered::Nobody)],
        expect![[r#"
        Spawn
        -> preparing
    "#]],
    );
    script.check(
        [Event::Spawned(Ok(42))],
        expect![[r#"
        Starting: the JVM runs as process 42
        -> starting
    "#]],
    );
    let missing = || Event::Ready(Err("not registered in ZooKeeper yet".to_owned()));
    script.check(
        [missing(), missing(), Event::Session(7)],
        expect![[r#"
        Starting: not registered in ZooKeeper yet
        -> starting
    "#]],
    );
    script.check([Event::Ready(Ok(())), Event::Ready(Ok(())), missing()], expect![[r#"
        Running: broker 1 is registered and answers config_id=00000000-0000-0000-0000-000000000007 generation=2
        -> running
    "#]]);
}

#[test]
fn a_bad_contract_fails_with_all_its_problems() {
    let contract = Err(Problems(vec!["heap_mb is 0".to_owned(), "port is 0".to_owned()]));
    let launch = Launch { task: TASK.to_owned(), contract, grace: None };
    let mut script = Script::new();
    script.check(
        [Event::Launch(Box::new(launch)), acknowledged()],
        expect![[r#"
        Failed: the launch contract cannot be carried out: heap_mb is 0; port is 0
        Exit(Done)
        -> done
    "#]],
    );
}

#[test]
fn what_stands_in_the_way_fails_the_task() {
    Script::at("preparing").check(
        [Event::Prepared(Err("no Kafka in the sandbox".to_owned()))],
        expect![[r#"
        Failed: no Kafka in the sandbox
        -> done
    "#]],
    );
    let mut script = Script::at("preparing");
    script.on(Event::Prepared(Ok(secs(18))));
    script.on(Event::Registration(Registered::Nobody));
    script.said.clear();
    script.check(
        [Event::Spawned(Err("cannot start java: permission denied".to_owned()))],
        expect![[r#"
        Failed: cannot start java: permission denied
        -> done
    "#]],
    );
}

// D38
#[test]
fn an_old_registration_is_waited_for_and_named() {
    let mut script = Script::at("preparing");
    script.check(
        [Event::Prepared(Ok(secs(18))), other("10.0.0.9:9092"), other("10.0.0.9:9092")],
        expect![[r#"
        Look
        Starting: waiting for the old registration of broker 1 by 10.0.0.9:9092, 30 s left
        -> preparing
    "#]],
    );
    script.after(secs(1), Event::Tick);
    script.on(Event::Tick);
    script.check(
        [other("10.0.0.9:9092")],
        expect![[r#"
        Look
        -> preparing
    "#]],
    );
    script.after(secs(6), Event::Tick);
    script.check(
        [other("10.0.0.9:9092")],
        expect![[r#"
        Look
        Starting: waiting for the old registration of broker 1 by 10.0.0.9:9092, 25 s left
        -> preparing
    "#]],
    );
    script.after(secs(1), Event::Tick);
    script.check(
        [Event::Registration(Registered::Unknown { why: "connection loss".to_owned() })],
        expect![[r#"
        Look
        Starting: waiting for ZooKeeper: connection loss, 20 s left
        -> preparing
    "#]],
    );
    script.check(
        [Event::Tick, Event::Registration(Registered::Nobody)],
        expect![[r#"
        Look
        Spawn
        -> preparing
    "#]],
    );
}

// D38
#[test]
fn an_old_registration_is_waited_for_at_most_session_timeout_and_ten_seconds() {
    let mut script = Script::at("preparing");
    script.on(Event::Prepared(Ok(secs(18))));
    script.after(secs(28) - Duration::from_millis(1), other("10.0.0.9:9092"));
    assert_eq!(script.supervisor.state(), "preparing");
    script.said.clear();
    script.after(Duration::from_millis(1), Event::Tick);
    script.check(
        [other("10.0.0.9:9092")],
        expect![[r#"
        Look
        Failed: broker 1 is still registered by 10.0.0.9:9092: does another process run as this broker?
        -> done
    "#]],
    );
    let mut script = Script::at("preparing");
    script.on(Event::Prepared(Ok(secs(6))));
    script.said.clear();
    script.now = secs(16);
    script.check(
        [Event::Registration(Registered::Unknown { why: "no server answers".to_owned() })],
        expect![[r#"
        Failed: ZooKeeper did not say in time whether broker 1 is free to start: no server answers
        -> done
    "#]],
    );
}

// D36
#[test]
fn a_kill_is_a_term_and_a_grace_and_then_a_kill() {
    let mut script = Script::at("running");
    script.check(
        [kill(None)],
        expect![[r#"
        Rest
        Killing: killed as asked
        Note("stopping broker-1__11111111-2222-4333-8444-555555555555: killed as asked, grace 60 s")
        Signal(Term)
        -> stopping
    "#]],
    );
    script.after(secs(59), Event::Tick);
    script.check(
        [],
        expect![[r#"
        -> stopping
    "#]],
    );
    script.after(secs(1), Event::Tick);
    script.check(
        [Event::Tick],
        expect![[r#"
        Warn("broker-1__11111111-2222-4333-8444-555555555555 ignores SIGTERM beyond its grace: SIGKILL")
        Signal(Kill)
        -> stopping
    "#]],
    );
    script.check(
        [exited(How::Signal(9))],
        expect![[r#"
        Forget { session: 7 }
        Sweep
        -> stopping
    "#]],
    );
    script.check(
        [Event::Swept { left: 0 }],
        expect![[r#"
        Killed: killed as asked; the JVM was ended by SIGKILL after the grace
        -> done
    "#]],
    );
    script.check(
        [acknowledged()],
        expect![[r#"
        -> done
    "#]],
    );
    script.check(
        [Event::Forgotten],
        expect![[r#"
        Exit(Done)
        -> done
    "#]],
    );
}

#[test]
fn a_broker_that_stops_in_time() {
    let mut script = Script::at("stopping");
    script.now = secs(2);
    let events = [exited(How::Code(143)), Event::Forgotten, Event::Swept { left: 0 }, acknowledged()];
    script.check(
        events,
        expect![[r#"
        Forget { session: 7 }
        Sweep
        Killed: killed as asked; the JVM exited with code 143 2.0 s after SIGTERM
        Exit(Done)
        -> done
    "#]],
    );
}

#[test]
fn a_later_kill_shortens_the_grace_and_never_extends_it() {
    let mut script = Script::at("stopping");
    script.check(
        [kill(Some(300)), kill(None)],
        expect![[r#"
        -> stopping
    "#]],
    );
    script.check(
        [kill(Some(5))],
        expect![[r#"
        Note("killed as asked: grace shortened to 5 s")
        -> stopping
    "#]],
    );
    script.after(secs(5), Event::Tick);
    script.check(
        [],
        expect![[r#"
        Warn("broker-1__11111111-2222-4333-8444-555555555555 ignores SIGTERM beyond its grace: SIGKILL")
        Signal(Kill)
        -> stopping
    "#]],
    );
    let mut script = Script::at("stopping");
    script.check(
        [kill(Some(0)), kill(Some(0))],
        expect![[r#"
        Note("killed as asked: grace shortened to 0 s")
        Signal(Kill)
        -> stopping
    "#]],
    );
    Script::at("running").check(
        [kill(Some(0))],
        expect![[r#"
        Rest
        Killing: killed as asked
        Note("stopping broker-1__11111111-2222-4333-8444-555555555555: killed as asked, grace 0 s")
        Signal(Kill)
        -> stopping
    "#]],
    );
}

#[test]
fn a_framework_without_task_killing_is_not_told() {
    let mut script = Script::at("starting");
    script.check(
        [Event::Subscribed { killing: false }, kill(None)],
        expect![[r#"
        Rest
        Note("stopping broker-1__11111111-2222-4333-8444-555555555555: killed as asked, grace 60 s")
        Signal(Term)
        -> stopping
    "#]],
    );
}

#[test]
fn a_task_without_a_jvm_is_killed_at_once() {
    Script::at("preparing").check(
        [kill(None)],
        expect![[r#"
        Killed: killed as asked; the broker was not started yet
        -> done
    "#]],
    );
    let mut script = Script::at("preparing");
    script.on(Event::Prepared(Ok(secs(18))));
    script.on(Event::Registration(Registered::Nobody));
    script.said.clear();
    // The fork was under way: its child is swept.
    script.check(
        [kill(None), Event::Spawned(Ok(42)), Event::Swept { left: 0 }],
        expect![[r#"
        Killed: killed as asked; the broker was not started yet
        Sweep
        -> done
    "#]],
    );
}

#[test]
fn a_jvm_that_ends_by_itself_fails_the_task_with_its_last_words() {
    let mut script = Script::at("running");
    script.now = secs(3);
    let tail = vec!["java.net.BindException".to_owned(), "at kafka.Kafka".to_owned()];
    script.check([Event::Exited(End { how: How::Code(1), tail }), Event::Swept { left: 2 }], expect![[r#"
        Rest
        Forget { session: 7 }
        Sweep
        Warn("2 processes of broker-1__11111111-2222-4333-8444-555555555555 outlive SIGKILL")
        Failed: the JVM exited with code 1 after 3.0 s: java.net.BindException | at kafka.Kafka; 2 of its processes outlive SIGKILL, stuck in the kernel
        -> done
    "#]]);
    Script::at("starting").check(
        [exited(How::Signal(9)), Event::Swept { left: 0 }],
        expect![[r#"
        Rest
        Sweep
        Failed: the JVM was ended by SIGKILL after 0.0 s
        -> done
    "#]],
    );
    Script::at("starting").check(
        [exited(How::Code(3)), Event::Swept { left: 0 }],
        expect![[r#"
        Rest
        Sweep
        Failed: the JVM exited with code 3 (out of memory) after 0.0 s
        -> done
    "#]],
    );
    Script::at("running").check(
        [exited(How::Code(0)), Event::Swept { left: 0 }],
        expect![[r#"
        Rest
        Forget { session: 7 }
        Sweep
        Failed: the JVM exited with code 0 after 0.0 s
        -> done
    "#]],
    );
}

// S-086
#[test]
fn an_unhealthy_broker_is_stopped_and_fails_naming_the_reason() {
    let mut script = Script::at("running");
    let reason = "3 checks failed in a row, the last one: no answer within 20 s";
    script.check([Event::Unhealthy(reason.to_owned()), Event::Unhealthy(reason.to_owned())], expect![[r#"
        Rest
        Killing: unhealthy: 3 checks failed in a row, the last one: no answer within 20 s [healthy false]
        Note("stopping broker-1__11111111-2222-4333-8444-555555555555: unhealthy: 3 checks failed in a row, the last one: no answer within 20 s, grace 3 s")
        Signal(Term)
        -> stopping
    "#]]);
    script.after(UNHEALTHY_GRACE, Event::Tick);
    script.check([exited(How::Signal(9)), Event::Swept { left: 0 }], expect![[r#"
        Warn("broker-1__11111111-2222-4333-8444-555555555555 ignores SIGTERM beyond its grace: SIGKILL")
        Signal(Kill)
        Forget { session: 7 }
        Sweep
        Failed: unhealthy: 3 checks failed in a row, the last one: no answer within 20 s; the JVM was ended by SIGKILL after the grace [healthy false] [Health]
        -> done
    "#]]);
}

// S-081, mesos-v1-http 6.6
#[test]
fn health_is_told_on_each_failure_and_on_the_first_success() {
    let checked = |healthy| Event::Checked { healthy, message: format!("healthy is {healthy}") };
    let mut script = Script::at("running");
    let verdicts = [true, true, false, false, true, true].map(checked);
    script.check(verdicts, expect![[r#"
        Running: healthy is true [healthy true] [Health] config_id=00000000-0000-0000-0000-000000000007 generation=2
        Running: healthy is false [healthy false] [Health] config_id=00000000-0000-0000-0000-000000000007 generation=2
        Running: healthy is false [healthy false] [Health] config_id=00000000-0000-0000-0000-000000000007 generation=2
        Running: healthy is true [healthy true] [Health] config_id=00000000-0000-0000-0000-000000000007 generation=2
        -> running
    "#]]);
    script.check([checked(false), kill(None), checked(true)], expect![[r#"
        Running: healthy is false [healthy false] [Health] config_id=00000000-0000-0000-0000-000000000007 generation=2
        Rest
        Killing: killed as asked [healthy false]
        Note("stopping broker-1__11111111-2222-4333-8444-555555555555: killed as asked, grace 60 s")
        Signal(Term)
        -> stopping
    "#]]);
}

#[test]
fn shutdown_ends_everything_and_waits_only_briefly() {
    Script::at("idle").check(
        [shutdown()],
        expect![[r#"
        Exit(Done)
        -> idle
    "#]],
    );
    Script::at("preparing").check(
        [shutdown()],
        expect![[r#"
        Killed: executor shut down (the agent asks); the broker was not started yet
        -> done
    "#]],
    );
    let mut script = Script::at("running");
    script.check([shutdown(), exited(How::Code(143)), Event::Swept { left: 0 }, Event::Forgotten], expect![[r#"
        Rest
        Killing: executor shut down (the agent asks)
        Note("stopping broker-1__11111111-2222-4333-8444-555555555555: executor shut down (the agent asks), grace 4 s")
        Signal(Term)
        Forget { session: 7 }
        Sweep
        Killed: executor shut down (the agent asks); the JVM exited with code 143 0.0 s after SIGTERM
        -> done
    "#]]);
    script.after(ACKNOWLEDGE_BRIEFLY, Event::Tick);
    script.check(
        [],
        expect![[r#"
        Exit(Unacknowledged)
        -> done
    "#]],
    );
    // A KILL's long grace does not outlast the agent's.
    let mut script = Script::at("stopping");
    script.on(shutdown());
    script.after(secs(4), Event::Tick);
    script.check(
        [],
        expect![[r#"
        Note("executor shut down (the agent asks): grace shortened to 4 s")
        Warn("broker-1__11111111-2222-4333-8444-555555555555 ignores SIGTERM beyond its grace: SIGKILL")
        Signal(Kill)
        -> stopping
    "#]],
    );
    let mut script = Script::at("done");
    script.on(shutdown());
    script.after(ACKNOWLEDGE_BRIEFLY, Event::Tick);
    script.check(
        [],
        expect![[r#"
        Exit(Unacknowledged)
        -> done
    "#]],
    );
}

#[test]
fn a_signal_stops_the_broker_with_its_own_grace() {
    Script::at("idle").check(
        [Event::Signalled("SIGTERM")],
        expect![[r#"
        Exit(Done)
        -> idle
    "#]],
    );
    let mut script = Script::at("running");
    script.check(
        [Event::Signalled("SIGTERM"), exited(How::Code(143)), Event::Swept { left: 0 }],
        expect![[r#"
        Rest
        Killing: executor ended by SIGTERM
        Note("stopping broker-1__11111111-2222-4333-8444-555555555555: executor ended by SIGTERM, grace 60 s")
        Signal(Term)
        Forget { session: 7 }
        Sweep
        Failed: executor ended by SIGTERM; the JVM exited with code 143 0.0 s after SIGTERM
        -> done
    "#]],
    );
}

#[test]
fn an_acknowledgement_that_never_comes_is_not_waited_for_for_ever() {
    let mut script = Script::at("done");
    script.after(ACKNOWLEDGE_WAIT - secs(1), Event::Tick);
    script.check(
        [],
        expect![[r#"
        -> done
    "#]],
    );
    script.after(secs(1), Event::Tick);
    script.check(
        [],
        expect![[r#"
        Exit(Unacknowledged)
        -> done
    "#]],
    );
}

#[test]
fn one_task_only() {
    let foreign = || {
        Event::Launch(Box::new(Launch { task: "broker-2__x".to_owned(), contract: Ok(good()), grace: None }))
    };
    for state in ["preparing", "starting", "running", "stopping", "done"] {
        let mut script = Script::at(state);
        script.on(launch());
        script.on(foreign());
        let expect = format!(
            "Warn(\"LAUNCH of {TASK}, which is here already: ignored\")\n\
             Failed: this executor has {TASK}: one executor runs one task, once\n"
        );
        assert_eq!((script.said.as_str(), script.supervisor.state()), (expect.as_str(), state));
    }
}

/// The illegal half: in each state every event that means nothing there says nothing and changes nothing.
#[test]
fn overtaken_events_change_nothing() {
    let events: Vec<(&str, Event)> = vec![
        ("Prepared", Event::Prepared(Ok(secs(18)))),
        ("Prepared", Event::Prepared(Err("x".to_owned()))),
        ("Registration", Event::Registration(Registered::Nobody)),
        ("Registration", other("x")),
        ("Spawned", Event::Spawned(Err("x".to_owned()))),
        ("Session", Event::Session(9)),
        ("Ready", Event::Ready(Ok(()))),
        ("Ready", Event::Ready(Err("x".to_owned()))),
        ("Checked", Event::Checked { healthy: false, message: "x".to_owned() }),
        ("Unhealthy", Event::Unhealthy("x".to_owned())),
        ("Exited", exited(How::Code(0))),
        ("Swept", Event::Swept { left: 0 }),
        ("Forgotten", Event::Forgotten),
        ("Acknowledged", Event::Acknowledged { task: "broker-2__x".to_owned() }),
        ("Tick", Event::Tick),
    ];
    let legal = |state: &str, event: &str| match state {
        "preparing" => event == "Prepared",
        "starting" => matches!(event, "Ready" | "Checked" | "Unhealthy" | "Exited"),
        "running" => matches!(event, "Checked" | "Unhealthy" | "Exited"),
        "stopping" => event == "Exited",
        _ => false,
    };
    for state in ["idle", "preparing", "starting", "running", "stopping", "done"] {
        for (name, event) in &events {
            if legal(state, name) {
                continue;
            }
            let mut script = Script::at(state);
            script.on(event.clone());
            assert_eq!((script.said.as_str(), script.supervisor.state()), ("", state), "{state} + {event:?}");
        }
        let mut script = Script::at(state);
        script.on(Event::Kill { task: "broker-2__x".to_owned(), grace: None });
        assert_eq!(script.said, "Warn(\"KILL for broker-2__x, which is not here: ignored\")\n");
        assert_eq!(script.supervisor.state(), state);
    }
}

/// What the world may do, given what it was asked to.
#[derive(Default)]
struct World {
    spawning: bool,
    alive: bool,
    dirty: bool,
    sweeping: bool,
    terminal: usize,
    exited: bool,
}

impl World {
    /// An event, if it can happen now.
    fn event(&mut self, kind: u8, choice: u8) -> Option<Event> {
        let grace = [None, Some(secs(0)), Some(secs(5))][usize::from(choice % 3)];
        Some(match kind % 16 {
            0 => launch(),
            1 => Event::Prepared(if choice == 0 { Err("x".to_owned()) } else { Ok(secs(6)) }),
            2 | 3 => Event::Registration(match choice % 3 {
                0 => Registered::Other { owner: "x".to_owned() },
                1 => Registered::Unknown { why: "x".to_owned() },
                _ => Registered::Nobody,
            }),
            4 | 5 if self.spawning => {
                self.spawning = false;
                self.alive = choice != 0;
                self.dirty = self.alive;
                Event::Spawned(if self.alive { Ok(1) } else { Err("x".to_owned()) })
            }
            6 => Event::Session(i64::from(choice)),
            7 => Event::Ready(if choice.is_multiple_of(2) { Ok(()) } else { Err("x".to_owned()) }),
            8 => Event::Checked { healthy: choice.is_multiple_of(2), message: "x".to_owned() },
            9 => Event::Unhealthy("x".to_owned()),
            10 => Event::Kill { task: TASK.to_owned(), grace },
            11 if choice < 30 => Event::Shutdown { reason: "x".to_owned(), grace: secs(4) },
            12 if self.alive => {
                self.alive = false;
                exited(How::Code(1))
            }
            13 if self.sweeping && !self.alive => {
                (self.sweeping, self.dirty) = (false, false);
                Event::Swept { left: 0 }
            }
            14 if self.terminal > 0 => acknowledged(),
            15 => Event::Forgotten,
            _ => Event::Tick,
        })
    }

    /// What must hold of each effect, whatever came before.
    fn absorb(&mut self, effect: &Effect) {
        assert!(!self.exited, "{effect:?} after the exit");
        match effect {
            Effect::Update(update) => {
                assert_eq!(self.terminal, 0, "{update:?} after the terminal one");
                if update.state.is_terminal() {
                    self.terminal += 1;
                    assert!(!self.dirty, "{update:?} while a process may live");
                }
            }
            Effect::Spawn => {
                assert!(!self.spawning && !self.dirty, "two JVMs");
                self.spawning = true;
            }
            Effect::Signal(_) => assert!(self.dirty, "a signal to nobody"),
            Effect::Sweep => {
                self.sweeping = true;
                // SIGKILL to everybody: a JVM that still runs goes too.
                self.alive = false;
            }
            Effect::Exit(_) => self.exited = true,
            _ => {}
        }
    }
}

proptest::proptest! {
    /// One terminal update, the last one, and only when nobody lives; never two JVMs; nothing after the exit.
    #[test]
    fn whatever_happens(events in proptest::collection::vec((0_u8..16, 0_u8..64, 0_u64..40), 0..120)) {
        let mut supervisor = Supervisor::default();
        supervisor.handle(Duration::ZERO, Event::Subscribed { killing: true });
        let mut world = World::default();
        let mut now = Duration::ZERO;
        for (kind, choice, passed) in events {
            now += secs(passed) / 10;
            let Some(event) = world.event(kind, choice) else { continue };
            for effect in supervisor.handle(now, event) {
                world.absorb(&effect);
            }
            if world.exited {
                break;
            }
        }
    }
}
