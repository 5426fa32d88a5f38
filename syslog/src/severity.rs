//! Severities and facilities, RFC 5424 6.2.1.

use std::str::FromStr;

/// How grave a message is; those that logs of Java and Rust programs have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// log4j's FATAL.
    Critical = 2,
    /// ERROR.
    Error = 3,
    /// WARN.
    Warning = 4,
    /// INFO.
    Informational = 6,
    /// DEBUG and TRACE.
    Debug = 7,
}

impl Severity {
    /// The severity of a level of log4j, of the JVM's unified logging or of `tracing`.
    pub fn of_level(level: &[u8]) -> Option<Self> {
        Some(match level {
            b"INFO" | b"info" => Self::Informational,
            b"WARN" | b"warning" => Self::Warning,
            b"ERROR" | b"error" => Self::Error,
            b"DEBUG" | b"debug" | b"TRACE" | b"trace" => Self::Debug,
            b"FATAL" => Self::Critical,
            _ => return None,
        })
    }
}

/// What kind of program a message comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

/// The names that syslog configurations use, with their codes.
const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

impl Facility {
    /// System daemons, the default (D24).
    pub const DAEMON: Self = Self(3);

    /// The number that stands first in a message.
    pub fn priority(self, severity: Severity) -> u8 {
        self.0 * 8 + severity as u8
    }
}

/// No facility has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no syslog facility")]
pub struct UnknownFacility(String);

impl FromStr for Facility {
    type Err = UnknownFacility;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = FACILITIES.iter().find(|(known, _)| *known == name);
        found.map(|&(_, code)| Self(code)).ok_or_else(|| UnknownFacility(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use super::*;

    // D24
    #[test]
    fn priorities() {
        let of = |facility: &str, severity| facility.parse::<Facility>().unwrap().priority(severity);
        assert_eq!(of("daemon", Severity::Informational), 30);
        assert_eq!(of("kern", Severity::Critical), 2);
        assert_eq!(of("local7", Severity::Debug), 191);
        assert!("local8".parse::<Facility>().is_err());
    }
}
