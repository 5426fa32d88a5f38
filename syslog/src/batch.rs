//! Messages on their way: written one behind the other, handed to the kernel in as few calls as it takes.

/// A batch that holds this much is sent.
const ENOUGH: usize = 64 * 1024;

/// Messages read but not yet all handed to the kernel.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    frames: Vec<Frame>,
    /// Bytes handed, and frames of which every byte was.
    handed: usize,
    done: usize,
}

/// One message, or one part of it, in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where it ends in the batch.
    pub(crate) end: usize,
    /// Where it comes from.
    pub(crate) source: u32,
    /// Where the source is when this was handed.
    pub(crate) upto: u64,
    /// Whole lines that are handed with it.
    pub(crate) lines: u32,
}

impl Batch {
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= ENOUGH
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.handed == self.bytes.len()
    }

    /// The frames that end at `ends` in `bytes`; the last one carries the lines.
    pub(crate) fn ended(&mut self, ends: usize, frame: Frame) {
        self.frames.push(Frame { end: ends, ..frame });
    }

    /// The last frame is the one that completes its message.
    pub(crate) fn complete(&mut self, upto: u64, lines: u32) {
        if let Some(last) = self.frames.last_mut() {
            (last.upto, last.lines) = (upto, lines);
        }
    }

    /// What is to be handed next.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.handed..]
    }

    /// What is to be handed next where each frame goes alone.
    pub(crate) fn next(&self) -> Option<&[u8]> {
        self.frames.get(self.done).map(|frame| &self.bytes[self.handed..frame.end])
    }

    /// The kernel has `count` more bytes. Tells of each frame it has whole.
    pub(crate) fn hand(&mut self, count: usize, mut whole: impl FnMut(&Frame)) {
        self.handed += count;
        while let Some(frame) = self.frames.get(self.done).filter(|frame| frame.end <= self.handed) {
            whole(frame);
            self.done += 1;
        }
        if self.is_empty() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        (self.handed, self.done) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_once_it_is_handed_whole() {
        let mut batch = Batch::default();
        let frame = |upto| Frame { end: 0, source: 1, upto, lines: 0 };
        for (text, upto) in [("first", 10), ("second", 20)] {
            batch.bytes.extend(text.as_bytes());
            batch.ended(batch.bytes.len(), frame(0));
            batch.complete(upto, 1);
        }
        let mut whole = Vec::new();
        assert_eq!(batch.next(), Some(&b"first"[..]));
        batch.hand(7, |frame| whole.push(frame.upto));
        assert_eq!(batch.rest(), b"cond");
        batch.hand(3, |frame| whole.push(frame.upto));
        assert_eq!(whole, [10]);
        batch.hand(1, |frame| whole.push(frame.upto));
        assert_eq!(whole, [10, 20]);
        assert!(batch.is_empty() && batch.bytes.is_empty());
    }
}
