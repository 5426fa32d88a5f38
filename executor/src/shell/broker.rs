//! The broker seen from outside: is its id free, does it serve, and, once dead, is its registration gone.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use api::launch::{LaunchContract, Metadata, Protocol};
use healthcheck::{
    check::{self, Failure, Target},
    policy::Excuse,
};
use kafka::{
    client::{CreateError, Options},
    cluster::{Cluster, CreateTopicError},
    registration::{Owner, Registration},
    topic::{NewTopic, TopicName},
    zookeeper::{CONTROLLER, Deleted, InvalidConnect, ZooKeeper, registration_path},
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tracing::{info, warn};

use super::{admin::View, progress::Progress};
use crate::{
    properties::bracketed,
    supervisor::{Event, Registered},
};

/// How long our own ZooKeeper session believes in a server that fell silent.
const OUR_SESSION: Duration = Duration::from_secs(10);
/// Between two readiness probes (D18: several times a second).
const PROBE_EVERY: Duration = Duration::from_millis(200);
/// Longest a probe waits for the broker.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// How often the session of a broker that serves is looked up: it changes when ZooKeeper was away for long.
const SESSION_EVERY: Duration = Duration::from_secs(5);

/// Between two attempts to create the topic of the health checks, and the longest one takes.
const CREATE_EVERY: Duration = Duration::from_secs(60);
const CREATE_LIMIT: Duration = Duration::from_secs(5);
/// What says how many replicas the service's topics have (D28).
const REPLICATION: &str = "offsets.topic.replication.factor";
/// The settings of the topic of the health checks: what was written an hour ago is of no use, and what brokers compress we
/// cannot read.
const HEALTH_TOPIC: [(&str, &str); 5] = [
    ("cleanup.policy", "delete"),
    ("compression.type", "uncompressed"),
    ("retention.ms", "3600000"),
    ("segment.bytes", "1048576"),
    ("segment.ms", "3600000"),
];

/// One broker's outside.
#[derive(Debug)]
pub(super) struct Broker {
    target: Target,
    zookeeper: ZooKeeper,
    /// How many replicas a topic of the service's own has (D28).
    replication: u16,
    /// How its start gets on, until it serves.
    start: Mutex<Option<Progress>>,
    known: Mutex<BTreeMap<u32, String>>,
    create_tried: Mutex<Option<Instant>>,
}

impl Broker {
    /// # Errors
    /// A `connect` that is no connection string; a checked contract has none.
    pub(super) fn new(contract: &LaunchContract) -> Result<Self, InvalidConnect> {
        let Metadata::ZooKeeper { connect } = &contract.metadata;
        let address = |host: &str| format!("{}:{}", bracketed(host), contract.port);
        let target = Target {
            broker: contract.broker.0,
            address: address(&reachable(&contract.listen_address)),
            advertised: address(&contract.advertised_host),
            secured: secured(contract),
        };
        let set = contract.layers.iter().rev().find_map(|layer| layer.properties.get(REPLICATION));
        Ok(Self {
            target,
            zookeeper: ZooKeeper::new(connect, OUR_SESSION)?,
            replication: set.and_then(|value| value.trim().parse().ok()).unwrap_or(1),
            start: Mutex::new(None),
            known: Mutex::new(BTreeMap::new()),
            create_tried: Mutex::new(None),
        })
    }

    /// Whether something accepts connections where the broker is to listen.
    async fn is_taken(&self) -> bool {
        let connected = timeout(PROBE_LIMIT, TcpStream::connect(&self.target.address)).await;
        // A port of the ephemeral range may be given to our own socket, which then reaches itself.
        let other = |socket: &TcpStream| socket.local_addr().ok() != socket.peer_addr().ok();
        connected.is_ok_and(|connected| connected.is_ok_and(|socket| other(&socket)))
    }

    /// Who is registered under the id now, or has its port.
    pub(super) async fn look(&self) -> Registered {
        match self.zookeeper.registration(self.target.broker).await {
            Ok(None) if self.is_taken().await => {
                Registered::Listening { address: self.target.address.clone() }
            }
            Ok(None) => Registered::Nobody,
            Ok(Some(found)) => Registered::Other {
                owner: format!("{} (session {})", found.endpoint().address(), found.owner),
            },
            Err(error) if error.is_away() => Registered::Unknown { why: self.away() },
            Err(error) => Registered::Unknown { why: chain(&error) },
        }
    }

    /// Probes until the broker serves, then follows its session; sends events until dropped. `forked`: when the JVM was,
    /// since 1970. While it starts, `progress` says how far it is, here and to the health check.
    pub(super) async fn probe(
        self: Arc<Self>,
        forked: Duration,
        progress: Progress,
        events: mpsc::Sender<Event>,
        view: watch::Sender<View>,
    ) {
        let mut session = None;
        let mut serves = false;
        *lock(&self.start) = Some(progress);
        loop {
            let far = self.look_at_start().1;
            view.send_if_modified(|view| {
                let changed = view.progress != far;
                view.progress.clone_from(&far);
                changed
            });
            let registered = check::registered(&self.zookeeper, &self.target).await;
            if let Ok(found) = &registered
                && session != Some(found.owner)
            {
                session = Some(found.owner);
                if !is_younger(found, forked) {
                    warn!(session = %found.owner, "this registration is older than our JVM: another's");
                } else if events.send(Event::Session(found.owner.0)).await.is_err() {
                    return;
                }
            }
            if !serves {
                let answers = match registered {
                    Ok(_) => check::answers(&self.target, None, PROBE_LIMIT).await,
                    Err(missing) => Err(missing),
                };
                serves = answers.is_ok();
                let result =
                    answers.map(drop).map_err(|missing| far.unwrap_or_else(|| self.missing(&missing)));
                if serves {
                    *lock(&self.start) = None;
                }
                if events.send(Event::Ready(result)).await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(if serves { SESSION_EVERY } else { PROBE_EVERY }).await;
        }
    }

    /// What a broker that starts still lacks, in words that stay the same while it does: each change is an update.
    fn missing(&self, failure: &Failure) -> String {
        let what =
            if failure.excuse() == Some(Excuse::ZooKeeperAway) { self.away() } else { failure.reason() };
        format!("not serving yet: {what}")
    }

    fn away(&self) -> String {
        format!("no answer from {}", self.zookeeper.connection_string())
    }

    /// Creates the topic of the health checks, if there are brokers enough for its replicas, and not too often: each of
    /// the brokers tries, and whoever comes second finds it there. One that was deleted comes again.
    pub(super) async fn create(&self, topic: &TopicName, live: usize) {
        let now = Instant::now();
        let tried = lock(&self.create_tried).is_some_and(|tried| now < tried + CREATE_EVERY);
        if tried || live < usize::from(self.replication) {
            return;
        }
        *lock(&self.create_tried) = Some(now);
        let bootstrap = vec![self.target.address.clone()];
        let cluster = Cluster::new(bootstrap, Options::new("kafka-executor", CREATE_LIMIT));
        let configs = HEALTH_TOPIC.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let partitions = u32::try_from(live).ok();
        let new = NewTopic { partitions, configs, ..NewTopic::new(topic.clone()) };
        match cluster.create_topic(&new).await {
            Ok(created) => {
                info!(%topic, created.partitions, created.replication, "created for health checks")
            }
            Err(CreateTopicError::Create(CreateError::AlreadyExists { .. })) => {}
            Err(error) => warn!(%topic, error = chain(&error), "the topic for health checks is not created"),
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn zookeeper(&self) -> &ZooKeeper {
        &self.zookeeper
    }

    /// Looks at what is new of a start that is not over, for the probe and the health check, whichever comes first: how
    /// often it has got on (D29), and how far it is (D18). `None`: it is over.
    fn look_at_start(&self) -> (Option<u64>, Option<String>) {
        match &mut *lock(&self.start) {
            Some(start) => {
                let (moves, text) = start.look(start.since());
                (Some(moves), text)
            }
            None => (None, None),
        }
    }

    /// For a health check: what the start gets on with, if it has since `moves`, which is brought up to date.
    pub(super) fn gets_on(&self, moves: &mut u64) -> Option<String> {
        let (now, text) = self.look_at_start();
        let now = now?;
        let moved = std::mem::replace(moves, now) != now;
        moved.then(|| text.unwrap_or_else(|| "it starts, and its log grows".to_owned()))
    }

    /// The brokers that it listed when it last answered.
    pub(super) fn known(&self) -> BTreeMap<u32, String> {
        lock(&self.known).clone()
    }

    pub(super) fn know(&self, brokers: &BTreeMap<u32, String>) {
        lock(&self.known).clone_from(brokers);
    }

    /// Deletes what the dead broker's `session` still holds (D38): the controller's node too, so that both elections
    /// begin at once rather than when ZooKeeper misses the session.
    pub(super) async fn forget(self: Arc<Self>, session: i64) {
        let owner = Owner(session);
        let own = registration_path(self.target.broker);
        let (registration, controller) = tokio::join!(
            self.zookeeper.delete_if_owner(&own, owner),
            self.zookeeper.delete_if_owner(CONTROLLER, owner)
        );
        for (path, result) in [(own.as_str(), registration), (CONTROLLER, controller)] {
            match result {
                Ok(Deleted::Yes) => {
                    info!(path, session = %owner, "deleted what the dead broker left in ZooKeeper")
                }
                Ok(Deleted::Absent | Deleted::OwnedBy(_)) => {}
                Err(error) => {
                    warn!(path, error = chain(&error), "cannot delete; it goes when the session ends");
                }
            }
        }
    }
}

/// Whether a registration is from after the fork of our JVM, so that it can be our JVM's own: what is older belongs to
/// another process under the same address, and its session must not be taken for one that died with our JVM (D38). A
/// broker writes the time of this machine into it; the clock set back meanwhile only makes us wait for ZooKeeper.
fn is_younger(registration: &Registration, forked: Duration) -> bool {
    registration.since.is_some_and(|since| u128::from(since) >= forked.as_millis())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the listener speaks, if it is more than an executor can.
pub(super) fn secured(contract: &LaunchContract) -> Option<&'static str> {
    Some(contract.protocol).filter(|protocol| protocol.tls() || protocol.sasl()).map(Protocol::as_str)
}

/// An address to connect to for one that is listened on.
pub(super) fn reachable(listen: &str) -> String {
    match listen.parse::<IpAddr>() {
        Ok(IpAddr::V4(any)) if any.is_unspecified() => "127.0.0.1".to_owned(),
        Ok(IpAddr::V6(any)) if any.is_unspecified() => "::1".to_owned(),
        _ => listen.to_owned(),
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    // D38
    #[test]
    fn only_a_registration_from_after_the_fork_is_our_jvm_s() {
        let at = |since| Registration { broker: 1, endpoints: Vec::new(), since, owner: Owner(7) };
        let forked = Duration::from_micros(5_000_900);
        assert!(!is_younger(&at(Some(4_999)), forked));
        assert!(is_younger(&at(Some(5_000)), forked), "the same millisecond");
        assert!(is_younger(&at(Some(9_000)), forked));
        assert!(!is_younger(&at(None), forked), "nobody knows");
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        for (listen, expect) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "::1"),
            ("10.0.0.5", "10.0.0.5"),
            ("broker.example", "broker.example"),
        ] {
            assert_eq!(reachable(listen), expect);
        }
    }
}
