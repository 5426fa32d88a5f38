//! All chance of a run: delays, and how often what goes wrong.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

/// The source of chance, and this run's rates.
pub struct Chance {
    pub rng: StdRng,
    pub rates: Rates,
}

/// Probabilities in thousandths: per event where nothing else is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// A call to Mesos gets no answer.
    pub call_lost: u32,
    /// An update is delivered twice.
    pub update_twice: u32,
    /// An update is held back behind later ones of other tasks.
    pub update_late: u32,
    /// An agent's link breaks in the middle of a launch.
    pub cut_at_launch: u32,
    /// A task's start fails.
    pub start_fails: u32,
    /// A restart in place is refused.
    pub restart_refused: u32,
    /// A MESSAGE gets lost, without a trace.
    pub message_lost: u32,
    /// A MESSAGE arrives twice, the second time late.
    pub message_twice: u32,
    /// Per executor: it is of a version that knows no restarts in place.
    pub deaf: u32,
    /// The scheduler dies before it commits.
    pub crash_before_commit: u32,
    /// The scheduler dies between commit and calls.
    pub crash_after_commit: u32,
    /// The scheduler dies after one of its calls.
    pub crash_midway: u32,
    /// A commit fails.
    pub store_fails: u32,
    /// Kafka does not answer.
    pub kafka_silent: u32,
    /// Per second: something bigger happens.
    pub disaster: u32,
}

impl Chance {
    /// Chance of a seed, with rates of its own: some runs are calm in one respect and wild in another.
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut rate = |most: u32| if rng.random_bool(0.5) { rng.random_range(0..=most) } else { 0 };
        let rates = Rates {
            call_lost: rate(100),
            update_twice: rate(200),
            update_late: rate(200),
            cut_at_launch: rate(300),
            start_fails: rate(200),
            restart_refused: rate(200),
            message_lost: rate(500),
            message_twice: rate(300),
            deaf: rate(300),
            crash_before_commit: rate(20),
            crash_after_commit: rate(40),
            crash_midway: rate(40),
            store_fails: rate(10),
            kafka_silent: rate(300),
            disaster: rate(120),
        };
        Self { rng, rates }
    }

    /// Whether something of this rate happens.
    pub fn happens(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.rng.random_range(0..1000) < thousandths
    }

    /// A number of milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> u64 {
        self.rng.random_range(from..=to)
    }

    /// One of `count`.
    pub fn pick(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count)
    }

    /// A seed for somebody else's chance.
    pub fn seed(&mut self) -> u64 {
        self.rng.next_u64()
    }
}
