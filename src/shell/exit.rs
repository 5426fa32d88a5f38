//! How the process ends: one named code for each thing an operator, or Marathon's log, must tell apart.

use std::process::ExitCode;

/// Every way to end, with its exit code. README lists the same table; a test holds it against this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Told to stop (SIGTERM, SIGINT); brokers live on.
    Stopped,
    /// Arguments that make no sense; clap ends the process itself with this code.
    Usage,
    /// The configuration is invalid; every mistake is on stderr.
    Configuration,
    /// An address of the REST API cannot be bound.
    Listen,
    /// The stored state cannot be read, or another scheduler holds it.
    State,
    /// A commit failed: what is durable is unknown, so a fresh start from the store is the only safe way on.
    Commit,
    /// Mesos refuses this framework for good.
    Refused,
    /// A part of the scheduler that must not end has ended: a bug.
    Internal,
}

impl Exit {
    /// All of them, for the table in README.
    pub const ALL: [Exit; 8] = [
        Exit::Stopped,
        Exit::Internal,
        Exit::Usage,
        Exit::Configuration,
        Exit::Listen,
        Exit::State,
        Exit::Commit,
        Exit::Refused,
    ];

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Stopped => 0,
            Exit::Internal => 1,
            Exit::Usage => 2,
            Exit::Configuration => 3,
            Exit::Listen => 4,
            Exit::State => 5,
            Exit::Commit => 6,
            Exit::Refused => 7,
        }
    }

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Stopped => "told to stop; brokers live on",
            Exit::Internal => "a bug: a part of the scheduler ended by itself",
            Exit::Usage => "wrong arguments",
            Exit::Configuration => "the configuration is invalid",
            Exit::Listen => "an address of the REST API cannot be bound",
            Exit::State => "the state cannot be read, or another scheduler holds it",
            Exit::Commit => "a commit failed; start again",
            Exit::Refused => "Mesos refuses this framework for good",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_order() {
        for (index, exit) in Exit::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(exit.code()), index);
        }
    }
}
