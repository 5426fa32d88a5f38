use super::*;

const START: u64 = 1_000_000;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(START + seconds)
}

fn policy(max_failures: u32) -> Policy {
    Policy::new(Timing { max_failures, ..Timing::default() }, at(0))
}

fn failed() -> Outcome {
    Outcome::Failed { reason: "silent".into(), excuse: None }
}

fn passed() -> Outcome {
    Outcome::Passed { took: Duration::ZERO }
}

fn excused(excuse: Excuse) -> Outcome {
    Outcome::Failed { reason: "silent".into(), excuse: Some(excuse) }
}

/// A row of checks, each at a second and taking no time; the verdicts in one line.
fn check(policy: &mut Policy, results: &[(u64, Outcome)], expect: &str) {
    let verdicts = results.iter().map(|(second, outcome)| {
        match policy.record(at(*second), at(*second), outcome.clone()) {
            Verdict::Healthy => "ok".to_owned(),
            Verdict::Uncounted { why: Uncounted::Grace, .. } => "grace".to_owned(),
            Verdict::Uncounted { why: Uncounted::Excused(_), .. } => "excused".to_owned(),
            Verdict::Failing { failures, max, .. } => format!("{failures}/{max}"),
            Verdict::Unhealthy { failures, .. } => format!("out({failures})"),
        }
    });
    assert_eq!(verdicts.collect::<Vec<_>>().join(" "), expect);
}

/// S-081: off means no check at all.
#[test]
fn checks_can_be_switched_off() {
    let off = Timing { enabled: false, ..Timing::default() };
    assert_eq!(Policy::new(off, at(0)).next_check(), None);
    assert_eq!(policy(3).next_check(), Some(at(15)));
}

/// S-082, S-083: the first after the delay, the others an interval after the end of the one before.
#[test]
fn when_checks_are_due() {
    let mut policy = policy(3);
    assert_eq!(policy.next_check(), Some(at(15)));
    policy.record(at(15), at(17), passed());
    assert_eq!(policy.next_check(), Some(at(27)));
    policy.record(at(27), at(47), failed());
    assert_eq!(policy.next_check(), Some(at(57)));
}

/// S-084, from both sides.
#[test]
fn a_late_answer_is_a_failure() {
    let after = |seconds| Outcome::Passed { took: Duration::from_secs_f64(seconds) };
    assert_eq!(policy(3).record(at(100), at(120), after(20.0)), Verdict::Healthy);
    // ZooKeeper's delay, or ours, is not the broker's.
    assert_eq!(policy(3).record(at(100), at(160), after(20.0)), Verdict::Healthy);
    let late = policy(3).record(at(100), at(121), after(20.1));
    let reason = "the broker took 20.1 s to answer, 20 s are allowed".to_owned();
    assert_eq!(late, Verdict::Failing { reason, failures: 1, max: 3 });
}

/// S-085, D17: delay + grace is 25 s; a check begun before that does not count, one begun then does.
#[test]
fn grace() {
    assert_eq!(Timing::default().grace_from_launch(), Duration::from_secs(25));
    check(&mut policy(1), &[(15, failed()), (24, failed()), (25, failed())], "grace grace out(1)");
    let before = policy(1).record(at(24), at(44), failed());
    assert_eq!(before.healthy(), None, "begun in the grace period: {before}");
    // A success in the grace period does not end it.
    check(&mut policy(1), &[(15, passed()), (20, failed())], "ok grace");
}

/// S-086: the maximum in a row, from both sides; a success begins anew.
#[test]
fn consecutive_failures() {
    let f = failed;
    check(&mut policy(3), &[(30, f()), (40, f()), (50, f()), (60, f())], "1/3 2/3 out(3) out(4)");
    check(&mut policy(3), &[(30, f()), (40, f()), (50, passed()), (60, f())], "1/3 2/3 ok 1/3");
    check(&mut policy(1), &[(30, f())], "out(1)");
    check(&mut policy(0), &[(30, f())], "out(1)");
}

/// D29: an excused failure does not add to the row. Two failures, a night without ZooKeeper and one more in the moment
/// it is back are no three in a row: the broker has not had a check's time to find its way back. So too for one that is
/// seen to get on. Of a check that could not look nothing follows.
#[test]
fn excuses() {
    let recovery = || excused(Excuse::Progress("log recovery 41 %".into()));
    let away = || excused(Excuse::ZooKeeperAway);
    let peers = || excused(Excuse::PeersFailToo(vec![1, 2]));
    let blind = || excused(Excuse::NoResources);
    let reasons: [&dyn Fn() -> Outcome; 3] = [&recovery, &away, &peers];
    for ends in reasons {
        let row = [(30, failed()), (40, ends()), (50, failed()), (60, failed())];
        check(&mut policy(2), &row, "1/2 excused 1/2 out(2)");
    }
    check(&mut policy(2), &[(30, failed()), (40, blind()), (50, failed())], "1/2 excused out(2)");
    let shown = policy(2).record(at(30), at(30), recovery());
    assert_eq!(shown.to_string(), "not healthy, not counted (log recovery 41 %): silent");
    let shown = policy(2).record(at(30), at(30), peers());
    let text = "not healthy, not counted (brokers 1 and 2, asked too, fail in the same way): silent";
    assert_eq!(shown.to_string(), text);
}

/// D29: ten minutes without ZooKeeper, whatever the timing, give nobody up; and what fails afterwards begins a row.
#[test]
fn ten_minutes_without_zookeeper() {
    for interval in [1, 10] {
        let timing = Timing { interval: Duration::from_secs(interval), ..Timing::default() };
        let mut policy = Policy::new(timing, at(0));
        let until = at(30 + 600);
        while let Some(due) = policy.next_check().filter(|due| *due < until) {
            let verdict = policy.record(due, due, excused(Excuse::ZooKeeperAway));
            assert!(matches!(verdict, Verdict::Uncounted { .. }), "{verdict}");
            assert_eq!(policy.failures(), 0);
        }
        check(&mut policy, &[(640, failed()), (650, failed()), (660, failed())], "1/3 2/3 out(3)");
    }
}

/// Which check is the last if it fails: then the peers are asked (D29).
#[test]
fn the_check_that_decides() {
    let mut policy = policy(2);
    assert!(!policy.decides(at(30)), "one failure is not enough");
    policy.record(at(30), at(30), failed());
    assert!(policy.decides(at(40)));
    policy.record(at(40), at(40), passed());
    assert!(!policy.decides(at(50)));
    let single = Policy::new(Timing { max_failures: 0, ..Timing::default() }, at(0));
    assert!(!single.decides(at(24)), "in the grace period nothing is decided");
    assert!(single.decides(at(25)));
}

/// D30, mesos-v1-http 6.6: for a check that is not ours the grace ends with the first success, and a failure counts by
/// the moment it is known.
#[test]
fn by_mesos_rules() {
    let mesos = |max_failures| Policy::mesos(Timing { max_failures, ..Timing::default() }, at(0));
    let f = failed;
    check(&mut mesos(1), &[(15, f()), (25, f()), (26, f())], "grace grace out(1)");
    check(&mut mesos(2), &[(15, f()), (17, passed()), (18, f()), (19, f())], "grace ok 1/2 out(2)");
    let late = mesos(1).record(at(24), at(44), failed());
    assert_eq!(late.healthy(), Some(false), "it began in the grace period, and failed after it");
}

/// D17: what Mesos is told.
#[test]
fn what_is_told() {
    let mut policy = policy(2);
    assert_eq!(policy.record(at(15), at(15), failed()).healthy(), None);
    assert_eq!(policy.record(at(30), at(30), passed()).healthy(), Some(true));
    assert_eq!(policy.record(at(40), at(40), excused(Excuse::ZooKeeperAway)).healthy(), None);
    let failing = policy.record(at(50), at(50), failed());
    assert_eq!(failing.healthy(), Some(false));
    assert_eq!(failing.to_string(), "not healthy, 1 of 2 failures in a row: silent");
    let unhealthy = policy.record(at(60), at(60), failed());
    assert_eq!(unhealthy.healthy(), Some(false));
    assert_eq!(unhealthy.to_string(), "unhealthy after 2 failures in a row: silent");
}
