//! From LAUNCH to serving.

use expect_test::expect;

use super::*;

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
fn a_port_that_is_taken_is_waited_for_and_named_like_a_registration() {
    let listening = || Event::Registration(Registered::Listening { address: "127.0.0.1:9092".to_owned() });
    let mut script = Script::at("preparing");
    script.on(Event::Prepared(Ok(secs(18))));
    script.said.clear();
    script.check(
        [listening()],
        expect![[r#"
        Starting: waiting for 127.0.0.1:9092, the port of broker 1: something listens there, 30 s left
        -> preparing
    "#]],
    );
    script.after(secs(28), Event::Tick);
    script.check(
        [listening()],
        expect![[r#"
        Look
        Failed: something else still listens on 127.0.0.1:9092: broker 1 cannot have its port
        -> done
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
