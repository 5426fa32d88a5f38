//! The environment an executor gets (§6.1): all of it, nothing inherited.
use std::collections::BTreeMap;
use std::time::Duration;

use mesos::v1;
use mesos::v1::environment::variable::Type;

use super::{Options, Run, layout};

/// Where programs are found if nothing else says so.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Upper bound of an executor's random pause before it reconnects.
const SUBSCRIPTION_BACKOFF_MAX: Duration = Duration::from_secs(2);

/// All variables, sorted. The executor's own win over the agent's.
pub(super) fn of(
    options: &Options,
    run: &Run,
    framework: &v1::FrameworkInfo,
    executor: &v1::ExecutorInfo,
) -> Vec<(String, String)> {
    let sandbox = layout::sandbox(&options.work_dir, run).display().to_string();
    let grace = shutdown_grace(options, executor);
    let mut all: BTreeMap<String, String> = options.executor_environment.clone();
    let mut set = |name: &str, value: String| all.insert(name.to_owned(), value);
    set("MESOS_FRAMEWORK_ID", run.framework_id.clone());
    set("MESOS_EXECUTOR_ID", run.executor_id.clone());
    set("MESOS_SLAVE_ID", run.agent_id.clone());
    set("MESOS_SLAVE_PID", format!("slave(1)@{}", options.address));
    set("MESOS_AGENT_ENDPOINT", options.address.to_string());
    set("MESOS_DIRECTORY", sandbox.clone());
    set("MESOS_SANDBOX", sandbox);
    set("MESOS_HTTP_COMMAND_EXECUTOR", "0".to_owned());
    set("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", duration_text(grace));
    set("LIBPROCESS_IP", options.address.ip().to_string());
    set("LIBPROCESS_PORT", "0".to_owned());
    if framework.checkpoint() {
        set("MESOS_CHECKPOINT", "1".to_owned());
        set("MESOS_RECOVERY_TIMEOUT", duration_text(options.recovery_timeout));
        set("MESOS_SUBSCRIPTION_BACKOFF_MAX", duration_text(SUBSCRIPTION_BACKOFF_MAX));
    } else {
        set("MESOS_CHECKPOINT", "0".to_owned());
    }
    let own = executor.command.as_ref().and_then(|command| command.environment.as_ref());
    for variable in own.iter().flat_map(|environment| &environment.variables) {
        let value = match variable.r#type() {
            Type::Secret => variable.secret.as_ref().and_then(|secret| secret.value.as_ref()).map(|value| {
                // A value that is no text cannot be an environment variable; the nearest text is.
                String::from_utf8_lossy(&value.data).into_owned()
            }),
            _ => variable.value.clone(),
        };
        set(&variable.name, value.unwrap_or_default());
    }
    all.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    all.into_iter().collect()
}

/// From SHUTDOWN to the end of the container.
pub(super) fn shutdown_grace(options: &Options, executor: &v1::ExecutorInfo) -> Duration {
    let own = executor.shutdown_grace_period.as_ref().and_then(|grace| u64::try_from(grace.nanoseconds).ok());
    own.map_or(options.executor_shutdown_grace_period, Duration::from_nanos)
}

/// A duration as Mesos writes it: `5secs`, `1.5mins`, `500ms`.
pub fn duration_text(duration: Duration) -> String {
    const UNITS: [(u128, &str); 8] = [
        (604_800_000_000_000, "weeks"),
        (86_400_000_000_000, "days"),
        (3_600_000_000_000, "hrs"),
        (60_000_000_000, "mins"),
        (1_000_000_000, "secs"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let nanos = duration.as_nanos();
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| nanos >= *unit).unwrap_or((1_000_000_000, "secs"));
    #[allow(clippy::cast_precision_loss, reason = "a duration of years may be off by nanoseconds")]
    let count = nanos as f64 / unit as f64;
    format!("{count}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_mesos_does() {
        let check = |duration: Duration, text: &str| assert_eq!(duration_text(duration), text);
        check(Duration::from_secs(5), "5secs");
        check(Duration::from_secs(15 * 60), "15mins");
        check(Duration::from_secs(90), "1.5mins");
        check(Duration::from_millis(500), "500ms");
        check(Duration::ZERO, "0secs");
        check(Duration::from_secs(14 * 86_400), "2weeks");
    }
}
