//! Kafka's framing, sans-IO: a 32-bit length, then that many bytes, the first four of which are the correlation id.

use bytes::{Buf, Bytes, BytesMut};

/// Longest answer taken, in bytes. The metadata of 100 000 partitions is some 10 MB; an HTTP server on the wrong port
/// reads as 1.2 GB.
pub const LIMIT: usize = 64 << 20;

/// Bytes that are no Kafka frame. The connection they came from is of no further use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The length is negative, too long, or too short for a correlation id.
    #[error("a frame of {0} bytes, where 4 to {LIMIT} are possible")]
    Length(i32),
    /// A frame like any other, but longer than this reader takes.
    #[error("an answer of {bytes} bytes, where {limit} are taken")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// Collects bytes as they arrive and gives whole frames.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(LIMIT)
    }
}

/// One whole message, without its length and correlation id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which request it answers.
    pub correlation: i32,
    /// The rest: header tags, if any, and body.
    pub body: Bytes,
}

impl Decoder {
    /// One that takes frames of at most `limit` bytes: how long one is is known before any of it is kept.
    pub fn with_limit(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// Where the caller's next read goes.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole frame, `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::TooLong`]; the decoder then stays where it is and says so again.
    pub fn take(&mut self) -> Result<Option<Frame>, Error> {
        let Some(mut head) = self.buffer.get(..4) else { return Ok(None) };
        let length = head.get_i32();
        let bytes = usize::try_from(length).ok().filter(|bytes| (4..=LIMIT).contains(bytes));
        let bytes = bytes.ok_or(Error::Length(length))?;
        if bytes > self.limit {
            return Err(Error::TooLong { bytes, limit: self.limit });
        }
        if self.buffer.len() < 4 + bytes {
            return Ok(None);
        }
        self.buffer.advance(4);
        let mut body = self.buffer.split_to(bytes).freeze();
        Ok(Some(Frame { correlation: body.get_i32(), body }))
    }
}

/// Puts the length before a request that starts with its header.
///
/// # Errors
/// [`Error::Length`] when it is longer than a broker could take.
pub fn seal(message: &[u8]) -> Result<Bytes, Error> {
    let length = i32::try_from(message.len()).map_err(|_| Error::Length(i32::MAX))?;
    let mut framed = BytesMut::with_capacity(4 + message.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Ok(framed.freeze())
}

/// Entry point for a fuzzer: whatever the bytes, decoding ends, and frames are in the bytes as they are.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let mut decoder = Decoder::default();
    let mut rest = bytes;
    for piece in bytes.chunks(7) {
        decoder.buffer().extend_from_slice(piece);
        while let Ok(Some(frame)) = decoder.take() {
            assert!(rest[4..].starts_with(&frame.correlation.to_be_bytes()), "another correlation id");
            assert!(rest[8..].starts_with(&frame.body), "a body is not what the bytes hold");
            rest = &rest[8 + frame.body.len()..];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(chunks: &[&[u8]]) -> Result<Vec<Frame>, Error> {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for chunk in chunks {
            decoder.buffer().extend_from_slice(chunk);
            while let Some(frame) = decoder.take()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn lengths_from_both_sides() {
        let frame = |body: &'static [u8]| Frame { correlation: 7, body: Bytes::from_static(body) };
        assert_eq!(decoded(&[&[0, 0, 0, 4, 0, 0, 0, 7]]), Ok(vec![frame(b"")]));
        assert_eq!(decoded(&[&[0, 0, 0, 5, 0, 0, 0, 7, b'x', 0]]), Ok(vec![frame(b"x")]));
        assert_eq!(decoded(&[&[0, 0, 0, 5, 0, 0, 0, 7]]), Ok(vec![]));
        assert_eq!(decoded(&[&[0, 0, 0, 3, 1, 2, 3]]), Err(Error::Length(3)));
        assert_eq!(decoded(&[&(-1_i32).to_be_bytes()]), Err(Error::Length(-1)));
        assert_eq!(decoded(&[&(LIMIT as i32).to_be_bytes()]), Ok(vec![]));
        assert_eq!(decoded(&[&(LIMIT as i32 + 1).to_be_bytes()]), Err(Error::Length(LIMIT as i32 + 1)));
        // What an HTTP server sends is refused at once, not waited for.
        let mut small = Decoder::with_limit(8);
        small.buffer().extend_from_slice(&[0, 0, 0, 9]);
        assert_eq!(small.take(), Err(Error::TooLong { bytes: 9, limit: 8 }));
        assert_eq!(decoded(&[b"HTTP/1.1 400"]), Err(Error::Length(0x4854_5450)));
    }

    proptest! {
        /// However the bytes are cut, the same frames come out.
        #[test]
        fn cuts_do_not_matter(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            cut in 1_usize..9,
        ) {
            let mut bytes = Vec::new();
            for (correlation, body) in (0_i32..).zip(&bodies) {
                let message = [&correlation.to_be_bytes()[..], body].concat();
                bytes.extend_from_slice(&seal(&message).unwrap());
            }
            let chunks: Vec<_> = bytes.chunks(cut).collect();
            let frames = decoded(&chunks).unwrap();
            prop_assert_eq!(frames.iter().map(|frame| frame.correlation).collect::<Vec<_>>(),
                (0..bodies.len() as i32).collect::<Vec<_>>());
            prop_assert_eq!(frames.iter().map(|frame| frame.body.to_vec()).collect::<Vec<_>>(), bodies);
        }

        /// Any bytes at all: frames or an error, never more than was put in.
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            fuzz(&bytes);
            if let Ok(frames) = decoded(&[&bytes]) {
                prop_assert!(frames.iter().map(|frame| 8 + frame.body.len()).sum::<usize>() <= bytes.len());
            }
        }
    }
}
