//! Contract and artifacts → the JVM's argv and environment. No shell, no script of the distribution in between.

use std::collections::BTreeMap;

use api::launch::LaunchContract;
use overrider::layer::is_secret;

use crate::artifact::{Java, Kafka};

/// Name of the broker's configuration, in the sandbox.
pub const SERVER_PROPERTIES: &str = "server.properties";
/// Name of the broker's logging configuration, in the sandbox.
pub const LOG4J_PROPERTIES: &str = "log4j.properties";
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
    /// The arguments for the log: values of system properties that look like secrets are hidden.
    pub fn shown(&self) -> Vec<String> {
        self.arguments.iter().map(|argument| shown(argument)).collect()
    }
}

fn shown(argument: &str) -> String {
    match argument.strip_prefix("-D").and_then(|property| property.split_once('=')) {
        Some((key, _)) if is_secret(key) => format!("-D{key}=[hidden]"),
        _ => argument.to_owned(),
    }
}

/// `KAFKA_JVM_PERFORMANCE_OPTS` of Kafka 3.9's own `kafka-run-class.sh`.
const PERFORMANCE: [&str; 7] = [
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxInlineLevel=15",
    "-Djava.awt.headless=true",
];

/// What a JVM gets of our environment. Everything else stays out: the agent's token, and the variables by which
/// others slip options into a JVM (`JAVA_TOOL_OPTIONS`, `CLASSPATH` …) where `BROKER_JVM_OPTS` is the way.
const INHERITED: [&str; 9] =
    ["HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LOGNAME", "MESOS_SANDBOX", "PATH", "TZ", "USER"];

/// The broker's command. `environment` is the executor's own.
///
/// The class path is explicit, sorted and relative, so that it reads the same from any sandbox; the user's options
/// come last, so that they win; no JMX option is given, so nothing listens but the broker (D39).
pub fn command(
    contract: &LaunchContract,
    kafka: &Kafka,
    java: &Java,
    environment: &BTreeMap<String, String>,
) -> JvmCommand {
    let heap = contract.heap_mb;
    let mut arguments = vec![format!("-Xms{heap}M"), format!("-Xmx{heap}M")];
    // A JVM refuses two collectors, and the user's choice is the later one.
    let collector = contract.jvm_options.iter().any(|option| chooses_collector(option));
    let performance = PERFORMANCE.into_iter().filter(|option| !(collector && chooses_collector(option)));
    arguments.extend(performance.map(str::to_owned));
    arguments.extend([
        "-XX:+ExitOnOutOfMemoryError".to_owned(),
        format!("-Xlog:gc*:file={LOGS}/gc.log:time,tags:filecount=4,filesize=16M"),
        format!("-Dkafka.logs.dir={LOGS}"),
        format!("-Dlog4j.configuration=file:{LOG4J_PROPERTIES}"),
    ]);
    arguments.extend(contract.jvm_options.iter().cloned());
    let jars: Vec<_> = kafka.jars.iter().map(|jar| format!("{}/libs/{jar}", kafka.directory)).collect();
    arguments.extend(["-cp".to_owned(), jars.join(":")]);
    arguments.extend(["kafka.Kafka".to_owned(), SERVER_PROPERTIES.to_owned()]);
    let inherited =
        INHERITED.iter().filter_map(|&name| Some((name.to_owned(), environment.get(name)?.clone())));
    JvmCommand { program: java.program.clone(), arguments, environment: inherited.collect() }
}

/// Whether an option chooses a garbage collector: `-XX:+UseSerialGC`, `-XX:+UseZGC` …
fn chooses_collector(option: &str) -> bool {
    option.strip_prefix("-XX:+Use").is_some_and(|name| name.ends_with("GC"))
}

/// The logging configuration (log4j 1, all that Kafka before 4.0 reads): the main log on stdout only, and the busy
/// side logs in bounded files of their own (D44).
pub fn log4j_properties() -> String {
    let mut text = String::from(
        "log4j.rootLogger=INFO, stdout\n\
         log4j.appender.stdout=org.apache.log4j.ConsoleAppender\n\
         log4j.appender.stdout.layout=org.apache.log4j.PatternLayout\n\
         log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n\n\
         log4j.logger.org.apache.zookeeper=INFO\n\
         log4j.logger.kafka.request.logger=WARN\n",
    );
    // The cleaner moved within 3.x; both names are given so that either is found.
    let side_logs = [
        ("controller", &["kafka.controller", "org.apache.kafka.controller"][..]),
        ("stateChange", &["state.change.logger"]),
        ("cleaner", &["kafka.log.LogCleaner", "org.apache.kafka.storage.internals.log.LogCleaner"]),
    ];
    for (appender, loggers) in side_logs {
        let file = match appender {
            "stateChange" => "state-change",
            "cleaner" => "log-cleaner",
            other => other,
        };
        text.push_str(&format!(
            "log4j.appender.{appender}=org.apache.log4j.RollingFileAppender\n\
             log4j.appender.{appender}.File={LOGS}/{file}.log\n\
             log4j.appender.{appender}.MaxFileSize=16MB\n\
             log4j.appender.{appender}.MaxBackupIndex=2\n\
             log4j.appender.{appender}.layout=org.apache.log4j.PatternLayout\n\
             log4j.appender.{appender}.layout.ConversionPattern=[%d] %p %m (%c)%n\n"
        ));
        for logger in loggers {
            text.push_str(&format!(
                "log4j.logger.{logger}=INFO, {appender}\nlog4j.additivity.{logger}=false\n"
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{artifact::JavaSource, contract::tests::good};

    // S-065, S-066, D33, D34, D39
    #[test]
    fn golden() {
        let kafka = Kafka {
            directory: "kafka_2.13-3.9.2".to_owned(),
            scala: "2.13".to_owned(),
            version: "3.9.2".to_owned(),
            jars: vec!["a.jar".to_owned(), "kafka_2.13-3.9.2.jar".to_owned()],
        };
        let java = Java { program: "/usr/bin/java".into(), source: JavaSource::Path };
        let environment = [
            ("PATH", "/bin"),
            ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "swordfish"),
            ("JAVA_TOOL_OPTIONS", "-agentlib:x"),
            ("TZ", "UTC"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let command = command(&good(), &kafka, &java, &environment);
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
    fn the_users_collector_replaces_ours() {
        let kafka = Kafka {
            directory: "kafka_2.13-3.9.2".to_owned(),
            scala: "2.13".to_owned(),
            version: "3.9.2".to_owned(),
            jars: Vec::new(),
        };
        let java = Java { program: "/usr/bin/java".into(), source: JavaSource::Path };
        let contract = LaunchContract { jvm_options: vec!["-XX:+UseSerialGC".to_owned()], ..good() };
        let command = command(&contract, &kafka, &java, &BTreeMap::new());
        let collectors: Vec<_> =
            command.arguments.iter().filter(|option| chooses_collector(option)).collect();
        assert_eq!(collectors, ["-XX:+UseSerialGC"]);
    }

    #[test]
    fn secrets_are_not_shown() {
        for (argument, expect) in [
            ("-Djavax.net.ssl.keyStorePassword=swordfish=1", "-Djavax.net.ssl.keyStorePassword=[hidden]"),
            ("-Dapp.token=swordfish", "-Dapp.token=[hidden]"),
            ("-Djava.awt.headless=true", "-Djava.awt.headless=true"),
            ("-Dsecret", "-Dsecret"),
            ("-XX:MaxInlineLevel=15", "-XX:MaxInlineLevel=15"),
        ] {
            assert_eq!(shown(argument), expect);
        }
    }

    // D44
    #[test]
    fn the_main_log_goes_to_stdout_only() {
        expect![[r#"
            log4j.rootLogger=INFO, stdout
            log4j.appender.stdout=org.apache.log4j.ConsoleAppender
            log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
            log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
            log4j.logger.org.apache.zookeeper=INFO
            log4j.logger.kafka.request.logger=WARN
            log4j.appender.controller=org.apache.log4j.RollingFileAppender
            log4j.appender.controller.File=logs/controller.log
            log4j.appender.controller.MaxFileSize=16MB
            log4j.appender.controller.MaxBackupIndex=2
            log4j.appender.controller.layout=org.apache.log4j.PatternLayout
            log4j.appender.controller.layout.ConversionPattern=[%d] %p %m (%c)%n
            log4j.logger.kafka.controller=INFO, controller
            log4j.additivity.kafka.controller=false
            log4j.logger.org.apache.kafka.controller=INFO, controller
            log4j.additivity.org.apache.kafka.controller=false
            log4j.appender.stateChange=org.apache.log4j.RollingFileAppender
            log4j.appender.stateChange.File=logs/state-change.log
            log4j.appender.stateChange.MaxFileSize=16MB
            log4j.appender.stateChange.MaxBackupIndex=2
            log4j.appender.stateChange.layout=org.apache.log4j.PatternLayout
            log4j.appender.stateChange.layout.ConversionPattern=[%d] %p %m (%c)%n
            log4j.logger.state.change.logger=INFO, stateChange
            log4j.additivity.state.change.logger=false
            log4j.appender.cleaner=org.apache.log4j.RollingFileAppender
            log4j.appender.cleaner.File=logs/log-cleaner.log
            log4j.appender.cleaner.MaxFileSize=16MB
            log4j.appender.cleaner.MaxBackupIndex=2
            log4j.appender.cleaner.layout=org.apache.log4j.PatternLayout
            log4j.appender.cleaner.layout.ConversionPattern=[%d] %p %m (%c)%n
            log4j.logger.kafka.log.LogCleaner=INFO, cleaner
            log4j.additivity.kafka.log.LogCleaner=false
            log4j.logger.org.apache.kafka.storage.internals.log.LogCleaner=INFO, cleaner
            log4j.additivity.org.apache.kafka.storage.internals.log.LogCleaner=false
        "#]]
        .assert_eq(&log4j_properties());
    }
}
