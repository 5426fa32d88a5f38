//! A record to the service's own topic and back: whether a broker does what it is there for.
//!
//! It is written to a partition that this broker leads, with acks = 1: that is its own part, the append to its own log.
//! What followers do with it is theirs, and must not end this broker; so a record that they do not have yet, which a
//! leader does not give out, is as good as read.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kafka::{
    client::{self, Connection, Metadata},
    error::KafkaError,
    topic::TopicName,
};

use super::Failure;

/// Longest the followers are waited for.
const FOLLOWERS: Duration = Duration::from_millis(500);

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Written, and read back.
    Read {
        /// Where.
        partition: u32,
    },
    /// Written; its followers do not have it yet.
    Written {
        /// Where.
        partition: u32,
    },
    /// This broker leads no partition: there is nothing to check.
    LeadsNone {
        /// Of this topic.
        topic: TopicName,
    },
    /// There is no such topic: there is nothing to check.
    NoTopic {
        /// This one.
        topic: TopicName,
    },
    /// We do not understand the answer, as where the topic's batches are compressed: we have none of Kafka's codecs.
    Unreadable {
        /// What the client says.
        error: String,
    },
    /// The topic's settings or rights do not let us: nothing was learnt of the broker.
    Refused {
        /// What Kafka says.
        error: KafkaError,
    },
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { partition } => write!(f, "a record went to partition {partition} and back"),
            Self::Written { partition } => {
                write!(f, "a record went to partition {partition}, its followers do not have it yet")
            }
            Self::LeadsNone { topic } => {
                write!(f, "it leads no partition of {topic}, so no record was written")
            }
            Self::NoTopic { topic } => write!(f, "there is no topic {topic}, so no record was written"),
            Self::Unreadable { error } => {
                write!(f, "whether a record went there and back cannot be said: {error}")
            }
            Self::Refused { error } => write!(f, "no record was written: {error}"),
        }
    }
}

/// Writes a record and reads it back, on a connection to `broker`.
pub(super) async fn look(
    connection: &mut Connection,
    broker: u32,
    topic: &TopicName,
    metadata: &Metadata,
    limit: Duration,
) -> Result<Record, Failure> {
    let Some(known) = metadata.topics.get(topic.as_str()).filter(|known| !known.partitions.is_empty()) else {
        return Ok(Record::NoTopic { topic: topic.clone() });
    };
    let led = known.partitions.iter().find(|(_, partition)| partition.leader == Some(broker));
    let Some((&partition, _)) = led else { return Ok(Record::LeadsNone { topic: topic.clone() }) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let value = format!("health check of broker {broker} at {now}").into_bytes();
    let place = Place { topic, partition, address: connection.address().to_owned(), limit };
    let offset = match connection.produce(topic, partition, value.clone().into(), now).await {
        Ok(offset) => offset,
        Err(error) => return place.judge("written to", error),
    };
    let fetched = match connection.fetch(topic, partition, offset, FOLLOWERS.min(limit / 4)).await {
        Ok(fetched) => fetched,
        Err(error) => return place.judge("read from", error),
    };
    let found = fetched.values.iter().any(|(at, found)| *at == offset && found.as_deref() == Some(&*value));
    if found {
        Ok(Record::Read { partition })
    } else if fetched.high_watermark <= offset {
        Ok(Record::Written { partition })
    } else {
        Err(Failure::Lost { topic: topic.clone(), partition, offset })
    }
}

/// Where a record goes, and how long that may take.
struct Place<'a> {
    topic: &'a TopicName,
    partition: u32,
    address: String,
    limit: Duration,
}

impl Place<'_> {
    /// Whose fault it is that a record did not get there and back.
    fn judge(self, doing: &'static str, error: client::Error) -> Result<Record, Failure> {
        let Self { topic, partition, address, limit } = self;
        let topic = topic.clone();
        match error {
            client::Error::Refused { source, .. } if is_elsewhere(&source) => Ok(Record::LeadsNone { topic }),
            client::Error::Refused { source, .. } if !is_the_brokers(&source) => {
                Ok(Record::Refused { error: source })
            }
            // The broker has answered; that we cannot read it is so with each of them, whichever is ended for it.
            client::Error::Codec { ref source, .. } => {
                Ok(Record::Unreadable { error: format!("{error}: {source}") })
            }
            client::Error::Version { .. } => Ok(Record::Unreadable { error: error.to_string() }),
            client::Error::Timeout { .. } => Err(Failure::Silent { address, after: limit }),
            other => Err(Failure::Record { topic, partition, doing, source: Box::new(other) }),
        }
    }
}

/// Whether leadership has moved on, or the topic has gone, since the metadata.
fn is_elsewhere(error: &KafkaError) -> bool {
    let moved = [
        "UNKNOWN_TOPIC_OR_PARTITION",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_OR_FOLLOWER",
        "OFFSET_OUT_OF_RANGE",
    ];
    moved.contains(&error.name.as_str())
}

/// Whether an error is of the broker and its disks, rather than of the topic's settings, rights or limits.
fn is_the_brokers(error: &KafkaError) -> bool {
    let own = ["UNKNOWN_SERVER_ERROR", "KAFKA_STORAGE_ERROR", "CORRUPT_MESSAGE", "REQUEST_TIMED_OUT"];
    own.contains(&error.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str) -> Result<Record, Failure> {
        let source = KafkaError { code: 1, name: name.to_owned(), message: None, retriable: false };
        judge(client::Error::Refused { address: "a:1".to_owned(), call: "Produce", source })
    }

    fn judge(error: client::Error) -> Result<Record, Failure> {
        let topic = "health".parse().unwrap();
        let place = Place { topic: &topic, partition: 0, address: "a:1".to_owned(), limit: Duration::ZERO };
        place.judge("written to", error)
    }

    /// What a broker's disk refuses counts against it; what the topic's settings or a new leader do, does not.
    #[test]
    fn whose_fault_it_is() {
        for name in ["KAFKA_STORAGE_ERROR", "UNKNOWN_SERVER_ERROR", "REQUEST_TIMED_OUT"] {
            let failure = judged(name).unwrap_err();
            let text = format!(
                "a record cannot be written to partition 0 of health, which the broker leads: \
                 a:1 refused Produce: {name}"
            );
            assert_eq!((failure.reason(), failure.excuse()), (text, None));
        }
        for name in ["NOT_LEADER_OR_FOLLOWER", "UNKNOWN_TOPIC_OR_PARTITION"] {
            assert!(matches!(judged(name), Ok(Record::LeadsNone { .. })), "{name}");
        }
        for name in ["TOPIC_AUTHORIZATION_FAILED", "INVALID_RECORD", "MESSAGE_TOO_LARGE"] {
            assert!(matches!(judged(name), Ok(Record::Refused { .. })), "{name}");
        }
    }

    /// D29: `compression.type=zstd` of the cluster is the same for all brokers, and ends none.
    #[test]
    fn what_we_cannot_read_is_not_the_brokers_fault() {
        let source = "Support for zstd is not enabled as a cargo feature".into();
        let error = client::Error::Codec { address: "a:1".to_owned(), call: "Fetch", version: 0, source };
        let record = judge(error).unwrap();
        assert!(matches!(record, Record::Unreadable { .. }), "{record:?}");
        assert!(record.to_string().contains("zstd is not enabled"), "{record}");
        let theirs = "versions 20 to 30".to_owned();
        let error = client::Error::Version {
            address: "a:1".to_owned(),
            call: "Fetch",
            ours: (4, 12),
            theirs,
            since: "Kafka 0.11",
        };
        assert!(matches!(judge(error), Ok(Record::Unreadable { .. })));
    }
}
