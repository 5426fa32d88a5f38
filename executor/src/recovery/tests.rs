//! Lines as Kafka 3.9.2 and 2.8.2 wrote them after a SIGKILL, what they amount to, and lines that nobody wrote.

use proptest::prelude::*;

use super::*;

const NEW: &[(&str, Option<&str>)] = &[
    (
        "[2026-11-25 21:03:35,174] INFO Loading logs from log dirs ArrayBuffer(/w/data/kafka) (kafka.log.LogManager)",
        Some("loading logs"),
    ),
    (
        "[2026-11-25 21:03:35,185] INFO Recovering 4 logs from /w/data/kafka since no clean shutdown file was found (kafka.log.LogManager)",
        Some("log recovery 0 %"),
    ),
    (
        "[2026-11-25 21:03:35,435] INFO [LogLoader partition=t-0, dir=/w/data/kafka] Recovering unflushed segment 0. 0/1250 recovered for t-0. (kafka.log.LogLoader)",
        Some("log recovery 0 %"),
    ),
    (
        "[2026-11-25 21:03:45,435] INFO [LogLoader partition=t-0, dir=/w/data/kafka] Recovering unflushed segment 1250. 625/1250 recovered for t-0. (kafka.log.LogLoader)",
        Some("log recovery 12 %"),
    ),
    (
        "[2026-11-25 21:03:56,281] INFO Completed load of Log(dir=/w/data/kafka/t-0, topicId=VB3fTUv2QM2GS6_-Ntqrkw, topic=t, partition=0, highWatermark=0, lastStableOffset=0, logStartOffset=0, logEndOffset=2500) with 1250 segments, local-log-start-offset 0 and log-end-offset 2500 in 21085ms (1/4 completed in /w/data/kafka) (kafka.log.LogManager)",
        Some("log recovery 25 %"),
    ),
    (
        "[2026-11-25 21:03:56,284] INFO Loaded 1 logs in 21109ms (unclean log dirs = ArrayBuffer(/w/data/kafka)) (kafka.log.LogManager)",
        None,
    ),
];

const OLD: &[(&str, Option<&str>)] = &[
    (
        "[2026-11-25 21:04:08,910] INFO Loading logs from log dirs ArraySeq(/w/data/kafka) (kafka.log.LogManager)",
        Some("loading logs"),
    ),
    (
        "[2026-11-25 21:04:08,912] INFO Attempting recovery for all logs in /w/data/kafka since no clean shutdown file was found (kafka.log.LogManager)",
        Some("log recovery 0 %"),
    ),
    (
        "[2026-11-25 21:04:09,154] INFO [Log partition=t-0, dir=/w/data/kafka] Recovering unflushed segment 0 (kafka.log.Log)",
        Some("log recovery 0 %"),
    ),
    (
        "[2026-11-25 21:04:12,344] INFO [Log partition=t-0, dir=/w/data/kafka] Recovering unflushed segment 2 (kafka.log.Log)",
        Some("log recovery 2 %"),
    ),
    (
        "[2026-11-25 21:04:31,465] INFO Completed load of Log(dir=/w/data/kafka/t-0, topic=t, partition=0, highWatermark=0, lastStableOffset=0, logStartOffset=0, logEndOffset=2500) with 1250 segments in 22548ms (1/4 loaded in /w/data/kafka) (kafka.log.LogManager)",
        Some("log recovery 25 %"),
    ),
    ("[2026-11-25 21:04:31,467] INFO Loaded 1 logs in 22556ms. (kafka.log.LogManager)", None),
];

/// Every line says that the loading moves on; where a number is not said, it is 4 logs, or 10 segments.
fn check(lines: &[(&str, Option<&str>)], asked: &[Unknown]) {
    let mut recovery = Recovery::default();
    let mut unknowns = Vec::new();
    for (line, expect) in lines {
        assert!(recovery.line(line), "{line}");
        while let Some(unknown) = recovery.unknown() {
            let count = if matches!(unknown, Unknown::Logs { .. }) { 4 } else { 10 };
            recovery.learn(unknown.clone(), count);
            unknowns.push(unknown);
        }
        assert_eq!(recovery.text().as_deref(), *expect, "{line}");
    }
    assert_eq!(unknowns, asked);
}

// D18, D29
#[test]
fn what_kafka_3_9_says() {
    check(NEW, &[]);
}

// D18, D29
#[test]
fn what_kafka_2_8_does_not_say_is_asked_for_once() {
    let directory = || "/w/data/kafka".to_owned();
    let logs = Unknown::Logs { directory: directory() };
    let segments = Unknown::Segments { directory: directory(), partition: "t-0".to_owned(), from: 0 };
    check(OLD, &[logs, segments]);
}

#[test]
fn what_nobody_knows_is_left_out() {
    let mut recovery = Recovery::default();
    for (line, _) in &OLD[..4] {
        recovery.line(line);
        while let Some(unknown) = recovery.unknown() {
            recovery.learn(unknown, 0);
        }
    }
    assert_eq!(recovery.text().as_deref(), Some("log recovery"));
}

/// A clean stop: logs are opened, not recovered.
#[test]
fn after_a_clean_stop() {
    for skipping in ["Skipping recovery of 2 logs from /d", "Skipping recovery for all logs in /d"] {
        let mut recovery = Recovery::default();
        recovery.line("[t] INFO Loading logs from log dirs ArraySeq(/d) (kafka.log.LogManager)");
        let line = format!("[t] INFO {skipping} since clean shutdown file was found (kafka.log.LogManager)");
        assert!(recovery.line(&line));
        assert!(!recovery.is_recovering());
        recovery.line(
            "[t] INFO Completed load of Log(dir=/d/t-0, topic=t) with 1 segments in 7ms (1/2 loaded in /d) (kafka.log.LogManager)",
        );
        assert_eq!(recovery.text().as_deref(), Some("loading logs 50 %"));
    }
}

#[test]
fn other_lines_mean_nothing() {
    let mut recovery = Recovery::default();
    for line in [
        "",
        "[",
        "java.lang.OutOfMemoryError",
        "[t] INFO [KafkaServer id=1] started (kafka.server.KafkaServer)",
        "[t] INFO Loaded member into group (kafka.coordinator.group.GroupMetadataManager)",
        "[t] WARN Loading logs from log dirs x (kafka.log.LogManager)",
        "[t] INFO Loaded all logs in a hurry (kafka.log.LogManager)",
        "[t] INFO Loading logs from log dirs x (someone.else)",
        "[t] INFO Recovering many logs from /d since no clean shutdown file was found (kafka.log.LogManager)",
        "[t] INFO Completed load of Log(dir=/d/t-0, x) with 1 segments in 7ms (a/b loaded in /d) (kafka.log.LogManager)",
    ] {
        assert!(!recovery.line(line), "{line}");
    }
    assert_eq!(recovery.text(), None);
}

proptest! {
    /// Any lines, and real ones with parts of them changed: nothing panics, nothing grows without end, and what is shown
    /// is a percentage below 100.
    #[test]
    fn lines_that_nobody_wrote(
        noise in prop::collection::vec(".{0,120}", 0..8),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[0-9/(),. =a-z\\]\\[]{0,6}"), 0..40),
    ) {
        let real: Vec<&str> = NEW.iter().chain(OLD).map(|(line, _)| *line).collect();
        let changed = changes.iter().map(|(which, at, text)| {
            let line = which.get(&real);
            let at = at.index(line.len());
            format!("{}{text}{}", &line[..at], &line[(at + text.len()).min(line.len())..])
        });
        let all: Vec<String> = real.iter().map(|line| (*line).to_owned()).chain(changed).chain(noise).collect();
        fuzz(all.join("\n").as_bytes());
    }

    #[test]
    fn not_more_is_kept_than_a_broker_has(names in prop::collection::vec("[a-z]{1,8}", 300..400)) {
        let lines = names.iter().map(|name| format!(
            "[t] INFO Attempting recovery for all logs in /{name} since no clean shutdown file was found (kafka.log.LogManager)\n\
             [t] INFO [Log partition={name}-0, dir=/d] Recovering unflushed segment 0 (kafka.log.Log)\n"
        ));
        fuzz(lines.collect::<String>().as_bytes());
    }
}
