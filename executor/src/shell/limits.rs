//! What this process sets for itself, and so for the JVM, which inherits it; and the room on a disk.

use std::{fs, path::Path};

use nix::sys::{
    resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit},
    stat::{Mode, umask},
    statvfs::statvfs,
};
use tracing::{info, warn};

use super::fork;

/// So many descriptors Kafka's own documentation wants for a broker: one for each segment's files and each connection.
const WANTED: u64 = 100_000;
/// More than this no broker needs, and some programs walk through all they may have.
const ENOUGH: u64 = 1 << 20;

/// To be called before anything else is opened.
pub(super) fn set() {
    // Logs and data are for the owner, and for the group to read.
    umask(Mode::from_bits_truncate(0o027));
    fork::keep_inherited_files_from_children();
    // A core of a JVM is as large as its memory and lies on the sandbox's disk; hs_err_pid*.log says what happened.
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE) {
        let _less_is_always_allowed = setrlimit(Resource::RLIMIT_CORE, 0, hard);
    }
    match descriptors() {
        Ok(limit) if limit >= WANTED => info!(limit, "descriptors"),
        Ok(limit) => warn!(
            limit,
            "fewer descriptors than a broker may need ({WANTED}), and this user may not raise the limit"
        ),
        Err(error) => warn!(%error, "the limit of descriptors cannot be raised"),
    }
}

/// Raises the limit of descriptors as far as we may; what it is then.
fn descriptors() -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if hard < ENOUGH {
        let most = fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|text| text.trim().parse().ok());
        let most = ENOUGH.min(most.unwrap_or(ENOUGH));
        // Root may.
        if most > hard && setrlimit(Resource::RLIMIT_NOFILE, most, most).is_ok() {
            return Ok(most);
        }
    }
    let limit = if hard == RLIM_INFINITY { ENOUGH.max(soft) } else { hard };
    if limit > soft {
        setrlimit(Resource::RLIMIT_NOFILE, limit, hard)?;
    }
    Ok(limit)
}

/// Room for us on the disk of `path`, in bytes.
pub(super) fn free(path: &Path) -> Option<u64> {
    let disk = statvfs(path).ok()?;
    Some(disk.blocks_available() * disk.fragment_size())
}
