//! End to end: real ZooKeeper, real Kafka brokers, the embedded Mesos, and our own programs as a user starts them.
//!
//! Nothing is skipped: a program or a Kafka distribution that is missing fails the test with the command to run. Each test
//! starts its own cluster on free ports in a directory of its own, and ends it however the test ends. They run one after
//! the other, since each has three JVMs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and it is all effects")]

mod administered;
mod bench;
#[path = "../../kafka/tests/real/certificates.rs"]
mod certificates;
mod cluster;
mod eventually;
mod guide;
mod install;
mod journal;
mod laptop;
mod preflight;
mod proof;
mod secured;
mod topics;
