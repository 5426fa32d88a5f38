//! Scenarios for the core: what comes in, what must go out. A crash is "restore from what was written".
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod in_place;
mod incidents;
mod install;
mod launching;
mod records;
mod recovery;
mod rollout;
mod world;
