#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::Path};

use super::*;

/// Settings with nothing listening at the master's address.
fn settings(state: &Path, api_port: u16) -> Settings {
    settings_at("127.0.0.1:1", state, api_port)
}

fn settings_at(master: &str, state: &Path, api_port: u16) -> Settings {
    let env: BTreeMap<String, String> = [
        ("MESOS_MASTER", master.to_owned()),
        ("SCHEDULER_STATE_URI", format!("file://{}", state.display())),
        ("FRAMEWORK_USER", "kafka".to_owned()),
        ("LISTEN_ADDRESS", "127.0.0.1".to_owned()),
        ("PORT1", api_port.to_string()),
        ("KAFKA_URI", "file:///k.tgz".to_owned()),
        ("EXECUTOR_URI", "file:///e".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    Settings::from_env(&env).unwrap()
}

async fn exit_of(settings: Settings) -> Exit {
    let run = run(settings, CancellationToken::new());
    let failure = tokio::time::timeout(Duration::from_secs(20), run).await.unwrap().unwrap_err();
    failure.exit()
}

// S-047, D39: before anything is bound or stored.
#[tokio::test]
async fn files_of_the_api_that_cannot_be_read_are_its_own_exit() {
    let temp = tempfile::tempdir().unwrap();
    let mut settings = settings(&temp.path().join("state"), 0);
    settings.process.access.tokens = Some(temp.path().join("tokens"));
    assert_eq!(exit_of(settings).await, Exit::Configuration);
    assert!(!temp.path().join("state").exists());
}

#[tokio::test]
async fn an_address_in_use_is_its_own_exit() {
    let temp = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(exit_of(settings(temp.path(), taken.local_addr().unwrap().port())).await, Exit::Listen);
}

#[tokio::test]
async fn state_that_is_not_ours_or_held_by_another_is_its_own_exit() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("state"), "diary").unwrap();
    assert_eq!(exit_of(settings(temp.path(), 0)).await, Exit::State);

    let temp = tempfile::tempdir().unwrap();
    let _held = FileStore::open(temp.path()).unwrap();
    assert_eq!(exit_of(settings(temp.path(), 0)).await, Exit::State);
}

/// The first target is durable before Mesos has answered, a stop leaves nothing behind, and the next start reads it.
#[tokio::test]
async fn stores_its_target_at_once_stops_cleanly_and_starts_again() {
    let temp = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(settings(temp.path(), 0), stop.clone()));
        let stored = async {
            while !temp.path().join("state").exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), stored).await.unwrap();
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap().unwrap();
    }
    // The lock is free, and what was stored is a state.
    let records = FileStore::open(temp.path()).unwrap().load().await.unwrap();
    assert!(records.keys().any(|key| key.starts_with("configs/")), "{:?}", records.keys());
}

/// A master that says no, in the fewest words that are HTTP.
#[tokio::test]
async fn a_master_that_refuses_us_is_its_own_exit() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let master = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = master.local_addr().unwrap().to_string();
    let mut served = JoinSet::new();
    served.spawn(async move {
        let (mut stream, _) = master.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
        // Held open until the test ends.
        std::future::pending::<()>().await;
    });
    let temp = tempfile::tempdir().unwrap();
    assert_eq!(exit_of(settings_at(&address, temp.path(), 0)).await, Exit::Refused);
}
