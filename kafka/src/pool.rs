//! Connections that wait for their next question, so that it costs one round trip.
//!
//! A connection is lent to one question at a time. It comes back when its [`Lent`] is dropped, unless a request on it was
//! cut off: then it is closed, and its broker is tried last for [`SHUNNED`], since it may hang again. What lay idle is
//! lent only if the broker has not closed it meanwhile.
//! Bounded: [`IDLE_CONNECTIONS`] idle ones for each broker, the rest is closed on return; none older than [`IDLE`].
#![expect(clippy::disallowed_methods, reason = "how long something lay idle is a matter of the real clock")]

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::client::{Connection, Error, Options};

/// Idle connections kept for each broker.
pub const IDLE_CONNECTIONS: usize = 4;
/// How long one is kept. Brokers close theirs after ten minutes (`connections.max.idle.ms`).
pub const IDLE: Duration = Duration::from_secs(60);
/// How long a broker that failed is tried last.
pub const SHUNNED: Duration = Duration::from_secs(10);

/// Idle connections, by broker (`host:port`).
#[derive(Debug)]
pub(crate) struct Pool {
    options: Options,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    idle: BTreeMap<String, Vec<Idle>>,
    failed: BTreeMap<String, Instant>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection, for one question after another until it is dropped.
#[derive(Debug)]
pub struct Lent<'a> {
    pool: &'a Pool,
    /// Taken only by `drop`.
    connection: Option<Connection>,
}

impl Pool {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, state: Mutex::default() }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// A connection to the broker at `address`: an idle one, or a new one.
    pub(crate) async fn connect(&self, address: &str) -> Result<Lent<'_>, Error> {
        while let Some(mut connection) = self.take(address) {
            if connection.is_open() {
                return Ok(Lent { pool: self, connection: Some(connection) });
            }
        }
        match Connection::connect(address, &self.options).await {
            Ok(connection) => {
                self.state().failed.remove(address);
                Ok(Lent { pool: self, connection: Some(connection) })
            }
            Err(error) => {
                self.state().failed.insert(address.to_owned(), Instant::now());
                Err(error)
            }
        }
    }

    /// `addresses` in the order to try them: those that failed lately last.
    pub(crate) fn order(&self, mut addresses: Vec<String>) -> Vec<String> {
        let mut state = self.state();
        state.failed.retain(|_, since| since.elapsed() < SHUNNED);
        addresses.sort_by_key(|address| state.failed.contains_key(address));
        addresses
    }

    fn take(&self, address: &str) -> Option<Connection> {
        let mut state = self.state();
        // All of them, so that those of a broker that is gone do not stay.
        state.idle.retain(|_, idle| {
            idle.retain(|idle| idle.since.elapsed() < IDLE);
            !idle.is_empty()
        });
        Some(state.idle.get_mut(address)?.pop()?.connection)
    }

    fn give_back(&self, connection: Connection) {
        let address = connection.address().to_owned();
        let (mut state, now) = (self.state(), Instant::now());
        if !connection.is_usable() {
            state.failed.insert(address, now);
            return;
        }
        let idle = state.idle.entry(address).or_default();
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(Idle { connection, since: now });
        }
    }

    /// Nothing panics while it is held, and each change of it is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Lent<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("there until dropped")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("there until dropped")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.give_back(connection);
        }
    }
}

#[cfg(test)]
mod tests;
