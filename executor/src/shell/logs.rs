//! The sandbox's logs: shipped to syslog (D24, D44), and kept within their size (D39).
//!
//! The JVM writes its files itself and never waits for us: we read along, on a thread of our own. The files are also
//! where lines wait for a server that is away, so there is no second copy of them.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use api::launch::{LaunchContract, SyslogFormat};
use syslog::{
    Counters, Facility, Format, Identity, NoTarget, Options, Origin, Server, Shipper, Style, Watched,
};
use tracing::{info, warn};

use super::output::Stream;
use crate::command::LOGS;

/// How long the last lines may take when all else is done.
const PATIENCE: Duration = Duration::from_secs(2);
const MIB: u64 = 1024 * 1024;

/// The shipper, from the first start of the JVM on.
#[derive(Debug)]
pub(super) struct Logs {
    counters: Arc<Counters>,
    shipper: Option<Shipper>,
    files: Option<Vec<Watched>>,
}

impl Logs {
    /// What stands in stdout and stderr by now is not ours, but the agent's, who fetched the artifacts.
    pub(super) fn new() -> Self {
        Self { counters: Arc::default(), shipper: None, files: Some(files()) }
    }

    /// What happened to the lines so far.
    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// From now on so.
    pub(super) fn begin(&mut self, options: &Options, sandbox: &Path) {
        if let Some(shipper) = &self.shipper {
            return shipper.configure(options.clone());
        }
        if options.server.is_none() && options.limit.is_none() {
            return;
        }
        let files = self.files.take().unwrap_or_else(files);
        if !files.iter().any(|file| file.stream == "stdout") {
            warn!("stdout is no file: what the JVM writes there is neither shipped nor kept small");
        }
        let origin = Origin { files, directory: Some(sandbox.join(LOGS)) };
        match Shipper::start(options.clone(), origin, Arc::clone(&self.counters)) {
            Ok(shipper) => self.shipper = Some(shipper),
            Err(error) => warn!(%error, "logs are neither shipped nor kept small"),
        }
    }

    /// The JVM has ended: what it wrote last goes now.
    pub(super) fn hurry(&self) {
        if let Some(shipper) = &self.shipper {
            shipper.hurry();
        }
    }

    /// Ships the rest. Short where the server is away.
    pub(super) async fn finish(&mut self) {
        let Some(shipper) = self.shipper.take() else { return };
        match tokio::task::spawn_blocking(move || shipper.finish(PATIENCE)).await {
            Ok(summary) => info!(shipped = self.counters.shipped(), dropped = summary.dropped, "logs"),
            Err(error) => warn!(%error, "the last lines of the logs may not be shipped"),
        }
    }
}

/// What the contract says of logs.
pub(super) fn options(contract: &LaunchContract, task: &str) -> Options {
    let server = contract.logs.syslog.as_ref().and_then(|syslog| {
        // The scheduler has looked at them; a broker is not lost for them in any case.
        let target =
            syslog.uri.parse().inspect_err(|error: &NoTarget| warn!("logs are not shipped: {error}"));
        let facility = syslog
            .facility
            .parse()
            .inspect_err(|error| warn!("{error}: logs go under daemon"))
            .unwrap_or(Facility::DAEMON);
        Some(Server {
            target: target.ok()?,
            format: match syslog.format {
                SyslogFormat::Rfc5424 => Format::Rfc5424,
                SyslogFormat::Rfc3164 => Format::Rfc3164,
            },
            facility,
            authorities: syslog.ca_file.as_ref().map(Into::into),
            spool: u64::from(syslog.spool_mb) * MIB,
            program: syslog.executor,
        })
    });
    let data = [
        ("framework", contract.service.clone()),
        ("broker", contract.broker.to_string()),
        ("task", task.to_owned()),
        ("config", contract.config_id.to_string()),
    ];
    let identity = Identity {
        application: "kafka".to_owned(),
        process: None,
        program: ("kafka-executor".to_owned(), std::process::id()),
        data: data.map(|(name, value)| (name.to_owned(), value)).into(),
    };
    let limit = Some(u64::from(contract.logs.sandbox_mb) * MIB).filter(|limit| *limit > 0);
    Options { server, identity, limit }
}

/// The JVM's stdout and stderr, as far as they are files.
fn files() -> Vec<Watched> {
    let watched = |from: Stream, stream: &str, style: Style| {
        let path = from.path();
        if !std::fs::metadata(&path).ok()?.is_file() {
            return None;
        }
        let file =
            OpenOptions::new().read(true).write(true).open(&path).or_else(|_| File::open(&path)).ok()?;
        let start = file.metadata().ok()?.len();
        Some(Watched { file, stream: stream.to_owned(), style, start })
    };
    let inode = |watched: &Watched| watched.file.metadata().map(|found| (found.dev(), found.ino())).ok();
    let errors = watched(Stream::Err, "stderr", Style::Errors);
    let output = watched(Stream::Out, "stdout", Style::Log);
    match (output, errors) {
        // Both in one file: our own lines are in it, too.
        (Some(output), Some(errors)) if inode(&output) == inode(&errors) => {
            vec![Watched { stream: "stdout".to_owned(), ..errors }]
        }
        (output, errors) => output.into_iter().chain(errors).collect(),
    }
}

#[cfg(test)]
mod tests {
    use api::launch::{Logs, Syslog};

    use super::*;
    use crate::contract::tests::good;

    // D24, D39, D44
    #[test]
    fn what_the_contract_says() {
        let mut contract = good();
        contract.logs = Logs { syslog: None, sandbox_mb: 0 };
        let nothing = options(&contract, "T");
        assert_eq!((nothing.server, nothing.limit), (None, None));
        let syslog = Syslog {
            uri: "tls://log:6514".to_owned(),
            facility: "local3".to_owned(),
            format: SyslogFormat::Rfc3164,
            ca_file: Some("/ca.pem".to_owned()),
            spool_mb: 2,
            executor: true,
        };
        contract.logs = Logs { syslog: Some(syslog.clone()), sandbox_mb: 3 };
        let all = options(&contract, "T");
        let server = all.server.unwrap_or_else(|| panic!("a server"));
        assert_eq!(server.target.to_string(), "tls://log:6514");
        assert_eq!((server.format, server.spool, server.program), (Format::Rfc3164, 2 * MIB, true));
        assert_eq!(server.authorities, Some("/ca.pem".into()));
        assert_eq!(all.limit, Some(3 * MIB));
        assert!(all.identity.data.contains(&("task".to_owned(), "T".to_owned())));
        let wrong = Syslog { uri: "log".to_owned(), ..syslog };
        contract.logs = Logs { syslog: Some(wrong), sandbox_mb: 3 };
        assert_eq!(options(&contract, "T").server, None, "the broker runs all the same");
    }
}
