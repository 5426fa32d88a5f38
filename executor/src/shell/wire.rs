//! Mesos' messages ⇄ the supervisor's words.

use std::time::Duration;

use api::launch::LaunchContract;
use healthcheck::policy::Timing;
use mesos::v1::{self, framework_info::capability, health_check::Type, network_info::Protocol, task_status};

use crate::{
    contract,
    health::{Check, Foreign},
    supervisor::{Launch, Reason, TaskState, Update},
};

/// The path of the executor's own health endpoint, by which D30 knows a check as ours.
pub(super) const HEALTH_PATH: &str = "/admin/healthcheck";

/// A LAUNCH in our words.
pub(super) struct Launched {
    pub(super) launch: Launch,
    /// How the TaskInfo wants the broker's health checked; `None`: not at all.
    pub(super) health: Option<Check>,
    /// What of the TaskInfo is not done here.
    pub(super) warnings: Vec<String>,
}

pub(super) fn launch(task: &v1::TaskInfo) -> Launched {
    let id = task.task_id.value.clone();
    let contract = contract::read(&id, task.data());
    let mut warnings = Vec::new();
    let health = match (&task.health_check, &contract) {
        (Some(check), Ok(contract)) if is_ours(check, contract) => {
            Some(Check::Own { timing: timing(check), topic: None })
        }
        (Some(check), _) => match foreign(check) {
            Ok(what) => Some(Check::Foreign { timing: timing(check), what }),
            Err(why) => {
                warnings.push(format!("the task's health check is not run: {why}"));
                None
            }
        },
        (None, _) => None,
    };
    let user = task.health_check.as_ref().and_then(|check| check.command.as_ref()?.user.as_ref());
    if let Some(user) = user {
        warnings.push(format!("the command of the task's health check runs as we do, not as {user}"));
    }
    if task.check.is_some() {
        warnings
            .push("the task's check (CheckInfo) is not run: this executor has health checks only".to_owned());
    }
    let grace = task.kill_policy.as_ref().and_then(grace);
    Launched { launch: Launch { task: id, contract, grace }, health, warnings }
}

/// D30: an HTTP check of our own endpoint is answered in process.
fn is_ours(check: &v1::HealthCheck, contract: &LaunchContract) -> bool {
    let http = check.http.as_ref();
    http.is_some_and(|http| http.port == u32::from(contract.api_port) && http.path() == HEALTH_PATH)
}

/// A check that is not ours, in our words, or why it can't be run.
fn foreign(check: &v1::HealthCheck) -> Result<Foreign, String> {
    // The kind is inferred where it is not said.
    let kind = match (check.r#type, &check.command, &check.http, &check.tcp) {
        (Some(_), ..) => check.r#type(),
        (None, Some(_), ..) => Type::Command,
        (None, None, Some(_), _) => Type::Http,
        (None, None, None, Some(_)) => Type::Tcp,
        (None, None, None, None) => Type::Unknown,
    };
    let port = |port: u32| match u16::try_from(port) {
        Ok(port @ 1..) => Ok(port),
        _ => Err(format!("its port is {port}")),
    };
    match (kind, &check.command, &check.http, &check.tcp) {
        (Type::Command, Some(command), ..) => foreign_command(command),
        (Type::Http, _, Some(http), _) => {
            let scheme = http.scheme.as_deref().unwrap_or("http");
            if scheme != "http" {
                return Err(format!("its scheme is {scheme}, and only http is supported"));
            }
            let path = http.path().to_owned();
            let path = if path.is_empty() { "/".to_owned() } else { path };
            if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("its path is {path:?}"));
            }
            let v6 = http.protocol() == Protocol::IPv6;
            Ok(Foreign::Http { v6, port: port(http.port)?, path, statuses: http.statuses.clone() })
        }
        (Type::Tcp, _, _, Some(tcp)) => {
            Ok(Foreign::Tcp { v6: tcp.protocol() == Protocol::IPv6, port: port(tcp.port)? })
        }
        _ => Err(format!("it is of type {kind:?} and says no more")),
    }
}

/// As Mesos runs any command: by the shell, or with the arguments as they are, the first of which is its own name.
fn foreign_command(command: &v1::CommandInfo) -> Result<Foreign, String> {
    let value = command.value.clone().ok_or("its command has no value")?;
    let (program, arguments) = match command.shell() {
        true => ("/bin/sh".to_owned(), vec!["sh".to_owned(), "-c".to_owned(), value]),
        false => (value, command.arguments.clone()),
    };
    let variables = command.environment.iter().flat_map(|environment| &environment.variables);
    let environment =
        variables.map(|variable| (variable.name.clone(), variable.value().to_owned())).collect();
    Ok(Foreign::Command { program, arguments, environment })
}

/// S-082 to S-086 as D17 has them: Mesos counts the grace from the launch, we from the first check.
fn timing(check: &v1::HealthCheck) -> Timing {
    let delay = seconds(check.delay_seconds());
    let timeout = match seconds(check.timeout_seconds()) {
        // 0 means none to Mesos; a check that never ends would be no check, so: as long as a day.
        Duration::ZERO => Duration::from_secs(24 * 60 * 60),
        timeout => timeout,
    };
    Timing {
        enabled: true,
        delay,
        interval: seconds(check.interval_seconds()),
        timeout,
        grace: seconds(check.grace_period_seconds()).saturating_sub(delay),
        max_failures: check.consecutive_failures(),
    }
}

/// Mesos' seconds; what is no length of time counts as none.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

/// A kill policy's grace, if it has one.
pub(super) fn grace(policy: &v1::KillPolicy) -> Option<Duration> {
    let nanoseconds = policy.grace_period.as_ref()?.nanoseconds;
    Some(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)))
}

/// Whether a framework wants to hear of TASK_KILLING.
pub(super) fn knows_killing(framework: &v1::FrameworkInfo) -> bool {
    framework.capabilities.iter().any(|capability| capability.r#type() == capability::Type::TaskKillingState)
}

/// An update, but for what the client adds: uuid, source, executor, time.
pub(super) fn status(update: Update) -> v1::TaskStatus {
    let state = match update.state {
        TaskState::Starting => v1::TaskState::TaskStarting,
        TaskState::Running => v1::TaskState::TaskRunning,
        TaskState::Killing => v1::TaskState::TaskKilling,
        TaskState::Killed => v1::TaskState::TaskKilled,
        TaskState::Failed => v1::TaskState::TaskFailed,
    };
    let reason = update.reason.map(|Reason::Health| task_status::Reason::TaskHealthCheckStatusUpdated as i32);
    let label = |(key, value)| v1::Label { key, value: Some(value) };
    let labels: Vec<_> = update.labels.into_iter().map(label).collect();
    let data = update.incident.and_then(|incident| serde_json::to_vec(&incident).ok());
    v1::TaskStatus {
        task_id: v1::TaskId { value: update.task },
        state: state as i32,
        message: Some(update.message),
        reason,
        healthy: update.healthy,
        labels: (!labels.is_empty()).then_some(v1::Labels { labels }),
        data,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;
    use crate::contract::tests::good;

    fn task(check: Option<v1::HealthCheck>) -> v1::TaskInfo {
        v1::TaskInfo {
            task_id: v1::TaskId { value: "t".to_owned() },
            data: Some(serde_json::to_vec(&good()).unwrap()),
            health_check: check,
            kill_policy: Some(v1::KillPolicy {
                grace_period: Some(v1::DurationInfo { nanoseconds: 1_500_000_000 }),
            }),
            ..Default::default()
        }
    }

    fn http(port: u32, path: &str) -> v1::HealthCheck {
        let http =
            v1::health_check::HttpCheckInfo { port, path: Some(path.to_owned()), ..Default::default() };
        v1::HealthCheck {
            r#type: Some(v1::health_check::Type::Http as i32),
            http: Some(http),
            ..Default::default()
        }
    }

    // D17, D30, S-081 to S-086
    #[test]
    fn our_own_check_is_known_and_its_grace_counts_from_the_launch() {
        let check = v1::HealthCheck { grace_period_seconds: Some(25.0), ..http(9093, HEALTH_PATH) };
        let launched = launch(&task(Some(check)));
        assert_eq!(launched.health, Some(Check::Own { timing: Timing::default(), topic: None }));
        assert!(launched.warnings.is_empty());
        assert_eq!(launched.launch.grace, Some(Duration::from_millis(1500)));
        assert_eq!(launch(&task(None)).health, None);
    }

    fn check(check: v1::HealthCheck, expect: Result<Foreign, &str>) {
        let launched = launch(&task(Some(check.clone())));
        match expect {
            Ok(what) => {
                // Mesos counts its grace of 10 s from the launch too, when the delay of 15 s is not over yet.
                let timing = Timing { grace: Duration::ZERO, ..Timing::default() };
                assert_eq!(launched.health, Some(Check::Foreign { timing, what }));
                assert!(launched.warnings.is_empty(), "{:?}", launched.warnings);
            }
            Err(why) => {
                assert_eq!(launched.health, None, "{check:?}");
                assert_eq!(launched.warnings, [format!("the task's health check is not run: {why}")]);
            }
        }
    }

    // D30
    #[test]
    fn any_other_check_is_taken_as_it_is_written() {
        let plain = |port, path: &str, statuses: &[u32]| Foreign::Http {
            v6: false,
            port,
            path: path.to_owned(),
            statuses: statuses.to_vec(),
        };
        check(http(9092, HEALTH_PATH), Ok(plain(9092, HEALTH_PATH, &[])));
        check(http(9093, "/other"), Ok(plain(9093, "/other", &[])));
        let mut all = http(9093, "/other");
        all.r#type = None;
        let info = all.http.as_mut().unwrap();
        info.statuses = vec![200, 503];
        info.protocol = Some(Protocol::IPv6 as i32);
        info.path = None;
        let statuses = vec![200, 503];
        check(all, Ok(Foreign::Http { v6: true, port: 9093, path: "/".to_owned(), statuses }));

        let tcp = |port| v1::HealthCheck {
            r#type: Some(Type::Tcp as i32),
            tcp: Some(v1::health_check::TcpCheckInfo { port, protocol: None }),
            ..Default::default()
        };
        check(tcp(9092), Ok(Foreign::Tcp { v6: false, port: 9092 }));

        let command = |shell, arguments: &[&str]| {
            let variable = v1::environment::Variable {
                name: "A".to_owned(),
                value: Some("b".to_owned()),
                ..Default::default()
            };
            let command = v1::CommandInfo {
                shell: Some(shell),
                value: Some("check".to_owned()),
                arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
                environment: Some(v1::Environment { variables: vec![variable] }),
                ..Default::default()
            };
            v1::HealthCheck {
                r#type: Some(Type::Command as i32),
                command: Some(command),
                ..Default::default()
            }
        };
        let expect = |program: &str, arguments: &[&str]| Foreign::Command {
            program: program.to_owned(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: [("A".to_owned(), "b".to_owned())].into(),
        };
        check(command(true, &["ignored"]), Ok(expect("/bin/sh", &["sh", "-c", "check"])));
        check(command(false, &["name", "x"]), Ok(expect("check", &["name", "x"])));
    }

    // D30
    #[test]
    fn a_check_that_cannot_be_run_is_said() {
        let mut secure = http(9092, "/");
        secure.http.as_mut().unwrap().scheme = Some("https".to_owned());
        check(secure, Err("its scheme is https, and only http is supported"));
        check(http(0, "/"), Err("its port is 0"));
        check(http(70000, "/"), Err("its port is 70000"));
        check(http(1, "x"), Err("its path is \"x\""));
        check(http(1, "/ HTTP/1.1\r\n"), Err("its path is \"/ HTTP/1.1\\r\\n\""));
        let empty = v1::HealthCheck { r#type: Some(Type::Command as i32), ..Default::default() };
        check(empty, Err("it is of type Command and says no more"));
        let command = Some(v1::CommandInfo::default());
        check(v1::HealthCheck { command, ..Default::default() }, Err("its command has no value"));
        check(v1::HealthCheck::default(), Err("it is of type Unknown and says no more"));
        let mut with_check = task(None);
        with_check.check = Some(v1::CheckInfo::default());
        assert_eq!(launch(&with_check).warnings.len(), 1);
    }

    #[test]
    fn a_negative_grace_is_none_at_all() {
        let policy = |nanoseconds| v1::KillPolicy { grace_period: Some(v1::DurationInfo { nanoseconds }) };
        assert_eq!(grace(&policy(-1)), Some(Duration::ZERO));
        assert_eq!(grace(&v1::KillPolicy { grace_period: None }), None);
    }

    // D31
    #[test]
    fn labels_and_health_go_out() {
        let update = Update {
            task: "t".to_owned(),
            state: TaskState::Running,
            message: "serves".to_owned(),
            healthy: Some(true),
            reason: Some(Reason::Health),
            labels: vec![("config_id".to_owned(), "x".to_owned())],
            incident: None,
        };
        let status = status(update);
        assert_eq!(status.state(), v1::TaskState::TaskRunning);
        assert_eq!(status.healthy, Some(true));
        assert_eq!(status.reason(), task_status::Reason::TaskHealthCheckStatusUpdated);
        assert_eq!(status.labels.unwrap().labels[0].key, "config_id");
    }
}
