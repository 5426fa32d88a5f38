//! The DC/OS CLI's configuration, read with the DC/OS CLI itself: its files differ between its versions.

use std::process::{Command, Stdio};

/// Where values of the DC/OS CLI's configuration come from.
pub(crate) trait Dcos {
    /// The value of `key`; `None` where it is not set, or there is no DC/OS CLI.
    fn config(&self, key: &str) -> Option<String>;
}

/// The `dcos` on the `PATH`.
pub(crate) struct Installed;

impl Dcos for Installed {
    fn config(&self, key: &str) -> Option<String> {
        let output = Command::new("dcos").args(["config", "show", key]).stdin(Stdio::null()).output().ok()?;
        let value = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !value.is_empty()).then_some(value)
    }
}
