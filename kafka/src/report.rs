//! Partitions as Kafka's `kafka-topics.sh --describe` prints them, and which of them it reports (S-110…S-112).

use std::{collections::BTreeSet, fmt};

use crate::{client::Moving, topic::TopicPartition};

/// What is wrong with the partitions of a report, by the options of `kafka-topics.sh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// `--under-replicated-partitions`: some replica is not in sync.
    UnderReplicated,
    /// `--unavailable-partitions`: nobody leads it.
    Unavailable,
}

/// Which brokers may lead a partition although they are not in sync (KIP-966); `None` where Kafka keeps no such record.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Eligible {
    /// They have all that was acknowledged.
    pub elr: Option<Vec<u32>>,
    /// They were the last in sync.
    pub last_known: Option<Vec<u32>>,
}

/// One partition as its line has it, brokers in Kafka's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which one.
    pub id: TopicPartition,
    /// Who leads it.
    pub leader: Option<u32>,
    /// Who should have it.
    pub replicas: Vec<u32>,
    /// Who has all of it.
    pub isr: Vec<u32>,
    /// Replicas that come and go while it is reassigned (KIP-455).
    pub moving: Option<Moving>,
    /// From Kafka 3.8 on the tool prints this too.
    pub eligible: Option<Eligible>,
}

impl Line {
    /// Whether it belongs into the report, with these brokers alive. Replicas being added count as missing for nobody.
    pub fn is_in(&self, report: Report, live: &BTreeSet<u32>) -> bool {
        match report {
            Report::UnderReplicated => {
                let adding = self.moving.as_ref().map_or(0, |moving| moving.adding.len());
                self.replicas.len().saturating_sub(adding) > self.isr.len()
            }
            Report::Unavailable => !self.leader.is_some_and(|leader| live.contains(&leader)),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicPartition { topic, number } = &self.id;
        write!(f, "\tTopic: {topic}\tPartition: {number}\tLeader: ")?;
        match self.leader {
            Some(leader) => write!(f, "{leader}")?,
            None => f.write_str("none")?,
        }
        write!(f, "\tReplicas: {}\tIsr: {}", listed(&self.replicas), listed(&self.isr))?;
        if let Some(Moving { adding, removing, .. }) = &self.moving {
            write!(f, "\tAdding Replicas: {}\tRemoving Replicas: {}", listed(adding), listed(removing))?;
        }
        if let Some(Eligible { elr, last_known }) = &self.eligible {
            let shown = |brokers: &Option<Vec<u32>>| brokers.as_deref().map_or("N/A".to_owned(), listed);
            write!(f, "\tElr: {}\tLastKnownElr: {}", shown(elr), shown(last_known))?;
        }
        Ok(())
    }
}

fn listed(brokers: &[u32]) -> String {
    brokers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(leader: Option<u32>, replicas: &[u32], isr: &[u32]) -> Line {
        Line {
            id: TopicPartition { topic: "orders".parse().unwrap(), number: 7 },
            leader,
            replicas: replicas.to_vec(),
            isr: isr.to_vec(),
            moving: None,
            eligible: None,
        }
    }

    /// S-112
    #[test]
    fn as_the_tool_prints_it() {
        let plain = line(Some(2), &[2, 0, 1], &[1, 2]);
        assert_eq!(plain.to_string(), "\tTopic: orders\tPartition: 7\tLeader: 2\tReplicas: 2,0,1\tIsr: 1,2");
        let moving = Moving { replicas: vec![0, 3], adding: vec![3], removing: vec![] };
        let eligible = Eligible { elr: Some(vec![]), last_known: None };
        let whole = Line { moving: Some(moving), eligible: Some(eligible), ..line(None, &[0], &[]) };
        assert_eq!(
            whole.to_string(),
            "\tTopic: orders\tPartition: 7\tLeader: none\tReplicas: 0\tIsr: \tAdding Replicas: 3\tRemoving Replicas: \
             \tElr: \tLastKnownElr: N/A"
        );
    }

    /// S-110, S-111
    #[test]
    fn who_is_reported() {
        let live = BTreeSet::from([0, 1]);
        let check = |line: &Line, under, unavailable| {
            assert_eq!(line.is_in(Report::UnderReplicated, &live), under, "{line}");
            assert_eq!(line.is_in(Report::Unavailable, &live), unavailable, "{line}");
        };
        check(&line(Some(0), &[0, 1], &[1, 0]), false, false);
        check(&line(Some(0), &[0, 1], &[0]), true, false);
        check(&line(None, &[0, 1], &[0]), true, true);
        check(&line(Some(2), &[2], &[2]), false, true);
        let adding = Some(Moving { replicas: vec![0, 1, 3], adding: vec![3], removing: vec![] });
        check(&Line { moving: adding.clone(), ..line(Some(0), &[0, 1, 3], &[0, 1]) }, false, false);
        check(&Line { moving: adding, ..line(Some(0), &[0, 1, 3], &[0]) }, true, false);
    }
}
