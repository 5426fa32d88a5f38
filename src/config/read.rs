//! Reads single settings by their rules and collects every mistake on the way.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    str::FromStr,
};

use super::{Fallback, VARIABLES, ValidationError};

/// The environment, and the mistakes found in it so far.
///
/// Every method returns a stand-in where the setting is wrong, so that reading goes on; the mistake is in `errors` then,
/// and nobody gets to see the stand-in.
pub(super) struct Reader<'a> {
    env: &'a BTreeMap<String, String>,
    pub(super) errors: Vec<ValidationError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(env: &'a BTreeMap<String, String>) -> Self {
        Self { env, errors: Vec::new() }
    }

    /// The text given, or the table's default. Empty counts as not set, as `NAME=` does in `local.sh configure`.
    pub(super) fn optional(&self, name: &str) -> Option<&'a str> {
        // Proof: the tests read every variable, and a name missing in the table fails them.
        #[expect(clippy::unwrap_used, reason = "proof above")]
        let variable = VARIABLES.iter().find(|v| v.name == name).unwrap();
        let fallback = if let Fallback::Is(text) = variable.default { Some(text) } else { None };
        self.given(name).or(fallback)
    }

    /// The text given, without default.
    pub(super) fn given(&self, name: &str) -> Option<&'a str> {
        self.env.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    pub(super) fn error(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(ValidationError::new(name, message));
    }

    /// Whether nothing is wrong with `name` so far: rules that compare two settings ask first.
    pub(super) fn is_fine(&self, name: &str) -> bool {
        !self.errors.iter().any(|error| error.field == name)
    }

    pub(super) fn text(&mut self, name: &str) -> &'a str {
        let text = self.optional(name);
        if text.is_none() {
            self.error(name, "must be set");
        }
        text.unwrap_or_default()
    }

    pub(super) fn number<N: TryFrom<u64> + Default>(&mut self, name: &str, range: RangeInclusive<u64>) -> N {
        let text = self.text(name);
        let number = text.parse::<u64>().ok().filter(|n| range.contains(n)).and_then(|n| N::try_from(n).ok());
        if number.is_none() && self.is_fine(name) {
            let (low, high) = range.into_inner();
            self.error(name, format!("{text:?} is not a whole number from {low} to {high}"));
        }
        number.unwrap_or_default()
    }

    pub(super) fn port(&mut self, name: &str) -> u16 {
        self.number(name, 0..=u64::from(u16::MAX))
    }

    /// One of a few words, in any case.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> T {
        let text = self.text(name);
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            return *value;
        }
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.error(name, format!("{text:?} is not one of {}", known.join(", ")));
        words[0].1
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.word(name, &[("true", true), ("false", false)])
    }

    /// Anything that parses; `what` says what it should be, with an example.
    pub(super) fn parse<T: FromStr>(&mut self, name: &str, what: &str, stand_in: T) -> T {
        let text = self.text(name);
        text.parse().unwrap_or_else(|_| {
            self.error(name, format!("{text:?} is not {what}"));
            stand_in
        })
    }

    pub(super) fn address(&mut self, name: &str) -> IpAddr {
        self.parse(name, "an IP address, such as 127.0.0.1 or ::1", IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}
