//! A directory of logs that their writers rotate by renaming.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
};

/// Which files of a directory are known, by inode: a name says nothing once it was rotated.
///
/// Every known file stays open as long as it has a name, so its inode cannot become another file's.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    known: BTreeSet<(u64, u64)>,
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, known: BTreeSet::new() }
    }

    /// Files that were not there before and their streams, the oldest first.
    pub(super) fn look(&mut self) -> io::Result<Vec<(File, String)>> {
        let entries = match fs::read_dir(&self.path) {
            // Made when the JVM is about to start.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut new = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(stream) = name.to_str().and_then(stream) else { continue };
            // Rotated away while we look: it comes under its new name.
            let Ok(metadata) = entry.metadata() else { continue };
            if !metadata.is_file() {
                continue;
            }
            if self.known.contains(&(metadata.dev(), metadata.ino())) {
                continue;
            }
            let Ok(file) = File::open(entry.path()) else { continue };
            // The name may have passed to another file meanwhile.
            let opened = file.metadata()?;
            if opened.is_file() && self.known.insert((opened.dev(), opened.ino())) {
                // Of the same moment, the higher number is the older one with log4j.
                let age = ((opened.mtime(), opened.mtime_nsec()), Reverse(name.clone()));
                new.push((age, file, stream.to_owned()));
            }
        }
        new.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        Ok(new.into_iter().map(|(_, file, stream)| (file, stream)).collect())
    }

    /// A file without a name was closed: its inode may come again.
    pub(super) fn forget(&mut self, inode: (u64, u64)) {
        self.known.remove(&inode);
    }
}

/// `controller` of `controller.log`, `controller.log.1` and `controller.log.2026-01-31`; packed ones were read before.
fn stream(name: &str) -> Option<&str> {
    let (stream, rest) = name.split_once(".log")?;
    let rotated = rest.is_empty() || rest.starts_with(['.', '-']);
    let packed = [".gz", ".zip", ".bz2", ".xz", ".zst"].iter().any(|end| rest.ends_with(end));
    (rotated && !packed && !stream.is_empty()).then_some(stream)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    #[test]
    fn streams() {
        for (name, expect) in [
            ("controller.log", Some("controller")),
            ("state-change.log.2", Some("state-change")),
            ("gc.log.0", Some("gc")),
            ("kafka.log.2026-01-31-12", Some("kafka")),
            ("kafka.log.1.gz", None),
            ("kafka.logic", None),
            (".log", None),
            ("hs_err_pid1", None),
        ] {
            assert_eq!(stream(name), expect, "{name}");
        }
    }

    // D44: each line goes once, also through a rotation.
    #[test]
    fn a_renamed_file_is_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mut looks = Directory::new(directory.path().join("later"));
        assert!(looks.look().unwrap().is_empty());
        looks = Directory::new(directory.path().to_owned());
        fs::write(path("gc.log"), "1").unwrap();
        let first = looks.look().unwrap();
        assert_eq!(first.len(), 1);
        fs::rename(path("gc.log"), path("gc.log.0")).unwrap();
        fs::write(path("gc.log"), "2").unwrap();
        let second = looks.look().unwrap();
        assert_eq!(second.len(), 1);
        assert_eq!(second[0].1, "gc");
        assert!(looks.look().unwrap().is_empty());
        // Two rotations between two looks: the older one comes first.
        fs::rename(path("gc.log"), path("gc.log.2")).unwrap();
        fs::write(path("gc.log"), "33").unwrap();
        fs::rename(path("gc.log"), path("gc.log.1")).unwrap();
        fs::write(path("gc.log"), "4").unwrap();
        let lengths: Vec<_> =
            looks.look().unwrap().iter().map(|(file, _)| file.metadata().unwrap().len()).collect();
        assert_eq!(lengths, [2, 1]);
    }
}
