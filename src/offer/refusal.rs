//! Why an offer does not do.

use std::fmt;

use api::ids::BrokerId;
use mesos::resource::Scalar;

/// Why an offer does not meet a need. `Display` is what operators read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `PLACEMENT_STRATEGY=NODE` and another broker lives there (S-063).
    AgentTaken {
        /// Who lives there.
        by: BrokerId,
    },
    /// Maintenance is scheduled for the agent.
    Maintenance,
    /// Not enough of a scalar in one piece.
    TooLittle {
        /// cpus, mem or disk.
        what: &'static str,
        /// How much is needed.
        wanted: Scalar,
        /// The largest piece offered.
        offered: Scalar,
    },
    /// No MOUNT disk is large enough (S-068).
    NoMountDisk {
        /// The least size.
        wanted: Scalar,
        /// The largest offered.
        largest: Scalar,
    },
    /// The configured port is not among those offered.
    PortTaken {
        /// The port.
        port: u16,
        /// The variable that sets it.
        variable: &'static str,
    },
    /// Fewer than two ports are offered.
    TooFewPorts {
        /// How many are.
        offered: u64,
    },
    /// The broker's data is elsewhere.
    HomeElsewhere {
        /// The agent it was last seen on.
        hostname: String,
    },
    /// The home is there, but part of it is still in use, mostly by the executor before.
    HomeInUse {
        /// What is missing.
        missing: &'static str,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgentTaken { by } => {
                write!(
                    f,
                    "broker {by} lives on this agent, and PLACEMENT_STRATEGY=NODE wants one broker per agent"
                )
            }
            Self::Maintenance => f.write_str("maintenance is scheduled for this agent"),
            Self::TooLittle { what, wanted, offered } => {
                write!(f, "not enough {what}: {wanted} needed, {offered} offered")
            }
            Self::NoMountDisk { wanted, largest } => {
                write!(f, "no MOUNT disk of at least {wanted} MB: the largest offered has {largest}")
            }
            Self::PortTaken { port, variable } => write!(f, "port {port} ({variable}) is not offered"),
            Self::TooFewPorts { offered } => write!(f, "two ports are needed, {offered} offered"),
            Self::HomeElsewhere { hostname } => {
                write!(
                    f,
                    "the broker's data is on agent {hostname}: waiting for an offer with its reservation"
                )
            }
            Self::HomeInUse { missing } => {
                write!(f, "the broker's reserved {missing} is still in use by its previous executor")
            }
        }
    }
}
