//! The end of the JVM's logs, from the sandbox's `stdout` and `stderr`, which it writes itself.
//!
//! Nothing is copied while it runs, so nothing of ours can hold it up. Where our own stdout or stderr is no file (a
//! terminal, a pipe), there is no end to read.

use std::{fs::File, os::unix::fs::FileExt as _};

/// How much of each file's end is looked at.
const WINDOW: u64 = 256 * 1024;

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

/// The ends of stdout and stderr, as far as the JVM wrote them.
pub(super) fn ends(since: Mark) -> (String, String) {
    let read = |path, from| open(path).map(|file| end_of(&file, from)).unwrap_or_default();
    (read(STDOUT, since.stdout), read(STDERR, since.stderr))
}

fn end_of(file: &File, from: u64) -> String {
    let length = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
    // A file that is shorter than it was has begun anew.
    let from = if from > length { 0 } else { from };
    let start = from.max(length.saturating_sub(WINDOW));
    let mut bytes = vec![0; usize::try_from(length.saturating_sub(start)).unwrap_or(0)];
    let read = file.read_at(&mut bytes, start).unwrap_or(0);
    bytes.truncate(read);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    #[test]
    fn the_end_begins_at_the_mark_or_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stdout");
        std::fs::write(&path, "before, after").unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(end_of(&file, 8), "after");
        assert_eq!(end_of(&file, 100), "before, after");
        std::fs::write(&path, "x".repeat(WINDOW as usize + 5)).unwrap();
        assert_eq!(end_of(&file, 2).len() as u64, WINDOW);
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
