//! What a line says of itself, and which lines are one message.
//!
//! Bytes of a file come in as chunks that begin where a line does; nothing is copied and nothing allocated. A message
//! ends where a line begins that starts the next one, so the last one of a chunk is open: it is left for the next
//! chunk, unless the caller says that nothing more is to be expected.

use memchr::memchr;

use crate::{
    severity::Severity,
    time::{Stamp, Zone},
};

/// What kind of lines a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A log, each of whose messages begins with its time: log4j's `[%d] %p %m (%c)%n`, or the JVM's unified logging.
    Log,
    /// A program's stderr: words of any kind, among them those of the program that started it ([`field@Head::program`]).
    Errors,
    /// A log of `tracing`.
    Program,
}

/// What the first line of a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// When.
    pub stamp: Stamp,
    /// How grave.
    pub severity: Option<Severity>,
    /// Where the text begins, time and level left out.
    pub text: usize,
    /// Whether it is a line of `tracing`: `2026-01-31T12:00:00.000000Z  INFO target: text`.
    pub program: bool,
}

impl Head {
    /// Reads the beginning of a line.
    pub fn parse(line: &[u8]) -> Option<Self> {
        match line.first()? {
            b'[' => Self::bracketed(line),
            b'0'..=b'9' => Self::program(line),
            _ => None,
        }
    }

    fn bracketed(line: &[u8]) -> Option<Self> {
        let (stamp, length) = Stamp::parse(&line[1..])?;
        let mut at = 1 + length;
        if line.get(at) != Some(&b']') {
            return None;
        }
        at += 1;
        let mut head = Self { stamp, severity: None, text: at, program: false };
        match line.get(at) {
            // The JVM's: more decorations follow, the level among them where it is asked for.
            Some(b'[') => {
                let decoration = line[at + 1..].split(|byte| *byte == b']').next().unwrap_or_default();
                head.severity = Severity::of_level(decoration.trim_ascii());
            }
            _ => {
                let (severity, text) = level(line, at);
                head.severity = severity;
                head.text = text;
            }
        }
        Some(head)
    }

    fn program(line: &[u8]) -> Option<Self> {
        let (stamp, at) = Stamp::parse(line)?;
        if stamp.zone() != Zone::Utc || line[10] != b'T' {
            return None;
        }
        let (severity, text) = level(line, at);
        severity.map(|severity| Self { stamp, severity: Some(severity), text, program: true })
    }
}

/// The level that stands behind blanks at `at`, and where the text behind it begins.
fn level(line: &[u8], at: usize) -> (Option<Severity>, usize) {
    let skip = |mut at: usize| {
        while line.get(at) == Some(&b' ') {
            at += 1;
        }
        at
    };
    let start = skip(at);
    let word = line[start..].iter().take(8).take_while(|byte| byte.is_ascii_alphabetic()).count();
    match Severity::of_level(&line[start..start + word]) {
        Some(severity) => {
            let end = start + word;
            // One blank, not all: the text may be indented.
            (Some(severity), if line.get(end) == Some(&b' ') { end + 1 } else { end })
        }
        None => (None, start),
    }
}

/// A message in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its lines, without the last one's end.
    pub text: &'a [u8],
    /// Its length with the last one's end.
    pub length: usize,
    /// How many lines it is.
    pub lines: u32,
    /// What its first line says.
    pub head: Option<Head>,
}

/// Whether more is to be expected behind a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Yes: the last message may go on.
    Coming,
    /// The last whole line ends the last message; a begun line may go on.
    Quiet,
    /// Nothing comes.
    Nothing,
}

/// So much of a line shows whether it begins a message.
const ENOUGH: usize = 40;

/// The messages of a chunk. What it does not give back is open: see [`Records::at`].
#[derive(Debug)]
pub struct Records<'a> {
    chunk: &'a [u8],
    style: Style,
    rest: Rest,
    at: usize,
}

impl<'a> Records<'a> {
    /// `chunk` begins where a line does.
    pub fn new(chunk: &'a [u8], style: Style, rest: Rest) -> Self {
        Self { chunk, style, rest, at: 0 }
    }

    /// How much of the chunk was given back.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Where the line at `from` ends, its end included, and whether it has one.
    fn line(&self, from: usize) -> Option<(usize, bool)> {
        match memchr(b'\n', &self.chunk[from..]) {
            Some(length) => Some((from + length + 1, true)),
            None if self.rest == Rest::Nothing && from < self.chunk.len() => Some((self.chunk.len(), false)),
            None => None,
        }
    }

    /// Whether the line at `from` goes on with the message before it; `None` if that cannot be seen yet.
    fn continues(&self, from: usize, head: Option<&Head>) -> Option<bool> {
        let rest = &self.chunk[from..];
        let whole = rest.len() >= ENOUGH || memchr(b'\n', rest).is_some();
        if !whole && self.rest != Rest::Nothing {
            // Begun, but not enough of it: where nothing comes for long, it is no part of this message.
            return (self.rest == Rest::Quiet).then_some(false);
        }
        Some(match (self.style, head) {
            (Style::Log | Style::Program, Some(_)) => Head::parse(rest).is_none(),
            _ => is_continuation(rest),
        })
    }
}

/// Lines of a stack trace, by their looks.
fn is_continuation(line: &[u8]) -> bool {
    match line.first() {
        Some(b' ' | b'\t') => true,
        Some(b'C') => line.starts_with(b"Caused by: "),
        Some(b'S') => line.starts_with(b"Suppressed: "),
        _ => false,
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let start = self.at;
        let (mut end, mut ended) = self.line(start)?;
        let head = Head::parse(&self.chunk[start..]);
        let mut lines = 1;
        loop {
            if end == self.chunk.len() {
                if self.rest == Rest::Coming {
                    return None;
                }
                break;
            }
            match self.continues(end, head.as_ref()) {
                Some(false) => break,
                Some(true) => match self.line(end) {
                    Some(next) => {
                        (end, ended) = next;
                        lines += 1;
                    }
                    None if self.rest == Rest::Coming => return None,
                    // A part of a line: the next message's, once it is whole.
                    None => break,
                },
                None => return None,
            }
        }
        self.at = end;
        let mut text = &self.chunk[start..end];
        if ended {
            text = &text[..text.len() - 1];
        }
        text = text.strip_suffix(b"\r").unwrap_or(text);
        Some(Record { text, length: end - start, lines, head })
    }
}

/// Entry point for a fuzzer: the first byte is the style and the size of the pieces in which the rest, a file, is read as
/// it grows. All of it is given back, once and in order, each line in one message, and the pieces do not matter.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let Some((&first, file)) = bytes.split_first() else { return };
    let style = [Style::Log, Style::Errors, Style::Program][usize::from(first % 3)];
    let whole: Vec<_> = Records::new(file, style, Rest::Nothing).collect();
    let length: usize = whole.iter().map(|record| record.length).sum();
    assert_eq!(length, file.len());
    let ends = file.split_inclusive(|byte| *byte == b'\n').count();
    assert_eq!(whole.iter().map(|record| record.lines as usize).sum::<usize>(), ends);
    assert!(whole.iter().all(|record| record.head.is_none_or(|head| head.text <= record.length)));
    let (mut grown, mut from) = (Vec::new(), 0);
    for end in (1..file.len()).step_by(usize::from(first) + 1) {
        let mut records = Records::new(&file[from..end], style, Rest::Coming);
        grown.extend(records.by_ref());
        from += records.at();
    }
    grown.extend(Records::new(&file[from..], style, Rest::Nothing));
    assert_eq!(grown, whole);
}

#[cfg(test)]
mod tests;
