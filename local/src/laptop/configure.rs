//! `configure NAME=VALUE…`: restarts the scheduler alone with a changed environment, as an edit in Marathon does (D47).

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::{
    args, check, distribution,
    environment::Configured,
    facts,
    home::{Home, Part},
    identity::Identity,
    memory, progress,
    screen::{eprint, print},
    settings::Settings,
};

/// How long the restarted scheduler may take to answer: its predecessor is given 20 s to end.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// Changes settings. A change that the scheduler would not even start with is not made: it would only leave the cluster
/// without a scheduler. One that it refuses on its plan (S-046) is made. Exit code 1 if the scheduler refuses them or does not come back, 2 if they are no settings at all.
///
/// # Errors
/// If the data directory cannot be read or written.
pub async fn run(arguments: &args::Configure) -> anyhow::Result<ExitCode> {
    let changes = match Configured::parse(&arguments.changes) {
        Ok(changes) => changes,
        Err(wrong) => {
            wrong.iter().for_each(|line| eprint(line));
            return Ok(ExitCode::from(2));
        }
    };
    let home = Home::existing(&arguments.place.data)?;
    let settings = Settings::load(&home.settings())?.context("this cluster was never started")?;
    let mut configured = Configured::load(&home.configured())?;
    configured.extend(changes);
    let supervisor = Identity::running(&home.pid(Part::Supervisor));
    // The environment that counts is the one the cluster was started with, not the one of this command.
    let inherited = supervisor.as_ref().and_then(Identity::environment).unwrap_or_else(super::inherited);
    let source = distribution::source(&inherited).ok();
    let programs = facts::programs()?;
    let mut mistakes =
        check::mistakes(&inherited, &configured, &settings, source.as_ref(), &home, &programs).await;
    mistakes.extend(memory::problem(&inherited, &configured, &settings));
    if !mistakes.is_empty() {
        eprint("nothing was changed:");
        mistakes.iter().for_each(|line| eprint(line));
        return Ok(ExitCode::FAILURE);
    }
    configured.save(&home.configured())?;

    let Some(supervisor) = supervisor else {
        print("kept; kafka-local does not run, the next start uses it");
        return Ok(ExitCode::SUCCESS);
    };
    let before = Identity::running(&home.pid(Part::Scheduler));
    supervisor.signal(Signal::SIGUSR1);
    let client = progress::client(settings.api_port)?;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = Identity::running(&home.pid(Part::Scheduler));
        if now.is_some()
            && now != before
            && let Ok(plan) = client.plan().await
        {
            let plan = plan.body;
            print(&format!("scheduler restarted; plan {}", plan.status));
            plan.errors.iter().for_each(|error| eprint(error));
            return Ok(if plan.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if Instant::now() >= deadline {
            let log = home.log(Part::Scheduler);
            eprint(&format!("the scheduler does not answer; the last words of {}:", log.display()));
            eprint(&progress::tail(&log));
            return Ok(ExitCode::FAILURE);
        }
        tokio::time::sleep(LOOK).await;
    }
}
