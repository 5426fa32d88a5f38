//! `kafka-healthcheck`: one look at one broker, one line, exit code 0 or 1.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use healthcheck::check::{Target, run};
use kafka::{
    topic::TopicName,
    zookeeper::{LIMIT, ZooKeeper},
};

/// How long a ZooKeeper server that fell silent is believed in; of no weight for one question.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// Looks once whether a Kafka broker is healthy: it is registered in ZooKeeper under its id and address, answers
/// ApiVersions and Metadata, and lists itself among the live brokers. With --topic it also takes a record and gives it
/// out again, where it leads a partition of that topic; where it leads none, the line says so.
///
/// Prints one line. Exit codes: 0 healthy; 1 not healthy, the line says why; 2 wrong arguments.
#[derive(Debug, Parser)]
#[command(name = "kafka-healthcheck", version)]
struct Args {
    /// The broker's id (its broker.id).
    #[arg(long, value_name = "N")]
    broker_id: u32,
    /// Where the broker listens.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    address: String,
    /// What the broker is registered as, where clients are sent to another address than it listens on. Default: the
    /// address.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    advertised: Option<String>,
    /// ZooKeeper as the broker's zookeeper.connect has it.
    #[arg(long, value_name = "HOST:PORT[,…][/CHROOT]", value_parser = zookeeper)]
    zookeeper: String,
    /// A topic to write a record to and read it from. It is not created.
    #[arg(long, value_name = "NAME")]
    topic: Option<TopicName>,
    /// Longest the look may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    match port.map(str::parse::<u16>) {
        Some(Ok(1..)) => Ok(text.to_owned()),
        _ => Err("expected host:port, for example 127.0.0.1:9092".to_owned()),
    }
}

fn zookeeper(text: &str) -> Result<String, String> {
    let known = ZooKeeper::new(text, SESSION_TIMEOUT).map_err(|error| error.to_string())?;
    Ok(known.connection_string().to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let limit = Duration::from_secs(args.timeout);
    let zookeeper = ZooKeeper::new(&args.zookeeper, SESSION_TIMEOUT)?.limit(limit.min(LIMIT));
    let advertised = args.advertised.unwrap_or_else(|| args.address.clone());
    let target = Target { broker: args.broker_id, address: args.address, advertised, secured: None };
    Ok(match run(&zookeeper, &target, args.topic.as_ref(), limit).await {
        Ok(healthy) => {
            println!("healthy: {healthy}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("unhealthy: {}", failure.reason());
            ExitCode::FAILURE
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments() {
        Args::command().debug_assert();
        assert_eq!(address("a:1"), Ok("a:1".to_owned()));
        assert_eq!(address("[::1]:9092"), Ok("[::1]:9092".to_owned()));
        for wrong in ["a", "a:", ":1", "a:0", "a:65536", ""] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert!(zookeeper("a:2181/kafka").is_ok());
        assert!(zookeeper("zk://a:2181/kafka").is_err());
    }
}
