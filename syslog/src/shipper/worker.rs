//! What the thread does, turn by turn.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::{
    Identity, Options, Origin, Summary,
    courier::{Courier, Sent},
};
use crate::{counters::Counters, encode::Label, spool::Spool, target::Target};

/// Between two looks at the files while something comes, and at most: where nothing does, each pause is longer than the
/// one before, so that a line that comes after a long silence waits a second, and the next one does not.
const LOOK: Duration = Duration::from_millis(200);
const IDLE: Duration = Duration::from_secs(1);
/// Longest that is sent between two looks, and that nobody else is listened to.
const SLICE: Duration = Duration::from_millis(100);
/// How long a server may take to read the end.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Worker {
    options: Options,
    spool: Spool,
    courier: Option<Courier>,
    counters: Arc<Counters>,
    looked: Option<Instant>,
    /// Between the last look and the next one.
    pause: Duration,
    /// What was said last about the files.
    problem: Option<String>,
}

impl Worker {
    pub(super) fn new(options: Options, origin: Origin, counters: Arc<Counters>) -> Self {
        let now = Instant::now();
        let mut spool = Spool::new(origin.directory);
        for watched in origin.files {
            spool.adopt(watched.file, watched.stream, watched.style, watched.start, now);
        }
        let courier = options.server.clone().map(|server| Courier::new(server, Arc::clone(&counters)));
        let mut worker = Self { options, spool, courier, counters, looked: None, pause: LOOK, problem: None };
        worker.label();
        worker
    }

    /// Tells each source who speaks in it.
    fn label(&mut self) {
        let host =
            nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let local =
            self.options.server.as_ref().is_some_and(|server| matches!(server.target, Target::Unix(_)));
        let Identity { application, process, program, data } = &self.options.identity;
        for source in &mut self.spool.sources {
            let stream = source.stream.as_str();
            let mut all: Vec<(&str, &str)> =
                data.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            all.push(("stream", stream));
            let label = Label::new(&host, application, *process, stream, &all);
            let program = Label::new(&host, &program.0, Some(program.1), stream, &all);
            source.label = if local { label.local() } else { label };
            source.program = if local { program.local() } else { program };
        }
    }

    pub(super) fn configure(&mut self, options: Options) {
        if options.server != self.options.server {
            if let Some(mut courier) = self.courier.take() {
                courier.close(Instant::now());
            }
            if self.options.server.is_none() {
                // Until now nobody read along: what is old stays where it is.
                self.spool.skip();
            }
            self.counters.set_connected(false);
            self.courier =
                options.server.clone().map(|server| Courier::new(server, Arc::clone(&self.counters)));
        }
        self.options = options;
        self.label();
    }

    /// One look, and sending for a while; how long to pause then.
    pub(super) fn turn(&mut self, hurried: bool) -> Duration {
        let now = Instant::now();
        if hurried || self.looked.is_none_or(|looked| now.duration_since(looked) >= self.pause) {
            self.looked = Some(now);
            self.look(now);
            self.pause = if self.spool.has_grown(now) { LOOK } else { (self.pause * 2).min(IDLE) };
        }
        let Some(courier) = &mut self.courier else { return self.pause };
        courier.connect(&mut self.spool, now, hurried);
        let sent = courier.send(&mut self.spool, now + SLICE, false);
        self.counters.set_waiting(self.spool.waiting());
        match sent {
            Sent::All => self.pause,
            // It may be time to connect before it is time to look.
            Sent::Nothing => courier.due_in(now).max(LOOK).min(self.pause),
            Sent::Some => Duration::ZERO,
        }
    }

    /// Looks at the files, and keeps what waits and what the disk holds within limits.
    fn look(&mut self, now: Instant) {
        let result = self.keep_small(now);
        let problem = result.err().map(|error| error.to_string());
        if problem != self.problem {
            match &problem {
                Some(problem) => warn!("cannot follow the logs or keep them small: {problem}"),
                None => info!("the logs are followed again"),
            }
            self.problem = problem;
        }
    }

    fn keep_small(&mut self, now: Instant) -> io::Result<()> {
        if self.spool.refresh(now)? {
            self.label();
        }
        if let Some(server) = &self.options.server {
            let before = self.spool.dropped;
            let dropped = self.spool.drop_beyond(server.spool, server.program)?;
            self.counters.add_dropped(dropped);
            if before == 0 && dropped > 0 {
                warn!(
                    spool = server.spool,
                    "more log waits for the syslog server than the spool holds: the oldest lines are dropped"
                );
            }
        }
        self.spool.tidy(self.options.limit, self.options.server.is_some())
    }

    /// The last turn.
    pub(super) fn finish(&mut self, until: Instant) -> Summary {
        let now = Instant::now();
        self.look(now);
        let Some(server) = self.options.server.clone() else { return Summary::default() };
        if let Some(courier) = &mut self.courier {
            let mut attempts = 0;
            loop {
                let now = Instant::now();
                // One attempt: a server that is away is no reason to stay.
                if !courier.is_connected() {
                    attempts += 1;
                    if attempts > 2 || now >= until {
                        break;
                    }
                    courier.connect(&mut self.spool, now, true);
                }
                match courier.send(&mut self.spool, until, true) {
                    Sent::All => break,
                    Sent::Some if Instant::now() >= until => break,
                    Sent::Some | Sent::Nothing => {}
                }
            }
            courier.close(until.min(Instant::now() + LINGER));
        }
        let unsent = self.spool.unsent(server.program).unwrap_or(0);
        self.counters.add_dropped(unsent);
        self.counters.set_waiting(0);
        self.counters.set_connected(false);
        let summary = Summary { dropped: self.counters.dropped(), unsent };
        if summary.dropped > 0 {
            warn!(unsent, dropped = summary.dropped, "lines that the syslog server never got");
        }
        summary
    }
}
