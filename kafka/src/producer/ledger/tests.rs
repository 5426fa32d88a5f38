//! The ledger against brokers that store what they should, whatever goes wrong in between.

use proptest::prelude::*;

use super::*;

fn error(kind: ResponseError) -> Option<KafkaError> {
    KafkaError::from_code(kind.code(), None)
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn fresh(leaders: &[u32]) -> Ledger {
    Ledger::new((0..).zip(leaders.iter().copied().map(Some)), 100)
}

/// One of which every partition has stored something.
fn ledger(leaders: &[u32]) -> Ledger {
    let mut ledger = fresh(leaders);
    ledger.partitions.iter_mut().for_each(|partition| partition.begun = true);
    ledger
}

/// A real broker that knew nothing of the producer took the second batch, smaller than the first, which it refused.
#[test]
fn the_first_batch_goes_alone() {
    let mut ledger = fresh(&[1, 1]);
    let first = ledger.next(at(0), 1000).unwrap().batch;
    assert_eq!(ledger.next(at(0), 1000).unwrap().batch.partition, 1);
    assert_eq!(ledger.next(at(0), 1000), None);
    assert_eq!(ledger.answered(1, first, error(ResponseError::MessageTooLarge), at(1)).unwrap(), None);
    let half = ledger.next(at(1), 1000).unwrap().batch;
    assert_eq!((half.partition, half.sequence, half.records), (0, 0, 50));
    assert_eq!(ledger.next(at(1), 1000), None);
    ledger.answered(1, half, None, at(2)).unwrap();
    let rest: Vec<_> =
        std::iter::from_fn(|| ledger.next(at(2), 1000)).map(|send| send.batch.sequence).collect();
    assert_eq!(rest[..2], [50, 100]);
}

#[test]
fn partitions_take_turns_within_their_windows() {
    let mut ledger = ledger(&[7, 8, 7]);
    let sent: Vec<_> = std::iter::from_fn(|| ledger.next(at(0), 1000)).collect();
    // Five for each leader, a whole batch each.
    let to = |leader| sent.iter().filter(|send| send.leader == leader).count();
    assert_eq!((to(7), to(8), sent.len()), (WINDOW, WINDOW, 2 * WINDOW));
    let first: Vec<u32> = sent.iter().take(4).map(|send| send.batch.partition).collect();
    assert_eq!(first, [0, 1, 2, 0]);
    assert!(sent.iter().all(|send| send.batch.records == 100 && !send.again));
    assert_eq!(ledger.unanswered(), 1000);
    let stored = ledger.answered(8, sent[1].batch, None, at(1)).unwrap();
    assert_eq!(stored, Some(sent[1].batch));
    let next = ledger.next(at(1), 30).unwrap();
    assert_eq!((next.leader, next.batch.partition, next.batch.records), (8, 1, 30));
    assert_eq!(next.batch.sequence, 500);
    assert_eq!(ledger.next(at(1), 1000), None);
}

#[test]
fn what_failed_goes_again_in_its_order_to_the_new_leader() {
    let mut ledger = ledger(&[1]);
    let sent: Vec<Batch> = (0..3).map(|_| ledger.next(at(0), 100).unwrap().batch).collect();
    assert_eq!(ledger.answered(1, sent[0], error(ResponseError::NotLeaderOrFollower), at(5)).unwrap(), None);
    assert!(ledger.is_stale());
    ledger.led(&BTreeMap::from([(0, Some(2))]));
    assert!(!ledger.is_stale());
    // Two are on their way still; a broker that is the leader again may find the first missing.
    assert_eq!(ledger.next(at(500), 100), None);
    assert_eq!(
        ledger.answered(1, sent[1], error(ResponseError::OutOfOrderSequenceNumber), at(6)).unwrap(),
        None
    );
    assert_eq!(ledger.answered(1, sent[2], error(ResponseError::NotLeaderOrFollower), at(7)).unwrap(), None);
    assert_eq!(ledger.next(at(100), 100), None, "too early");
    assert_eq!(ledger.wakes(), Some(at(107)));
    for batch in &sent {
        assert_eq!(ledger.next(at(107), 100), Some(Send { leader: 2, batch: *batch, again: true }));
    }
    assert_eq!(ledger.retries(), 3);
    // Stored before, and acknowledged only now.
    let twice = ledger.answered(2, sent[0], error(ResponseError::DuplicateSequenceNumber), at(110)).unwrap();
    assert_eq!(twice, Some(sent[0]));
}

#[test]
fn some_errors_end_it() {
    for kind in [ResponseError::TopicAuthorizationFailed, ResponseError::OutOfOrderSequenceNumber] {
        let mut ledger = ledger(&[1]);
        let batch = ledger.next(at(0), 1).unwrap().batch;
        let Fatal(fatal) = ledger.answered(1, batch, error(kind), at(1)).unwrap_err();
        assert!(fatal.is(kind));
        assert_eq!(ledger.unanswered(), 1);
    }
}

#[test]
fn batches_too_large_for_the_topic_are_halved() {
    let mut ledger = ledger(&[1]);
    let sent: Vec<Batch> = (0..2).map(|_| ledger.next(at(0), 100).unwrap().batch).collect();
    for batch in sent {
        assert_eq!(ledger.answered(1, batch, error(ResponseError::MessageTooLarge), at(1)).unwrap(), None);
    }
    let again: Vec<_> = std::iter::from_fn(|| ledger.next(at(1), 0)).map(|send| send.batch).collect();
    let cut: Vec<_> = again.iter().map(|batch| (batch.sequence, batch.records)).collect();
    assert_eq!(cut, [(0, 50), (50, 50), (100, 50), (150, 50)]);
    // One record that is too large stays so.
    let mut ledger = Ledger::new([(0, Some(1))], 1);
    let batch = ledger.next(at(0), 9).unwrap().batch;
    assert!(ledger.answered(1, batch, error(ResponseError::MessageTooLarge), at(1)).is_err());
}

/// A partition's log as a broker keeps it: it takes the next sequence, knows what it has, refuses what is beyond.
#[derive(Default)]
struct Log {
    records: i32,
}

impl Log {
    fn append(&mut self, batch: Batch) -> Option<KafkaError> {
        let end = batch.sequence + i32::from(batch.records);
        if batch.sequence == self.records {
            self.records = end;
            None
        } else if end <= self.records {
            error(ResponseError::DuplicateSequenceNumber)
        } else {
            error(ResponseError::OutOfOrderSequenceNumber)
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Refused, and not stored.
    Refused,
    /// Stored, and answered with an error that may pass.
    StoredAndRefused,
    /// The connection breaks before the request, or the answer, arrives.
    Broken {
        stored: bool,
    },
    /// Another broker leads from now on.
    Moved,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        1 => Just(Fault::Refused),
        1 => Just(Fault::StoredAndRefused),
        1 => any::<bool>().prop_map(|stored| Fault::Broken { stored }),
        1 => Just(Fault::Moved),
    ]
}

proptest! {
    /// Whatever fails, and in whatever order leaders answer: every record is stored once, in order, and what is said
    /// to be stored is.
    #[test]
    fn each_record_is_stored_once(
        faults in prop::collection::vec((fault(), 0_usize..6), 0..120),
        total in 1_u64..4_000,
    ) {
        let mut ledger = fresh(&[0, 1, 2, 0]);
        let mut leaders: BTreeMap<u32, Option<u32>> = BTreeMap::from([0, 1, 2, 0].map(Some).map({
            let mut number = 0..;
            move |leader| (number.next().unwrap(), leader)
        }));
        let mut logs: Vec<Log> = (0..4).map(|_| Log::default()).collect();
        let mut wires: BTreeMap<u32, VecDeque<Batch>> = BTreeMap::new();
        let (mut made, mut stored, mut clock) = (0_u64, 0_u64, 0_u64);
        let mut faults = faults.into_iter();
        while stored < total {
            clock += 40;
            prop_assert!(clock < 4_000_000, "it makes no progress");
            if ledger.is_stale() {
                ledger.led(&leaders);
            }
            while let Some(send) = ledger.next(at(clock), total - made) {
                made += if send.again { 0 } else { u64::from(send.batch.records) };
                wires.entry(send.leader).or_default().push_back(send.batch);
            }
            let (fault, pick) = faults.next().unwrap_or((Fault::None, 0));
            let busy: Vec<u32> = wires.iter().filter(|(_, wire)| !wire.is_empty()).map(|(id, _)| *id).collect();
            let Some(leader) = busy.get(pick % busy.len().max(1)).copied() else { continue };
            let wire = wires.get_mut(&leader).unwrap();
            prop_assert!(wire.len() <= WINDOW);
            let batch = wire.pop_front().unwrap();
            let log = &mut logs[batch.partition as usize];
            let leads = leaders[&batch.partition] == Some(leader);
            let answer = match fault {
                Fault::Broken { stored } => {
                    if stored && leads {
                        log.append(batch);
                    }
                    wire.clear();
                    ledger.lost(leader, at(clock));
                    continue;
                }
                _ if !leads => error(ResponseError::NotLeaderOrFollower),
                Fault::None => log.append(batch),
                Fault::Refused => error(ResponseError::NotEnoughReplicas),
                Fault::StoredAndRefused => {
                    log.append(batch).or_else(|| error(ResponseError::NotEnoughReplicasAfterAppend))
                }
                Fault::Moved => {
                    leaders.insert(batch.partition, Some((leader + 1) % 3));
                    error(ResponseError::NotLeaderOrFollower)
                }
            };
            let done = ledger.answered(leader, batch, answer, at(clock));
            if let Some(done) = done.map_err(|fatal| TestCaseError::fail(format!("{fatal:?}")))? {
                stored += u64::from(done.records);
                prop_assert!(done.sequence + i32::from(done.records) <= logs[done.partition as usize].records);
            }
        }
        prop_assert!(ledger.is_settled());
        prop_assert_eq!(logs.iter().map(|log| u64::from(log.records.unsigned_abs())).sum::<u64>(), total);
    }
}
