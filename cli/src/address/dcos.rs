//! The DC/OS CLI's configuration, read with the DC/OS CLI itself: its files differ between its versions.

use std::{process::Stdio, time::Duration};

use tokio::process::Command;

use crate::failure::Failure;

/// How long one question may take. The DC/OS CLI answers out of a file, in well under a second.
const LIMIT: Duration = Duration::from_secs(10);

/// Where values of the DC/OS CLI's configuration come from.
pub(crate) trait Dcos {
    /// The value of `key`; `None` where it is not set, or there is no DC/OS CLI.
    ///
    /// # Errors
    /// It does not answer in time.
    async fn config(&self, key: &str) -> Result<Option<String>, Failure>;
}

/// The `dcos` on the `PATH`.
pub(crate) struct Installed {
    limit: Duration,
}

impl Installed {
    /// Asked no longer than a request may take.
    pub(crate) fn new(request: Duration) -> Self {
        Self { limit: request.min(LIMIT) }
    }
}

impl Dcos for Installed {
    async fn config(&self, key: &str) -> Result<Option<String>, Failure> {
        let mut command = Command::new("dcos");
        command.args(["config", "show", key]).stdin(Stdio::null()).kill_on_drop(true);
        let Ok(answer) = tokio::time::timeout(self.limit, command.output()).await else {
            let seconds = self.limit.as_secs();
            return Err(Failure::Local(format!(
                "'dcos config show {key}' did not answer within {seconds} s: mend the DC/OS CLI, or give --url"
            )));
        };
        let value = answer.ok().filter(|output| output.status.success());
        let value = value.and_then(|output| String::from_utf8(output.stdout).ok());
        Ok(value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    }
}
