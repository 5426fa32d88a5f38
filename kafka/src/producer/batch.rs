//! Record batches: encoded once, then stamped for each use, so that no record costs more than its bytes.
//!
//! The payload is that of Kafka's `ProducerPerformance`: letters A to Z from a seeded generator, each record of a batch
//! its own. Where that makes new letters for each record it sends, here every batch has the same: a topic that
//! compresses does so batch by batch and cannot tell.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    indexmap::IndexMap,
    records::{
        Compression, NO_PARTITION_LEADER_EPOCH, Record, RecordBatchEncoder, RecordEncodeOptions,
        TimestampType,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Length of a batch's head; its records follow.
pub(crate) const HEAD: usize = 61;
/// What the checksum covers begins here.
const CHECKED: usize = 21;

/// Who produces, by which brokers know a batch that is sent twice (idempotence, KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Given out by the cluster.
    pub id: i64,
    /// Counts how often that producer began anew.
    pub epoch: i16,
}

/// What makes a batch this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) producer: Identity,
    /// Number of its first record in its partition, of this producer.
    pub(crate) sequence: i32,
    /// How many records.
    pub(crate) records: u16,
    /// When, in milliseconds since 1970.
    pub(crate) created: i64,
}

/// A full batch, from whose front any smaller one can be cut.
#[derive(Debug)]
pub(crate) struct Template {
    /// Without its head.
    records: Bytes,
    /// Where each record ends.
    ends: Vec<usize>,
}

impl Template {
    /// Of `most` records with `size` bytes of value each.
    pub(crate) fn new(most: u16, size: usize) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut letters = StdRng::seed_from_u64(0);
        let records: Vec<Record> = (0..most)
            .map(|number| {
                let value: Vec<u8> = (0..size).map(|_| letters.random_range(b'A'..=b'Z')).collect();
                record(number, value.into())
            })
            .collect();
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut bytes, &records, &options)?;
        let records = bytes.freeze().split_off(HEAD);
        let mut ends = Vec::with_capacity(most.into());
        let mut at = 0;
        while let Some((length, width)) = varint(&records[at..]) {
            at += width + length;
            ends.push(at);
        }
        if ends.len() != usize::from(most) || at != records.len() {
            return Err("the codec has not written the records as one batch".into());
        }
        Ok(Self { records, ends })
    }

    /// The batch of this `stamp`: its head, to be written before its records.
    pub(crate) fn stamped(&self, stamp: Stamp) -> (BytesMut, Bytes) {
        let count = usize::from(stamp.records).clamp(1, self.ends.len());
        let records = self.records.slice(..self.ends[count - 1]);
        let mut head = BytesMut::with_capacity(HEAD);
        head.put_i64(0); // the broker gives offsets
        head.put_u32((HEAD - 12 + records.len()) as u32);
        head.put_i32(NO_PARTITION_LEADER_EPOCH);
        head.put_i8(2);
        head.put_u32(0); // the checksum
        head.put_i16(0); // no compression, times of creation, no transaction
        head.put_u32(count as u32 - 1);
        head.put_i64(stamp.created);
        head.put_i64(stamp.created);
        head.put_i64(stamp.producer.id);
        head.put_i16(stamp.producer.epoch);
        head.put_i32(stamp.sequence);
        head.put_u32(count as u32);
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&head[CHECKED..]), &records);
        head[CHECKED - 4..CHECKED].copy_from_slice(&checksum.to_be_bytes());
        (head, records)
    }
}

fn record(number: u16, value: Bytes) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: 0,
        producer_epoch: 0,
        timestamp_type: TimestampType::Creation,
        offset: number.into(),
        sequence: number.into(),
        timestamp: 0,
        key: None,
        value: Some(value),
        headers: IndexMap::new(),
    }
}

/// A length as records have it before them (zigzag), and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0_u64;
    for (width, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * width);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(number >> 1).ok()?, width + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::RecordBatchDecoder;

    use super::*;

    /// The codec's own decoder, which checks the checksum, reads every size back as it was meant.
    #[test]
    fn every_cut_is_a_whole_batch() {
        let template = Template::new(200, 1024).unwrap();
        let mut seen = Vec::new();
        for records in (1..=200).step_by(7).chain([64, 65, 128, 129, 200]) {
            let producer = Identity { id: 4711, epoch: 3 };
            let stamp = Stamp { producer, sequence: 77, records, created: 1_700_000_000_123 };
            let (mut bytes, body) = template.stamped(stamp);
            bytes.extend_from_slice(&body);
            let batch = RecordBatchDecoder::decode(&mut bytes.freeze()).unwrap();
            assert_eq!(batch.records.len(), usize::from(records));
            for (number, record) in (0..).zip(&batch.records) {
                assert_eq!((record.offset, record.sequence), (i64::from(number), 77 + number));
                assert_eq!((record.producer_id, record.producer_epoch), (4711, 3));
                assert_eq!(record.timestamp, 1_700_000_000_123);
                let value = record.value.as_ref().unwrap();
                assert!(value.len() == 1024 && value.iter().all(u8::is_ascii_uppercase), "{value:?}");
                assert!(record.key.is_none() && record.headers.is_empty());
            }
            seen = batch.records;
        }
        let values: std::collections::BTreeSet<_> = seen.iter().map(|record| record.value.clone()).collect();
        assert_eq!(values.len(), 200, "each record has letters of its own");
    }
}
