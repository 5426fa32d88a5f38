//! Values → statsd's lines, as many to a datagram as fit.
//!
//! ```text
//! kafka.broker.0.jvm.rss_bytes:270532608|g           plain
//! kafka.jvm.rss_bytes:270532608|g|#service:kafka,broker:0      with DogStatsD's tags
//! ```
//!
//! A gauge below zero takes two lines: a sign means "by so much" to a statsd server, so it is set to 0 first and then
//! lowered, in the same datagram, since two of them may change places.

use std::io::Write as _;

use api::launch::StatsdTags;

use super::{
    Gauges, Identity,
    catalog::{Kind, Metric},
};

/// Bytes of a datagram that pass any Ethernet whole: 1500, less the headers of IPv6 and UDP, less what tunnels take.
pub const DATAGRAM: usize = 1432;

/// Datagrams, ready to be sent; kept from one time to the next, so that its memory is.
#[derive(Debug, Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    /// Where each but the last begins and ends.
    done: Vec<(usize, usize)>,
    /// Where the last begins.
    start: usize,
}

impl Datagrams {
    /// None any more.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.done.clear();
        self.start = 0;
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let last = (self.start, self.bytes.len());
        let all = self.done.iter().copied().chain([last]);
        all.filter(|(start, end)| end > start).map(|(start, end)| &self.bytes[start..end])
    }

    /// Each known gauge.
    pub fn gauges(&mut self, whose: &Identity, gauges: &Gauges) {
        for &metric in Metric::ALL {
            if metric.row().kind == Kind::Gauge
                && let Some(value) = gauges.get(metric)
            {
                self.gauge(whose, metric, value);
            }
        }
    }

    fn gauge(&mut self, whose: &Identity, metric: Metric, value: f64) {
        let text = number(value);
        let from = self.bytes.len();
        if text.starts_with('-') {
            self.write(whose, metric, "0", "g");
            self.bytes.push(b'\n');
        }
        self.write(whose, metric, &text, "g");
        self.fit(from);
    }

    /// By how much a counter grew.
    pub fn counter(&mut self, whose: &Identity, metric: Metric, growth: u64) {
        let from = self.bytes.len();
        self.write(whose, metric, &growth.to_string(), "c");
        self.fit(from);
    }

    /// How long something took.
    pub fn timer(&mut self, whose: &Identity, metric: Metric, millis: f64) {
        let from = self.bytes.len();
        self.write(whose, metric, &number(millis.max(0.0)), "ms");
        self.fit(from);
    }

    fn write(&mut self, whose: &Identity, metric: Metric, value: &str, kind: &str) {
        let Identity { prefix, service, broker, tags } = whose;
        let name = metric.row().name;
        // Writing to a vector cannot fail.
        let _ = match tags {
            StatsdTags::None => write!(self.bytes, "{prefix}.broker.{broker}.{name}:{value}|{kind}"),
            StatsdTags::Dogstatsd => {
                write!(self.bytes, "{prefix}.{name}:{value}|{kind}|#service:{service},broker:{broker}")
            }
        };
    }

    /// What was written from `from` on belongs together: to the last datagram where there is room, or else to a new one.
    fn fit(&mut self, from: usize) {
        if from == self.start {
            return;
        }
        let new = self.bytes.len() - from;
        if from - self.start + 1 + new <= DATAGRAM {
            self.bytes.insert(from, b'\n');
        } else {
            self.done.push((self.start, from));
            self.start = from;
        }
    }
}

/// Whole numbers as such, others with six digits behind the point at most; never an exponent, never `-0`.
pub fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn identity(tags: StatsdTags) -> Identity {
        Identity { prefix: "kafka".to_owned(), service: "kafka".to_owned(), broker: 3, tags }
    }

    fn lines(datagrams: &Datagrams) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        datagrams
            .iter()
            .flat_map(|bytes| text(bytes).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    // D23
    #[test]
    fn plain_lines() {
        let mut datagrams = Datagrams::default();
        let mut gauges = Gauges::default();
        gauges.set(Metric::JvmRss, 270_532_608.0);
        gauges.set(Metric::HandlerIdle, 0.971_787_535_7);
        gauges.set(Metric::VolumeGrowth, -1500.25);
        let plain = identity(StatsdTags::None);
        datagrams.gauges(&plain, &gauges);
        datagrams.counter(&plain, Metric::MessagesIn, u64::MAX);
        datagrams.timer(&plain, Metric::HealthTook, 1.25);
        assert_eq!(
            lines(&datagrams),
            [
                "kafka.broker.3.volume.growth_bytes_per_second:0|g",
                "kafka.broker.3.volume.growth_bytes_per_second:-1500.25|g",
                "kafka.broker.3.jvm.rss_bytes:270532608|g",
                "kafka.broker.3.requests.handler_idle_ratio:0.971788|g",
                "kafka.broker.3.traffic.messages_in:18446744073709551615|c",
                "kafka.broker.3.health.check_ms:1.25|ms",
            ]
        );
        assert_eq!(datagrams.iter().count(), 1);
        datagrams.clear();
        assert_eq!(datagrams.iter().count(), 0);
    }

    // D23
    #[test]
    fn lines_with_tags() {
        let mut datagrams = Datagrams::default();
        datagrams.counter(&identity(StatsdTags::Dogstatsd), Metric::BytesIn, 7);
        assert_eq!(lines(&datagrams), ["kafka.traffic.bytes_in:7|c|#service:kafka,broker:3"]);
    }

    #[test]
    fn numbers_have_no_exponent() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-1e-9, "0"),
            (1e-9, "0"),
            (100.0, "100"),
            (-2.5, "-2.5"),
            (1e18, "1000000000000000000"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    fn values() -> impl Strategy<Value = f64> {
        prop_oneof![Just(0.0), any::<i64>().prop_map(|value| value as f64), -1e6..1e6_f64]
    }

    proptest! {
        /// Each datagram fits, no line is torn or lost, and a receiver that adds up signed gauges has our values.
        #[test]
        fn datagrams_fit(
            values in prop::collection::vec(prop::option::of(values()), Metric::ALL.len()),
            prefix in "[a-z.]{1,300}",
            tagged in any::<bool>(),
        ) {
            let tags = if tagged { StatsdTags::Dogstatsd } else { StatsdTags::None };
            let whose = Identity { prefix, ..identity(tags) };
            let mut gauges = Gauges::default();
            for (&metric, value) in Metric::ALL.iter().zip(&values) {
                if let Some(value) = value {
                    gauges.set(metric, *value);
                }
            }
            let mut datagrams = Datagrams::default();
            datagrams.gauges(&whose, &gauges);
            datagrams.counter(&whose, Metric::MessagesIn, 1);
            let mut received = BTreeMap::<String, f64>::new();
            for datagram in datagrams.iter() {
                prop_assert!(datagram.len() <= DATAGRAM, "{} bytes", datagram.len());
                let text = std::str::from_utf8(datagram).unwrap();
                prop_assert!(!text.starts_with('\n') && !text.ends_with('\n'));
                for line in text.split('\n') {
                    let (name, rest) = line.split_once(':').unwrap();
                    let (value, kind) = rest.split_once('|').unwrap();
                    if !kind.starts_with('g') {
                        continue;
                    }
                    let number: f64 = value.parse().unwrap();
                    let before = received.get(name).copied().unwrap_or(0.0);
                    let now = if value.starts_with(['-', '+']) { before + number } else { number };
                    received.insert(name.to_owned(), now);
                }
            }
            let known = Metric::ALL.iter().filter(|metric| metric.row().kind == Kind::Gauge);
            for &metric in known {
                let middle = if tagged { String::new() } else { "broker.3.".to_owned() };
                let name = format!("{}.{middle}{}", whose.prefix, metric.row().name);
                let expect = gauges.get(metric);
                let found = received.remove(&name);
                prop_assert_eq!(found.is_some(), expect.is_some(), "{}", name);
                if let (Some(found), Some(expect)) = (found, expect) {
                    prop_assert!((found - expect).abs() <= 1e-6 + expect.abs() * 1e-12, "{} {} {}", name, found, expect);
                }
            }
            prop_assert!(received.is_empty());
        }
    }
}
