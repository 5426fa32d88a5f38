//! The loop of a test: credit → batches → links → answers → figures.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    BATCH, DELIVERY, End, Figures, Producer, Progress, RECORD, Share,
    batch::Template,
    ledger::{Batch, Ledger, Send, WINDOW},
    link::{self, Event, Shared},
    throttle::Throttle,
};
use crate::{
    client::{Connection, Metadata, Topics},
    cluster::AskError,
};

/// Records are put into batches this often, as Kafka's throttle sleeps.
const TICK: Duration = Duration::from_millis(2);
/// Between two calls of `report`.
const REPORT: Duration = Duration::from_secs(1);
/// Between two questions who leads.
const REFRESH: Duration = Duration::from_millis(100);
/// How long a cancelled test waits for answers, so that what it says was sent is what Kafka has.
const DRAIN: Duration = Duration::from_secs(5);
/// Longest sleep, so that nothing due is missed by more.
const NAP: Duration = Duration::from_millis(50);
/// Events that wait for the loop; links wait when it is full.
const EVENTS: usize = 64;

impl Producer {
    /// Sends `messages` records as fast as `share` allows. Ends early when `cancel` does; `report` hears of it about
    /// once a second.
    pub async fn run(
        self,
        messages: u64,
        share: &Share,
        cancel: impl Future<Output = ()>,
        mut report: impl FnMut(&Progress),
    ) -> (Progress, End) {
        let template = match Template::new(BATCH, RECORD as usize) {
            Ok(template) => template,
            Err(error) => {
                let reason = format!("cannot encode records: {error}");
                return (Progress::default(), End::Failed { reason, refused: true, unanswered: 0 });
            }
        };
        let mut run = Run::new(self, messages, template);
        let mut cancel = pin!(cancel);
        let end = loop {
            let now = run.now();
            run.send(now, share.rate());
            if let Some(end) = run.ended(now) {
                break end;
            }
            run.ask_who_leads(now);
            if now.saturating_sub(run.told) >= REPORT {
                report(&run.progress(now));
                run.told = now;
                run.window = Figures::default();
            }
            let nap = run.nap(now);
            let next = tokio::select! {
                // Answers first: the next batch waits for them.
                biased;
                Some(event) = run.events.recv() => Next::Event(event),
                Some(Ok(metadata)) = run.asked.join_next() => Next::Metadata(metadata),
                () = &mut cancel, if run.cancelled.is_none() => Next::Cancel,
                () = sleep(nap) => Next::Nothing,
            };
            if let Err(reason) = run.take(next) {
                break End::Failed { reason, refused: true, unanswered: run.ledger.unanswered() };
            }
        };
        let progress = run.progress(run.now());
        run.close().await;
        (progress, end)
    }
}

enum Next {
    Event(Event),
    Metadata(Result<Metadata, AskError>),
    Cancel,
    Nothing,
}

struct Run {
    producer: Producer,
    messages: u64,
    /// Records put into batches.
    made: u64,
    throttle: Throttle,
    ledger: Ledger,
    figures: Figures,
    window: Figures,
    /// When progress was told last.
    told: Duration,
    /// When anything was acknowledged last.
    heard: Duration,
    cancelled: Option<Duration>,
    shared: Arc<Shared>,
    links: BTreeMap<u32, mpsc::Sender<Batch>>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    asked: JoinSet<Result<Metadata, AskError>>,
    next_question: Duration,
    /// What went wrong last.
    trouble: Option<String>,
}

impl Run {
    fn new(producer: Producer, messages: u64, template: Template) -> Self {
        let now = (producer.clock.now)();
        let (sender, events) = mpsc::channel(EVENTS);
        let shared = Shared {
            topic: crate::client::wire_name(&producer.topic),
            template,
            producer: producer.identity,
            began: producer.clock.epoch,
        };
        Self {
            messages,
            made: 0,
            throttle: Throttle::new(now, super::RATE),
            ledger: Ledger::new(producer.leaders.clone(), BATCH),
            figures: Figures::default(),
            window: Figures::default(),
            told: now,
            heard: now,
            cancelled: None,
            shared: Arc::new(shared),
            links: BTreeMap::new(),
            tasks: JoinSet::new(),
            sender,
            events,
            asked: JoinSet::new(),
            next_question: now,
            trouble: None,
            producer,
        }
    }

    fn now(&self) -> Duration {
        (self.producer.clock.now)()
    }

    fn progress(&self, now: Duration) -> Progress {
        Progress {
            figures: self.figures.clone(),
            elapsed: now.saturating_sub(self.producer.began),
            window: self.window.clone(),
            window_elapsed: now.saturating_sub(self.told),
            retries: self.ledger.retries(),
        }
    }

    /// Sends what may be sent. A credit smaller than that of a tick waits for more, so that answers that come one by one
    /// do not make small batches.
    fn send(&mut self, now: Duration, rate: u64) {
        let left = if self.cancelled.is_some() { 0 } else { self.messages - self.made };
        let mut allowed = self.throttle.allows(now, rate).min(left);
        let worth = u64::try_from(u128::from(rate) * TICK.as_nanos() / 1_000_000_000).unwrap_or(1);
        if allowed < worth.clamp(1, BATCH.into()).min(left) {
            allowed = 0;
        }
        while let Some(Send { leader, batch, again }) = self.ledger.next(now, allowed) {
            if !again {
                let records = u64::from(batch.records);
                self.throttle.spend(records);
                self.made += records;
                allowed -= records;
            }
            let link = self.links.entry(leader).or_insert_with(|| {
                let (link, batches) = mpsc::channel(WINDOW);
                let options = self.producer.cluster.options().clone();
                let limit = options.timeout;
                let address = self.producer.addresses.get(&leader).cloned().unwrap_or_default();
                // Not one of the pool's: it is no use to others afterwards.
                let connect = async move { Connection::connect(&address, &options).await };
                let (shared, events) = (self.shared.clone(), self.sender.clone());
                self.tasks.spawn(link::serve(leader, connect, limit, shared, batches, events));
                link
            });
            // Where the link has ended, its last event is on the way and the batch goes out again; it has as many
            // places as a leader may have batches.
            let _ = link.try_send(batch);
        }
    }

    fn take(&mut self, next: Next) -> Result<(), String> {
        let now = self.now();
        while self.tasks.try_join_next().is_some() {}
        match next {
            Next::Event(Event::Answer { leader, batch, error }) => {
                if let Some(error) = &error {
                    self.trouble = Some(format!("partition {}: {error}", batch.partition));
                }
                let stored = self.ledger.answered(leader, batch, error, now);
                if let Some(batch) =
                    stored.map_err(|fatal| format!("partition {}: {}", batch.partition, fatal.0))?
                {
                    let latency = now.saturating_sub(batch.created);
                    for figures in [&mut self.figures, &mut self.window] {
                        figures.record(batch.records.into(), RECORD, latency);
                    }
                    self.heard = now;
                }
            }
            Next::Event(Event::Lost { leader, error }) => {
                self.trouble = Some(crate::cluster::in_words(&error));
                self.links.remove(&leader);
                self.ledger.lost(leader, now);
            }
            Next::Metadata(Ok(mut metadata)) => {
                if let Some(topic) = metadata.topics.remove(self.producer.topic.as_str()) {
                    let leaders =
                        topic.partitions.iter().map(|(number, partition)| (*number, partition.leader));
                    self.ledger.led(&leaders.collect());
                    self.trouble = topic.error.map(|error| error.to_string()).or(self.trouble.take());
                }
                self.producer.addresses.extend(metadata.brokers);
            }
            Next::Metadata(Err(error)) => self.trouble = Some(error.to_string()),
            Next::Cancel => self.cancelled = Some(now),
            Next::Nothing => {}
        }
        Ok(())
    }

    fn ended(&self, now: Duration) -> Option<End> {
        if self.figures.records() >= self.messages {
            return Some(End::Completed);
        }
        let unanswered = self.ledger.unanswered();
        if let Some(since) = self.cancelled
            && (self.ledger.is_settled() || now.saturating_sub(since) >= DRAIN)
        {
            return Some(End::Cancelled { unanswered });
        }
        // Where nothing is under way either, no partition can be written to.
        let oldest = self.ledger.oldest().unwrap_or(self.heard);
        (now.saturating_sub(oldest) >= DELIVERY).then(|| {
            let trouble = self.trouble.as_deref().unwrap_or("no partition has a leader");
            let reason = format!("no answer within {} s; the last trouble: {trouble}", DELIVERY.as_secs());
            End::Failed { reason, refused: false, unanswered }
        })
    }

    /// Asks in a task of its own: what goes well goes on.
    fn ask_who_leads(&mut self, now: Duration) {
        if !self.ledger.is_stale() || !self.asked.is_empty() || now < self.next_question {
            return;
        }
        self.next_question = now + REFRESH;
        let known = self.producer.addresses.values().cloned();
        let bootstrap = known.chain(self.producer.cluster.bootstrap().iter().cloned());
        let cluster = self.producer.cluster.at(bootstrap.collect::<Vec<_>>());
        let names = [self.producer.topic.clone()];
        self.asked.spawn(async move { cluster.metadata(Topics::Named(&names)).await });
    }

    fn nap(&self, now: Duration) -> Duration {
        let due = self.ledger.wakes().map_or(NAP, |wakes| wakes.saturating_sub(now).max(TICK));
        if self.made < self.messages && self.cancelled.is_none() { TICK } else { due.min(NAP) }
    }

    /// Ends every task, sooner or later by their own will.
    async fn close(mut self) {
        self.links.clear();
        self.events.close();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // Dropping the set aborts what hangs.
        let _ = timeout(PATIENCE, ended).await;
    }
}

/// How long links may take to end.
const PATIENCE: Duration = Duration::from_millis(200);
