//! How far Kafka has come with loading its logs, from the lines it writes about that (D18, D29). Pure.
//!
//! After an unclean stop each segment that was not known to be on disk is read again, which takes as long as it takes.
//! What is said of it has changed over the years:
//!
//! ```text
//! Loading logs from log dirs ArraySeq(/d)                                            all
//! Attempting recovery for all logs in /d since no clean shutdown file was found      until 3.2, and
//! Recovering 3 logs from /d since no clean shutdown file was found                   since: with their number
//! [Log partition=t-0, dir=/d] Recovering unflushed segment 24                        until 3.2, and
//! [LogLoader partition=t-0, dir=/d] Recovering unflushed segment 24. 1/9 recovered for t-0.   since: as it begins
//! Completed load of Log(dir=/d/t-0, …) with 9 segments … in 21085ms (1/3 loaded in /d)        all: `completed` since 3.2
//! Loaded 3 logs in 21109ms …                                                         all
//! ```
//!
//! Where a line does not say how many there are, [`Recovery::unknown`] asks, and whoever can look answers.

use std::collections::BTreeMap;

/// Most log directories and most partitions at once that are followed: a broker has few of either.
const DIRECTORIES: usize = 64;
const PARTITIONS: usize = 256;

/// The loading of logs by one start of a broker.
#[derive(Debug, Default)]
pub struct Recovery {
    under_way: bool,
    directories: BTreeMap<String, Directory>,
    /// Those being recovered, by directory and partition.
    partitions: BTreeMap<(String, String), Segments>,
}

/// One log directory; a log is a partition's.
#[derive(Debug, Default)]
struct Directory {
    unclean: bool,
    loaded: u64,
    logs: Option<u64>,
}

/// The segments of a partition that are read again.
#[derive(Debug)]
struct Segments {
    /// The first of them.
    from: u64,
    recovered: u64,
    all: Option<u64>,
}

/// Something that Kafka did not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// How many logs this directory has.
    Logs {
        /// Its path.
        directory: String,
    },
    /// How many segments this partition has from this offset on.
    Segments {
        /// The path of its log directory.
        directory: String,
        /// Its name there, `topic-0`.
        partition: String,
        /// The offset by which the first one is named.
        from: u64,
    },
}

impl Recovery {
    /// Takes a line of Kafka's log; whether it says that the loading has moved on.
    pub fn line(&mut self, line: &str) -> bool {
        let Some(event) = read(line) else { return false };
        match event {
            Line::Begins => *self = Self { under_way: true, ..Self::default() },
            Line::Ends => *self = Self::default(),
            Line::Directory { path, logs, unclean } => {
                if let Some(directory) = self.directory(path) {
                    *directory = Directory { unclean, loaded: 0, logs };
                }
            }
            Line::Segment { directory, partition, offset, counts } => {
                let key = (directory.to_owned(), partition.to_owned());
                if self.partitions.len() >= PARTITIONS && !self.partitions.contains_key(&key) {
                    return true;
                }
                let (recovered, all) = counts.unzip();
                self.partitions
                    .entry(key)
                    .and_modify(|known| {
                        known.recovered = recovered.unwrap_or(known.recovered.saturating_add(1));
                        known.all = all.or(known.all);
                    })
                    .or_insert(Segments { from: offset, recovered: recovered.unwrap_or(0), all });
            }
            Line::Loaded { partition, directory, loaded, logs } => {
                self.partitions.remove(&(directory.to_owned(), partition.to_owned()));
                if let Some(known) = self.directory(directory) {
                    known.loaded = loaded;
                    known.logs = Some(logs);
                }
            }
        }
        true
    }

    fn directory(&mut self, path: &str) -> Option<&mut Directory> {
        if self.directories.len() >= DIRECTORIES && !self.directories.contains_key(path) {
            return None;
        }
        Some(self.directories.entry(path.to_owned()).or_default())
    }

    /// Whether logs are being recovered: read again after an unclean stop, not just opened.
    pub fn is_recovering(&self) -> bool {
        self.under_way && self.directories.values().any(|directory| directory.unclean)
    }

    /// What should be looked up for [`Recovery::learn`], if anything.
    pub fn unknown(&self) -> Option<Unknown> {
        let logs = self.directories.iter().find(|(_, directory)| directory.logs.is_none());
        if let Some((path, _)) = logs {
            return Some(Unknown::Logs { directory: path.clone() });
        }
        let (key, segments) = self.partitions.iter().find(|(_, segments)| segments.all.is_none())?;
        let (directory, partition) = key.clone();
        Some(Unknown::Segments { directory, partition, from: segments.from })
    }

    /// The answer to [`Recovery::unknown`]; 0 where nobody knows.
    pub fn learn(&mut self, unknown: Unknown, count: u64) {
        match unknown {
            Unknown::Logs { directory } => {
                if let Some(known) = self.directories.get_mut(&directory) {
                    known.logs = Some(count);
                }
            }
            Unknown::Segments { directory, partition, .. } => {
                if let Some(known) = self.partitions.get_mut(&(directory, partition)) {
                    known.all = Some(count);
                }
            }
        }
    }

    /// How far it is, for the task's message: `log recovery 41 %`. Each log counts the same, whatever its size. `None`
    /// while no logs are loaded.
    pub fn text(&self) -> Option<String> {
        if !self.under_way {
            return None;
        }
        let what = if self.is_recovering() { "log recovery" } else { "loading logs" };
        Some(match self.percent() {
            Some(percent) => format!("{what} {percent} %"),
            None => what.to_owned(),
        })
    }

    fn percent(&self) -> Option<u64> {
        let mut all = 0.0;
        let mut done = 0.0;
        for directory in self.directories.values() {
            all += directory.logs? as f64;
            done += directory.loaded as f64;
        }
        for segments in self.partitions.values() {
            let all = segments.all.unwrap_or(0).max(1);
            done += segments.recovered.min(all) as f64 / all as f64;
        }
        // 100 % is when Kafka says so.
        (all > 0.0).then(|| ((100.0 * done / all) as u64).min(99))
    }
}

/// Entry point for a fuzzer: whatever the lines, following them ends, keeps little, and shows a percentage below 100.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let mut recovery = Recovery::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        recovery.line(line);
        if let Some(unknown) = recovery.unknown() {
            recovery.learn(unknown, bytes.len() as u64);
        }
        let text = recovery.text().unwrap_or_default();
        let percent = text.strip_suffix(" %").and_then(|text| text.rsplit(' ').next()?.parse::<u64>().ok());
        assert!(percent.is_none_or(|percent| percent < 100), "{text}");
    }
    assert!(recovery.directories.len() <= DIRECTORIES && recovery.partitions.len() <= PARTITIONS);
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Begins,
    Ends,
    Directory { path: &'a str, logs: Option<u64>, unclean: bool },
    Segment { directory: &'a str, partition: &'a str, offset: u64, counts: Option<(u64, u64)> },
    Loaded { partition: &'a str, directory: &'a str, loaded: u64, logs: u64 },
}

/// `[time] INFO message (logger)`; anything else, too.
fn read(line: &str) -> Option<Line<'_>> {
    let (_, text) = line.strip_prefix('[')?.split_once("] INFO ")?;
    let (text, logger) = text.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    if !logger.starts_with("kafka.log.") && !logger.starts_with("org.apache.kafka.storage.") {
        return None;
    }
    if text.starts_with("Loading logs from log dirs ") {
        return Some(Line::Begins);
    }
    if let Some(rest) = text.strip_prefix("Loaded ") {
        let (count, _) = rest.split_once(" logs in ")?;
        return count.parse::<u64>().ok().map(|_| Line::Ends);
    }
    for (suffix, unclean) in
        [(" since no clean shutdown file was found", true), (" since clean shutdown file was found", false)]
    {
        if let Some(what) = text.strip_suffix(suffix) {
            return directory(what, unclean);
        }
    }
    if let Some(rest) = text.strip_prefix("Completed load of Log(dir=") {
        return loaded(rest);
    }
    segment(text)
}

/// `Recovering 3 logs from /d`, `Skipping recovery for all logs in /d` …
fn directory(what: &str, unclean: bool) -> Option<Line<'_>> {
    if let Some((_, path)) = what.split_once(" for all logs in ") {
        return Some(Line::Directory { path, logs: None, unclean });
    }
    let (counted, path) = what.split_once(" logs from ")?;
    let logs = counted.rsplit(' ').next()?.parse().ok()?;
    Some(Line::Directory { path, logs: Some(logs), unclean })
}

/// `/d/t-0, topic=…) with 9 segments … in 21085ms (1/3 loaded in /d)`, the first part cut off.
fn loaded(rest: &str) -> Option<Line<'_>> {
    let (log, _) = rest.split_once(", ")?;
    let (_, partition) = log.rsplit_once('/')?;
    let (_, counts) = rest.strip_suffix(')')?.rsplit_once("ms (")?;
    let (counts, directory) = counts.split_once(" in ")?;
    let (counts, _) = counts.split_once(' ')?;
    let (loaded, logs) = counts.split_once('/')?;
    Some(Line::Loaded { partition, directory, loaded: loaded.parse().ok()?, logs: logs.parse().ok()? })
}

/// `[LogLoader partition=t-0, dir=/d] Recovering unflushed segment 24. 1/9 recovered for t-0.`
fn segment(text: &str) -> Option<Line<'_>> {
    let (whose, what) = text.split_once("] Recovering unflushed segment ")?;
    let (_, whose) = whose.split_once(" partition=")?;
    let (partition, directory) = whose.split_once(", dir=")?;
    let (offset, counts) = what.split_once(". ").unwrap_or((what, ""));
    let counts = counts.split_once(" recovered for ").and_then(|(counts, _)| {
        let (recovered, all) = counts.split_once('/')?;
        Some((recovered.parse().ok()?, all.parse().ok()?))
    });
    Some(Line::Segment { directory, partition, offset: offset.parse().ok()?, counts })
}

#[cfg(test)]
mod tests;
