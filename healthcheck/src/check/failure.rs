//! What a look at a broker can find wrong.

use std::time::Duration;

use kafka::{client, topic::TopicName, zookeeper};
use nix::errno::Errno;

use crate::policy::Excuse;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing accepts connections.
    #[error("nothing listens on {address}")]
    Port {
        /// Where.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something does, but does not answer as a broker.
    #[error("the broker does not answer")]
    Kafka(#[source] client::Error),
    /// Its answers did not come in time.
    #[error("{address} did not answer within {} ms", .after.as_millis())]
    Silent {
        /// Who.
        address: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// It answers, but the cluster has not told it yet that it is alive.
    #[error("{address} answers, but does not list broker {broker} among the live ones ({})", listed(.known))]
    NotListed {
        /// Who is missing.
        broker: u32,
        /// Who was asked.
        address: String,
        /// Whom it lists.
        known: Vec<u32>,
    },
    /// Nobody is registered under its id.
    #[error("broker {broker} is not registered in ZooKeeper")]
    NotRegistered {
        /// Its id.
        broker: u32,
    },
    /// Somebody else is.
    #[error("broker {broker} is registered as {found}, not as {expected}")]
    Elsewhere {
        /// Its id.
        broker: u32,
        /// The addresses registered.
        found: String,
        /// The address that should be among them.
        expected: String,
    },
    /// It answers, but does not do what it is there for: append a record, and give it out again.
    #[error("a record cannot be {doing} partition {partition} of {topic}, which the broker leads")]
    Record {
        /// The topic.
        topic: TopicName,
        /// Its partition.
        partition: u32,
        /// `written to` or `read from`.
        doing: &'static str,
        /// What it says.
        source: Box<client::Error>,
    },
    /// A record that was written is not there any more.
    #[error("partition {partition} of {topic} does not give out the record just written at offset {offset}")]
    Lost {
        /// The topic.
        topic: TopicName,
        /// Its partition.
        partition: u32,
        /// Where it was.
        offset: i64,
    },
    /// ZooKeeper did not say, or not in a readable way.
    #[error("ZooKeeper can't be asked")]
    ZooKeeper(#[source] zookeeper::Error),
}

/// In which way a broker fails, causes and places apart: two that fail in the same way may well have one trouble (D29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Connections are refused.
    Closed,
    /// Nothing comes back in time.
    Silent,
    /// What comes back is no use.
    Garbled,
    /// The cluster does not know that it lives.
    Unknown,
    /// Its registration is another's.
    Elsewhere,
    /// Records are not taken or not given.
    Records,
    /// ZooKeeper can't be asked.
    ZooKeeper,
}

impl Failure {
    /// In which way that is a failure.
    pub fn way(&self) -> Way {
        match self {
            // A process that hangs has its queue of connections filled, and then nothing is refused either.
            Self::Port { source, .. } if source.kind() == std::io::ErrorKind::TimedOut => Way::Silent,
            Self::Port { .. } | Self::Kafka(client::Error::Connect { .. }) => Way::Closed,
            Self::Silent { .. } => Way::Silent,
            Self::Kafka(_) => Way::Garbled,
            Self::NotListed { .. } | Self::NotRegistered { .. } => Way::Unknown,
            Self::Elsewhere { .. } => Way::Elsewhere,
            Self::Record { .. } | Self::Lost { .. } => Way::Records,
            Self::ZooKeeper(_) => Way::ZooKeeper,
        }
    }

    /// Why that is not the broker's fault, if so (D29).
    pub fn excuse(&self) -> Option<Excuse> {
        match self {
            Self::ZooKeeper(error) if error.is_away() => Some(Excuse::ZooKeeperAway),
            Self::Port { source, .. }
            | Self::Kafka(client::Error::Connect { source, .. } | client::Error::Io { source, .. })
                if is_ours(source) =>
            {
                Some(Excuse::NoResources)
            }
            _ => None,
        }
    }

    /// Whether the broker itself answers, so that only its place in the cluster is wrong: it can be asked to stop and will.
    pub fn answers(&self) -> bool {
        match self {
            Self::NotListed { .. }
            | Self::NotRegistered { .. }
            | Self::Elsewhere { .. }
            | Self::Record { .. }
            | Self::Lost { .. }
            // A look names what the broker lacks first, so ZooKeeper alone stands for a broker that answered.
            | Self::ZooKeeper(_) => true,
            Self::Port { .. } | Self::Kafka(_) | Self::Silent { .. } => false,
        }
    }

    /// The failure and its causes in one line.
    pub fn reason(&self) -> String {
        let mut reason = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            reason.push_str(": ");
            reason.push_str(&error.to_string().replace('\n', " "));
            source = error.source();
        }
        reason
    }
}

/// Whether the system refused *us* something, rather than the broker.
fn is_ours(error: &std::io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    let ours = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS, Errno::EADDRNOTAVAIL];
    number.is_some_and(|number| ours.contains(&number))
}

fn listed(known: &[u32]) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    known.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn port(source: io::Error) -> Failure {
        Failure::Port { address: "a:1".to_owned(), source }
    }

    /// What this machine lacks is not held against the broker; what the broker refuses is.
    #[test]
    fn our_own_lacks_are_excused() {
        let os = |number: Errno| io::Error::from_raw_os_error(number as i32);
        for lack in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS, Errno::EADDRNOTAVAIL] {
            assert_eq!(port(os(lack)).excuse(), Some(Excuse::NoResources), "{lack}");
            let connect = client::Error::Connect { address: "a:1".to_owned(), source: os(lack) };
            assert_eq!(Failure::Kafka(connect).excuse(), Some(Excuse::NoResources), "{lack}");
        }
        for refusal in [Errno::ECONNREFUSED, Errno::ECONNRESET, Errno::ETIMEDOUT] {
            assert_eq!(port(os(refusal)).excuse(), None, "{refusal}");
        }
        assert_eq!(port(io::ErrorKind::TimedOut.into()).excuse(), None);
    }
}
