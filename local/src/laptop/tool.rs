//! Kafka's own tools out of the distribution, as its `bin/` scripts start them.

use std::{fs, io, os::unix::process::CommandExt, path::Path, process::Command};

use super::{distribution, home::Home, java};

/// Tools by the names of the scripts, without `kafka-` and `.sh`, and their main classes in Kafka 3.9.
const TOOLS: [(&str, &str); 9] = [
    ("configs", "kafka.admin.ConfigCommand"),
    ("console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    ("console-producer", "kafka.tools.ConsoleProducer"),
    ("consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    ("get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
    ("producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"),
    ("topics", "org.apache.kafka.tools.TopicCommand"),
    ("verifiable-producer", "org.apache.kafka.tools.VerifiableProducer"),
    ("zookeeper-shell", "org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka"),
];

const LOG4J: &str = "log4j.rootLogger=WARN, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=[%d] %p %m (%c)%n
";

/// The main class of a tool.
fn class(name: &str) -> Option<&'static str> {
    let bare = name.strip_suffix(".sh").unwrap_or(name);
    let bare = bare.strip_prefix("kafka-").unwrap_or(bare);
    TOOLS.iter().find(|(tool, _)| *tool == bare).map(|(_, class)| *class)
}

/// Becomes the tool; returns only if that fails.
pub async fn run(home: &Home, name: &str, arguments: &[String]) -> anyhow::Error {
    match command(home, name, arguments).await {
        Ok(mut command) => anyhow::Error::new(command.exec()).context(format!("cannot run {name}")),
        Err(error) => error,
    }
}

async fn command(home: &Home, name: &str, arguments: &[String]) -> anyhow::Result<Command> {
    let Some(class) = class(name) else {
        let known: Vec<&str> = TOOLS.iter().map(|(tool, _)| *tool).collect();
        anyhow::bail!("no tool {name:?}; there are {}", known.join(", "));
    };
    let Some(libs) = distribution::unpacked(&home.kafka()) else {
        anyhow::bail!("no Kafka below {}: start the cluster once", home.root().display());
    };
    let environment = super::inherited();
    let java = java::ask(&environment).await?;
    let log4j = log4j(&libs)?;
    let mut command = Command::new(java.program);
    command
        .args(["-Xmx256m", "-XX:TieredStopAtLevel=1"])
        .arg(format!("-Dlog4j.configuration=file:{log4j}"))
        .arg("-cp")
        .arg(libs.join("*"))
        .arg(class)
        .args(arguments);
    Ok(command)
}

fn log4j(libs: &Path) -> io::Result<String> {
    let file = libs.with_file_name("tools-log4j.properties");
    if !file.is_file() {
        fs::write(&file, LOG4J)?;
    }
    Ok(file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_every_spelling() {
        for name in ["topics", "kafka-topics", "kafka-topics.sh", "topics.sh"] {
            assert_eq!(class(name), Some("org.apache.kafka.tools.TopicCommand"), "{name}");
        }
        assert_eq!(class("rm"), None);
    }
}
