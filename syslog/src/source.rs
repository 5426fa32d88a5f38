//! One file that somebody else writes.
//!
//! It is read where it lies: what was not sent yet, and what may have to be sent again, stays in it, so that nothing is
//! copied and the disk holds each line once. It stays open when it is renamed or removed, until all of it has been sent.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    time::{Duration, Instant},
};

use nix::fcntl::{FallocateFlags, fallocate};

use crate::{
    encode::Label,
    line::{Head, Style},
    severity::Severity,
    time::Stamp,
};

/// A file that does not grow for so long has ended its last message.
const QUIET: Duration = Duration::from_millis(200);
/// So much of a file's end is never given back: others look for last words there, the executor in 256 KiB when its JVM
/// has ended, with some lines behind that are ours.
const TAIL: u64 = 320 * 1024;
/// Holes are made of whole blocks.
const BLOCK: u64 = 4096;
/// How much is read at once, and the longest message.
pub(crate) const CHUNK: usize = 64 * 1024;

/// A file as the spool knows it. Positions are offsets in the file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) id: u32,
    file: File,
    pub(crate) stream: String,
    pub(crate) style: Style,
    /// Who speaks in it, and who does in lines of `tracing` among others.
    pub(crate) label: Label,
    pub(crate) program: Label,
    /// Where it was when we came.
    pub(crate) start: u64,
    /// What is read next.
    pub(crate) position: u64,
    /// Everything before was handed to the kernel once, or dropped.
    pub(crate) high: u64,
    /// What was dropped and lies behind `position`, or behind where it may be set back to.
    pub(crate) gaps: VecDeque<Gap>,
    pub(crate) size: u64,
    allocated: u64,
    linked: bool,
    /// Its name means nothing: it may be written as long as we are there.
    pub(crate) lasting: bool,
    inode: (u64, u64),
    grown: Instant,
    /// There is a newer file of this stream: this one grows no more.
    pub(crate) superseded: bool,
    punched: u64,
    /// Of the last message with a head: for what follows it too late or is too long.
    pub(crate) carry: Option<(Stamp, Severity)>,
}

/// Whole lines that are not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) lines: u64,
    /// Up to where its disk space was given back.
    punched: u64,
}

impl Source {
    pub(crate) fn new(id: u32, file: File, stream: String, style: Style, start: u64, now: Instant) -> Self {
        Self {
            id,
            file,
            stream,
            style,
            label: Label::default(),
            program: Label::default(),
            start,
            position: start,
            high: start,
            gaps: VecDeque::new(),
            size: start,
            allocated: 0,
            linked: true,
            lasting: false,
            inode: (0, 0),
            grown: now,
            superseded: false,
            punched: 0,
            carry: None,
        }
    }

    /// Looks how far it is; true if it was begun anew.
    pub(crate) fn refresh(&mut self, now: Instant) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        let size = metadata.len();
        let emptied = size < self.position.min(self.size);
        if emptied {
            // By somebody else: what comes is new.
            (self.start, self.position, self.high, self.punched) = (0, 0, 0, 0);
            self.gaps.clear();
        }
        if size != self.size {
            self.grown = now;
        }
        self.inode = (metadata.dev(), metadata.ino());
        (self.size, self.allocated, self.linked) = (size, metadata.blocks() * 512, metadata.nlink() > 0);
        Ok(emptied)
    }

    /// Whether the look of `now` found more than the one before.
    pub(crate) fn has_grown(&self, now: Instant) -> bool {
        self.grown == now
    }

    pub(crate) fn is_quiet(&self, now: Instant) -> bool {
        now.duration_since(self.grown) >= QUIET
    }

    /// Whether more may be written to it.
    pub(crate) fn may_grow(&self) -> bool {
        self.linked || self.lasting
    }

    pub(crate) fn inode(&self) -> (u64, u64) {
        self.inode
    }

    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }

    pub(crate) fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Up to where something is neither handed, nor about to be, nor dropped.
    pub(crate) fn frontier(&self) -> u64 {
        let dropped = self.gaps.back().map_or(0, |gap| gap.to);
        self.position.max(self.high).max(dropped)
    }

    /// The gap that begins at `position`, or the next one behind it.
    pub(crate) fn next_gap(&self) -> Option<Gap> {
        self.gaps.iter().find(|gap| gap.from >= self.position).copied()
    }

    /// Drops what lies between the frontier and `to`.
    pub(crate) fn drop_to(&mut self, to: u64, lines: u64) {
        let from = self.frontier();
        match self.gaps.back_mut() {
            Some(gap) if gap.to == from => {
                gap.to = to;
                gap.lines += lines;
            }
            _ => self.gaps.push_back(Gap { from, to, lines, punched: from.next_multiple_of(BLOCK) }),
        }
    }

    /// Nothing before `kept` is needed any more.
    pub(crate) fn forget(&mut self, kept: u64) {
        while self.gaps.front().is_some_and(|gap| gap.to <= kept) {
            self.gaps.pop_front();
        }
    }

    /// Walks over whole lines from `from` on until one ends at `target` or behind it; how many of them `counts`, and
    /// where the last one ends. `buffer` is for reading.
    pub(crate) fn count(
        &self,
        from: u64,
        target: u64,
        program: bool,
        buffer: &mut [u8],
    ) -> io::Result<(u64, u64)> {
        // Lines of ours among a JVM's are no lines of the log, unless they are shipped.
        let selective = self.style == Style::Errors && !program;
        let (mut lines, mut at, mut read_at) = (0, from, from);
        let mut begin = [0; 40];
        let mut begun = 0;
        while at < target {
            let read = self.read(buffer, read_at)?;
            if read == 0 {
                break;
            }
            let chunk = &buffer[..read];
            let mut line = 0;
            for end in memchr::memchr_iter(b'\n', chunk) {
                if selective {
                    let piece = &chunk[line..end];
                    let taken = piece.len().min(begin.len() - begun);
                    begin[begun..begun + taken].copy_from_slice(&piece[..taken]);
                    begun += taken;
                    lines += u64::from(!Head::parse(&begin[..begun]).is_some_and(|head| head.program));
                    begun = 0;
                } else {
                    lines += 1;
                }
                line = end + 1;
                at = read_at + line as u64;
                if at >= target {
                    return Ok((lines, at));
                }
            }
            let piece = &chunk[line..];
            let taken = piece.len().min(begin.len() - begun);
            begin[begun..begun + taken].copy_from_slice(&piece[..taken]);
            begun += taken;
            read_at += read as u64;
        }
        Ok((lines, at))
    }

    /// Up to where disk space may be given back, `kept` and the file's end being needed.
    fn punchable_to(&self, kept: u64) -> u64 {
        let tail = if self.linked { TAIL } else { 0 };
        kept.min(self.size.saturating_sub(tail)) / BLOCK * BLOCK
    }

    /// How much [`Source::punch`] could give back.
    pub(crate) fn punchable(&self, kept: u64) -> u64 {
        self.punchable_to(kept).saturating_sub(self.punched).min(self.allocated)
    }

    /// Gives back the disk space of up to `count` of the oldest bytes. A hole keeps every offset, so whoever appends
    /// (with or without O_APPEND) or reads along goes on as before, and no line can fall between two files.
    pub(crate) fn punch(&mut self, count: u64, kept: u64) -> io::Result<()> {
        let to = self.punchable_to(kept).min(self.punched.saturating_add(count.next_multiple_of(BLOCK)));
        if to > self.punched {
            self.hole(self.punched, to)?;
            self.punched = to;
        }
        Ok(())
    }

    /// Gives back what was dropped, and lies behind what is still to be sent.
    pub(crate) fn punch_gaps(&mut self) -> io::Result<()> {
        for index in 0..self.gaps.len() {
            let Gap { punched, to, .. } = self.gaps[index];
            let to = self.punchable_to(to);
            if to > punched {
                self.hole(punched, to)?;
                self.gaps[index].punched = to;
            }
        }
        Ok(())
    }

    fn hole(&mut self, from: u64, to: u64) -> io::Result<()> {
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        // Proof: offsets of a file fit into i64.
        fallocate(&self.file, flags, from as i64, (to - from) as i64)?;
        self.allocated = self.file.metadata()?.blocks() * 512;
        Ok(())
    }
}
