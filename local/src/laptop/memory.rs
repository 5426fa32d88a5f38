//! The memory that brokers reserve: fixed from the first start on, since a broker that is placed keeps its reservation and
//! the scheduler refuses another BROKER_MEM (S-046). A heap may change as far as that memory allows.

use serde::{Deserialize, Serialize};

use super::{
    environment::{BESIDE_HEAP_MB, Configured, Environment},
    settings::Settings,
};

/// A broker's memory at the first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// BROKER_MEM, in MiB.
    pub mem_mb: u32,
    /// BROKER_HEAP_MB then, in MiB: the user may have wanted less beside it than we would.
    pub heap_mb: u32,
}

/// What the user says of a name: `configure` before the environment; nothing is the same as an empty text.
fn said<'a>(inherited: &'a Environment, configured: &'a Configured, name: &str) -> Option<&'a str> {
    let changed = configured.iter().find(|(changed, _)| *changed == name);
    let said = changed.map_or_else(|| inherited.get(name).map(String::as_str), |(_, value)| value);
    said.filter(|text| !text.is_empty())
}

/// The heap that is wanted now; `None` where it is no number, which the scheduler refuses.
fn heap(configured: &Configured, settings: &Settings) -> Option<u32> {
    match said(&Environment::new(), configured, "BROKER_HEAP_MB") {
        Some(heap) => heap.parse().ok(),
        None => Some(settings.heap_mb),
    }
}

impl Memory {
    /// What a first start fixes; `None` if the scheduler will refuse it.
    pub fn first(inherited: &Environment, configured: &Configured, settings: &Settings) -> Option<Self> {
        let heap_mb = heap(configured, settings)?;
        let mem_mb = match said(inherited, configured, "BROKER_MEM") {
            Some(mem) => mem.parse().ok()?,
            None => heap_mb.saturating_add(BESIDE_HEAP_MB),
        };
        Some(Self { mem_mb, heap_mb })
    }

    /// The largest heap that fits, in MiB.
    pub fn largest_heap(self) -> u32 {
        self.mem_mb.saturating_sub(BESIDE_HEAP_MB).max(self.heap_mb)
    }
}

/// Why the wanted heap cannot be had with the data that is there. Whoever gives BROKER_MEM as well answers for both.
pub fn problem(inherited: &Environment, configured: &Configured, settings: &Settings) -> Option<String> {
    let kept = settings.memory?;
    let heap = heap(configured, settings)?;
    let largest = kept.largest_heap();
    (heap > largest && said(inherited, configured, "BROKER_MEM").is_none()).then(|| {
        format!(
            "a heap of {heap} MiB (--heap or BROKER_HEAP_MB) does not fit: the brokers keep the BROKER_MEM of their first start, \
             {} MiB, which allows a heap of up to {largest} MiB; use that, or forget the data with --fresh",
            kept.mem_mb
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use clap::Parser;

    use super::*;
    use crate::laptop::args::Cli;

    fn shell(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn changes(pairs: &[&str]) -> Configured {
        Configured::parse(&pairs.iter().map(|pair| (*pair).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn settings(line: &str, inherited: &Environment, before: Option<Settings>) -> Settings {
        let up = Cli::parse_from(std::iter::once("kafka-local").chain(line.split_whitespace())).up;
        let mut settings = Settings::resolve(&up, inherited, before).unwrap();
        let none = Configured::default();
        settings.memory = settings.memory.or_else(|| Memory::first(inherited, &none, &settings));
        settings
    }

    // D47, S-046: what brokers have reserved is kept from start to start, and the heap it allows is said.
    #[test]
    fn a_heap_must_fit_the_first_memory() {
        let (none, nothing) = (Environment::new(), Configured::default());
        let first = settings("--heap 400", &none, None);
        assert_eq!(first.memory, Some(Memory { mem_mb: 592, heap_mb: 400 }));
        assert_eq!(problem(&none, &nothing, &first), None);

        let less = settings("--heap 300", &none, Some(first.clone()));
        assert_eq!((less.heap_mb, less.memory), (300, first.memory));
        assert_eq!(problem(&none, &nothing, &less), None);

        let more = settings("--heap 401", &none, Some(first.clone()));
        let said = problem(&none, &nothing, &more).unwrap();
        assert!(said.contains("a heap of 401 MiB") && said.contains("592 MiB"), "{said}");
        assert!(said.contains("up to 400 MiB") && said.contains("--fresh"), "{said}");
        assert!(problem(&none, &changes(&["BROKER_HEAP_MB=512"]), &first).is_some());
        assert_eq!(problem(&none, &changes(&["BROKER_HEAP_MB=many"]), &first), None, "the scheduler says so");
        // Then the scheduler judges, in the guide's words.
        assert_eq!(problem(&none, &changes(&["BROKER_HEAP_MB=512", "BROKER_MEM=900"]), &first), None);
    }

    #[test]
    fn a_memory_of_the_users_own_is_kept_too() {
        let own = shell(&[("BROKER_MEM", "512"), ("BROKER_HEAP_MB", "500")]);
        let first = settings("", &own, None);
        assert_eq!(first.memory, Some(Memory { mem_mb: 512, heap_mb: 500 }));
        let (none, nothing) = (Environment::new(), Configured::default());
        assert_eq!(problem(&none, &nothing, &settings("", &none, Some(first))), None);
    }
}
