//! What happened, for metrics: read at any time, from any thread.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Since the start. A line counts in one of `shipped` and `dropped` once, or in neither while it waits.
#[derive(Debug, Default)]
pub struct Counters {
    shipped: AtomicU64,
    resent: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
    connections: AtomicU64,
    waiting: AtomicU64,
    connected: AtomicBool,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident, $add:ident;)+) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> u64 {
            self.$name.load(Relaxed)
        }

        pub(crate) fn $add(&self, count: u64) {
            self.$name.fetch_add(count, Relaxed);
        }
    )+};
}

impl Counters {
    counters! {
        /// Lines handed to the kernel.
        shipped, add_shipped;
        /// Lines handed to it again after a connection broke.
        resent, add_resent;
        /// Lines never handed to it: too many waited, or the end came first.
        dropped, add_dropped;
        /// Failed attempts to connect or send, and connections that broke.
        errors, add_errors;
        /// Times it connected.
        connections, add_connections;
    }

    /// Bytes of log that wait to be shipped.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    /// Whether there is a connection now.
    pub fn connected(&self) -> bool {
        self.connected.load(Relaxed)
    }

    pub(crate) fn set_waiting(&self, bytes: u64) {
        self.waiting.store(bytes, Relaxed);
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Relaxed);
    }
}
