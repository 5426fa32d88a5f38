//! The shipper: a thread of its own, so that neither a slow disk nor a slow server holds up anybody else.

#![expect(clippy::disallowed_methods, reason = "the shipper is a shell: it has a clock and waits by it")]

mod courier;
mod worker;

use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use tracing::warn;

use self::worker::Worker;
use crate::{counters::Counters, encode::Format, line::Style, severity::Facility, target::Target};

/// What to do with the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where messages go; `None`: nowhere, the files are only kept small.
    pub server: Option<Server>,
    /// Who speaks.
    pub identity: Identity,
    /// How much disk all files together may take, in bytes; `None`: any.
    pub limit: Option<u64>,
}

/// A syslog server, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Which.
    pub target: Target,
    /// In which format; a unix socket gets RFC 3164 in any case (D44).
    pub format: Format,
    /// Under which facility.
    pub facility: Facility,
    /// PEM file of authorities to trust; `None`: the system's.
    pub authorities: Option<PathBuf>,
    /// How much may wait for it, in bytes.
    pub spool: u64,
    /// Whether lines of `tracing` among a program's errors are shipped: those of the program that started it.
    pub program: bool,
}

/// Who speaks, as messages say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of the application.
    pub application: String,
    /// Its process, if that is known and stays the same.
    pub process: Option<u32>,
    /// Name and process of the program that ships, for its own lines and for notices.
    pub program: (String, u32),
    /// Structured data.
    pub data: Vec<(String, String)>,
}

/// A file to follow from the start.
#[derive(Debug)]
pub struct Watched {
    /// Open for reading, and for writing if it is to be kept small.
    pub file: File,
    /// Its name in messages.
    pub stream: String,
    /// Its lines.
    pub style: Style,
    /// Where to begin.
    pub start: u64,
}

/// The files.
#[derive(Debug, Default)]
pub struct Origin {
    /// Single files.
    pub files: Vec<Watched>,
    /// A directory whose `*.log` and rotated `*.log.*` are followed, also when it comes into being later.
    pub directory: Option<PathBuf>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines never handed to the kernel, of the whole run.
    pub dropped: u64,
    /// Those among them that were left at the end.
    pub unsent: u64,
}

enum Command {
    Configure(Box<Options>),
    Hurry,
    Finish { until: Instant, done: SyncSender<Summary> },
}

/// Commands that wait for a thread stuck in a name server or a disk; beyond them they are lost, and that is said.
const COMMANDS: usize = 64;

/// The running shipper. Dropped without [`Shipper::finish`] it ends without a last look at the files.
#[derive(Debug)]
pub struct Shipper {
    commands: SyncSender<Command>,
    counters: Arc<Counters>,
}

impl Shipper {
    /// Starts it.
    ///
    /// # Errors
    /// If no thread can be had.
    pub fn start(options: Options, origin: Origin, counters: Arc<Counters>) -> io::Result<Self> {
        let (shipper, received) = Self::unattended(Arc::clone(&counters));
        let shared = counters;
        std::thread::Builder::new()
            .name("syslog".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || run(options, origin, shared, &received))?;
        Ok(shipper)
    }

    /// One whose commands nobody reads yet.
    fn unattended(counters: Arc<Counters>) -> (Self, Receiver<Command>) {
        let (commands, received) = sync_channel(COMMANDS);
        (Self { commands, counters }, received)
    }

    /// What happened so far.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// From now on so, the last one counts. Never waits. Messages read before may carry the new identity.
    pub fn configure(&self, options: Options) {
        // A thread that is gone has said why.
        if let Err(TrySendError::Full(_)) = self.commands.try_send(Command::Configure(Box::new(options))) {
            warn!("the log shipper is stuck, and does not hear of its new configuration");
        }
    }

    /// Something was written that matters: looks at once, and tries to connect at once.
    pub fn hurry(&self) {
        let _full_is_awake = self.commands.try_send(Command::Hurry);
    }

    /// Ships what is there, to the last byte, and ends. Gives up after `patience`, or when no connection can be had.
    pub fn finish(self, patience: Duration) -> Summary {
        let (done, finished) = sync_channel(1);
        let until = Instant::now() + patience;
        if self.commands.try_send(Command::Finish { until, done }).is_err() {
            return Summary::default();
        }
        // A name server may hold up the thread longer than any deadline.
        finished.recv_timeout(patience + Duration::from_secs(1)).unwrap_or_default()
    }
}

fn run(options: Options, origin: Origin, counters: Arc<Counters>, commands: &Receiver<Command>) {
    let mut worker = Worker::new(options, origin, counters);
    let mut hurried = false;
    loop {
        let pause = worker.turn(hurried);
        hurried = false;
        match commands.recv_timeout(pause) {
            Ok(Command::Configure(options)) => worker.configure(*options),
            Ok(Command::Hurry) => hurried = true,
            Ok(Command::Finish { until, done }) => {
                let summary = worker.finish(until);
                let _nobody_waits = done.send(summary);
                return;
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests;
