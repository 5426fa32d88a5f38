//! The JVM's process and its performance data, read from the outside.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix::{fcntl::OFlag, unistd::Pid};

use super::files::{self, Buffer};
use crate::metrics::{
    Gauges,
    catalog::Metric,
    delta::Counters,
    perfdata,
    process::{self, Stat},
};

/// Largest performance data that is read; HotSpot's own default is 32 KiB.
const LARGEST: u64 = 1 << 20;
/// File times come from a clock that lags some milliseconds behind.
const LAG: Duration = Duration::from_millis(100);
/// Where counting descriptors takes long, it is done in one tick of so many.
const COUNT_EVERY: u32 = 6;
const MANY: u64 = 4096;

/// One JVM.
#[derive(Debug)]
pub(super) struct Jvm {
    directory: PathBuf,
    forked: SystemTime,
    /// The option that keeps its performance data from us.
    hidden_by: Option<String>,
    /// Of its process: another one with its pid is not it.
    started_ticks: Option<u64>,
    shared: Option<File>,
    descriptors: Descriptors,
}

#[derive(Debug, Default)]
struct Descriptors {
    open: Option<u64>,
    max: Option<u64>,
    tick: u32,
}

impl Jvm {
    /// `pid`, forked at `forked` with these options.
    pub(super) fn new(pid: Pid, forked: SystemTime, options: &[String]) -> Self {
        Self {
            directory: Path::new("/proc").join(pid.to_string()),
            forked,
            hidden_by: perfdata::hidden_by(options).map(str::to_owned),
            started_ticks: None,
            shared: None,
            descriptors: Descriptors::default(),
        }
    }

    /// What `/proc` says; `None` once it is gone.
    pub(super) fn process(
        &mut self,
        buffer: &mut Buffer,
        gauges: &mut Gauges,
        counters: &mut Counters,
    ) -> Option<()> {
        let stat: Stat = process::stat(buffer.read(&self.directory.join("stat"))?)?;
        if *self.started_ticks.get_or_insert(stat.started_ticks) != stat.started_ticks {
            return None;
        }
        counters.read(Metric::JvmCpu, stat.cpu_ms());
        // A zombie has none.
        let rss = process::rss(buffer.read(&self.directory.join("status"))?)?;
        gauges.set(Metric::JvmRss, rss as f64);
        gauges.set(Metric::JvmThreads, stat.threads as f64);
        if let Some(uptime) = buffer.read(Path::new("/proc/uptime")).and_then(process::uptime) {
            gauges.set(Metric::JvmUptime, stat.age_seconds(uptime));
        }
        let Descriptors { open, max, tick } = &mut self.descriptors;
        if open.is_none_or(|open| open < MANY) || tick.is_multiple_of(COUNT_EVERY) {
            *open = files::descriptors(&self.directory.join("fd"));
            *max = buffer.read(&self.directory.join("limits")).and_then(process::descriptors_max);
        }
        *tick = tick.wrapping_add(1);
        for (metric, value) in [(Metric::JvmDescriptors, *open), (Metric::JvmDescriptorsMax, *max)] {
            if let Some(value) = value {
                gauges.set(metric, value as f64);
            }
        }
        Some(())
    }

    /// What HotSpot shares.
    ///
    /// # Errors
    /// In words, why there is nothing.
    pub(super) fn perfdata(
        &mut self,
        buffer: &mut Buffer,
        gauges: &mut Gauges,
        counters: &mut Counters,
    ) -> Result<(), String> {
        if let Some(option) = &self.hidden_by {
            return Err(format!("the JVM runs with {option}"));
        }
        if self.shared.is_none() {
            self.shared = Some(self.find(buffer)?);
        }
        let bytes = self.shared.as_mut().map(|file| file.rewind().and_then(|()| buffer.fill(file, LARGEST)));
        let bytes = bytes.unwrap_or(Ok(&[])).map_err(|error| format!("cannot read it: {error}"))?;
        perfdata::parse(bytes).map_err(|error| error.to_string())?.store(gauges, counters);
        Ok(())
    }

    /// `/tmp/hsperfdata_<user>/<pid>`, in the JVM's own root and by its own pid, which are others than ours in a container.
    /// Anybody may make such a file: it must be the JVM's user's, and made since the JVM was forked.
    fn find(&self, buffer: &mut Buffer) -> Result<File, String> {
        let gone = || "the JVM is gone".to_owned();
        let user = fs::metadata(&self.directory).map_err(|_| gone())?.uid();
        let status = buffer.read(&self.directory.join("status")).ok_or_else(gone)?;
        let pid = process::inner_pid(status).ok_or_else(gone)?.to_string();
        // Its root is closed to us where it may not be traced; most often it is ours.
        let tmp = Some(self.directory.join("root/tmp")).filter(|tmp| tmp.is_dir());
        let tmp = tmp.unwrap_or_else(|| PathBuf::from("/tmp"));
        let entries =
            fs::read_dir(&tmp).map_err(|error| format!("cannot list {}: {error}", tmp.display()))?;
        let mut refused = None;
        for directory in entries.flatten() {
            let named = directory.file_name().as_encoded_bytes().starts_with(b"hsperfdata_");
            let own = || directory.metadata().is_ok_and(|found| found.is_dir() && found.uid() == user);
            if !named || !own() {
                continue;
            }
            match self.open(&directory.path().join(&pid), user) {
                Ok(file) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => refused = Some(error.to_string()),
            }
        }
        Err(refused.unwrap_or_else(|| format!("no {}/hsperfdata_*/{pid} of the JVM's user", tmp.display())))
    }

    fn open(&self, path: &Path, user: u32) -> io::Result<File> {
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let found = file.metadata()?;
        let why = if !found.is_file() || found.uid() != user {
            "is not the JVM's user's file"
        } else if found.len() > LARGEST {
            "is too large"
        } else if found.modified()? + LAG < self.forked {
            "is older than the JVM"
        } else {
            return Ok(file);
        };
        Err(io::Error::other(format!("{} {why}", path.display())))
    }
}

#[cfg(test)]
#[path = "jvm/tests.rs"]
mod tests;
