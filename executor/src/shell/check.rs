//! Checking a broker's health, from its start until nobody listens (S-081 to S-086, D17, D29, D30).

use std::{sync::Arc, time::Duration};

use healthcheck::{
    check::{self, Failure, Healthy, Record},
    peers,
    policy::{Excuse, Outcome, Policy, Timing, Verdict},
};
use kafka::topic::TopicName;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};
use tracing::{info, warn};

use super::{
    admin::{Check, View},
    broker::Broker,
    foreign::{self, Surroundings},
};
use crate::{
    health::{self, Foreign},
    supervisor::Event,
};

/// Where results go: what counts to the supervisor, everything to the admin endpoint.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) view: watch::Sender<View>,
}

/// One check's result.
struct Finding {
    verdict: Verdict,
    /// What it saw, for operators.
    message: String,
    failures: u32,
    took: Duration,
    /// What of that the broker took, if it passed.
    answered: Option<Duration>,
    /// Whether SIGTERM will hardly reach the broker.
    silent: bool,
}

impl Report {
    /// `false` once nobody listens.
    async fn tell(&self, finding: Finding, logged: &mut String) -> bool {
        let Finding { verdict, message, failures, took, answered, silent } = finding;
        self.view.send_modify(|view| {
            view.checked(Check::new(verdict.clone(), message.clone(), failures, took), answered);
        });
        let event = match verdict {
            // Shown, not told (D17, D29).
            Verdict::Uncounted { .. } => {
                if *logged != message {
                    info!("{message}");
                    *logged = message;
                }
                return true;
            }
            Verdict::Unhealthy { .. } => Event::Unhealthy { reason: message, silent },
            counted => Event::Checked { healthy: counted == Verdict::Healthy, message },
        };
        self.events.send(event).await.is_ok()
    }
}

/// Checks as `check` says; dropped when the broker is to be left alone.
pub(super) async fn run(check: health::Check, broker: Arc<Broker>, around: Surroundings, report: Report) {
    match check {
        health::Check::Own { timing, topic } => own(broker, timing, parsed(topic), report).await,
        health::Check::Foreign { timing, what } => foreign(what, timing, around, report).await,
    }
}

/// Our own check. Until the broker serves for the first time, a failed one does not count while it gets on (D29): a start
/// that recovers its logs takes as long as it takes, and one killed for it begins anew.
async fn own(broker: Arc<Broker>, timing: Timing, topic: Option<TopicName>, report: Report) {
    let started = Instant::now();
    let mut policy = Policy::new(timing, Duration::ZERO);
    let mut moves = 0;
    let mut logged = String::new();
    while let Some(due) = policy.next_check() {
        sleep_until(started + due).await;
        let began = started.elapsed();
        let (looked, peers) = look(&broker, topic.as_ref(), &timing, policy.decides(began)).await;
        let progress = broker.gets_on(&mut moves);
        let outcome = excused(check::outcome(&looked), progress, &looked, &peers);
        let ended = started.elapsed();
        let verdict = policy.record(began, ended, outcome);
        let message = match &looked {
            // Passed, unless it took too long.
            Ok(healthy) if verdict == Verdict::Healthy => healthy.to_string(),
            _ => verdict.to_string(),
        };
        if let Ok(Healthy { answer, .. }) = &looked {
            broker.know(&answer.brokers);
            if let Some(Record::NoTopic { topic }) = &answer.record {
                broker.create(topic, answer.brokers.len()).await;
            }
        }
        let silent = matches!(&looked, Err(failure) if !failure.answers());
        let answered = looked.as_ref().ok().map(|healthy| healthy.took);
        let (failures, took) = (policy.failures(), ended - began);
        let finding = Finding { verdict, message, failures, took, answered, silent };
        if !report.tell(finding, &mut logged).await {
            return;
        }
    }
}

/// How long a check that decides goes on before the peers are looked at too: a broker that is well has answered by then.
const PEERS_AFTER: Duration = Duration::from_millis(500);

/// One look; if it decides, and the broker fails or lets us wait, its peers are looked at meanwhile (D29), so that a
/// broker that hangs is not left alone for longer.
async fn look(
    broker: &Broker,
    topic: Option<&TopicName>,
    timing: &Timing,
    decides: bool,
) -> (Result<Healthy, Failure>, Vec<peers::Looked>) {
    let limit = timing.timeout;
    let own = check::run(broker.zookeeper(), broker.target(), topic, limit);
    if !decides {
        return (own.await, Vec::new());
    }
    let mut own = std::pin::pin!(own);
    let known = broker.known();
    let mut others = std::pin::pin!(peers::look(broker.zookeeper(), broker.target(), &known, limit));
    let early = tokio::select! {
        looked = &mut own => Some(looked),
        () = sleep(PEERS_AFTER.min(limit / 4)) => None,
    };
    match early {
        Some(Ok(healthy)) => (Ok(healthy), Vec::new()),
        // Excused already: nobody else need be asked.
        Some(Err(failure)) if failure.excuse().is_some() => (Err(failure), Vec::new()),
        Some(Err(failure)) => {
            let peers = others.await;
            (Err(failure), peers)
        }
        None => {
            let mut peers = None;
            let looked = loop {
                tokio::select! {
                    looked = &mut own => break looked,
                    found = &mut others, if peers.is_none() => peers = Some(found),
                }
            };
            match (looked, peers) {
                (Ok(healthy), _) => (Ok(healthy), Vec::new()),
                (Err(failure), Some(peers)) => (Err(failure), peers),
                (Err(failure), None) => (Err(failure), others.await),
            }
        }
    }
}

/// A look's outcome with the excuse it has: ZooKeeper's absence is the best, then that the broker starts and gets on.
fn excused(
    outcome: Outcome,
    progress: Option<String>,
    looked: &Result<Healthy, Failure>,
    peers: &[peers::Looked],
) -> Outcome {
    let Outcome::Failed { reason, excuse: None } = outcome else { return outcome };
    let alike = || looked.as_ref().err().and_then(|failure| peers::excuse(failure, peers));
    let excuse = progress.map(Excuse::Progress).or_else(alike);
    Outcome::Failed { reason, excuse }
}

/// A check that is not ours, by Mesos' rules (D30).
async fn foreign(what: Foreign, timing: Timing, around: Surroundings, report: Report) {
    let started = Instant::now();
    let mut policy = Policy::mesos(timing, Duration::ZERO);
    let mut logged = String::new();
    while let Some(due) = policy.next_check() {
        sleep_until(started + due).await;
        let began = started.elapsed();
        let looked = foreign::look(&what, &around, timing.timeout).await;
        let ended = started.elapsed();
        let outcome = match looked {
            Ok(()) => Outcome::Passed { took: ended - began },
            Err(reason) => Outcome::Failed { reason, excuse: None },
        };
        let verdict = policy.record(began, ended, outcome);
        let message = match &verdict {
            Verdict::Healthy => "the task's health check passes".to_owned(),
            other => other.to_string(),
        };
        let (failures, took) = (policy.failures(), ended - began);
        let answered = (verdict == Verdict::Healthy).then_some(took);
        let finding = Finding { verdict, message, failures, took, answered, silent: false };
        if !report.tell(finding, &mut logged).await {
            return;
        }
    }
}

/// The topic of a contract, if it can be one.
fn parsed(name: Option<String>) -> Option<TopicName> {
    let parsed = name?.parse();
    parsed.inspect_err(|error| warn!(%error, "no record is written by health checks")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use api::launch::{LaunchContract, Metadata};
    use tokio::task::JoinSet;

    use super::*;
    use crate::contract::tests::good;

    /// D29: without ZooKeeper nothing counts for ten minutes and more, though nothing listens either.
    #[tokio::test(start_paused = true)]
    async fn ten_minutes_without_zookeeper_end_nobody() {
        // Nobody listens on this port.
        let metadata = Metadata::ZooKeeper { connect: "127.0.0.1:1/kafka".to_owned() };
        let contract = LaunchContract { metadata, port: 1, ..good() };
        let broker = Arc::new(Broker::new(&contract).unwrap());
        let (events, mut received) = mpsc::channel(1);
        let (view, mut shown) = watch::channel(View::default());
        let report = Report { events, view };
        let _checking = JoinSet::from_iter([own(broker, Timing::default(), None, report)]);
        // Every 10 s, each with 5 s of waiting for ZooKeeper. Beside a busy machine's slow answers, the paused clock may run
        // ahead: as many checks as there are in that time, and no less time.
        let began = Instant::now();
        while shown.borrow_and_update().checks.failed < 30 || began.elapsed() < Duration::from_secs(25 + 600)
        {
            tokio::select! {
                told = received.recv() => panic!("{told:?}"),
                changed = shown.changed() => changed.unwrap(),
            }
        }
        let view = shown.borrow().clone();
        assert_eq!(view.checks.passed, 0);
        assert_eq!(view.failures(), 0);
        let check = format!("{:?}", view.check);
        assert!(check.contains("ZooKeeperAway"), "{check}");
    }
}
