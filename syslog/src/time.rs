//! Times as log lines have them.
//!
//! A time is copied from the line into the message as text; only its offset from UTC has to be found out, once a
//! minute, since log4j writes the JVM's local time and no offset.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// A time with up to six digits after the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// `2026-01-31T12:00:00.123456`, of which `length` bytes count.
    text: [u8; 26],
    length: u8,
    zone: Zone,
}

/// What a [`Stamp`] is the local time of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// This machine.
    Local,
    /// UTC.
    Utc,
    /// An offset: `+02:00`.
    Fixed([u8; 6]),
}

/// `d` is any digit, `T` the letter or a blank.
const SHAPE: &[u8; 19] = b"dddd-dd-ddTdd:dd:dd";
/// Length up to the minute.
const MINUTE: usize = 16;

impl Stamp {
    /// The time that `text` begins with, and how long it is there: ISO 8601 with `T` or a blank, a fraction behind a
    /// point or log4j's comma, and an offset or none.
    pub fn parse(text: &[u8]) -> Option<(Self, usize)> {
        let date: &[u8; 19] = text.first_chunk()?;
        let fits = date.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b' '),
            other => byte == other,
        });
        let two = |at: usize| (date[at] - b'0') * 10 + (date[at + 1] - b'0');
        if !fits
            || !(1..=12).contains(&two(5))
            || !(1..=31).contains(&two(8))
            || two(11) > 23
            || two(14) > 59
            || two(17) > 59
        {
            return None;
        }
        let mut stamp = Self { text: [b'0'; 26], length: 19, zone: Zone::Local };
        stamp.text[..19].copy_from_slice(date);
        stamp.text[10] = b'T';
        let mut at = 19;
        if let Some(b'.' | b',') = text.get(at) {
            let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 {
                let kept = digits.min(6);
                stamp.text[19] = b'.';
                stamp.text[20..20 + kept].copy_from_slice(&text[at + 1..at + 1 + kept]);
                stamp.length = 20 + kept as u8; // 26 at most
                at += 1 + digits;
            }
        }
        let (zone, length) = zone(&text[at..]);
        stamp.zone = zone;
        Some((stamp, at + length))
    }

    /// `text` is `2026-01-31T12:00:00` and, perhaps, a fraction.
    fn new(text: &str, zone: Zone) -> Self {
        let mut stamp = Self { text: [b'0'; 26], length: 0, zone };
        let length = text.len().min(26);
        stamp.text[..length].copy_from_slice(&text.as_bytes()[..length]);
        stamp.length = length as u8; // 26 at most
        stamp
    }

    /// Without the offset.
    pub fn text(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    /// What it is the local time of.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    fn minute(&self) -> [u8; MINUTE] {
        let mut minute = [0; MINUTE];
        minute.copy_from_slice(&self.text[..MINUTE]);
        minute
    }

    fn date_time(&self) -> Option<DateTime> {
        let number = |from: usize, to: usize| {
            self.text[from..to].iter().fold(0i16, |number, byte| number * 10 + i16::from(byte - b'0'))
        };
        let two = |at: usize| number(at, at + 2) as i8; // two digits
        DateTime::new(number(0, 4), two(5), two(8), two(11), two(14), two(17), 0).ok()
    }
}

/// The offset that `text` begins with, and its length.
fn zone(text: &[u8]) -> (Zone, usize) {
    match text {
        [b'Z', ..] => (Zone::Utc, 1),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (digits, length) = match rest {
                [a, b, b':', c, d, ..] => ([*a, *b, *c, *d], 6),
                [a, b, c, d, ..] => ([*a, *b, *c, *d], 5),
                _ => return (Zone::Local, 0),
            };
            let [a, b, c, d] = digits;
            let fine =
                digits.iter().all(u8::is_ascii_digit) && (a, b) <= (b'2', b'3') && a <= b'2' && c <= b'5';
            if fine { (Zone::Fixed([*sign, a, b, b':', c, d]), length) } else { (Zone::Local, 0) }
        }
        _ => (Zone::Local, 0),
    }
}

/// Finds offsets of local times, and remembers the last.
#[derive(Debug)]
pub struct Zones {
    zone: TimeZone,
    now: Timestamp,
    stamp: Stamp,
    offset: Option<([u8; MINUTE], [u8; 6])>,
    local: Option<([u8; MINUTE], Zone, [u8; MINUTE])>,
}

impl Zones {
    /// For the time zone of this machine, which is the one of the JVMs on it.
    pub fn system() -> Self {
        Self::new(TimeZone::system())
    }

    /// For `zone`.
    pub fn new(zone: TimeZone) -> Self {
        let now = Timestamp::UNIX_EPOCH;
        let mut zones = Self {
            zone,
            now,
            stamp: Stamp::new("1970-01-01T00:00:00", Zone::Utc),
            offset: None,
            local: None,
        };
        zones.set_now(now);
        zones
    }

    /// Tells the time: for lines that have none, and for the hour that comes twice when summer ends.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        let offset = self.zone.to_offset(now);
        let local = offset.to_datetime(now);
        self.stamp = Stamp::new(&format!("{local:.3}"), Zone::Fixed(shown(offset)));
    }

    /// The time told last, as local time.
    pub fn now(&self) -> Stamp {
        self.stamp
    }

    /// The offset that belongs to `stamp`; `None` for UTC.
    pub fn offset(&mut self, stamp: &Stamp) -> Option<[u8; 6]> {
        match stamp.zone {
            Zone::Utc => return None,
            Zone::Fixed(offset) => return Some(offset),
            Zone::Local => {}
        }
        let minute = stamp.minute();
        if let Some((known, offset)) = &self.offset
            && *known == minute
        {
            return Some(*offset);
        }
        let offset = match stamp.date_time() {
            Some(date) => shown(self.at(date)),
            // The 31st of February, say: no day of any calendar.
            None => shown(self.zone.to_offset(self.now)),
        };
        self.offset = Some((minute, offset));
        Some(offset)
    }

    /// The offset at a local time. Of the two that an hour has when summer ends, the one nearer to now: lines are
    /// read soon after they were written.
    fn at(&self, date: DateTime) -> Offset {
        match self.zone.to_ambiguous_timestamp(date).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } => before,
            AmbiguousOffset::Fold { before, after } => {
                let distance = |offset: Offset| {
                    offset
                        .to_timestamp(date)
                        .map_or(i64::MAX, |time| (time.as_second() - self.now.as_second()).abs())
                };
                if distance(after) < distance(before) { after } else { before }
            }
        }
    }

    /// `stamp` as local time up to the minute, and its seconds.
    pub(crate) fn local(&mut self, stamp: &Stamp) -> ([u8; MINUTE], [u8; 2]) {
        let minute = stamp.minute();
        let seconds = [stamp.text[17], stamp.text[18]];
        if stamp.zone == Zone::Local {
            return (minute, seconds);
        }
        match &self.local {
            Some((known, zone, local)) if *known == minute && *zone == stamp.zone => {
                return (*local, seconds);
            }
            _ => {}
        }
        let offset = match stamp.zone {
            Zone::Fixed([sign, a, b, _, c, d]) => {
                let digit = |byte: u8| i32::from(byte - b'0');
                let total = (digit(a) * 10 + digit(b)) * 3600 + (digit(c) * 10 + digit(d)) * 60;
                Offset::from_seconds(if sign == b'-' { -total } else { total }).unwrap_or(Offset::UTC)
            }
            Zone::Utc | Zone::Local => Offset::UTC,
        };
        let time = stamp.date_time().and_then(|date| offset.to_timestamp(date).ok()).unwrap_or(self.now);
        let local = self.zone.to_offset(time).to_datetime(time);
        let local = Stamp::new(&format!("{local:.0}"), Zone::Local).minute();
        self.local = Some((minute, stamp.zone, local));
        (local, seconds)
    }
}

/// `+02:00`. Offsets with seconds are history.
fn shown(offset: Offset) -> [u8; 6] {
    let minutes = offset.seconds() / 60;
    let digit = |number: i32| b'0' + (number % 10) as u8; // a digit
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    let sign = if minutes < 0 { b'-' } else { b'+' };
    [sign, digit(hours / 10), digit(hours), b':', digit(rest / 10), digit(rest)]
}

#[cfg(test)]
mod tests;
