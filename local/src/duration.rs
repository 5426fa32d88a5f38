//! Durations as Mesos's flags and environment variables write them: a number directly followed by its unit.

use std::time::Duration;

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no duration: write a number and one of ns, us, ms, secs, mins, hrs, days, weeks, as in 500ms or 1.5mins"
)]
pub struct InvalidDuration(String);

/// Units and their length in seconds. The short ones are ours, for people.
const UNITS: [(&str, f64); 12] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("ms", 1e-3),
    ("secs", 1.0),
    ("sec", 1.0),
    ("s", 1.0),
    ("mins", 60.0),
    ("min", 60.0),
    ("m", 60.0),
    ("hrs", 3600.0),
    ("days", 86_400.0),
    ("weeks", 604_800.0),
];

/// Reads a duration.
///
/// # Errors
/// [`InvalidDuration`], also for negative ones.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| invalid())?;
    let (_, length) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    Duration::try_from_secs_f64(number * length).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(parse(text).ok(), millis.map(Duration::from_millis), "{text}");
        };
        check("500ms", Some(500));
        check("1.5mins", Some(90_000));
        check("2secs", Some(2000));
        check("0secs", Some(0));
        check("3s", Some(3000));
        for wrong in ["", "5", "secs", "-1secs", "1 secs", "1e3ms", "1parsec"] {
            check(wrong, None);
        }
    }
}
