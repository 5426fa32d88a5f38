//! What can go wrong while asking ZooKeeper.

use std::time::Duration;

/// A question without an answer of use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer in time; the ensemble is away, or too slow.
    #[error("ZooKeeper at {connect} did not let us {doing} within {} ms", .after.as_millis())]
    Timeout {
        /// The ensemble.
        connect: String,
        /// What was asked.
        doing: &'static str,
        /// How long it was waited for.
        after: Duration,
        /// What went wrong last, if anything but time.
        source: Option<zookeeper_client::Error>,
    },
    /// ZooKeeper answered with an error.
    #[error("ZooKeeper at {connect} refused to let us {doing}")]
    Failed {
        /// The ensemble.
        connect: String,
        /// What was asked.
        doing: &'static str,
        /// Its error.
        source: zookeeper_client::Error,
    },
    /// A node holds something else than Kafka writes there.
    #[error("{path} in ZooKeeper can't be read")]
    Malformed {
        /// The node.
        path: String,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Whether ZooKeeper itself is away, rather than its content wrong (D29).
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }
}

/// A text that is no ZooKeeper connection string, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{connect:?} is not of the form host:port[,host:port…][/chroot]: {}", .reasons.join("; "))]
pub struct InvalidConnect {
    /// The text.
    pub connect: String,
    /// Everything wrong with it.
    pub reasons: Vec<String>,
}
