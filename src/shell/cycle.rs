//! One turn of the loop, and its order: handle, commit, calls, view, replies: whoever was answered sees what was done.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use api::message::ToScheduler;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{Clock, Exit, Failpoint, Input, Store, http::BindError, mesos::Calls, store::StoreError};
use crate::{
    KafkaQuestion, Scheduler,
    config::Errors,
    event::{Effects, Event, Reply, Ticket, Timestamp},
    fetch::Fetch,
    record::RestoreError,
    view::View,
};

/// How long a commit may take. It is ended by the process's end alone; a start from the store is the only way to know
/// what became of it.
const COMMIT: Duration = Duration::from_secs(30);

/// Why the scheduler ends, unless it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Signals cannot be listened for.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// What guards the REST API, or our connections to brokers, cannot be read.
    #[error("cannot use the files that settings name")]
    Files(#[source] Errors),
    /// An address of the REST API cannot be bound.
    #[error("cannot serve the REST API: free the address, or set {variable} or LISTEN_ADDRESS")]
    Listen {
        /// The variable that names the port.
        variable: &'static str,
        /// Which address, and why not.
        source: BindError,
    },
    /// The HTTP client for Mesos cannot be made.
    #[error("cannot talk to Mesos")]
    MesosClient(#[source] mesos::scheduler::BuildError),
    /// The address of Kafka's ZooKeeper makes no sense to its client.
    #[error("cannot talk to ZooKeeper")]
    ZooKeeper(#[source] kafka::zookeeper::InvalidConnect),
    /// The store cannot be opened or read.
    #[error("cannot use the stored state")]
    State(#[source] StoreError),
    /// The store's records make no state.
    #[error("cannot understand the stored state")]
    Restore(#[source] RestoreError),
    /// A commit failed, or hangs.
    #[error("a commit failed, so what is durable is unknown; start again")]
    Commit(#[source] StoreError),
    /// Mesos refuses us for good.
    #[error("Mesos refuses this framework: {0}")]
    Refused(String),
    /// A part that must not end has ended.
    #[error("the {0} ended by itself, which is a bug")]
    Ended(&'static str),
    /// A part panicked.
    #[error("a part of the scheduler panicked")]
    Panicked(#[source] JoinError),
}

impl Failure {
    /// The exit code's name.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Listen { .. } => Exit::Listen,
            Failure::State(_) | Failure::Restore(_) => Exit::State,
            Failure::Commit(_) => Exit::Commit,
            Failure::Refused(_) => Exit::Refused,
            Failure::Files(_) | Failure::ZooKeeper(_) => Exit::Configuration,
            Failure::Signals(_) | Failure::MesosClient(_) | Failure::Ended(_) | Failure::Panicked(_) => {
                Exit::Internal
            }
        }
    }
}

/// The pure scheduler as the loop sees it; a script of effects in the loop's own tests.
pub(crate) trait Core: Send {
    fn handle(&mut self, now: Timestamp, event: Event) -> Effects;
    fn view(&self, now: Timestamp) -> View;
    fn wants_kafka(&self) -> Option<KafkaQuestion>;
    fn wants_incident(&self, now: Timestamp) -> Option<Fetch>;
}

impl Core for Scheduler {
    fn handle(&mut self, now: Timestamp, event: Event) -> Effects {
        Scheduler::handle(self, now, event)
    }

    fn view(&self, now: Timestamp) -> View {
        Scheduler::view(self, now)
    }

    fn wants_kafka(&self) -> Option<KafkaQuestion> {
        Scheduler::wants_kafka(self)
    }

    fn wants_incident(&self, now: Timestamp) -> Option<Fetch> {
        Scheduler::wants_incident(self, now)
    }
}

/// Everything one turn needs.
pub(crate) struct Cycle<C, S> {
    core: C,
    store: S,
    clock: Clock,
    failpoint: Failpoint,
    view: watch::Sender<Arc<View>>,
    asks: Asks,
    /// There only while subscribed.
    calls: Option<Calls>,
    /// Operators who wait for an answer.
    waiting: BTreeMap<Ticket, oneshot::Sender<Reply>>,
    tickets: u64,
}

impl<C: Core, S: Store> Cycle<C, S> {
    pub(crate) fn new(
        core: C,
        store: S,
        clock: Clock,
        failpoint: Failpoint,
        view: watch::Sender<Arc<View>>,
        asks: Asks,
    ) -> Self {
        let (calls, waiting) = (None, BTreeMap::new());
        Self { core, store, clock, failpoint, view, asks, calls, waiting, tickets: 0 }
    }

    /// Turns until told to stop or until something fails. A turn once begun is always finished.
    pub(crate) async fn run(
        &mut self,
        inputs: &mut mpsc::Receiver<Input>,
        tasks: &mut JoinSet<&'static str>,
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        loop {
            let input = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(ended) = tasks.join_next() => {
                    return Err(ended.map_or_else(Failure::Panicked, Failure::Ended));
                }
                Some(input) = inputs.recv() => input,
                else => return Err(Failure::Ended("event channel")),
            };
            self.turn(input).await?;
        }
    }

    async fn turn(&mut self, input: Input) -> Result<(), Failure> {
        let event = match input {
            Input::Event(event) => event,
            Input::Command(command, answer) => {
                let ticket = Ticket(self.tickets);
                self.tickets += 1;
                self.waiting.insert(ticket, answer);
                Event::Command(ticket, command)
            }
            Input::Connected(calls) => {
                self.calls = Some(calls);
                return Ok(());
            }
            Input::Disconnected(reason) => {
                self.calls = None;
                Event::Disconnected { reason }
            }
            Input::Refused(reason) => return Err(Failure::Refused(reason)),
        };
        log_event(&event);
        let effects = self.core.handle(self.clock.now(), event);
        self.perform(effects).await
    }

    /// Makes effects so, in their order.
    pub(crate) async fn perform(&mut self, effects: Effects) -> Result<(), Failure> {
        let Effects { writes, calls, replies, notes } = effects;
        if !writes.0.is_empty() {
            let committed = tokio::time::timeout(COMMIT, self.store.commit(&writes)).await;
            let hangs = |_| StoreError::Hangs { seconds: COMMIT.as_secs() };
            committed.map_err(hangs).flatten().map_err(Failure::Commit)?;
            tracing::debug!(writes = writes.0.len(), "committed");
        }
        self.failpoint.after_commit(&calls);
        for call in calls {
            match &self.calls {
                Some(sender) => sender.send(call),
                // The core decides anew once subscribed; nothing of it is lost for good.
                None => tracing::debug!(call = ?call.r#type(), "not subscribed, the call is dropped"),
            }
        }
        for note in notes {
            tracing::info!(target: "scheduler", "{note}");
        }
        self.publish();
        for (ticket, reply) in replies {
            if let Some(answer) = self.waiting.remove(&ticket) {
                // Whoever asked may have hung up: what was asked for is done all the same.
                let _ = answer.send(reply);
            }
        }
        Ok(())
    }

    fn publish(&self) {
        self.view.send_replace(Arc::new(self.core.view(self.clock.now())));
        ask(&self.asks.question, self.core.wants_kafka());
        ask(&self.asks.incident, self.core.wants_incident(self.clock.now()));
    }

    /// Lets calls already handed over leave, for a short time.
    pub(crate) async fn finish(&mut self) {
        if let Some(calls) = self.calls.take() {
            calls.finish().await;
        }
    }
}

/// What the core wants to know, for those who can find out.
pub(crate) struct Asks {
    /// Of Kafka.
    pub(crate) question: watch::Sender<Option<KafkaQuestion>>,
    /// Out of a sandbox.
    pub(crate) incident: watch::Sender<Option<Fetch>>,
}

fn ask<T: PartialEq>(asked: &watch::Sender<Option<T>>, question: Option<T>) {
    asked.send_if_modified(|old| {
        let changed = *old != question;
        *old = question;
        changed
    });
}

/// One line per event, at DEBUG: what an operator must know comes as the core's notes.
fn log_event(event: &Event) {
    match event {
        Event::Tick => tracing::trace!("tick"),
        Event::Offers(offers) => {
            let ids: Vec<_> = offers.iter().map(|offer| offer.id.value.as_str()).collect();
            tracing::debug!(?ids, "offers");
        }
        Event::Message(message) => match &**message {
            // Whole log files may be in it.
            ToScheduler::Incident(incident) => {
                tracing::debug!(id = %incident.id, task = %incident.task, cause = %incident.cause, "message: incident");
            }
            other => tracing::info!(message = ?other, "message"),
        },
        Event::Update(status) => tracing::debug!(
            task = status.task_id.value,
            state = status.state().as_str_name(),
            reason = status.reason.map(|_| status.reason().as_str_name()),
            message = status.message(),
            "update"
        ),
        Event::Fetched { id, result } => {
            tracing::debug!(%id, read = result.is_ok(), "an incident from its sandbox")
        }
        Event::Kafka(Err(error)) => tracing::debug!(error, "no snapshot of Kafka"),
        Event::Kafka(Ok(_)) => tracing::debug!("a snapshot of Kafka"),
        Event::Disconnected { reason } => tracing::debug!(reason, "disconnected"),
        Event::Subscribed { framework_id } => tracing::debug!(framework_id, "subscribed"),
        Event::Command(ticket, command) => tracing::info!(?ticket, ?command, "asked for"),
    }
}

#[cfg(test)]
mod tests;
