//! `up`: preflight, then the cluster; in the foreground, or left behind.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    process::{ExitCode, Stdio},
    time::Duration,
};

use anyhow::Context;
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::{
    args::{Place, Up},
    check,
    cluster::Cluster,
    distribution,
    environment::{self, Configured, Environment},
    facts,
    home::{Home, Part},
    java,
    memory::{self, Memory},
    ports::Ranges,
    preflight::{self, Needs},
    progress::{self, News, Progress},
    screen::{Screen, eprint},
    settings::Settings,
    signals::{Signals, Wish},
};

/// Memory of one executor, in MiB; measured, rounded up.
const EXECUTOR_MB: u64 = 32;
/// How often the one left behind is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Starts a cluster. Exit code 1 if something stands in the way, or it did not come up.
///
/// # Errors
/// What the machine refuses on the way.
pub async fn run(up: &Up) -> anyhow::Result<ExitCode> {
    let environment = super::inherited();
    let home = Home::open(&up.place.data)?;
    let lock = lock(&home)?;
    let before = if up.fresh { None } else { load(&home)? };
    let has_data = before.is_some();
    let mut settings = match Settings::resolve(up, &environment, before) {
        Ok(settings) => settings,
        Err(wrong) => return Ok(refuse(&wrong)),
    };
    facts::choose(&mut settings, home.root()).context("no free port")?;
    let mut configured = if up.fresh { Configured::default() } else { Configured::load(&home.configured())? };
    for (flag, name) in [(up.brokers.is_some(), "BROKER_COUNT"), (up.heap.is_some(), "BROKER_HEAP_MB")] {
        if flag {
            configured.forget(name);
        }
    }
    if settings.memory.is_none() {
        settings.memory = Memory::first(&environment, &configured, &settings);
    }
    let cluster = Cluster { home, settings, environment, programs: facts::programs()? };
    let problems = obstacles(&cluster, &configured, has_data).await?;
    if !problems.is_empty() {
        return Ok(refuse(&problems));
    }

    if up.fresh {
        cluster.home.forget()?;
    }
    configured.save(&cluster.home.configured())?;
    cluster.settings.save(&cluster.home.settings())?;
    let Cluster { environment, settings, home, .. } = &cluster;
    for line in environment::overruled(environment, &configured, settings, home) {
        eprint(&line);
    }
    if up.detach {
        drop(lock);
        detach(&cluster, Duration::from_secs(up.timeout)).await
    } else {
        cluster.run().await
    }
}

/// The part of `up --detach` that stays behind: everything was checked and written down before.
///
/// # Errors
/// What the machine refuses on the way.
pub async fn supervise(place: &Place) -> anyhow::Result<ExitCode> {
    let home = Home::existing(&place.data)?;
    let _lock = lock(&home)?;
    let settings = load(&home)?.context("this cluster was never started")?;
    Cluster { home, settings, environment: super::inherited(), programs: facts::programs()? }.run().await
}

/// How the cluster was last started.
fn load(home: &Home) -> anyhow::Result<Option<Settings>> {
    let file = home.settings();
    Settings::load(&file).with_context(|| format!("{} is unreadable; --fresh starts anew", file.display()))
}

/// Everything in the way of this start, as lines.
async fn obstacles(
    cluster: &Cluster,
    configured: &Configured,
    has_data: bool,
) -> anyhow::Result<Vec<String>> {
    let Cluster { home, settings, environment, programs } = cluster;
    let source = distribution::source(environment).ok();
    let mut mistakes =
        check::mistakes(environment, configured, settings, source.as_ref(), home, programs).await;
    mistakes.extend(memory::problem(environment, configured, settings));
    let artifacts = check::artifacts(source.as_ref(), programs);
    let effective = environment::of_scheduler(environment, configured, settings, &artifacts, home);
    let needs = needs(&effective, has_data);
    let placed = if has_data {
        facts::placed(home).context("the agent's data is unreadable")?
    } else {
        Ranges::of([])
    };
    let java = java::ask(environment).await;
    let facts = facts::gather(settings, environment, home, programs, &placed, java, mistakes);
    Ok(preflight::problems(&needs, &facts).iter().map(ToString::to_string).collect())
}

/// What the scheduler will ask for. A value it will itself refuse counts as nothing here.
fn needs(environment: &Environment, has_data: bool) -> Needs {
    let number = |name: &str| environment.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    Needs {
        brokers: number("BROKER_COUNT"),
        heap_mb: number("BROKER_HEAP_MB"),
        beside_heap_mb: u64::from(environment::BESIDE_HEAP_MB) + EXECUTOR_MB,
        disk_mb: number("BROKER_DISK"),
        has_data,
    }
}

fn refuse(problems: &[String]) -> ExitCode {
    eprint("nothing was started:");
    for problem in problems {
        eprint(&format!("  - {problem}"));
    }
    ExitCode::FAILURE
}

/// Held by whoever starts or supervises the cluster; the system lets go of it when that process ends, however it ends.
fn lock(home: &Home) -> anyhow::Result<Flock<File>> {
    let path = home.lock();
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        Errno::EWOULDBLOCK => {
            let data = home.root().display();
            anyhow::anyhow!("nothing was started: the cluster in {data} is already running; `stop` ends it")
        }
        error => anyhow::Error::new(error).context(format!("cannot lock {}", path.display())),
    })
}

/// Starts the supervisor as a process of its own and waits until the plan is complete.
async fn detach(cluster: &Cluster, timeout: Duration) -> anyhow::Result<ExitCode> {
    let Cluster { home, settings, .. } = cluster;
    // Before there is anything that goes on without this process.
    let mut signals = Signals::new()?;
    let log = home.log(Part::Supervisor);
    let mut child = background(home, &log)?;
    let mut screen = Screen::new();
    let client = progress::client(settings.api_port)?;
    let mut progress = Progress::watch(client, settings);
    let deadline = tokio::time::Instant::now() + timeout;
    let (errors, connection) = loop {
        tokio::select! {
            () = tokio::time::sleep_until(deadline) => {
                screen.finish();
                eprint(&format!("not Complete after {} s; {}", timeout.as_secs(), progress::goes_on(cluster)));
                return Ok(ExitCode::FAILURE);
            }
            // Ctrl-C reaches this process alone: what it started is in a group of its own.
            Wish::Stop = signals.next() => {
                screen.finish();
                eprint(&progress::goes_on(cluster));
                return Ok(ExitCode::FAILURE);
            }
            () = tokio::time::sleep(LOOK) => {
                if let Some(status) = child.try_wait()? {
                    screen.finish();
                    eprint(&format!("the cluster did not come up ({status}); the last words of {}:", log.display()));
                    eprint(&progress::tail(&log));
                    return Ok(ExitCode::FAILURE);
                }
            }
            news = progress.next() => match news {
                News::Line(line) => screen.show(line),
                News::Up { errors, connection } => break (errors, connection),
            },
        }
    };
    screen.finish();
    progress::farewell(cluster, &connection, &errors);
    eprint("\nThe cluster runs on; stop ends it, status shows it, configure changes it.");
    Ok(if errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn background(home: &Home, log: &Path) -> anyhow::Result<tokio::process::Child> {
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let program = std::env::current_exe()?;
    tokio::process::Command::new(&program)
        .args(["supervise", "--data"])
        .arg(home.root())
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}
