//! Why a command did not do what it was asked, in one line that says what to do (4.9).

use api::client;

use crate::{
    address::{Address, Origin},
    args::Mistakes,
};

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It is not known where the scheduler is.
    #[error(
        "no scheduler is known: give --url http://<host>:8080 or set KAFKA_SCHEDULER_URL; on DC/OS, attach with \
         'dcos cluster setup' or set DCOS_URL"
    )]
    NoAddress,
    /// The arguments are not what they must be.
    #[error("{0}; see --help")]
    Usage(Mistakes),
    /// Something on this machine is in the way.
    #[error("{0}")]
    Local(String),
    /// The request brought no answer, or a refusal.
    #[error("{}", request(.error, .address))]
    Request {
        /// What happened.
        error: Box<client::Error>,
        /// Whom was asked.
        address: Box<Address>,
    },
    /// The service is not well.
    #[error("the service is not well: {0}")]
    Unhealthy(String),
    /// A job ended without what it was for.
    #[error("{0}")]
    Job(String),
    /// Of some partitions Kafka did not do what was asked for, or has not yet.
    #[error("{0}")]
    Undone(String),
    /// The plan did not become Complete, or the broker did not come back.
    #[error("{0}")]
    Plan(String),
}

impl Failure {
    pub(crate) fn request(error: client::Error, address: &Address) -> Self {
        Self::Request { error: Box::new(error), address: Box::new(address.clone()) }
    }

    /// 1 refused or failed, 2 wrong usage.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoAddress | Self::Usage(_) => 2,
            Self::Request { error, .. } if matches!(**error, client::Error::Options { .. }) => 2,
            Self::Local(_)
            | Self::Request { .. }
            | Self::Unhealthy(_)
            | Self::Job(_)
            | Self::Undone(_)
            | Self::Plan(_) => 1,
        }
    }
}

fn request(error: &client::Error, address: &Address) -> String {
    use client::Error::{Deadline, Options, Refused, Unexpected, Unreachable, Unreadable};
    let origin = &address.origin;
    match error {
        Options { .. } => format!("{error} (from {origin})"),
        Unreachable { .. } | Deadline { .. } => {
            format!("{error}; the address comes from {origin}: {}", advice(origin))
        }
        Refused { code, request_id, .. } => format!("{error} ({code}, request {request_id})"),
        Unexpected { status: 401 | 403, .. } => {
            format!("{error}; log in with 'dcos auth login', or give --token-file")
        }
        Unexpected { .. } | Unreadable { .. } => {
            format!("{error}; the address comes from {origin}: {}", advice(origin))
        }
    }
}

fn advice(origin: &Origin) -> &'static str {
    match origin {
        Origin::Flag | Origin::Variable => "is the scheduler's REST API (PORT1, 8080 by default) there?",
        Origin::DcosVariable | Origin::DcosConfig => {
            "is a service of that name installed and running? --name chooses another"
        }
    }
}
