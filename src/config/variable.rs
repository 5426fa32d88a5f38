//! The one table of settings: name, type, default, meaning, and what a later change of it means.
//!
//! Everything reads it: parsing takes its defaults from here, `--variables` prints it, `diff` walks it, and a test
//! holds README against it.

use std::fmt::{self, Write as _};

use super::Service;

/// One setting, an environment variable of the scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What its text must look like, in words.
    pub kind: &'static str,
    /// What holds when it is not set or empty.
    pub default: Fallback,
    /// The contract item it comes from; empty for our own.
    pub item: &'static str,
    /// What it does, in one or two sentences.
    pub meaning: &'static str,
    /// What a change of it after the first install means.
    pub on_change: OnChange,
    /// Its value in a stored configuration, as text; `None` for what is not stored.
    pub(super) stored: Option<fn(&Service) -> String>,
}

/// What holds when a variable is not set or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This text, as if it had been set.
    Is(&'static str),
    /// A value made from elsewhere, described here.
    From(&'static str),
    /// Nothing: what it asks for is off.
    Unset,
    /// It must be set.
    Required,
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fallback::Is(text) | Fallback::From(text) => f.write_str(text),
            Fallback::Unset => f.write_str("unset"),
            Fallback::Required => f.write_str("required"),
        }
    }
}

/// What a change of a variable after the first install means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    /// Not stored; holds from the scheduler's next start on.
    Process,
    /// The scheduler alone acts on it; no broker is touched.
    Scheduler,
    /// Each broker takes it over by a restart in place: another JVM in the same task (D31).
    Restart,
    /// Each broker takes it over by KILL and LAUNCH on the same home (D31).
    Relaunch,
    /// Part of what is reserved for a broker (D32), so it cannot change once one is placed.
    Reserved,
    /// It may grow, never shrink (S-046).
    GrowOnly,
    /// It cannot change (S-029).
    Refused,
}

impl fmt::Display for OnChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OnChange::Process => "at restart",
            OnChange::Scheduler => "no broker touched",
            OnChange::Restart => "brokers restart in place, one by one",
            OnChange::Relaunch => "brokers are launched anew, one by one",
            OnChange::Reserved => "until a broker is placed",
            OnChange::GrowOnly => "may only grow",
            OnChange::Refused => "cannot change",
        })
    }
}

const fn process(
    name: &'static str,
    kind: &'static str,
    default: Fallback,
    item: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable { name, kind, default, item, meaning, on_change: OnChange::Process, stored: None }
}

const fn stored(
    name: &'static str,
    kind: &'static str,
    default: Fallback,
    on_change: OnChange,
    value: fn(&Service) -> String,
    item: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable { name, kind, default, item, meaning, on_change, stored: Some(value) }
}

/// A word of a setting as it is stored, which is also how it is written.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

use self::Fallback::{From, Is, Required, Unset};
use self::OnChange::{GrowOnly, Refused, Relaunch, Reserved, Restart, Scheduler};

/// Every setting but the overrides, in the order in which they are shown and checked.
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    process("MESOS_MASTER", "host:port or http(s)://host:port, several separated by commas", Is("zk://master.mesos:2181/mesos"),
        "D21", "The Mesos masters. zk:// is not supported by this version: give the masters themselves."),
    process("SCHEDULER_STATE_URI", "file:///directory", From("ZooKeeper on the masters' ensemble"),
        "D21", "Where the scheduler keeps its state. zk:// is not supported by this version: a directory must be given."),
    process("LISTEN_ADDRESS", "IP address", Is("0.0.0.0"),
        "D33", "What the REST API binds."),
    process("PORT1", "port; 0 = any free one", Is("8080"),
        "D22", "Port of the REST API."),
    process("PORT0", "port", Unset,
        "D22", "Port that serves /admin/* alone, for Marathon's health check."),
    process("HOST", "host name or IP address", From("LISTEN_ADDRESS, or else this machine's name"),
        "D35", "Where others reach the REST API: the web address given to Mesos. Marathon sets it."),
    process("API_TOKENS_FILE", "absolute path", Unset,
        "D39", "File of those who may use the REST API: name, role and hash of a token on each line. With neither it nor API_JWT_KEY_FILE, everybody may."),
    process("API_JWT_KEY_FILE", "absolute path", Unset,
        "D39", "Key that JSON Web Tokens are verified with: a public RSA key in PEM, or a secret of 32 bytes or more."),
    process("API_JWT_ALGORITHM", "HS256 or RS256", Unset,
        "D39", "The only algorithm that key is used with; goes with API_JWT_KEY_FILE."),
    process("API_TLS_CERT_FILE", "absolute path", Unset,
        "D39", "Certificates of the REST API in PEM, its own first. With it PORT1 speaks HTTPS alone; PORT0 stays plain."),
    process("API_TLS_KEY_FILE", "absolute path", Unset,
        "D39", "Private key of that certificate in PEM; goes with API_TLS_CERT_FILE."),
    process("KAFKA_CLIENT_CA_FILE", "absolute path", From("this machine's own authorities"),
        "D39", "PEM file of the authorities that the scheduler trusts to name a broker, where brokers speak SSL or SASL_SSL."),
    process("KAFKA_CLIENT_CERT_FILE", "absolute path", Unset,
        "D39", "Certificates in PEM, its own first, that the scheduler shows brokers which ask for one (ssl.client.auth)."),
    process("KAFKA_CLIENT_KEY_FILE", "absolute path", Unset,
        "D39", "Private key of that certificate in PEM; goes with KAFKA_CLIENT_CERT_FILE."),
    process("KAFKA_CLIENT_SASL_MECHANISM", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", Unset,
        "D39", "How the scheduler proves who it is to brokers that speak SASL_PLAINTEXT or SASL_SSL. PLAIN takes SASL_SSL."),
    process("KAFKA_CLIENT_SASL_USER", "text", Unset,
        "D39", "Who the scheduler is to them."),
    process("KAFKA_CLIENT_SASL_PASSWORD_FILE", "absolute path", Unset,
        "D39", "File that holds the password alone, mode 600 or 640."),
    process("LOG_FORMAT", "text or json", Is("text"),
        "", "How the log is written."),
    process("LOG_LEVEL", "level, or target=level separated by commas", Is("info"),
        "", "What is logged, such as info,mesos=debug."),
    process("SCHEDULER_SYSLOG_URI", "udp://host:514, tcp://, tls:// or unix:///dev/log", Unset,
        "D24", "The syslog server that the scheduler's own log goes to, beside stderr. Unset, to none."),
    process("SCHEDULER_SYSLOG_FACILITY", "facility, such as daemon or local0", Is("daemon"),
        "D24", "Under which facility."),
    process("SCHEDULER_SYSLOG_FORMAT", "rfc5424 or rfc3164", Is("rfc5424"),
        "D24", "In which format; unix:// always speaks RFC 3164."),
    process("SCHEDULER_SYSLOG_CA_FILE", "absolute path", From("this machine's own authorities"),
        "D24", "PEM file of the authorities that tls:// trusts."),
    process("KAFKA_SCHEDULER_CRASH_AT", "after-commit-before-calls:<n>", Unset,
        "", "For tests only: abort when the n-th batch that launches a task is stored but not yet sent."),

    stored("FRAMEWORK_NAME", "lower-case letters, digits and -, at most 63", Is("kafka"), Refused, |s| s.framework.name.clone(),
        "S-060", "Name of the service."),
    stored("FRAMEWORK_ROLE", "Mesos role", From("<FRAMEWORK_NAME>-role"), Refused, |s| s.framework.role.clone(),
        "D20", "Role that the brokers' resources are reserved for."),
    stored("FRAMEWORK_PRINCIPAL", "text without spaces", Is("kafka-principal"), Refused, |s| s.framework.principal.clone(),
        "D20", "Principal that the brokers' resources are reserved by."),
    stored("FRAMEWORK_USER", "user name", From("the user the scheduler runs as"), Refused, |s| s.framework.user.clone(),
        "D35", "User that the brokers run as on the agents."),
    stored("FRAMEWORK_FAILOVER_TIMEOUT_SEC", "seconds", Is("1209600"), Scheduler, |s| s.framework.failover_timeout_secs.to_string(),
        "D35", "How long Mesos keeps the brokers running while no scheduler is there. After that it kills them all."),

    stored("BROKER_COUNT", "1 to 1000", Is("3"), GrowOnly, |s| s.brokers.count.to_string(),
        "S-061", "Number of brokers."),
    stored("BROKER_CPUS", "decimal, three places at most", Is("1"), Reserved, |s| s.brokers.cpus.to_string(),
        "S-069", "Processors of each broker."),
    stored("BROKER_MEM", "MiB", Is("2048"), Reserved, |s| s.brokers.mem_mb.to_string(),
        "S-065", "Memory of each broker, its heap included; the rest is page cache."),
    stored("BROKER_HEAP_MB", "MiB, at most BROKER_MEM", Is("1024"), Restart, |s| s.brokers.heap_mb.to_string(),
        "S-066", "Heap of each broker's JVM."),
    stored("BROKER_DISK", "MiB", Is("5000"), Refused, |s| s.brokers.disk_mb.to_string(),
        "S-067", "Size of each broker's volume."),
    stored("DISK_TYPE", "ROOT or MOUNT", Is("ROOT"), Refused, |s| s.brokers.disk_type.to_string(),
        "S-068", "Volume on the agent's work disk, or a whole disk of at least BROKER_DISK."),
    stored("BROKER_PORT", "port; 0 = a random one each", Is("9092"), Reserved, |s| s.brokers.port.to_string(),
        "S-062", "Port of all brokers. Takes effect only with PLACEMENT_STRATEGY=NODE; else each broker gets a free one \
         out of its offer, of 9092 to 10092 if it can."),
    stored("BROKER_SECURITY_PROTOCOL", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", Is("PLAINTEXT"), Refused, |s| s.brokers.protocol.as_str().to_owned(),
        "D39", "What all brokers speak on that port, to clients and to each other. Keys and users are Kafka's own settings."),
    stored("PLACEMENT_STRATEGY", "ANY or NODE", Is("ANY"), Refused, |s| s.brokers.placement.to_string(),
        "S-063", "Any agent with room, or no two brokers on one agent."),
    stored("BROKER_LISTEN_ADDRESS", "IP address", Is("0.0.0.0"), Relaunch, |s| s.brokers.listen_address.to_string(),
        "D33", "What brokers and executors bind."),
    stored("BROKER_KILL_GRACE_SEC", "seconds", Is("300"), Relaunch, |s| s.brokers.kill_grace_secs.to_string(),
        "D36", "How long a broker may take to stop before it is killed."),
    stored("BROKER_JVM_OPTS", "options separated by spaces", Unset, Restart, |s| s.brokers.jvm_options.join(" "),
        "D39", "Extra options of each broker's JVM, after ours."),

    stored("BROKER_JVM_ARCHIVE", "true or false", Is("true"), Restart, |s| s.brokers.jvm_archive.to_string(),
        "D39", "Whether each broker's JVM starts from an archive of its own classes, which is made once and kept on its volume."),
    stored("BROKER_JMX_PORT", "port", Unset, Restart, |s| s.brokers.jmx_port.map(|port| port.to_string()).unwrap_or_default(),
        "D39", "Port of each broker's remote JMX, open to anybody who reaches it. Takes PLACEMENT_STRATEGY=NODE. Unset, nothing listens."),

    stored("EXECUTOR_CPUS", "decimal, three places at most", Is("0.1"), Reserved, |s| s.executor.cpus.to_string(),
        "D32", "Processors of each executor, beside its broker's."),
    stored("EXECUTOR_MEM", "MiB", Is("32"), Reserved, |s| s.executor.mem_mb.to_string(),
        "D32", "Memory of each executor, beside its broker's."),
    stored("API_PORT", "port; 0 = one out of the offer", Is("0"), Reserved, |s| s.executor.api_port.to_string(),
        "D32", "Port of each executor's own endpoint. A fixed one takes effect only with PLACEMENT_STRATEGY=NODE."),

    stored("KAFKA_URI", "URI that agents can fetch", Required, Relaunch, |s| s.artifacts.kafka_uri.clone(),
        "D34", "Archive of the Kafka distribution."),
    stored("JAVA_URI", "URI that agents can fetch", From("the agent's own java"), Relaunch, |s| s.artifacts.java_uri.clone().unwrap_or_default(),
        "D34", "Archive of a JRE."),
    stored("EXECUTOR_URI", "URI that agents can fetch", Required, Relaunch, |s| s.artifacts.executor_uri.clone(),
        "D34", "The program kafka-executor, or an archive that holds it."),

    stored("BROKER_METRICS_AGENT_URI", "URI that agents can fetch", Unset, Relaunch, |s| s.artifacts.metrics_agent_uri.clone().unwrap_or_default(),
        "D39", "Jar of a Jolokia JVM agent, by which Kafka's own metrics are read. Unset, there are only those to be had without one."),

    stored("KAFKA_ZOOKEEPER_URI", "host:port, several separated by commas", Is("master.mesos:2181"), Refused, |s| s.kafka.zookeeper_uri.clone(),
        "S-070", "Kafka's ZooKeeper ensemble. Kafka lives below /dcos-service-<FRAMEWORK_NAME> there."),
    stored("KAFKA_ADVERTISE_HOST_IP", "true or false", Is("true"), Relaunch, |s| s.kafka.advertise_host_ip.to_string(),
        "D33", "Whether clients are told an agent's address or its host name."),

    stored("ENABLE_BROKER_HEALTH_CHECK", "true or false", Is("true"), Restart, |s| s.health.enabled.to_string(),
        "S-081", "Whether a running broker that no longer serves is ended and launched again."),
    stored("BROKER_HEALTH_CHECK_DELAY_SEC", "seconds", Is("15"), Restart, |s| s.health.delay_secs.to_string(),
        "S-082", "Time before the first health check."),
    stored("BROKER_HEALTH_CHECK_INTERVAL_SEC", "seconds", Is("10"), Restart, |s| s.health.interval_secs.to_string(),
        "S-083", "Time between health checks."),
    stored("BROKER_HEALTH_CHECK_TIMEOUT_SEC", "seconds", Is("20"), Restart, |s| s.health.timeout_secs.to_string(),
        "S-084", "A health check that takes longer has failed."),
    stored("BROKER_HEALTH_CHECK_GRACE_SEC", "seconds", Is("10"), Restart, |s| s.health.grace_secs.to_string(),
        "S-085", "For this long after the delay, failed checks do not count."),
    stored("BROKER_HEALTH_CHECK_MAX_FAILURES", "1 to 1000", Is("3"), Restart, |s| s.health.max_failures.to_string(),
        "S-086", "So many failed checks in a row end the broker."),
    stored("BROKER_HEALTH_CHECK_TOPIC", "topic name", Unset, Restart, |s| s.health.topic.clone().unwrap_or_default(),
        "S-081", "Topic that each health check also produces to and fetches from, on a partition its broker leads. Unset, none does."),

    stored("BROKER_STATSD_HOST", "host name or IP address", From("STATSD_UDP_HOST of the agent, if it has one"), Restart, |s| s.metrics.statsd_host.clone().unwrap_or_default(),
        "D23", "The statsd server that executors send metrics to."),
    stored("BROKER_STATSD_PORT", "port", Is("8125"), Restart, |s| s.metrics.statsd_port.to_string(),
        "D23", "Its port."),
    stored("BROKER_STATSD_PREFIX", "words separated by dots", From("<FRAMEWORK_NAME>"), Restart, |s| s.metrics.prefix.clone(),
        "D23", "What the name of every metric begins with."),
    stored("BROKER_STATSD_TAGS", "none or dogstatsd", Is("none"), Restart, |s| word(&s.metrics.tags),
        "D23", "Whether the broker is part of a metric's name, or a tag as DogStatsD has them."),

    stored("BROKER_SYSLOG_URI", "udp://host:514, tcp://, tls:// or unix:///dev/log", Unset, Restart, |s| s.logs.syslog_uri.clone().unwrap_or_default(),
        "D24", "The syslog server that executors ship the brokers' logs to. Unset, logs stay in the sandboxes."),
    stored("BROKER_SYSLOG_FACILITY", "facility, such as daemon or local0", Is("daemon"), Restart, |s| s.logs.facility.clone(),
        "D24", "Under which facility."),
    stored("BROKER_SYSLOG_FORMAT", "rfc5424 or rfc3164", Is("rfc5424"), Restart, |s| word(&s.logs.format),
        "D24", "In which format; unix:// always speaks RFC 3164."),
    stored("BROKER_SYSLOG_CA_FILE", "absolute path on the agents", From("the agents' own authorities"), Restart, |s| s.logs.ca_file.clone().unwrap_or_default(),
        "D24", "PEM file of the authorities that tls:// trusts."),
    stored("BROKER_SYSLOG_SPOOL_MB", "MiB", Is("64"), Restart, |s| s.logs.spool_mb.to_string(),
        "D39", "How much of each broker's log may wait on its agent's disk while the server is away. What is beyond is dropped, and counted."),
    stored("BROKER_SYSLOG_EXECUTOR", "true or false", Is("false"), Restart, |s| s.logs.executor.to_string(),
        "D24", "Whether the executors' own logs go there too."),
    stored("BROKER_SANDBOX_LOG_MB", "MiB; 0 = no limit", Is("256"), Restart, |s| s.logs.sandbox_mb.to_string(),
        "D39", "How much all logs in a broker's sandbox may take together; the oldest are removed."),

    stored("ENABLE_REPLACEMENT", "true or false", Is("false"), Scheduler, |s| s.recovery.enable_replacement.to_string(),
        "S-075", "Whether a broker that does not come back is replaced without being asked. May cause data loss. true is not \
         supported by this version."),
    stored("RECOVERY_GRACE_PERIOD_SEC", "seconds", Is("1200"), Scheduler, |s| s.recovery.recovery_grace_secs.to_string(),
        "S-077", "Minimum time before a broker may be replaced so."),
    stored("REPLACE_DELAY_SEC", "seconds", Is("600"), Scheduler, |s| s.recovery.replace_delay_secs.to_string(),
        "S-078", "Minimum time between two such replacements."),

    stored("PHASE_STRATEGY", "INSTALL or STAGE", Is("INSTALL"), Scheduler, |s| s.phase_strategy.to_string(),
        "S-064", "How a change is rolled out: one broker after the other, or with two decisions by the operator. STAGE is not \
         supported by this version."),
    stored("ROLLOUT_WAIT_FOR_ISR", "true or false", Is("true"), Scheduler, |s| s.rollout_wait_for_isr.to_string(),
        "D18", "Whether a step is complete only when its broker's partitions are in sync again."),
];

/// The whole table as text, for `--variables` and `--help`.
pub fn variables_help() -> String {
    let mut text = String::new();
    for v in VARIABLES {
        // Proof: writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}\n    {}\n    {}; default: {}; changed later: {}",
            v.name, v.meaning, v.kind, v.default, v.on_change
        );
    }
    text.push_str(
        "KAFKA_OVERRIDE_<KEY>\n    Sets any server.properties key but those the service sets itself:\n    \
         KAFKA_OVERRIDE_LOG_RETENTION_HOURS sets log.retention.hours.\n    text; default: Kafka's own; changed \
         later: brokers restart in place, one by one\n",
    );
    text
}
