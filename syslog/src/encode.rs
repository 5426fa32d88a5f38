//! Messages as they go over the wire: RFC 5424 with structured data, or RFC 3164; octet counting (RFC 6587, 3.4.1)
//! where they go over a stream.

use std::{borrow::Cow, io::Write as _};

use crate::{
    severity::{Facility, Severity},
    time::{Stamp, Zones},
};

/// The message format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With structured data.
    Rfc5424,
    /// The old one.
    Rfc3164,
}

/// What stands around a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Its length in front.
    Counted,
    /// Nothing: it is a datagram.
    Datagram,
}

/// The structured data's name. The number is the one reserved for examples (RFC 5612): this project has none.
pub const SD_ID: &str = "kafka@32473";

/// Room for `[part 100/100] ` or ` part="100/100"`.
const MARK: usize = 20;

/// Who says something: all of a message's head that follows its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    rfc5424: Vec<u8>,
    rfc3164: Vec<u8>,
}

impl Label {
    /// `host` is `None` where the receiver is on this machine and wants none (RFC 3164 only).
    pub fn new(
        host: &str,
        application: &str,
        process: Option<u32>,
        stream: &str,
        data: &[(&str, &str)],
    ) -> Self {
        let host = word(host, 255);
        let application = word(application, 48);
        let stream = word(stream, 32);
        let process_id = process.map_or_else(|| "-".to_owned(), |process| process.to_string());
        let mut rfc5424 = format!(" {host} {application} {process_id} {stream} [{SD_ID}").into_bytes();
        for (name, value) in data {
            rfc5424.extend(format!(" {name}=\"").as_bytes());
            for character in value.chars() {
                if matches!(character, '"' | '\\' | ']') {
                    rfc5424.push(b'\\');
                }
                let mut buffer = [0; 4];
                rfc5424.extend(character.encode_utf8(&mut buffer).as_bytes());
            }
            rfc5424.push(b'"');
        }
        let tag = match process {
            Some(process) => format!("{application}[{process}]"),
            None => format!("{application}/{stream}"),
        };
        let rfc3164 = format!(" {host} {tag}: ").into_bytes();
        Self { rfc5424, rfc3164 }
    }

    /// The same for a receiver on this machine, which wants no host name in RFC 3164.
    #[must_use]
    pub fn local(mut self) -> Self {
        if let Some(blank) = self.rfc3164.iter().skip(1).position(|byte| *byte == b' ') {
            self.rfc3164.drain(..=blank);
        }
        self
    }
}

/// `text` as a field of a header: printable ASCII without blanks, not empty, not too long.
fn word(text: &str, longest: usize) -> String {
    let word: String =
        text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(longest).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// Writes messages.
#[derive(Debug)]
pub struct Encoder {
    /// The format.
    pub format: Format,
    /// The framing.
    pub framing: Framing,
    /// The facility of all messages.
    pub facility: Facility,
    /// The longest message, header included.
    pub longest: usize,
    /// What local times mean.
    pub zones: Zones,
}

/// A message to write.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// When.
    pub stamp: Stamp,
    /// How grave.
    pub severity: Severity,
    /// Who.
    pub label: &'a Label,
    /// What, in whatever encoding.
    pub text: &'a [u8],
}

impl Encoder {
    /// Writes one message behind what `out` has, in marked parts if it is too long for one. `ended` is told where each
    /// part ends in `out`.
    pub fn encode(&mut self, out: &mut Vec<u8>, message: &Message<'_>, mut ended: impl FnMut(usize)) {
        let mut head = Head::new();
        let priority = self.facility.priority(message.severity);
        let label = match self.format {
            Format::Rfc5424 => {
                head.put(format_args!("<{priority}>1 "));
                head.copy(message.stamp.text());
                match self.zones.offset(&message.stamp) {
                    Some(offset) => head.copy(&offset),
                    None => head.copy(b"Z"),
                }
                &message.label.rfc5424
            }
            Format::Rfc3164 => {
                let (minute, seconds) = self.zones.local(&message.stamp);
                head.put(format_args!("<{priority}>"));
                head.copy(&old_date(&minute, seconds));
                &message.label.rfc3164
            }
        };
        let text = match std::str::from_utf8(message.text) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(message.text),
        };
        let head = head.bytes();
        // `] ` ends the structured data.
        let fixed = head.len() + label.len() + 2;
        let room = self.longest.saturating_sub(fixed).max(MARK + 4);
        if text.len() <= room {
            self.part(out, head, label, &[], text.as_bytes());
            ended(out.len());
            return;
        }
        let parts: Vec<&str> = Parts { rest: &text, room: room - MARK }.collect();
        for (index, part) in parts.iter().enumerate() {
            let mut mark = Head::new();
            match self.format {
                Format::Rfc5424 => mark.put(format_args!(" part=\"{}/{}\"", index + 1, parts.len())),
                Format::Rfc3164 => mark.put(format_args!("[part {}/{}] ", index + 1, parts.len())),
            }
            self.part(out, head, label, mark.bytes(), part.as_bytes());
            ended(out.len());
        }
    }

    fn part(&self, out: &mut Vec<u8>, head: &[u8], label: &[u8], mark: &[u8], text: &[u8]) {
        let close: &[u8] = if self.format == Format::Rfc5424 { b"] " } else { b"" };
        let length = head.len() + label.len() + mark.len() + close.len() + text.len();
        out.reserve(length + 8);
        if self.framing == Framing::Counted {
            let mut digits = [0; 20];
            out.extend_from_slice(decimal(length, &mut digits));
            out.push(b' ');
        }
        for piece in [head, label, mark, close, text] {
            out.extend_from_slice(piece);
        }
    }
}

fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8; // a digit
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// A few bytes, gathered without allocating. What is too long is cut; nothing put here is.
struct Head {
    bytes: [u8; 64],
    length: usize,
}

impl Head {
    fn new() -> Self {
        Self { bytes: [0; 64], length: 0 }
    }

    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        let mut rest = &mut self.bytes[self.length..];
        let before = rest.len();
        let _fits = rest.write_fmt(arguments);
        self.length += before - rest.len();
    }

    fn copy(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(self.bytes.len() - self.length);
        self.bytes[self.length..self.length + length].copy_from_slice(&bytes[..length]);
        self.length += length;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// `Jan  1 12:00:00` of `2026-01-01T12:00` and the seconds.
fn old_date(minute: &[u8; 16], seconds: [u8; 2]) -> [u8; 15] {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let month = usize::from((minute[5] - b'0') * 10 + (minute[6] - b'0'));
    let mut date = *b"Jan  1 00:00:00";
    date[..3].copy_from_slice(MONTHS[month.clamp(1, 12) - 1]);
    date[4] = if minute[8] == b'0' { b' ' } else { minute[8] };
    date[5] = minute[9];
    date[7..12].copy_from_slice(&minute[11..16]);
    date[13..15].copy_from_slice(&seconds);
    date
}

/// Pieces of at most `room` bytes, cut between characters, and behind a line where one ends near.
struct Parts<'a> {
    rest: &'a str,
    room: usize,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut end = self.rest.floor_char_boundary(self.room);
        if end < self.rest.len()
            && let Some(line) = memchr::memrchr(b'\n', &self.rest.as_bytes()[..end])
            && line > self.room / 4 * 3
        {
            end = line + 1;
        }
        let (part, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(part)
    }
}

/// Entry point for a fuzzer: the first two bytes are format and longest message, the rest is a text. Each frame is valid
/// UTF-8, within the limit and counted right, and together they say all of the text in order.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let [format, size, text @ ..] = bytes else { return };
    let (longest, old) = (150 + usize::from(*size), format % 2 == 1);
    let mut encoder = Encoder {
        format: if old { Format::Rfc3164 } else { Format::Rfc5424 },
        framing: Framing::Counted,
        facility: Facility::DAEMON,
        longest,
        zones: Zones::new(jiff::tz::TimeZone::UTC),
    };
    let label = Label::new("h", "a", None, "s", &[]);
    let Some((stamp, _)) = Stamp::parse(b"2026-01-05 12:00:00,123") else { return };
    let (mut wire, mut ends) = (Vec::new(), vec![0]);
    let message = Message { stamp, severity: Severity::Warning, label: &label, text };
    encoder.encode(&mut wire, &message, |end| ends.push(end));
    assert_eq!(ends.last(), Some(&wire.len()));
    let (parts, mut joined) = (ends.len() - 1, String::new());
    for (index, ends) in ends.windows(2).enumerate() {
        let frame = String::from_utf8_lossy(&wire[ends[0]..ends[1]]);
        assert!(matches!(frame, Cow::Borrowed(_)), "no UTF-8");
        let (count, frame) = frame.split_once(' ').unwrap_or_default();
        assert_eq!(count, frame.len().to_string());
        assert!(frame.len() <= longest);
        let number = index + 1;
        let (head, mark, close) = match old {
            true => ("<28>Jan  5 12:00:00 h a/s: ", format!("[part {number}/{parts}] "), ""),
            false => {
                let head = "<28>1 2026-01-05T12:00:00.123+00:00 h a - s [kafka@32473";
                (head, format!(" part=\"{number}/{parts}\""), "] ")
            }
        };
        let mark = if parts > 1 { mark } else { String::new() };
        let begin = format!("{head}{mark}{close}");
        assert!(frame.starts_with(&begin), "{frame:?} does not begin with {begin:?}");
        joined.push_str(&frame[begin.len()..]);
    }
    assert_eq!(joined, String::from_utf8_lossy(text));
}

#[cfg(test)]
mod tests;
