//! rsyslogd is killed while a log is written at 20 000 lines a second.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use syslog::{Counters, Format, Style};

use crate::{
    PATIENCE, append, follow, options,
    server::{Rsyslogd, Way},
    wait_for,
};

const PER_SECOND: u32 = 20_000;
/// Lines come in bursts, as a log's do.
const BURST: u32 = 500;

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers
        .map(|number| {
            format!(
                "[2026-11-25 20:46:53,123] INFO [Log partition=topic-1, dir=/data/kafka] line {number:08} rolled new \
                 segment (kafka.log.UnifiedLog)\n"
            )
        })
        .collect()
}

/// Writes for `seconds`, and calls `moment` after each second.
fn write(path: &Path, seconds: u32, mut moment: impl FnMut(u32)) -> u32 {
    let began = Instant::now();
    let total = seconds * PER_SECOND;
    for first in (0..total).step_by(BURST as usize) {
        let due = began + Duration::from_secs_f64(f64::from(first) / f64::from(PER_SECOND));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        append(path, &lines(first..first + BURST));
        if (first + BURST).is_multiple_of(PER_SECOND) {
            moment((first + BURST) / PER_SECOND);
        }
    }
    total
}

/// Which lines arrived, each counted once, and how many dropped lines the notices tell of: each for itself, and in all. A
/// notice that is sent again may come after another line, or tell of a gap that has grown; so what they tell of each for
/// itself may be more.
fn arrived(server: &Rsyslogd) -> (u64, u64, u64) {
    let text = std::fs::read_to_string(server.path("out")).unwrap();
    let (mut seen, mut distinct) = (Vec::new(), 0);
    let mut notices = std::collections::BTreeSet::new();
    let (mut previous, mut in_all) = ("", 0);
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        if let Some((_, rest)) = line.split_once("] line ") {
            let number: usize = rest[..8].parse().unwrap();
            if seen.len() <= number {
                seen.resize(number + 1, false);
            }
            distinct += u64::from(!std::mem::replace(&mut seen[number], true));
            previous = &rest[..8];
        } else if let Some((begin, end)) = line.split_once(" lines of stdout are missing here: ") {
            let count: u64 = begin.rsplit('"').next().unwrap().parse().unwrap();
            notices.insert((previous, count));
            let total = end.split_once(" lines in all so far").unwrap().0.rsplit(' ').next().unwrap();
            in_all = in_all.max(total.parse().unwrap());
        }
    }
    (distinct, notices.iter().map(|(_, count)| count).sum(), in_all)
}

/// Kills rsyslogd a second after the first line, starts it again a second before the last, and counts.
fn outage(way: Way, seconds: u32, spool: u64) {
    let mut server = Rsyslogd::started(way);
    let path = server.path("stdout");
    let authorities = server.authorities();
    let options = options(server.target(), Format::Rfc5424, authorities.as_deref(), spool);
    let shipper = follow(options, &path, Style::Log);
    let counters = shipper.counters().clone();
    let written = write(&path, seconds, |second| {
        if second == 1 {
            wait_for("line before it is killed", || (counters.shipped() > 0).then_some(()));
            server.kill();
        } else if second == seconds - 1 {
            server.start();
        }
    });
    let complete = |counters: &Counters| counters.shipped() + counters.dropped() == u64::from(written);
    wait_for("the last line", || complete(&counters).then_some(()));
    let summary = shipper.finish(PATIENCE);
    assert_eq!(summary.unsent, 0, "{counters:?}");
    let (distinct, each, in_all) = wait_for("all lines", || {
        Some(arrived(&server)).filter(|(distinct, ..)| distinct + counters.dropped() >= u64::from(written))
    });
    eprintln!("{way:?}: {written} written, {distinct} arrived, {in_all} told to be missing; {counters:?}");
    assert_eq!(distinct + counters.dropped(), u64::from(written), "{counters:?}");
    assert_eq!(in_all, counters.dropped());
    assert!(each >= in_all, "{each} told, {in_all} in all");
    assert_eq!(counters.shipped(), distinct, "{counters:?}");
    let enough = u64::from(written) * 150 < spool;
    assert_eq!(counters.dropped() == 0, enough, "{counters:?}");
    assert!(counters.resent() > 0 && counters.connections() >= 2, "{counters:?}");
}

const WITHIN: u64 = 512 << 20;
const BEYOND: u64 = 1 << 20;

// D44: over TCP and TLS every line arrives at least once within the spool; beyond it the count is exact.
#[test]
fn tcp_within_the_spool() {
    outage(Way::Tcp, 5, WITHIN);
}

#[test]
fn tls_within_the_spool() {
    outage(Way::Tls, 5, WITHIN);
}

#[test]
fn tcp_beyond_the_spool() {
    outage(Way::Tcp, 5, BEYOND);
}

#[test]
fn tls_beyond_the_spool() {
    outage(Way::Tls, 5, BEYOND);
}

/// `scripts/bench/outage.sh` runs these: a minute each.
#[test]
#[ignore = "takes minutes: scripts/bench/outage.sh"]
fn a_minute() {
    for (way, spool) in [(Way::Tcp, WITHIN), (Way::Tls, WITHIN), (Way::Tcp, 64 << 20), (Way::Tls, 64 << 20)] {
        outage(way, 62, spool);
    }
}
