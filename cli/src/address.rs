//! Where the scheduler is, and what opens its door (S-092, S-093, S-116, D46).
//!
//! A DC/OS token goes to the DC/OS it belongs to and nowhere else: not to `--url`, and not to a `DCOS_URL` that is
//! another cluster than the one attached to. `KAFKA_SCHEDULER_TOKEN` is the service's own and goes to no DC/OS.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{args::Common, failure::Failure, module::SERVICE_NAME};

mod dcos;

pub(crate) use dcos::{Dcos, Installed};

/// The service's name where nobody gives one (S-116).
const DEFAULT_NAME: &str = "kafka";

/// Where the scheduler is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Below which `/v1/…` is.
    pub(crate) url: String,
    /// Who said so.
    pub(crate) origin: Origin,
    /// Opens the door, if it is locked.
    pub(crate) token: Option<Secret>,
    /// Certificates to trust, in PEM.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Who said where the scheduler is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `--url`.
    Flag,
    /// `KAFKA_SCHEDULER_URL`.
    Variable,
    /// `DCOS_URL`.
    DcosVariable,
    /// The DC/OS CLI's configuration.
    DcosConfig,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "--url",
            Self::Variable => "KAFKA_SCHEDULER_URL",
            Self::DcosVariable => "DCOS_URL",
            Self::DcosConfig => "'dcos config show core.dcos_url'",
        })
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Finds the scheduler from the arguments, the environment (`variable`) and the DC/OS CLI's configuration.
pub(crate) async fn find(
    common: &Common,
    variable: &dyn Fn(&str) -> Option<String>,
    dcos: &impl Dcos,
) -> Result<Address, Failure> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let token = match &common.token_file {
        Some(path) => Some(token_in(path)?),
        None => common.token.clone(),
    };
    // The second is how the DC/OS CLI from 0.7 on names what its cluster was set up with.
    let variables = || variable("DCOS_CA_PATH").or_else(|| variable("DCOS_TLS_CA_PATH"));
    let ca_file = common.ca_cert.clone().or_else(|| variables().map(PathBuf::from));
    let own = common.url.clone().map(|url| (url, Origin::Flag));
    let own = own.or_else(|| Some((variable("KAFKA_SCHEDULER_URL")?, Origin::Variable)));
    if let Some((url, origin)) = own {
        let home = variable("KAFKA_SCHEDULER_URL").is_none_or(|home| plain(&home) == plain(&url));
        let token = token.or_else(|| variable("KAFKA_SCHEDULER_TOKEN").filter(|_| home).map(Secret));
        return Ok(Address { url, origin, token, ca_file });
    }
    let attached = || dcos.config("core.dcos_url");
    let (cluster, origin) = match variable("DCOS_URL") {
        Some(url) => (url, Origin::DcosVariable),
        None => (attached().await?.ok_or(Failure::NoAddress)?, Origin::DcosConfig),
    };
    let mut token = token.or_else(|| variable("DCOS_ACS_TOKEN").map(Secret));
    if token.is_none()
        && (origin == Origin::DcosConfig || attached().await?.as_deref().map(plain) == Some(plain(&cluster)))
    {
        token = dcos.config("core.dcos_acs_token").await?.map(Secret);
    }
    let name = match &common.name {
        Some(name) => Some(name.clone()),
        None => dcos.config(SERVICE_NAME).await?,
    };
    let name = name.unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let url = format!("{}/service/{}", plain(&cluster), name.trim_matches('/'));
    Ok(Address { url, origin, token, ca_file })
}

/// The token in a file, without the line's end.
fn token_in(path: &Path) -> Result<Secret, Failure> {
    let wrong = |what: &dyn fmt::Display| {
        Failure::Local(format!("cannot read a token in {} (from --token-file): {what}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    match text.trim() {
        "" => Err(wrong(&"it is empty")),
        token => Ok(Secret(token.to_owned())),
    }
}

fn plain(url: &str) -> &str {
    url.trim_end_matches('/')
}

#[cfg(test)]
mod tests;
