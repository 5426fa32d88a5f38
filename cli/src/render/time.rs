//! Times and lengths of time for people.

const DAY_MS: u64 = 86_400_000;

/// Milliseconds since 1970 as `2026-11-25 20:54:50`.
pub(super) fn utc(millis: u64) -> String {
    let (days, rest) = (millis / DAY_MS, millis % DAY_MS / 1000);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The date of a day since 1970 in the Gregorian calendar, which repeats itself every 400 years of 146 097 days. Years
/// begin in March here, so that the leap day is their last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day_of_month)
}

/// A length of time in its two largest units.
pub(super) fn length(millis: u64) -> String {
    let seconds = millis / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{:.1} s", millis as f64 / 1000.0),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_easily() {
        for (millis, expect) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399_999, "2000-02-28 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_709_251_200_000, "2024-03-01 00:00:00"),
            (1_764_104_090_500, "2025-11-25 20:54:50"),
            (4_102_444_799_000, "2099-12-31 23:59:59"),
        ] {
            assert_eq!(utc(millis), expect);
        }
    }

    #[test]
    fn lengths_have_two_units() {
        for (millis, expect) in [
            (1_540, "1.5 s"),
            (61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
            (90_000_000, "1 d 1 h"),
            (u64::MAX, "213503982334 d 14 h"),
        ] {
            assert_eq!(length(millis), expect);
        }
    }
}
