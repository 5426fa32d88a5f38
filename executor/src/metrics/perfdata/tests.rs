#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use expect_test::expect;
use proptest::prelude::*;

use super::*;

/// Of an OpenJDK 17.0.15 that ran ZooKeeper with 32 MiB of heap, by collector.
const G1: &[u8] = include_bytes!("java-17-g1.bin");
const SERIAL: &[u8] = include_bytes!("java-17-serial.bin");

#[test]
fn a_real_jvm_with_each_collector() {
    expect![[r#"
        Jvm {
            heap_used: Some(
                8618920,
            ),
            heap_committed: Some(
                33554464,
            ),
            old_used: Some(
                6558720,
            ),
            metaspace_used: Some(
                5817280,
            ),
            gc_pauses: Some(
                3,
            ),
            gc_pause_ms: Some(
                9,
            ),
            gc_full: Some(
                0,
            ),
            safepoint_ms: Some(
                10,
            ),
            threads: Some(
                14,
            ),
            classes: Some(
                2096,
            ),
        }
    "#]]
    .assert_debug_eq(&parse(G1).unwrap());
    let serial = parse(SERIAL).unwrap();
    assert_eq!(serial.heap_used, Some(8_912_896 + 1_114_112 + 3_649_472));
    assert_eq!(serial.old_used, Some(3_649_472));
    assert_eq!((serial.gc_pauses, serial.gc_pause_ms, serial.gc_full), (Some(1), Some(9), Some(0)));
}

#[test]
fn what_is_none_is_refused_with_its_reason() {
    let with = |at: usize, byte: u8| {
        let mut bytes = G1.to_vec();
        bytes[at] = byte;
        parse(&bytes)
    };
    assert_eq!(parse(b""), Err(Unreadable::Foreign));
    assert_eq!(with(0, 0), Err(Unreadable::Foreign));
    assert_eq!(with(5, 3), Err(Unreadable::Version(3)));
    assert_eq!(with(7, 0), Err(Unreadable::NotYet));
    assert_eq!(parse(&G1[..20]), Err(Unreadable::Malformed));
    assert_eq!(parse(&G1[..G1.len() / 2]), Err(Unreadable::Malformed));
    assert_eq!(with(32, 0), Err(Unreadable::Malformed), "an entry shorter than its header");
    assert_eq!(with(31, 0x7f), Err(Unreadable::Malformed), "more entries than bytes");
}

/// The other byte order: one entry by hand.
#[test]
fn a_big_endian_one() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([0, 2, 0, 1]);
    bytes.extend([0; 16]);
    bytes.extend(32_i32.to_be_bytes());
    bytes.extend(1_i32.to_be_bytes());
    let name = b"java.threads.live\0\0\0";
    for int in [48_i32, 20, 0] {
        bytes.extend(int.to_be_bytes());
    }
    bytes.extend([LONG, 0, 1, 3]);
    bytes.extend(40_i32.to_be_bytes());
    bytes.extend(name);
    bytes.extend(61_i64.to_be_bytes());
    assert_eq!(parse(&bytes), Ok(Jvm { threads: Some(61), ..Jvm::default() }));
}

#[test]
fn the_option_that_hides_them_is_named() {
    for (options, expect) in [
        (&["-Xmx1M"][..], None),
        (&["-XX:-UsePerfData"], Some("-XX:-UsePerfData")),
        (&["-XX:-UsePerfData", "-XX:+UsePerfData"], None),
        (&["-XX:+PerfDisableSharedMem", "-XX:+UsePerfData"], Some("-XX:+PerfDisableSharedMem")),
    ] {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        assert_eq!(hidden_by(&options), expect);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A real one with some bytes changed, cut anywhere.
    #[test]
    fn changed_bytes(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = SERIAL.to_vec();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        let _ = parse(&bytes);
    }

    /// Anything at all behind a good prologue.
    #[test]
    fn any_bytes(order in 0..2_u8, noise in prop::collection::vec(any::<u8>(), 0..512)) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([order, 2, 0, 1]);
        bytes.extend(noise);
        let _ = parse(&bytes);
    }
}
