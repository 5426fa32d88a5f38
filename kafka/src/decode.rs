//! Answers read with care: the codec makes room for as many elements as an array says it has before it reads the first
//! one, so four bytes of a broken answer could ask for hundreds of gigabytes, and end the process.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::{Decodable, buf::ByteBuf};

/// An array may say that it has this many elements, however few bytes are left: ids and epochs look the same.
const FREE: usize = 1 << 16;

/// Reads a message in `version`, with no more room made than the bytes can fill.
///
/// # Errors
/// The bytes are no such message, in the codec's words.
pub(crate) fn decode<T: Decodable>(body: &Bytes, version: i16) -> Result<T, Error> {
    let mut guard = Guard { bytes: body.clone(), doubted: false };
    let read = T::decode(&mut guard, version)?;
    // A number that was doubted and yet all could be read was no array's length: as it was written, then.
    if guard.doubted { Ok(T::decode(&mut body.clone(), version)?) } else { Ok(read) }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that give no number to the codec which could be a length beyond them. It can't be known which numbers are.
/// Shorter ones (`u16`) can do no harm.
struct Guard {
    bytes: Bytes,
    /// A number was given as smaller than it is. No array has as many elements even so, and reading it fails.
    doubted: bool,
}

impl Guard {
    /// Elements take a byte at least.
    fn most(&self) -> usize {
        self.bytes.len().max(FREE)
    }

    /// The variable-length number at the front, if there is one. Everywhere but in records it is a length, a count or a tag.
    fn varint(&self) -> usize {
        let mut value = 0;
        for (byte, shift) in self.bytes.iter().zip([0, 7, 14, 21, 28]) {
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }
}

impl Buf for Guard {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        let number = self.bytes.try_get_i32()?;
        let most = i32::try_from(self.most()).unwrap_or(i32::MAX);
        self.doubted |= number > most;
        Ok(number.min(most))
    }

    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let requested = self.varint();
        // One more than the length, as compact arrays and strings have it.
        if requested > self.most() + 1 {
            return Err(TryGetError { requested, available: self.bytes.len() });
        }
        self.bytes.try_get_u8()
    }
}

impl ByteBuf for Guard {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.bytes.split_to(size)
    }
}

/// Entry point for a fuzzer: two bytes choose one of the answers this program reads and its version, the rest is the
/// answer. Whatever it is, reading ends, with no more memory than the bytes can fill.
pub fn fuzz(bytes: &[u8]) {
    let [call, version, body @ ..] = bytes else { return };
    let calls = crate::client::ANSWERS;
    let (_, (first, last), decode) = calls[usize::from(*call) % calls.len()];
    let versions = last - first + 1;
    decode(&Bytes::copy_from_slice(body), first + i16::from(*version) % versions);
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::MetadataResponse;
    use proptest::prelude::*;

    use super::*;
    use crate::client::ANSWERS;

    /// A broker of a Metadata answer in version 4 and in version 9, and how many the answer says it has.
    fn metadata(version: i16, count: u32) -> Bytes {
        let broker =
            [&[0, 0, 0, 7][..], if version < 9 { &[0, 1, b'h'] } else { &[2, b'h'] }, &[0, 0, 0x23, 0x84]];
        let broker = [broker.concat(), if version < 9 { vec![0xff, 0xff] } else { vec![0, 0] }].concat();
        let count = if version < 9 {
            count.to_be_bytes().to_vec()
        } else {
            let count = count + 1;
            (0..5).map(|i| (count >> (7 * i)) as u8 & 0x7f | if i < 4 { 0x80 } else { 0 }).collect()
        };
        let cluster = if version < 9 { vec![0xff, 0xff] } else { vec![0] };
        let epoch_like = [0x7f, 0xff, 0xff, 0xff]; // the controller's id
        let topics = if version < 9 { vec![0, 0, 0, 0] } else { vec![1] };
        let operations = if version < 8 { vec![] } else { vec![0x80, 0, 0, 0] };
        let tags = if version < 9 { vec![] } else { vec![0] };
        let throttle = vec![0, 0, 0, 0];
        [throttle, count, broker, cluster, epoch_like.to_vec(), topics, operations, tags].concat().into()
    }

    #[test]
    fn counts_beyond_the_bytes() {
        for version in [4, 9] {
            // A large number that is no count is read as it is.
            let read: MetadataResponse = decode(&metadata(version, 1), version).unwrap();
            assert_eq!((read.brokers.len(), read.controller_id.0), (1, i32::MAX));
            assert_eq!((read.brokers[0].host.as_str(), read.brokers[0].port), ("h", 9092));
            // Two hundred gigabytes, if it were believed.
            for count in [2, 70_000, i32::MAX as u32] {
                let read = decode::<MetadataResponse>(&metadata(version, count), version);
                assert!(read.is_err(), "{count} brokers in version {version}");
            }
        }
    }

    /// Every length of every answer, as large as it can be, over bytes that say little else.
    #[test]
    fn huge_lengths_anywhere() {
        for (name, (first, last), decode) in ANSWERS {
            for version in *first..=*last {
                for filler in [0, 1, 2] {
                    for at in 0..80 {
                        for huge in [&[0x7f, 0xff, 0xff, 0xff][..], &[0xff, 0xff, 0xff, 0xff, 0x0f]] {
                            let mut body = vec![filler; 100];
                            body[at..at + huge.len()].copy_from_slice(huge);
                            decode(&body.into(), version);
                        }
                    }
                }
            }
            assert!(!name.is_empty());
        }
    }

    /// Each `impl Call` has its answer in the table.
    #[test]
    fn no_answer_is_forgotten() {
        let calls = include_str!("client/call.rs").matches("Call for ").count()
            + include_str!("client/call/admin.rs").matches("Request => ").count();
        assert_eq!(ANSWERS.len(), calls, "ANSWERS in client/call.rs must name each call");
    }

    proptest! {
        /// Bytes that are likely lengths.
        #[test]
        fn any_bytes(
            call in any::<u8>(),
            version in any::<u8>(),
            body in prop::collection::vec(prop::sample::select(vec![0, 0, 0, 0, 1, 1, 2, 3, 0x7f, 0x80, 0xff]), 0..200),
        ) {
            fuzz(&[vec![call, version], body].concat());
        }
    }
}
