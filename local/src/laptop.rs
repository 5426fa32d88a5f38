//! The laptop cluster: one command that brings up ZooKeeper, the embedded Mesos, the scheduler and, through offers, real
//! Kafka brokers, and takes them down again without leaving a process behind (D47).
//!
//! - pure: [`args`], [`settings`], [`environment`], [`memory`], [`preflight`], [`picture`], [`ports`], [`backoff`];
//! - looking at the machine: [`facts`], [`java`], [`holder`], [`distribution`], [`identity`], [`home`],
//!   [`check`];
//! - processes: [`child`] starts and ends one, [`supervisor`] keeps them running, [`sweep`] finds what is left,
//!   [`stop`] ends them all in order, [`cluster`] is the loop around, over [`signals`] among others;
//! - commands: [`up`], [`configure`], [`status`], [`tool`].
//!
//! Every process is known by pid, start time and boot, so that a number in use again is never signalled.

#![expect(
    clippy::disallowed_methods,
    reason = "kafka-local is a shell: it waits for processes, reads its environment and spawns what it aborts on drop"
)]

pub mod args;
pub mod backoff;
pub mod check;
pub mod child;
pub mod cluster;
pub mod configure;
pub mod distribution;
pub mod environment;
pub mod facts;
pub mod holder;
pub mod home;
pub mod identity;
pub mod java;
pub mod memory;
pub mod mesos;
pub mod picture;
pub mod ports;
pub mod preflight;
pub mod progress;
pub mod screen;
pub mod settings;
pub mod signals;
pub mod status;
pub mod stop;
pub mod supervisor;
pub mod sweep;
pub mod tool;
pub mod up;
pub mod zookeeper;

use std::process::ExitCode;

use args::{Cli, Command};
use home::Home;

/// The environment of this process. A variable that is not UTF-8 is left out: no setting of ours can be one.
pub fn inherited() -> environment::Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Does what the command line says.
///
/// # Errors
/// What the machine refuses on the way; exit code 1.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => up::run(&cli.up).await,
        Some(Command::Up(up)) => up::run(&up).await,
        Some(Command::Stop(place)) => {
            let home = Home::existing(&place.data)?;
            let any = stop::cluster(&home, |line| screen::eprint(&line)).await;
            screen::print(if any { "stopped" } else { "nothing ran" });
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Status(place)) => status::run(&place).await,
        Some(Command::Configure(arguments)) => configure::run(&arguments).await,
        Some(Command::Tool(tool)) => {
            Err(tool::run(&Home::existing(&tool.place.data)?, &tool.name, &tool.arguments).await)
        }
        Some(Command::Supervise(place)) => up::supervise(&place).await,
    }
}
