//! `topic elect-leaders`

use api::rest::{LeaderElection, reassignment::PartitionName};
use clap::Args;

use super::{Mistakes, one_topic};

/// `topic elect-leaders …`
#[derive(Debug, Args)]
pub(crate) struct ElectLeaders {
    /// The topics; one where --partition is given
    #[arg(value_name = "TOPIC", required_unless_present = "all")]
    topics: Vec<String>,
    /// Only this partition of the topic; may be repeated
    #[arg(long, value_name = "NUMBER")]
    partition: Vec<u32>,
    /// Every partition of every topic
    #[arg(long, conflicts_with_all = ["topics", "partition"])]
    all: bool,
}

impl ElectLeaders {
    /// What is asked for.
    pub(crate) fn election(&self) -> Result<LeaderElection, Mistakes> {
        let mut mistakes = Mistakes::default();
        if !self.partition.is_empty() {
            one_topic(&self.topics, &mut mistakes);
        }
        mistakes.none(match self.topics.as_slice() {
            _ if self.all => LeaderElection::default(),
            [topic] if !self.partition.is_empty() => {
                let name = |partition: &u32| PartitionName { partition: *partition, topic: topic.clone() };
                LeaderElection { partitions: Some(self.partition.iter().map(name).collect()), topics: None }
            }
            topics => LeaderElection { partitions: None, topics: Some(topics.to_vec()) },
        })
    }
}
