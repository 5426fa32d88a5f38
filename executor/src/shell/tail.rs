//! The end of the JVM's logs, from the sandbox's `stdout` and `stderr`, which it writes itself.
//!
//! Nothing is copied while it runs, so nothing of ours can hold it up.

use std::{fs::File, os::unix::fs::FileExt as _};

use super::output::Stream;

/// How much of each file's end is looked at.
const WINDOW: u64 = 256 * 1024;

/// Where both files end now; what is there already is not the JVM's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    stdout: u64,
    stderr: u64,
}

pub(super) fn mark() -> Mark {
    Mark { stdout: length(&Stream::Out.path()), stderr: length(&Stream::Err.path()) }
}

/// Follows the JVM's stdout, where Kafka's main log goes and nothing of ours (D44), line by line.
#[derive(Debug)]
pub(super) struct Follow {
    path: String,
    at: u64,
    /// The beginning of a line whose end is not written yet.
    partial: Vec<u8>,
}

impl Follow {
    /// From `mark` on.
    pub(super) fn since(mark: Mark) -> Self {
        Self { path: Stream::Out.path(), at: mark.stdout, partial: Vec::new() }
    }

    /// The JVM's stderr, which our own log usually shares.
    pub(super) fn stderr_since(mark: Mark) -> Self {
        Self { path: Stream::Err.path(), at: mark.stderr, partial: Vec::new() }
    }

    /// Another file, from its beginning.
    #[cfg(test)]
    pub(super) fn of(path: &std::path::Path) -> Self {
        Self { path: path.display().to_string(), at: 0, partial: Vec::new() }
    }

    /// Gives what was written since the last question, as much of it as one question reads; whether anything was. Never
    /// where stdout is no file: nobody can say then.
    pub(super) fn lines(&mut self, mut line: impl FnMut(&str)) -> bool {
        // Nothing new, as nearly always: no file is opened, no memory taken.
        if std::fs::metadata(&self.path).is_ok_and(|found| found.len() == self.at) {
            return false;
        }
        let Some(file) = open(&self.path) else { return false };
        let length = file.metadata().map_or(self.at, |metadata| metadata.len());
        if length < self.at {
            // It has begun anew.
            self.at = 0;
            self.partial.clear();
        }
        let from = self.at;
        let mut chunk = vec![0; CHUNK];
        while self.at < length.min(from + STRIDE) {
            let Ok(read @ 1..) = file.read_at(&mut chunk, self.at) else { break };
            self.at += read as u64;
            self.split(&chunk[..read], &mut line);
        }
        self.at != from
    }

    fn split(&mut self, mut bytes: &[u8], line: &mut impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(&bytes[..end]);
            line(&String::from_utf8_lossy(&self.partial));
            self.partial.clear();
            bytes = &bytes[end + 1..];
        }
        self.partial.extend_from_slice(bytes);
        // Nothing of interest is as long as that.
        if self.partial.len() > CHUNK {
            self.partial.clear();
        }
    }
}

/// How much is read at once, and the longest line.
const CHUNK: usize = 64 * 1024;
/// How much one question reads at most; five a second keep up with the fastest log.
const STRIDE: u64 = 4 * 1024 * 1024;

/// A regular file, opened anew: reading must not move the shared position.
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
    let read =
        |stream: Stream, from| open(&stream.path()).map(|file| end_of(&file, from)).unwrap_or_default();
    (read(Stream::Out, since.stdout), read(Stream::Err, since.stderr))
}

fn end_of(file: &File, from: u64) -> String {
    let length = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
    // A file that is shorter than it was has begun anew.
    let from = if from > length { 0 } else { from };
    let start = from.max(length.saturating_sub(WINDOW));
    let mut bytes = vec![0; usize::try_from(length.saturating_sub(start)).unwrap_or(0)];
    let read = file.read_at(&mut bytes, start).unwrap_or(0);
    bytes.truncate(read);
    // A hole where space was given back (D39): no words.
    let words = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
    bytes.drain(..words);
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
        // D39: what was given back is no line.
        std::fs::write(&path, [&[0; 5000][..], b"last\n"].concat()).unwrap();
        assert_eq!(end_of(&file, 0), "last\n");
    }

    #[test]
    fn a_file_is_followed_by_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stdout");
        std::fs::write(&path, "before\n").unwrap();
        let mut follow = Follow { path: path.display().to_string(), at: 7, partial: Vec::new() };
        let mut check = |expect: &[&str], grown: bool| {
            let mut lines = Vec::new();
            assert_eq!(follow.lines(|line| lines.push(line.to_owned())), grown, "{expect:?}");
            assert_eq!(lines, expect);
        };
        check(&[], false);
        std::fs::write(&path, "before\none\ntw").unwrap();
        check(&["one"], true);
        std::fs::write(&path, b"before\none\ntwo\n\xff\n").unwrap();
        check(&["two", "\u{fffd}"], true);
        check(&[], false);
        std::fs::write(&path, "anew\n").unwrap();
        check(&["anew"], true);
        let long = "x".repeat(3 * CHUNK);
        std::fs::write(&path, format!("anew\n{long}\nlast\n")).unwrap();
        let mut lines = 0;
        assert!(follow.lines(|line| lines += usize::from(line == "last")));
        assert_eq!(lines, 1);
        assert!(follow.partial.capacity() <= 4 * CHUNK);
        let mut nowhere = Follow { path: "/dev/null".to_owned(), at: 0, partial: Vec::new() };
        assert!(!nowhere.lines(|_| ()), "no file, no growth");
    }
}
