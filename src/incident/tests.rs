#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use api::{
    ids::{BrokerId, TaskId},
    incident::{Cause, End},
};
use uuid::Uuid;

use super::*;

fn incident(id: u128, lines: usize, whole: bool) -> Incident {
    Incident {
        asked: None,
        at: 1000 + id as u64,
        broker: BrokerId(0),
        cause: Cause::Killed,
        config_id: None,
        crash: None,
        disks: Vec::new(),
        end: End::Signal(9),
        generation: 0,
        id: Uuid::from_u128(id),
        memory: None,
        stderr: Vec::new(),
        stdout: vec!["x".repeat(500); lines],
        summary: "the JVM was ended by SIGKILL".to_owned(),
        task: TaskId { broker: BrokerId(0), uuid: Uuid::nil() },
        uptime_ms: 5,
        whole,
    }
}

fn ids(incidents: &Incidents) -> Vec<u128> {
    incidents.iter().map(|incident| incident.id.as_u128()).collect()
}

// D45: told twice, short and whole, in any order.
#[test]
fn the_whole_one_stays() {
    for order in [[false, true, false, true], [true, false, true, false]] {
        let mut incidents = Incidents::default();
        for whole in order {
            incidents.add(incident(7, if whole { 10 } else { 0 }, whole));
        }
        let kept: Vec<_> = incidents.iter().map(|kept| (kept.whole, kept.stdout.len())).collect();
        assert_eq!(kept, [(true, 10)]);
    }
}

// D45
#[test]
fn the_last_twenty_are_kept_in_their_order() {
    let mut incidents = Incidents::default();
    for id in (0..30).rev().chain(0..30) {
        incidents.add(incident(id, 0, true));
    }
    assert_eq!(ids(&incidents), (10..30).collect::<Vec<_>>());
    assert_eq!(incidents.iter().count(), KEPT);
}

#[test]
fn the_oldest_lose_their_logs_where_all_are_too_much() {
    let mut incidents = Incidents::default();
    for id in 0..20 {
        incidents.add(incident(id, 200, true));
    }
    let whole: Vec<_> = incidents.iter().map(|kept| kept.whole).collect();
    assert!(!whole[0] && whole[19], "{whole:?}");
    assert!(whole.is_sorted(), "no newer one is shortened before an older: {whole:?}");
    let bytes: usize = incidents.iter().map(|kept| kept.size()).sum();
    assert!(bytes <= BYTES, "{bytes}");
    assert_eq!(incidents.iter().count(), 20);
    let again = incidents.clone();
    assert!(!incidents.add(incident(19, 200, true)), "nothing new");
    assert_eq!(incidents, again);
}
