//! One look at a broker: is it registered where it should be, does it answer the Kafka protocol, and, where a topic is
//! given for that, does it take a record and give it out again?
//!
//! Each look connects anew: a broker whose acceptor is dead still serves the connections it has, and nobody else. That
//! takes half a millisecond of processor time, in a build that is not optimised (`scripts/bench.sh check`).
//!
//! The texts of failures stay the same while the cause does, so that they can be shown, and sent, only when they change.

#![expect(
    clippy::disallowed_methods,
    reason = "a look has a limit, a time, and tells how long the broker took"
)]

use std::{collections::BTreeMap, fmt, slice, time::Duration};

use kafka::{
    client::{self, Connection, Options, Topics},
    registration::{Endpoint, Registration},
    topic::TopicName,
    zookeeper::{self, LIMIT, ZooKeeper},
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

pub use self::{
    failure::{Failure, Way},
    record::Record,
};
use crate::policy::Outcome;

mod failure;
mod record;

/// Shown in the broker's own logs.
const CLIENT_ID: &str = "kafka-healthcheck";

/// Which broker, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub broker: u32,
    /// Where it is asked (`host:port`): where it listens.
    pub address: String,
    /// What it should be registered as (`host:port`): where clients are sent.
    pub advertised: String,
    /// What its listener speaks (`SASL_SSL`), if that is more than Kafka's protocol over TCP: it is not asked anything
    /// then, only whether it accepts connections.
    pub secured: Option<&'static str>,
}

/// What a healthy broker showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healthy {
    /// Its registration, with the session that owns it.
    pub registration: Registration,
    /// What it answered.
    pub answer: Answer,
    /// How long it took to answer; ZooKeeper's time is not the broker's.
    pub took: Duration,
}

/// What a broker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The live brokers it knows, itself included, and where clients find them.
    pub brokers: BTreeMap<u32, String>,
    /// What its listener speaks, where it was not asked for that.
    pub secured: Option<&'static str>,
    /// What became of a record, where a topic was given to write one to.
    pub record: Option<Record>,
}

impl fmt::Display for Healthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registration, answer, .. } = self;
        let (broker, address) = (registration.broker, registration.endpoint().address());
        if let Some(protocol) = answer.secured {
            let unasked = unasked(protocol);
            return write!(
                f,
                "broker {broker} is registered as {address} and accepts connections; {unasked}"
            );
        }
        let brokers = answer.brokers.len();
        write!(
            f,
            "broker {broker} is registered as {address} and answers; live brokers it knows: {brokers}"
        )?;
        match &answer.record {
            Some(record) => write!(f, "; {record}"),
            None => Ok(()),
        }
    }
}

/// Why a broker whose listener speaks `protocol` is asked nothing.
pub fn unasked(protocol: &str) -> String {
    format!("it is asked nothing, since it speaks {protocol} and no credentials are kept here")
}

/// Whether something accepts connections at `address`.
///
/// # Errors
/// [`Failure::Port`], also when that takes longer than `limit`.
pub async fn port(address: &str, limit: Duration) -> Result<(), Failure> {
    let connected = timeout(limit, TcpStream::connect(address)).await;
    let connected = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    connected.map(drop).map_err(|source| Failure::Port { address: address.to_owned(), source })
}

/// Whether a broker is registered in ZooKeeper as the target says. Takes at most the limit `zookeeper` was made with.
///
/// # Errors
/// Not registered, registered elsewhere, or ZooKeeper did not say.
pub async fn registered(zookeeper: &ZooKeeper, target: &Target) -> Result<Registration, Failure> {
    let broker = target.broker;
    let found = zookeeper.registration(broker).await.map_err(Failure::ZooKeeper)?;
    let registration = found.ok_or(Failure::NotRegistered { broker })?;
    if registration.serves(&target.advertised) {
        return Ok(registration);
    }
    let addresses: Vec<String> = registration.endpoints.iter().map(Endpoint::address).collect();
    let (found, expected) = (addresses.join(", "), target.advertised.clone());
    Err(Failure::Elsewhere { broker, found, expected })
}

/// Whether a broker answers ApiVersions and Metadata, and knows itself to be alive, all within `limit`; with a `topic`
/// also whether it takes a record and gives it out again. Where its listener is secured, whether it accepts connections.
///
/// # Errors
/// No answer, none in time, or one in which it is missing; a record that it does not take.
pub async fn answers(target: &Target, topic: Option<&TopicName>, limit: Duration) -> Result<Answer, Failure> {
    let silent = || Failure::Silent { address: target.address.clone(), after: limit };
    // Each request has a limit of its own too, and may be the first to notice.
    let kafka = |error| match error {
        client::Error::Timeout { .. } => silent(),
        client::Error::Uninformed { address } => {
            Failure::NotListed { broker: target.broker, address, known: Vec::new() }
        }
        other => Failure::Kafka(other),
    };
    let ask = async {
        port(&target.address, limit).await?;
        if target.secured.is_some() {
            return Ok(Answer { brokers: BTreeMap::new(), secured: target.secured, record: None });
        }
        let mut connection =
            Connection::connect(&target.address, &Options::new(CLIENT_ID, limit)).await.map_err(kafka)?;
        let topics = topic.map_or(Topics::None, |topic| Topics::Named(slice::from_ref(topic)));
        let metadata = connection.metadata(topics).await.map_err(kafka)?;
        if !metadata.brokers.contains_key(&target.broker) {
            let known = metadata.brokers.keys().copied().collect();
            return Err(Failure::NotListed { broker: target.broker, address: target.address.clone(), known });
        }
        let record = match topic {
            None => None,
            Some(topic) => Some(record::look(&mut connection, target.broker, topic, &metadata, limit).await?),
        };
        Ok(Answer { brokers: metadata.brokers, secured: None, record })
    };
    timeout(limit, ask).await.map_err(|_| silent())?
}

/// Both at once: registered, and answering. Takes no longer than `limit`, of which ZooKeeper has [`LIMIT`] at most, and
/// that of `zookeeper`.
///
/// # Errors
/// What is wrong; where ZooKeeper is away that is said first, since nothing of the broker's can mend it (D29).
pub async fn run(
    zookeeper: &ZooKeeper,
    target: &Target,
    topic: Option<&TopicName>,
    limit: Duration,
) -> Result<Healthy, Failure> {
    let zookeeper_limit = limit.min(LIMIT);
    let registered = async {
        // Its own limit may be longer than ours.
        let late = || zookeeper::Error::Timeout {
            connect: zookeeper.connection_string().to_owned(),
            doing: "read a registration",
            after: zookeeper_limit,
            source: None,
        };
        let looked = timeout(zookeeper_limit, registered(zookeeper, target)).await;
        looked.unwrap_or_else(|_| Err(Failure::ZooKeeper(late())))
    };
    let began = Instant::now();
    let answered = async {
        let answer = answers(target, topic, limit).await;
        (answer, began.elapsed())
    };
    let (registered, (answer, took)) = tokio::join!(registered, answered);
    match (registered, answer) {
        (Ok(registration), Ok(answer)) => Ok(Healthy { registration, answer, took }),
        (Err(away), _) if away.excuse().is_some() => Err(away),
        // What could not be asked does not hide what ZooKeeper said.
        (Err(failure), Err(unasked)) if unasked.excuse().is_some() => Err(failure),
        (_, Err(failure)) | (Err(failure), _) => Err(failure),
    }
}

/// A look's result as [`crate::policy::Policy::record`] takes it.
pub fn outcome(looked: &Result<Healthy, Failure>) -> Outcome {
    match looked {
        Ok(healthy) => Outcome::Passed { took: healthy.took },
        Err(failure) => Outcome::Failed { reason: failure.reason(), excuse: failure.excuse() },
    }
}
