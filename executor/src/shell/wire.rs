//! Mesos' messages ⇄ the supervisor's words.

use std::time::Duration;

use api::launch::{Health, LaunchContract};
use healthcheck::policy::Timing;
use mesos::v1::{self, framework_info::capability, task_status};

use crate::{
    contract,
    supervisor::{Launch, Reason, TaskState, Update},
};

/// The path of the executor's own health endpoint, by which D30 knows a check as ours.
pub(super) const HEALTH_PATH: &str = "/admin/healthcheck";

/// A LAUNCH in our words.
pub(super) struct Launched {
    pub(super) launch: Launch,
    /// How to check the broker's health; `None`: not at all.
    pub(super) health: Option<Timing>,
    /// What of the TaskInfo is not done here.
    pub(super) warnings: Vec<String>,
}

pub(super) fn launch(task: &v1::TaskInfo) -> Launched {
    let id = task.task_id.value.clone();
    let contract = contract::read(&id, task.data());
    let mut warnings = Vec::new();
    let health = match (&task.health_check, &contract) {
        (Some(check), Ok(contract)) if is_ours(check, contract) => Some(timing(check)),
        (Some(check), _) => {
            warnings.push(format!(
                "the task's health check ({:?}) is not run: it is not the executor's own",
                check.r#type()
            ));
            None
        }
        (None, _) => None,
    };
    if task.check.is_some() {
        warnings.push("the task's check is not run".to_owned());
    }
    let grace = task.kill_policy.as_ref().and_then(grace);
    Launched { launch: Launch { task: id, contract, grace }, health, warnings }
}

/// D30: an HTTP check of our own endpoint is answered in process.
fn is_ours(check: &v1::HealthCheck, contract: &LaunchContract) -> bool {
    let http = check.http.as_ref();
    http.is_some_and(|http| http.port == u32::from(contract.api_port) && http.path() == HEALTH_PATH)
}

/// The contract's own timing; `None`: not at all.
pub(super) fn own_timing(health: &Health) -> Option<Timing> {
    let seconds = Duration::from_secs;
    health.enabled.then(|| Timing {
        enabled: true,
        delay: seconds(health.delay_secs),
        interval: seconds(health.interval_secs),
        timeout: seconds(health.timeout_secs),
        grace: seconds(health.grace_secs),
        max_failures: health.max_failures,
    })
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
        assert_eq!(launched.health, Some(Timing::default()));
        assert!(launched.warnings.is_empty());
        assert_eq!(launched.launch.grace, Some(Duration::from_millis(1500)));
        assert_eq!(launch(&task(None)).health, None);
    }

    // D17, D31, S-081 to S-086: the contract's timing counts the grace from the delay on.
    #[test]
    fn the_contract_s_timing_is_taken_as_it_is() {
        let health = Health {
            enabled: true,
            delay_secs: 15,
            interval_secs: 10,
            timeout_secs: 20,
            grace_secs: 10,
            max_failures: 3,
            topic: None,
        };
        assert_eq!(own_timing(&health), Some(Timing::default()));
        assert_eq!(own_timing(&Health { enabled: false, ..health }), None);
    }

    #[test]
    fn a_check_that_is_not_run_is_said() {
        let command =
            v1::HealthCheck { r#type: Some(v1::health_check::Type::Command as i32), ..Default::default() };
        for foreign in [http(9092, HEALTH_PATH), http(9093, "/other"), command] {
            let launched = launch(&task(Some(foreign)));
            assert_eq!((launched.health, launched.warnings.len()), (None, 1));
        }
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
