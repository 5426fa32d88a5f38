//! What the JVM and Kafka say about their own end.
//!
//! Two places count: stderr and the JVM's own words among the log's lines, which hold no clients' words; and Kafka's
//! *last* report of a fatal error with its stack trace. What is quoted is quoted in parentheses, so that it can be
//! searched for; what is to be done comes last.

mod kafka;

use api::incident::Cause;

use self::kafka::{fatal, is_logged};
use super::{Diagnosis, Evidence, lines::cut};

/// Bytes of a quoted line.
const WIDTH: usize = 300;
/// Lines of an unnamed end.
const LAST: usize = 3;

/// The cause that the evidence names, if it names one.
pub(super) fn explain(evidence: &Evidence) -> Option<Diagnosis> {
    let log = evidence.stdout.iter().filter(|line| !is_logged(line));
    let jvm: Vec<&str> = evidence.stderr.iter().chain(log).map(String::as_str).collect();
    java(&jvm, evidence).or_else(|| machine(&jvm, evidence)).or_else(|| {
        let fatal = fatal(evidence);
        kafka::explain(&fatal, evidence).or_else(|| {
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
    let beside = [
        "Could not allocate compressed class space",
        "Could not allocate metaspace",
        "Could not reserve enough space for code cache",
    ];
    if let Some(said) = found(&beside) {
        return Some(native_memory(said, evidence));
    }
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
    let main = ["Error: Could not find or load main class", "Error: Unable to initialize main class"];
    let at = jvm.iter().rposition(|line| main.iter().any(|part| line.contains(part)))?;
    let cause = jvm.get(at + 1).and_then(|line| line.strip_prefix("Caused by: "));
    Some(missing_class(&match cause {
        Some(cause) => format!("{}: {cause}", jvm[at].trim()),
        None => jvm[at].trim().to_owned(),
    }))
}

/// What the JVM says of memory.
fn machine(jvm: &[&str], evidence: &Evidence) -> Option<Diagnosis> {
    if let Some(at) = jvm.iter().rposition(|line| line.contains("Native memory allocation (")) {
        let said = jvm[at].trim_start_matches(['#', ' ']);
        let bytes = said.split(' ').find_map(|word| word.parse::<u64>().ok()).unwrap_or(0);
        // The heap is committed at once, since -Xms is -Xmx; anything else is far smaller.
        return Some(match bytes >> 20 >= (evidence.facts.heap_mb / 2).max(1) {
            true => heap_too_large(said, evidence),
            false => native_memory(said, evidence),
        });
    }
    out_of_memory(jvm, evidence)
}

fn native_memory(said: &str, evidence: &Evidence) -> Diagnosis {
    let words = format!(
        "the system has no memory for the JVM ({}): lower BROKER_HEAP_MB (now {}), or give the brokers a larger BROKER_MEM",
        cut(said, WIDTH),
        evidence.facts.heap_mb
    );
    Diagnosis::new(Cause::NativeMemory, words)
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
    let is_frame =
        |line: &&String| line.trim_start().starts_with("at ") || line.trim_start().starts_with("... ");
    let lines: Vec<_> = evidence.stderr.iter().filter(|line| !is_frame(line)).collect();
    let mut words: Vec<_> =
        lines[lines.len().saturating_sub(LAST)..].iter().map(|line| cut(line, WIDTH)).collect();
    words.extend(fatal(evidence).into_iter().take(LAST).map(|line| cut(line, WIDTH)));
    words.join(" | ")
}
