//! `topic reassign`

use api::rest::{Reassignment, reassignment::Wish};
use clap::Args;

use super::{Following, Mistakes, ids, one_topic, pair};

/// `topic reassign <topic>… …`
#[derive(Debug, Args)]
pub(crate) struct Reassign {
    /// The topics; one where --partition is given
    #[arg(value_name = "TOPIC", required = true)]
    topics: Vec<String>,
    /// The brokers that are to hold the topics, such as 0,1,2 [default: all that run]
    #[arg(long, value_name = "IDS")]
    brokers: Option<String>,
    /// How many replicas each partition is to have [default: as many as it has]
    #[arg(short, long, value_name = "COUNT")]
    replication: Option<u16>,
    /// Instead: a partition of the topic and its brokers, the preferred leader first; may be repeated
    #[arg(long, value_name = "NUMBER=IDS", conflicts_with_all = ["brokers", "replication"])]
    partition: Vec<String>,
    /// How many bytes a second each broker may copy at most [default: no limit]; asked for once more with another number,
    /// what is on its way goes on within that
    #[arg(long, value_name = "BYTES")]
    throttle: Option<u64>,
    /// Only show what would be moved
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    pub(crate) following: Following,
}

impl Reassign {
    /// What is asked for.
    pub(crate) fn wish(&self) -> Result<Reassignment, Mistakes> {
        let mut mistakes = Mistakes::default();
        let brokers = self.brokers.as_ref().map(|text| ids("--brokers", text, &mut mistakes));
        let partitions = self.partition.iter().filter_map(|text| self.partition(text, &mut mistakes));
        let partitions: Vec<_> = partitions.collect();
        let exactly = !self.partition.is_empty();
        if exactly {
            one_topic(&self.topics, &mut mistakes);
        }
        mistakes.none(Reassignment {
            brokers,
            dry_run: self.dry_run,
            partitions: exactly.then_some(partitions),
            replication: self.replication,
            throttle_bytes_per_second: self.throttle,
            topics: (!exactly).then(|| self.topics.clone()),
        })
    }

    fn partition(&self, text: &str, mistakes: &mut Mistakes) -> Option<Wish> {
        let (number, brokers) = pair("--partition", text, "NUMBER=IDS", mistakes)?;
        let replicas = ids("--partition", brokers, mistakes);
        let Ok(partition) = number.parse() else {
            mistakes
                .say(format!("--partition is {text:?}; it begins with the number of a partition, as 0=1,2"));
            return None;
        };
        Some(Wish { partition, replicas, topic: self.topics.first()?.clone() })
    }
}

#[cfg(test)]
mod tests;
