//! Small files that the kernel or a JVM writes, read whole into memory that is kept.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

/// Longest file of `/proc` that is read.
const LONGEST: u64 = 64 * 1024;

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    /// What stands in the file at `path`; `None` where it cannot be read, as when its process is gone.
    pub(super) fn read(&mut self, path: &Path) -> Option<&[u8]> {
        let mut file = File::open(path).ok()?;
        self.fill(&mut file, LONGEST).ok()
    }

    /// What follows in `file`, up to `longest` bytes.
    pub(super) fn fill(&mut self, file: &mut File, longest: u64) -> io::Result<&[u8]> {
        self.0.clear();
        file.take(longest).read_to_end(&mut self.0)?;
        Ok(&self.0)
    }
}

/// How many descriptors are open, by the directory that lists them. Newer kernels say so without a list.
pub(super) fn descriptors(directory: &Path) -> Option<u64> {
    let told = fs::metadata(directory).ok()?.len();
    if told > 0 {
        return Some(told);
    }
    let listed = fs::read_dir(directory).ok()?.count();
    u64::try_from(listed).ok()
}
