//! Contract and artifacts → the JVM's argv and environment. No shell, no script of the distribution in between.

mod logging;
mod options;

use std::collections::BTreeMap;

use api::launch::LaunchContract;
use overrider::layer::is_secret;

pub use self::logging::{Logging, logging};
pub(crate) use self::options::chooses_collector;
use self::options::{collection_log, jmx, out_of_memory, performance};
use crate::{
    archive::Archive,
    artifact::{Java, Kafka},
};

/// Name of the broker's configuration, in the sandbox.
pub const SERVER_PROPERTIES: &str = "server.properties";
/// Name of the metrics agent's settings, in the sandbox.
pub const METRICS_AGENT_PROPERTIES: &str = "metrics-agent.properties";
/// Name of what the metrics agent lets others do, in the sandbox.
pub const METRICS_AGENT_POLICY: &str = "metrics-agent-policy.xml";
/// Directory of Kafka's side logs, in the sandbox.
pub const LOGS: &str = "logs";

/// What to run, with the sandbox as working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JvmCommand {
    /// The program.
    pub program: std::path::PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
}

impl JvmCommand {
    /// The command with the metrics agent of this jar in the sandbox. Where it listens and who is let in stands in its
    /// settings, never here: arguments can be read in `/proc`, and the same ones serve every start.
    pub fn with_agent(mut self, jar: &str) -> Self {
        self.arguments.insert(0, format!("-javaagent:{jar}=config={METRICS_AGENT_PROPERTIES}"));
        self
    }

    /// The arguments for the log: values of system properties and options of agents that look like secrets are hidden.
    pub fn shown(&self) -> Vec<String> {
        self.arguments.iter().map(|argument| shown(argument)).collect()
    }
}

fn shown(argument: &str) -> String {
    let Some((name, value)) = argument.split_once('=') else { return argument.to_owned() };
    // An agent's options are one value, with names of their own inside.
    let agent = ["-javaagent:", "-agentlib:", "-agentpath:"].iter().any(|kind| name.starts_with(kind));
    let secret = match name.strip_prefix("-D") {
        Some(key) => is_secret(key),
        None => agent && value.split([',', '&', ';']).any(|option| is_secret(key_of(option))),
    };
    if secret { format!("{name}=[hidden]") } else { argument.to_owned() }
}

fn key_of(option: &str) -> &str {
    option.split_once('=').map_or(option, |(key, _)| key)
}

/// What a JVM gets of our environment. Everything else stays out: the agent's token, and the variables by which
/// others slip options into a JVM (`JAVA_TOOL_OPTIONS`, `CLASSPATH` …) where `BROKER_JVM_OPTS` is the way.
const INHERITED: [&str; 9] =
    ["HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LOGNAME", "MESOS_SANDBOX", "PATH", "TZ", "USER"];

/// What the machine adds to the contract at the moment of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Room on the sandbox's disk, in bytes, where it is known.
    pub free: Option<u64>,
    /// The class-data archive, where one is wanted.
    pub archive: Option<Archive>,
    /// The executor's own environment.
    pub environment: BTreeMap<String, String>,
}

/// The broker's command.
///
/// The class path is explicit, sorted and relative, so that it reads the same from any sandbox; the user's options
/// come last, so that they win; JMX only when asked, so nothing else listens but the broker (D39).
pub fn command(contract: &LaunchContract, kafka: &Kafka, java: &Java, machine: &Machine) -> JvmCommand {
    let (heap, user) = (contract.heap_mb, &contract.jvm_options);
    let mut arguments = vec![format!("-Xms{heap}M"), format!("-Xmx{heap}M")];
    arguments.extend(performance(kafka.line(), user));
    arguments.extend(out_of_memory(heap, machine.free));
    arguments.push("-XX:ErrorFile=hs_err_pid%p.log".to_owned());
    arguments.extend(collection_log(java.feature));
    arguments.extend([format!("-Dkafka.logs.dir={LOGS}"), logging(kafka.line()).option]);
    arguments.extend(jmx(contract));
    arguments.extend(machine.archive.iter().flat_map(Archive::options));
    arguments.extend(user.iter().cloned());
    arguments.extend(["-cp".to_owned(), class_path(kafka)]);
    arguments.extend(["kafka.Kafka".to_owned(), SERVER_PROPERTIES.to_owned()]);
    let inherited =
        INHERITED.iter().filter_map(|&name| Some((name.to_owned(), machine.environment.get(name)?.clone())));
    JvmCommand { program: java.program.clone(), arguments, environment: inherited.collect() }
}

/// The distribution's jars, from the sandbox.
pub(crate) fn class_path(kafka: &Kafka) -> String {
    let jars: Vec<_> = kafka.jars.iter().map(|jar| format!("{}/libs/{jar}", kafka.directory)).collect();
    jars.join(":")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{archive::Use, artifact::JavaSource, contract::tests::good};

    // S-065, S-066, D33, D34, D39, D44
    #[test]
    fn golden() {
        let kafka = Kafka {
            directory: "kafka_2.13-3.9.2".to_owned(),
            scala: "2.13".to_owned(),
            version: "3.9.2".to_owned(),
            jars: vec!["a.jar".to_owned(), "kafka_2.13-3.9.2.jar".to_owned()],
        };
        let java = Java { program: "/usr/bin/java".into(), source: JavaSource::Path, feature: Some(17) };
        let environment = [
            ("PATH", "/bin"),
            ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "swordfish"),
            ("JAVA_TOOL_OPTIONS", "-agentlib:x"),
            ("TZ", "UTC"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let machine = Machine { free: Some(2 << 30), archive: None, environment };
        let command = command(&good(), &kafka, &java, &machine);
        expect![[r#"
            JvmCommand {
                program: "/usr/bin/java",
                arguments: [
                    "-Xms1024M",
                    "-Xmx1024M",
                    "-server",
                    "-XX:+UseG1GC",
                    "-XX:MaxGCPauseMillis=20",
                    "-XX:InitiatingHeapOccupancyPercent=35",
                    "-XX:+ExplicitGCInvokesConcurrent",
                    "-XX:MaxInlineLevel=15",
                    "-Djava.awt.headless=true",
                    "-XX:+ExitOnOutOfMemoryError",
                    "-XX:+HeapDumpOnOutOfMemoryError",
                    "-XX:HeapDumpPath=heap.hprof",
                    "-XX:ErrorFile=hs_err_pid%p.log",
                    "-Xlog:gc*:file=logs/gc.log:time,tags:filecount=4,filesize=16M",
                    "-Dkafka.logs.dir=logs",
                    "-Dlog4j.configuration=file:log4j.properties",
                    "-XX:MaxDirectMemorySize=64m",
                    "-cp",
                    "kafka_2.13-3.9.2/libs/a.jar:kafka_2.13-3.9.2/libs/kafka_2.13-3.9.2.jar",
                    "kafka.Kafka",
                    "server.properties",
                ],
                environment: {
                    "PATH": "/bin",
                    "TZ": "UTC",
                },
            }
        "#]]
        .assert_debug_eq(&command);
    }

    // D39
    #[test]
    fn the_agent_is_an_option_and_no_secret() {
        let bare = JvmCommand {
            program: "java".into(),
            arguments: vec!["-cp".to_owned(), "a.jar".to_owned(), "kafka.Kafka".to_owned()],
            environment: BTreeMap::new(),
        };
        assert_eq!(
            bare.with_agent("metrics-agent.jar").arguments,
            ["-javaagent:metrics-agent.jar=config=metrics-agent.properties", "-cp", "a.jar", "kafka.Kafka"]
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        for (argument, expect) in [
            ("-Djavax.net.ssl.keyStorePassword=swordfish=1", "-Djavax.net.ssl.keyStorePassword=[hidden]"),
            ("-Dapp.token=swordfish", "-Dapp.token=[hidden]"),
            ("-Djava.awt.headless=true", "-Djava.awt.headless=true"),
            ("-Dsecret", "-Dsecret"),
            ("-XX:MaxInlineLevel=15", "-XX:MaxInlineLevel=15"),
            ("-javaagent:jolokia.jar=port=1,password=swordfish", "-javaagent:jolokia.jar=[hidden]"),
            ("-javaagent:jolokia.jar=port=1", "-javaagent:jolokia.jar=port=1"),
        ] {
            assert_eq!(shown(argument), expect);
        }
    }

    // D39: whatever we say, the user's word is the later one.
    #[test]
    fn the_users_options_come_last() {
        let kafka = Kafka {
            directory: "k".to_owned(),
            scala: "2.13".to_owned(),
            version: "3.9.2".to_owned(),
            jars: Vec::new(),
        };
        let java = Java { program: "java".into(), source: JavaSource::Path, feature: Some(17) };
        let archive = Archive { file: "data/.jvm-archive/1.jsa".to_owned(), used: Use::Map };
        let machine = Machine { free: None, archive: Some(archive), environment: BTreeMap::new() };
        let contract = LaunchContract { jmx_port: Some(9999), ..good() };
        let arguments = command(&contract, &kafka, &java, &machine).arguments;
        let at = |option: &str| arguments.iter().position(|argument| argument == option);
        let user = at("-XX:MaxDirectMemorySize=64m");
        assert_eq!(user, at("-cp").map(|class_path| class_path - 1));
        assert!(at("-Xshare:auto") < user && at("-Dcom.sun.management.jmxremote.port=9999") < user);
    }
}
