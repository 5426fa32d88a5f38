//! Running it, and talking to a running one.

use std::{
    io::Write,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use local::{
    Mesos, Options,
    shell::{
        Executors,
        control::{self, Control},
        machine,
    },
};
use nix::fcntl::{Flock, FlockArg};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::args::{Ctl, Run};

const SOCKET: &str = "control.sock";

/// Asks a running mesos-local.
pub(crate) async fn ctl(ctl: Ctl) -> Result<()> {
    let socket = ctl.socket.or_else(|| ctl.work_dir.map(|dir| dir.join(SOCKET)));
    let socket = socket.context("give --socket or --work-dir")?;
    let answer = control::ask(&socket, ctl.verb).await?;
    print!("{answer}");
    Ok(())
}

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(args: Run) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MESOS_LOCAL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let given = args.work_dir.clone().context("give --work-dir")?;
    let work_dir = private_directory(&given)?;
    let _lock = lock(&work_dir)?;
    let mut signals = Signals::new()?;
    let control = Control::listen(args.socket.clone().unwrap_or_else(|| work_dir.join(SOCKET)))?;
    let mut mesos = Mesos::start(options(&args, &work_dir)?).await?;
    let mut out = std::io::stdout();
    writeln!(out, "master {}\nagent {}\nready", mesos.master_url(), mesos.agent_url())?;
    out.flush()?;
    tokio::select! {
        name = signals.next() => tracing::info!(signal = name, "stopping"),
        () = control.serve(&mut mesos) => {}
    }
    if args.leave_executors {
        mesos.stop(Executors::Leave).await;
        return Ok(());
    }
    let hurry = async move {
        let name = signals.next().await;
        tracing::warn!(signal = name, "a second signal: ending executors at once");
    };
    mesos.stop_hurried(args.stop_timeout, hurry).await;
    Ok(())
}

fn options(args: &Run, work_dir: &Path) -> Result<Options> {
    let resources = machine::complete(args.resources.clone(), work_dir)?;
    let mut options = Options::new(work_dir.to_owned(), resources);
    let hostname = args.hostname.clone().unwrap_or_else(|| args.ip.to_string());
    let master = &mut options.master;
    master.address = SocketAddr::new(args.ip, args.master_port);
    master.hostname = args.master_hostname.clone().unwrap_or_else(|| hostname.clone());
    master.domain.clone_from(&args.master_domain);
    master.agent_ping_timeout = args.agent_ping_timeout;
    master.max_agent_ping_timeouts = args.max_agent_ping_timeouts;
    master.agent_reregister_timeout = args.agent_reregister_timeout;
    master.allocation_interval = args.allocation_interval;
    master.heartbeat_interval = args.heartbeat_interval;
    let agent = &mut options.agent;
    agent.address = SocketAddr::new(args.ip, args.agent_port);
    agent.hostname = args.agent_hostname.clone().unwrap_or(hostname);
    agent.attributes.clone_from(&args.attributes.0);
    agent.domain.clone_from(&args.domain);
    agent.executor_environment = args.environment();
    agent.executor_registration_timeout = args.executor_registration_timeout;
    agent.executor_reregistration_timeout = args.executor_reregistration_timeout;
    agent.executor_shutdown_grace_period = args.executor_shutdown_grace_period;
    agent.recovery_timeout = args.recovery_timeout;
    agent.status_update_retry = args.status_update_retry;
    agent.registration_backoff = args.registration_backoff;
    Ok(options)
}

/// Makes the directory with all missing parents, for us alone, and gives its absolute path.
fn private_directory(path: &Path) -> Result<PathBuf> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the work directory {}", path.display()))?;
    path.canonicalize().with_context(|| format!("cannot find the work directory {}", path.display()))
}

/// One mesos-local for a work directory; the kernel lets go of the lock when the process ends, however it does.
fn lock(work_dir: &Path) -> Result<Flock<std::fs::File>> {
    let path = work_dir.join("lock");
    let file = std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| anyhow!("another mesos-local runs on {} ({error})", work_dir.display()))
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
