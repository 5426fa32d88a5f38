//! The log: lines for people on stderr, or one JSON object per line; and beside it to syslog, where asked (D24).
//!
//! What goes to syslog is written once more, into a file without a name, and read from there by a thread of its own, so
//! that nobody who logs ever waits for a server. The file is where lines wait; its space is given back behind them.

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    sync::Arc,
    time::Duration,
};

use syslog::{Facility, Format, Identity, Options, Origin, Server, Shipper, Style, Watched};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::config::{LogFormat, Process, Settings, Syslog, SyslogFormat};

/// How much of the log may wait for the syslog server, in bytes; what is beyond is dropped, and counted.
const SPOOL: u64 = 16 * 1024 * 1024;
/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What logging needs until the end.
#[derive(Debug)]
#[must_use = "the last lines are shipped by `finish`"]
pub struct Log {
    shipper: Option<Shipper>,
}

impl Log {
    /// Ships the rest. Short where the server is away.
    pub fn finish(self) {
        if let Some(shipper) = self.shipper {
            // It says itself what never arrived.
            shipper.finish(PATIENCE);
        }
    }
}

/// Starts logging for the whole process; after a first call it does nothing.
pub fn init(settings: &Settings) -> Log {
    let process = &settings.process;
    let (copy, read) = match process.syslog.as_ref().map(|syslog| (syslog, copy())) {
        Some((syslog, Ok((written, read)))) => (Some(written), Some((syslog, Ok(read)))),
        Some((syslog, Err(error))) => (None, Some((syslog, Err(error)))),
        None => (None, None),
    };
    subscribe(process, copy);
    let started = read.map(|(syslog, file)| {
        Shipper::start(options(syslog, &settings.service.framework.name)?, origin(file?), Arc::default())
    });
    let shipper = started.and_then(|started| {
        started.inspect_err(|error| tracing::error!(%error, "this log does not go to syslog")).ok()
    });
    Log { shipper }
}

fn subscribe(process: &Process, copy: Option<File>) {
    // Validated when the configuration was read.
    let filter: Targets =
        process.log_level.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    // First: fields of spans are formatted once, by whoever comes first, and here without colours.
    if let Some(copy) = copy {
        layers.push(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Arc::new(copy)).boxed());
    }
    layers.push(match process.log_format {
        LogFormat::Text => {
            let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            layer.with_ansi(std::io::stderr().is_terminal()).boxed()
        }
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed(),
    });
    let _ = tracing_subscriber::registry().with(layers.with_filter(filter)).try_init();
}

/// A file without a name, once for writing and once for reading.
fn copy() -> io::Result<(File, File)> {
    let file = tempfile::tempfile()?;
    Ok((file.try_clone()?, file))
}

fn origin(file: File) -> Origin {
    let watched = Watched { file, stream: "log".to_owned(), style: Style::Program, start: 0 };
    Origin { files: vec![watched], directory: None }
}

fn options(syslog: &Syslog, framework: &str) -> io::Result<Options> {
    // Validated when the configuration was read.
    let server = Server {
        target: syslog.uri.parse().map_err(io::Error::other)?,
        format: match syslog.format {
            SyslogFormat::Rfc5424 => Format::Rfc5424,
            SyslogFormat::Rfc3164 => Format::Rfc3164,
        },
        facility: syslog.facility.parse().unwrap_or(Facility::DAEMON),
        authorities: syslog.ca_file.as_ref().map(Into::into),
        spool: SPOOL,
        program: true,
    };
    let program = ("kafka-scheduler".to_owned(), std::process::id());
    let identity = Identity {
        application: program.0.clone(),
        process: Some(program.1),
        program,
        data: vec![("framework".to_owned(), framework.to_owned())],
    };
    Ok(Options { server: Some(server), identity, limit: Some(SPOOL) })
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

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use std::sync::{LazyLock, Mutex};

    use super::*;

    /// While there is one subscriber alone, whichever thread first comes to a line decides for all threads whether anybody
    /// wants it; with two, both are asked.
    static SECOND: LazyLock<tracing::Dispatch> =
        LazyLock::new(|| tracing::Dispatch::new(Registry::default()));

    /// What is logged while it is there, on this thread.
    #[derive(Clone, Default)]
    pub(in crate::shell) struct Logged(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Logged {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Logged {
        /// Writes everything here, as the scheduler's own log does.
        pub(in crate::shell) fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync {
            LazyLock::force(&SECOND);
            let writer = self.clone();
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(move || writer.clone())
                .with_ansi(false)
                .without_time()
                .finish()
        }

        pub(in crate::shell) fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }
}
