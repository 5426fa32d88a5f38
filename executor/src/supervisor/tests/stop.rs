//! Every way down.

use expect_test::expect;

use super::*;

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
    for second in 1..60 {
        script.after(secs(1), Event::Tick);
        let said = std::mem::take(&mut script.said);
        let expected = match second % 10 {
            0 => format!(
                "Note(\"{TASK} is still stopping: {second} s since SIGTERM, {} s until SIGKILL\")\n",
                60 - second
            ),
            _ => String::new(),
        };
        assert_eq!(said, expected, "after {second} s");
    }
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
            Examine
            Tell asked: killed as asked; the JVM was ended by SIGKILL after the grace
            -> stopping
        "#]],
    );
    script.check(
        [Event::Swept { left: 0 }],
        expect![[r#"
            Killed: killed as asked; the JVM was ended by SIGKILL after the grace [incident asked]
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
            Examine
            Tell asked: killed as asked; the JVM exited with code 143 2.0 s after SIGTERM
            Killed: killed as asked; the JVM exited with code 143 2.0 s after SIGTERM [incident asked]
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
    let stderr = vec!["java.net.BindException".to_owned(), "at kafka.Kafka".to_owned()];
    script.evidence = Some(Evidence { stderr, ..Evidence::default() });
    script.check([exited(How::Code(1)), Event::Swept { left: 2 }], expect![[r#"
        Rest
        Forget { session: 7 }
        Sweep
        Examine
        Tell unexplained: the JVM exited with code 1 after 3.0 s: java.net.BindException
        Warn("2 processes of broker-1__11111111-2222-4333-8444-555555555555 outlive SIGKILL")
        Failed: the JVM exited with code 1 after 3.0 s: java.net.BindException; 2 of its processes outlive SIGKILL, stuck in the kernel [incident unexplained]
        -> done
    "#]]);
    Script::at("starting").check(
        [exited(How::Signal(9)), Event::Swept { left: 0 }],
        expect![[r#"
            Rest
            Sweep
            Examine
            Tell killed: the JVM was ended by SIGKILL after 0.0 s: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup
            Failed: the JVM was ended by SIGKILL after 0.0 s: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup [incident killed]
            -> done
        "#]],
    );
    Script::at("starting").check(
        [exited(How::Code(3)), Event::Swept { left: 0 }],
        expect![[r#"
            Rest
            Sweep
            Examine
            Tell heap_out_of_memory: the JVM exited with code 3 after 0.0 s: its heap of 0 MiB is full (by its exit code): raise BROKER_HEAP_MB
            Failed: the JVM exited with code 3 after 0.0 s: its heap of 0 MiB is full (by its exit code): raise BROKER_HEAP_MB [incident heap_out_of_memory]
            -> done
        "#]],
    );
    Script::at("running").check(
        [exited(How::Code(0)), Event::Swept { left: 0 }],
        expect![[r#"
            Rest
            Forget { session: 7 }
            Sweep
            Examine
            Tell unexplained: the JVM exited with code 0 after 0.0 s
            Failed: the JVM exited with code 0 after 0.0 s [incident unexplained]
            -> done
        "#]],
    );
}

// S-086
#[test]
fn an_unhealthy_broker_is_stopped_and_fails_naming_the_reason() {
    let mut script = Script::at("running");
    let reason = "3 checks failed in a row, the last one: no answer within 20 s";
    let unhealthy = |silent| Event::Unhealthy { reason: reason.to_owned(), silent };
    script.check([unhealthy(true), unhealthy(true)], expect![[r#"
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
        Examine
        Tell health_check: unhealthy: 3 checks failed in a row, the last one: no answer within 20 s; the JVM was ended by SIGKILL after the grace
        Failed: unhealthy: 3 checks failed in a row, the last one: no answer within 20 s; the JVM was ended by SIGKILL after the grace [healthy false] [Health] [incident health_check]
        -> done
    "#]]);
}

// S-086: one that answers can still shut down cleanly, so it may.
#[test]
fn an_unhealthy_broker_that_answers_has_its_own_grace() {
    let reason = "3 checks failed in a row, the last one: broker 1 is not registered in ZooKeeper";
    let mut script = Script::at("running");
    script.on(Event::Unhealthy { reason: reason.to_owned(), silent: false });
    script.said.clear();
    script.after(secs(59), Event::Tick);
    script.check(
        [],
        expect![[r#"
            Note("broker-1__11111111-2222-4333-8444-555555555555 is still stopping: 59 s since SIGTERM, 1 s until SIGKILL")
            -> stopping
        "#]],
    );
    script.after(secs(1), Event::Tick);
    script.check(
        [],
        expect![[r#"
        Warn("broker-1__11111111-2222-4333-8444-555555555555 ignores SIGTERM beyond its grace: SIGKILL")
        Signal(Kill)
        -> stopping
    "#]],
    );
}

// D38: the JVM died while the probe's news of its session was on the way.
#[test]
fn a_session_that_comes_after_the_end_is_deleted_too_and_nobody_waits_for_more() {
    let mut script = Script::at("starting");
    script.check(
        [exited(How::Signal(9)), Event::Session(7), Event::Session(7), Event::Swept { left: 0 }],
        expect![[r#"
            Rest
            Sweep
            Examine
            Tell killed: the JVM was ended by SIGKILL after 0.0 s: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup
            Forget { session: 7 }
            Failed: the JVM was ended by SIGKILL after 0.0 s: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup [incident killed]
            -> done
        "#]],
    );
    script.check(
        [Event::Session(8), acknowledged()],
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
    let mut script = Script::at("running");
    script.on(exited(How::Signal(9)));
    script.said.clear();
    script.check(
        [
            Event::Session(7),
            Event::Session(9),
            Event::Forgotten,
            Event::Swept { left: 0 },
            acknowledged(),
            Event::Forgotten,
        ],
        expect![[r#"
            Forget { session: 9 }
            Failed: the JVM was ended by SIGKILL after 0.0 s: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup [incident killed]
            Exit(Done)
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
