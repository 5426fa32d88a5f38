//! The command line, and its documentation: `--help` is written for people who read nothing else.

use std::{path::PathBuf, time::Duration};

use api::ids::BrokerId;
use clap::{Args as ClapArgs, CommandFactory, Parser, Subcommand, error::ErrorKind};

use crate::{address::Secret, module::Question};

mod config;
mod election;
mod mistakes;
mod reassign;
mod topic;

use mistakes::{ids, one_topic, pair};

pub(crate) use config::Config;
pub(crate) use election::ElectLeaders;
pub(crate) use mistakes::Mistakes;
pub(crate) use reassign::Reassign;
pub(crate) use topic::Topic;

/// Operate a Kafka service on Mesos: brokers, rollouts, topics, consumer groups.
///
/// Answers are the service's own JSON, for scripts; --table shows them for people.
#[derive(Debug, Parser)]
#[command(
    name = "dcos-kafka",
    version,
    after_help = "Run 'dcos-kafka help <command>' for more.",
    after_long_help = EXAMPLES,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Print one line about this command, as the DC/OS CLI asks of its modules.
    #[arg(long, hide = true)]
    info: bool,
    /// Print what 'dcos config set kafka.…' takes, as the DC/OS CLI asks of its modules.
    #[arg(long, hide = true)]
    config_schema: bool,
}

/// What a whole command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A command, and what goes with it.
    Command(Box<(Common, Command)>),
    /// What the DC/OS CLI wants to know of its modules.
    Module(Question),
}

impl Args {
    /// What is asked for.
    pub(crate) fn complete(self) -> Result<Asked, clap::Error> {
        match self.command {
            _ if self.info => Ok(Asked::Module(Question::Info)),
            _ if self.config_schema => Ok(Asked::Module(Question::ConfigSchema)),
            Some(command) => Ok(Asked::Command(Box::new((self.common, command)))),
            None => {
                let message =
                    "a command is missing: connection, broker, plan, topic, group or health; see --help";
                Err(Self::command().error(ErrorKind::MissingSubcommand, message))
            }
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  On a laptop, or anywhere the scheduler can be reached itself:
    export KAFKA_SCHEDULER_URL=http://127.0.0.1:8080
    dcos-kafka plan show --wait
    dcos-kafka topic create orders --partitions=3 --replication=3
    dcos-kafka connection

  On DC/OS, where this is the module 'kafka':
    dcos kafka topic create topic1
    dcos kafka --name=kafka-dev broker list --table
    dcos config set kafka.service_name kafka-dev   # --name where none is given

Where the scheduler is, first match wins:
  1. --url, then KAFKA_SCHEDULER_URL: the service itself, used as it is; --name changes nothing then
  2. DCOS_URL, then 'dcos config show core.dcos_url': below /service/<name>, with the token of
     DCOS_ACS_TOKEN or of 'dcos config show core.dcos_acs_token'

KAFKA_SCHEDULER_TOKEN goes to the service itself (1) alone, and --token and --token-file to both; where
KAFKA_SCHEDULER_URL names one service and --url another, it stays at home.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.";

/// What every command takes, before or after it.
#[derive(Debug, ClapArgs)]
pub(crate) struct Common {
    /// The Kafka service, where several run on one DC/OS [default: 'dcos config show kafka.service_name', else kafka]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Where")]
    pub(crate) name: Option<String>,
    /// The scheduler's REST API itself, such as http://127.0.0.1:8080 [or: KAFKA_SCHEDULER_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "Where")]
    pub(crate) url: Option<String>,
    /// Sent as 'Authorization: token=…'; on DC/OS the token you are logged in with is found without this. Everybody on
    /// this machine can see it among the processes: --token-file or KAFKA_SCHEDULER_TOKEN hide it
    #[arg(long, global = true, value_name = "TOKEN", help_heading = "Where", hide_short_help = true)]
    pub(crate) token: Option<Secret>,
    /// A file that holds the token [or: KAFKA_SCHEDULER_TOKEN holds the token itself]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "token",
        help_heading = "Where",
        hide_short_help = true
    )]
    pub(crate) token_file: Option<PathBuf>,
    /// Trust these certificates too, in PEM, as the cluster's own [or: DCOS_CA_PATH, DCOS_TLS_CA_PATH]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Where", hide_short_help = true)]
    pub(crate) ca_cert: Option<PathBuf>,
    /// How long one request may take, in seconds
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value = "40",
        value_parser = seconds,
        help_heading = "Where",
        hide_short_help = true
    )]
    pub(crate) timeout: Duration,
    /// Show tables for people instead of JSON
    #[arg(long, global = true)]
    pub(crate) table: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how clients reach the brokers
    Connection {
        /// Only a part of it
        #[command(subcommand)]
        part: Option<Part>,
    },
    /// Brokers of the service
    #[command(subcommand)]
    Broker(Broker),
    /// What is being done to the brokers: installs and configuration updates
    #[command(subcommand)]
    Plan(Plan),
    /// Topics of the cluster
    #[command(subcommand)]
    Topic(Topic),
    /// Consumer groups, and how far they are behind
    #[command(subcommand)]
    Group(Group),
    /// Show whether the service is well, check by check
    ///
    /// The exit code is 1 when it is not; what fails is named on stderr.
    #[command(after_long_help = "Example:\n  dcos-kafka health --table")]
    Health,
}

/// `connection …`
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Part {
    /// Only the brokers' addresses
    Address,
    /// Only the brokers' names in Mesos-DNS
    Dns,
}

/// `broker …`
#[derive(Debug, Subcommand)]
pub(crate) enum Broker {
    /// List the brokers; with --table also where they run, and how they are
    List,
    /// Show how a broker's JVMs ended, the latest first: cause, circumstances, last log lines
    ///
    /// The service keeps the last 20 of each broker, also when their sandboxes are gone.
    #[command(after_long_help = "Example:\n  dcos-kafka broker incidents 1 --table")]
    Incidents {
        /// The broker
        #[arg(value_name = "ID")]
        id: BrokerId,
    },
    /// Show what brokers keep on their disks: log directories, and the size of each replica
    ///
    /// With --table the replicas are summed up for each topic.
    #[command(
        name = "log-dirs",
        after_long_help = "Examples:\n  dcos-kafka broker log-dirs --table\n  dcos-kafka broker log-dirs 1 --topic=orders"
    )]
    LogDirs {
        /// Only this broker
        #[arg(value_name = "ID")]
        id: Option<BrokerId>,
        /// Only replicas of this topic
        #[arg(long, value_name = "TOPIC")]
        topic: Option<String>,
    },
    /// Restart a broker in place: the same task, the same data, a new JVM
    ///
    /// It restarts when that hurts nobody more than any restart would: no other broker is down, and every partition keeps its
    /// min.insync.replicas, but for those that have no replica to spare; --wait names them.
    /// Until then 'broker list --table' and 'plan show' say what it waits for. Prints the id of its task, which stays.
    #[command(after_long_help = "Example:\n  dcos-kafka broker restart 1 --wait")]
    Restart {
        /// The broker
        #[arg(value_name = "ID")]
        id: BrokerId,
        /// Restart it at once, whatever that makes unavailable
        #[arg(long)]
        force: bool,
        /// Return when it serves again, in sync
        #[arg(long)]
        wait: bool,
        /// Give up after this many seconds, with exit code 1
        #[arg(long, requires = "wait", value_name = "SECONDS", value_parser = seconds)]
        within: Option<Duration>,
    },
}

/// `plan …`
#[derive(Debug, Subcommand)]
pub(crate) enum Plan {
    /// Show the plan with its phases and blocks, one block per broker
    ///
    /// A plan that is still at work is no error: the exit code is 0 however far it is. With --wait, progress goes to
    /// stderr and the plan is shown when it is Complete; a configuration that the scheduler refuses, or a scheduler
    /// that stays away for a minute, ends the wait with exit code 1.
    #[command(after_long_help = "Example:\n  dcos-kafka plan show --wait --within 600 > plan.json")]
    Show {
        /// Follow the plan until it is Complete
        #[arg(long)]
        wait: bool,
        /// Give up after this many seconds, with exit code 1
        #[arg(long, requires = "wait", value_name = "SECONDS", value_parser = seconds)]
        within: Option<Duration>,
    },
    /// Show the phase and the block at work; nothing but the plan's status when idle
    Active,
}

/// `group …`
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// List all consumer groups
    List,
    /// Show a group's members, and for each partition what it has read, where the end is, and its lag
    #[command(after_long_help = "Example:\n  dcos-kafka group describe readers --table")]
    Describe {
        /// The group
        #[arg(value_name = "GROUP")]
        name: String,
    },
}

/// Of commands that can follow what partitions do.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Following {
    /// Return when all is copied; progress goes to stderr
    #[arg(long)]
    pub(crate) wait: bool,
    /// Give up after this many seconds, with exit code 1; what moves goes on
    #[arg(long, requires = "wait", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) within: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("a whole number of seconds, 1 or more, is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests;
