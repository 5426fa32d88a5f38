//! A restart in place (D31): another JVM in the same task.

use expect_test::expect;

use super::*;

fn well(script: &mut Script) {
    for event in [Event::Registration(Registered::Nobody), Event::Spawned(Ok(43)), Event::Ready(Ok(()))] {
        script.on(event);
    }
}

// D31: prepared while the JVM before serves; then stopped, started, and named, all in one task.
#[test]
fn the_jvm_is_replaced_and_the_task_is_not() {
    let mut script = Script::at("running");
    script.on(Event::Checked { healthy: true, message: "well".to_owned() });
    script.said.clear();
    script.check([restart(3)], expect![[r#"
        Note("restart of broker-1__11111111-2222-4333-8444-555555555555 to configuration 00000000-0000-0000-0000-000000000003, generation 3")
        Prepare 3
        -> running
    "#]]);
    script.check([Event::Prepared(Ok(secs(6)))], expect![[r#"
        Rest
        Starting: restarting in place, to configuration 00000000-0000-0000-0000-000000000003, generation 3: the JVM is being stopped
        Signal(Term)
        -> restarting
    "#]]);
    script.now += secs(2);
    script.check([exited(How::Code(143)), Event::Swept { left: 0 }], expect![[r#"
        Forget { session: 7 }
        Sweep
        Examine
        Tell asked: restarted in place as asked; the JVM exited with code 143 2.0 s after SIGTERM
        Note("broker-1__11111111-2222-4333-8444-555555555555: the JVM exited with code 143 2.0 s after SIGTERM; starting the next one")
        Look
        -> preparing
    "#]]);
    script.check(
        [Event::Forgotten, Event::Registration(Registered::Nobody), Event::Spawned(Ok(43))],
        expect![[r#"
        Spawn
        Starting: the JVM runs as process 43
        -> starting
    "#]],
    );
    script.check([Event::Session(8), Event::Ready(Ok(()))], expect![[r#"
        Running: broker 1 is registered and answers config_id=00000000-0000-0000-0000-000000000003 generation=3
        -> running
    "#]]);
    // The next end is the next one's own.
    script.check(
        [exited(How::Signal(9)), Event::Forgotten, Event::Swept { left: 0 }, acknowledged()],
        expect![[r#"
            Rest
            Forget { session: 8 }
            Sweep
            Examine
            Tell killed: the JVM was ended by SIGKILL after 0.0 s: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup
            Failed: the JVM was ended by SIGKILL after 0.0 s: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup [incident killed]
            Exit(Done)
            -> done
        "#]],
    );
}

// D31: said again, it changes nothing; one that serves says what runs, since its word may be lost.
#[test]
fn a_restart_to_what_runs_or_is_about_to_changes_nothing() {
    let mut script = Script::at("running");
    script.check([restart(3), restart(3), Event::Prepared(Ok(secs(18))), restart(3)], expect![[r#"
        Note("restart of broker-1__11111111-2222-4333-8444-555555555555 to configuration 00000000-0000-0000-0000-000000000003, generation 3")
        Prepare 3
        Rest
        Starting: restarting in place, to configuration 00000000-0000-0000-0000-000000000003, generation 3: the JVM is being stopped
        Signal(Term)
        -> restarting
    "#]]);
    script.on(exited(How::Code(143)));
    script.on(Event::Swept { left: 0 });
    script.said.clear();
    script.check(
        [restart(3), Event::Registration(Registered::Nobody), restart(3), Event::Spawned(Ok(43)), restart(3)],
        expect![[r#"
        Spawn
        Starting: the JVM runs as process 43
        -> starting
    "#]],
    );
    script.check([Event::Ready(Ok(())), restart(3), restart(2)], expect![[r#"
        Running: broker 1 is registered and answers config_id=00000000-0000-0000-0000-000000000003 generation=3
        Running: broker 1 runs this already config_id=00000000-0000-0000-0000-000000000003 generation=3
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000002 2: generation 2 is over, since 3 was asked for after it
        -> running
    "#]]);
}

#[test]
fn what_stands_in_the_way_is_refused_and_the_jvm_goes_on() {
    let mut script = Script::at("running");
    script.check([restart(3), Event::Prepared(Err("no Kafka in the sandbox".to_owned()))], expect![[r#"
        Note("restart of broker-1__11111111-2222-4333-8444-555555555555 to configuration 00000000-0000-0000-0000-000000000003, generation 3")
        Prepare 3
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000003 3: no Kafka in the sandbox
        -> running
    "#]]);
    let change = |change: &dyn Fn(&mut api::launch::LaunchContract)| {
        let mut contract = api::launch::LaunchContract { generation: 4, ..good() };
        change(&mut contract);
        Event::Restart { task: task(), contract: Box::new(contract) }
    };
    let changes = [
        change(&|contract| (contract.volume, contract.port) = ("other".to_owned(), 9099)),
        change(&|contract| contract.listen_address = "10.0.0.5".to_owned()),
        change(&|contract| contract.metrics_agent = Some("metrics-agent.jar".to_owned())),
        change(&|contract| contract.heap_mb = 0),
        change(&|contract| contract.version = 99),
    ];
    script.check(changes, expect![[r#"
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000007 4: volume cannot change in place, from "data" to "other"; port cannot change in place, from "9092" to "9099"
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000007 4: listen_address cannot change in place, from "0.0.0.0" to "10.0.0.5"
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000007 4: metrics_agent "metrics-agent.jar" was not fetched for this task
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000007 4: heap_mb is 0
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000007 4: it is of version 99, this executor reads up to 1
        -> running
    "#]]);
    let foreign = api::ids::TaskId { uuid: uuid::Uuid::nil(), ..task() };
    let elsewhere = || Event::Restart { task: foreign, contract: Box::new(good()) };
    script.check([elsewhere()], expect![[r#"
        Refuse broker-1__00000000-0000-0000-0000-000000000000 00000000-0000-0000-0000-000000000007 2: this executor has task broker-1__11111111-2222-4333-8444-555555555555
        -> running
    "#]]);
    Script::at("idle").check([elsewhere()], expect![[r#"
        Refuse broker-1__00000000-0000-0000-0000-000000000000 00000000-0000-0000-0000-000000000007 2: this executor has no task yet
        -> idle
    "#]]);
}

// A newer one wins, wherever the one before has got to.
#[test]
fn a_newer_restart_wins() {
    // While the first is prepared.
    let mut script = Script::at("running");
    script.check([restart(3), restart(4), restart(3), Event::Prepared(Ok(secs(18))), Event::Prepared(Ok(secs(18)))], expect![[r#"
        Note("restart of broker-1__11111111-2222-4333-8444-555555555555 to configuration 00000000-0000-0000-0000-000000000003, generation 3")
        Prepare 3
        Note("restart of broker-1__11111111-2222-4333-8444-555555555555 to configuration 00000000-0000-0000-0000-000000000004, generation 4")
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000003 3: generation 3 is over, since 4 was asked for after it
        Rest
        Starting: restarting in place, to configuration 00000000-0000-0000-0000-000000000003, generation 3: the JVM is being stopped
        Signal(Term)
        Prepare 4
        -> restarting
    "#]]);
    script.on(exited(How::Code(143)));
    script.on(Event::Swept { left: 0 });
    script.said.clear();
    well(&mut script);
    script.check([], expect![[r#"
        Spawn
        Starting: the JVM runs as process 43
        Running: broker 1 is registered and answers config_id=00000000-0000-0000-0000-000000000004 generation=4
        -> running
    "#]]);
    // While the JVM before stops: one that cannot be made leaves the first one alone.
    let mut script = Script::at("restarting");
    script.check([restart(4), Event::Prepared(Err("no Kafka".to_owned())), exited(How::Code(143)), Event::Swept { left: 0 }], expect![[r#"
        Note("restart of broker-1__11111111-2222-4333-8444-555555555555 to configuration 00000000-0000-0000-0000-000000000004, generation 4")
        Prepare 4
        Refuse broker-1__11111111-2222-4333-8444-555555555555 00000000-0000-0000-0000-000000000004 4: no Kafka
        Forget { session: 7 }
        Sweep
        Examine
        Tell asked: restarted in place as asked; the JVM exited with code 143 0.0 s after SIGTERM
        Note("broker-1__11111111-2222-4333-8444-555555555555: the JVM exited with code 143 0.0 s after SIGTERM; starting the next one")
        Look
        -> preparing
    "#]]);
    well(&mut script);
    assert!(script.said.ends_with("generation=3\n"), "{}", script.said);
    // While nobody runs, and while the next is forked.
    for (before, after) in [
        (vec![], vec![Event::Registration(Registered::Nobody), Event::Spawned(Ok(43))]),
        (vec![Event::Registration(Registered::Nobody)], vec![Event::Spawned(Ok(43))]),
    ] {
        let mut script = Script::at("restarting");
        script.on(exited(How::Code(143)));
        script.on(Event::Swept { left: 0 });
        before.into_iter().for_each(|event| script.on(event));
        script.said.clear();
        script.on(restart(4));
        script.on(Event::Prepared(Ok(secs(18))));
        after.into_iter().for_each(|event| script.on(event));
        if script.supervisor.state() == "restarting" {
            script.on(exited(How::Code(143)));
            script.on(Event::Swept { left: 0 });
            well(&mut script);
        } else {
            script.on(Event::Ready(Ok(())));
        }
        assert!(script.said.ends_with("generation=4\n"), "{}", script.said);
    }
    // Before the first JVM.
    let mut script = Script::at("preparing");
    script.check([restart(3), restart(4), Event::Prepared(Ok(secs(18))), Event::Prepared(Ok(secs(18)))], expect![[r#"
        Note("restart of broker-1__11111111-2222-4333-8444-555555555555 to configuration 00000000-0000-0000-0000-000000000003, generation 3")
        Note("restart of broker-1__11111111-2222-4333-8444-555555555555 to configuration 00000000-0000-0000-0000-000000000004, generation 4")
        Prepare 4
        Look
        -> preparing
    "#]]);
    well(&mut script);
    assert!(script.said.ends_with("generation=4\n"), "{}", script.said);
}

// KILL, SHUTDOWN and signals end the task whatever was about to be started.
#[test]
fn whoever_ends_the_task_ends_the_restart_too() {
    let mut script = Script::at("restarting");
    script.check(
        [kill(None), restart(4), exited(How::Code(143)), Event::Swept { left: 0 }],
        expect![[r#"
            Killing: killed as asked
            Note("the restart of broker-1__11111111-2222-4333-8444-555555555555 is given up: killed as asked")
            Note("a restart of broker-1__11111111-2222-4333-8444-555555555555, which is ending: ignored")
            Forget { session: 7 }
            Sweep
            Examine
            Tell asked: killed as asked; the JVM exited with code 143 0.0 s after SIGTERM
            Killed: killed as asked; the JVM exited with code 143 0.0 s after SIGTERM [incident asked]
            -> done
        "#]],
    );
    let mut script = Script::at("restarting");
    script.check(
        [kill(Some(0)), exited(How::Signal(9))],
        expect![[r#"
            Killing: killed as asked
            Note("the restart of broker-1__11111111-2222-4333-8444-555555555555 is given up: killed as asked")
            Note("killed as asked: grace shortened to 0 s")
            Signal(Kill)
            Forget { session: 7 }
            Sweep
            Examine
            Tell asked: killed as asked; the JVM was ended by SIGKILL after the grace
            -> stopping
        "#]],
    );
    let mut script = Script::at("restarting");
    script.on(exited(How::Code(143)));
    script.said.clear();
    script.check([Event::Signalled("SIGTERM"), Event::Swept { left: 0 }], expect![[r#"
        Killing: executor ended by SIGTERM
        Note("the restart of broker-1__11111111-2222-4333-8444-555555555555 is given up: executor ended by SIGTERM")
        Failed: executor ended by SIGTERM; the JVM exited with code 143 0.0 s after SIGTERM [incident asked]
        -> done
    "#]]);
    let mut script = Script::at("restarting");
    script.on(exited(How::Code(143)));
    script.on(Event::Swept { left: 0 });
    script.said.clear();
    script.check(
        [shutdown()],
        expect![[r#"
            Killed: executor shut down (the agent asks); the broker was not started yet [incident asked]
            -> done
        "#]],
    );
    // What was prepared meanwhile is not started.
    let mut script = Script::at("running");
    script.on(restart(3));
    script.said.clear();
    script.check(
        [kill(None), Event::Prepared(Ok(secs(18))), exited(How::Code(143)), Event::Swept { left: 0 }],
        expect![[r#"
            Rest
            Killing: killed as asked
            Note("stopping broker-1__11111111-2222-4333-8444-555555555555: killed as asked, grace 60 s")
            Signal(Term)
            Forget { session: 7 }
            Sweep
            Examine
            Tell asked: killed as asked; the JVM exited with code 143 0.0 s after SIGTERM
            Killed: killed as asked; the JVM exited with code 143 0.0 s after SIGTERM [incident asked]
            -> done
        "#]],
    );
}

#[test]
fn a_jvm_that_dies_is_a_failure_before_and_after_and_not_amid_the_restart() {
    let mut script = Script::at("running");
    script.on(restart(3));
    script.said.clear();
    script.check(
        [exited(How::Code(1)), Event::Prepared(Ok(secs(18))), Event::Swept { left: 0 }],
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
    let mut script = Script::at("restarting");
    script.after(secs(60), Event::Tick);
    script.check([exited(How::Signal(9)), Event::Swept { left: 0 }], expect![[r#"
        Warn("broker-1__11111111-2222-4333-8444-555555555555 ignores SIGTERM beyond its grace: SIGKILL")
        Signal(Kill)
        Forget { session: 7 }
        Sweep
        Examine
        Tell asked: restarted in place as asked; the JVM was ended by SIGKILL after the grace
        Note("broker-1__11111111-2222-4333-8444-555555555555: the JVM was ended by SIGKILL after the grace; starting the next one")
        Look
        -> preparing
    "#]]);
    script.on(Event::Registration(Registered::Nobody));
    script.on(Event::Spawned(Ok(43)));
    script.said.clear();
    script.check(
        [exited(How::Code(1)), Event::Swept { left: 0 }],
        expect![[r#"
            Rest
            Sweep
            Examine
            Tell unexplained: the JVM exited with code 1 after 0.0 s
            Failed: the JVM exited with code 1 after 0.0 s [incident unexplained]
            -> done
        "#]],
    );
}

#[test]
fn no_other_jvm_beside_one_that_is_stuck() {
    let mut script = Script::at("restarting");
    script.on(exited(How::Signal(9)));
    script.said.clear();
    script.check([Event::Swept { left: 1 }, acknowledged(), Event::Forgotten], expect![[r#"
        Warn("1 processes of broker-1__11111111-2222-4333-8444-555555555555 outlive SIGKILL")
        Failed: it cannot be restarted in place: the JVM was ended by SIGKILL 0.0 s after SIGTERM: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup; 1 of its processes outlive SIGKILL, stuck in the kernel [incident killed]
        Exit(Done)
        -> done
    "#]]);
}

// D38: the look at who is registered holds for a restart too; what the old JVM's session still holds is deleted.
#[test]
fn an_old_registration_is_waited_for_in_a_restart_too() {
    let mut script = Script::at("restarting");
    script.on(exited(How::Signal(9)));
    script.on(Event::Swept { left: 0 });
    script.said.clear();
    script.check(
        [other("10.0.0.9:9092"), Event::Session(9), Event::Tick, other("10.0.0.9:9092")],
        expect![[r#"
        Starting: waiting for the old registration of broker 1 by 10.0.0.9:9092, 30 s left
        Forget { session: 9 }
        Look
        -> preparing
    "#]],
    );
    script.now += secs(28);
    script.check(
        [Event::Tick, other("10.0.0.9:9092"), acknowledged(), Event::Forgotten, Event::Forgotten],
        expect![[r#"
            Look
            Tell killed: restarted in place as asked; the JVM was ended by SIGKILL 0.0 s after SIGTERM: this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be seen here for lack of a readable memory cgroup
            Failed: broker 1 is still registered by 10.0.0.9:9092: does another process run as this broker? [incident killed]
            Exit(Done)
            -> done
        "#]],
    );
}
