//! What a test measured, and the lines that Kafka's `ProducerPerformance` prints of it (S-107).

use std::{collections::BTreeMap, time::Duration};

/// Records, bytes and latencies of what was acknowledged. Latencies are counted by whole milliseconds, as that tool
/// has them, but of every record, where it samples at most 500 000: percentiles are exact. No record waits longer than a
/// minute, so there are at most some 60 000 counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    records: u64,
    bytes: u64,
    latencies: BTreeMap<u64, u64>,
    /// Sum of the latencies, in milliseconds.
    total: u64,
}

impl Figures {
    /// Takes note of `records` of `size` bytes, all acknowledged after `latency`.
    pub fn record(&mut self, records: u64, size: u64, latency: Duration) {
        let latency = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.records += records;
        self.bytes += records * size;
        self.total = self.total.saturating_add(latency.saturating_mul(records));
        *self.latencies.entry(latency).or_default() += records;
    }

    /// How many records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Mean latency, longest, and the percentiles 50, 95, 99 and 99.9, in milliseconds; the mean with two digits.
    pub fn latency(&self) -> Latency {
        let percentile = |per_mille: u64| self.percentile(per_mille);
        Latency {
            average: fixed(self.total.into(), self.records.into(), 2),
            max: self.latencies.last_key_value().map_or(0, |(latency, _)| *latency),
            percentiles: [500, 950, 990, 999].map(percentile),
        }
    }

    /// Records each second, with six digits.
    pub fn rate(&self, elapsed: Duration) -> String {
        fixed(u128::from(self.records) * 1000, millis(elapsed), 6)
    }

    /// The latency that so many of a thousand records do not exceed; where that falls between two, the longer one, as
    /// that tool has it.
    fn percentile(&self, per_mille: u64) -> u64 {
        let index = self.records * per_mille / 1000;
        let mut before = 0;
        for (latency, records) in &self.latencies {
            before += records;
            if before > index {
                return *latency;
            }
        }
        0
    }

    /// The line at the end, without its newline: the same in Kafka 0.10 and 3.9.
    pub fn total_line(&self, elapsed: Duration) -> String {
        let Latency { average, max, percentiles: [p50, p95, p99, p999] } = self.latency();
        format!(
            "{} records sent, {} records/sec ({} MB/sec), {average} ms avg latency, {max}.00 ms max latency, \
             {p50} ms 50th, {p95} ms 95th, {p99} ms 99th, {p999} ms 99.9th.",
            self.records,
            self.rate(elapsed),
            self.megabytes(elapsed),
        )
    }

    /// The line on the way, of what was acknowledged since the last one: Kafka 3.9's.
    pub fn window_line(&self, elapsed: Duration) -> String {
        format!(
            "{} records sent, {} records/sec ({} MB/sec), {} ms avg latency, {}.0 ms max latency.",
            self.records,
            fixed(u128::from(self.records) * 1000, millis(elapsed), 1),
            self.megabytes(elapsed),
            fixed(self.total.into(), self.records.into(), 1),
            self.latency().max,
        )
    }

    fn megabytes(&self, elapsed: Duration) -> String {
        fixed(u128::from(self.bytes) * 1000, millis(elapsed) << 20, 2)
    }
}

/// Latencies in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency {
    /// The mean, with two digits after the point.
    pub average: String,
    /// The longest.
    pub max: u64,
    /// Those that 50, 95, 99 and 99.9 % of the records do not exceed.
    pub percentiles: [u64; 4],
}

/// At least one, so that a test that took no time has no infinite rate.
fn millis(elapsed: Duration) -> u128 {
    elapsed.as_millis().max(1)
}

/// A quotient with `digits` after the point, halves rounded up, as Java's `%f` has it; 0 of nothing.
fn fixed(dividend: u128, divisor: u128, digits: u32) -> String {
    let (scale, divisor) = (10_u128.pow(digits), divisor.max(1));
    let scaled = (dividend * scale * 2 + divisor) / (divisor * 2);
    format!("{}.{:0width$}", scaled / scale, scaled % scale, width = digits as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// S-107: the guide's own line, from figures that give it.
    #[test]
    fn the_guides_line() {
        let mut figures = Figures::default();
        for latency in [12, 12, 12, 12, 12, 13, 12, 12, 12, 133] {
            figures.record(1, 1024, Duration::from_millis(latency));
        }
        assert_eq!(
            figures.total_line(Duration::from_millis(142)),
            "10 records sent, 70.422535 records/sec (0.07 MB/sec), 24.20 ms avg latency, 133.00 ms max latency, \
             12 ms 50th, 133 ms 95th, 133 ms 99th, 133 ms 99.9th."
        );
        let mut figures = Figures::default();
        for latency in [10, 11, 11, 11, 12, 13, 13, 13, 15, 133] {
            figures.record(1, 1024, Duration::from_millis(latency));
        }
        assert_eq!(
            figures.total_line(Duration::from_millis(142)),
            "10 records sent, 70.422535 records/sec (0.07 MB/sec), 24.20 ms avg latency, 133.00 ms max latency, \
             13 ms 50th, 133 ms 95th, 133 ms 99th, 133 ms 99.9th."
        );
    }

    #[test]
    fn windows_and_nothing() {
        let mut window = Figures::default();
        window.record(250_003, 1024, Duration::from_micros(3_900));
        window.record(1, 1024, Duration::from_millis(70));
        assert_eq!(
            window.window_line(Duration::from_millis(5_001)),
            "250004 records sent, 49990.8 records/sec (48.82 MB/sec), 3.0 ms avg latency, 70.0 ms max latency."
        );
        assert_eq!(
            Figures::default().total_line(Duration::ZERO),
            "0 records sent, 0.000000 records/sec (0.00 MB/sec), 0.00 ms avg latency, 0.00 ms max latency, \
             0 ms 50th, 0 ms 95th, 0 ms 99th, 0 ms 99.9th."
        );
        assert_eq!(fixed(1, 8, 2), "0.13");
        assert_eq!(fixed(999_999, 1_000, 2), "1000.00");
    }

    proptest! {
        /// Percentiles are those of the sorted list, as the perf tool finds them, of every record.
        #[test]
        fn percentiles_are_those_of_the_sorted_list(
            batches in prop::collection::vec((1_u64..40, 0_u64..3_000), 1..80),
        ) {
            let mut figures = Figures::default();
            let mut all = Vec::new();
            for (records, latency) in batches {
                figures.record(records, 1024, Duration::from_millis(latency));
                all.extend(std::iter::repeat_n(latency, usize::try_from(records).unwrap()));
            }
            all.sort_unstable();
            let oracle = [500, 950, 990, 999].map(|per_mille| all[all.len() * per_mille / 1000]);
            let Latency { average, max, percentiles } = figures.latency();
            prop_assert_eq!(percentiles, oracle);
            prop_assert_eq!(max, *all.last().unwrap());
            let mean = all.iter().sum::<u64>() as f64 / all.len() as f64;
            prop_assert!((average.parse::<f64>().unwrap() - mean).abs() <= 0.005_000_1);
        }
    }
}
