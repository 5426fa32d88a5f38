//! A partition's state as its controller writes it to `/brokers/topics/<t>/partitions/<p>/state`, and shown so by
//! `topic describe` (S-103); where there is no ZooKeeper, as brokers tell it (D43).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the controller last wrote. Field names and order are those of S-103.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// Which controller wrote it; of KRaft, the epoch of the active one.
    pub controller_epoch: i32,
    /// Replicas in sync, as Kafka orders them.
    pub isr: Vec<i32>,
    /// The leader's broker id, −1 without one.
    pub leader: i32,
    /// Grows with each new leader.
    pub leader_epoch: i32,
    /// Version of this record's form.
    pub version: i32,
}

/// A topic as Kafka keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    /// Partition to replicas, the preferred leader first.
    pub assignment: BTreeMap<u32, Vec<i32>>,
    /// Each partition's state. One just created has none until the controller has written it.
    pub states: BTreeMap<u32, PartitionState>,
}

/// Reads a partition's state.
///
/// # Errors
/// Where the bytes are not such a record.
pub fn parse_state(json: &[u8]) -> Result<PartitionState, serde_json::Error> {
    serde_json::from_slice(json)
}

/// Reads a topic's assignment, `/brokers/topics/<t>`: partition to replicas, the preferred leader first.
///
/// # Errors
/// Where the bytes are not such a record.
pub fn parse_assignment(json: &[u8]) -> Result<BTreeMap<u32, Vec<i32>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Record {
        partitions: BTreeMap<u32, Vec<i32>>,
    }
    Ok(serde_json::from_slice::<Record>(json)?.partitions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Kafka 3.9.2 wrote it.
    const STATE: &str = r#"{"controller_epoch":1,"leader":0,"version":1,"leader_epoch":0,"isr":[0,2]}"#;
    const ASSIGNMENT: &str = r#"{"partitions":{"0":[0,1],"10":[1,0]},"topic_id":"JxhAbzibRA61yikiTIdUlQ","adding_replicas":{},"removing_replicas":{},"version":3}"#;

    /// S-103
    #[test]
    fn a_state_is_shown_as_the_guide_shows_it() {
        let state = parse_state(STATE.as_bytes()).unwrap();
        assert_eq!(
            serde_json::to_string(&state).unwrap(),
            r#"{"controller_epoch":1,"isr":[0,2],"leader":0,"leader_epoch":0,"version":1}"#
        );
    }

    #[test]
    fn assignments_of_all_versions() {
        let expect = BTreeMap::from([(0, vec![0, 1]), (10, vec![1, 0])]);
        assert_eq!(parse_assignment(ASSIGNMENT.as_bytes()).unwrap(), expect);
        let old = r#"{"version":1,"partitions":{"10":[1,0],"0":[0,1]}}"#;
        assert_eq!(parse_assignment(old.as_bytes()).unwrap(), expect);
    }

    #[test]
    fn what_is_missing_is_said() {
        let error = parse_state(br#"{"leader":0}"#).unwrap_err().to_string();
        assert!(error.contains("controller_epoch"), "{error}");
        assert!(parse_assignment(br#"{"partitions":{"x":[0]}}"#).is_err());
        assert!(parse_state(b"").is_err());
    }

    proptest! {
        /// Records with some bytes changed: read or refused, and what is read is written and read back alike.
        #[test]
        fn changed_bytes(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
            let mut bytes = STATE.as_bytes().to_vec();
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Ok(state) = parse_state(&bytes) {
                prop_assert_eq!(parse_state(&serde_json::to_vec(&state).unwrap()).unwrap(), state);
            }
            let mut bytes = ASSIGNMENT.as_bytes().to_vec();
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let _ = parse_assignment(&bytes);
        }
    }
}
