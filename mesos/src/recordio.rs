//! RecordIO framing: the length in decimal digits, a line feed, then that many bytes. Without any input or output.
//!
//! Records and the pieces they arrive in are independent, so the decoder takes bytes as they come and gives
//! records as they are complete.

use std::mem;

use bytes::{Buf as _, Bytes, BytesMut};

/// No length needs more digits: `u64::MAX` has twenty.
const MAX_DIGITS: usize = 20;

/// Why a stream of records is broken. There is no way to go on: drop the connection and subscribe again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Where a length should stand, something else does.
    #[error("a record starts with {found:?}, where decimal digits and a line feed belong")]
    Length {
        /// What stands there, at most twenty bytes of it.
        found: String,
    },
    /// The record is longer than the reader allows.
    #[error("a record of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Length of the record in bytes.
        length: u64,
        /// Longest record allowed in bytes.
        limit: usize,
    },
}

/// Takes bytes, gives records.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit: usize,
    expected: Option<usize>,
    failed: Option<Error>,
}

impl Decoder {
    /// A decoder that refuses records longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit, expected: None, failed: None }
    }

    /// Adds bytes as they came. Call [`Decoder::next_record`] until it gives nothing before adding more, else the
    /// buffer grows beyond one record.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next complete record, or nothing when more bytes are needed.
    ///
    /// # Errors
    /// When the length is no number or over the limit; the decoder then stays broken and says the same again.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.advance() {
            Ok(record) => Ok(record),
            Err(error) => {
                self.buffer = BytesMut::new();
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Whether the stream may end here: no record has begun.
    pub fn is_between_records(&self) -> bool {
        self.failed.is_none() && self.expected.is_none() && self.buffer.is_empty()
    }

    fn advance(&mut self) -> Result<Option<Bytes>, Error> {
        let length = match self.expected {
            Some(length) => length,
            None => match self.length()? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        if self.buffer.len() < length {
            self.expected = Some(length);
            return Ok(None);
        }
        self.expected = None;
        let record = self.buffer.split_to(length).freeze();
        if self.buffer.is_empty() {
            // A large record would otherwise keep its memory until the next one.
            drop(mem::take(&mut self.buffer));
        }
        Ok(Some(record))
    }

    /// Reads the length that opens a record, if it is complete.
    fn length(&mut self) -> Result<Option<usize>, Error> {
        let seen = &self.buffer[..self.buffer.len().min(MAX_DIGITS + 1)];
        let digits = seen.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match seen.get(digits) {
            None if digits <= MAX_DIGITS => return Ok(None),
            Some(b'\n') if digits > 0 => {}
            _ => {
                return Err(Error::Length {
                    found: String::from_utf8_lossy(&seen[..seen.len().min(MAX_DIGITS)]).into_owned(),
                });
            }
        }
        let length = seen[..digits]
            .iter()
            .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
            .unwrap_or(u64::MAX);
        let fitting = usize::try_from(length).ok().filter(|length| *length <= self.limit);
        let Some(fitting) = fitting else { return Err(Error::TooLong { length, limit: self.limit }) };
        self.buffer.advance(digits + 1);
        Ok(Some(fitting))
    }
}

/// Frames one record.
pub fn encode(payload: &[u8]) -> Vec<u8> {
    let mut record = payload.len().to_string().into_bytes();
    record.reserve_exact(payload.len() + 1);
    record.push(b'\n');
    record.extend_from_slice(payload);
    record
}

/// Entry point for a fuzzer: whatever the bytes, decoding ends, and records that decode are in the bytes as they are.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let mut decoder = Decoder::new(1 << 16);
    let mut rest = bytes;
    for piece in bytes.chunks(7) {
        decoder.push(piece);
        while let Ok(Some(record)) = decoder.next_record() {
            let at = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            assert!(rest[at..].starts_with(&record), "a record is not what the bytes hold");
            rest = &rest[at + record.len()..];
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn all(decoder: &mut Decoder) -> Vec<Bytes> {
        std::iter::from_fn(|| decoder.next_record().unwrap()).collect()
    }

    #[test]
    fn frames_are_those_of_the_reference() {
        assert_eq!(encode(b"\x08\x08"), b"2\n\x08\x08");
        assert_eq!(encode(br#"{"type":"HEARTBEAT"}"#), b"20\n{\"type\":\"HEARTBEAT\"}");
    }

    #[test]
    fn a_length_that_is_no_number_is_fatal() {
        for text in ["\n", "x", "1x\n", "-1\n", " 1\n", "1 \n", "+1\n", "123456789012345678901", "HTTP/1.1"] {
            let mut decoder = Decoder::new(100);
            decoder.push(text.as_bytes());
            let error = decoder.next_record().unwrap_err();
            assert!(matches!(error, Error::Length { .. }), "{text:?}: {error}");
            decoder.push(b"1\na");
            assert_eq!(decoder.next_record(), Err(error), "{text:?} is forgotten");
        }
    }

    #[test]
    fn a_record_over_the_limit_is_refused_before_its_bytes_come() {
        for (text, length) in
            [("101\n", 101), ("18446744073709551615\n", u64::MAX), ("99999999999999999999\n", u64::MAX)]
        {
            let mut decoder = Decoder::new(100);
            decoder.push(text.as_bytes());
            assert_eq!(decoder.next_record(), Err(Error::TooLong { length, limit: 100 }));
        }
    }

    #[test]
    fn an_empty_record_is_a_record() {
        let mut decoder = Decoder::new(100);
        decoder.push(b"0\n0\n1\na");
        assert_eq!(all(&mut decoder), [&b""[..], b"", b"a"]);
        assert!(decoder.is_between_records());
    }

    #[test]
    fn an_end_inside_a_record_shows() {
        for text in ["1", "1\n", "2\na"] {
            let mut decoder = Decoder::new(100);
            decoder.push(text.as_bytes());
            assert_eq!(decoder.next_record(), Ok(None));
            assert!(!decoder.is_between_records(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn records_survive_any_split(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..10),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let stream: Vec<u8> = records.iter().flat_map(|record| encode(record)).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let mut decoder = Decoder::new(200);
            let mut decoded = Vec::new();
            for pair in cuts.windows(2) {
                decoder.push(&stream[pair[0]..pair[1]]);
                decoded.extend(all(&mut decoder));
            }
            prop_assert_eq!(decoded, records);
            prop_assert!(decoder.is_between_records());
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            fuzz(&bytes);
        }

        #[test]
        fn almost_right_bytes_do_no_harm(text in "([0-9]{1,3}\n[a-z0-9\n]{0,12}){0,8}") {
            fuzz(text.as_bytes());
        }
    }
}
