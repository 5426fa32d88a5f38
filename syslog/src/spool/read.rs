//! From a file's bytes to messages in a batch.

use std::{io, time::Instant};

use crate::{
    batch::{Batch, Frame},
    encode::{Encoder, Message},
    line::{Head, Record, Records, Rest, Style},
    severity::Severity,
    source::{CHUNK, Gap, Source},
};

/// What was read last; the next batch goes on in it.
#[derive(Debug, Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    source: Option<u32>,
    from: u64,
    length: usize,
}

impl Window {
    /// The buffer for other uses; what was read is forgotten.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        self.forget();
        if self.bytes.is_empty() {
            self.bytes = vec![0; CHUNK];
        }
        &mut self.bytes
    }

    /// What was read is true no more.
    pub(super) fn forget(&mut self) {
        self.source = None;
    }

    /// Reads `source` from its position on.
    fn load(&mut self, source: &Source) -> io::Result<()> {
        let buffer = self.buffer();
        let read = source.read(buffer, source.position)?;
        (self.source, self.from, self.length) = (Some(source.id), source.position, read);
        Ok(())
    }

    /// What is there of `source` from its position to `limit`.
    fn held(&self, source: &Source, limit: u64) -> &[u8] {
        let end = self.from + self.length as u64;
        if self.source != Some(source.id) || source.position < self.from || source.position >= end {
            return &[];
        }
        // Proof: both lie within the window.
        let at = |offset: u64| (offset - self.from) as usize;
        &self.bytes[at(source.position)..at(limit.clamp(source.position, end))]
    }
}

/// How files are read.
pub(crate) struct Reader<'a> {
    pub(crate) encoder: &'a mut Encoder,
    pub(crate) now: Instant,
    /// Nothing more will be written.
    pub(crate) last: bool,
    /// Whether lines of `tracing` among a program's errors are shipped.
    pub(crate) program: bool,
    /// Lines dropped so far.
    pub(crate) dropped: u64,
}

impl Reader<'_> {
    /// Moves on in `source`; false if there is nothing to read.
    pub(super) fn read(
        &mut self,
        source: &mut Source,
        window: &mut Window,
        batch: &mut Batch,
    ) -> io::Result<bool> {
        let gap = source.next_gap();
        if let Some(gap) = gap.filter(|gap| gap.from == source.position) {
            self.notice(source, &gap, batch);
            source.position = gap.to;
            return Ok(true);
        }
        let limit = gap.map_or(source.size, |gap| gap.from);
        if source.position >= limit {
            return Ok(false);
        }
        let chunk = window.held(source, limit);
        if self.take(source, chunk, limit, gap.is_some(), batch) {
            return Ok(true);
        }
        // What is left of the window holds no whole message.
        window.load(source)?;
        let chunk = window.held(source, limit);
        if self.take(source, chunk, limit, gap.is_some(), batch) {
            return Ok(true);
        }
        if chunk.len() < CHUNK {
            return Ok(false);
        }
        // A message as long as the window: all of it that is here, up to a line's end if there is one.
        let end = memchr::memrchr(b'\n', chunk).map_or(chunk.len(), |at| at + 1);
        let lines = memchr::memchr_iter(b'\n', &chunk[..end]).count() as u32; // at most CHUNK
        let text = chunk[..end].strip_suffix(b"\n").unwrap_or(&chunk[..end]);
        let record = Record { text, length: end, lines, head: Head::parse(text) };
        self.message(source, &record, batch);
        source.position += end as u64;
        Ok(true)
    }

    /// Messages out of `chunk`, which lies at the source's position; false if there is none.
    fn take(
        &mut self,
        source: &mut Source,
        chunk: &[u8],
        limit: u64,
        before_gap: bool,
        batch: &mut Batch,
    ) -> bool {
        let begin = source.position;
        let ends_here = begin + chunk.len() as u64 == limit;
        let rest = match ends_here {
            true if self.last || before_gap || source.superseded => Rest::Nothing,
            true if source.is_quiet(self.now) => Rest::Quiet,
            _ => Rest::Coming,
        };
        let mut records = Records::new(chunk, source.style, rest);
        while !batch.is_full() {
            let Some(record) = records.next() else { break };
            self.message(source, &record, batch);
            source.position = begin + records.at() as u64;
        }
        source.position > begin
    }

    fn message(&mut self, source: &mut Source, record: &Record<'_>, batch: &mut Batch) {
        let program = match source.style {
            Style::Log => false,
            Style::Errors => record.head.is_some_and(|head| head.program),
            Style::Program => true,
        };
        if program && source.style == Style::Errors && !self.program {
            return;
        }
        let (stamp, severity) = match record.head {
            Some(head) => {
                let known =
                    (head.stamp, head.severity.unwrap_or_else(|| unmarked(source.style, record.text)));
                source.carry = Some(known);
                known
            }
            // The rest of a message that was sent already.
            None => match source.carry.filter(|_| record.text.first().is_some_and(u8::is_ascii_whitespace)) {
                Some(known) => known,
                None => {
                    source.carry = None;
                    (self.encoder.zones.now(), unmarked(source.style, record.text))
                }
            },
        };
        let text = &record.text[record.head.map_or(0, |head| head.text)..];
        let label = if program { &source.program } else { &source.label };
        let frame = Frame { end: 0, source: source.id, upto: source.position, lines: 0 };
        let mut bytes = std::mem::take(&mut batch.bytes);
        let message = Message { stamp, severity, label, text };
        self.encoder.encode(&mut bytes, &message, |end| batch.ended(end, frame));
        batch.bytes = bytes;
        batch.complete(source.position + record.length as u64, record.lines);
    }

    /// Says in the log itself what is missing there.
    fn notice(&mut self, source: &Source, gap: &Gap, batch: &mut Batch) {
        let text = format!(
            "{} lines of {} are missing here: the syslog server did not take them in time; {} lines in all so far",
            gap.lines, source.stream, self.dropped
        );
        let frame = Frame { end: 0, source: source.id, upto: source.position, lines: 0 };
        let mut bytes = std::mem::take(&mut batch.bytes);
        let message = Message {
            stamp: self.encoder.zones.now(),
            severity: Severity::Warning,
            label: &source.program,
            text: text.as_bytes(),
        };
        self.encoder.encode(&mut bytes, &message, |end| batch.ended(end, frame));
        batch.bytes = bytes;
        batch.complete(gap.to, 0);
    }
}

/// The severity of a message that names none.
fn unmarked(style: Style, text: &[u8]) -> Severity {
    const GRAVE: [&[u8]; 4] = [b"Exception in thread ", b"Error", b"java.lang.", b"#"];
    match style {
        Style::Log | Style::Program => Severity::Informational,
        Style::Errors if GRAVE.iter().any(|begin| text.starts_with(begin)) => Severity::Error,
        Style::Errors => Severity::Warning,
    }
}
