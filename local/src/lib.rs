//! An embedded Mesos for laptops and tests: a master and an agent that speak the v1 HTTP API of Apache Mesos 1.11 and
//! run real executor processes, without Mesos installed.
//!
//! - [`link`]: what the two halves say to each other;
//! - [`shell`]: sockets, files, processes.
pub mod link;
pub mod shell;
