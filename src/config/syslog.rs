//! A syslog server as settings give it (D24): the brokers' logs go to one, the scheduler's own may go to another.

use super::{SyslogFormat, process::is_host_port, read::Reader, redact};

/// Where the scheduler's own log goes beside stderr, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// `udp://`, `tcp://`, `tls://` or `unix://`.
    pub uri: String,
    /// Under which facility.
    pub facility: String,
    /// In which format.
    pub format: SyslogFormat,
    /// PEM file of the authorities that `tls://` trusts; `None`: the system's.
    pub ca_file: Option<String>,
}

/// What is given, with or without a server.
pub(super) struct Given {
    pub(super) uri: Option<String>,
    pub(super) facility: String,
    pub(super) format: SyslogFormat,
    pub(super) ca_file: Option<String>,
}

/// The names of one server's settings.
struct Names {
    uri: &'static str,
    facility: &'static str,
    format: &'static str,
    ca_file: &'static str,
}

/// The facilities of RFC 5424, by the names that syslog configurations use.
const FACILITIES: [&str; 20] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// The server of the brokers' logs.
pub(super) fn broker(reader: &mut Reader<'_>) -> Given {
    let names = Names {
        uri: "BROKER_SYSLOG_URI",
        facility: "BROKER_SYSLOG_FACILITY",
        format: "BROKER_SYSLOG_FORMAT",
        ca_file: "BROKER_SYSLOG_CA_FILE",
    };
    read(reader, &names, "is no absolute path: it is read on the agents")
}

/// The server of the scheduler's own log, if it has one.
pub(super) fn scheduler(reader: &mut Reader<'_>) -> Option<Syslog> {
    let names = Names {
        uri: "SCHEDULER_SYSLOG_URI",
        facility: "SCHEDULER_SYSLOG_FACILITY",
        format: "SCHEDULER_SYSLOG_FORMAT",
        ca_file: "SCHEDULER_SYSLOG_CA_FILE",
    };
    let Given { uri, facility, format, ca_file } = read(reader, &names, "is no absolute path");
    uri.map(|uri| Syslog { uri, facility, format, ca_file })
}

fn read(reader: &mut Reader<'_>, names: &Names, relative: &str) -> Given {
    let uri = reader.given(names.uri);
    if let Some(uri) = uri.filter(|uri| !is_server(uri)) {
        let shown = redact::uri(uri);
        reader.error(
            names.uri,
            format!("{shown:?} is no syslog server: write udp://host:514, tcp://host:514, tls://host:6514 or unix:///dev/log"),
        );
    }
    let ca_file = reader.given(names.ca_file);
    if ca_file.is_some_and(|path| !path.starts_with('/')) {
        reader.error(names.ca_file, relative);
    }
    let facilities = FACILITIES.map(|name| (name, name));
    Given {
        uri: uri.map(str::to_owned),
        facility: reader.word(names.facility, &facilities).to_owned(),
        format: reader
            .word(names.format, &[("rfc5424", SyslogFormat::Rfc5424), ("rfc3164", SyslogFormat::Rfc3164)]),
        ca_file: ca_file.map(str::to_owned),
    }
}

fn is_server(uri: &str) -> bool {
    match uri.split_once("://") {
        Some(("udp" | "tcp" | "tls", address)) => is_host_port(address),
        Some(("unix", path)) => path.starts_with('/') && path.len() > 1,
        _ => false,
    }
}
