//! The grammar of `kafka-local`'s command line; what an argument means is decided elsewhere.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::ports::Ranges;

/// A Kafka cluster on this machine: ZooKeeper, an embedded Mesos, the scheduler and, through offers, real brokers.
///
/// Every setting of the service (BROKER_COUNT, KAFKA_OVERRIDE_..., and so on) that stands in the environment reaches
/// the scheduler, but for those that say where this cluster itself is (MESOS_MASTER, SCHEDULER_STATE_URI,
/// KAFKA_ZOOKEEPER_URI, LISTEN_ADDRESS). Data stays in the data directory and the next start picks it up.
#[derive(Debug, Parser)]
#[command(name = "kafka-local", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `up` when nothing is given.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Arguments of `up`.
    #[command(flatten)]
    pub up: Up,
}

/// What can be done with a laptop cluster.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the cluster and stay until Ctrl-C.
    Up(Box<Up>),
    /// Stop the cluster, also one whose kafka-local was killed.
    Stop(Place),
    /// Say what runs; exit code 0 if all does and the plan is Complete.
    Status(Place),
    /// Change settings of the service and restart its scheduler alone.
    Configure(Configure),
    /// Run one of Kafka's own tools, such as console-producer, out of the cluster's distribution.
    Tool(Tool),
    /// The part of `up --detach` that stays behind.
    #[command(hide = true)]
    Supervise(Place),
}

/// Which cluster.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Where the cluster's data, logs and pid files are.
    #[arg(long, value_name = "DIR", env = "KAFKA_LOCAL_DATA", default_value = ".kafka-local")]
    pub data: PathBuf,
}

/// How to start. What is not given is as at the last start, or its default.
#[derive(Clone, Debug, Args)]
pub struct Up {
    /// Which cluster.
    #[command(flatten)]
    pub place: Place,
    /// How many brokers [default: BROKER_COUNT, else as before, else 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub brokers: Option<u32>,
    /// Heap of each broker in MiB [default: BROKER_HEAP_MB, else as before, else 256].
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(64..))]
    pub heap: Option<u32>,
    /// Forget the data of the last run.
    #[arg(long)]
    pub fresh: bool,
    /// Return when the plan is Complete and leave the cluster running.
    #[arg(long)]
    pub detach: bool,
    /// How long --detach waits for the plan to be Complete, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "detach")]
    pub timeout: u64,
    /// Port of ZooKeeper; 0 takes a free one, here and below [default: as before, else 2181].
    #[arg(long, value_name = "PORT")]
    pub zookeeper_port: Option<u16>,
    /// Port of the Mesos master [default: as before, else 5050].
    #[arg(long, value_name = "PORT")]
    pub master_port: Option<u16>,
    /// Port of the Mesos agent [default: as before, else 5051].
    #[arg(long, value_name = "PORT")]
    pub agent_port: Option<u16>,
    /// Port of the service's REST API [default: PORT1, else as before, else 8080].
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,
    /// Ports the Mesos agent offers to brokers; 0 takes free ones [default: as before, else 9092-10092].
    #[arg(long, value_name = "FROM-TO")]
    pub broker_ports: Option<Ranges>,
}

/// Which settings to change.
#[derive(Debug, Args)]
pub struct Configure {
    /// Which cluster.
    #[command(flatten)]
    pub place: Place,
    /// Settings of the service; `NAME=` unsets.
    #[arg(value_name = "NAME=VALUE", required = true)]
    pub changes: Vec<String>,
}

/// Which tool to run.
#[derive(Debug, Args)]
pub struct Tool {
    /// Which cluster.
    #[command(flatten)]
    pub place: Place,
    /// Name as in Kafka's bin/, with or without `kafka-` and `.sh`.
    pub name: String,
    /// Arguments of the tool.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("kafka-local").chain(line.split_whitespace()))
    }

    #[test]
    fn grammar_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    // D47: `up` is what happens without a command, and takes the same flags.
    #[test]
    fn up_is_the_default() {
        let bare = parse("--brokers 1 --fresh --data x").unwrap();
        assert!(bare.command.is_none());
        assert_eq!(bare.up.brokers, Some(1));
        assert!(bare.up.fresh);
        let Some(Command::Up(up)) = parse("up --brokers 1 --zookeeper-port 0").unwrap().command else {
            panic!()
        };
        assert_eq!((up.brokers, up.zookeeper_port), (Some(1), Some(0)));
    }

    #[test]
    fn a_tool_keeps_its_own_flags() {
        let Some(Command::Tool(tool)) =
            parse("tool console-producer --topic topic1 --bootstrap-server 127.0.0.1:9092").unwrap().command
        else {
            panic!()
        };
        assert_eq!(tool.name, "console-producer");
        assert_eq!(tool.arguments, ["--topic", "topic1", "--bootstrap-server", "127.0.0.1:9092"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in
            ["--brokers 0", "--brokers x", "--heap 1", "--broker-ports 20-10", "configure", "--timeout 3"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
