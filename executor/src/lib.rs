//! Supervises one Kafka broker JVM on a Mesos agent.
//!
//! The pure part decides:
//! - [`supervisor`]: events in, effects out: when to prepare, start, probe, signal, report and leave;
//! - [`contract`]: is this launch contract one that can be carried out;
//! - [`artifact`]: what was fetched into the sandbox, by its marks;
//! - [`diagnosis`]: evidence → what ended the JVM, and its incident;
//! - [`properties`]: contract → `server.properties`;
//! - [`command`]: contract and artifacts → the JVM's argv and environment;
//! - [`archive`]: which class-data archive fits it, and how one is made;
//! - [`health`]: which health check a task gets; [`http`]: what its answers say;
//! - [`recovery`]: Kafka's log lines → how far the loading of its logs has come;
//! - [`metrics`]: what is measured, and how it is told.
//!
//! [`shell`] acts: agent, processes, probes, admin endpoint.

pub mod archive;
pub mod artifact;
pub mod command;
pub mod contract;
pub mod diagnosis;
pub mod health;
pub mod http;
pub mod metrics;
pub mod properties;
pub mod recovery;
pub mod shell;
pub mod supervisor;
