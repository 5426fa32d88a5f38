//! The log: lines for people on stderr, or one JSON object per line.

use std::io::IsTerminal as _;

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::config::{LogFormat, Process};

/// Starts logging for the whole process; a second call does nothing.
pub fn init(process: &Process) {
    // Validated when the configuration was read.
    let filter: Targets =
        process.log_level.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let layer = match process.log_format {
        LogFormat::Text => {
            let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            layer.with_ansi(std::io::stderr().is_terminal()).boxed()
        }
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}

/// An error with all its causes in one line, for logs and messages.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
