//! Options that depend on the line of Kafka, the feature number of Java, or the machine.

use std::ops::Range;

use api::launch::LaunchContract;

use super::LOGS;
use crate::artifact::Line;

/// What of Kafka's script holds for every line.
const EVERY: Range<Line> = Line(0, 0)..Line(u32::MAX, 0);

/// `KAFKA_JVM_PERFORMANCE_OPTS` of Kafka's own `kafka-run-class.sh`, in its order, and the lines that have each.
const PERFORMANCE: [(&str, Range<Line>); 8] = [
    ("-server", EVERY),
    ("-XX:+UseG1GC", EVERY),
    ("-XX:MaxGCPauseMillis=20", EVERY),
    ("-XX:InitiatingHeapOccupancyPercent=35", EVERY),
    // Direct buffers are freed by what an explicit collection finds: it was forbidden once, and is concurrent since.
    ("-XX:+DisableExplicitGC", Line(0, 0)..Line(1, 0)),
    ("-XX:+ExplicitGCInvokesConcurrent", Line(1, 0)..EVERY.end),
    ("-XX:MaxInlineLevel=15", Line(2, 5)..EVERY.end),
    ("-Djava.awt.headless=true", EVERY),
];

/// The performance options of Kafka `line`. A JVM refuses two collectors, so the user's replaces ours.
pub(super) fn performance(line: Line, user: &[String]) -> Vec<String> {
    let collector = user.iter().any(|option| chooses_collector(option));
    PERFORMANCE
        .iter()
        .filter(|(option, lines)| lines.contains(&line) && !(collector && chooses_collector(option)))
        .map(|(option, _)| (*option).to_owned())
        .collect()
}

/// Whether an option chooses a garbage collector: `-XX:+UseSerialGC`, `-XX:+UseZGC` …
pub(crate) fn chooses_collector(option: &str) -> bool {
    option.strip_prefix("-XX:+Use").is_some_and(|name| name.ends_with("GC"))
}

/// The log of collections, of four files at most. Java 8 knows other options for it; a Java of unknown age is taken
/// for a newer one.
pub(super) fn collection_log(java: Option<u32>) -> Vec<String> {
    if java.is_none_or(|feature| feature >= 9) {
        return vec![format!("-Xlog:gc*:file={LOGS}/gc.log:time,tags:filecount=4,filesize=16M")];
    }
    let mut options = vec![format!("-Xloggc:{LOGS}/gc.log")];
    options.extend(
        [
            "-verbose:gc",
            "-XX:+PrintGCDetails",
            "-XX:+PrintGCDateStamps",
            "-XX:+PrintGCTimeStamps",
            "-XX:+UseGCLogFileRotation",
            "-XX:NumberOfGCLogFiles=4",
            "-XX:GCLogFileSize=16M",
        ]
        .map(str::to_owned),
    );
    options
}

/// What becomes of a JVM that is out of memory: it exits, so that somebody notices, and leaves its heap behind where
/// the sandbox's disk has room for one and a fifth of it. The file has one name, and a JVM replaces none: however
/// often it happens in a sandbox, one heap lies there.
pub(super) fn out_of_memory(heap_mb: u32, free: Option<u64>) -> Vec<String> {
    let mut options = vec!["-XX:+ExitOnOutOfMemoryError".to_owned()];
    let heap = u64::from(heap_mb) << 20;
    if free.is_some_and(|free| free > heap + heap / 5) {
        options.push("-XX:+HeapDumpOnOutOfMemoryError".to_owned());
        options.push("-XX:HeapDumpPath=heap.hprof".to_owned());
    }
    options
}

/// Remote JMX, where a port is given (D39): open to all, on that port. Without it nothing listens. With it the JVM also
/// opens a port of its choice to tools on the same machine, and cannot be talked out of it; `local.only` must keep its
/// default, by which that one refuses everybody else.
pub(super) fn jmx(contract: &LaunchContract) -> Vec<String> {
    let Some(port) = contract.jmx_port else { return Vec::new() };
    let remote = |name: &str, value: &str| format!("-Dcom.sun.management.jmxremote.{name}={value}");
    vec![
        remote("port", &port.to_string()),
        // The objects behind it listen somewhere too; by default on a port of their own, at random.
        remote("rmi.port", &port.to_string()),
        remote("authenticate", "false"),
        remote("ssl", "false"),
        // What clients are told to come back to.
        format!("-Djava.rmi.server.hostname={}", contract.advertised_host),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::tests::good;

    // D39: as in each line's own script.
    #[test]
    fn performance_options_are_those_of_the_line_s_own_script() {
        let of = |line| performance(line, &[]).join(" ");
        let begin = "-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35";
        for (lines, rest) in [
            (&[Line(0, 10), Line(0, 11)][..], "-XX:+DisableExplicitGC"),
            (&[Line(1, 0), Line(2, 4)], "-XX:+ExplicitGCInvokesConcurrent"),
            (
                &[Line(2, 5), Line(2, 8), Line(3, 9), Line(4, 0)],
                "-XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15",
            ),
        ] {
            for line in lines {
                assert_eq!(of(*line), format!("{begin} {rest} -Djava.awt.headless=true"), "{line:?}");
            }
        }
    }

    // D39
    #[test]
    fn the_users_collector_replaces_ours() {
        let options = performance(Line(3, 9), &["-XX:+UseSerialGC".to_owned()]);
        assert!(!options.iter().any(|option| chooses_collector(option)), "{options:?}");
        let options = performance(Line(3, 9), &["-XX:-UseG1GC".to_owned(), "-XX:+UseNUMA".to_owned()]);
        assert!(options.contains(&"-XX:+UseG1GC".to_owned()), "neither chooses another");
    }

    #[test]
    fn java_8_logs_collections_by_other_options() {
        for new in [None, Some(9), Some(17)] {
            assert!(collection_log(new)[0].starts_with("-Xlog:gc*:file=logs/gc.log:"), "{new:?}");
        }
        let old = collection_log(Some(8));
        assert_eq!(old[0], "-Xloggc:logs/gc.log");
        assert!(!old.iter().any(|option| option.starts_with("-Xlog:")), "Java 8 would not start: {old:?}");
    }

    // S-066: the disk decides whether a heap is left behind.
    #[test]
    fn a_heap_is_dumped_only_where_the_disk_has_room_for_more_than_1_2_of_it() {
        let dumps = |free| out_of_memory(1000, free).len() == 3;
        let edge = 1200 << 20;
        assert!(!dumps(None) && !dumps(Some(0)) && !dumps(Some(edge)));
        assert!(dumps(Some(edge + 1)));
        assert_eq!(out_of_memory(1000, None), ["-XX:+ExitOnOutOfMemoryError"]);
    }

    // D39
    #[test]
    fn jmx_is_on_its_port_or_not_at_all() {
        assert_eq!(jmx(&good()), Vec::<String>::new());
        let options = jmx(&LaunchContract { jmx_port: Some(9999), ..good() }).join(" ");
        for part in ["jmxremote.port=9999", "rmi.port=9999", "authenticate=false", "hostname=10.0.0.5"] {
            assert!(options.contains(part), "{part} is not in {options}");
        }
        assert!(!options.contains("local.only"), "{options}");
    }
}
