//! Where the scheduler is, and what opens its door (S-092, S-093, S-116, D46).
//!
//! A DC/OS token goes to the DC/OS it belongs to and nowhere else: not to `--url`, and not to a `DCOS_URL` that is
//! another cluster than the one attached to.

use std::{fmt, path::PathBuf};

use crate::{args::Common, failure::Failure};

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

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Finds the scheduler from the arguments, the environment (`variable`) and the DC/OS CLI's configuration.
pub(crate) fn find(
    common: &Common,
    variable: &dyn Fn(&str) -> Option<String>,
    dcos: &dyn Dcos,
) -> Result<Address, Failure> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let token = common.token.clone().map(Secret);
    let ca_file = common.ca_cert.clone().or_else(|| variable("DCOS_CA_PATH").map(PathBuf::from));
    let own = common.url.clone().map(|url| (url, Origin::Flag));
    let own = own.or_else(|| Some((variable("KAFKA_SCHEDULER_URL")?, Origin::Variable)));
    if let Some((url, origin)) = own {
        return Ok(Address { url, origin, token, ca_file });
    }
    let attached = || dcos.config("core.dcos_url");
    let (cluster, origin) = match variable("DCOS_URL") {
        Some(url) => (url, Origin::DcosVariable),
        None => (attached().ok_or(Failure::NoAddress)?, Origin::DcosConfig),
    };
    let token = token.or_else(|| variable("DCOS_ACS_TOKEN").map(Secret)).or_else(|| {
        let same = origin == Origin::DcosConfig || attached().as_deref().map(plain) == Some(plain(&cluster));
        if same { dcos.config("core.dcos_acs_token").map(Secret) } else { None }
    });
    let name = common.name.clone().or_else(|| dcos.config("kafka.service_name"));
    let name = name.unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let url = format!("{}/service/{}", plain(&cluster), name.trim_matches('/'));
    Ok(Address { url, origin, token, ca_file })
}

fn plain(url: &str) -> &str {
    url.trim_end_matches('/')
}

#[cfg(test)]
mod tests;
