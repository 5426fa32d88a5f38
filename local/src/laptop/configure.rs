//! `configure NAME=VALUE…`: restarts the scheduler alone with a changed environment, as an edit in Marathon does (D47).

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::{
    args,
    environment::Configured,
    home::{Home, Part},
    identity::Identity,
    progress,
    screen::{eprint, print},
    settings::Settings,
};

/// How long the restarted scheduler may take to answer: its predecessor is given 20 s to end.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// Changes settings. Exit code 1 if the scheduler refuses them or does not come back, 2 if they are no settings at all.
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
    configured.save(&home.configured())?;

    let Some(supervisor) = Identity::running(&home.pid(Part::Supervisor)) else {
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
