//! Every end of the JVM is told until it is stored, and the exit waits for that, but not for ever (D45).

use api::incident::{Cause, SHORT_LIMIT};
use expect_test::expect;
use uuid::Uuid;

use super::*;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// So many words that they do not fit into an update.
fn wordy(number: u128) -> Evidence {
    let stdout = (0..200).map(|n| format!("[2026-11-25 20:00:00,{n:03}] INFO line (kafka.Log)")).collect();
    Evidence { id: id(number), stdout, ..Evidence::default() }
}

/// One whose broker crashed and whose terminal update is acknowledged.
fn crashed() -> Script {
    let mut script = Script::at("running");
    script.evidence = Some(wordy(5));
    script.check(
        [exited(How::Code(1)), Event::Forgotten, Event::Swept { left: 0 }, acknowledged()],
        expect![[r#"
            Rest
            Forget { session: 7 }
            Sweep
            Examine
            Tell unexplained: the JVM exited with code 1 after 0.0 s
            Failed: the JVM exited with code 1 after 0.0 s [incident unexplained]
            -> done
        "#]],
    );
    script
}

#[test]
fn the_exit_waits_until_the_whole_incident_is_stored() {
    let mut script = crashed();
    script.check(
        [Event::IncidentStored { id: id(6) }, Event::IncidentStored { id: id(5) }],
        expect![[r#"
            Exit(Done)
            -> done
        "#]],
    );
}

#[test]
fn it_is_told_again_and_waited_for_five_seconds_at_most() {
    let mut script = crashed();
    for _ in 0..49 {
        script.after(secs(1) / 10, Event::Tick);
    }
    script.check(
        [],
        expect![[r#"
            Tell unexplained: the JVM exited with code 1 after 0.0 s
            Tell unexplained: the JVM exited with code 1 after 0.0 s
            -> done
        "#]],
    );
    script.after(secs(1) / 10, Event::Tick);
    script.check(
        [],
        expect![[r#"
            Exit(Done)
            -> done
        "#]],
    );
}

// A shutdown gives two seconds for everything.
#[test]
fn whoever_is_in_a_hurry_is_not_kept() {
    let mut script = crashed();
    script.on(shutdown());
    script.after(ACKNOWLEDGE_BRIEFLY, Event::Tick);
    assert!(script.said.ends_with("Exit(Done)\n"), "{}", script.said);
}

// What goes with the terminal update is delivered by Mesos: there is nothing to wait for.
#[test]
fn an_orderly_stop_is_told_in_its_update() {
    let mut script = Script::at("running");
    script.on(kill(None));
    script.said.clear();
    script.evidence = Some(wordy(5));
    script.check(
        [exited(How::Code(143)), Event::Forgotten, Event::Swept { left: 0 }, acknowledged()],
        expect![[r#"
            Forget { session: 7 }
            Sweep
            Examine
            Tell asked: killed as asked; the JVM exited with code 143 0.0 s after SIGTERM
            Killed: killed as asked; the JVM exited with code 143 0.0 s after SIGTERM [incident asked]
            Exit(Done)
            -> done
        "#]],
    );
}

#[test]
fn the_update_has_the_short_form() {
    let mut script = Script::at("running");
    let mut short = None;
    let examined = Event::Examined(Box::new(wordy(5)));
    for event in [exited(How::Signal(9)), examined, Event::Swept { left: 0 }] {
        for effect in script.supervisor.handle(secs(3), event) {
            match effect {
                Effect::Tell(whole) => {
                    assert_eq!((whole.id, whole.cause, whole.whole), (id(5), Cause::Killed, true));
                    assert_eq!((whole.uptime_ms, whole.stdout.len()), (3000, 200));
                    assert_eq!(
                        (whole.config_id, whole.generation),
                        (Some(good().config_id), good().generation)
                    );
                }
                Effect::Update(update) => short = update.incident,
                _ => {}
            }
        }
    }
    let short = short.expect("the terminal update has one");
    assert!(!short.whole && short.size() <= SHORT_LIMIT && short.id == id(5));
    assert!(short.stdout.last().is_some_and(|line| line.contains(",199]")), "the last lines stay");
}

// The log is watched for what -XX:+ExitOnOutOfMemoryError misses.
#[test]
fn a_broker_whose_log_says_that_it_is_out_of_memory_is_stopped() {
    let mut script = Script::at("running");
    let said = "Direct buffer memory".to_owned();
    script.evidence = Some(wordy(5));
    script.check(
        [Event::OutOfMemory(said), exited(How::Code(143)), Event::Swept { left: 0 }],
        expect![[r#"
            Rest
            Killing: out of memory
            Note("stopping broker-1__11111111-2222-4333-8444-555555555555: out of memory, grace 30 s")
            Signal(Term)
            Forget { session: 7 }
            Sweep
            Examine
            Tell direct_memory: out of memory; the JVM exited with code 143 0.0 s after SIGTERM: no direct buffer could be had (java.lang.OutOfMemoryError: Direct buffer memory): raise -XX:MaxDirectMemorySize in BROKER_JVM_OPTS, or BROKER_HEAP_MB, which it is bounded by otherwise
            Failed: out of memory; the JVM exited with code 143 0.0 s after SIGTERM: no direct buffer could be had (java.lang.OutOfMemoryError: Direct buffer memory): raise -XX:MaxDirectMemorySize in BROKER_JVM_OPTS, or BROKER_HEAP_MB, which it is bounded by otherwise [incident direct_memory]
            -> done
        "#]],
    );
    script.check(
        [Event::OutOfMemory("again".to_owned())],
        expect![[r#"
        -> done
    "#]],
    );
}

// A JVM killed, however often and whatever it is asked meanwhile.
#[test]
fn a_cause_that_shows_is_named_though_the_end_was_asked_for() {
    let mut script = Script::at("stopping");
    let stdout = vec!["Terminating due to java.lang.OutOfMemoryError: Java heap space".to_owned()];
    script.evidence = Some(Evidence { stdout, ..Evidence::default() });
    script.on(exited(How::Code(3)));
    assert!(
        script.said.contains("Tell heap_out_of_memory: killed as asked; the JVM exited"),
        "{}",
        script.said
    );
}

// D38, D45: what the JVM left is looked at beside all else, however long that takes.
#[test]
fn neither_the_sweep_nor_the_evidence_alone_ends_the_task() {
    for evidence_first in [true, false] {
        let mut script = Script::at("running");
        script.evidence = None;
        script.check(
            [exited(How::Code(1))],
            expect![[r#"
                Rest
                Forget { session: 7 }
                Sweep
                Examine
                -> stopping
            "#]],
        );
        let mut events = [Event::Swept { left: 0 }, examined()];
        if evidence_first {
            events.reverse();
        }
        let [first, second] = events;
        script.now += secs(3);
        script.on(first);
        assert_eq!(script.supervisor.state(), "stopping");
        assert!(!script.said.contains("Failed"), "{}", script.said);
        script.on(second);
        script.said.clear();
        script.check(
            [Event::Swept { left: 1 }, examined()],
            expect![[r#"
            -> done
        "#]],
        );
    }
    let mut script = Script::at("restarting");
    script.evidence = None;
    script.on(exited(How::Code(143)));
    script.said.clear();
    script.now += secs(3);
    script.check([Event::Swept { left: 0 }, examined()], expect![[r#"
        Tell asked: restarted in place as asked; the JVM exited with code 143 0.0 s after SIGTERM
        Note("broker-1__11111111-2222-4333-8444-555555555555: the JVM exited with code 143 0.0 s after SIGTERM; starting the next one")
        Look
        -> preparing
    "#]]);
}
