//! Real ZooKeeper and real Kafka for a test: from `scripts/fetch-kafka.sh`, on loopback, on free ports, in a temporary
//! directory below the target directory, each JVM in a process group of its own that is gone when its value is dropped.
//! `setpriv` also ends them when the thread that started them ends, however it does.

#[path = "harness/jvm.rs"]
mod jvm; // by path, since healthcheck's tests use this file too
#[path = "harness/single.rs"]
mod single;

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

#[allow(unused_imports, reason = "not every crate that uses this file runs tools")]
pub(crate) use jvm::{Jvm, Printed, Tool};
pub(crate) use single::{Broker, ZooKeeperServer};

/// Longest anything is waited for. Two seconds are usual; three brokers that start on two busy processors took 50.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A port nobody listens on, for a server that must be told one. It lies below those that the kernel gives to whoever
/// connects, and each process looks from another place on, so it is free when the server comes to it.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap();
    loop {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("127.0.0.1", FIRST + offset)).is_ok() {
            return FIRST + offset;
        }
    }
}

/// Asks until there is an answer; fails the test when there is none in time.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
