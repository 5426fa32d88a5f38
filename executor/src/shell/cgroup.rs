//! Our memory cgroup, which is the JVM's and all our children's: what the kernel counts in it, and what room it has.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use nix::unistd::getpid;

use super::process;
use crate::diagnosis::cgroup::{self, Place};

/// Most that is read of the kernel's files.
const FILE: u64 = 256 * 1024;

/// The first that can be read.
pub(super) fn place() -> Option<Place> {
    let places =
        cgroup::places(&read(Path::new("/proc/self/cgroup"))?, &read(Path::new("/proc/self/mountinfo"))?);
    places.into_iter().find(|place| read(&place.directory.join(place.events)).is_some())
}

/// How many of its processes the kernel has killed for want of memory.
pub(super) fn oom_kills(place: &Place) -> Option<u64> {
    cgroup::oom_kills(&read(&place.directory.join(place.events))?)
}

/// Whether others than us, our children and what started us run in it.
pub(super) fn is_shared(place: &Place) -> bool {
    let listed = read(&place.directory.join("cgroup.procs")).unwrap_or_default();
    let parents = process::parents();
    !cgroup::is_own(&listed, getpid().as_raw(), |pid| parents.get(&pid).copied())
}

/// The tightest limit on it: its own or, where a launcher limits a cgroup and puts us into one below, that one's.
pub(super) fn limit(place: &Place) -> Option<u64> {
    let limits = above(place).filter_map(|directory| cgroup::limit(&read(&directory.join(place.limit))?));
    limits.min()
}

/// What may still be used of the tightest limit; `None` where there is none that can be read.
pub(super) fn room(place: &Place) -> Option<u64> {
    let room = |directory: &Path| {
        let limit = cgroup::limit(&read(&directory.join(place.limit))?)?;
        let stat = read(&directory.join("memory.stat"))?;
        cgroup::room(limit, &read(&directory.join(place.usage))?, &stat)
    };
    above(place).filter_map(room).min()
}

/// It and those above it, as far as they are cgroups.
fn above(place: &Place) -> impl Iterator<Item = &Path> {
    place.directory.ancestors().take_while(|directory| directory.join("cgroup.procs").exists())
}

fn read(path: &Path) -> Option<String> {
    read_head(path, FILE)
}

/// The beginning of a regular file.
pub(super) fn read_head(path: &Path, limit: u64) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    /// A launcher may limit a cgroup and put us into one below.
    #[test]
    fn the_tightest_of_all_limits_counts() {
        let root = tempfile::tempdir().unwrap();
        let leaf = root.path().join("container/leaf");
        fs::create_dir_all(&leaf).unwrap();
        let write = |directory: &Path, limit: &str, used: &str| {
            for (name, text) in [("memory.max", limit), ("memory.current", used), ("cgroup.procs", "")] {
                fs::write(directory.join(name), text).unwrap();
            }
            fs::write(directory.join("memory.stat"), "inactive_file 10\n").unwrap();
        };
        write(&leaf, "max\n", "100\n");
        write(leaf.parent().unwrap(), "1000\n", "310\n");
        let place =
            Place { directory: leaf, events: "memory.events", limit: "memory.max", usage: "memory.current" };
        assert_eq!((limit(&place), room(&place)), (Some(1000), Some(700)));
        fs::remove_file(root.path().join("container/memory.max")).unwrap();
        assert_eq!((limit(&place), room(&place)), (None, None));
    }
}
