//! Where the JVM writes: the sandbox's `stdout` and `stderr`, which are ours too.
//!
//! Last words, log recovery, running out of memory and shipping are read from there. Mesos' logrotate module and DC/OS'
//! journald logger give us pipes, of which nothing can be read again: then the JVM gets files of its own instead.

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsRawFd as _,
    path::Path,
    process::Stdio,
    sync::OnceLock,
};

use tracing::{info, warn};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// What takes their place; as our descriptors, of the whole process.
static OWN: [OnceLock<File>; 2] = [OnceLock::new(), OnceLock::new()];

/// Gives the JVM files of its own in `sandbox` where ours are none. Once, before anything is read or started.
pub(super) fn settle(sandbox: &Path) {
    for (stream, name) in [(Stream::Out, "broker.out"), (Stream::Err, "broker.err")] {
        let path = stream.path();
        if std::fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            continue;
        }
        match OpenOptions::new().create(true).read(true).append(true).open(sandbox.join(name)) {
            Ok(file) => {
                let _was_empty = OWN[stream as usize].set(file);
                info!("our {} is no file: the JVM's is {name} in the sandbox", stream.name());
            }
            Err(error) => warn!(%error, name, "nothing can be read of what the JVM writes"),
        }
    }
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }

    /// Leads to the file, however it is called: to be opened anew, as reading must not move the shared position.
    pub(super) fn path(self) -> String {
        let ours = self as i32 + 1;
        format!("/proc/self/fd/{}", OWN[self as usize].get().map_or(ours, |file| file.as_raw_fd()))
    }

    /// For a JVM.
    pub(super) fn stdio(self) -> io::Result<Stdio> {
        OWN[self as usize].get().map_or_else(|| Ok(Stdio::inherit()), |file| Ok(file.try_clone()?.into()))
    }
}
