//! The master as a table of inputs and outputs, with a stub for an agent.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod agents;
mod offers;
mod operations;
mod subscriptions;
mod tasks;
mod world;
