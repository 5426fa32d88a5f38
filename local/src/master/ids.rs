//! Ids the master makes, from a seed, so that a run can be repeated.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use uuid::{Builder, Uuid};

/// Makes the ids of one master run.
#[derive(Debug)]
pub(crate) struct Ids {
    random: StdRng,
    master: String,
    frameworks: u64,
    offers: u64,
    agents: u64,
}

impl Ids {
    /// Ids of a new run. The same seed gives the same ids in the same order.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let master = uuid(&mut random).to_string();
        Self { random, master, frameworks: 0, offers: 0, agents: 0 }
    }

    /// The id of this run of the master.
    pub(crate) fn master(&self) -> &str {
        &self.master
    }

    /// `<master id>-0000`, `-0001`, …
    pub(crate) fn framework(&mut self) -> String {
        let id = format!("{}-{:04}", self.master, self.frameworks);
        self.frameworks += 1;
        id
    }

    /// `<master id>-O0`, `-O1`, …
    pub(crate) fn offer(&mut self) -> String {
        let id = format!("{}-O{}", self.master, self.offers);
        self.offers += 1;
        id
    }

    /// `<master id>-S0`, `-S1`, …
    pub(crate) fn agent(&mut self) -> String {
        let id = format!("{}-S{}", self.master, self.agents);
        self.agents += 1;
        id
    }

    /// A random uuid, as 16 bytes: the internal id of an operation.
    pub(crate) fn uuid(&mut self) -> Vec<u8> {
        uuid(&mut self.random).as_bytes().to_vec()
    }
}

fn uuid(random: &mut StdRng) -> Uuid {
    Builder::from_random_bytes(random.random()).into_uuid()
}
