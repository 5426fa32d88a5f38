//! `kafka-executor`: started by a Mesos agent, runs one Kafka broker.
//!
//! It takes no arguments: everything comes from the agent's environment and from the launch contract. Exit codes:
//! see [`executor::supervisor::ExitCode`].
#![expect(clippy::disallowed_methods, reason = "the agent tells it everything by its environment")]

use std::{io, process::ExitCode};

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Supervises one Kafka broker on a Mesos agent.
///
/// Started by a Mesos agent as a custom executor; its environment and the task's launch contract are all its
/// settings. The log goes to stderr, what of it is set by RUST_LOG.
#[derive(Parser)]
#[command(version)]
struct Args {}

fn main() -> ExitCode {
    let Args {} = Args::parse();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,executor=info,mesos=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    // One thread, the main one: it lives as long as the process, as the JVM's parent-death signal needs.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start the runtime");
            return ExitCode::from(executor::supervisor::ExitCode::Failed as u8);
        }
    };
    let code = runtime.block_on(executor::shell::run(environment));
    // Tasks still asking somebody something do not hold us up.
    runtime.shutdown_background();
    ExitCode::from(code as u8)
}
