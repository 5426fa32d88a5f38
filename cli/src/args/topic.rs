//! `topic …`

use std::str::FromStr;

use clap::Subcommand;

/// `topic …`
#[derive(Debug, Subcommand)]
pub(crate) enum Topic {
    /// List all topics, Kafka's internal ones included
    List,
    /// Show the leader and the in-sync replicas of every partition
    Describe {
        /// The topic
        #[arg(value_name = "TOPIC")]
        name: String,
    },
    /// Create a topic
    ///
    /// What is not given the scheduler decides: 1 partition, and 3 replicas or as many as there are live brokers.
    #[command(after_long_help = "Example:\n  dcos-kafka topic create orders --partitions=3 --replication=3")]
    Create {
        /// The topic: up to 249 ASCII letters, digits, '.', '_' and '-'
        #[arg(value_name = "TOPIC")]
        name: String,
        /// How many partitions
        #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
        partitions: Option<u32>,
        /// How many replicas of each partition
        #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
        replication: Option<u16>,
    },
    /// Show an offset of every partition: of its first record, its last, or the first one since a time
    #[command(after_long_help = "Examples:\n  dcos-kafka topic offsets orders --time=first\n  \
                                 dcos-kafka topic offsets orders --time=1764104090500")]
    Offsets {
        /// The topic
        #[arg(value_name = "TOPIC")]
        name: String,
        /// 'first', 'last' (where the next record goes), or milliseconds since 1970 [default: last]
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        time: Option<Time>,
    },
    /// Give a topic more partitions
    ///
    /// Records with a key that are written from then on may go to another partition than those before.
    #[command(after_long_help = "Example:\n  dcos-kafka topic partitions orders 6")]
    Partitions {
        /// The topic
        #[arg(value_name = "TOPIC")]
        name: String,
        /// How many it is to have in all
        #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
        count: u32,
    },
    /// Delete a topic with all its records
    ///
    /// Refused where Kafka's setting delete.topic.enable is false.
    Delete {
        /// The topic
        #[arg(value_name = "TOPIC")]
        name: String,
    },
    /// Measure how fast a topic takes records of 1 KiB, at most 100 000 a second
    ///
    /// The records stay in the topic. Prints what kafka-producer-perf-test.sh prints at its end; on a terminal also how
    /// far it is. Ctrl-C stops the test and says what was sent; it goes on where only the connection breaks.
    #[command(
        name = "producer_test",
        alias = "producer-test",
        after_long_help = "Example:\n  dcos-kafka topic producer_test orders 1000000"
    )]
    ProducerTest {
        /// The topic
        #[arg(value_name = "TOPIC")]
        name: String,
        /// How many records to send, 10 000 000 at most
        #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
        messages: u64,
    },
    /// Show the partitions that lack an in-sync replica, as kafka-topics.sh does
    #[command(name = "under_replicated_partitions", alias = "under-replicated-partitions")]
    UnderReplicatedPartitions,
    /// Show the partitions that have no leader, as kafka-topics.sh does
    #[command(name = "unavailable_partitions", alias = "unavailable-partitions")]
    UnavailablePartitions,
}

/// Which offset; kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) String);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = matches!(text, "first" | "last" | "-1" | "-2");
        // Kafka counts in 64 bits, from 0.
        let moment = text.parse::<i64>().is_ok_and(|time| time >= 0);
        if known || moment {
            Ok(Self(text.to_owned()))
        } else {
            Err("'first' (or -2), 'last' (or -1) or milliseconds since 1970 are expected".to_owned())
        }
    }
}
