//! The scheduler of Kafka on Mesos.
//!
//! A functional core in an imperative shell: [`Scheduler::handle`] decides from state alone, without clock,
//! randomness or IO; `shell` makes it so.

pub mod config;
pub mod event;
