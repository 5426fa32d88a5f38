//! `topic …`

use std::str::FromStr;

use clap::Subcommand;

use super::{Config, ElectLeaders, Following, Reassign};

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
    /// Show what a topic is set to, or change it
    ///
    /// Without --set and --delete every setting is shown, Kafka's defaults included, with where its value comes from.
    /// Settings that are not named stay as they are.
    #[command(after_long_help = "Examples:\n  dcos-kafka topic config orders --table\n  \
                                 dcos-kafka topic config orders --set=retention.ms=3600000 --delete=cleanup.policy")]
    Config(Config),
    /// Move topics to other brokers, spread evenly with the fewest copies, or single partitions exactly
    ///
    /// Prints what is begun, and returns; with --wait when all is copied, and the progress goes to stderr. Ctrl-C ends only
    /// the wait. What --throttle limits is the copying of each broker; the service removes that limit when all is copied.
    #[command(
        after_long_help = "Examples:\n  dcos-kafka topic reassign orders payments --brokers=1,2,3 --dry-run --table\n  \
                                 dcos-kafka topic reassign orders --replication=3 --throttle=10000000 --wait\n  \
                                 dcos-kafka topic reassign orders --partition=0=1,2 --partition=1=2,3"
    )]
    Reassign(Reassign),
    /// Show the partitions that are on their way to other brokers, and how far they have come
    #[command(after_long_help = "Examples:\n  dcos-kafka topic reassignments --table\n  \
                                 dcos-kafka topic reassignments --wait --within=600")]
    Reassignments(Following),
    /// Stop partitions that are on their way: each keeps the replicas it had
    ///
    /// Kafka may bring them back in another order, and so with another preferred leader.
    #[command(
        name = "cancel-reassignments",
        after_long_help = "Example:\n  dcos-kafka topic cancel-reassignments orders"
    )]
    CancelReassignments {
        /// The topic
        #[arg(value_name = "TOPIC", required_unless_present = "all")]
        name: Option<String>,
        /// Of every topic
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Let the preferred leaders lead again, as after a restart of their broker
    ///
    /// The preferred leader of a partition is its first replica; it is elected where it is in sync. Prints whose leader
    /// changed, and for whom there was none to elect: then the exit code is 1.
    #[command(
        name = "elect-leaders",
        after_long_help = "Examples:\n  dcos-kafka topic elect-leaders --all\n  \
                           dcos-kafka topic elect-leaders orders --partition=0 --partition=3"
    )]
    ElectLeaders(ElectLeaders),
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
