//! Each call × {broker hangs, broker killed, broker dead, controller moved, ZooKeeper stopped}, between its request and its
//! answer: what the client says is then held against the cluster. It may be right, and it may say that it does not know; it
//! is never wrong.
//!
//! Calls that change nothing go through the same fault at the same time, and so do those that change something, each on a
//! topic of its own: a fault takes seconds, a call beside others next to nothing. All of them are held until the last has
//! come to where it is stopped, so each meets the fault there.

mod ask;
mod changes;
mod questions;
mod setup;
mod truth;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use kafka_protocol::messages::{BrokerId, create_topics_request::CreatableTopic};
use tokio::{task::JoinSet, time::timeout_at};

use crate::{
    cluster::{Kind, RealCluster},
    harness::{PATIENCE, until},
    proxy::{Fate, GoOn, Meant, Proxy, Road, When},
};
use ask::{Ask, Case, Said};
use changes::CHANGES;
use questions::QUESTIONS;
use setup::Cell;
use truth::Truth;

/// What happens to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// SIGSTOP to the broker that was asked, and SIGCONT when the client has said something.
    Hangs,
    /// SIGKILL to the broker that was asked.
    Killed,
    /// A broker is dead all the while, and all others know.
    Dead,
    /// Another broker is the controller. With KRaft its node is stopped until it is no more, and the broker asked is another.
    Moved,
    /// SIGSTOP to ZooKeeper, and SIGCONT when the client has said something.
    NoZooKeeper,
}

/// A fault, when it strikes, and what becomes of the request or the answer.
type Column = (Fault, When, Fate);

const HANGS: Column = (Fault::Hangs, When::Before, Fate::Deliver);
/// A broker that is killed takes its answer with it, so this is the column of answers that are lost, too.
const KILLED: Column = (Fault::Killed, When::After, Fate::Lose);
const MOVED: Column = (Fault::Moved, When::Before, Fate::Deliver);
/// Done by the controller of before, asked for again at another.
const MOVED_AFTER: Column = (Fault::Moved, When::After, Fate::Lose);
const NO_ZOOKEEPER: Column = (Fault::NoZooKeeper, When::Before, Fate::Deliver);
const NO_ZOOKEEPER_AFTER: Column = (Fault::NoZooKeeper, When::After, Fate::Lose);

/// A question whose answer is lost is asked again and that is all, whatever else happens: [`KILLED`] shows it. [`Fault::Dead`]
/// follows it, while that broker is still dead.
const ON_QUESTIONS: [Column; 4] = [HANGS, MOVED, NO_ZOOKEEPER, KILLED];
const ON_CHANGES: [Column; 6] = [HANGS, KILLED, MOVED, MOVED_AFTER, NO_ZOOKEEPER, NO_ZOOKEEPER_AFTER];

/// How often calls are made until all are held, each time with more time for a request.
const ATTEMPTS: u32 = 5;
/// How long a fault lasts that the client does not end with its answer: it may as well wait for better times.
const LONGEST: Duration = Duration::from_secs(2);

struct World<'a> {
    real: &'a mut RealCluster,
    road: Road,
    bootstrap: Vec<String>,
    /// So many batches of calls, and truths, so far.
    batch: u32,
    truths: u32,
    /// Groups that there are.
    groups: Vec<String>,
    wrong: Vec<String>,
    /// Calls that have once said something else than that they don't know.
    known: BTreeSet<&'static str>,
}

/// All of it. The brokers send their clients through `proxy`.
pub(crate) async fn an_answer_is_right_or_says_that_it_does_not_know(real: &mut RealCluster, proxy: Proxy) {
    let bootstrap: Vec<String> = proxy.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let road = proxy.serve(real.nodes.iter().map(|node| node.address.clone()).collect());
    let mut world = World {
        real,
        road,
        bootstrap,
        batch: 0,
        truths: 0,
        groups: Vec::new(),
        wrong: Vec::new(),
        known: BTreeSet::new(),
    };
    world.lone().await;
    world.limit(true).await;
    let columns = [(QUESTIONS, &ON_QUESTIONS[..], true), (CHANGES, &ON_CHANGES[..], false)];
    for (asks, columns, again) in columns {
        for column in columns {
            // KRaft has no ZooKeeper; and what its controller has answered is in the log of the next one, so there an answer
            // lost while it moves is one lost.
            if world.real.kind == Kind::KRaft && ![HANGS, KILLED, MOVED].contains(column) {
                continue;
            }
            let start = Instant::now();
            world.column(asks, *column, again).await;
            println!("{column:?} × {} calls: {:.1} s", asks.len(), start.elapsed().as_secs_f32());
        }
        let unknown = asks.iter().map(|ask| ask.name).filter(|name| !world.known.contains(name));
        assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&str>::new(), "these never knew anything");
    }
    world.limit(false).await;
    assert!(world.wrong.is_empty(), "wrong answers:\n{}", world.wrong.join("\n"));
}

impl World<'_> {
    /// These calls through one fault; with `again` they can be made once more while a broker is dead.
    async fn column(&mut self, asks: &'static [Ask], (fault, when, fate): Column, again: bool) {
        let victim = self.victim().await;
        let Trapped { cells, before, mut calls, held } = self.trapped(asks, victim, when).await;
        let down = self.strike(fault, victim).await;
        for go_on in held {
            let _ = go_on.send(fate); // its client may have given up
        }
        calls.wait(LONGEST).await;
        let stays = again && fault == Fault::Killed;
        if stays {
            self.real.buried(u32::try_from(victim).unwrap()).await;
        } else {
            self.mend(fault, down).await;
        }
        calls.wait(PATIENCE).await;
        let after = self.truth(&cells).await;
        self.judge(&cells, (fault, when), calls, (&before, &after), down);
        if stays {
            self.road.clear();
            let mut calls = Calls::begin(&cells);
            calls.wait(PATIENCE).await;
            let later = self.truth(&cells).await;
            self.judge(&cells, (Fault::Dead, when), calls, (&after, &later), None);
            self.mend(fault, down).await;
        }
    }

    /// These calls, each held where it is to meet the fault, and none for so long that it may have given up.
    async fn trapped(&mut self, asks: &'static [Ask], victim: usize, when: When) -> Trapped {
        for limit in (1..=ATTEMPTS).map(|attempt| ask::LIMIT * attempt) {
            let cells = self.prepare(asks, victim, limit).await;
            let before = self.truth(&cells).await;
            self.road.clear();
            let kraft = self.real.kind == Kind::KRaft;
            self.road.name_controller(kraft.then(|| i32::try_from(victim).unwrap()));
            let traps: Vec<_> = cells
                .iter()
                .map(|Cell { ask, client, .. }| {
                    let meant = Meant { client: client.clone(), key: ask.key, broker: victim };
                    self.road.trap(meant, ask.pass, when)
                })
                .collect();
            let end = tokio::time::Instant::now() + limit;
            let mut calls = Calls::begin(&cells);
            let (mut held, mut free) = (Vec::new(), Vec::new());
            for (cell, trap) in cells.iter().zip(traps) {
                match timeout_at(end, trap).await {
                    Ok(go_on) => held.push(go_on.unwrap()),
                    Err(_) => free.push(cell.ask.name),
                }
            }
            self.road.name_controller(None);
            if free.is_empty() {
                return Trapped { cells, before, calls, held };
            }
            println!("not held within {} ms, and made once more: {free:?}", limit.as_millis());
            self.road.clear();
            for go_on in held {
                let _ = go_on.send(Fate::Deliver); // its client may have given up
            }
            calls.wait(PATIENCE).await;
        }
        panic!("some calls do not come to where they are stopped");
    }

    fn judge(
        &mut self,
        cells: &[Cell],
        (fault, when): (Fault, When),
        calls: Calls,
        (before, after): (&Truth, &Truth),
        down: Option<usize>,
    ) {
        let down = down.map(|down| i32::try_from(down).unwrap());
        for (at, said, took) in calls.answers() {
            let Cell { ask, place, client, .. } = &cells[at];
            if said.is_known() {
                self.known.insert(ask.name);
            }
            let asked = self.road.asked(client, ask.key);
            let (fault, when) = (format!("{fault:?}"), format!("{when:?}"));
            let line = format!("{:17} {fault:11} {when:7}  {said}", ask.name);
            println!("{line}  (asked {asked:?}, {:.1} s)", took.as_secs_f32());
            let right = (ask.judge)(&Case { said: &said, place, before, after, down });
            self.wrong.extend(right.err().map(|error| format!("{line}\n    {error}")));
        }
    }

    /// Whom all calls ask: with ZooKeeper the controller. With KRaft a broker whose node is not the active controller, so
    /// that each fault is one of broker or controller.
    async fn victim(&self) -> usize {
        match self.real.kind {
            Kind::KRaft => {
                let active = until("a controller", async || self.real.active_controller(None)).await;
                (active + 1) % self.real.nodes.len()
            }
            _ => {
                let zookeeper = self.real.in_zookeeper();
                let known = until("a controller", async || zookeeper.controller().await.unwrap()).await;
                usize::try_from(known.broker).unwrap()
            }
        }
    }

    /// Gives the broker that is down for a while.
    async fn strike(&mut self, fault: Fault, victim: usize) -> Option<usize> {
        match fault {
            Fault::Dead => None,
            Fault::Hangs => {
                self.real.nodes[victim].pause();
                Some(victim)
            }
            Fault::Killed => {
                self.real.nodes[victim].kill();
                Some(victim)
            }
            Fault::Moved if self.real.kind == Kind::KRaft => {
                let active = until("a controller", async || self.real.active_controller(None)).await;
                self.real.nodes[active].pause();
                Some(active)
            }
            Fault::Moved => {
                self.move_controller().await;
                None
            }
            Fault::NoZooKeeper => {
                self.real.zookeeper.as_ref().unwrap().pause();
                None
            }
        }
    }

    async fn mend(&mut self, fault: Fault, down: Option<usize>) {
        match (fault, down) {
            (Fault::Hangs, Some(down)) => self.real.nodes[down].resume(),
            (Fault::Killed, Some(down)) => self.real.restart(u32::try_from(down).unwrap()).await,
            (Fault::Moved, Some(down)) => {
                until("another controller", async || self.real.active_controller(Some(down))).await;
                self.real.nodes[down].resume();
            }
            (Fault::NoZooKeeper, _) => self.real.zookeeper.as_ref().unwrap().resume(),
            _ => {}
        }
        self.real.settled().await;
    }

    /// Gives the controller's place to another broker, while it can't run for it itself.
    async fn move_controller(&self) {
        let zookeeper = self.real.in_zookeeper();
        let old = until("a controller", async || zookeeper.controller().await.unwrap()).await;
        let node = &self.real.nodes[usize::try_from(old.broker).unwrap()];
        node.pause();
        let path = kafka::zookeeper::CONTROLLER;
        zookeeper.delete_if_owner(path, old.owner).await.unwrap();
        until("another controller", async || {
            let now = zookeeper.controller().await.unwrap()?;
            (now.broker != old.broker).then_some(())
        })
        .await;
        node.resume();
    }

    /// What all brokers that run agree on, once all that was asked of the cluster earlier is done: a topic that is asked
    /// for now comes after it.
    async fn truth(&mut self, cells: &[Cell]) -> Truth {
        self.truths += 1;
        let last = format!("truth-{}", self.truths);
        let names: Vec<String> = cells.iter().map(|cell| cell.place.name.to_string()).collect();
        let running: Vec<_> = self.real.nodes.iter().filter(|node| node.is_running()).collect();
        let replicas = running.iter().map(|node| BrokerId(node.id.cast_signed())).collect();
        let topic: CreatableTopic = setup::assigned(&last, &[replicas]);
        self.created(vec![topic]).await;
        // Twice the same, since what has just ended is heard of by one after another.
        until("all brokers to agree", async || {
            let first = Truth::agreed(&running, &names).filter(|truth| {
                // A new coordinator knows nothing of its groups until it has read of them, and does not say so.
                let groups = self.groups.iter().all(|group| truth.groups.contains_key(group));
                groups && truth.topics.contains_key(&last)
            })?;
            Truth::agreed(&running, &names)
                .filter(|again| (&again.topics, &again.moving) == (&first.topics, &first.moving))
        })
        .await
    }
}

/// Calls that are held, and what was so before.
struct Trapped {
    cells: Vec<Cell>,
    before: Truth,
    calls: Calls,
    held: Vec<GoOn>,
}

/// Calls on their way, and what was said.
struct Calls {
    going: JoinSet<(usize, Said, Duration)>,
    said: Vec<(usize, Said, Duration)>,
}

impl Calls {
    fn begin(cells: &[Cell]) -> Self {
        let mut going = JoinSet::new();
        for (at, cell) in cells.iter().enumerate() {
            let call = (cell.ask.run)(cell.cluster.clone(), cell.place.clone());
            going.spawn(async move {
                let start = Instant::now();
                (at, call.await, start.elapsed())
            });
        }
        Self { going, said: Vec::new() }
    }

    /// Until all have been answered, or that long.
    async fn wait(&mut self, longest: Duration) {
        let end = tokio::time::Instant::now() + longest;
        while let Ok(Some(said)) = timeout_at(end, self.going.join_next()).await {
            self.said.push(said.unwrap());
        }
    }

    /// What was said, in the order of the calls.
    fn answers(mut self) -> Vec<(usize, Said, Duration)> {
        assert!(self.going.is_empty(), "a call has a limit");
        self.said.sort_by_key(|(at, ..)| *at);
        self.said
    }
}
