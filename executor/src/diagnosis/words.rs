//! What the JVM and Kafka say about their own end.
//!
//! Two places count: stderr and the JVM's own words among the log's lines, which hold no clients' words; and Kafka's
//! *last* report of a fatal error with its stack trace. What is quoted is quoted in parentheses, so that it can be
//! searched for; what is to be done comes last.

use api::incident::{Cause, Disk};
use overrider::layer::is_secret;

use super::{Diagnosis, Evidence, lines::cut};

/// Bytes of a quoted line.
const WIDTH: usize = 300;
/// Lines of an unnamed end.
const LAST: usize = 3;
/// A disk with less than this free part counts as full when somebody said so: 1/100.
const FULL: u64 = 100;

/// The cause that the evidence names, if it names one.
pub(super) fn explain(evidence: &Evidence) -> Option<Diagnosis> {
    let log = evidence.stdout.iter().filter(|line| !is_logged(line));
    let jvm: Vec<&str> = evidence.stderr.iter().chain(log).map(String::as_str).collect();
    java(&jvm, evidence).or_else(|| machine(&jvm, evidence)).or_else(|| {
        let fatal = fatal(evidence);
        kafka(&fatal, evidence).or_else(|| {
            let said = reason(&fatal)?;
            let words = format!("Kafka ended with a fatal error ({})", cut(said, WIDTH));
            Some(Diagnosis::new(Cause::FatalError, words))
        })
    })
}

/// What the launcher and the JVM say before any class of Kafka runs.
fn java(jvm: &[&str], evidence: &Evidence) -> Option<Diagnosis> {
    let java = &evidence.facts.java;
    let found = |parts: &[&str]| find(jvm, parts);
    let refused = [
        "Unrecognized VM option",
        "Unrecognized option:",
        "Improperly specified VM option",
        "Invalid initial heap size",
        "Invalid thread stack size",
        "Multiple garbage collectors selected",
        "Conflicting collector combinations",
        "must be enabled via -XX:+Unlock",
        "Initial heap size set to a larger value",
        "Error opening zip file or JAR manifest missing",
        "Could not find agent library",
        "Error: Could not find agent",
    ];
    if let Some(said) =
        found(&["Could not reserve enough space for", "Invalid maximum heap size", "Too small maximum heap"])
    {
        return Some(heap_too_large(said, evidence));
    }
    if let Some(said) = found(&refused) {
        let words = format!("the JVM refuses an option ({}): correct BROKER_JVM_OPTS", cut(said, WIDTH));
        return Some(Diagnosis::new(Cause::BadJvmOption, words));
    }
    if let Some(said) = found(&["UnsupportedClassVersionError"]) {
        let words = format!(
            "{java} is too old for this Kafka ({}): give the brokers a newer JRE by JAVA_URI",
            cut(said, WIDTH)
        );
        return Some(Diagnosis::new(Cause::JavaTooOld, words));
    }
    let unusable = [
        "Could not find Java SE Runtime Environment",
        "could not find libjava",
        "error while loading shared libraries",
        "Error: could not open `",
        "Error: missing `",
        "Error: failed /",
        "Error loading shared library",
        "cannot execute binary file",
    ];
    if let Some(said) = found(&unusable) {
        let words = format!(
            "{java} is no whole Java ({}): JAVA_URI, or else the agent's JAVA_HOME or PATH, must name a whole JRE",
            cut(said, WIDTH)
        );
        return Some(Diagnosis::new(Cause::JavaUnusable, words));
    }
    if let Some(said) =
        found(&["Error: Could not find or load main class", "Error: Unable to initialize main class"])
    {
        return Some(missing_class(said));
    }
    None
}

/// What the JVM says of memory.
fn machine(jvm: &[&str], evidence: &Evidence) -> Option<Diagnosis> {
    if let Some(at) = jvm.iter().rposition(|line| line.contains("Native memory allocation (")) {
        let said = jvm[at].trim_start_matches(['#', ' ']);
        let bytes = said.split(' ').find_map(|word| word.parse::<u64>().ok()).unwrap_or(0);
        // The heap is committed at once, since -Xms is -Xmx; anything else is far smaller.
        return Some(match bytes >> 20 >= (evidence.facts.heap_mb / 2).max(1) {
            true => heap_too_large(said, evidence),
            false => Diagnosis::new(
                Cause::NativeMemory,
                format!(
                    "the system has no memory for the JVM ({}): lower BROKER_HEAP_MB (now {}), or give the brokers a larger \
                     BROKER_MEM",
                    cut(said, WIDTH),
                    evidence.facts.heap_mb
                ),
            ),
        });
    }
    out_of_memory(jvm, evidence)
}

fn heap_too_large(said: &str, evidence: &Evidence) -> Diagnosis {
    let words = format!(
        "its heap of {} MiB does not fit into the memory there is ({}): lower BROKER_HEAP_MB",
        evidence.facts.heap_mb,
        cut(said, WIDTH)
    );
    Diagnosis::new(Cause::HeapTooLarge, words)
}

/// An OutOfMemoryError that the JVM or a stack trace names. Its class begins the line: a client's words never do.
fn out_of_memory(jvm: &[&str], evidence: &Evidence) -> Option<Diagnosis> {
    let said = jvm.iter().rev().find_map(|line| is_out_of_memory(line))?;
    Some(of_out_of_memory(said, evidence))
}

/// What an OutOfMemoryError says of itself, where the line is one that reports it.
pub(super) fn is_out_of_memory(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let begins =
        ["Terminating due to ", "Aborting due to ", "Caused by: ", "Exception in thread ", "Exception: "];
    let reports = begins.iter().any(|begin| line.starts_with(begin)) || line.starts_with("java.lang.OutOf");
    let (_, said) = line.split_once("java.lang.OutOfMemoryError").filter(|_| reports)?;
    Some(said.trim_start_matches([':', ' ']))
}

/// The kind of an OutOfMemoryError by what it says of itself.
pub(super) fn of_out_of_memory(said: &str, evidence: &Evidence) -> Diagnosis {
    let quoted = cut(said, WIDTH);
    let lower = said.to_ascii_lowercase();
    if lower.contains("direct buffer") {
        let words = format!(
            "no direct buffer could be had (java.lang.OutOfMemoryError: {quoted}): raise -XX:MaxDirectMemorySize in \
             BROKER_JVM_OPTS, or BROKER_HEAP_MB, which it is bounded by otherwise"
        );
        return Diagnosis::new(Cause::DirectMemory, words);
    }
    if lower.contains("metaspace") || lower.contains("compressed class space") {
        let words = format!(
            "there is no room for its classes (java.lang.OutOfMemoryError: {quoted}): raise -XX:MaxMetaspaceSize in \
             BROKER_JVM_OPTS, or leave it out"
        );
        return Diagnosis::new(Cause::Metaspace, words);
    }
    if lower.contains("native thread") {
        let words = format!(
            "no new thread could be had (java.lang.OutOfMemoryError: {quoted}): raise the agent's limits on processes, or \
             give the brokers a larger BROKER_MEM"
        );
        return Diagnosis::new(Cause::Threads, words);
    }
    heap_out_of_memory(evidence, &format!("java.lang.OutOfMemoryError: {quoted}"))
}

pub(super) fn heap_out_of_memory(evidence: &Evidence, said: &str) -> Diagnosis {
    let words = format!("its heap of {} MiB is full ({said}): raise BROKER_HEAP_MB", evidence.facts.heap_mb);
    Diagnosis::new(Cause::HeapOutOfMemory, words)
}

fn missing_class(said: &str) -> Diagnosis {
    let words = format!(
        "a class is missing ({}): is KAFKA_URI the archive of a whole Kafka distribution?",
        cut(said, WIDTH)
    );
    Diagnosis::new(Cause::MissingClass, words)
}

/// Kafka's last report of a fatal error, with its stack trace, and an exception nobody caught.
fn fatal(evidence: &Evidence) -> Vec<&str> {
    let lines = &evidence.stdout;
    let reports = |line: &String| line.contains("] ERROR ") || line.contains("] FATAL ");
    let ends = |line: &String| {
        reports(line)
            && ["Exiting Kafka", "Fatal error during", "Shutdown broker because", "Halting"]
                .iter()
                .any(|end| line.contains(end))
    };
    let last = lines.iter().rposition(ends).or_else(|| lines.iter().rposition(reports));
    let mut fatal: Vec<&str> = Vec::new();
    if let Some(at) = last {
        fatal.push(&lines[at]);
        fatal.extend(lines[at + 1..].iter().take_while(|line| !is_logged(line)).map(String::as_str));
    }
    let uncaught = evidence.stderr.iter().rposition(|line| line.starts_with("Exception in thread "));
    if let Some(at) = uncaught {
        fatal.extend(evidence.stderr[at..].iter().map(String::as_str));
    }
    fatal
}

/// Whether a line begins a log entry: `[2026-11-25 20:55:14,786] INFO …`.
fn is_logged(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.first() == Some(&b'[') && bytes.get(1).is_some_and(u8::is_ascii_digit) && line.contains("] ")
}

/// What Kafka's fatal error says.
fn kafka(fatal: &[&str], evidence: &Evidence) -> Option<Diagnosis> {
    let facts = &evidence.facts;
    let found = |parts: &[&str]| find(fatal, parts).map(|line| cut(without_class(line), WIDTH));
    let no_space = ["No space left on device", "Disk quota exceeded"];
    if let Some(said) = found(&no_space) {
        return Some(disk_full(&said, evidence));
    }
    if let Some(said) = found(&["have failed (kafka.log.LogManager)", "have failed (org.apache.kafka"]) {
        // Its cause was reported before.
        let before: Vec<&str> = evidence.stdout.iter().map(String::as_str).collect();
        if let Some(said) = find(&before, &no_space) {
            return Some(disk_full(&cut(without_class(said), WIDTH), evidence));
        }
        let words = format!(
            "its disk failed, the log above it says how ({said}): look at the disk of the volume {}",
            facts.volume
        );
        return Some(Diagnosis::new(Cause::DiskFailed, words));
    }
    // A file mapped beyond the end of a full disk.
    let fault = "a fault occurred in a recent unsafe memory access operation";
    if find(fatal, &[fault]).is_some() && evidence.disks.iter().any(is_full) {
        return Some(disk_full(fault, evidence));
    }
    if let Some(said) = found(&["Address already in use", "Port already in use"]) {
        let said = found(&["failed to bind to", "Port already in use"]).unwrap_or(said);
        let words = format!(
            "something else listens on its port ({said}): stop it, or give the broker another port ({} now)",
            facts.address
        );
        return Some(Diagnosis::new(Cause::PortInUse, words));
    }
    if let Some(property) = property(fatal) {
        return Some(property);
    }
    let identity = [
        (
            Cause::OtherCluster,
            ["Invalid cluster.id in", "InconsistentClusterId"],
            "another Kafka cluster",
            "KAFKA_ZOOKEEPER_URI must name the ZooKeeper it was written with",
        ),
        (
            Cause::OtherBroker,
            ["Stored node id ", "InconsistentBrokerId"],
            "another broker",
            "each broker must have the volume it wrote itself",
        ),
    ];
    for (cause, marks, owner, instead) in identity {
        if let Some(said) = found(&marks) {
            let words =
                format!("the data on the volume {} belongs to {owner} ({said}): {instead}", facts.volume);
            return Some(Diagnosis::new(cause, words));
        }
    }
    if let Some(said) = found(&["Failed to acquire lock on file"]) {
        let words = format!(
            "another process has the data on the volume {} ({said}): stop the other Kafka there first",
            facts.volume
        );
        return Some(Diagnosis::new(Cause::DataLocked, words));
    }
    if let Some(said) = found(&[
        "ZooKeeperClientTimeoutException",
        "ZooKeeperClientExpiredException",
        "KeeperErrorCode = ConnectionLoss",
    ]) {
        let words = format!(
            "ZooKeeper at {} could not be reached in time ({said}): is it up, and is KAFKA_ZOOKEEPER_URI right?",
            facts.zookeeper
        );
        return Some(Diagnosis::new(Cause::ZooKeeper, words));
    }
    if let Some(said) = found(&["KeeperErrorCode = NodeExists"]) {
        let words = format!(
            "another broker is registered in ZooKeeper at {} under its id ({said}): stop the other one, or wait for the end of \
             its session",
            facts.zookeeper
        );
        return Some(Diagnosis::new(Cause::IdTaken, words));
    }
    find(fatal, &["ClassNotFoundException", "NoClassDefFoundError"]).map(missing_class)
}

/// A property that Kafka refuses: by its own exception, or by the requirement of a configuration class.
fn property(fatal: &[&str]) -> Option<Diagnosis> {
    let at = fatal.iter().position(|line| line.contains("ConfigException"));
    let required = || {
        let at =
            fatal.iter().position(|line| line.contains("IllegalArgumentException: requirement failed: "))?;
        fatal[at..].iter().any(|line| line.contains("kafka.server.KafkaConfig")).then_some(at)
    };
    let said = without_class(fatal[at.or_else(required)?]);
    let said = said.strip_prefix("requirement failed: ").unwrap_or(said);
    // Invalid value <value> for configuration <key>: <why>
    let key =
        said.split_once(" for configuration ").map(|(_, rest)| rest.split(':').next().unwrap_or(rest).trim());
    let words = match key.filter(|key| !key.is_empty() && !key.contains(' ')) {
        Some(key) if is_secret(key) => {
            format!("Kafka refuses the value of {key}, which is not shown here: correct {}", set_by(key))
        }
        Some(key) => format!("Kafka refuses a property ({}): correct {}", cut(said, WIDTH), set_by(key)),
        None => format!(
            "Kafka refuses a property ({}): correct the KAFKA_OVERRIDE_… that sets it",
            cut(said, WIDTH)
        ),
    };
    Some(Diagnosis::new(Cause::BadProperty, words))
}

/// The setting that a property comes from (S-071).
fn set_by(key: &str) -> String {
    format!("KAFKA_OVERRIDE_{}", key.to_ascii_uppercase().replace('.', "_"))
}

fn is_full(disk: &Disk) -> bool {
    disk.free < disk.total / FULL
}

fn disk_full(said: &str, evidence: &Evidence) -> Diagnosis {
    let shown = |disk: &Disk| {
        let name =
            if disk.path == "." { "the sandbox".to_owned() } else { format!("the volume {}", disk.path) };
        format!("{name}: {:.1} of {:.1} MiB free", mib(disk.free), mib(disk.total))
    };
    let full: Vec<_> = evidence.disks.iter().filter(|disk| is_full(disk)).map(shown).collect();
    // Something was freed since.
    let all = || evidence.disks.iter().map(shown).collect();
    let disks: Vec<_> = if full.is_empty() { all() } else { full };
    let words = format!(
        "its disk is full ({said}; {}): make room there, keep less (log.retention.*), or take a larger disk",
        disks.join("; ")
    );
    Diagnosis::new(Cause::DiskFull, words)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The exception that ends Kafka: the innermost cause of the fatal error, or the error itself.
fn reason<'a>(fatal: &[&'a str]) -> Option<&'a str> {
    let cause = fatal.iter().rev().find_map(|line| line.strip_prefix("Caused by: "));
    cause.or_else(|| fatal.iter().copied().find(|line| is_exception(line))).or_else(|| fatal.first().copied())
}

/// `java.io.IOException: why`
fn is_exception(line: &str) -> bool {
    let class = line.split(':').next().unwrap_or_default();
    class.contains('.')
        && !class.contains([' ', '/'])
        && (class.ends_with("Exception") || class.ends_with("Error"))
}

/// An exception's words, or the line as it is.
fn without_class(line: &str) -> &str {
    let line = line.trim_start().trim_start_matches("Caused by: ");
    match line.split_once(": ") {
        Some((_, words)) if is_exception(line) => words,
        _ => line,
    }
}

/// The last of the lines that has one of the parts.
fn find<'a>(lines: &[&'a str], parts: &[&str]) -> Option<&'a str> {
    let line = lines.iter().rev().find(|line| parts.iter().any(|part| line.contains(part)))?;
    Some(line.trim())
}

/// Signal and problematic frame of a crash file, on one line.
pub(super) fn of_crash(head: &[String]) -> Option<String> {
    let line = |at: usize| head.get(at).map(|line| line.trim_start_matches(['#', ' ']));
    let at = |part: &str| head.iter().position(|text| text.contains(part));
    let signal = at(" at pc=").or_else(|| at("Internal Error")).and_then(line)?;
    let frame = at("Problematic frame:").and_then(|at| line(at + 1));
    Some(match frame {
        Some(frame) => format!("{}; in {}", cut(signal, WIDTH), cut(frame, WIDTH)),
        None => cut(signal, WIDTH),
    })
}

/// The last words where nothing is known.
pub(super) fn last(evidence: &Evidence) -> String {
    let lines = &evidence.stderr;
    let mut words: Vec<_> =
        lines[lines.len().saturating_sub(LAST)..].iter().map(|line| cut(line, WIDTH)).collect();
    words.extend(fatal(evidence).into_iter().take(LAST).map(|line| cut(line, WIDTH)));
    words.join(" | ")
}
