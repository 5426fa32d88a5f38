//! Port ranges, as Mesos writes them: `9092-10092,11000-11010`.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Serialize};

/// Sorted ranges that neither overlap nor touch. Empty (written `0`) means "choose for me".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ranges(Vec<RangeInclusive<u16>>);

impl Ranges {
    /// The ranges that hold exactly these ports, which must come in ascending order.
    pub fn of(ports: impl IntoIterator<Item = u16>) -> Self {
        let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
        for port in ports {
            match ranges.last_mut() {
                Some(last) if u32::from(*last.end()) + 1 == u32::from(port) => *last = *last.start()..=port,
                _ => ranges.push(port..=port),
            }
        }
        Self(ranges)
    }

    /// Every port, ascending.
    pub fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().cloned().flatten()
    }

    /// Whether this port is one of them.
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }

    /// How many ports these are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// Whether there is no port at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0");
        }
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}-{}", range.start(), range.end())?;
        }
        Ok(())
    }
}

/// A text that is not port ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not port ranges like 9092-10092, nor 0 for free ones: {why}")]
pub struct InvalidRanges {
    text: String,
    why: &'static str,
}

impl FromStr for Ranges {
    type Err = InvalidRanges;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why| InvalidRanges { text: text.to_owned(), why };
        if text.trim() == "0" {
            return Ok(Self(Vec::new()));
        }
        let mut ports = std::collections::BTreeSet::new();
        for part in text.split(',') {
            let (from, to) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
            let number = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
            let (Some(from), Some(to)) = (number(from), number(to)) else {
                return Err(invalid("a port is a number from 1 to 65535"));
            };
            if from > to {
                return Err(invalid("a range goes from the lower to the higher port"));
            }
            ports.extend(from..=to);
        }
        Ok(Self::of(ports))
    }
}

impl TryFrom<String> for Ranges {
    type Error = InvalidRanges;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Ranges> for String {
    fn from(ranges: Ranges) -> Self {
        ranges.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn ranges_are_merged_and_printed() {
        for (text, printed, count) in [
            ("9092-10092", "9092-10092", 1001),
            ("20-21, 10-12 ,13", "10-13,20-21", 6),
            ("65535", "65535-65535", 1),
            ("0", "0", 0),
        ] {
            let ranges: Ranges = text.parse().unwrap();
            assert_eq!((ranges.to_string().as_str(), ranges.len()), (printed, count), "{text}");
            assert_eq!(ranges.to_string().parse::<Ranges>().unwrap(), ranges);
            assert_eq!(ranges.ports().count(), count);
            assert_eq!(ranges.is_empty(), count == 0);
            assert!(ranges.ports().all(|port| ranges.contains(port)) && !ranges.contains(7));
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "a port is"),
            ("10-", "a port is"),
            ("0-5", "a port is"),
            ("20-10", "lower"),
            ("70000", "a port is"),
        ] {
            let error = text.parse::<Ranges>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
