//! What Kafka says of its own end: its last report of a fatal error with the stack trace.

use api::incident::{Cause, Disk};
use overrider::layer::is_secret;

use super::{
    super::{Diagnosis, Evidence, lines::cut},
    WIDTH, find, missing_class, without_class,
};

/// A disk with less than this free part counts as full when somebody said so: 1/100.
const FULL: u64 = 100;

/// Kafka's reports of a fatal error, with their stack traces, and an exception nobody caught.
pub(super) fn fatal(evidence: &Evidence) -> Vec<&str> {
    let lines = &evidence.stdout;
    let reports = |line: &String| line.contains("] ERROR ") || line.contains("] FATAL ");
    let ends = |line: &String| {
        reports(line)
            && ["Exiting Kafka", "Fatal error during", "Shutdown broker because", "Halting"]
                .iter()
                .any(|end| line.contains(end))
    };
    // Several: Kafka 2.8 says why it ends first, and then only that it ends.
    let mut places: Vec<usize> = (0..lines.len()).filter(|at| ends(&lines[*at])).collect();
    if places.is_empty() {
        places.extend(lines.iter().rposition(reports));
    }
    let mut fatal: Vec<&str> = Vec::new();
    for at in places {
        fatal.push(&lines[at]);
        fatal.extend(lines[at + 1..].iter().take_while(|line| !is_logged(line)).map(String::as_str));
    }
    let uncaught = |line: &String| line.starts_with("Exception in thread ") || line.starts_with("Error: ");
    let uncaught = evidence.stderr.iter().rposition(uncaught);
    if let Some(at) = uncaught {
        fatal.extend(evidence.stderr[at..].iter().map(String::as_str));
    }
    fatal
}

/// Whether a line begins a log entry: `[2026-11-25 20:55:14,786] INFO …`.
pub(super) fn is_logged(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.first() == Some(&b'[') && bytes.get(1).is_some_and(u8::is_ascii_digit) && line.contains("] ")
}

/// What Kafka's fatal error says.
pub(super) fn explain(fatal: &[&str], evidence: &Evidence) -> Option<Diagnosis> {
    let facts = &evidence.facts;
    let found = |parts: &[&str]| find(fatal, parts).map(|line| cut(without_class(line), WIDTH));
    let no_space = ["No space left on device", "Disk quota exceeded"];
    if let Some(said) = found(&no_space) {
        return Some(disk_full(&said, evidence));
    }
    if let Some(said) = found(&["have failed (kafka.log.LogManager)", "have failed (org.apache.kafka"]) {
        // Its cause was reported before.
        let before: Vec<&str> = evidence.stdout.iter().map(String::as_str).collect();
        if let Some(said) = find(&before, &no_space) {
            return Some(disk_full(&cut(without_class(said), WIDTH), evidence));
        }
        let words = format!(
            "its disk failed, the log above it says how ({said}): look at the disk of the volume {}",
            facts.volume
        );
        return Some(Diagnosis::new(Cause::DiskFailed, words));
    }
    // A file mapped beyond the end of a full disk.
    let fault = "a fault occurred in a recent unsafe memory access operation";
    if find(fatal, &[fault]).is_some() && evidence.disks.iter().any(is_full) {
        return Some(disk_full(fault, evidence));
    }
    if let Some(said) = found(&["Address already in use"]) {
        let said = found(&["failed to bind to"]).unwrap_or(said);
        return Some(port_in_use(fatal, &said, evidence));
    }
    if let Some(property) = property(fatal) {
        return Some(property);
    }
    let identity = [
        (
            Cause::OtherCluster,
            ["Invalid cluster.id in", "InconsistentClusterId"],
            "another Kafka cluster",
            "KAFKA_ZOOKEEPER_URI must name the ZooKeeper it was written with",
        ),
        (
            Cause::OtherBroker,
            ["Stored node id ", "InconsistentBrokerId"],
            "another broker",
            "each broker must have the volume it wrote itself",
        ),
    ];
    for (cause, marks, owner, instead) in identity {
        if let Some(said) = found(&marks) {
            let words =
                format!("the data on the volume {} belongs to {owner} ({said}): {instead}", facts.volume);
            return Some(Diagnosis::new(cause, words));
        }
    }
    if let Some(said) = found(&["Failed to acquire lock on file"]) {
        let words = format!(
            "another process has the data on the volume {} ({said}): stop the other Kafka there first",
            facts.volume
        );
        return Some(Diagnosis::new(Cause::DataLocked, words));
    }
    if let Some(said) = found(&[
        "ZooKeeperClientTimeoutException",
        "ZooKeeperClientExpiredException",
        "KeeperErrorCode = ConnectionLoss",
    ]) {
        let words = format!(
            "ZooKeeper at {} could not be reached in time ({said}): is it up, and is KAFKA_ZOOKEEPER_URI right?",
            facts.zookeeper
        );
        return Some(Diagnosis::new(Cause::ZooKeeper, words));
    }
    if let Some(said) = found(&["KeeperErrorCode = NodeExists"]) {
        let words = format!(
            "another broker is registered in ZooKeeper at {} under its id ({said}): stop the other one, or wait for the end of \
             its session",
            facts.zookeeper
        );
        return Some(Diagnosis::new(Cause::IdTaken, words));
    }
    find(fatal, &["ClassNotFoundException", "NoClassDefFoundError"]).map(missing_class)
}

fn port_in_use(fatal: &[&str], said: &str, evidence: &Evidence) -> Diagnosis {
    // Java's own management agent, before Kafka's first class is loaded.
    let management = find(fatal, &["Port already in use: "]).and_then(|line| {
        let (_, port) = line.split_once("Port already in use: ")?;
        Some(port.split(';').next().unwrap_or(port))
    });
    let words = match management {
        Some(port) => format!(
            "something else listens on its JMX port (Port already in use: {}): stop it, or choose another BROKER_JMX_PORT",
            cut(port, WIDTH)
        ),
        None => format!(
            "something else listens on its port ({said}): stop it, or give the broker another port ({} now)",
            evidence.facts.address
        ),
    };
    Diagnosis::new(Cause::PortInUse, words)
}

/// A property that Kafka refuses: by its own exception, or by the requirement of a configuration class.
fn property(fatal: &[&str]) -> Option<Diagnosis> {
    let at = fatal.iter().position(|line| line.contains("ConfigException"));
    let required = || {
        let at =
            fatal.iter().position(|line| line.contains("IllegalArgumentException: requirement failed: "))?;
        fatal[at..].iter().any(|line| line.contains("kafka.server.KafkaConfig")).then_some(at)
    };
    let said = without_class(fatal[at.or_else(required)?]);
    let said = said.strip_prefix("requirement failed: ").unwrap_or(said);
    // Invalid value <value> for configuration <key>: <why>
    let key =
        said.split_once(" for configuration ").map(|(_, rest)| rest.split(':').next().unwrap_or(rest).trim());
    let words = match key.filter(|key| !key.is_empty() && !key.contains(' ')) {
        Some(key) if is_secret(key) => {
            format!("Kafka refuses the value of {key}, which is not shown here: correct {}", set_by(key))
        }
        Some(key) => format!("Kafka refuses a property ({}): correct {}", cut(said, WIDTH), set_by(key)),
        None => format!(
            "Kafka refuses a property ({}): correct the KAFKA_OVERRIDE_… that sets it",
            cut(said, WIDTH)
        ),
    };
    Some(Diagnosis::new(Cause::BadProperty, words))
}

/// The setting that a property comes from (S-071).
fn set_by(key: &str) -> String {
    format!("KAFKA_OVERRIDE_{}", key.to_ascii_uppercase().replace('.', "_"))
}

fn is_full(disk: &Disk) -> bool {
    disk.free < disk.total / FULL
}

fn disk_full(said: &str, evidence: &Evidence) -> Diagnosis {
    let shown = |disk: &Disk| {
        let name =
            if disk.path == "." { "the sandbox".to_owned() } else { format!("the volume {}", disk.path) };
        format!("{name}: {:.1} of {:.1} MiB free", mib(disk.free), mib(disk.total))
    };
    let full: Vec<_> = evidence.disks.iter().filter(|disk| is_full(disk)).map(shown).collect();
    // Something was freed since.
    let all = || evidence.disks.iter().map(shown).collect();
    let disks: Vec<_> = if full.is_empty() { all() } else { full };
    let words = format!(
        "its disk is full ({said}; {}): make room there, keep less (log.retention.*), or take a larger disk",
        disks.join("; ")
    );
    Diagnosis::new(Cause::DiskFull, words)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
