//! When to check, and what a row of results amounts to. Pure: times come in as durations since some fixed moment, from
//! a clock that never goes back.
//!
//! ```text
//! start ── delay (S-082) ──► first check ── grace (S-085): failures are shown, not counted ──► failures count
//!                                 └── interval (S-083) from the end of one check to the start of the next
//! ```
//!
//! A success ends a row of failures, and so does an excuse that says something of the broker's world: a broker that gets
//! on does not hang, and one that lost ZooKeeper, or whatever its peers lost too, with all that waits for it inside, has
//! to come back from there first, so failures before and after are of two troubles and no row. A check that learnt nothing, or was in the grace, neither
//! adds to the row nor ends it. Whether a check falls into the grace is decided by its start: one begun in it may end after it.

use std::{fmt, time::Duration};

/// The settings S-081 to S-086, with the guide's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Whether to check at all (S-081).
    pub enabled: bool,
    /// Before the first check (S-082).
    pub delay: Duration,
    /// Between two checks (S-083).
    pub interval: Duration,
    /// A check longer than this has failed (S-084).
    pub timeout: Duration,
    /// After the delay, for this long, failures do not count (S-085).
    pub grace: Duration,
    /// So many in a row and the broker must go (S-086). 0 is taken for 1.
    pub max_failures: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            enabled: true,
            delay: Duration::from_secs(15),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(20),
            grace: Duration::from_secs(10),
            max_failures: 3,
        }
    }
}

impl Timing {
    /// `grace_period_seconds` as Mesos counts it: from the launch on (D17).
    pub fn grace_from_launch(&self) -> Duration {
        self.delay + self.grace
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker is well.
    Passed {
        /// How long it took to say so.
        took: Duration,
    },
    /// It is not.
    Failed {
        /// What is wrong.
        reason: String,
        /// Why that may not be the broker's fault, if so.
        excuse: Option<Excuse>,
    },
}

/// Why a failure is not held against the broker (D29).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// It gets on with something long; what, for the operator: `log recovery 41 %`.
    Progress(String),
    /// ZooKeeper does not answer: no restart of the broker mends that.
    ZooKeeperAway,
    /// The peers asked at the same time fail in the same way: a restart of this one mends nothing. Who they are.
    PeersFailToo(Vec<u32>),
    /// The check itself lacked what it needs of this machine: nothing was learnt of the broker.
    NoResources,
}

/// Why a failure did not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uncounted {
    /// The check began in the grace period (S-085, D17).
    Grace,
    /// It is excused (D29).
    Excused(Excuse),
}

/// What the results so far amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The last check passed.
    Healthy,
    /// The last check failed, but that does not count: to be shown, not to be reported as `healthy=false` (D17).
    Uncounted {
        /// What was found.
        reason: String,
        /// Why it does not count.
        why: Uncounted,
    },
    /// The last check failed, and fewer than [`Timing::max_failures`] have in a row.
    Failing {
        /// What was found.
        reason: String,
        /// How many in a row.
        failures: u32,
        /// How many are too many.
        max: u32,
    },
    /// Too many in a row: the broker's process must end (S-086).
    Unhealthy {
        /// What was found last.
        reason: String,
        /// How many in a row.
        failures: u32,
    },
}

impl Verdict {
    /// What Mesos is told as `healthy`; `None`: nothing (D17).
    pub fn healthy(&self) -> Option<bool> {
        match self {
            Self::Healthy => Some(true),
            Self::Uncounted { .. } => None,
            Self::Failing { .. } | Self::Unhealthy { .. } => Some(false),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.write_str("healthy"),
            Self::Uncounted { reason, why } => write!(f, "not healthy, not counted ({why}): {reason}"),
            Self::Failing { reason, failures, max } => {
                write!(f, "not healthy, {failures} of {max} failures in a row: {reason}")
            }
            Self::Unhealthy { reason, failures } => {
                write!(f, "unhealthy after {failures} failures in a row: {reason}")
            }
        }
    }
}

impl fmt::Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grace => f.write_str("grace period"),
            Self::Excused(Excuse::Progress(what)) => f.write_str(what),
            Self::Excused(Excuse::ZooKeeperAway) => f.write_str("ZooKeeper is away"),
            Self::Excused(Excuse::PeersFailToo(peers)) => {
                let peers: Vec<_> = peers.iter().map(u32::to_string).collect();
                let noun = if peers.len() == 1 { "broker" } else { "brokers" };
                write!(f, "{noun} {}, asked too, fail in the same way", peers.join(" and "))
            }
            Self::Excused(Excuse::NoResources) => {
                f.write_str("the check lacks descriptors, memory or ports of this machine")
            }
        }
    }
}

/// Whose rules a row of checks follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    /// S-085, D17: a check that begins in the grace period does not count, whatever was before.
    Ours,
    /// Those of Mesos' own health checker: a failure known within the grace period is passed over until the first
    /// success.
    Mesos,
}

/// The checks of one broker from one start of it to the next.
#[derive(Clone, Debug)]
pub struct Policy {
    timing: Timing,
    started: Duration,
    next: Duration,
    failures: u32,
    rules: Rules,
    /// Whether a check has passed, ever.
    passed: bool,
}

impl Policy {
    /// For a broker started at `started`.
    pub fn new(timing: Timing, started: Duration) -> Self {
        let next = started + timing.delay;
        Self { timing, started, next, failures: 0, rules: Rules::Ours, passed: false }
    }

    /// The same by the rules of Mesos' own health checker, for a check that is not ours (D30).
    pub fn mesos(timing: Timing, started: Duration) -> Self {
        Self { rules: Rules::Mesos, ..Self::new(timing, started) }
    }

    /// How many failures in a row there are.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether a check that begins at `began` is the last one if it fails.
    pub fn decides(&self, began: Duration) -> bool {
        self.failures.saturating_add(1) >= self.timing.max_failures.max(1) && !self.in_grace(began, began)
    }

    fn in_grace(&self, began: Duration, ended: Duration) -> bool {
        let grace = self.started + self.timing.grace_from_launch();
        match self.rules {
            Rules::Ours => began < grace,
            Rules::Mesos => !self.passed && ended <= grace,
        }
    }

    /// When the next check is due; `None` where checks are switched off (S-081).
    pub fn next_check(&self) -> Option<Duration> {
        self.timing.enabled.then_some(self.next)
    }

    /// Takes the result of a check that ran from `began` to `ended`.
    pub fn record(&mut self, began: Duration, ended: Duration, outcome: Outcome) -> Verdict {
        self.next = ended + self.timing.interval;
        let (reason, excuse) = match self.judged(outcome) {
            Outcome::Passed { .. } => {
                self.failures = 0;
                self.passed = true;
                return Verdict::Healthy;
            }
            Outcome::Failed { reason, excuse } => (reason, excuse),
        };
        if self.in_grace(began, ended) {
            return Verdict::Uncounted { reason, why: Uncounted::Grace };
        }
        if let Some(excuse) = excuse {
            match excuse {
                Excuse::Progress(_) | Excuse::ZooKeeperAway | Excuse::PeersFailToo(_) => self.failures = 0,
                Excuse::NoResources => {}
            }
            return Verdict::Uncounted { reason, why: Uncounted::Excused(excuse) };
        }
        self.failures = self.failures.saturating_add(1);
        let (failures, max) = (self.failures, self.timing.max_failures.max(1));
        if failures < max {
            Verdict::Failing { reason, failures, max }
        } else {
            Verdict::Unhealthy { reason, failures }
        }
    }

    /// S-084: an answer too late is a failure, whatever it says. What else a check waited for is not the broker's delay.
    fn judged(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Passed { took } if took > self.timing.timeout => Outcome::Failed {
                reason: format!(
                    "the broker took {:.1} s to answer, {} s are allowed",
                    took.as_secs_f64(),
                    self.timing.timeout.as_secs_f64()
                ),
                excuse: None,
            },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
