//! DescribeLogDirs: what a broker keeps on its disks. Each broker knows only its own.

use kafka_protocol::messages::DescribeLogDirsRequest;

use super::{Connection, Error, call::Call, reassignments::named};
use crate::{error::KafkaError, topic::TopicPartition};

/// One of a broker's `log.dirs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDir {
    /// Its path on the broker's host.
    pub path: String,
    /// Why the broker can't use it, such as `KAFKA_STORAGE_ERROR`.
    pub error: Option<KafkaError>,
    /// Size of the volume it is on, in bytes; told since Kafka 3.3.
    pub total: Option<u64>,
    /// Free bytes of that volume; told since Kafka 3.3.
    pub usable: Option<u64>,
    /// Its replicas.
    pub replicas: Vec<Replica>,
}

/// A replica on a broker's disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Of which partition.
    pub partition: TopicPartition,
    /// Bytes of its segments.
    pub size: u64,
    /// How many records it is behind: of the partition's high watermark, or a future one of its present log.
    pub lag: u64,
    /// It is being copied here from another directory of the same broker, and not in use yet.
    pub future: bool,
}

impl Connection {
    /// All directories of this broker, with all replicas.
    ///
    /// # Errors
    /// No answer of use, or the broker's refusal of the whole.
    pub async fn log_dirs(&mut self) -> Result<Vec<LogDir>, Error> {
        let response = self.call(|_| DescribeLogDirsRequest::default().with_topics(None)).await?;
        if let Some(error) = KafkaError::from_code(response.error_code, None) {
            return Err(self.refused(DescribeLogDirsRequest::NAME, error));
        }
        let dirs = response.results.iter().map(|dir| {
            let replicas = dir.topics.iter().flat_map(|topic| {
                topic.partitions.iter().filter_map(|replica| {
                    Some(Replica {
                        partition: named(&topic.name.0, replica.partition_index)?,
                        size: u64::try_from(replica.partition_size).unwrap_or(0),
                        lag: u64::try_from(replica.offset_lag).unwrap_or(0),
                        future: replica.is_future_key,
                    })
                })
            });
            LogDir {
                path: dir.log_dir.to_string(),
                error: KafkaError::from_code(dir.error_code, None),
                // −1 is unknown.
                total: u64::try_from(dir.total_bytes).ok(),
                usable: u64::try_from(dir.usable_bytes).ok(),
                replicas: replicas.collect(),
            }
        });
        Ok(dirs.collect())
    }
}
