//! The service's configuration out of the environment: one function per group of settings.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    Artifacts, Brokers, Cpus, DiskType, Executor, Framework, Health, Kafka, Logs, Metrics, PhaseStrategy,
    Placement, Protocol, Recovery, Service, StatsdTags, overrides, process::is_host_port, read::Reader,
    redact, syslog,
};

/// A day in seconds: longer waits between checks are slips of the hand.
const DAY: u64 = 86_400;
/// Ten years in seconds; Mesos takes more, people do not mean it.
const YEARS: u64 = 315_360_000;
/// More MiB than any agent has: a slip of the hand.
const MIB: u64 = 1 << 30;

pub(super) fn service(reader: &mut Reader<'_>, env: &BTreeMap<String, String>) -> Service {
    Service {
        framework: framework(reader),
        brokers: brokers(reader),
        executor: executor(reader),
        artifacts: artifacts(reader),
        kafka: kafka(reader, env),
        health: health(reader),
        recovery: recovery(reader),
        phase_strategy: phase_strategy(reader),
        rollout_wait_for_isr: reader.flag("ROLLOUT_WAIT_FOR_ISR"),
        metrics: metrics(reader),
        logs: logs(reader),
    }
}

/// Settings that are valid and given, but do nothing.
pub(super) fn without_effect(reader: &Reader<'_>, service: &Service) -> Vec<String> {
    let fixed = [("BROKER_PORT", service.brokers.port), ("API_PORT", service.executor.api_port)];
    let any = service.brokers.placement == Placement::Any;
    fixed
        .into_iter()
        .filter(|(name, port)| any && *port != 0 && reader.given(name).is_some())
        .map(|(name, port)| {
            format!(
                "{name}={port} has no effect with PLACEMENT_STRATEGY=ANY, where ports come out of the offers (D8); it \
                 takes PLACEMENT_STRATEGY=NODE, which is chosen at the first install"
            )
        })
        .collect()
}

fn framework(reader: &mut Reader<'_>) -> Framework {
    let name = reader.text("FRAMEWORK_NAME");
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.len() > 63 || !name.bytes().all(inner) || name.starts_with('-') || name.ends_with('-') {
        reader.error(
            "FRAMEWORK_NAME",
            format!(
                "{name:?} cannot be part of a DNS name: write lower-case letters, digits and inner hyphens, at most 63"
            ),
        );
    }
    let role = reader.optional("FRAMEWORK_ROLE").map_or_else(|| format!("{name}-role"), str::to_owned);
    check_role(reader, &role);
    let principal = reader.text("FRAMEWORK_PRINCIPAL");
    if principal.contains(char::is_whitespace) {
        reader.error("FRAMEWORK_PRINCIPAL", format!("{principal:?} must not hold spaces"));
    }
    let user = reader.text("FRAMEWORK_USER");
    if user.contains(char::is_whitespace) {
        reader.error("FRAMEWORK_USER", format!("{user:?} must not hold spaces"));
    }
    Framework {
        name: name.to_owned(),
        role,
        principal: principal.to_owned(),
        user: user.to_owned(),
        // 0 would kill every broker whenever the scheduler restarts.
        failover_timeout_secs: reader.number("FRAMEWORK_FAILOVER_TIMEOUT_SEC", 60..=YEARS),
    }
}

/// Mesos's own rules for roles (mesos-v1-http 3.2); `*` is out because nothing can be reserved for it.
fn check_role(reader: &mut Reader<'_>, role: &str) {
    let part_ok =
        |part: &str| !part.is_empty() && !part.starts_with('-') && ![".", "..", "*"].contains(&part);
    if !role.split('/').all(part_ok) || role.chars().any(|c| c.is_whitespace() || c == '\x7f') {
        reader.error(
            "FRAMEWORK_ROLE",
            format!("{role:?} is no role that resources can be reserved for: write names separated by /, none of them *, . or .., or starting with -"),
        );
    }
}

fn brokers(reader: &mut Reader<'_>) -> Brokers {
    let brokers = Brokers {
        count: reader.number("BROKER_COUNT", 1..=1000),
        cpus: cpus(reader, "BROKER_CPUS"),
        mem_mb: reader.number("BROKER_MEM", 32..=MIB),
        heap_mb: reader.number("BROKER_HEAP_MB", 16..=MIB),
        disk_mb: reader.number("BROKER_DISK", 1..=MIB),
        disk_type: reader.word("DISK_TYPE", DiskType::WORDS),
        port: reader.port("BROKER_PORT"),
        protocol: protocol(reader),
        placement: reader.word("PLACEMENT_STRATEGY", Placement::WORDS),
        listen_address: reader.address("BROKER_LISTEN_ADDRESS"),
        kill_grace_secs: reader.number("BROKER_KILL_GRACE_SEC", 1..=DAY),
        jvm_options: jvm_options(reader),
        jvm_archive: reader.flag("BROKER_JVM_ARCHIVE"),
        jmx_port: jmx_port(reader),
    };
    // S-019 has a heap of 500 in a memory of 512: nothing stricter than this may be asked.
    if brokers.heap_mb > brokers.mem_mb && reader.is_fine("BROKER_HEAP_MB") && reader.is_fine("BROKER_MEM") {
        let (heap, mem) = (brokers.heap_mb, brokers.mem_mb);
        reader.error(
            "BROKER_HEAP_MB",
            format!("{heap} is more than BROKER_MEM, which is {mem}: BROKER_MEM should be greater than or equal to BROKER_HEAP_MB"),
        );
    }
    brokers
}

fn protocol(reader: &mut Reader<'_>) -> Protocol {
    reader.word("BROKER_SECURITY_PROTOCOL", &Protocol::ALL.map(|protocol| (protocol.as_str(), protocol)))
}

/// It is not reserved at Mesos: a diagnostic port that only an operator knows of.
fn jmx_port(reader: &mut Reader<'_>) -> Option<u16> {
    const NAME: &str = "BROKER_JMX_PORT";
    reader.given(NAME)?;
    let port: u16 = reader.number(NAME, 1..=u64::from(u16::MAX));
    if !reader.optional("PLACEMENT_STRATEGY").is_some_and(|word| word.eq_ignore_ascii_case("NODE")) {
        reader.error(NAME, "takes PLACEMENT_STRATEGY=NODE: two brokers of one agent would meet on it");
    }
    for other in ["BROKER_PORT", "API_PORT"] {
        if reader.optional(other).and_then(|text| text.parse().ok()) == Some(port) && reader.is_fine(NAME) {
            reader.error(NAME, format!("{port} is {other} too: they must differ"));
        }
    }
    Some(port)
}

fn cpus(reader: &mut Reader<'_>, name: &str) -> Cpus {
    let cpus = reader.parse(name, "a decimal with at most three places, such as 1 or 0.5", Cpus(0));
    // Mesos offers nothing below 0.01.
    if reader.is_fine(name) && !(10..=1_024_000).contains(&cpus.0) {
        reader.error(name, format!("{cpus} is not between 0.01 and 1024"));
    }
    cpus
}

fn jvm_options(reader: &mut Reader<'_>) -> Vec<String> {
    const NAME: &str = "BROKER_JVM_OPTS";
    let text = reader.given(NAME).unwrap_or_default();
    if text.contains(['"', '\'']) {
        reader.error(NAME, "must not hold quotes: options are separated at spaces, and none may hold one");
    }
    let options: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    for (index, option) in options.iter().enumerate() {
        if !option.starts_with('-') {
            // Not shown: it may be the rest of a password with a space in it.
            reader.error(NAME, format!("word {} is no JVM option: they start with -", index + 1));
        }
        if option.starts_with("-Xmx") || option.starts_with("-Xms") {
            reader.error(NAME, format!("{option:?} is set by the service: use BROKER_HEAP_MB"));
        }
    }
    options
}

fn executor(reader: &mut Reader<'_>) -> Executor {
    let executor = Executor {
        cpus: cpus(reader, "EXECUTOR_CPUS"),
        mem_mb: reader.number("EXECUTOR_MEM", 32..=MIB),
        api_port: reader.port("API_PORT"),
    };
    let same = executor.api_port != 0 && reader.optional("BROKER_PORT") == reader.optional("API_PORT");
    if same && reader.is_fine("BROKER_PORT") && reader.is_fine("API_PORT") {
        reader.error("API_PORT", format!("{} is BROKER_PORT too: they must differ", executor.api_port));
    }
    executor
}

fn artifacts(reader: &mut Reader<'_>) -> Artifacts {
    Artifacts {
        kafka_uri: uri(reader, "KAFKA_URI"),
        java_uri: reader.given("JAVA_URI").is_some().then(|| uri(reader, "JAVA_URI")),
        executor_uri: uri(reader, "EXECUTOR_URI"),
        metrics_agent_uri: reader
            .given("BROKER_METRICS_AGENT_URI")
            .is_some()
            .then(|| uri(reader, "BROKER_METRICS_AGENT_URI")),
    }
}

/// Something Mesos' fetcher takes; it refuses quotes and backslashes itself.
fn uri(reader: &mut Reader<'_>, name: &str) -> String {
    let text = reader.text(name);
    let schemes =
        ["http://", "https://", "file:///", "ftp://", "ftps://", "hdfs://", "s3://", "s3a://", "s3n://"];
    let fetchable =
        text.starts_with('/') || schemes.iter().any(|s| text.starts_with(s) && text.len() > s.len());
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\'' || c == '\\';
    if reader.is_fine(name) && (!fetchable || text.contains(odd)) {
        let text = redact::uri(text);
        reader.error(
            name,
            format!("{text:?} is not a URI that an agent can fetch: write http(s)://…, file:///… or an absolute path"),
        );
    }
    text.to_owned()
}

fn kafka(reader: &mut Reader<'_>, env: &BTreeMap<String, String>) -> Kafka {
    const ZOOKEEPER: &str = "KAFKA_ZOOKEEPER_URI";
    let zookeeper = reader.text(ZOOKEEPER);
    if !zookeeper.split(',').all(is_host_port) {
        let instead = "write host:port, several separated by commas, without zk:// and without a path (it is \
                       /dcos-service-<FRAMEWORK_NAME>)";
        let shown = redact::uri(zookeeper);
        reader.error(ZOOKEEPER, format!("{shown:?} is no ensemble: {instead}"));
    }
    Kafka {
        zookeeper_uri: zookeeper.to_owned(),
        advertise_host_ip: reader.flag("KAFKA_ADVERTISE_HOST_IP"),
        overrides: overrides::read(env, &mut reader.errors),
    }
}

fn health(reader: &mut Reader<'_>) -> Health {
    Health {
        enabled: reader.flag("ENABLE_BROKER_HEALTH_CHECK"),
        delay_secs: reader.number("BROKER_HEALTH_CHECK_DELAY_SEC", 0..=DAY),
        interval_secs: reader.number("BROKER_HEALTH_CHECK_INTERVAL_SEC", 1..=DAY),
        timeout_secs: reader.number("BROKER_HEALTH_CHECK_TIMEOUT_SEC", 1..=DAY),
        grace_secs: reader.number("BROKER_HEALTH_CHECK_GRACE_SEC", 0..=DAY),
        max_failures: reader.number("BROKER_HEALTH_CHECK_MAX_FAILURES", 1..=1000),
        topic: health_topic(reader),
    }
}

/// Kafka's own rule for topic names.
fn health_topic(reader: &mut Reader<'_>) -> Option<String> {
    const NAME: &str = "BROKER_HEALTH_CHECK_TOPIC";
    let topic = reader.given(NAME)?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if topic.len() > 249 || [".", ".."].contains(&topic) || !topic.bytes().all(legal) {
        reader.error(
            NAME,
            format!("{topic:?} is no topic name: write letters, digits, ., _ and -, at most 249"),
        );
    }
    let secured =
        reader.optional("BROKER_SECURITY_PROTOCOL").filter(|word| !word.eq_ignore_ascii_case("PLAINTEXT"));
    if let Some(protocol) = secured {
        reader.error(
            NAME,
            format!("cannot be used with BROKER_SECURITY_PROTOCOL={protocol}: executors have no credentials to write a record with"),
        );
    }
    Some(topic.to_owned())
}

fn metrics(reader: &mut Reader<'_>) -> Metrics {
    let host = reader.given("BROKER_STATSD_HOST");
    if let Some(host) = host.filter(|host| !is_host(host)) {
        reader.error("BROKER_STATSD_HOST", format!("{host:?} is no host: write a name or an IP address"));
    }
    const PREFIX: &str = "BROKER_STATSD_PREFIX";
    let prefix = reader.given(PREFIX).or(reader.optional("FRAMEWORK_NAME")).unwrap_or_default();
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    if reader.given(PREFIX).is_some() && !prefix.split('.').all(word) {
        reader.error(
            PREFIX,
            format!("{prefix:?} cannot begin a metric's name: write words of letters, digits, _ and -, separated by dots"),
        );
    }
    Metrics {
        statsd_host: host.map(str::to_owned),
        statsd_port: reader.number("BROKER_STATSD_PORT", 1..=u64::from(u16::MAX)),
        prefix: prefix.to_owned(),
        tags: reader
            .word("BROKER_STATSD_TAGS", &[("none", StatsdTags::None), ("dogstatsd", StatsdTags::Dogstatsd)]),
    }
}

/// A host name or an IP address, an IPv6 one without brackets.
fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn logs(reader: &mut Reader<'_>) -> Logs {
    let server = syslog::broker(reader);
    Logs {
        syslog_uri: server.uri,
        facility: server.facility,
        format: server.format,
        ca_file: server.ca_file,
        spool_mb: reader.number("BROKER_SYSLOG_SPOOL_MB", 1..=1024 * 1024),
        executor: reader.flag("BROKER_SYSLOG_EXECUTOR"),
        sandbox_mb: reader.number("BROKER_SANDBOX_LOG_MB", 0..=MIB),
    }
}

fn recovery(reader: &mut Reader<'_>) -> Recovery {
    let recovery = Recovery {
        enable_replacement: reader.flag("ENABLE_REPLACEMENT"),
        recovery_grace_secs: reader.number("RECOVERY_GRACE_PERIOD_SEC", 0..=YEARS),
        replace_delay_secs: reader.number("REPLACE_DELAY_SEC", 0..=YEARS),
    };
    if recovery.enable_replacement {
        reader.error("ENABLE_REPLACEMENT", "true is not supported by this version: leave it false");
    }
    recovery
}

fn phase_strategy(reader: &mut Reader<'_>) -> PhaseStrategy {
    let strategy = reader.word("PHASE_STRATEGY", PhaseStrategy::WORDS);
    if strategy == PhaseStrategy::Stage {
        reader.error("PHASE_STRATEGY", "STAGE is not supported by this version: use INSTALL");
    }
    strategy
}
