//! A seeded simulation: the real scheduler core against the embedded Mesos's pure master and agents, in virtual time.
//!
//! One `u64` fixes everything: how many agents and brokers there are, every delay, every fault. Calls are lost, updates
//! come twice and out of order, streams and links break, master, agents, executors and the scheduler itself die and
//! come back, the store fails, the configuration changes on the way. The scheduler also dies between its commit and its
//! calls, and midway through them. Then the faults stop, and the cluster must complete its plan. The invariants of the
//! crate's documentation are checked after each step ([`invariant`]).
//!
//! A failure prints its seed, the invariant and the last events. To see all of them:
//!
//! ```text
//! SIMULATION_SEED=42 cargo test --test simulation replay -- --nocapture
//! ```
//!
//! `SIMULATION_SEEDS=100000` makes the run longer. Seeds that once failed are kept in `seeds.txt` and run first.
#![allow(clippy::disallowed_methods, reason = "a test is told things by its environment")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a test has no users")]

mod chance;
mod disk;
mod invariant;
mod kafka_truth;
mod node;
mod planted;
mod process;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use planted::Planted;
use world::{Outcome, World};

/// Seeds of an ordinary run.
const SEEDS: u64 = 1000;

/// Seeds that once found something.
const KEPT: &str = include_str!("seeds.txt");

fn run(seed: u64, planted: Option<Planted>) -> Outcome {
    let mut world = World::new(seed, planted);
    match catch_unwind(AssertUnwindSafe(|| world.run())) {
        Ok(outcome) => outcome,
        Err(panic) => {
            let words = panic
                .downcast_ref::<String>()
                .cloned()
                .unwrap_or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string).unwrap_or_default());
            world.outcome(Some(format!("panic: {words}")))
        }
    }
}

fn seeds() -> u64 {
    std::env::var("SIMULATION_SEEDS")
        .ok()
        .map_or(SEEDS, |text| text.parse().expect("SIMULATION_SEEDS is a number"))
}

/// Runs seeds on both of CI's cores; answers the failures.
fn run_all(seeds: Vec<u64>) -> Vec<Outcome> {
    let (left, right) = seeds.split_at(seeds.len() / 2);
    thread::scope(|scope| {
        let halves = [left, right].map(|half| {
            scope.spawn(move || {
                half.iter().map(|seed| run(*seed, None)).filter(|o| o.violation.is_some()).collect::<Vec<_>>()
            })
        });
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    })
}

#[test]
fn invariants_hold_for_every_seed() {
    let kept = KEPT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim().parse().ok());
    let failures = run_all(kept.chain(0..seeds()).collect());
    for failure in failures.iter().take(3) {
        eprintln!("{failure}");
    }
    assert!(
        failures.is_empty(),
        "{} seeds failed: {:?}",
        failures.len(),
        failures.iter().map(|f| f.seed).collect::<Vec<_>>()
    );
}

/// One seed with all its events: the one asked for, or the first kept, whose failure was once replayed so.
#[test]
fn replay() {
    let seed = std::env::var("SIMULATION_SEED").unwrap_or_else(|_| {
        KEPT.lines().find(|line| !line.starts_with('#')).expect("a kept seed").trim().to_owned()
    });
    let planted = std::env::var("SIMULATION_PLANTED").ok().map(|name| Planted::named(&name));
    let mut world = World::new(seed.parse().expect("SIMULATION_SEED is a number"), planted);
    world.print = true;
    let outcome = world.run();
    eprintln!("{outcome}");
    assert!(outcome.violation.is_none());
}

/// The same seed, the same run: otherwise no failure could be replayed.
#[test]
fn a_seed_fixes_everything() {
    for seed in [3, 14] {
        assert_eq!(run(seed, None).trace, run(seed, None).trace);
    }
}

/// The checker is itself checked: each planted fault is found, by the invariant that names it.
#[test]
fn planted_faults_are_found() {
    for planted in Planted::ALL {
        let found = (0..300).find_map(|seed| run(seed, Some(planted)).violation.map(|found| (seed, found)));
        let (seed, violation) = found.unwrap_or_else(|| panic!("{planted:?} was not found in 300 seeds"));
        eprintln!("{planted:?}: seed {seed}: {violation}");
        assert!(
            planted.invariants().iter().any(|name| violation.starts_with(name)),
            "{planted:?} was found, but as {violation}"
        );
    }
}
