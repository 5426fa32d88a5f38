//! The one loop: next event → `handle` → commit → calls → publish the view → replies; and all that has effects.
//!
//! One task owns the scheduler. Subscription, Kafka poller, ticker and signals only send `Input`s on one bounded
//! channel: whoever is faster than the loop waits, and the ticker skips. HTTP reads the last published view; only what an
//! operator asks for enters the loop. A commit that fails ends the process with its code (crash-only): what is durable is unknown then,
//! and a start from the store is the one way on that needs no second thought.
#![expect(
    clippy::disallowed_methods,
    reason = "clock, chance, environment and tasks are what a shell is for; the core has none of them"
)]

mod clock;
mod cycle;
mod environment;
mod exit;
mod failpoint;
pub mod http;
mod kafka;
pub mod log;
mod mesos;
mod sandbox;
mod security;
mod signal;
pub mod store;
mod throttle;

use std::{sync::Arc, time::Duration};

use ::kafka::{client::security::Security, keeper::Keeper, zookeeper::ZooKeeper};
use api::launch::Metadata;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use self::{
    clock::Clock,
    cycle::{Asks, Cycle},
    failpoint::Failpoint,
    signal::Signals,
    store::{Store, file::FileStore},
};
pub use self::{cycle::Failure, environment::environment, exit::Exit};
use crate::{
    Scheduler,
    config::{Errors, Process, Settings, StateUri},
    event::{Command, Event, Reply},
};

/// Events that wait for the loop. Senders wait when it is full; the subscription then stops reading, and Mesos keeps
/// what it has to say.
const INPUTS: usize = 1024;
/// Longest time between two ticks.
const TICK: Duration = Duration::from_secs(1);
/// How long parts may take to end once told to.
const GRACE: Duration = Duration::from_secs(10);

/// How long a ZooKeeper server that fell silent is believed in; only topic routes wait for it.
const ZOOKEEPER_SESSION: Duration = Duration::from_secs(10);

/// What reaches the loop.
pub(crate) enum Input {
    /// For the core.
    Event(Event),
    /// For the core, which answers.
    Command(Command, oneshot::Sender<Reply>),
    /// A new subscription, before its first event.
    Connected(mesos::Calls),
    /// The subscription is over, and with it all calls not yet sent.
    Disconnected(String),
    /// Mesos refuses us for good.
    Refused(String),
}

/// Runs the scheduler on a runtime of its own until SIGTERM, SIGINT or a failure, and says in the log how it ended.
pub fn start(settings: Settings) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start the runtime");
            return Exit::Internal;
        }
    };
    let ended = runtime.block_on(run_until_signalled(settings));
    // What still hangs has had its time.
    runtime.shutdown_background();
    match ended {
        Ok(()) => {
            tracing::info!("stopped");
            Exit::Stopped
        }
        Err(failure) => {
            let exit = failure.exit();
            tracing::error!(error = log::chain(&failure), code = exit.code(), "the scheduler ends");
            exit
        }
    }
}

async fn run_until_signalled(settings: Settings) -> Result<(), Failure> {
    // First of all: from here on a signal finds us ready to stop in an orderly way.
    let mut signals = Signals::listen().map_err(Failure::Signals)?;
    let stop = CancellationToken::new();
    let mut running = std::pin::pin!(run(settings, stop.clone()));
    tokio::select! {
        ended = &mut running => ended,
        signal = signals.asked_to_stop() => {
            tracing::info!(signal, "stopping; brokers live on");
            stop.cancel();
            running.await
        }
    }
}

/// Runs the scheduler until `stop` is cancelled or something fails.
///
/// # Errors
/// Each way to end that is not a stop, with its [`Exit`] code.
pub async fn run(settings: Settings, stop: CancellationToken) -> Result<(), Failure> {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        service = settings.service.framework.name,
        state = %settings.process.state,
        "starting"
    );
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let (access, security) = open(&settings).map_err(Failure::Files)?;
    match settings.process.state.clone() {
        StateUri::File(path) => {
            let store = FileStore::open(&path).map_err(Failure::State)?;
            run_on(store, settings, Arc::new(access), security, stop).await
        }
    }
}

/// Reads all files that the settings name.
fn open(settings: &Settings) -> Result<(http::Access, Security), Errors> {
    match (http::Access::open(settings), security::open(&settings.process.kafka)) {
        (Ok(access), Ok(security)) => Ok((access, security)),
        (access, security) => {
            let errors = [access.err(), security.err()].into_iter().flatten();
            Err(Errors(errors.flat_map(|Errors(errors)| errors).collect()))
        }
    }
}

/// Whether the files that the settings name can be used; the environment was looked at before.
///
/// # Errors
/// What is wrong with them, each under its setting's name (S-047).
pub fn check(settings: &Settings) -> Result<(), Errors> {
    open(settings).map(drop)
}

async fn run_on<S: Store>(
    mut store: S,
    settings: Settings,
    access: Arc<http::Access>,
    security: Security,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let Settings { process, service, .. } = settings;
    // Bound before anything is read or sent, so that a second scheduler on the same addresses changes nothing.
    let api = bind("PORT1", &process, process.api_port).await?;
    let admin = match process.admin_port {
        Some(port) => Some(bind("PORT0", &process, port).await?),
        None => None,
    };
    let clock = Clock::start();
    let (parts, subscribed) = (CancellationToken::new(), CancellationToken::new());

    let records = store.load().await.map_err(Failure::State)?;
    let (scheduler, effects) =
        Scheduler::restore(service, &records, rand::random()).map_err(Failure::Restore)?;
    let failpoint = Failpoint::new(process.crash_at, records.is_empty());
    let host = process.host_or(&environment::hostname());
    let url = format!("{}://{host}:{}", access.scheme(), api.address().port());
    let framework = mesos::reachable_at(scheduler.framework_info(), &url, &host);

    let (inputs, mut received) = mpsc::channel(INPUTS);
    let view = Arc::new(scheduler.view(clock.now()));
    let keeper = match scheduler.metadata() {
        Metadata::ZooKeeper { connect } => {
            let zookeeper = ZooKeeper::new(&connect, ZOOKEEPER_SESSION).map_err(Failure::ZooKeeper)?;
            Keeper::ZooKeeper(Arc::new(zookeeper))
        }
    };
    let (view, shown) = watch::channel(view);
    let real = http::Real::new(keeper, framework.name.clone(), security.clone(), shown.clone());
    let real = Arc::new(real);
    let kafka = http::Kafka::new(real.clone());
    let app = http::App::new(shown, kafka, inputs.clone(), clock)
        .guarded_by(access.clone())
        .stopped_by(parts.clone());
    let files = ::mesos::files::Files::new(process.masters.clone(), sandbox::QUESTION)
        .map_err(Failure::MesosClient)?;
    let subscription =
        mesos::Subscription::new(process.masters, framework, inputs.clone()).map_err(Failure::MesosClient)?;
    let (question, asked) = watch::channel(None);
    let (incident, wanted) = watch::channel(None);
    let asks = Asks { question, incident };
    let mut cycle = Cycle::new(scheduler, store, clock, failpoint, view, asks);
    // Before anything else may happen: a first target, or a changed one, must not depend on a later event.
    cycle.perform(effects).await?;

    let mut tasks = JoinSet::new();
    tasks.spawn(named("ticker", tick(inputs.clone(), parts.clone())));
    tasks.spawn(named("Kafka poller", kafka::poll(asked, inputs.clone(), clock, security, parts.clone())));
    tasks.spawn(named("keeper of throttles", throttle::keep(real, clock, parts.clone())));
    tasks.spawn(named("sandbox reader", sandbox::read(wanted, files, inputs.clone(), parts.clone())));
    tasks.spawn(named("files of the API", watch(access.clone(), parts.clone())));
    tasks.spawn(named("subscription", subscription.run(subscribed.clone())));
    tasks.spawn(named(
        "REST API",
        api.counted_by(&access).over_tls_of(&access).serve(http::api(app.clone()), parts.clone()),
    ));
    if let Some(admin) = admin {
        tasks.spawn(named("admin API", admin.counted_by(&access).serve(http::admin(app), parts.clone())));
    }
    drop(inputs);

    let ended = cycle.run(&mut received, &mut tasks, &stop).await;
    // What is stored is said before the subscription ends: calls queued die with it.
    stop.cancel();
    parts.cancel();
    cycle.finish().await;
    subscribed.cancel();
    drop(received);
    if tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("some parts did not end within {} s and are dropped", GRACE.as_secs());
    }
    ended
}

async fn bind(variable: &'static str, process: &Process, port: u16) -> Result<http::Listener, Failure> {
    let bound = http::bind(process.listen_address, port).await;
    let listener = bound.map_err(|source| Failure::Listen { variable, source })?;
    tracing::info!(address = %listener.address(), "listening ({variable})");
    Ok(listener)
}

/// Sends a tick a second. One that finds the channel full is dropped: what fills it makes the core decide just as well.
async fn tick(inputs: mpsc::Sender<Input>, stop: CancellationToken) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(interval.tick()).await.is_some() {
        if let Err(mpsc::error::TrySendError::Closed(_)) = inputs.try_send(Input::Event(Event::Tick)) {
            return;
        }
    }
}

/// Looks after what guards the API.
async fn watch(access: Arc<http::Access>, stop: CancellationToken) {
    access.watch(stop).await;
}

async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

#[cfg(test)]
mod tests;
