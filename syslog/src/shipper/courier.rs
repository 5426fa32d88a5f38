//! The way to one server: connects, sends, says what is wrong, once per change.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::Server;
use crate::{
    batch::Batch,
    counters::Counters,
    encode::{Encoder, Format, Framing},
    spool::{Reader, Spool},
    target::Target,
    time::Zones,
    transport::{Connection, Trust},
};

/// Between two attempts to connect: the first time, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A connection that stands for so long is one: a server that takes it and closes it at once is away all the same.
const STOOD: Duration = Duration::from_secs(1);
/// Between two looks at a server that takes nothing.
const STALL: Duration = Duration::from_millis(100);
/// Datagrams are lost in silence where the receiver's buffer is full: so many bytes, then a pause.
const BURST: (usize, Duration) = (32 * 1024, Duration::from_millis(2));

pub(super) struct Courier {
    pub(super) server: Server,
    pub(super) encoder: Encoder,
    connection: Option<Connection>,
    trust: Option<Trust>,
    batch: Batch,
    counters: Arc<Counters>,
    backoff: Duration,
    due: Option<Instant>,
    /// When the connection was made.
    opened: Instant,
    /// Since when there is no connection, and what was said last about it.
    away: Option<(Instant, String)>,
    /// Dropped before this absence.
    dropped: u64,
}

/// How a round of sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// All that could be read.
    All,
    /// Time was up.
    Some,
    /// There is no connection.
    Nothing,
}

impl Courier {
    pub(super) fn new(server: Server, counters: Arc<Counters>) -> Self {
        let stream = server.target.is_stream();
        let unix = matches!(server.target, Target::Unix(_));
        let encoder = Encoder {
            format: if unix { Format::Rfc3164 } else { server.format },
            framing: if stream { Framing::Counted } else { Framing::Datagram },
            facility: server.facility,
            longest: server.target.longest(),
            zones: Zones::system(),
        };
        Self {
            server,
            encoder,
            connection: None,
            trust: None,
            batch: Batch::default(),
            counters,
            backoff: BACKOFF.0,
            due: None,
            opened: Instant::now(),
            away: None,
            dropped: 0,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// How long until the next attempt to connect.
    pub(super) fn due_in(&self, now: Instant) -> Duration {
        self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
    }

    /// Connects if it is time to; `hurried`: it is.
    pub(super) fn connect(&mut self, spool: &mut Spool, now: Instant, hurried: bool) {
        if self.connection.is_some() && now.duration_since(self.opened) >= STOOD {
            self.backoff = BACKOFF.0;
            if let Some((since, _)) = self.away.take() {
                let (dropped, away) = (spool.dropped - self.dropped, (self.opened - since).as_secs_f64());
                info!(server = %self.server.target, dropped, "the syslog server is back after {away:.1} s");
            }
        }
        if self.connection.is_some() || (!hurried && self.due.is_some_and(|due| now < due)) {
            return;
        }
        match self.open() {
            Ok(connection) => {
                spool.rewind(connection.keep());
                if self.away.is_none() {
                    info!(server = %self.server.target, "logs go to the syslog server");
                }
                self.opened = now;
                self.connection = Some(connection);
                self.counters.add_connections(1);
                self.counters.set_connected(true);
            }
            Err(problem) => self.lost(spool, now, &problem),
        }
    }

    fn open(&mut self) -> Result<Connection, String> {
        if matches!(self.server.target, Target::Tls(_)) && self.trust.is_none() {
            // Read again after a failure: a file may be put right.
            self.trust =
                Some(Trust::new(self.server.authorities.as_deref()).map_err(|error| error.to_string())?);
        }
        Connection::open(&self.server.target, self.trust.as_ref()).map_err(|error| {
            self.trust = None;
            error.to_string()
        })
    }

    fn lost(&mut self, spool: &Spool, now: Instant, problem: &str) {
        self.counters.add_errors(1);
        self.counters.set_connected(false);
        self.connection = None;
        self.batch.clear();
        if self.away.is_none() {
            self.dropped = spool.dropped;
        }
        if self.away.as_ref().is_none_or(|(_, said)| said != problem) {
            warn!(server = %self.server.target, "no syslog server: {problem}; logs wait on disk");
        }
        let since = self.away.take().map_or(now, |(since, _)| since);
        self.away = Some((since, problem.to_owned()));
        // Not all brokers at once: the low digits of a clock are as good as chance.
        let jitter = Duration::from_micros(u64::from(std::process::id()) * 7919 % 50_000);
        self.due = Some(now + self.backoff + self.backoff.min(jitter));
        self.backoff = (self.backoff * 2).min(BACKOFF.1);
    }

    /// Sends until all is sent or `until` has come.
    pub(super) fn send(&mut self, spool: &mut Spool, until: Instant, last: bool) -> Sent {
        let Some(mut connection) = self.connection.take() else { return Sent::Nothing };
        match self.send_over(&mut connection, spool, until, last) {
            Ok(sent) => {
                self.connection = Some(connection);
                sent
            }
            Err(error) => {
                // Set back at once, so that what waits and what is kept is right while nobody is there.
                spool.rewind(connection.keep());
                self.lost(spool, Instant::now(), &error.to_string());
                Sent::Nothing
            }
        }
    }

    fn send_over(
        &mut self,
        connection: &mut Connection,
        spool: &mut Spool,
        until: Instant,
        last: bool,
    ) -> io::Result<Sent> {
        connection.check()?;
        let (mut burst, datagrams) = (0, !self.server.target.is_stream());
        loop {
            let now = Instant::now();
            if self.batch.is_empty() {
                self.encoder.zones.set_now(jiff::Timestamp::now());
                let mut reader = Reader {
                    encoder: &mut self.encoder,
                    now,
                    last,
                    program: self.server.program,
                    dropped: spool.dropped,
                };
                spool.fill(&mut self.batch, &mut reader)?;
                if self.batch.is_empty() {
                    spool.settled(0);
                    return Ok(Sent::All);
                }
            }
            let total = self.batch.bytes.len() as u64;
            while !self.batch.is_empty() {
                let sent = connection.send(&self.batch)?;
                if sent == 0 {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(Sent::Some);
                    }
                    connection.wait(left.min(STALL));
                    connection.check()?;
                    continue;
                }
                let counters = &self.counters;
                self.batch.hand(sent, |frame| spool.handed(frame, counters));
                burst += sent;
                if datagrams && burst >= BURST.0 {
                    std::thread::sleep(BURST.1);
                    burst = 0;
                }
            }
            spool.settled(total);
            if Instant::now() >= until {
                return Ok(Sent::Some);
            }
        }
    }

    /// Ends the connection in order.
    pub(super) fn close(&mut self, until: Instant) {
        if let Some(connection) = self.connection.take() {
            connection.close(until);
        }
    }
}
