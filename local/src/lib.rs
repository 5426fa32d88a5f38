//! An embedded Mesos for laptops and tests: a master and an agent that speak the v1 HTTP API of Apache Mesos 1.11 and
//! run real executor processes, without Mesos installed.
//!
//! - [`agent`]: the pure agent;
//! - [`link`]: what the two halves say to each other;
//! - [`master`]: the pure master;
//! - [`shell`]: sockets, files, processes.
pub mod agent;
pub mod link;
pub mod master;
pub mod shell;
