//! A file that is there whole or not at all.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Which step failed, and on what.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}", path.display())]
pub struct WriteError {
    /// What was being done.
    pub step: &'static str,
    /// To which file or directory.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Puts `bytes` at `path`, readable by the owner alone (configurations hold passwords).
///
/// Written beside it, synced, renamed, and the directory synced: a reader, or a machine that comes back after a
/// power cut, finds the old file or the new one.
///
/// # Errors
/// [`WriteError`]; the old file is then untouched and nothing is left beside it, unless syncing the directory is
/// what failed: then the new file is in place but may not survive a power cut.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let fail = |step, path: &Path| {
        let path = path.to_owned();
        move |source| WriteError { step, path, source }
    };
    // `tempfile` makes it with mode 0600 and removes it when dropped before the rename.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(fail("make a file in", directory))?;
    file.write_all(bytes).map_err(fail("write", file.path()))?;
    file.as_file().sync_all().map_err(fail("sync", file.path()))?;
    file.persist(path).map_err(|error| fail("replace", path)(error.error))?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(fail("sync", directory))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn replaces_whole_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.properties");
        std::fs::write(&path, "old, and longer than the new one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"a=1\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a=1\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_failure_names_step_and_path_and_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let occupied = directory.path().join("occupied");
        std::fs::create_dir_all(occupied.join("child")).unwrap();
        let error = write(&occupied, b"a=1\n").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot replace {}", occupied.display()));
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "no temporary file stays");
        let missing = directory.path().join("missing/server.properties");
        assert!(write(&missing, b"").unwrap_err().to_string().starts_with("cannot make a file in "));
    }
}
