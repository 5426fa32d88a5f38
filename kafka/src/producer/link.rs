//! One leader's connection: takes batches, gives answers, each in its order.

use std::{sync::Arc, time::Duration};

use kafka_protocol::messages::TopicName as WireName;
use tokio::{sync::mpsc, time::timeout};

use super::{
    batch::{Identity, Stamp, Template},
    ledger::{Batch, WINDOW},
};
use crate::{
    client::{Connection, Error, Receiver},
    error::KafkaError,
};

/// What a link says.
#[derive(Debug)]
pub(crate) enum Event {
    /// A leader answered.
    Answer { leader: u32, batch: Batch, error: Option<KafkaError> },
    /// The connection is gone; it is the last that this link says.
    Lost { leader: u32, error: Error },
}

/// What all links of a test share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) topic: WireName,
    pub(crate) template: Template,
    pub(crate) producer: Identity,
    /// When the test's time began, in milliseconds since 1970.
    pub(crate) began: i64,
}

/// Serves `batches` until their sender is dropped. `limit`: how long an answer may take.
pub(crate) async fn serve(
    leader: u32,
    connect: impl Future<Output = Result<Connection, Error>>,
    limit: Duration,
    shared: Arc<Shared>,
    batches: mpsc::Receiver<Batch>,
    events: mpsc::Sender<Event>,
) {
    if let Err(error) = pass(leader, connect, limit, &shared, batches, &events).await {
        // Nobody listens any more once the test is over.
        let _ = events.send(Event::Lost { leader, error }).await;
    }
}

async fn pass(
    leader: u32,
    connect: impl Future<Output = Result<Connection, Error>>,
    limit: Duration,
    shared: &Shared,
    mut batches: mpsc::Receiver<Batch>,
    events: &mpsc::Sender<Event>,
) -> Result<(), Error> {
    let (mut sender, receiver) = connect.await?.pipeline()?;
    // Holds as many as may be unanswered, so its sender never waits.
    let (sent, to_be_answered) = mpsc::channel(WINDOW);
    let write = async move {
        while let Some(batch) = batches.recv().await {
            let stamp = Stamp {
                producer: shared.producer,
                sequence: batch.sequence,
                records: batch.records,
                created: shared.began + i64::try_from(batch.created.as_millis()).unwrap_or(0),
            };
            let (head, records) = shared.template.stamped(stamp);
            if sent.send(batch).await.is_err() {
                break;
            }
            sender.send(&shared.topic, batch.partition, &head, &records).await?;
        }
        Ok(())
    };
    tokio::try_join!(write, answers(leader, receiver, limit, to_be_answered, events)).map(|((), ())| ())
}

async fn answers(
    leader: u32,
    mut receiver: Receiver,
    limit: Duration,
    mut to_be_answered: mpsc::Receiver<Batch>,
    events: &mpsc::Sender<Event>,
) -> Result<(), Error> {
    while let Some(batch) = to_be_answered.recv().await {
        let answer = timeout(limit, receiver.receive()).await;
        let error = answer.map_err(|_| receiver.late(limit))??;
        if events.send(Event::Answer { leader, batch, error }).await.is_err() {
            break;
        }
    }
    Ok(())
}
