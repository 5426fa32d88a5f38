//! What the agent tells its executor by environment variables.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::duration;
use crate::v1::{AgentId, ExecutorId, FrameworkId};

/// Mesos's own recovery timeout, where the agent gives none.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Mesos's own bound of the wait before a new try, where the agent gives none.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Mesos's own grace, where the agent gives none.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How to reach the agent, and how long to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `MESOS_FRAMEWORK_ID`.
    pub framework_id: FrameworkId,
    /// `MESOS_EXECUTOR_ID`.
    pub executor_id: ExecutorId,
    /// `MESOS_SLAVE_ID`.
    pub agent_id: Option<AgentId>,
    /// Where the agent listens, of `MESOS_SLAVE_PID` or `MESOS_AGENT_ENDPOINT`.
    pub agent: Agent,
    /// `MESOS_CHECKPOINT`: whether the agent takes us back after it was away.
    pub checkpoint: bool,
    /// `MESOS_RECOVERY_TIMEOUT`: how long the agent may be away.
    pub recovery_timeout: Duration,
    /// `MESOS_SUBSCRIPTION_BACKOFF_MAX`: bound of the random wait before a new try.
    pub backoff_max: Duration,
    /// `MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD`: time between SHUTDOWN and the end by force. Not used by the client.
    pub shutdown_grace: Duration,
    /// `MESOS_EXECUTOR_AUTHENTICATION_TOKEN`. Keep the variable from the processes this one starts.
    pub token: Option<Token>,
    /// `MESOS_SANDBOX`, else `MESOS_DIRECTORY`. Not used by the client.
    pub sandbox: Option<PathBuf>,
}

/// Address of the agent's executor endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Host name or address, an IPv6 one without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path, such as `/slave(1)/api/v1/executor`.
    pub path: String,
}

/// A secret: it has no readable form.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What is wrong with the environment: everything at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsError(pub Vec<Problem>);

/// One thing that is wrong with the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {what}")]
pub struct Problem {
    /// Name of the variable.
    pub variable: &'static str,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is not the environment a Mesos agent gives to an executor")?;
        for problem in &self.0 {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for OptionsError {}

impl Options {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// When a needed variable is missing or one does not read; all of them are named.
    pub fn from_env() -> Result<Self, OptionsError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables from a function, for example a map's.
    ///
    /// # Errors
    /// As [`Options::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, OptionsError> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut problems = Vec::new();
        let mut need = |variable: &'static str| {
            get(variable).unwrap_or_else(|| {
                problems.push(Problem { variable, what: "it is not set".to_owned() });
                String::new()
            })
        };
        let framework_id = FrameworkId { value: need("MESOS_FRAMEWORK_ID") };
        let executor_id = ExecutorId { value: need("MESOS_EXECUTOR_ID") };
        let agent = agent(&get).unwrap_or_else(|problem| {
            problems.push(problem);
            Agent { host: String::new(), port: 0, path: String::new() }
        });
        let mut time = |variable: &'static str, otherwise: Duration| match get(variable) {
            None => otherwise,
            Some(text) => duration::parse(&text).unwrap_or_else(|error| {
                problems.push(Problem { variable, what: error.to_string() });
                otherwise
            }),
        };
        let recovery_timeout = time("MESOS_RECOVERY_TIMEOUT", RECOVERY_TIMEOUT);
        let backoff_max = time("MESOS_SUBSCRIPTION_BACKOFF_MAX", BACKOFF_MAX);
        let shutdown_grace = time("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", SHUTDOWN_GRACE);
        let checkpoint = match get("MESOS_CHECKPOINT").as_deref() {
            Some("1" | "true") => true,
            Some("0" | "false") | None => false,
            Some(other) => {
                let what = format!("{other:?} is neither 1 nor 0");
                problems.push(Problem { variable: "MESOS_CHECKPOINT", what });
                false
            }
        };
        if !problems.is_empty() {
            return Err(OptionsError(problems));
        }
        Ok(Self {
            framework_id,
            executor_id,
            agent_id: get("MESOS_SLAVE_ID").map(|value| AgentId { value }),
            agent,
            checkpoint,
            recovery_timeout,
            backoff_max,
            shutdown_grace,
            token: get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN").map(Token::new),
            sandbox: get("MESOS_SANDBOX").or_else(|| get("MESOS_DIRECTORY")).map(PathBuf::from),
        })
    }
}

/// The agent's pid names its process too, which is the prefix of its paths; the endpoint alone will do.
fn agent(get: &impl Fn(&str) -> Option<String>) -> Result<Agent, Problem> {
    const PID: &str = "MESOS_SLAVE_PID";
    const ENDPOINT: &str = "MESOS_AGENT_ENDPOINT";
    if let Some(pid) = get(PID) {
        let wrong =
            || Problem { variable: PID, what: format!("{pid:?} is not of the form slave(1)@host:port") };
        let (process, address) = pid.rsplit_once('@').ok_or_else(wrong)?;
        let (host, port) = host_and_port(address).ok_or_else(wrong)?;
        // Whatever else stood there would not be one step of a path.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"()-_.%".contains(&byte);
        if process.is_empty() || !process.bytes().all(plain) {
            return Err(wrong());
        }
        return Ok(Agent { host, port, path: format!("/{process}/api/v1/executor") });
    }
    let Some(endpoint) = get(ENDPOINT) else {
        return Err(Problem { variable: PID, what: format!("neither it nor {ENDPOINT} is set") });
    };
    let (host, port) = host_and_port(&endpoint).ok_or_else(|| Problem {
        variable: ENDPOINT,
        what: format!("{endpoint:?} is not of the form host:port"),
    })?;
    Ok(Agent { host, port, path: "/api/v1/executor".to_owned() })
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Options, OptionsError> {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Options::from_lookup(|name| {
            variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn what_an_agent_gives_reads() {
        let options = read(&[
            ("MESOS_FRAMEWORK_ID", "F-1"),
            ("MESOS_EXECUTOR_ID", "E-1"),
            ("MESOS_SLAVE_ID", "A-1"),
            ("MESOS_SLAVE_PID", "slave(1)@10.0.0.5:5051"),
            ("MESOS_AGENT_ENDPOINT", "10.0.0.5:5051"),
            ("MESOS_CHECKPOINT", "1"),
            ("MESOS_RECOVERY_TIMEOUT", "15mins"),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "330secs"),
            ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "secret"),
            ("MESOS_DIRECTORY", "/d"),
            ("MESOS_SANDBOX", "/s"),
        ])
        .unwrap();
        let path = "/slave(1)/api/v1/executor".to_owned();
        assert_eq!(options.agent, Agent { host: "10.0.0.5".to_owned(), port: 5051, path });
        assert!(options.checkpoint);
        assert_eq!(options.recovery_timeout.as_secs(), 900);
        assert_eq!(options.shutdown_grace.as_secs(), 330);
        assert_eq!(options.sandbox, Some(PathBuf::from("/s")));
        assert!(!format!("{options:?}").contains("secret"));
    }

    #[test]
    fn the_endpoint_alone_will_do() {
        let needed =
            [("MESOS_FRAMEWORK_ID", "F"), ("MESOS_EXECUTOR_ID", "E"), ("MESOS_AGENT_ENDPOINT", "[::1]:5051")];
        let options = read(&needed).unwrap();
        let path = "/api/v1/executor".to_owned();
        assert_eq!(options.agent, Agent { host: "::1".to_owned(), port: 5051, path });
        assert!(!options.checkpoint);
        assert_eq!(options.recovery_timeout, RECOVERY_TIMEOUT);
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let error = read(&[
            ("MESOS_SLAVE_PID", "10.0.0.5:5051"),
            ("MESOS_CHECKPOINT", "yes"),
            ("MESOS_RECOVERY_TIMEOUT", "15"),
        ])
        .unwrap_err();
        let variables: Vec<&str> = error.0.iter().map(|problem| problem.variable).collect();
        assert_eq!(
            variables,
            [
                "MESOS_FRAMEWORK_ID",
                "MESOS_EXECUTOR_ID",
                "MESOS_SLAVE_PID",
                "MESOS_RECOVERY_TIMEOUT",
                "MESOS_CHECKPOINT"
            ]
        );
        let error = read(&[("MESOS_FRAMEWORK_ID", "F"), ("MESOS_EXECUTOR_ID", "E")]).unwrap_err();
        assert!(error.to_string().contains("neither it nor MESOS_AGENT_ENDPOINT is set"), "{error}");
        for pid in ["slave(1)@:5051", "slave(1)@h:0", "@h:1", "a/b@h:1", "slave(1)@h"] {
            let needed = [("MESOS_FRAMEWORK_ID", "F"), ("MESOS_EXECUTOR_ID", "E"), ("MESOS_SLAVE_PID", pid)];
            assert_eq!(read(&needed).unwrap_err().0.len(), 1, "{pid}");
        }
    }
}
