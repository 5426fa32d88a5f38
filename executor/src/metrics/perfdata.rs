//! HotSpot's performance counters, as it shares them in `/tmp/hsperfdata_<user>/<pid>`: what `jstat` reads.
//!
//! A prologue of 32 bytes and then entries of a name and a value each, in the byte order of the machine. The JVM writes
//! while we read: each 8-byte value is whole, but two of them may be of different moments.

use super::{Gauges, catalog::Metric, delta::Counters};

/// What a JVM says of itself, as far as it is a metric. Which there are depends on the JVM and its collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jvm {
    /// Used of all generations, in bytes.
    pub heap_used: Option<u64>,
    /// Their size now.
    pub heap_committed: Option<u64>,
    /// Used of the old generation.
    pub old_used: Option<u64>,
    /// Used of the metaspace.
    pub metaspace_used: Option<u64>,
    /// Collections that stopped the JVM, of all collectors.
    pub gc_pauses: Option<u64>,
    /// How long, in milliseconds.
    pub gc_pause_ms: Option<u64>,
    /// Collections of the whole heap.
    pub gc_full: Option<u64>,
    /// Time at safepoints, in milliseconds.
    pub safepoint_ms: Option<u64>,
    /// Java threads.
    pub threads: Option<u64>,
    /// Classes loaded and not unloaded.
    pub classes: Option<u64>,
}

impl Jvm {
    /// Into the values.
    pub fn store(&self, gauges: &mut Gauges, counters: &mut Counters) {
        for (metric, value) in [
            (Metric::HeapUsed, self.heap_used),
            (Metric::HeapCommitted, self.heap_committed),
            (Metric::HeapOld, self.old_used),
            (Metric::Metaspace, self.metaspace_used),
            (Metric::JavaThreads, self.threads),
            (Metric::Classes, self.classes),
        ] {
            if let Some(value) = value {
                gauges.set(metric, value as f64);
            }
        }
        for (metric, value) in [
            (Metric::GcPauses, self.gc_pauses),
            (Metric::GcPauseTime, self.gc_pause_ms),
            (Metric::GcFull, self.gc_full),
            (Metric::Safepoints, self.safepoint_ms),
        ] {
            if let Some(value) = value {
                counters.read(metric, value);
            }
        }
    }
}

/// Why bytes are no counters to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The magic number is another one.
    #[error("it is no HotSpot performance data")]
    Foreign,
    /// A major version other than 2.
    #[error("it is performance data of version {0}, and only 2 is known")]
    Version(u8),
    /// The JVM is not that far.
    #[error("the JVM has not made it accessible yet")]
    NotYet,
    /// An entry does not lie within the bytes.
    #[error("it ends early, or an entry points outside")]
    Malformed,
}

const MAGIC: [u8; 4] = [0xca, 0xfe, 0xc0, 0xc0];
const PROLOGUE: usize = 32;
/// Of an entry, before its name.
const HEADER: usize = 20;
/// The type of a 64-bit value.
const LONG: u8 = b'J';

/// Reads the counters.
///
/// # Errors
/// Whatever the bytes are, they are refused or read; nothing panics, and it ends.
pub fn parse(bytes: &[u8]) -> Result<Jvm, Unreadable> {
    if bytes.get(..4) != Some(&MAGIC) {
        return Err(Unreadable::Foreign);
    }
    let prologue = bytes.get(..PROLOGUE).ok_or(Unreadable::Malformed)?;
    let order = if prologue[4] == 0 { Order::Big } else { Order::Little };
    match (prologue[5], prologue[7]) {
        (2, 0) => return Err(Unreadable::NotYet),
        (2, _) => {}
        (other, _) => return Err(Unreadable::Version(other)),
    }
    let (mut at, entries) = (order.int(bytes, 24)?, order.int(bytes, 28)?);
    let mut sums = Sums::default();
    for _ in 0..entries {
        let length = order.int(bytes, at)?;
        // Each entry takes its header at least, so the bytes bound how many there are.
        if length < HEADER {
            return Err(Unreadable::Malformed);
        }
        let end = at.checked_add(length).ok_or(Unreadable::Malformed)?;
        let entry = bytes.get(at..end).ok_or(Unreadable::Malformed)?;
        at = end;
        let (vector, kind) = (order.int(entry, 8)?, entry[12]);
        if vector == 0 && kind == LONG {
            let name = entry.get(order.int(entry, 4)?..).ok_or(Unreadable::Malformed)?;
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            // What is no UTF-8 is none of the names that are looked for.
            if let Ok(name) = std::str::from_utf8(name) {
                sums.add(name, order.long(entry, order.int(entry, 16)?)?);
            }
        }
    }
    Ok(sums.jvm())
}

#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

impl Order {
    /// The `int` there, as a length or an offset.
    fn int(self, bytes: &[u8], at: usize) -> Result<usize, Unreadable> {
        let four = at.checked_add(4).and_then(|end| bytes.get(at..end)?.try_into().ok());
        let four: [u8; 4] = four.ok_or(Unreadable::Malformed)?;
        let int = match self {
            Self::Big => i32::from_be_bytes(four),
            Self::Little => i32::from_le_bytes(four),
        };
        usize::try_from(int).map_err(|_| Unreadable::Malformed)
    }

    fn long(self, bytes: &[u8], at: usize) -> Result<i64, Unreadable> {
        let eight = at.checked_add(8).and_then(|end| bytes.get(at..end)?.try_into().ok());
        let eight: [u8; 8] = eight.ok_or(Unreadable::Malformed)?;
        Ok(match self {
            Self::Big => i64::from_be_bytes(eight),
            Self::Little => i64::from_le_bytes(eight),
        })
    }
}

/// What is added up while the entries go by; times in ticks.
#[derive(Default)]
struct Sums {
    jvm: Jvm,
    pause_ticks: Option<u64>,
    safepoint_ticks: Option<u64>,
    frequency: Option<u64>,
    loaded: Option<u64>,
    unloaded: u64,
}

impl Sums {
    fn add(&mut self, name: &str, value: i64) {
        // A gauge may be below zero for a moment while the JVM resizes a space.
        let value = u64::try_from(value).unwrap_or(0);
        let more = |sum: &mut Option<u64>| *sum = Some(sum.unwrap_or(0).saturating_add(value));
        if let Some(rest) = name.strip_prefix("sun.gc.") {
            match rest.split('.').collect::<Vec<_>>()[..] {
                ["generation", _, "capacity"] => more(&mut self.jvm.heap_committed),
                ["generation", generation, "space", _, "used"] => {
                    more(&mut self.jvm.heap_used);
                    if generation == "1" {
                        more(&mut self.jvm.old_used);
                    }
                }
                ["collector", collector, "invocations"] => {
                    more(&mut self.jvm.gc_pauses);
                    // The second collector is the one of the old generation or of the whole heap, whichever is chosen.
                    if collector == "1" {
                        more(&mut self.jvm.gc_full);
                    }
                }
                ["collector", _, "time"] => more(&mut self.pause_ticks),
                ["metaspace", "used"] => more(&mut self.jvm.metaspace_used),
                _ => {}
            }
            return;
        }
        match name {
            "sun.rt.safepointTime" => more(&mut self.safepoint_ticks),
            "sun.os.hrt.frequency" => more(&mut self.frequency),
            "java.threads.live" => more(&mut self.jvm.threads),
            "java.cls.loadedClasses" | "java.cls.sharedLoadedClasses" => more(&mut self.loaded),
            "java.cls.unloadedClasses" | "java.cls.sharedUnloadedClasses" => {
                self.unloaded = self.unloaded.saturating_add(value);
            }
            _ => {}
        }
    }

    fn jvm(self) -> Jvm {
        let millis = |ticks: Option<u64>| {
            let frequency = self.frequency.filter(|frequency| *frequency > 0)?;
            u64::try_from(u128::from(ticks?) * 1000 / u128::from(frequency)).ok()
        };
        Jvm {
            gc_pause_ms: millis(self.pause_ticks),
            safepoint_ms: millis(self.safepoint_ticks),
            classes: self.loaded.map(|loaded| loaded.saturating_sub(self.unloaded)),
            ..self.jvm
        }
    }
}

/// Which of a JVM's options keeps its counters from us, if one does.
pub fn hidden_by(options: &[String]) -> Option<&str> {
    let hides = |option: &&String| match option.as_str() {
        "-XX:-UsePerfData" | "-XX:+PerfDisableSharedMem" => Some(true),
        "-XX:+UsePerfData" | "-XX:-PerfDisableSharedMem" => Some(false),
        _ => None,
    };
    // Of each option the last one counts.
    ["UsePerfData", "PerfDisableSharedMem"].into_iter().find_map(|name| {
        let last = options.iter().rfind(|option| option.ends_with(name) && hides(option).is_some())?;
        (hides(&last) == Some(true)).then_some(last.as_str())
    })
}

#[cfg(test)]
mod tests;
