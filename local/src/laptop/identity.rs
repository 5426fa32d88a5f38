//! Which process exactly: a pid is reused, a pid with its start time and the boot it belongs to is not.
//!
//! A pid file holds these three, so that nothing is ever signalled because it happens to have inherited a number.

use std::{fmt, fs, io, path::Path, str::FromStr};

use nix::{sys::signal::Signal, unistd::Pid};

/// One process, for as long as the machine stays up and beyond.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since boot (`/proc/<pid>/stat`, field 22).
    started: u64,
    /// The boot that those ticks count from.
    boot: String,
}

impl Identity {
    /// The process that has this number now; `None` if there is none, or only a zombie.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = read_stat(&stat)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        (!matches!(state, 'Z' | 'X')).then(|| Self { pid, started, boot: boot.trim().to_owned() })
    }

    /// Whether this very process still runs. A zombie does not: it only waits for its parent.
    pub fn alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Sends a signal to the process, if it still is this one. Returns whether it was.
    pub fn signal(&self, signal: Signal) -> bool {
        self.alive() && nix::sys::signal::kill(Pid::from_raw(self.pid), signal).is_ok()
    }

    /// Sends a signal to the process group this process leads, if it still is this one. Returns whether it was.
    pub fn signal_group(&self, signal: Signal) -> bool {
        self.alive() && nix::sys::signal::killpg(Pid::from_raw(self.pid), signal).is_ok()
    }

    /// The environment the process was started with; `None` if it belongs to another user, has ended, or has not quite
    /// begun: the kernel shows it as empty until then.
    pub fn environment(&self) -> Option<super::environment::Environment> {
        let bytes = fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let pairs = bytes.split(|byte| *byte == 0).filter_map(|pair| {
            let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        let environment: super::environment::Environment = pairs.collect();
        (self.alive() && !environment.is_empty()).then_some(environment)
    }

    /// The process a pid file names; `None` if there is no file, it is not one of ours, or the process has ended.
    pub fn running(file: &Path) -> Option<Self> {
        let identity: Self = fs::read_to_string(file).ok()?.parse().ok()?;
        identity.alive().then_some(identity)
    }

    /// Writes the pid file, whole or not at all.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        let beside = file.with_extension("pid.new");
        fs::write(&beside, format!("{self}\n"))?;
        fs::rename(&beside, file)
    }
}

/// State letter and start time out of `/proc/<pid>/stat`. The second field is the command's name in parentheses and may
/// itself hold blanks and parentheses, so reading starts behind the last one.
fn read_stat(stat: &str) -> Option<(char, u64)> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.pid, self.started, self.boot)
    }
}

/// A text that no pid file of ours holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a pid, a start time and a boot id")]
pub struct InvalidIdentity(String);

impl FromStr for Identity {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut words = text.split_whitespace();
            let identity = Self {
                pid: words.next()?.parse().ok().filter(|pid| *pid > 1)?,
                started: words.next()?.parse().ok()?,
                boot: words.next()?.to_owned(),
            };
            words.next().is_none().then_some(identity)
        };
        read().ok_or_else(|| InvalidIdentity(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn stat_is_read_behind_the_last_parenthesis() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
        assert_eq!(read_stat(&format!("12 (java) {tail}")), Some(('S', 4711)));
        assert_eq!(read_stat(&format!("12 (a) b (c)) {tail}")), Some(('S', 4711)));
        assert_eq!(read_stat("12 (java) S 1"), None);
        assert_eq!(read_stat(""), None);
    }

    // D47: a pid file of a process that ended, even with its number in use again, names nobody.
    #[test]
    fn a_reused_pid_is_not_the_same_process() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pid");
        let me = Identity::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        me.save(&file).unwrap();
        assert_eq!(Identity::running(&file), Some(me.clone()));

        for other in [
            Identity { started: me.started + 1, ..me.clone() },
            Identity { boot: "before".to_owned(), ..me.clone() },
            Identity { pid: i32::MAX, ..me },
        ] {
            other.save(&file).unwrap();
            assert_eq!(Identity::running(&file), None, "{other}");
            assert!(!other.signal(Signal::SIGKILL), "{other}");
            assert!(!other.signal_group(Signal::SIGKILL), "{other}");
        }
        for nonsense in ["", "1 2 boot", "x 2 boot", "12 34", "12 34 boot more", "-5 2 boot"] {
            fs::write(&file, nonsense).unwrap();
            assert_eq!(Identity::running(&file), None, "{nonsense}");
        }
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = std::process::Command::new("sleep").arg("60").env("MARK", "a=b").spawn().unwrap();
        let identity = Identity::of(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(identity.alive());
        let environment = wait_for(|| identity.environment());
        assert_eq!(environment["MARK"], "a=b");
        assert!(identity.signal(Signal::SIGKILL));
        wait_for(|| (!identity.alive()).then_some(()));
        child.wait().unwrap();
    }

    fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            match look() {
                Some(found) => return found,
                None => assert!(std::time::Instant::now() < deadline, "it never came"),
            }
            std::thread::yield_now();
        }
    }
}
