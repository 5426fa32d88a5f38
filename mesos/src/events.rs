//! A stream of events as our clients ask for it: RecordIO framing, then one protobuf message a record.

use std::marker::PhantomData;

use prost::{Message, Name};

use crate::{DecodeError, protobuf, recordio};

/// Why a stream cannot be read further. Both ends of it should be closed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The framing is broken.
    #[error("the framing of the stream is broken")]
    Framing(#[from] recordio::Error),
    /// A record is no event.
    #[error("a record of the stream is no event")]
    Event(#[from] DecodeError),
}

/// Takes bytes of a stream as they come, gives events.
#[derive(Debug)]
pub struct Events<E> {
    records: recordio::Decoder,
    event: PhantomData<fn() -> E>,
}

impl<E: Message + Name + Default> Events<E> {
    /// A reader that refuses records longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { records: recordio::Decoder::new(limit), event: PhantomData }
    }

    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.records.push(bytes);
    }

    /// The next event, or nothing when more bytes are needed.
    ///
    /// # Errors
    /// When the framing is broken or a record does not decode.
    pub fn next_event(&mut self) -> Result<Option<E>, Error> {
        match self.records.next_record()? {
            Some(record) => Ok(Some(protobuf::decode(&record)?)),
            None => Ok(None),
        }
    }
}

/// An error with all its causes in one line, for reasons that are kept and shown later.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
