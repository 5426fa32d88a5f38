//! Bytes for people.

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A number of bytes in the largest unit that leaves 1 or more of it.
pub(super) fn size(bytes: u64) -> String {
    let mut rest = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        // What would be shown as 1024.0 belongs to the next unit.
        if rest < 1023.95 {
            break;
        }
        (rest, unit) = (rest / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{rest:.1} {unit}") }
}

/// What is done of a whole, as `50 % of 1.0 MiB`; a whole that still grows may be behind what is done.
pub(crate) fn share(done: u64, total: u64) -> String {
    // Nothing at all is done at once.
    let percent = (u128::from(done) * 100).checked_div(u128::from(total)).unwrap_or(100).min(100);
    format!("{percent} % of {}", size(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_easily() {
        for (bytes, expect) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_575, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), expect);
        }
    }

    #[test]
    fn shares_stay_within_the_whole() {
        for (done, total, expect) in [
            (0, 1 << 20, "0 % of 1.0 MiB"),
            (524_288, 1 << 20, "50 % of 1.0 MiB"),
            ((1 << 20) - 1, 1 << 20, "99 % of 1.0 MiB"),
            (2, 1, "100 % of 1 B"),
            (0, 0, "100 % of 0 B"),
            (u64::MAX, u64::MAX, "100 % of 16.0 EiB"),
        ] {
            assert_eq!(share(done, total), expect);
        }
    }
}
