//! Is this broker healthy?
//!
//! - [`check`]: one look at it: registered in ZooKeeper, and answering the Kafka protocol;
//! - [`policy`]: when to look, and what a row of looks amounts to (S-081 to S-086); pure.
//!
//! The executor uses both in its own process; `kafka-healthcheck` is one look from a shell. What to do about an
//! unhealthy broker is decided elsewhere.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends at the first surprise"))]

pub mod check;
pub mod policy;
