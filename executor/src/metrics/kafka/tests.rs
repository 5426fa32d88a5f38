#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use std::collections::{BTreeMap, BTreeSet};

use kafka::{client::TopicMetadata, snapshot::Partition};
use proptest::prelude::*;

use super::*;
use crate::metrics::catalog::Source;

/// Of a Jolokia 2.2.9 in a Kafka 3.9.2 that was sent 1 000 messages.
const ANSWER: &[u8] = include_bytes!("jolokia-2.2.9.json");

#[test]
fn everything_of_the_agent_s_is_asked_for() {
    let asked: BTreeSet<Metric> = READS.iter().map(|(metric, ..)| *metric).collect();
    let listed = Metric::ALL.iter().filter(|metric| metric.row().source == Source::Agent);
    let listed: BTreeSet<Metric> = listed.copied().filter(|metric| *metric != Metric::AgentUp).collect();
    assert_eq!(asked, listed);
    assert_eq!(READS.len(), asked.len(), "nothing is asked for twice");
    assert!(request().starts_with(r#"[{"attribute":"Count","mbean":"kafka.server:"#), "{}", request());
}

#[test]
fn a_real_answer() {
    let (mut gauges, mut counters) = (Gauges::default(), Counters::default());
    answer(ANSWER).unwrap().store(&mut gauges, &mut counters);
    assert_eq!(counters.total(Metric::MessagesIn), Some(1000));
    assert_eq!(counters.total(Metric::BytesIn), Some(10_890));
    assert_eq!(gauges.get(Metric::ReplicasLed), Some(1.0));
    assert_eq!(gauges.get(Metric::ControllerActive), Some(1.0));
    let idle = gauges.get(Metric::HandlerIdle).unwrap();
    assert!((0.5..=1.0).contains(&idle), "{idle}");
    for (metric, ..) in READS {
        let known = counters.total(metric).is_some() || gauges.get(metric).is_some();
        assert!(known, "{} is not in the answer", metric.row().name);
    }
}

#[test]
fn what_is_not_there_is_none() {
    let mut answers: Vec<Value> = serde_json::from_slice(ANSWER).unwrap();
    answers[0] = json!({"status": 404, "error_type": "javax.management.InstanceNotFoundException"});
    answers[1] = json!({"status": 200, "value": "NaN"});
    answers[2] = json!({"status": 200, "value": -3});
    let (mut gauges, mut counters) = (Gauges::default(), Counters::default());
    answer(Value::Array(answers).to_string().as_bytes()).unwrap().store(&mut gauges, &mut counters);
    assert_eq!(counters.total(Metric::MessagesIn), None);
    assert_eq!(counters.total(Metric::BytesIn), None);
    assert_eq!(counters.total(Metric::BytesOut), None);
    assert_eq!(counters.total(Metric::BytesRejected), Some(0));
}

#[test]
fn a_foreign_answer_is_refused_with_its_reason() {
    let said = |bytes: &[u8]| answer(bytes).unwrap_err().to_string();
    assert!(said(b"<html>").starts_with("the metrics agent's answer is not a Jolokia one: expected value"));
    assert!(said(br#"{"status": 403}"#).contains("invalid type: map"));
    assert_eq!(said(b"[{}]"), "the metrics agent gave 1 answers to 29 questions");
}

#[test]
fn partitions_of_this_broker() {
    let partition = |replicas: &[u32], isr: &[u32], leader| Partition {
        replicas: replicas.to_vec(),
        isr: isr.iter().copied().collect(),
        leader,
        ..Partition::default()
    };
    let partitions = [
        partition(&[1, 2], &[1, 2], Some(1)),
        partition(&[1, 2], &[1], Some(1)),
        partition(&[2, 1], &[2], Some(2)),
        partition(&[1], &[], None),
        partition(&[2, 3], &[2], Some(2)),
    ];
    let topic = TopicMetadata { error: None, internal: false, partitions: (0..).zip(partitions).collect() };
    let metadata = Metadata {
        cluster_id: None,
        controller: None,
        brokers: BTreeMap::new(),
        topics: [("t".to_owned(), topic)].into(),
    };
    let expect = Partitions { hosted: 4, led: 2, under_replicated: 1, offline: 1 };
    assert_eq!(Partitions::of(1, &metadata), expect);
    assert_eq!(Partitions::of(9, &metadata), Partitions::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A real answer with some bytes changed, cut anywhere, and no answer at all.
    #[test]
    fn any_bytes(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..128),
    ) {
        let mut bytes = ANSWER.to_vec();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        for bytes in [bytes, noise, vec![b'['; 4096]] {
            if let Ok(answer) = answer(&bytes) {
                let (mut gauges, mut counters) = (Gauges::default(), Counters::default());
                answer.store(&mut gauges, &mut counters);
                prop_assert!(Metric::ALL.iter().all(|metric| gauges.get(*metric).is_none_or(f64::is_finite)));
            }
        }
    }
}
