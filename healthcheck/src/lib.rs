//! Is this broker healthy?
//!
//! - [`check`]: one look at it: registered in ZooKeeper, answering the Kafka protocol, taking and giving a record;
//! - [`peers`]: whether others fail in the same way (D29);
//! - [`policy`]: when to look, and what a row of looks amounts to (S-081 to S-086); pure.
//!
//! The executor uses both in its own process; `kafka-healthcheck` is one look from a shell. What to do about an
//! unhealthy broker is decided elsewhere.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends at the first surprise"))]

pub mod check;
pub mod peers;
pub mod policy;
