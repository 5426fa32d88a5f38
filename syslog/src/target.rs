//! Where messages go (D24): `udp://host:514`, `tcp://…`, `tls://…` or `unix:///dev/log`.

use std::{fmt, path::PathBuf, str::FromStr};

/// A syslog server and the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A datagram for each message (RFC 5426).
    Udp(Address),
    /// Octet-counted frames (RFC 6587).
    Tcp(Address),
    /// The same within TLS (RFC 5425).
    Tls(Address),
    /// A datagram socket of this machine.
    Unix(PathBuf),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address, an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Target {
    /// Whether it is a stream: what was sent last may be lost when it breaks.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Tls(_))
    }

    /// The largest message, its header included: rsyslog cuts what is longer than 8096 unless told otherwise, and a
    /// receiver of UDP should take 2048 at least (RFC 5426, 3.2).
    pub fn longest(&self) -> usize {
        if matches!(self, Self::Udp(_)) { 2048 } else { 8000 }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Tls(address) => write!(f, "tls://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What stands there is no syslog server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no syslog server: write udp://host:514, tcp://host:514, tls://host:6514 or unix:///dev/log"
)]
pub struct NoTarget(String);

impl FromStr for Target {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_target = || NoTarget(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(no_target)?;
        if scheme == "unix" {
            let fine = rest.starts_with('/') && rest.len() > 1;
            return if fine { Ok(Self::Unix(rest.into())) } else { Err(no_target()) };
        }
        let (host, port) = rest.rsplit_once(':').ok_or_else(no_target)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(no_target)?;
        if host.is_empty() || host.contains(['/', '@']) {
            return Err(no_target());
        }
        let address = Address { host: host.to_owned(), port };
        match scheme {
            "udp" => Ok(Self::Udp(address)),
            "tcp" => Ok(Self::Tcp(address)),
            "tls" => Ok(Self::Tls(address)),
            _ => Err(no_target()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // D24
    #[test]
    fn targets() {
        for text in ["udp://log:514", "tcp://10.0.0.1:601", "tls://[::1]:6514", "unix:///dev/log"] {
            assert_eq!(text.parse::<Target>().map(|target| target.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", "log:514", "http://log:514", "tcp://log", "tcp://:514", "tcp://log:0", "unix://dev/log"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
