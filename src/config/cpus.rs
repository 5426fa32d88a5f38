//! Shares of a processor, as Mesos counts them: in thousandths.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of processors in thousandths: Mesos keeps three decimals, so a float would only pretend to keep more.
/// Printed, parsed and stored as a decimal: `1`, `0.1`, `2.125`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpus(pub u32);

impl Cpus {
    /// The scalar of a Mesos resource.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A text that is no number of processors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal with at most three places, such as 1 or 0.5")]
pub struct InvalidCpus(String);

impl FromStr for Cpus {
    type Err = InvalidCpus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if !digits(whole) || !digits(places) || places.len() > 3 {
                return None;
            }
            let thousandths: u32 = format!("{places:0<3}").parse().ok()?;
            Some(Cpus(whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(thousandths)?))
        };
        parse().ok_or_else(|| InvalidCpus(text.to_owned()))
    }
}

impl Serialize for Cpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn parses_three_decimals_and_prints_the_shortest() {
        for (text, thousandths, printed) in [
            ("1", 1000, "1"),
            ("0.1", 100, "0.1"),
            ("2.125", 2125, "2.125"),
            ("1.50", 1500, "1.5"),
            ("0", 0, "0"),
        ] {
            let cpus: Cpus = text.parse().unwrap();
            assert_eq!((cpus, cpus.to_string().as_str()), (Cpus(thousandths), printed));
        }
        for text in ["", ".5", "1.", "1.2345", "-1", "+1", "1e3", "one", "NaN", "99999999", "1 "] {
            assert_eq!(text.parse::<Cpus>(), Err(InvalidCpus(text.to_owned())));
        }
    }
}
