//! An embedded Mesos for laptops and tests: a master and an agent that speak the v1 HTTP API of Apache Mesos 1.11 and
//! run real executor processes, without Mesos installed.
//!
//! - [`Mesos`]: all of it in this process, to be killed and started by halves;
//! - [`agent`]: the pure agent;
//! - [`laptop`]: the laptop cluster around it;
//! - [`link`]: what the two halves say to each other;
//! - [`master`]: the pure master;
//! - [`shell`]: sockets, files, processes.
pub mod agent;
pub mod duration;
pub mod embedded;
pub mod laptop;
pub mod link;
pub mod master;
pub mod shell;

pub use embedded::{Mesos, Options, StartError};
