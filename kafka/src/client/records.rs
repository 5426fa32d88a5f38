//! Produce and Fetch of single records, to and from a partition that the broker asked leads.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    indexmap::IndexMap,
    messages::{
        BrokerId, FetchRequest, ProduceRequest,
        fetch_request::{FetchPartition, FetchTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    records::{
        Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record,
        RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, RecordSet, TimestampType,
    },
};

use super::{BoxedError, Connection, Error, call::Call, topics::wire_name};
use crate::{error::KafkaError, topic::TopicName};

mod bound;

/// The leader alone has written the record; nobody else is waited for.
const ACKS_LEADER: i16 = 1;
/// Kafka's number for a reader that is no broker.
const CONSUMER: BrokerId = BrokerId(-1);
/// Most bytes taken by one fetch; Kafka sends the first batch whole, whatever its size.
const FETCH_BYTES: i32 = 64 << 10;

/// What a partition's leader gave from an offset on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The first offset that not all in-sync replicas have; what is there and beyond is not given out yet.
    pub high_watermark: i64,
    /// The values of the records there are, with their offsets.
    pub values: Vec<(i64, Option<Bytes>)>,
}

impl Connection {
    /// Appends a record to a partition that this broker leads, on its own disk alone (acks = 1). Gives its offset.
    /// `now`: in milliseconds since 1970.
    ///
    /// # Errors
    /// Kafka's refusal ([`Error::Refused`]), or no answer of use.
    pub async fn produce(
        &mut self,
        topic: &TopicName,
        partition: u32,
        value: Bytes,
        now: i64,
    ) -> Result<i64, Error> {
        let mut records = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut records, [&record(value, now)], &options)
            .map_err(|source| self.codec(ProduceRequest::NAME, 0, source))?;
        let data = PartitionProduceData::default()
            .with_index(partition.cast_signed())
            .with_records(Some(records.freeze()));
        let topic = TopicProduceData::default().with_name(wire_name(topic)).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(ACKS_LEADER)
            .with_timeout_ms(millis(self.timeout))
            .with_topic_data(vec![topic]);
        let response = self.call(|_| request).await?;
        let result = response.responses.first().and_then(|topic| topic.partition_responses.first());
        let Some(result) = result else { return Err(self.unnamed(ProduceRequest::NAME)) };
        match KafkaError::from_code(result.error_code, result.error_message.as_ref()) {
            Some(error) => Err(self.refused(ProduceRequest::NAME, error)),
            None => Ok(result.base_offset),
        }
    }

    /// Reads a partition that this broker leads from `offset` on, as a consumer does; waits at most `patience` for a
    /// first record.
    ///
    /// # Errors
    /// Kafka's refusal ([`Error::Refused`]), or no answer of use.
    pub async fn fetch(
        &mut self,
        topic: &TopicName,
        partition: u32,
        offset: i64,
        patience: Duration,
    ) -> Result<Fetched, Error> {
        let wanted = FetchPartition::default()
            .with_partition(partition.cast_signed())
            .with_fetch_offset(offset)
            .with_partition_max_bytes(FETCH_BYTES);
        let topic = FetchTopic::default().with_topic(wire_name(topic)).with_partitions(vec![wanted]);
        let request = FetchRequest::default()
            .with_replica_id(CONSUMER)
            .with_max_wait_ms(millis(patience))
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES)
            // No session: the next fetch stands for itself.
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let response = self.call(|_| request).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, None) {
            return Err(self.refused(FetchRequest::NAME, error));
        }
        let result = response.responses.first().and_then(|topic| topic.partitions.first());
        let Some(result) = result else { return Err(self.unnamed(FetchRequest::NAME)) };
        if let Some(error) = KafkaError::from_code(result.error_code, None) {
            return Err(self.refused(FetchRequest::NAME, error));
        }
        let values = self.values(result.records.clone().unwrap_or_default(), offset)?;
        Ok(Fetched { high_watermark: result.high_watermark, values })
    }

    /// The records of an answer; batches begin before the offset asked for, and the last may be cut off.
    fn values(&self, mut bytes: Bytes, offset: i64) -> Result<Vec<(i64, Option<Bytes>)>, Error> {
        let mut values = Vec::new();
        while whole(&bytes) {
            let batch = decode(&mut bytes).map_err(|source| self.codec(FetchRequest::NAME, 0, source))?;
            let records = batch.records.into_iter().filter(|record| record.offset >= offset);
            values.extend(records.map(|record| (record.offset, record.value)));
        }
        Ok(values)
    }

    fn unnamed(&self, call: &'static str) -> Error {
        let source = "the answer names no partition".into();
        Error::Codec { address: self.address.clone(), call, version: 0, source }
    }
}

/// Whether a whole batch stands at the front: offset (8 bytes), length (4), then as much.
fn whole(bytes: &Bytes) -> bool {
    let length = bytes.get(8..12).and_then(|length| Some(u32::from_be_bytes(length.try_into().ok()?)));
    length.is_some_and(|length| bytes.len() as u64 >= 12 + u64::from(length))
}

/// The batch at the front, its checksum held against its bytes. The codec makes room for as many records, and for as many
/// headers of each, as it is told of before it reads the first: no more than could be in the bytes.
fn decode(bytes: &mut Bytes) -> Result<RecordSet, BoxedError> {
    bound::check(bytes)?;
    Ok(RecordBatchDecoder::decode(bytes)?)
}

/// Entry point for a fuzzer: whatever a broker sends as records, reading ends. A fuzzer guesses no checksum, so the same
/// bytes are read again as one batch whose length and checksum are right.
pub fn fuzz(bytes: &[u8]) {
    for mut bytes in [Bytes::copy_from_slice(bytes), sealed(bytes)] {
        while whole(&bytes) && decode(&mut bytes).is_ok() {}
    }
}

/// The bytes as one batch of version 2 that is whole.
fn sealed(bytes: &[u8]) -> Bytes {
    let mut batch = bytes.to_vec();
    batch.resize(bytes.len().max(61), 0);
    let length = u32::try_from(batch.len() - 12).unwrap_or(u32::MAX);
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    let checksum = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    batch.into()
}

fn record(value: Bytes, now: i64) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: NO_SEQUENCE,
        timestamp: now,
        key: None,
        value: Some(value),
        headers: IndexMap::new(),
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch(value: &'static [u8]) -> Bytes {
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut bytes, [&record(Bytes::from_static(value), 1)], &options).unwrap();
        bytes.freeze()
    }

    #[test]
    fn a_batch_is_whole_or_not() {
        let batch = batch(b"x");
        assert!(whole(&batch));
        assert!(whole(&Bytes::from([&batch[..], b"more"].concat())));
        for cut in 0..batch.len() {
            assert!(!whole(&batch.slice(..cut)), "{cut} of {} bytes", batch.len());
        }
    }

    #[test]
    fn a_batch_of_more_records_than_bytes_is_refused() {
        for count in [-1, i32::MAX] {
            let mut bytes = batch(b"x").to_vec();
            bytes[57..61].copy_from_slice(&count.to_be_bytes());
            assert!(decode(&mut Bytes::from(bytes)).is_err(), "{count}");
        }
        assert_eq!(decode(&mut batch(b"x")).unwrap().records[0].value.as_deref(), Some(&b"x"[..]));
    }

    /// A batch of one record that says it has `count` headers and has none; its checksum is right.
    fn of_headers(count: u32) -> Bytes {
        let whole = batch(b"x");
        let (mut header, record) = (whole[..61].to_vec(), &whole[61..]);
        // The length of the record before, the number of its headers at the end: both a byte.
        let mut body = record[1..record.len() - 1].to_vec();
        let mut zigzag = count << 1;
        while zigzag >= 0x80 {
            body.push((zigzag & 0x7f) as u8 | 0x80);
            zigzag >>= 7;
        }
        body.push(zigzag as u8);
        let length = u8::try_from(body.len()).unwrap();
        assert!(length < 0x40);
        header.push(length << 1);
        header.extend(body);
        sealed(&header)
    }

    /// The codec would make room for all of them, gigabytes of it, before it reads the first.
    #[test]
    fn a_record_of_more_headers_than_bytes_is_refused() {
        assert_eq!(of_headers(0), batch(b"x"));
        for count in [1, 2, 1 << 20, i32::MAX.cast_unsigned()] {
            let error = decode(&mut of_headers(count)).unwrap_err().to_string();
            assert!(error.contains("impossible number of headers"), "{count}: {error}");
        }
    }

    /// The codec would add them up; found by libFuzzer.
    #[test]
    fn an_offset_or_a_time_beyond_all_numbers_is_refused() {
        // The second record of each says that it is one later than the first.
        let two =
            |at: i64| Record { offset: at, sequence: at.try_into().unwrap(), ..record(Bytes::new(), 1 + at) };
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut bytes, [&two(0), &two(1)], &options).unwrap();
        assert_eq!(decode(&mut sealed(&bytes)).unwrap().records.len(), 2);
        for place in [0..8, 27..35] {
            let mut bytes = bytes.to_vec();
            bytes[place.clone()].copy_from_slice(&i64::MAX.to_be_bytes());
            let error = decode(&mut sealed(&bytes)).unwrap_err().to_string();
            assert!(error.contains("impossible offset or time"), "{place:?}: {error}");
        }
    }

    /// What is well is read: headers, keys, no value, several records.
    #[test]
    fn a_batch_with_headers_is_read() {
        let headers = [("a", Some("1")), ("b", None), ("c", Some(""))];
        let full = |at: i64| Record {
            offset: at,
            sequence: at.try_into().unwrap(),
            key: Some(Bytes::from_static(b"key")),
            headers: headers.map(|(name, value)| (name.into(), value.map(Bytes::from))).into_iter().collect(),
            ..record(Bytes::from(vec![7; 300]), 1)
        };
        let records = [full(0), Record { value: None, ..full(1) }, full(2)];
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
        let read = decode(&mut bytes.freeze()).unwrap().records;
        assert_eq!(read.len(), 3);
        assert!(read.iter().all(|record| record.headers.len() == 3));
        assert_eq!((read[0].value.as_ref().unwrap().len(), &read[1].value), (300, &None));
    }

    proptest! {
        /// Whatever a broker sends as records is read or refused.
        #[test]
        fn changed_bytes(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = batch(b"some value").to_vec();
            // Beyond the batch's own header too, where the checksum would hide it.
            prop_assert_eq!(&sealed(&bytes)[..], &bytes[..]);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            for bytes in [bytes, noise] {
                fuzz(&bytes);
            }
        }
    }
}
