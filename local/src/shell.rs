//! Everything of the embedded Mesos that touches the world: sockets, files, processes, the clock and chance.
//!
//! ```text
//! client ──HTTP──> shell::master ──Input──> master::Master ──Output──> streams, links, registry file
//!                        ^ │
//!                 ToMaster │ ToAgent          shell::door: where an agent finds the master
//!                        │ v
//! executor ─HTTP─> shell::agent ──> agent::Agent ──> processes, files, streams
//! ```
//!
//! Both halves end in one of two ways: killed, which drops sockets and memory at once, says nothing, and leaves only
//! what is on disk; or stopped in order. Each returns from its start once its HTTP endpoint answers.
#![expect(
    clippy::disallowed_methods,
    reason = "the shell has the clock, chance and tasks; master and agent have none of them"
)]

pub mod agent;
pub mod clock;
pub mod control;
pub mod door;
pub mod http;
pub mod listener;
pub mod machine;
pub mod master;

/// What becomes of running executors when the agent half is stopped in an orderly way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executors {
    /// SHUTDOWN to each, then the end of its whole process tree after its grace period, at most this long.
    End {
        /// Upper bound over each executor's own grace period.
        within: std::time::Duration,
    },
    /// They live on and find the next agent started on the same work directory.
    Leave,
}
