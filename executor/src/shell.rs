//! The one loop: an event comes in, the supervisor decides, its effects are carried out.
//!
//! Everything runs on the main thread, which lives as long as the process: the kernel ties the JVM's parent-death
//! signal to the thread that forked it. Probes and checks only send events, on one bounded channel.
#![expect(
    clippy::disallowed_methods,
    reason = "the shell has the clock, chance, environment and tasks; the supervisor has none of them"
)]

mod admin;
mod agent;
mod archive;
mod artifacts;
mod broker;
mod cgroup;
mod check;
mod evidence;
mod foreign;
mod fork;
mod http;
mod keeper;
mod limits;
mod logs;
mod memory;
mod metrics;
mod output;
mod prepare;
mod process;
mod progress;
mod ready;
mod tail;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use api::launch::LaunchContract;
use nix::sys::signal::Signal as Number;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tracing::{error, info, warn};

use self::{
    admin::View,
    agent::Agent,
    archive::Archivist,
    broker::{Broker, chain},
    evidence::{Start, Witness},
    foreign::Surroundings,
    keeper::Keeper,
    logs::Logs,
    metrics::Metrics,
    prepare::Place,
    process::Family,
    progress::Progress,
    ready::{Ready, make_ready},
};
use crate::health;
use crate::supervisor::{Effect, Event, ExitCode, Signal, Supervisor};

/// Events waiting for the loop; senders wait when it is full.
const QUEUE: usize = 64;
/// Between two ticks at least: most come when somebody's time has come, and on an idle broker none.
const TICK: Duration = Duration::from_millis(100);

/// What the tasks beside the loop send to it.
enum Inbox {
    Event(Event),
    Prepared(Result<Box<(Ready, Option<TcpListener>)>, String>),
}

struct Shell {
    supervisor: Supervisor,
    started: Instant,
    sandbox: PathBuf,
    environment: BTreeMap<String, String>,
    agent: Agent,
    inbox: mpsc::Sender<Inbox>,
    view: watch::Sender<View>,
    metrics: Metrics,
    /// What was prepared last and not started yet: a LAUNCH's, or that of a restart in place.
    next: Option<Ready>,
    /// What was started last.
    ready: Option<Ready>,
    /// How often anything was prepared.
    preparations: u32,
    /// The JVM, from its start until it is swept.
    family: Option<Family>,
    logs: Logs,
    /// What was so when it started, until its end.
    jvm_start: Option<Start>,
    archivist: Archivist,
    keeper: Keeper,
    /// Probes and checks; dropped with [`Effect::Rest`].
    watchers: JoinSet<()>,
    /// What must be finished before we leave, or is ended with us.
    others: JoinSet<()>,
    exit: Option<ExitCode>,
}

/// Runs until the task has ended. `environment` is the one the agent gave this process.
pub async fn run(environment: BTreeMap<String, String>) -> ExitCode {
    limits::set();
    let (agent, sandbox) = match Agent::start(&environment) {
        Ok(started) => started,
        Err(problem) => {
            error!("{problem}");
            return ExitCode::Environment;
        }
    };
    output::settle(&sandbox);
    match serve(agent, sandbox, environment).await {
        Ok(code) => code,
        Err(problem) => {
            error!(error = chain(&*problem), "the executor cannot go on");
            ExitCode::Failed
        }
    }
}

async fn serve(
    agent: Agent,
    sandbox: PathBuf,
    environment: BTreeMap<String, String>,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    process::adopt_orphans()?;
    let mut children = signal(SignalKind::child())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (inbox, mut events) = mpsc::channel(QUEUE);
    let mut ticked = Instant::now();
    let (view, viewed) = watch::channel(View::default());
    let logs = Logs::new();
    let (metrics, measuring) = Metrics::new(viewed, Arc::clone(logs.counters()));
    let mut shell = Shell {
        supervisor: Supervisor::default(),
        started: Instant::now(),
        sandbox,
        environment,
        agent,
        inbox,
        view,
        metrics,
        next: None,
        ready: None,
        preparations: 0,
        family: None,
        logs,
        jvm_start: None,
        archivist: Archivist::default(),
        keeper: Keeper::default(),
        watchers: JoinSet::new(),
        others: JoinSet::new(),
        exit: None,
    };
    shell.others.spawn(measuring);
    loop {
        let due = shell.due().map(|due| due.max(ticked + TICK));
        let tick = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let events = tokio::select! {
            biased;
            _ = children.recv() => shell.child_changed().into_iter().collect(),
            _ = terminate.recv() => vec![Event::Signalled("SIGTERM")],
            _ = interrupt.recv() => vec![Event::Signalled("SIGINT")],
            // Unhandled it would end us at once, and the JVM with us by SIGKILL.
            _ = hangup.recv() => vec![Event::Signalled("SIGHUP")],
            message = shell.agent.next() => shell.agent.events(message),
            Some(inbox) = events.recv() => vec![shell.take(inbox)],
            () = tick => {
                ticked = Instant::now();
                vec![shell.swept().unwrap_or(Event::Tick)]
            }
        };
        shell.handle(events).await;
        if let Some(code) = shell.exit {
            shell.keeper.finish(keeper::PATIENCE).await;
            shell.logs.finish().await;
            return Ok(shell.agent.exit_code(code));
        }
    }
}

impl Shell {
    async fn handle(&mut self, events: Vec<Event>) {
        let mut events = VecDeque::from(events);
        while let Some(event) = events.pop_front() {
            for effect in self.supervisor.handle(self.started.elapsed(), event) {
                events.extend(self.act(effect).await);
            }
        }
        let state = self.supervisor.state();
        self.archivist.look(state == "running", &self.sandbox);
        self.view.send_if_modified(|view| view.enter(state));
    }

    /// When something is to be done that only time brings.
    fn due(&self) -> Option<Instant> {
        let supervisor = self.supervisor.due().map(|due| self.started + due);
        let sweep = self.family.as_ref().is_some_and(Family::is_swept).then(Instant::now);
        [supervisor, sweep, self.archivist.due()].into_iter().flatten().min()
    }

    /// Carries out one effect; what is answered at once comes back as an event.
    async fn act(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Update(update) => self.agent.update(update).await,
            Effect::Prepare(contract) => self.prepare(*contract),
            Effect::Look => {
                if let Some(broker) = self.broker() {
                    self.send_later(async move { Event::Registration(broker.look().await) });
                }
            }
            Effect::Spawn => return Some(Event::Spawned(self.spawn())),
            // Ends them all.
            Effect::Rest => self.watchers = JoinSet::new(),
            Effect::Signal(signal) => {
                if signal == Signal::Term {
                    self.metrics.last_look().await;
                }
                if let Some(family) = &self.family {
                    let signal = if signal == Signal::Term { Number::SIGTERM } else { Number::SIGKILL };
                    info!(%signal, "signalling the broker's process group");
                    family.signal(signal);
                }
            }
            Effect::Sweep => {
                if let Some(family) = &mut self.family {
                    family.sweep();
                }
                return self.swept();
            }
            Effect::Forget { session } => {
                if let Some(broker) = self.broker() {
                    self.send_later(async move {
                        broker.forget(session).await;
                        Event::Forgotten
                    });
                    // Begun before anything else is done: partitions wait for it.
                    tokio::task::yield_now().await;
                }
            }
            Effect::Examine => {
                let (Some(start), Some(Ready { prepared, witness, .. })) =
                    (self.jvm_start.take(), &self.ready)
                else {
                    return Some(Event::Examined(Box::new(evidence::nothing())));
                };
                let (program, sandbox) = (prepared.command.program.clone(), self.sandbox.clone());
                let collected = witness.clone().examine(start, program, sandbox);
                self.send_later(async move { Event::Examined(Box::new(collected.await)) });
            }
            Effect::Refuse(refusal) => self.agent.refuse(*refusal).await,
            Effect::Tell(incident) => self.agent.incident(*incident, &self.sandbox, &mut self.keeper).await,
            Effect::Exit(code) => self.exit = Some(code),
            Effect::Note(text) => info!("{text}"),
            Effect::Warn(text) => warn!("{text}"),
        }
        None
    }

    fn broker(&self) -> Option<Arc<Broker>> {
        // Both, where there are two, are the same broker at the same place.
        self.next.as_ref().or(self.ready.as_ref()).map(|ready| Arc::clone(&ready.broker))
    }

    fn send_later(&mut self, event: impl Future<Output = Event> + Send + 'static) {
        while self.others.try_join_next().is_some() {}
        let inbox = self.inbox.clone();
        self.others.spawn(async move {
            let _loop_has_ended = inbox.send(Inbox::Event(event.await)).await;
        });
    }

    fn take(&mut self, inbox: Inbox) -> Event {
        match inbox {
            Inbox::Event(event) => event,
            Inbox::Prepared(Ok(ready)) => {
                let (ready, listener) = *ready;
                let timeout = ready.prepared.session_timeout;
                if let Some(listener) = listener {
                    self.metrics.follow(ready.metrics.clone());
                    let metrics = self.metrics.routes();
                    self.others.spawn(admin::serve(listener, self.view.subscribe(), metrics));
                }
                self.next = Some(ready);
                Event::Prepared(Ok(timeout))
            }
            Inbox::Prepared(Err(problem)) => Event::Prepared(Err(problem)),
        }
    }

    fn prepare(&mut self, contract: LaunchContract) {
        let (inbox, sandbox, environment) =
            (self.inbox.clone(), self.sandbox.clone(), self.environment.clone());
        let place = match self.preparations {
            0 => Place::Final,
            number => Place::Staged { number },
        };
        self.preparations += 1;
        let logs = logs::options(&contract, self.agent.task());
        self.others.spawn(async move {
            let result = make_ready(contract, place, logs, sandbox, environment).await;
            let result = result.map(Box::new).map_err(|problems| problems.join("; "));
            let _loop_has_ended = inbox.send(Inbox::Prepared(result)).await;
        });
    }

    /// Starts the JVM and all that watches it.
    fn spawn(&mut self) -> Result<u32, String> {
        if let Some(next) = self.next.take() {
            next.prepared.put_in_place(&self.sandbox).map_err(|error| chain(&error))?;
            self.metrics.follow(next.metrics.clone());
            self.ready = Some(next);
        }
        let Some(Ready { prepared, broker, health, logs, .. }) = &self.ready else {
            return Err("nothing is prepared".to_owned());
        };
        self.logs.begin(logs, &self.sandbox);
        let mark = tail::mark();
        let (command, agent) = self.metrics.command(&prepared.command, &self.sandbox);
        let at = SystemTime::now();
        let forked = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let pid = fork::spawn(&command, &self.sandbox)
            .map_err(|error| format!("cannot start {}: {error}", command.program.display()))?;
        info!(%pid, program = %command.program.display(), arguments = ?command.shown(), "the JVM is started");
        self.metrics.started(pid, at, &command, agent);
        self.family = Some(Family::new(pid));
        self.jvm_start = Some(Witness::start(mark, pid, &command, &self.sandbox));
        self.archivist.started(pid, prepared.archive.clone());
        // Probes and checks speak the supervisor's language; one small task passes it on.
        let (events, mut received) = mpsc::channel(1);
        let inbox = self.inbox.clone();
        self.watchers.spawn(async move {
            while let Some(event) = received.recv().await {
                if inbox.send(Inbox::Event(event)).await.is_err() {
                    return;
                }
            }
        });
        self.watchers.spawn(memory::watch(mark, events.clone()));
        let progress = Progress::new(mark, pid);
        let probe = Arc::clone(broker).probe(forked, progress, events.clone(), self.view.clone());
        self.watchers.spawn(probe);
        let checks = health::choose(self.agent.health(), health.as_ref());
        self.view.send_modify(|view| view.begin(checks.as_ref().map(health::Check::shown)));
        if let Some(checks) = checks {
            let environment = command.environment.clone();
            let around = Surroundings { sandbox: self.sandbox.clone(), environment };
            let report = check::Report { events, view: self.view.clone() };
            self.watchers.spawn(check::run(checks, Arc::clone(broker), around, report));
        }
        Ok(pid.as_raw().unsigned_abs())
    }

    /// After a SIGCHLD.
    fn child_changed(&mut self) -> Option<Event> {
        self.archivist.reap(&self.sandbox);
        let how = self.family.as_mut().and_then(Family::reap);
        let Some(how) = how else { return self.swept() };
        self.archivist.ended(how, &self.sandbox);
        self.metrics.ended();
        self.logs.hurry();
        Some(Event::Exited(how))
    }

    /// One round of a sweep, if one is under way.
    fn swept(&mut self) -> Option<Event> {
        let left = self.family.as_mut()?.swept()?;
        self.family = None;
        Some(Event::Swept { left })
    }
}
