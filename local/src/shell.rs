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
//! # What the two halves owe each other and [`crate::Mesos`]
//! - Both take their listener's address from the options, a cancellation token for "SIGKILL" (drop sockets and memory,
//!   say nothing, keep only what is on disk) and are started and stopped by [`crate::mesos`].
//! - The agent half is `shell::agent::start(options: agent::Options, door: door::MasterDoor) -> Result<shell::agent::Running>`,
//!   where `Running` has `addr() -> SocketAddr`, `async kill(self)` (as SIGKILL: executors live on),
//!   `async unregister(self)` (orderly leave: says [`crate::link::ToMaster::Unregister`], ends its executors, returns
//!   when they are gone) and `async stop(self, executors: Executors)` (SIGTERM: see [`Executors`]).
//! - `start` returns once the agent's HTTP endpoint answers; registration goes on in the background.

pub mod clock;
pub mod door;
pub mod http;
pub mod listener;
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
