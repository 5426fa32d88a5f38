//! Against real rsyslogd: what it understands of what is sent to it, and what arrives though it is killed.
//!
//! `scripts/install.sh --tests` installs it; where it is missing these tests fail.
#![allow(clippy::disallowed_methods, reason = "a test keeps deadlines, threads and variables of its own")]
#![allow(clippy::unwrap_used, missing_docs)] // a failed unwrap is a failed test

mod content;
mod outage;
mod server;

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use syslog::{Facility, Format, Identity, Options, Origin, Server, Shipper, Style, Target, Watched};

/// Longest anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn options(target: Target, format: Format, authorities: Option<&Path>, spool: u64) -> Options {
    let server = Server {
        target,
        format,
        facility: "local3".parse::<Facility>().unwrap(),
        authorities: authorities.map(Path::to_owned),
        spool,
        program: true,
    };
    let data = [("framework", "kafka"), ("broker", "1"), ("task", "broker-1__\"9]\\"), ("config", "c7")];
    let identity = Identity {
        application: "kafka".to_owned(),
        process: None,
        program: ("kafka-executor".to_owned(), 77),
        data: data.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    };
    Options { server: Some(server), identity, limit: None }
}

fn follow(options: Options, path: &Path, style: Style) -> Shipper {
    let file = OpenOptions::new().read(true).append(true).create(true).open(path).unwrap();
    let stream = path.file_name().unwrap().to_str().unwrap().to_owned();
    let files = vec![Watched { file, stream, style, start: 0 }];
    Shipper::start(options, Origin { files, directory: None }, Arc::default()).unwrap()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}
