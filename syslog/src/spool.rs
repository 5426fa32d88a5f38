//! The files of a sandbox as a spool: what is read next, what may have to be sent again, what is dropped, and what the
//! disk gets back.
//!
//! What was sent over a stream may be lost with it, as much as the socket buffers of both sides hold. So every now and
//! then it is noted where all sources are; after a reconnect they are set back to the newest note that lies far enough
//! behind. Dropped is what was never sent only: what is to be sent again comes first, and the gap lies behind it.

mod directory;
mod read;

use std::{collections::VecDeque, fs::File, io, path::PathBuf, time::Instant};

pub(crate) use self::read::Reader;
use self::{directory::Directory, read::Window};
use crate::{
    batch::{Batch, Frame},
    counters::Counters,
    line::Style,
    source::Source,
};

/// Where all sources were when `wire` bytes had gone over the connection.
#[derive(Debug)]
struct Note {
    wire: u64,
    positions: Vec<(u32, u64)>,
}

/// All files.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) sources: Vec<Source>,
    directory: Option<Directory>,
    next_id: u32,
    /// Whose turn it is.
    turn: usize,
    window: Window,
    notes: VecDeque<Note>,
    wire: u64,
    /// How much may be lost with a connection.
    keep: u64,
    /// Lines dropped so far, for the notices in the log.
    pub(crate) dropped: u64,
}

/// Notes between two that are `keep` apart.
const NOTES: u64 = 64;

impl Spool {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self {
            sources: Vec::new(),
            directory: directory.map(Directory::new),
            next_id: 0,
            turn: 0,
            window: Window::default(),
            notes: VecDeque::new(),
            wire: 0,
            keep: 0,
            dropped: 0,
        }
    }

    pub(crate) fn adopt(&mut self, file: File, stream: String, style: Style, start: u64, now: Instant) {
        let mut source = Source::new(self.next_id, file, stream, style, start, now);
        source.lasting = true;
        self.sources.push(source);
        self.next_id += 1;
    }

    /// Looks for new files, and how far the known ones are. True if there are new ones.
    pub(crate) fn refresh(&mut self, now: Instant) -> io::Result<bool> {
        let mut new = false;
        if let Some(directory) = &mut self.directory {
            for (file, stream) in directory.look()? {
                let older = self.sources.iter_mut().filter(|source| source.stream == stream);
                older.for_each(|source| source.superseded = true);
                self.sources.push(Source::new(self.next_id, file, stream, Style::Log, 0, now));
                self.next_id += 1;
                new = true;
            }
        }
        for source in &mut self.sources {
            if source.refresh(now)? {
                self.window.forget();
            }
        }
        Ok(new)
    }

    /// Whether anything was written since the look before the one of `now`.
    pub(crate) fn has_grown(&self, now: Instant) -> bool {
        self.sources.iter().any(|source| source.has_grown(now))
    }

    /// Reads on, each source in turn, until the batch is full or nothing is left.
    pub(crate) fn fill(&mut self, batch: &mut Batch, reader: &mut Reader<'_>) -> io::Result<()> {
        let mut idle = 0;
        while !batch.is_full() && idle < self.sources.len() {
            self.turn = (self.turn + 1) % self.sources.len();
            let moved = !self.waits_for_older(self.turn)
                && reader.read(&mut self.sources[self.turn], &mut self.window, batch)?;
            idle = if moved { 0 } else { idle + 1 };
        }
        Ok(())
    }

    /// Whether an older file of the same stream comes first.
    fn waits_for_older(&self, index: usize) -> bool {
        let stream = &self.sources[index].stream;
        self.sources[..index]
            .iter()
            .any(|older| older.superseded && older.stream == *stream && older.position < older.size)
    }

    /// The kernel has this frame.
    pub(crate) fn handed(&mut self, frame: &Frame, counters: &Counters) {
        let Some(source) = self.sources.iter_mut().find(|source| source.id == frame.source) else { return };
        if frame.upto > source.high {
            source.high = frame.upto;
            counters.add_shipped(frame.lines.into());
        } else {
            counters.add_resent(frame.lines.into());
        }
    }

    /// Nothing that was read is still to be handed; `count` bytes went since the last time.
    pub(crate) fn settled(&mut self, count: u64) {
        for source in &mut self.sources {
            // What is not shipped at all is behind us as well.
            source.high = source.high.max(source.position);
        }
        self.wire += count;
        let due = self.notes.back().is_none_or(|note| self.wire >= note.wire + self.keep.div_ceil(NOTES));
        if due {
            let positions = self.sources.iter().map(|source| (source.id, source.position)).collect();
            self.notes.push_back(Note { wire: self.wire, positions });
        }
        while self.notes.get(1).is_some_and(|second| second.wire + self.keep <= self.wire) {
            self.notes.pop_front();
        }
    }

    /// A new connection, which may lose as much as `keep` bytes: what the last one may have lost is read again.
    pub(crate) fn rewind(&mut self, keep: u64) {
        if self.keep == 0 && keep > 0 {
            self.notes.clear();
        }
        self.keep = keep;
        self.wire = 0;
        self.notes.truncate(1);
        match self.notes.front_mut() {
            Some(note) if keep > 0 => {
                note.wire = 0;
                for source in &mut self.sources {
                    let noted = note.positions.iter().find(|(id, _)| *id == source.id);
                    let position = noted.map_or(source.start, |(_, position)| *position);
                    source.position = position.min(source.position);
                }
            }
            _ => {
                for source in &mut self.sources {
                    source.position = source.high.min(source.position);
                }
                self.notes.clear();
                self.settled(0);
            }
        }
    }

    /// Begins where the files end now.
    pub(crate) fn skip(&mut self) {
        for source in &mut self.sources {
            (source.start, source.position, source.high) = (source.size, source.size, source.size);
        }
    }

    /// Bytes never handed and not dropped.
    pub(crate) fn waiting(&self) -> u64 {
        self.sources.iter().map(|source| source.size.saturating_sub(source.frontier())).sum()
    }

    /// Drops the oldest lines of whatever has most until no more than `limit` bytes wait. How many it dropped.
    pub(crate) fn drop_beyond(&mut self, limit: u64, program: bool) -> io::Result<u64> {
        let mut dropped = 0;
        loop {
            let waiting = self.waiting();
            let behind = |source: &Source| source.size.saturating_sub(source.frontier());
            let Some(most) = self.sources.iter_mut().max_by_key(|source| behind(source)) else { break };
            let need = waiting.saturating_sub(limit).min(behind(most));
            if need == 0 {
                break;
            }
            let from = most.frontier();
            let (lines, to) = most.count(from, from + need, program, self.window.buffer())?;
            if to == from {
                break;
            }
            most.drop_to(to, lines);
            dropped += lines;
        }
        self.dropped += dropped;
        Ok(dropped)
    }

    /// Lines that were never handed and not dropped.
    pub(crate) fn unsent(&mut self, program: bool) -> io::Result<u64> {
        let buffer = self.window.buffer();
        let mut lines = 0;
        for source in &self.sources {
            let mut from = source.high;
            for gap in source.gaps.iter().filter(|gap| gap.to > source.high) {
                if gap.from > from {
                    lines += source.count(from, gap.from, program, buffer)?.0;
                }
                from = gap.to;
            }
            lines += source.count(from, source.size, program, buffer)?.0;
        }
        Ok(lines)
    }

    /// From where on a source may be read again; all of it is old where nothing is shipped.
    fn kept(&self, source: &Source, shipping: bool) -> u64 {
        if !shipping {
            return source.size;
        }
        let read = source.position.min(source.high);
        match self.notes.front().filter(|_| self.keep > 0) {
            Some(note) => {
                let noted = note.positions.iter().find(|(id, _)| *id == source.id);
                noted.map_or(source.start, |(_, position)| *position).min(read)
            }
            None => read,
        }
    }

    /// Closes what is removed and needed no more, and gives disk space back until all files together take no more than
    /// `limit`.
    pub(crate) fn tidy(&mut self, limit: Option<u64>, shipping: bool) -> io::Result<()> {
        let mut kept: Vec<u64> = self.sources.iter().map(|source| self.kept(source, shipping)).collect();
        for (source, kept) in self.sources.iter_mut().zip(&kept) {
            source.forget(*kept);
        }
        for index in (0..self.sources.len()).rev() {
            let source = &self.sources[index];
            if !source.may_grow() && kept[index] >= source.size {
                let inode = source.inode();
                self.sources.remove(index);
                kept.remove(index);
                if let Some(directory) = &mut self.directory {
                    directory.forget(inode);
                }
            }
        }
        let Some(limit) = limit else { return Ok(()) };
        let mut taken: u64 = self.sources.iter().map(Source::allocated).sum();
        if taken > limit {
            self.sources.iter_mut().try_for_each(Source::punch_gaps)?;
            taken = self.sources.iter().map(Source::allocated).sum();
        }
        while taken > limit {
            let candidates = self.sources.iter_mut().zip(&kept);
            let most = candidates.max_by_key(|(source, kept)| source.punchable(**kept));
            let Some((source, kept)) = most.filter(|(source, kept)| source.punchable(**kept) > 0) else {
                break;
            };
            // A little more than needed, so that it is not done for every line.
            source.punch(taken - limit + limit / 32, *kept)?;
            let now = self.sources.iter().map(Source::allocated).sum();
            if now >= taken {
                break;
            }
            taken = now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
