//! When the whole executor is to end: SHUTDOWN and signals.

use expect_test::expect;

use super::*;

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
        Examine
        Tell asked: executor shut down (the agent asks); the JVM exited with code 143 0.0 s after SIGTERM
        Killed: executor shut down (the agent asks); the JVM exited with code 143 0.0 s after SIGTERM [incident asked]
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

/// Whoever ends the executor while a KILL is under way does not wait for minutes, in whichever phase it comes.
#[test]
fn a_shutdown_during_a_kill_hurries_too() {
    for hurry in [shutdown(), Event::Signalled("SIGTERM")] {
        for before_exit in [true, false] {
            let mut script = Script::at("stopping");
            let mut events = vec![hurry.clone(), exited(How::Code(143))];
            if !before_exit {
                events.reverse();
            }
            events.extend([Event::Swept { left: 0 }, Event::Forgotten]);
            events.into_iter().for_each(|event| script.on(event));
            script.said.clear();
            script.after(ACKNOWLEDGE_BRIEFLY, Event::Tick);
            assert_eq!(script.said, "Exit(Unacknowledged)\n", "{hurry:?}, {before_exit}");
        }
    }
}

/// The agent's grace is a limit, and so is the task's own.
#[test]
fn shutdown_gives_no_more_than_the_task_s_own_grace() {
    let mut script = Script::at("running");
    script.on(Event::Shutdown { reason: "the agent asks".to_owned(), grace: secs(320) });
    script.said.clear();
    script.after(secs(60), Event::Tick);
    script.check(
        [],
        expect![[r#"
        Warn("broker-1__11111111-2222-4333-8444-555555555555 ignores SIGTERM beyond its grace: SIGKILL")
        Signal(Kill)
        -> stopping
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
            Examine
            Tell asked: executor ended by SIGTERM; the JVM exited with code 143 0.0 s after SIGTERM
            Failed: executor ended by SIGTERM; the JVM exited with code 143 0.0 s after SIGTERM [incident asked]
            -> done
        "#]],
    );
}
