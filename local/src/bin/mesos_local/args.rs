//! The command line.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use local::{duration, shell::control::Verb};
use mesos::{
    resource::{Resources, attribute, parse},
    v1,
};

/// An embedded Mesos master and agent in one process, for laptops and tests. It runs real executors.
#[derive(Debug, Parser)]
#[command(
    name = "mesos-local",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: Run,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Kill or start a half of a running mesos-local.
    Ctl(Ctl),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ctl {
    /// Its control socket.
    #[arg(long, value_name = "PATH", required_unless_present = "work_dir")]
    pub(crate) socket: Option<PathBuf>,
    /// Its work directory, in which the socket is.
    #[arg(long, value_name = "DIR", conflicts_with = "socket")]
    pub(crate) work_dir: Option<PathBuf>,
    /// What to do.
    pub(crate) verb: Verb,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Where everything that must outlive the process is kept; made if missing, readable by you alone.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) work_dir: Option<PathBuf>,
    /// Control socket, if not `control.sock` in the work directory.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Address both halves listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) ip: IpAddr,
    /// Port of the master; 0 takes a free one.
    #[arg(long, default_value_t = 5050)]
    pub(crate) master_port: u16,
    /// Port of the agent; 0 takes a free one.
    #[arg(long, default_value_t = 5051)]
    pub(crate) agent_port: u16,
    /// Hostname both halves advertise [default: the address].
    #[arg(long)]
    pub(crate) hostname: Option<String>,
    /// Hostname the master advertises, if another.
    #[arg(long)]
    pub(crate) master_hostname: Option<String>,
    /// Hostname the agent advertises, if another.
    #[arg(long)]
    pub(crate) agent_hostname: Option<String>,
    /// What the agent offers: `cpus:4;mem:4096;disk:8192;ports:[31000-32000]` or a JSON list of Resource. What is not
    /// named of these four is taken from the machine.
    #[arg(long, value_parser = resources, default_value = "")]
    pub(crate) resources: Resources,
    /// The agent's attributes: `rack:r1;zone:z1`.
    #[arg(long, value_parser = attributes, default_value = "")]
    pub(crate) attributes: Attributes,
    /// The agent's fault domain, as JSON of DomainInfo. A master without one ignores an agent with one.
    #[arg(long, value_parser = domain)]
    pub(crate) domain: Option<v1::DomainInfo>,
    /// The master's fault domain, as JSON of DomainInfo.
    #[arg(long, value_parser = domain)]
    pub(crate) master_domain: Option<v1::DomainInfo>,
    /// Pause between pings to the agent.
    #[arg(long, value_parser = duration::parse, default_value = "15secs")]
    pub(crate) agent_ping_timeout: Duration,
    /// Pings without an answer until the agent is unreachable.
    #[arg(long, default_value_t = 5)]
    pub(crate) max_agent_ping_timeouts: u32,
    /// How long a restarted master waits for the agent.
    #[arg(long, value_parser = duration::parse, default_value = "10mins")]
    pub(crate) agent_reregister_timeout: Duration,
    /// Pause between allocation cycles.
    #[arg(long, value_parser = duration::parse, default_value = "1secs")]
    pub(crate) allocation_interval: Duration,
    /// Pause between heartbeats on scheduler streams.
    #[arg(long, value_parser = duration::parse, default_value = "15secs")]
    pub(crate) heartbeat_interval: Duration,
    /// From launch to the executor's subscription.
    #[arg(long, value_parser = duration::parse, default_value = "1mins")]
    pub(crate) executor_registration_timeout: Duration,
    /// What executors have to subscribe to a restarted agent.
    #[arg(long, value_parser = duration::parse, default_value = "2secs")]
    pub(crate) executor_reregistration_timeout: Duration,
    /// From SHUTDOWN to the end of an executor.
    #[arg(long, value_parser = duration::parse, default_value = "5secs")]
    pub(crate) executor_shutdown_grace_period: Duration,
    /// How long checkpointing executors look for an agent that has gone.
    #[arg(long, value_parser = duration::parse, default_value = "15mins")]
    pub(crate) recovery_timeout: Duration,
    /// First pause before an unacknowledged update is sent again.
    #[arg(long, value_parser = duration::parse, default_value = "10secs")]
    pub(crate) status_update_retry: Duration,
    /// Pause between the agent's attempts to register.
    #[arg(long, value_parser = duration::parse, default_value = "200ms")]
    pub(crate) registration_backoff: Duration,
    /// A variable executors start with, NAME=VALUE; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) executor_env: Vec<(String, String)>,
    /// On SIGTERM leave executors running: a later start on the work directory finds them again.
    #[arg(long)]
    pub(crate) leave_executors: bool,
    /// On SIGTERM wait at most this long for executors to end by themselves.
    #[arg(long, value_parser = duration::parse, default_value = "1mins")]
    pub(crate) stop_timeout: Duration,
}

/// Parsed attributes.
#[derive(Clone, Debug)]
pub(crate) struct Attributes(pub(crate) Vec<v1::Attribute>);

fn all<E: std::fmt::Display>(errors: Vec<E>) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn resources(text: &str) -> Result<Resources, String> {
    if text.is_empty() { Ok(Resources::new()) } else { parse::resources(text).map_err(all) }
}

fn attributes(text: &str) -> Result<Attributes, String> {
    if text.is_empty() {
        Ok(Attributes(Vec::new()))
    } else {
        attribute::attributes(text).map(Attributes).map_err(all)
    }
}

fn domain(text: &str) -> Result<v1::DomainInfo, String> {
    mesos::json::from_str(text).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not of the form NAME=VALUE")),
    }
}

impl Run {
    /// Variables for executors.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        self.executor_env.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::*;

    #[test]
    fn a_run_needs_a_work_directory_and_a_verb_does_not() {
        assert!(Args::try_parse_from(["mesos-local"]).is_err());
        let args =
            Args::try_parse_from(["mesos-local", "--work-dir", "/w", "--resources", "cpus:1;mem:2"]).unwrap();
        assert_eq!(args.run.resources.cpus().to_f64(), 1.0);
        let args = Args::try_parse_from(["mesos-local", "ctl", "--work-dir", "/w", "agent-kill"]).unwrap();
        assert!(matches!(args.command, Some(Command::Ctl(Ctl { verb: Verb::AgentKill, .. }))));
        assert!(Args::try_parse_from(["mesos-local", "ctl", "agent-kill"]).is_err());
    }

    #[test]
    fn all_mistakes_in_resources_are_named() {
        let error = Args::try_parse_from(["mesos-local", "--work-dir", "/w", "--resources", "cpus:x;mem:y"])
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cpus") && text.contains("mem"), "{text}");
    }
}
