//! How many records a batch may say it has, and how many headers each: no more than its bytes could hold. Whoever reads
//! them makes room by these numbers, which come from outside; and adds to its offset and time what each record says.

use std::ops::Range;

/// Where its first offset stands, and its first time.
const OFFSET: Range<usize> = 0..8;
const TIME: Range<usize> = 27..35;
/// Where the number of records stands in a batch of version 2; the first record follows.
const COUNT: Range<usize> = 57..61;
/// Where the number of its version stands.
const MAGIC: usize = 16;
/// Where its attributes end; the lowest three bits say how it is compressed.
const ATTRIBUTES: usize = 22;
/// Where the length of all that follows it stands.
const LENGTH: Range<usize> = 8..12;
/// Least bytes of a header: the lengths of its key and of its value.
const HEADER: usize = 2;

/// Why a batch is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Before Kafka 0.11.
    #[error("a batch of version {0}, where version 2 is read")]
    Version(u8),
    /// We do not ask for it, and a topic's own setting can make a broker do it.
    #[error("a compressed batch, which is not read here")]
    Compressed,
    /// More records than bytes, or fewer than none.
    #[error("a batch with an impossible number of records")]
    Records,
    /// More headers than fit into what is left of a record, or fewer than none.
    #[error("a record with an impossible number of headers")]
    Headers,
    /// An offset or a time that no number holds.
    #[error("a record with an impossible offset or time")]
    Range,
    /// A record that ends before its own parts do.
    #[error("a record that is cut off")]
    Cut,
}

/// Whether what the batch at the front says of itself could be.
pub(super) fn check(bytes: &[u8]) -> Result<(), Unreadable> {
    let length = bytes.get(LENGTH).and_then(|length| Some(u32::from_be_bytes(length.try_into().ok()?)));
    let end = length.and_then(|length| usize::try_from(length).ok()?.checked_add(LENGTH.end));
    let batch = end.and_then(|end| bytes.get(..end)).ok_or(Unreadable::Cut)?;
    match batch.get(MAGIC) {
        Some(2) => {}
        Some(version) => return Err(Unreadable::Version(*version)),
        None => return Err(Unreadable::Cut),
    }
    if batch.get(ATTRIBUTES).is_some_and(|attributes| attributes & 7 != 0) {
        return Err(Unreadable::Compressed);
    }
    let base =
        |place| batch.get(place).and_then(|base: &[u8]| Some(i64::from_be_bytes(base.try_into().ok()?)));
    let (offset, time) = base(OFFSET).zip(base(TIME)).ok_or(Unreadable::Cut)?;
    let count = batch.get(COUNT).and_then(|count| Some(i32::from_be_bytes(count.try_into().ok()?)));
    let mut rest = Rest(batch.get(COUNT.end..).ok_or(Unreadable::Cut)?);
    let count = count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= rest.0.len());
    for _ in 0..count.ok_or(Unreadable::Records)? {
        let length = rest.length()?.ok_or(Unreadable::Cut)?;
        record(Rest(rest.take(length)?), offset, time)?;
    }
    Ok(())
}

/// One record of a batch whose first has that offset and time.
fn record(mut rest: Rest<'_>, offset: i64, time: i64) -> Result<(), Unreadable> {
    rest.take(1)?; // attributes
    time.checked_add(rest.varint()?).ok_or(Unreadable::Range)?;
    let later = i32::try_from(rest.varint()?).map_err(|_| Unreadable::Range)?;
    offset.checked_add(later.into()).ok_or(Unreadable::Range)?;
    for _key_and_value in 0..2 {
        if let Some(length) = rest.length()? {
            rest.take(length)?;
        }
    }
    let headers = usize::try_from(rest.varint()?).map_err(|_| Unreadable::Headers)?;
    if headers > rest.0.len() / HEADER { Err(Unreadable::Headers) } else { Ok(()) }
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable::Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A length; −1, which is none, and less stand for nothing.
    fn length(&mut self) -> Result<Option<usize>, Unreadable> {
        Ok(usize::try_from(self.varint()?).ok())
    }

    /// Seven bits a byte, the lowest first, the sign in the lowest of all.
    fn varint(&mut self) -> Result<i64, Unreadable> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(Unreadable::Cut)
    }
}
