#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and has a clock")]

use std::{fs, io::Write as _};

use super::*;
use crate::{
    Facility, Format,
    encode::{Encoder, Framing},
    time::Zones,
};

fn encoder() -> Encoder {
    Encoder {
        format: Format::Rfc5424,
        framing: Framing::Counted,
        facility: Facility::DAEMON,
        longest: 8192,
        zones: Zones::new(jiff::tz::TimeZone::UTC),
    }
}

fn filled(spool: &mut Spool, last: bool) -> Batch {
    let (mut encoder, mut batch) = (encoder(), Batch::default());
    let mut reader = Reader { encoder: &mut encoder, now: Instant::now(), last, program: false, dropped: 0 };
    spool.fill(&mut batch, &mut reader).unwrap();
    batch
}

fn texts(batch: &Batch) -> String {
    String::from_utf8(batch.bytes.clone()).unwrap()
}

fn spool(text: &str) -> (tempfile::NamedTempFile, Spool) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let mut spool = Spool::new(None);
    spool.adopt(file.reopen().unwrap(), "stdout".to_owned(), Style::Log, 0, Instant::now());
    spool.refresh(Instant::now()).unwrap();
    (file, spool)
}

#[test]
fn a_line_longer_than_the_window_comes_in_pieces() {
    let (_file, mut spool) = spool(&format!("{}\nlast\n", "x".repeat(200_000)));
    let mut all = String::new();
    loop {
        let batch = filled(&mut spool, true);
        if batch.is_empty() {
            break;
        }
        all.push_str(&texts(&batch));
    }
    assert_eq!(all.matches('x').count(), 200_000);
    assert!(all.ends_with("] last"));
}

#[test]
fn what_is_sent_again_comes_before_what_is_missing() {
    let (_file, mut spool) = spool("a\nb\nc\nd\ne\n");
    let counters = Counters::default();
    spool.rewind(1_000_000);
    // Two of five are handed when the connection breaks.
    let mut batch = filled(&mut spool, false);
    let two = batch.bytes.windows(3).position(|three| three == b"] c").unwrap();
    let (mut handed, start) = (0, texts(&batch)[..two].rfind(" <30>").unwrap() - 2);
    batch.hand(start, |frame| {
        handed += 1;
        spool.handed(frame, &counters);
    });
    assert_eq!((handed, counters.shipped()), (2, 2));
    spool.rewind(1_000_000);
    // Room for one of the three that wait.
    assert_eq!(spool.waiting(), 6);
    assert_eq!(spool.drop_beyond(2, false).unwrap(), 2);
    assert_eq!(spool.unsent(false).unwrap(), 1);
    let batch = filled(&mut spool, true);
    let found: Vec<_> = texts(&batch).split("] ").skip(1).map(|text| text.chars().next().unwrap()).collect();
    assert_eq!(found, ['a', 'b', '2', 'e'], "{}", texts(&batch));
}

#[test]
fn an_emptied_file_is_begun_again() {
    let (mut file, mut spool) = spool("one\ntwo\n");
    assert!(texts(&filled(&mut spool, true)).ends_with("two"));
    file.as_file_mut().set_len(0).unwrap();
    spool.refresh(Instant::now()).unwrap();
    fs::OpenOptions::new().append(true).open(file.path()).unwrap().write_all(b"new\n").unwrap();
    spool.refresh(Instant::now()).unwrap();
    assert!(texts(&filled(&mut spool, true)).ends_with("] new"));
}

#[test]
fn notes_are_as_far_apart_as_what_may_be_lost() {
    let (_file, mut spool) = spool(&"line\n".repeat(100_000));
    spool.rewind(100_000);
    let counters = Counters::default();
    let mut sent = 0;
    while sent < 3_000_000 {
        let mut batch = filled(&mut spool, true);
        let total = batch.bytes.len();
        batch.hand(total, |frame| spool.handed(frame, &counters));
        spool.settled(total as u64);
        sent += total;
    }
    let before = spool.sources[0].position;
    spool.rewind(100_000);
    let again = (before - spool.sources[0].position) / 5 * 60;
    assert!((100_000..400_000).contains(&again), "{again} bytes or so are sent again");
    assert!(spool.notes.len() == 1);
}

// D44: the disk gets back what is dropped while the server is away, also of a file without a name.
#[test]
fn an_outage_takes_no_more_disk_than_the_spool() {
    use std::os::unix::fs::MetadataExt as _;

    const LIMIT: u64 = 1 << 20;
    let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let mut spool = Spool::new(None);
    spool.adopt(file.try_clone().unwrap(), "log".to_owned(), Style::Program, 0, Instant::now());
    let mut dropped = 0;
    for _ in 0..8 {
        file.write_all(&b"line\n".repeat(200_000)).unwrap();
        spool.refresh(Instant::now()).unwrap();
        dropped += spool.drop_beyond(LIMIT, true).unwrap();
        spool.tidy(Some(LIMIT), true).unwrap();
        let taken = file.metadata().unwrap().blocks() * 512;
        assert!(taken <= LIMIT + 8 * 4096, "{taken} bytes of disk");
    }
    // The server is back: the notice, and all that is not dropped.
    let counters = Counters::default();
    loop {
        let mut batch = filled(&mut spool, true);
        if batch.is_empty() {
            break;
        }
        let total = batch.bytes.len();
        batch.hand(total, |frame| spool.handed(frame, &counters));
        spool.settled(total as u64);
    }
    assert!(dropped > 1_000_000);
    assert_eq!(counters.shipped() + dropped, 8 * 200_000);
    // Sent to its end, it is followed on.
    spool.tidy(Some(LIMIT), true).unwrap();
    file.write_all(b"last\n").unwrap();
    spool.refresh(Instant::now()).unwrap();
    assert!(texts(&filled(&mut spool, true)).ends_with("] last"));
}
