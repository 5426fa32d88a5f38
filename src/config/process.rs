//! What holds for one run of the scheduler: addresses, directory, log. Neither stored nor rolled out.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
};

use mesos::scheduler::{Masters, MastersError};

use super::{Access, KafkaClient, Protocol, Syslog, access, kafka_client, read::Reader, redact, syslog};

/// What this process is told, beside the service's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The masters (D21).
    pub masters: Masters,
    /// Where state is kept.
    pub state: StateUri,
    /// What the REST API binds.
    pub listen_address: IpAddr,
    /// Port of the REST API; 0 is any free one.
    pub api_port: u16,
    /// Port that serves `/admin/*` alone (D22).
    pub admin_port: Option<u16>,
    /// Where others reach us (`HOST`); see [`Process::host_or`].
    pub host: Option<String>,
    /// Who may use the REST API, and over what (D39).
    pub access: Access,
    /// How we speak to the brokers.
    pub kafka: KafkaClient,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What is logged, in `tracing`'s filter syntax.
    pub log_level: String,
    /// Where the log goes beside stderr (D24).
    pub syslog: Option<Syslog>,
    /// Where to crash; for tests only.
    pub crash_at: Option<CrashAt>,
}

impl Process {
    /// The host in our web address: `HOST`, else the address bound where it is one, else this machine's name.
    pub fn host_or(&self, machine: &str) -> String {
        match (&self.host, self.listen_address) {
            (Some(host), _) => host.clone(),
            (None, address) if address.is_unspecified() => machine.to_owned(),
            (None, IpAddr::V4(address)) => address.to_string(),
            (None, IpAddr::V6(address)) => format!("[{address}]"),
        }
    }
}

/// Where the scheduler keeps its state (D21).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateUri {
    /// A directory of this machine.
    File(PathBuf),
}

impl fmt::Display for StateUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateUri::File(path) => write!(f, "file://{}", path.display()),
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Test-only: abort when this many batches that launch a task were stored, before the last one's calls are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashAt(pub u32);

/// `None` where the masters are wrong, for whom there is no stand-in; all else is read nevertheless.
pub(super) fn read(reader: &mut Reader<'_>, brokers: Protocol) -> Option<Process> {
    let masters = masters(reader);
    let api_port = reader.port("PORT1");
    let admin_port = reader.given("PORT0").is_some().then(|| reader.number("PORT0", 1..=u64::from(u16::MAX)));
    if admin_port == Some(api_port) && reader.is_fine("PORT0") && reader.is_fine("PORT1") {
        reader.error("PORT0", "must differ from PORT1, which serves /admin/* too");
    }
    Some(Process {
        state: state(reader),
        listen_address: reader.address("LISTEN_ADDRESS"),
        api_port,
        admin_port,
        host: reader.given("HOST").map(str::to_owned),
        access: access::read(reader),
        kafka: kafka_client::read(reader, brokers),
        log_format: reader.word("LOG_FORMAT", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        log_level: log_level(reader),
        syslog: syslog::scheduler(reader),
        crash_at: crash_at(reader),
        // Last, so that nothing above is skipped.
        masters: masters?,
    })
}

fn log_level(reader: &mut Reader<'_>) -> String {
    let text = reader.text("LOG_LEVEL");
    if let Err(error) = text.parse::<tracing_subscriber::filter::Targets>() {
        reader.error(
            "LOG_LEVEL",
            format!("{text:?} is wrong ({error}): write a level, or target=level with commas"),
        );
    }
    text.to_owned()
}

fn masters(reader: &mut Reader<'_>) -> Option<Masters> {
    const NAME: &str = "MESOS_MASTER";
    reader.text(NAME).parse().map_err(|error: MastersError| reader.error(NAME, error.to_string())).ok()
}

/// `host:port`, where an IPv6 address stands in brackets.
pub(super) fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host_ok = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    host_ok && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn state(reader: &mut Reader<'_>) -> StateUri {
    const NAME: &str = "SCHEDULER_STATE_URI";
    let instead = "give a directory of this machine, such as file:///var/lib/kafka-scheduler";
    match reader.optional(NAME) {
        None => reader.error(
            NAME,
            format!("is not set, and its default, ZooKeeper, is not supported by this version: {instead}"),
        ),
        Some(text) if text.starts_with("zk://") => {
            let text = redact::uri(text);
            reader.error(NAME, format!("{text:?}: ZooKeeper is not supported by this version: {instead}"));
        }
        Some(text) => match text.strip_prefix("file://") {
            Some(path) if path.starts_with('/') && path != "/" => return StateUri::File(path.into()),
            _ => {
                let text = redact::uri(text);
                reader.error(NAME, format!("{text:?} is no file URI with an absolute path: {instead}"));
            }
        },
    }
    StateUri::File(PathBuf::new())
}

fn crash_at(reader: &mut Reader<'_>) -> Option<CrashAt> {
    const NAME: &str = "KAFKA_SCHEDULER_CRASH_AT";
    let text = reader.given(NAME)?;
    let count =
        text.strip_prefix("after-commit-before-calls:").and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    if count.is_none() {
        reader.error(NAME, format!("{text:?} is not after-commit-before-calls:<n> with n from 1 on"));
    }
    count.map(CrashAt)
}
