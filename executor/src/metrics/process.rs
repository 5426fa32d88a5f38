//! What `/proc` says of a process and of the machine. Whatever stands there, nothing here panics.

/// A line of `/proc/<pid>/stat`, as far as it is a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Processor time, user's and system's, in clock ticks.
    pub cpu_ticks: u64,
    /// How many threads.
    pub threads: u64,
    /// When it was started, in clock ticks since the machine was: with its pid it names a process for good.
    pub started_ticks: u64,
}

/// Clock ticks per second: `USER_HZ`, which is the same on every machine Linux gives programs today.
const TICKS: u64 = 100;

impl Stat {
    /// Processor time in milliseconds.
    pub fn cpu_ms(&self) -> u64 {
        self.cpu_ticks.saturating_mul(1000 / TICKS)
    }

    /// For how long it has run, on a machine that has for `uptime` seconds.
    pub fn age_seconds(&self, uptime: f64) -> f64 {
        (uptime - self.started_ticks as f64 / TICKS as f64).max(0.0)
    }
}

/// Reads `/proc/<pid>/stat`: `pid (name) state parent …`; the name may hold anything, parentheses and blanks included.
pub fn stat(bytes: &[u8]) -> Option<Stat> {
    let name_ends = bytes.iter().rposition(|&byte| byte == b')')?;
    let text = std::str::from_utf8(&bytes[name_ends + 1..]).ok()?;
    let fields: Vec<&str> = text.split_ascii_whitespace().take(20).collect();
    // The state, behind the name, is proc(5)'s third.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        cpu_ticks: field(14)?.checked_add(field(15)?)?,
        threads: field(20)?,
        started_ticks: field(22)?,
    })
}

/// The soft limit of open files in `/proc/<pid>/limits`; `None` also where there is none.
pub fn descriptors_max(limits: &[u8]) -> Option<u64> {
    line(limits, b"Max open files")?.split_ascii_whitespace().next()?.parse().ok()
}

/// A process's number in the innermost PID namespace it is in, from `/proc/<pid>/status`.
pub fn inner_pid(status: &[u8]) -> Option<u32> {
    line(status, b"NSpid:")?.split_ascii_whitespace().next_back()?.parse().ok()
}

/// A process's memory in bytes, from `/proc/<pid>/status`. A process that has ended has none.
pub fn rss(status: &[u8]) -> Option<u64> {
    kibibytes(line(status, b"VmRSS:")?)
}

/// What follows `name` at the beginning of a line. Other lines may hold anything: a process names itself.
fn line<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let rest = bytes.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name))?;
    std::str::from_utf8(rest).ok()
}

fn kibibytes(text: &str) -> Option<u64> {
    text.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// For how long the machine has run, in seconds, from `/proc/uptime`.
pub fn uptime(bytes: &[u8]) -> Option<f64> {
    let seconds: f64 = std::str::from_utf8(bytes).ok()?.split_ascii_whitespace().next()?.parse().ok()?;
    Some(seconds).filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
}

/// The load over the last minute, from `/proc/loadavg`.
pub fn load(bytes: &[u8]) -> Option<f64> {
    let load: f64 = std::str::from_utf8(bytes).ok()?.split_ascii_whitespace().next()?.parse().ok()?;
    Some(load).filter(|load| load.is_finite() && *load >= 0.0)
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
pub fn memory_available(bytes: &[u8]) -> Option<u64> {
    kibibytes(line(bytes, b"MemAvailable:")?)
}

/// How fast the volume's use grows, over the last samples.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    /// When (in seconds of some clock) and how much was used, oldest first.
    samples: std::collections::VecDeque<(f64, u64)>,
}

impl Growth {
    /// Over so many seconds at least, once they have passed: a single tick would show every segment's roll.
    const SPAN: f64 = 60.0;
    /// Samples kept, however often one comes.
    const SAMPLES: usize = 64;

    /// Bytes per second, with this sample; `None` for the first one.
    pub fn sample(&mut self, now: f64, used: u64) -> Option<f64> {
        while self.samples.len() >= Self::SAMPLES
            || self.samples.get(1).is_some_and(|(at, _)| now - at >= Self::SPAN)
        {
            self.samples.pop_front();
        }
        self.samples.push_back((now, used));
        let &(then, before) = self.samples.front()?;
        let grown = used as f64 - before as f64;
        Some(grown / (now - then)).filter(|rate| rate.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAT: &[u8] =
        b"4711 (java) S) S 1 4711 4711 0 -1 1077936384 120 3 5 0 1500 250 7 8 20 0 77 0 9000 3000000 65000 18446744073709551615\n";

    #[test]
    fn a_process() {
        let expect = Stat { cpu_ticks: 1750, threads: 77, started_ticks: 9000 };
        assert_eq!(stat(STAT), Some(expect));
        assert_eq!(
            (expect.cpu_ms(), expect.age_seconds(100.5), expect.age_seconds(1.0)),
            (17_500, 10.5, 0.0)
        );
        let without_blank = b"1 (a b) R 0 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 5 6 7";
        assert_eq!(stat(without_blank).map(|stat| stat.started_ticks), Some(5));
        for bad in [&b""[..], b"1 (x", b"1 (x) S 1", b") ) )", b"1 (x) S 1 1 1 1 1 1 1 1 1 1 a b"] {
            assert_eq!(stat(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn limits_namespaces_load_and_memory() {
        let limits = b"Limit   Soft Limit Hard Limit Units\nMax open files            1024                 524288               files\n";
        assert_eq!(descriptors_max(limits), Some(1024));
        assert_eq!(descriptors_max(b"Max open files   unlimited   unlimited  files\n"), None);
        assert_eq!(inner_pid(b"Name:\tjava\nNSpid:\t4711\t17\nNSsid:\t1\n"), Some(17));
        assert_eq!(inner_pid(b"Name:\tjava\nPid:\t4711\n"), None);
        assert_eq!(load(b"0.52 0.58 0.59 1/1003 12345\n"), Some(0.52));
        assert_eq!(load(b"NaN"), None);
        assert_eq!(memory_available(b"MemTotal:  100 kB\nMemAvailable:   2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(memory_available(b"MemAvailable: 18446744073709551615 kB\n"), None);
        assert_eq!(rss(b"Name:\t\xff\nVmRSS:\t    2048 kB\n"), Some(2 * 1024 * 1024), "whatever its name");
        assert_eq!(rss(b"State:\tZ (zombie)\n"), None);
        assert_eq!(uptime(b"12345.67 20000.00\n"), Some(12345.67));
    }

    #[test]
    fn growth_is_over_a_minute_and_may_be_negative() {
        let mut growth = Growth::default();
        assert_eq!(growth.sample(0.0, 1000), None);
        assert_eq!(growth.sample(10.0, 2000), Some(100.0));
        assert_eq!(growth.sample(20.0, 2000), Some(50.0));
        for tick in 3..=60 {
            growth.sample(f64::from(tick) * 10.0, 2000);
        }
        assert_eq!(growth.sample(610.0, 2000), Some(0.0), "what was long ago is forgotten");
        let rate = growth.sample(620.0, 500).unwrap_or_default();
        assert!((-26.0..-20.0).contains(&rate), "{rate}");
        assert_eq!(growth.sample(620.0, 500).map(f64::is_finite), Some(true));
        for tick in 0..10_000 {
            growth.sample(620.0 + f64::from(tick) / 1000.0, 500);
        }
        assert!(growth.samples.len() <= Growth::SAMPLES);
    }

    proptest! {
        /// Files of `/proc` with some bytes changed, cut anywhere, or no such file at all.
        #[test]
        fn any_bytes(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            end in any::<prop::sample::Index>(),
            noise in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let files: [&[u8]; 6] = [
                STAT,
                b"Max open files            1024                 524288               files\n",
                b"VmRSS:\t    2048 kB\nNSpid:\t4711\t17\n",
                b"0.52 0.58 0.59 1/1003 12345\n",
                b"MemAvailable:   2048 kB\n",
                b"12345.67 20000.00\n",
            ];
            for mut bytes in files.map(<[u8]>::to_vec).into_iter().chain([noise]) {
                for (at, byte) in &changes {
                    if !bytes.is_empty() {
                        let at = at.index(bytes.len());
                        bytes[at] = *byte;
                    }
                }
                bytes.truncate(end.index(bytes.len() + 1));
                let _ = (stat(&bytes), descriptors_max(&bytes), inner_pid(&bytes));
                let _ = (memory_available(&bytes), rss(&bytes));
                prop_assert!(uptime(&bytes).is_none_or(f64::is_finite));
                prop_assert!(load(&bytes).is_none_or(f64::is_finite));
            }
        }
    }
}
