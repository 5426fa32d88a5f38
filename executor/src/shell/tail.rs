//! The JVM's last words, from the sandbox's `stdout` and `stderr`, which it writes itself.
//!
//! Nothing is copied while it runs, so nothing of ours can hold it up. Where our own stdout or stderr is no file (a
//! terminal, a pipe), there are no last words.

use std::{fs::File, os::unix::fs::FileExt as _};

/// How much of each file's end is looked at.
const WINDOW: u64 = 16 * 1024;
/// Lines from each file.
const LINES: usize = 3;
/// Bytes of a line.
const WIDTH: usize = 300;

/// Where both files end now; what is there already is not the JVM's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    stdout: u64,
    stderr: u64,
}

pub(super) fn mark() -> Mark {
    Mark { stdout: length(STDOUT), stderr: length(STDERR) }
}

/// Whether the JVM gets on: it writes its log.
#[derive(Debug)]
pub(super) struct Growth {
    path: &'static str,
    length: u64,
}

impl Growth {
    /// Of stdout, where the JVM's log goes and nothing of ours, from `mark` on.
    pub(super) fn since(mark: Mark) -> Self {
        Self { path: STDOUT, length: mark.stdout }
    }

    /// Whether anything was written since the last question. Never where stdout is no file: nobody can say then.
    pub(super) fn asked(&mut self) -> bool {
        let length = length(self.path);
        std::mem::replace(&mut self.length, length) != length
    }
}

const STDOUT: &str = "/proc/self/fd/1";
const STDERR: &str = "/proc/self/fd/2";

/// The file behind a descriptor of ours, opened anew: reading must not move the shared position.
fn open(path: &str) -> Option<File> {
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    File::open(path).ok()
}

fn length(path: &str) -> u64 {
    open(path).and_then(|file| Some(file.metadata().ok()?.len())).unwrap_or(0)
}

/// The last lines on stderr, and the last error in Kafka's log with what follows it.
pub(super) fn last_words(since: Mark) -> Vec<String> {
    let read = |path, from| open(path).map(|file| end_of(&file, from)).unwrap_or_default();
    let mut words = from_stderr(&read(STDERR, since.stderr));
    words.extend(from_stdout(&read(STDOUT, since.stdout)));
    words
}

fn end_of(file: &File, from: u64) -> String {
    let length = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
    let start = from.max(length.saturating_sub(WINDOW));
    let mut bytes = vec![0; usize::try_from(length.saturating_sub(start)).unwrap_or(0)];
    let read = file.read_at(&mut bytes, start).unwrap_or(0);
    bytes.truncate(read);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn from_stderr(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty() && !is_ours(line)).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().copied().map(cut).collect()
}

fn from_stdout(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let error = lines.iter().rposition(|line| line.contains("] ERROR ") || line.contains("] FATAL "));
    error.map(|at| lines[at..].iter().take(LINES).copied().map(cut).collect()).unwrap_or_default()
}

/// Our own log shares stderr: `2025-01-31T12:00:00.000000Z  INFO executor…`.
fn is_ours(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let time = words
        .next()
        .is_some_and(|word| word.len() > 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T');
    time && words.next().is_some_and(|word| ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&word))
}

fn cut(line: &str) -> String {
    let line = line.trim_end();
    match line.char_indices().map(|(at, _)| at).find(|&at| at > WIDTH) {
        Some(at) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    #[test]
    fn stderr_without_our_own_lines() {
        let text = "one\ntwo\n2026-11-23T06:10:00.123456Z  INFO executor::shell: SIGTERM\nthree\n\nfour\n";
        assert_eq!(from_stderr(text), ["two", "three", "four"]);
        assert!(from_stderr("").is_empty());
        assert_eq!(from_stderr(&"é".repeat(2 * WIDTH))[0].chars().last(), Some('…'));
    }

    #[test]
    fn the_last_error_of_kafka_s_log() {
        let text = "[2026] ERROR first (a)\n[2026] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)\n\
                    java.net.BindException: Address already in use\n\tat x\n\tat y\n[2026] INFO bye (b)\n";
        assert_eq!(
            from_stdout(text),
            [
                "[2026] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)",
                "java.net.BindException: Address already in use",
                "\tat x"
            ]
        );
        assert!(from_stdout("[2026] INFO all is well\n").is_empty());
    }

    #[test]
    fn growth_is_asked_for_since_the_last_question() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stdout");
        std::fs::write(&path, "before").unwrap();
        let mut growth = Growth { path: String::leak(path.display().to_string()), length: 6 };
        assert!(!growth.asked());
        std::fs::write(&path, "before, recovering").unwrap();
        assert!(growth.asked());
        assert!(!growth.asked());
        let mut nowhere = Growth { path: "/dev/null", length: 0 };
        assert!(!nowhere.asked(), "no file, no growth");
    }
}
