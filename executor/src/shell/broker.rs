//! The broker seen from outside: is its id free, does it serve, and, once dead, is its registration gone.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use api::launch::{LaunchContract, Metadata};
use healthcheck::{
    check::{self, Failure, Target},
    policy::{Excuse, Outcome, Policy, Timing, Verdict},
};
use kafka::{
    registration::{Owner, Registration},
    zookeeper::{CONTROLLER, Deleted, InvalidConnect, ZooKeeper, registration_path},
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tracing::{info, warn};

use super::{
    admin::{Check, View},
    tail::{Growth, Mark},
};
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

/// One broker's outside.
#[derive(Debug)]
pub(super) struct Broker {
    target: Target,
    zookeeper: ZooKeeper,
    /// Whether the probe has found it serving, ever.
    served: AtomicBool,
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
        };
        Ok(Self { target, zookeeper: ZooKeeper::new(connect, OUR_SESSION)?, served: AtomicBool::new(false) })
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
    /// since 1970.
    pub(super) async fn probe(self: Arc<Self>, forked: Duration, events: mpsc::Sender<Event>) {
        let mut session = None;
        let mut serves = false;
        loop {
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
                    Ok(_) => check::metadata(&self.target, PROBE_LIMIT).await,
                    Err(missing) => Err(missing),
                };
                serves = answers.is_ok();
                self.served.store(serves, Ordering::Relaxed);
                let result = answers.map(drop).map_err(|missing| self.missing(&missing));
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

    /// Checks the broker's health as `timing` says (S-081 to S-086, D17), from its start now until dropped.
    /// `mark`: where its log began. Until it serves for the first time, a failed check does not count while that log
    /// grows (D29): a start that recovers its logs takes as long as it takes, and one killed for it begins anew.
    pub(super) async fn check(
        self: Arc<Self>,
        timing: Timing,
        mark: Mark,
        events: mpsc::Sender<Event>,
        view: watch::Sender<View>,
    ) {
        let started = Instant::now();
        let mut policy = Policy::new(timing, Duration::ZERO);
        let mut growth = Growth::since(mark);
        let mut logged = String::new();
        while let Some(due) = policy.next_check() {
            tokio::time::sleep_until(started + due).await;
            let began = started.elapsed();
            let looked = check::run(&self.zookeeper, &self.target, timing.timeout).await;
            let gets_on = growth.asked() && !self.served.load(Ordering::Relaxed);
            let outcome = excused(check::outcome(&looked), gets_on);
            let verdict = policy.record(began, started.elapsed(), outcome);
            let shown = Check { verdict: verdict.clone() };
            let took = looked.as_ref().ok().map(|healthy| healthy.took);
            view.send_modify(|view| view.checked(shown, took));
            let message = match &looked {
                Ok(healthy) => healthy.to_string(),
                Err(_) => verdict.to_string(),
            };
            let event = match verdict {
                // Shown, not told (D17, D29).
                Verdict::Uncounted { .. } => {
                    if logged != message {
                        info!("{message}");
                        logged = message;
                    }
                    continue;
                }
                Verdict::Unhealthy { .. } => {
                    let silent = matches!(&looked, Err(failure) if !failure.answers());
                    Event::Unhealthy { reason: message, silent }
                }
                counted => Event::Checked { healthy: counted == Verdict::Healthy, message },
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
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

/// A look's outcome, excused if the broker starts and `gets_on` with it; ZooKeeper's absence is the better excuse.
fn excused(outcome: Outcome, gets_on: bool) -> Outcome {
    match outcome {
        Outcome::Failed { reason, excuse: None } if gets_on => {
            let excuse = Some(Excuse::Progress("it starts, and its log grows".to_owned()));
            Outcome::Failed { reason, excuse }
        }
        other => other,
    }
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
