//! Where state outlives the process: records by key, changed in atomic batches.
//!
//! Two methods are all there is. Whoever commits may rely on it: once `commit` returned, the whole batch is there after
//! any crash; before that, all of it is or nothing.

pub mod file;
pub mod memory;

use std::{future::Future, path::PathBuf};

use crate::event::{Batch, Records, Write};

/// Records that survive the process. One writer at a time.
pub trait Store: Send {
    /// All records.
    ///
    /// # Errors
    /// They cannot be read, or are not what was written.
    fn load(&mut self) -> impl Future<Output = Result<Records, StoreError>> + Send;

    /// Makes a batch durable, all or nothing. An empty batch does nothing.
    ///
    /// # Errors
    /// It is unknown then whether the batch is durable: the process must end and start again from `load`.
    fn commit(&mut self, batch: &Batch) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What goes wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused something.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process writes here.
    #[error(
        "{path} is in use by {holder}: two schedulers must not share their state; stop the other one first"
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Its process, as far as it is known.
        holder: String,
    },
    /// The file is not one of ours.
    #[error(
        "{path} is not a state file of kafka-scheduler; it is left untouched: name another directory, or move it away"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer scheduler wrote the file.
    #[error(
        "{path} has format {found}, and this version reads only format {known}: run the version that wrote it"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The format in the file.
        found: u32,
        /// The format this version knows.
        known: u32,
    },
    /// The file has our mark, but its content is not what was written.
    #[error(
        "{path} is damaged ({how}); it is left untouched: restore it from a backup, or move its directory away to start afresh"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        how: &'static str,
    },
    /// A commit hangs, as on a disk or a network file system that is away.
    #[error("the commit did not end within {seconds} s")]
    Hangs {
        /// How long was waited.
        seconds: u64,
    },
    /// A test made it fail.
    #[error("the store fails as told")]
    Told,
}

/// Applies a batch to the records it changes.
pub(crate) fn apply(records: &mut Records, batch: &Batch) {
    for write in &batch.0 {
        match write {
            Write::Put { key, value } => {
                records.insert(key.clone(), value.clone());
            }
            Write::Delete { key } => {
                records.remove(key);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod conformance;
