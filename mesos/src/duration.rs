//! Mesos's text for lengths of time: a number directly followed by its unit, as in `15mins`, `500ms` or `1.5hrs`.

use std::time::Duration;

/// Units and their lengths in seconds.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("ms", 1e-3),
    ("secs", 1.0),
    ("mins", 60.0),
    ("hrs", 3600.0),
    ("days", 86_400.0),
    ("weeks", 604_800.0),
];

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no duration: give a number with its unit, such as 15mins; units are ns, us, ms, secs, mins, hrs, days, weeks"
)]
pub struct NotADuration {
    /// The text.
    pub text: String,
}

/// Reads a length of time.
///
/// # Errors
/// When number or unit are missing or unknown, the number is negative, or the whole does not fit a [`Duration`].
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    let wrong = || NotADuration { text: text.to_owned() };
    let at = text.find(|character: char| character.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(wrong());
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_mesos_writes_reads() {
        for (text, millis) in [
            ("15mins", 900_000),
            ("2secs", 2000),
            ("500ms", 500),
            ("1.5mins", 90_000),
            ("0ns", 0),
            ("1weeks", 604_800_000),
            ("1days", 86_400_000),
            ("1hrs", 3_600_000),
            ("5000us", 5),
        ] {
            assert_eq!(parse(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_the_units() {
        for text in [
            "",
            "15",
            "mins",
            "15 mins",
            "15m",
            "-1secs",
            "1e3secs",
            "1.2.3secs",
            "99999999999999999999weeks",
            "infsecs",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains("secs, mins"), "{error}");
        }
    }
}
