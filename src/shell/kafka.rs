//! Asks Kafka for snapshots while the core wants them: often while a step waits for one, seldom otherwise.

use std::time::Duration;

use kafka::{
    client::{Options, security::Security},
    cluster::Cluster,
    snapshot::Snapshot,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Clock, Input, log};
use crate::{KafkaQuestion, event::Event};

/// Between two snapshots while a step waits.
const URGENT: Duration = Duration::from_secs(1);
/// Between two snapshots otherwise; a few of Kafka's metadata requests are nothing to it, and the answer feeds the
/// health of the service (D19).
const IDLE: Duration = Duration::from_secs(10);
/// Between two snapshots at least, however often the question changes. A deploy waits for this after each broker.
const SPACING: Duration = Duration::from_millis(100);
/// For one request to one broker.
const REQUEST: Duration = Duration::from_secs(3);
/// For a whole snapshot, every broker tried.
const SNAPSHOT: Duration = Duration::from_secs(10);

/// Sends an [`Event::Kafka`] per question asked, until stopped. Nothing is asked twice at a time; when the loop is slow,
/// this waits.
pub(crate) async fn poll(
    mut question: watch::Receiver<Option<KafkaQuestion>>,
    inputs: mpsc::Sender<Input>,
    clock: Clock,
    security: Security,
    stop: CancellationToken,
) {
    let options = Options::new("kafka-scheduler", REQUEST).secured(security);
    let _ = stop.run_until_cancelled(ask_forever(&mut question, &inputs, clock, &options)).await;
}

async fn ask_forever(
    question: &mut watch::Receiver<Option<KafkaQuestion>>,
    inputs: &mpsc::Sender<Input>,
    clock: Clock,
    options: &Options,
) {
    loop {
        // An error means that the loop has ended, and this with it.
        let Ok(asked) = question.wait_for(Option::is_some).await.map(|question| question.clone()) else {
            return;
        };
        let Some(KafkaQuestion { bootstrap, urgent }) = asked else { continue };
        question.mark_unchanged();
        let answer = snapshot(bootstrap, clock, options).await;
        if inputs.send(Input::Event(Event::Kafka(answer))).await.is_err() {
            return;
        }
        let pause = if urgent { URGENT } else { IDLE };
        // A new question, such as one that became urgent, is not left waiting.
        let changed = tokio::time::timeout(pause, question.changed()).await;
        if changed.is_ok() {
            tokio::time::sleep(SPACING).await;
        }
    }
}

async fn snapshot(bootstrap: Vec<String>, clock: Clock, options: &Options) -> Result<Snapshot, String> {
    let cluster = Cluster::new(bootstrap, options.clone());
    match tokio::time::timeout(SNAPSHOT, cluster.snapshot(clock.now().0)).await {
        Ok(Ok(snapshot)) => Ok(snapshot),
        Ok(Err(error)) => Err(log::chain(&error)),
        Err(_) => Err(format!("no answer within {} s", SNAPSHOT.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use tokio::{task::JoinSet, time::timeout};

    use super::*;

    /// Nothing listens there.
    fn question(urgent: bool) -> Option<KafkaQuestion> {
        Some(KafkaQuestion { bootstrap: vec!["127.0.0.1:1".to_owned()], urgent })
    }

    #[tokio::test(start_paused = true)]
    async fn asks_only_when_wanted_and_more_often_when_urgent() {
        let (ask, asked) = watch::channel(None);
        let (inputs, mut received) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(poll(asked, inputs, Clock::start(), Security::default(), stop.clone()));

        assert!(timeout(Duration::from_secs(60), received.recv()).await.is_err(), "nobody asks");

        ask.send(question(false)).unwrap();
        let first = timeout(SNAPSHOT, received.recv()).await.unwrap().unwrap();
        assert!(matches!(first, Input::Event(Event::Kafka(Err(_)))), "and what fails is told");
        let start = tokio::time::Instant::now();
        received.recv().await.unwrap();
        assert!(start.elapsed() >= IDLE);

        // Becoming urgent does not wait for the long pause to end.
        let start = tokio::time::Instant::now();
        ask.send(question(true)).unwrap();
        for _ in 0..3 {
            received.recv().await.unwrap();
        }
        assert!(start.elapsed() < IDLE, "{:?}", start.elapsed());

        ask.send(None).unwrap();
        while timeout(Duration::from_secs(30), received.recv()).await.is_ok() {}
        stop.cancel();
        timeout(Duration::from_secs(1), tasks.join_next()).await.unwrap();
    }
}
