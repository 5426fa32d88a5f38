//! What ended a JVM: evidence → one named cause, and words that say what, where, and what instead (D45).
//!
//! Pure. The shell collects the [`Evidence`] when the JVM is gone; [`diagnose`] weighs it, the hardest first: who sent
//! the signal, what the kernel counted, and only then what the logs say (`words`). Everything read here was written
//! by others (a JVM, the kernel, clients' names in a log), so nothing in it is trusted to have a form: what cannot be
//! read is no evidence.

pub mod cgroup;
pub mod incident;
pub mod lines;
pub mod victims;
mod words;

use api::incident::{Cause, CrashFile, Disk, Memory};
use nix::sys::signal::Signal;
use uuid::Uuid;

use crate::supervisor::How;

/// What was found when a JVM had ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The id that its incident gets.
    pub id: Uuid,
    /// When it ended, in milliseconds since 1970.
    pub at: u64,
    /// What it was started with.
    pub facts: Facts,
    /// The end of its log, secrets hidden.
    pub stdout: Vec<String>,
    /// The end of its stderr, secrets hidden.
    pub stderr: Vec<String>,
    /// The crash file it left.
    pub crash: Option<CrashFile>,
    /// Its memory cgroup.
    pub memory: Option<Memory>,
    /// Whether others run in that too, so that its counts may speak of them.
    pub shared: bool,
    /// Its disks.
    pub disks: Vec<Disk>,
}

/// What a JVM was started with, as far as words about its end need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The `java` program.
    pub java: String,
    /// The heap, in MiB.
    pub heap_mb: u64,
    /// `host:port` of the broker.
    pub address: String,
    /// Name of the volume.
    pub volume: String,
    /// `zookeeper.connect`.
    pub zookeeper: String,
}

/// Who wanted the JVM's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nobody.
    ByNobody,
    /// The health check. `forced`: by SIGKILL of ours.
    ByHealthCheck {
        /// Whether SIGKILL was sent.
        forced: bool,
    },
    /// Its own log says that it is out of memory.
    ForMemory {
        /// In which words.
        said: String,
    },
    /// Somebody who may.
    ByRequest {
        /// Whether SIGKILL was sent.
        forced: bool,
    },
}

/// What ended a JVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The cause.
    pub cause: Cause,
    /// What is to be said beyond how it ended; empty where that says it all.
    pub words: String,
}

impl Diagnosis {
    fn new(cause: Cause, words: impl Into<String>) -> Self {
        Self { cause, words: words.into() }
    }
}

/// Weighs the evidence.
pub fn diagnose(how: How, wanted: Wanted, evidence: &Evidence) -> Diagnosis {
    let (asked, forced) = match wanted {
        Wanted::ByNobody => (None, false),
        Wanted::ForMemory { said } => return words::of_out_of_memory(&said, evidence),
        Wanted::ByHealthCheck { forced } => (Some(Cause::HealthCheck), forced),
        Wanted::ByRequest { forced } => (Some(Cause::Asked), forced),
    };
    match (how, asked) {
        (How::Signal(number), Some(cause)) if number == Signal::SIGKILL as i32 && forced => {
            Diagnosis::new(cause, "")
        }
        (How::Signal(number), _) => by_signal(number, evidence, asked),
        // 143: HotSpot's own code after SIGTERM.
        (How::Code(0 | TERMINATED), Some(cause)) => Diagnosis::new(cause, ""),
        (How::Code(code), _) => by_code(code, evidence, asked),
    }
}

/// What a line of a JVM's log says of an OutOfMemoryError for which `-XX:+ExitOnOutOfMemoryError` does not end it.
pub fn out_of_memory(line: &str) -> Option<&str> {
    // Most lines say nothing of it: this is looked for first.
    let said = line.contains("OutOfMemoryError").then(|| words::is_out_of_memory(line))??;
    let missed = ["direct buffer", "Direct buffer", "native thread"];
    missed.iter().any(|kind| said.contains(kind)).then_some(said)
}

const TERMINATED: i32 = 128 + Signal::SIGTERM as i32;

fn by_signal(number: i32, evidence: &Evidence, asked: Option<Cause>) -> Diagnosis {
    match Signal::try_from(number) {
        Ok(Signal::SIGKILL) => sigkill(evidence),
        Ok(Signal::SIGTERM) if asked.is_some() => {
            // Before it could take it in hand.
            Diagnosis::new(asked.unwrap_or(Cause::Asked), "")
        }
        Ok(Signal::SIGABRT | Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGILL | Signal::SIGFPE) => {
            crash(evidence)
        }
        _ => Diagnosis::new(
            Cause::Signal,
            "neither this executor nor Kafka sent it: somebody on the agent did",
        ),
    }
}

fn sigkill(evidence: &Evidence) -> Diagnosis {
    let heap = evidence.facts.heap_mb;
    match &evidence.memory {
        Some(memory) if memory.oom_kills > 0 => {
            let limit = memory
                .limit
                .map_or("without a limit".to_owned(), |limit| format!("limited to {} MiB", limit >> 20));
            let who = match evidence.shared {
                false => {
                    format!("the kernel's OOM killer ended it, as its memory cgroup ({limit}) counts")
                }
                true => format!(
                    "probably the kernel's OOM killer ended it: its memory cgroup ({limit}), which it shares with others, counts \
                     {} in the last seconds",
                    memory.oom_kills
                ),
            };
            Diagnosis::new(
                Cause::KernelOutOfMemory,
                format!(
                    "{who}: the JVM needs more than its heap of {heap} MiB: lower BROKER_HEAP_MB, or give the brokers a larger \
                     BROKER_MEM"
                ),
            )
        }
        Some(_) => Diagnosis::new(
            Cause::Killed,
            "somebody on the agent sent it: it was neither this executor nor the kernel's OOM killer, as the count in its \
             memory cgroup shows",
        ),
        None => Diagnosis::new(
            Cause::Killed,
            "this executor did not send it: somebody on the agent did, or the kernel for want of memory, which cannot be \
             seen here for lack of a readable memory cgroup",
        ),
    }
}

fn crash(evidence: &Evidence) -> Diagnosis {
    match &evidence.crash {
        Some(file) => {
            let said = words::of_crash(&file.head).unwrap_or_else(|| "no reason in it".to_owned());
            Diagnosis::new(
                Cause::JvmCrash,
                format!("the JVM itself crashed, {} in its sandbox says how: {said}", file.name),
            )
        }
        None => Diagnosis::new(
            Cause::JvmCrash,
            "the JVM itself crashed and left no hs_err file: look for a native library among its options, or a faulty machine",
        ),
    }
}

fn by_code(code: i32, evidence: &Evidence, asked: Option<Cause>) -> Diagnosis {
    if let Some(found) = words::explain(evidence) {
        return found;
    }
    match (code, asked) {
        (_, Some(cause)) => Diagnosis::new(cause, ""),
        // -XX:+ExitOnOutOfMemoryError, its words lost.
        (3, None) => words::heap_out_of_memory(evidence, "by its exit code"),
        (129..=159, None) => Diagnosis::new(
            Cause::Signal,
            match Signal::try_from(code - 128) {
                Ok(signal) => format!("it was asked to by {signal}, which somebody on the agent sent"),
                Err(_) => "it was asked to by a signal that somebody on the agent sent".to_owned(),
            },
        ),
        _ => Diagnosis::new(Cause::Unexplained, words::last(evidence)),
    }
}

/// Entry point for a fuzzer: whatever a JVM, the kernel or somebody else wrote into logs, crash files and `/proc`, it is read
/// to an end, no bound is broken, and no secret shows.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    const SECRET: &str = "swordfish";
    let secrets = [SECRET.to_owned()];
    let text = String::from_utf8_lossy(bytes);
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (out, err) = text.split_at(middle);
    let evidence = Evidence {
        stdout: lines::last(&format!("{out}{SECRET}{err}"), &secrets),
        stderr: lines::last(err, &secrets),
        crash: Some(CrashFile { head: lines::first(&text, &secrets), name: String::new() }),
        memory: cgroup::oom_kills(out).map(|oom_kills| Memory { limit: cgroup::limit(err), oom_kills }),
        disks: vec![Disk { free: 0, path: "data".to_owned(), total: 1 }],
        ..Evidence::default()
    };
    let all = || evidence.stdout.iter().chain(&evidence.stderr);
    assert!(all().all(|line| line.len() <= lines::WIDTH + '…'.len_utf8()));
    assert!(all().count() <= 2 * lines::LINES);
    // Where it stands in full, it stands hidden; the text itself may hold half of it.
    assert!(evidence.stdout.iter().all(|line| !line.contains(SECRET)));
    for how in [How::Code(1), How::Code(3), How::Signal(6), How::Signal(9), How::Signal(-1)] {
        let found = diagnose(how, Wanted::ByNobody, &evidence);
        assert!(found.words.len() < 2500, "{found:?}");
    }
    for line in text.lines() {
        let _may_be = out_of_memory(line);
    }
    assert!(cgroup::places(out, err).iter().all(|place| place.directory.is_absolute()));
}

#[cfg(test)]
mod tests;
