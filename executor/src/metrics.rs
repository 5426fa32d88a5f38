//! What is measured of a broker, and how it is told (D23).
//!
//! Pure, bytes in and bytes out:
//! - [`catalog`]: the one table of all metrics; docs, statsd, `/admin/metrics` and the dashboard have its names;
//! - [`process`]: what `/proc` says of a process and its machine;
//! - [`perfdata`]: what a HotSpot JVM says of itself in the memory it shares, with no agent and no port;
//! - [`kafka`]: what a Jolokia agent in the JVM says, and what Kafka's own protocol does without one;
//! - [`delta`]: counters that start again with each JVM → ever growing totals, and what a receiver has not heard of yet;
//! - [`statsd`]: values → datagrams;
//! - [`prometheus`]: values → Prometheus's text.

pub mod catalog;
pub mod delta;
pub mod kafka;
pub mod perfdata;
pub mod process;
pub mod prometheus;
pub mod statsd;

use std::{collections::BTreeMap, time::Duration};

use api::launch::{LaunchContract, StatsdTags};
use serde_json::{Value, json};

use self::{
    catalog::{COUNT, Kind, Metric, Row},
    delta::Counters,
};

/// Whose metrics they are, in characters that every receiver takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What every name begins with; words separated by dots.
    pub prefix: String,
    /// The service's name.
    pub service: String,
    /// The broker's id.
    pub broker: u32,
    /// Whether it is named in tags.
    pub tags: StatsdTags,
}

impl Identity {
    /// The contract's (D23).
    pub fn new(contract: &LaunchContract) -> Self {
        let service = clean(&contract.service);
        let prefix = match clean(&contract.metrics.prefix) {
            none if none.is_empty() => service.clone(),
            given => given,
        };
        Self { prefix, service, broker: contract.broker.0, tags: contract.metrics.tags }
    }
}

/// `text` as words of a name: a character that ends a name somewhere (`:`, `|`, `@`, `#`, a blank, a line's end …)
/// becomes `_`, as does what is not ASCII; no dot is left where it would make an empty word.
pub fn clean(text: &str) -> String {
    let plain = text.chars().map(|char| match char {
        '.' | '-' => char,
        char if char.is_ascii_alphanumeric() => char,
        _ => '_',
    });
    let plain: String = plain.collect();
    let words: Vec<_> = plain.split('.').filter(|word| !word.is_empty()).collect();
    words.join(".")
}

/// One value of each gauge, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauges([Option<f64>; COUNT]);

impl Default for Gauges {
    fn default() -> Self {
        Self([None; COUNT])
    }
}

impl Gauges {
    /// A value for `metric`. What is no number is none.
    pub fn set(&mut self, metric: Metric, value: f64) {
        self.0[metric as usize] = Some(value).filter(|value| value.is_finite());
    }

    /// Its value.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.0[metric as usize]
    }
}

/// Entry point for a fuzzer: whatever the bytes, each parser ends, and what it takes are numbers that all receivers take.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let (mut gauges, mut counters) = (Gauges::default(), Counters::default());
    if let Ok(jvm) = perfdata::parse(bytes) {
        jvm.store(&mut gauges, &mut counters);
    }
    if let Ok(answer) = kafka::answer(bytes) {
        answer.store(&mut gauges, &mut counters);
    }
    if let Some(stat) = process::stat(bytes) {
        counters.read(Metric::JvmCpu, stat.cpu_ms());
        gauges.set(Metric::JvmUptime, stat.age_seconds(1e6));
    }
    let counts = [process::rss(bytes), process::memory_available(bytes), process::descriptors_max(bytes)];
    let pid = process::inner_pid(bytes).map(f64::from);
    let all = counts.map(|count| count.map(|count| count as f64)).into_iter();
    for value in all.chain([process::load(bytes), process::uptime(bytes), pid]).flatten() {
        assert!(value.is_finite() && value >= 0.0, "{value}");
        gauges.set(Metric::HostLoad, value);
    }
    let prefix = clean(&String::from_utf8_lossy(&bytes[..bytes.len().min(64)]));
    let whose = Identity {
        prefix: if prefix.is_empty() { "kafka".to_owned() } else { prefix },
        service: "kafka".to_owned(),
        broker: 1,
        tags: StatsdTags::Dogstatsd,
    };
    let mut datagrams = statsd::Datagrams::default();
    datagrams.gauges(&whose, &gauges);
    for (metric, growth) in counters.send() {
        datagrams.counter(&whose, metric, growth);
    }
    for line in datagrams.iter().flat_map(|datagram| datagram.split(|&byte| byte == b'\n')) {
        let line = std::str::from_utf8(line).unwrap_or_default();
        let parts: Vec<&str> = line.splitn(3, [':', '|']).collect();
        let [name, value, _] = parts[..] else { panic!("{line:?} is no line") };
        assert!(!name.is_empty() && clean(name) == name, "{name:?}");
        assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{value:?}");
    }
}

/// How long something took, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timed {
    /// How often.
    pub count: u64,
    /// Together, in milliseconds.
    pub sum_ms: f64,
}

/// Everything at one moment, as `/admin/metrics` shows it.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Whose it is.
    pub identity: Identity,
    /// How often everything was read, this time included.
    pub rounds: u64,
    /// States.
    pub gauges: Gauges,
    /// Counters, since this executor began.
    pub counters: Counters,
    /// Of health checks that passed.
    pub checks: Timed,
    /// What is wrong with a source, in words, and where values go.
    pub notes: BTreeMap<&'static str, String>,
}

/// A value as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shown {
    /// A state.
    Gauge(f64),
    /// A total since this executor began.
    Counter(u64),
    /// How often something was timed, and how long it took in all.
    Timer {
        /// How often.
        count: u64,
        /// In all.
        sum_ms: f64,
    },
}

impl Picture {
    /// What is known of `metric`.
    pub fn shown(&self, metric: Metric) -> Option<Shown> {
        match metric.row().kind {
            Kind::Gauge => self.gauges.get(metric).map(Shown::Gauge),
            Kind::Counter => self.counters.total(metric).map(Shown::Counter),
            // There is one.
            Kind::Timer => {
                let Timed { count, sum_ms } = self.checks;
                Some(Shown::Timer { count, sum_ms })
            }
        }
    }

    /// As JSON; `age` is how old it is.
    pub fn json(&self, age: Duration) -> Value {
        let mut metrics = serde_json::Map::new();
        for &metric in Metric::ALL {
            let Row { name, kind, unit, .. } = metric.row();
            let Some(shown) = self.shown(metric) else { continue };
            let mut value = match shown {
                Shown::Gauge(value) => json!({"value": value}),
                Shown::Counter(count) => json!({"value": count}),
                Shown::Timer { count, sum_ms } => json!({"count": count, "sum": sum_ms}),
            };
            value["type"] = kind.to_string().into();
            if !unit.is_empty() {
                value["unit"] = (*unit).into();
            }
            metrics.insert((*name).to_owned(), value);
        }
        json!({
            "service": self.identity.service,
            "broker": self.identity.broker,
            "rounds": self.rounds,
            "age_seconds": age.as_secs_f64(),
            "metrics": metrics,
            "notes": self.notes,
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    /// A few values of each kind.
    fn picture() -> Picture {
        let mut picture = Picture {
            identity: Identity {
                prefix: "team.kafka-1".to_owned(),
                service: "kafka-1".to_owned(),
                broker: 3,
                tags: StatsdTags::None,
            },
            rounds: 7,
            gauges: Gauges::default(),
            counters: Counters::default(),
            checks: Timed { count: 2, sum_ms: 3.5 },
            notes: [("perfdata", "the JVM runs with -XX:-UsePerfData".to_owned())].into(),
        };
        picture.gauges.set(Metric::VolumeGrowth, -12.5);
        picture.counters.read(Metric::MessagesIn, u64::MAX);
        picture
    }

    #[test]
    fn shown_as_json() {
        expect![[r#"
            {
              "age_seconds": 1.5,
              "broker": 3,
              "metrics": {
                "health.check_ms": {
                  "count": 2,
                  "sum": 3.5,
                  "type": "timer",
                  "unit": "milliseconds"
                },
                "traffic.messages_in": {
                  "type": "counter",
                  "value": 18446744073709551615
                },
                "volume.growth_bytes_per_second": {
                  "type": "gauge",
                  "unit": "bytes per second",
                  "value": -12.5
                }
              },
              "notes": {
                "perfdata": "the JVM runs with -XX:-UsePerfData"
              },
              "rounds": 7,
              "service": "kafka-1"
            }"#]]
        .assert_eq(&format!("{:#}", picture().json(Duration::from_millis(1500))));
    }

    #[test]
    fn shown_to_prometheus() {
        expect![[r#"
            # HELP team_kafka_1_volume_growth_bytes_per_second How fast its use grows, over the last minute or so; negative where it shrinks.
            # TYPE team_kafka_1_volume_growth_bytes_per_second gauge
            team_kafka_1_volume_growth_bytes_per_second{service="kafka-1",broker="3"} -12.5
            # HELP team_kafka_1_health_check_ms How long the broker took to answer a check it passed.
            # TYPE team_kafka_1_health_check_ms summary
            team_kafka_1_health_check_ms_sum{service="kafka-1",broker="3"} 3.5
            team_kafka_1_health_check_ms_count{service="kafka-1",broker="3"} 2
            # HELP team_kafka_1_traffic_messages_in Messages that producers sent.
            # TYPE team_kafka_1_traffic_messages_in counter
            team_kafka_1_traffic_messages_in{service="kafka-1",broker="3"} 18446744073709551615
        "#]]
        .assert_eq(&prometheus::text(&picture()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// What comes from a JVM, its agent or the kernel, changed and cut, and anything at all.
        #[test]
        fn any_bytes(
            which in 0..4_usize,
            noise in prop::collection::vec(any::<u8>(), 0..256),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            end in any::<prop::sample::Index>(),
        ) {
            let files: [&[u8]; 3] = [
                include_bytes!("metrics/perfdata/java-17-g1.bin"),
                include_bytes!("metrics/kafka/jolokia-2.2.9.json"),
                b"4711 (java) S 1 4711 4711 0 -1 1077936384 120 3 5 0 1500 250 7 8 20 0 77 0 9000 3 6 1\n",
            ];
            let mut bytes = files.get(which).map_or(noise, |file| file.to_vec());
            for (at, byte) in &changes {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            bytes.truncate(end.index(bytes.len() + 1).max(bytes.len() / 2));
            fuzz(&bytes);
        }
    }

    // D23
    #[test]
    fn names_are_made_of_what_every_receiver_takes() {
        for (text, expect) in [
            ("kafka", "kafka"),
            ("/team/kafka-1", "_team_kafka-1"),
            ("a:b|c@d#e f\ng", "a_b_c_d_e_f_g"),
            ("a..b.", "a.b"),
            ("später", "sp_ter"),
            ("", ""),
        ] {
            assert_eq!(clean(text), expect);
        }
    }

    #[test]
    fn a_gauge_that_is_no_number_is_none() {
        let mut gauges = Gauges::default();
        gauges.set(Metric::HostLoad, f64::NAN);
        assert_eq!(gauges.get(Metric::HostLoad), None);
        gauges.set(Metric::HostLoad, 0.5);
        assert_eq!(gauges.get(Metric::HostLoad), Some(0.5));
        gauges.set(Metric::HostLoad, f64::INFINITY);
        assert_eq!(gauges.get(Metric::HostLoad), None);
    }
}
