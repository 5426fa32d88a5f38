//! Long values, each in a file of its own: what a broker left behind is a hundred times as long as any other record, and
//! would be written anew with each change of whatever else.
//!
//! A file is named for the checksum of what it holds and is never changed. It is durable before the state file names it, and
//! removed only once none does, so that the state file alone decides which batch is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    StoreError, at,
    format::{Index, Value, checksum},
    sync,
};

/// Longer values are kept apart. A broker's record has one kilobyte, a configuration a few.
pub(super) const LONG: usize = 8 * 1024;

/// The directory of long values.
fn directory(state: &Path) -> PathBuf {
    state.join("long")
}

/// Takes the long values out of an index, by the names of their files.
pub(super) fn take(index: &mut Index) -> BTreeMap<String, Vec<u8>> {
    let mut taken = BTreeMap::new();
    for value in index.values_mut() {
        let Value::Here(bytes) = value else { continue };
        if bytes.len() > LONG {
            let (length, sum) = (bytes.len(), checksum(bytes));
            taken.insert(sum.clone(), std::mem::take(bytes));
            *value = Value::Apart { length, sum };
        }
    }
    taken
}

/// The files that an index names.
pub(super) fn names(index: &Index) -> BTreeSet<String> {
    let apart = index.values().filter_map(|value| match value {
        Value::Apart { sum, .. } => Some(sum.clone()),
        Value::Here(_) => None,
    });
    apart.collect()
}

/// Makes values durable under their names. One that an earlier process was killed at is written over.
pub(super) fn write(state: &Path, values: &BTreeMap<String, Vec<u8>>) -> Result<(), StoreError> {
    if values.is_empty() {
        return Ok(());
    }
    let directory = directory(state);
    if !directory.exists() {
        DirBuilder::new().mode(0o700).create(&directory).map_err(at("create directory", &directory))?;
        sync(state).map_err(at("sync", state))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    for (name, bytes) in values {
        let path = directory.join(name);
        let write = || {
            let mut file = options.open(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(at("write", &path))?;
    }
    sync(&directory).map_err(at("sync", &directory))
}

/// The bytes of one.
pub(super) fn read(state: &Path, length: usize, sum: &str) -> Result<Vec<u8>, StoreError> {
    let path = directory(state).join(sum);
    let bytes = fs::read(&path).map_err(at("read", &path))?;
    if bytes.len() != length || checksum(&bytes) != sum {
        return Err(StoreError::Damaged { path, how: "it is not what the state file says" });
    }
    Ok(bytes)
}

/// Removes files that the state file names no more. One that stays is removed at the next start.
pub(super) fn remove<'a>(state: &Path, names: impl IntoIterator<Item = &'a String>) {
    for name in names {
        let path = directory(state).join(name);
        if let Err(error) = fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "cannot be removed");
        }
    }
}

/// Removes what a process that was killed has left.
pub(super) fn sweep(state: &Path, named: &BTreeSet<String>) -> Result<(), StoreError> {
    let directory = directory(state);
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(at("read", &directory))?,
    };
    let names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    remove(state, names.iter().filter(|name| !named.contains(*name)));
    Ok(())
}
