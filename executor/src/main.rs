//! `kafka-executor`: started by a Mesos agent, runs one Kafka broker.
//!
//! It takes no arguments: everything comes from the agent's environment and from the launch contract. Exit codes:
//! see [`executor::supervisor::ExitCode`].
#![expect(clippy::disallowed_methods, reason = "the agent tells it everything by its environment")]

use std::{io, process::ExitCode};

use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

const HELP: &str = "\
Supervises one Kafka broker on a Mesos agent.

Started by a Mesos agent as a custom executor; its environment and the task's launch contract are all its settings.
The log goes to stderr, what of it is set by RUST_LOG.

Usage: kafka-executor [--help | --version]
";

/// Two options and no setting: a parser of arguments would be a tenth of this process's memory.
fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => run(),
        Some("--help" | "-h") => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Some("--version" | "-V") => {
            println!("kafka-executor {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("kafka-executor: unexpected argument {other:?}\n\n{HELP}");
            ExitCode::from(executor::supervisor::ExitCode::Environment as u8)
        }
    }
}

fn run() -> ExitCode {
    // Targets and levels. A filter of spans and fields too brings regular expressions along, another tenth.
    let usual = || {
        Targets::new()
            .with_default(Level::WARN)
            .with_target("executor", Level::INFO)
            .with_target("mesos", Level::INFO)
            .with_target("syslog", Level::INFO)
    };
    let filter: Targets =
        std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok()).unwrap_or_else(usual);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(layer).with(filter).init();
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
