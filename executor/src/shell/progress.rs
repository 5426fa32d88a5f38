//! Whether a broker that starts gets on, and how far it is (D18, D29): seen from its log and from what its process reads.
//!
//! While Kafka loads its logs, each line about that is progress; a segment of a gigabyte is recovered without a line, so
//! there what the process has read counts too. Anything else that it writes is taken for progress only for a while: a
//! start that logs for ever does not get anywhere.

use std::{fs, path::Path, time::Duration};

use nix::unistd::Pid;
use tokio::time::Instant;

use super::tail::{Follow, Mark};
use crate::recovery::{Recovery, Unknown};

/// How long a log that grows is enough, from the start or from the end of the loading on.
const ALLOWANCE: Duration = Duration::from_secs(5 * 60);
/// What a process must read to get on with a recovery, in bytes.
const READ: u64 = 1024 * 1024;
/// Between two messages about it: each is an update that Mesos must carry to the scheduler and back.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// One start of a broker.
#[derive(Debug)]
pub(super) struct Progress {
    log: Follow,
    recovery: Recovery,
    pid: Pid,
    /// What the process had read when that last counted.
    read: u64,
    began: Instant,
    /// How often it has got on.
    moves: u64,
    /// When the loading last moved on.
    moved: Duration,
    told: Option<String>,
    told_at: Duration,
}

impl Progress {
    /// Of process `pid`, whose log begins at `mark`.
    pub(super) fn new(mark: Mark, pid: Pid) -> Self {
        Self {
            log: Follow::since(mark),
            recovery: Recovery::default(),
            pid,
            read: 0,
            began: Instant::now(),
            moves: 0,
            moved: Duration::ZERO,
            told: None,
            told_at: Duration::ZERO,
        }
    }

    /// The time since the start.
    pub(super) fn since(&self) -> Duration {
        self.began.elapsed()
    }

    /// Looks at what is new at `now`, the time since the start: how often it has got on, and how far it is, in words that
    /// change seldom; `None` while no logs are loaded.
    pub(super) fn look(&mut self, now: Duration) -> (u64, Option<String>) {
        let recovery = &mut self.recovery;
        let mut moved = false;
        let grown = self.log.lines(|line| moved |= recovery.line(line));
        while let Some(unknown) = recovery.unknown() {
            let count = count(&unknown);
            recovery.learn(unknown, count);
        }
        if recovery.is_recovering() {
            let read = bytes_read(self.pid).unwrap_or(self.read);
            if read >= self.read + READ {
                self.read = read;
                moved = true;
            }
        }
        if moved {
            self.moved = now;
        }
        self.moves += u64::from(moved || (grown && now < self.moved + ALLOWANCE));
        (self.moves, self.text(now))
    }

    fn text(&mut self, now: Duration) -> Option<String> {
        let text = self.recovery.text();
        let due = self.told.is_none() || text.is_none() || now >= self.told_at + TELL_EVERY;
        if text != self.told && due {
            self.told = text;
            self.told_at = now;
        }
        self.told.clone()
    }
}

/// What Kafka left unsaid; 0 where it can't be seen.
fn count(unknown: &Unknown) -> u64 {
    let count = |path: &Path, counts: &dyn Fn(&str) -> bool| {
        let names = fs::read_dir(path).map(|entries| entries.flatten().map(|entry| entry.file_name()));
        let found = names.map(|names| names.filter(|name| name.to_str().is_some_and(counts)).count());
        found.unwrap_or(0) as u64
    };
    match unknown {
        Unknown::Logs { directory } => count(Path::new(directory), &is_log),
        Unknown::Segments { directory, partition, from } => {
            count(&Path::new(directory).join(partition), &|name| segment(name).is_some_and(|at| at >= *from))
        }
    }
}

/// `topic-0`
fn is_log(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, partition)| partition.parse::<u32>().is_ok())
}

/// `00000000000000000024.log`
fn segment(name: &str) -> Option<u64> {
    name.strip_suffix(".log")?.parse().ok()
}

/// What a process has read, from disks, caches and others.
fn bytes_read(pid: Pid) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("rchar: ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    const BEGINS: &str = "[t] INFO Loading logs from log dirs ArraySeq(/nowhere) (kafka.log.LogManager)\n";
    const UNCLEAN: &str = "[t] INFO Recovering 2 logs from /nowhere since no clean shutdown file was found (kafka.log.LogManager)\n";

    struct World {
        directory: tempfile::TempDir,
        progress: Progress,
        log: String,
    }

    impl World {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let log = Follow::of(&directory.path().join("stdout"));
            // Nobody: nothing is read.
            let progress =
                Progress { log, ..Progress::new(super::super::tail::mark(), Pid::from_raw(i32::MAX)) };
            Self { directory, progress, log: String::new() }
        }

        fn write(&mut self, text: &str) {
            self.log.push_str(text);
            fs::write(self.directory.path().join("stdout"), &self.log).unwrap();
        }

        fn check(&mut self, now: u64, moved: bool, text: Option<&str>) {
            let before = self.progress.moves;
            let (moves, shown) = self.progress.look(Duration::from_secs(now));
            assert_eq!((moves > before, shown.as_deref()), (moved, text), "after {now} s");
        }
    }

    fn segment_of_ten(number: u64) -> String {
        format!(
            "[t] INFO [LogLoader partition=t-0, dir=/nowhere] Recovering unflushed segment {number}. \
             {number}/10 recovered for t-0. (kafka.log.LogLoader)\n"
        )
    }

    // D29
    #[test]
    fn a_log_that_grows_is_enough_for_a_while_only() {
        let mut world = World::new();
        world.check(0, false, None);
        world.write("one\n");
        world.check(299, true, None);
        world.check(299, false, None);
        world.write("two\n");
        world.check(300, false, None);
    }

    // D18, D29
    #[test]
    fn loading_is_progress_however_long_and_told_now_and_then() {
        let mut world = World::new();
        world.write(BEGINS);
        world.write(UNCLEAN);
        world.check(1000, true, Some("log recovery 0 %"));
        world.check(1000, false, Some("log recovery 0 %"));
        world.write(&segment_of_ten(4));
        world.check(1001, true, Some("log recovery 0 %"));
        world.write(&segment_of_ten(5));
        world.check(1002, true, Some("log recovery 25 %"));
        world.write("something else\n");
        world.check(1301, true, Some("log recovery 25 %"));
        world.write("something else\n");
        world.check(1302, false, Some("log recovery 25 %"));
        world.write("[t] INFO Loaded 2 logs in 5ms (kafka.log.LogManager)\n");
        world.check(1303, true, None);
    }

    /// A segment of a gigabyte brings no line for as long as it takes, but is read.
    #[test]
    fn what_is_read_is_progress_during_a_recovery() {
        let mut world = World::new();
        world.progress.pid = Pid::this();
        let file = world.directory.path().join("segment");
        fs::write(&file, vec![0; 2 * READ as usize]).unwrap();
        fs::read(&file).unwrap();
        world.check(1, false, None);
        world.write(BEGINS);
        world.write(UNCLEAN);
        world.check(2, true, Some("log recovery 0 %"));
        let before = (world.progress.read, world.progress.moves);
        fs::read(&file).unwrap();
        assert_eq!(world.progress.look(Duration::from_secs(3)).0, before.1 + 1);
        assert!(world.progress.read >= before.0 + 2 * READ);
    }

    #[test]
    fn what_kafka_leaves_unsaid_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for log in ["a-0", "b-c-12", "cleaner-offset-checkpoint", "lost+found"] {
            fs::create_dir(root.join(log)).unwrap();
        }
        for file in ["00000000000000000000.log", "00000000000000000024.log", "00000000000000000024.index"] {
            fs::write(root.join("a-0").join(file), "").unwrap();
        }
        let path = root.display().to_string();
        assert_eq!(count(&Unknown::Logs { directory: path.clone() }), 2);
        let segments =
            |from| Unknown::Segments { directory: path.clone(), partition: "a-0".to_owned(), from };
        assert_eq!((count(&segments(0)), count(&segments(24)), count(&segments(25))), (2, 1, 0));
        assert_eq!(count(&Unknown::Logs { directory: "/nowhere".to_owned() }), 0);
    }
}
