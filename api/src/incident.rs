//! An incident: what is known of one end of a broker's JVM (D45).
//!
//! It goes two ways: whole by MESSAGE, and, when the task ends with it, short in the `data` of the terminal update. An
//! incident that is short by itself is whole there. Every executor also keeps the whole one in its sandbox.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{BrokerId, TaskId};

/// Longest incident in a MESSAGE, in bytes of JSON.
pub const WHOLE_LIMIT: usize = 128 * 1024;
/// Longest incident in `TaskStatus.data`.
pub const SHORT_LIMIT: usize = 4 * 1024;

/// Name of the file in the sandbox that holds the whole incident.
pub fn file_name(id: Uuid) -> String {
    format!("incident-{id}.json")
}

/// One end of a JVM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Incident {
    /// By what it was asked to end, if it was.
    #[serde(default)]
    pub asked: Option<String>,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Whose JVM it was.
    #[serde(with = "crate::rest::broker::text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "0"))]
    pub broker: BrokerId,
    /// What ended it.
    pub cause: Cause,
    /// The configuration it ran.
    #[serde(default)]
    pub config_id: Option<Uuid>,
    /// What HotSpot wrote about its crash.
    #[serde(default)]
    pub crash: Option<CrashFile>,
    /// The disks it wrote to.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// How it ended.
    pub end: End,
    /// The restart generation it ran.
    #[serde(default)]
    pub generation: u64,
    /// Its own id.
    pub id: Uuid,
    /// Its memory cgroup, where it could be read.
    #[serde(default)]
    pub memory: Option<Memory>,
    /// Its last lines on stderr, without the executor's own.
    #[serde(default)]
    pub stderr: Vec<String>,
    /// Its last lines on stdout, Kafka's log. What looks like a secret is hidden.
    #[serde(default)]
    pub stdout: Vec<String>,
    /// Cause and circumstances in one line, with what to do about it.
    pub summary: String,
    /// In which task.
    pub task: TaskId,
    /// How long it ran, in milliseconds.
    pub uptime_ms: u64,
    /// Whether nothing was left out to make it short.
    pub whole: bool,
}

/// Exit code or signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It exited with this code.
    Code(i32),
    /// It was ended by this signal.
    Signal(i32),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "code {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
        }
    }
}

/// A memory cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Memory {
    /// What it may use, in bytes; `None`: no limit.
    pub limit: Option<u64>,
    /// How many of its processes the kernel killed for want of memory in the last seconds of this JVM.
    pub oom_kills: u64,
}

/// A disk at the JVM's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Disk {
    /// Free for the broker, in bytes.
    pub free: u64,
    /// Which: the volume's name, or `.` for the sandbox.
    pub path: String,
    /// In all, in bytes.
    pub total: u64,
}

/// What HotSpot wrote about its crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CrashFile {
    /// How it begins: signal, program counter, problematic frame.
    pub head: Vec<String>,
    /// The file in the sandbox.
    pub name: String,
}

impl Incident {
    /// The longest form that fits into `limit` bytes of JSON: lines go, the oldest first, until it does.
    pub fn within(mut self, limit: usize) -> Self {
        while self.size() > limit {
            self.whole = false;
            if !self.shorten() {
                break;
            }
        }
        self
    }

    /// Length of its JSON.
    pub fn size(&self) -> usize {
        // A map with text keys is always JSON.
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }

    /// Leaves a part out; says whether there was one.
    fn shorten(&mut self) -> bool {
        let halve = |lines: &mut Vec<String>| lines.drain(..lines.len().div_ceil(2)).count() > 0;
        if self.stdout.len() + self.stderr.len() > 0 {
            // Kafka's log is the longer story; what the JVM itself says on stderr is short and to the point.
            return if self.stdout.len() >= self.stderr.len() {
                halve(&mut self.stdout)
            } else {
                halve(&mut self.stderr)
            };
        }
        if let Some(crash) = &mut self.crash
            && !crash.head.is_empty()
        {
            // Its beginning counts.
            crash.head.truncate(crash.head.len() / 2);
            return true;
        }
        for text in [Some(&mut self.summary), self.asked.as_mut()].into_iter().flatten() {
            if text.len() > 1000 {
                let half = text.char_indices().map(|(at, _)| at).find(|at| *at >= text.len() / 2);
                text.truncate(half.unwrap_or(0));
                text.push('…');
                return true;
            }
        }
        false
    }
}

/// Declares the causes once: variant, name on the wire, meaning.
macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $cause:ident = $name:literal,)+) => {
        /// What ends a JVM. Closed; a name that a reader does not know is [`Cause::Unexplained`] to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $($(#[doc = $doc])+ $cause,)+
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &[Self] = &[$(Self::$cause),+];

            /// The cause on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$cause => $name),+ }
            }
        }
    };
}

causes! {
    /// Somebody asked for it: a KILL, a restart, a shutdown.
    Asked = "asked",
    /// The health check gave the broker up.
    HealthCheck = "health_check",
    /// The heap is full.
    HeapOutOfMemory = "heap_out_of_memory",
    /// No direct buffer could be had.
    DirectMemory = "direct_memory",
    /// No room for classes.
    Metaspace = "metaspace",
    /// No new thread could be had.
    Threads = "threads",
    /// The kernel killed it for want of memory.
    KernelOutOfMemory = "kernel_out_of_memory",
    /// The system refused memory to the JVM.
    NativeMemory = "native_memory",
    /// The heap does not fit into the memory there is.
    HeapTooLarge = "heap_too_large",
    /// Somebody sent SIGKILL.
    Killed = "killed",
    /// Another signal that nobody asked for.
    Signal = "signal",
    /// The JVM itself crashed.
    JvmCrash = "jvm_crash",
    /// A disk is full.
    DiskFull = "disk_full",
    /// All of the broker's log directories failed, for another reason.
    DiskFailed = "disk_failed",
    /// Somebody else has the port.
    PortInUse = "port_in_use",
    /// Kafka refuses a property.
    BadProperty = "bad_property",
    /// A class that must be there is missing.
    MissingClass = "missing_class",
    /// The Java cannot run anything.
    JavaUnusable = "java_unusable",
    /// The Java is too old for this Kafka.
    JavaTooOld = "java_too_old",
    /// The JVM refuses an option.
    BadJvmOption = "bad_jvm_option",
    /// The data belongs to another cluster.
    OtherCluster = "other_cluster",
    /// The data belongs to another broker.
    OtherBroker = "other_broker",
    /// Another process has the data directory.
    DataLocked = "data_locked",
    /// ZooKeeper could not be reached at the start.
    ZooKeeper = "zookeeper",
    /// Another broker is registered under the id.
    IdTaken = "id_taken",
    /// Kafka says why, but nothing of the above.
    FatalError = "fatal_error",
    /// It left no reason.
    Unexplained = "unexplained",
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Cause {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|cause| cause.as_str() == text);
        Ok(known.copied().unwrap_or(Self::Unexplained))
    }
}

impl Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
