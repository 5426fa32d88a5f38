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
    let blind = || excused(Excuse::NoResources);
    let reasons: [&dyn Fn() -> Outcome; 2] = [&recovery, &away];
    for ends in reasons {
        let row = [(30, failed()), (40, ends()), (50, failed()), (60, failed())];
        check(&mut policy(2), &row, "1/2 excused 1/2 out(2)");
    }
    check(&mut policy(2), &[(30, failed()), (40, blind()), (50, failed())], "1/2 excused out(2)");
    let shown = policy(2).record(at(30), at(30), recovery());
    assert_eq!(shown.to_string(), "not healthy, not counted (log recovery 41 %): silent");
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
