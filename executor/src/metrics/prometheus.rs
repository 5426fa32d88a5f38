//! Values → Prometheus's text format. A name's dots become `_`; the prefix stands before it, as in statsd.

use std::fmt::Write as _;

use super::{
    Identity, Picture, Shown,
    catalog::{Metric, Row},
    statsd::number,
};

/// Of the text.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4";

/// A metric's name.
pub fn name(whose: &Identity, metric: Metric) -> String {
    let text = format!("{}.{}", whose.prefix, metric.row().name).replace(['.', '-'], "_");
    // A digit may not begin a name.
    if text.starts_with(|char: char| char.is_ascii_digit()) { format!("_{text}") } else { text }
}

/// All known values.
pub fn text(picture: &Picture) -> String {
    let whose = &picture.identity;
    let labels = format!("{{service=\"{}\",broker=\"{}\"}}", whose.service, whose.broker);
    let mut text = String::with_capacity(16 * 1024);
    for &metric in Metric::ALL {
        let Some(shown) = picture.shown(metric) else { continue };
        let (name, Row { meaning, .. }) = (name(whose, metric), metric.row());
        let kind = match shown {
            Shown::Gauge(_) => "gauge",
            Shown::Counter(_) => "counter",
            Shown::Timer { .. } => "summary",
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}\n");
        let _ = match shown {
            Shown::Gauge(value) => writeln!(text, "{name}{labels} {}", number(value)),
            Shown::Counter(count) => writeln!(text, "{name}{labels} {count}"),
            Shown::Timer { count, sum_ms } => {
                writeln!(text, "{name}_sum{labels} {}\n{name}_count{labels} {count}", number(sum_ms))
            }
        };
    }
    text
}
