#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use expect_test::expect;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn encoder(format: Format, framing: Framing, longest: usize) -> Encoder {
    let zones = Zones::new(TimeZone::get("Europe/Berlin").unwrap());
    Encoder { format, framing, facility: Facility::DAEMON, longest, zones }
}

fn label() -> Label {
    let data = [("framework", "kafka"), ("broker", "1"), ("task", "a\"b]c\\d"), ("stream", "stdout")];
    Label::new("host.example", "kafka", None, "stdout", &data)
}

fn encoded(encoder: &mut Encoder, label: &Label, text: &[u8]) -> Vec<Vec<u8>> {
    let (stamp, _) = Stamp::parse(b"2026-01-05 12:00:00,123").unwrap();
    let (mut out, mut ends) = (b"before".to_vec(), vec![6]);
    let message = Message { stamp, severity: Severity::Warning, label, text };
    encoder.encode(&mut out, &message, |end| ends.push(end));
    assert_eq!(ends.last(), Some(&out.len()));
    ends.windows(2).map(|pair| out[pair[0]..pair[1]].to_vec()).collect()
}

fn shown(format: Format, framing: Framing, longest: usize, label: &Label, text: &str) -> String {
    let frames = encoded(&mut encoder(format, framing, longest), label, text.as_bytes());
    frames.into_iter().map(|frame| String::from_utf8(frame).unwrap() + "\n").collect()
}

// D24, D44
#[test]
fn golden() {
    let text = "Caught \"é\" (kafka.X)";
    expect![[r#"
        <28>1 2026-01-05T12:00:00.123+01:00 host.example kafka - stdout [kafka@32473 framework="kafka" broker="1" task="a\"b\]c\\d" stream="stdout"] Caught "é" (kafka.X)
    "#]]
    .assert_eq(&shown(Format::Rfc5424, Framing::Datagram, 2048, &label(), text));
    expect![[r#"
        162 <28>1 2026-01-05T12:00:00.123+01:00 host.example kafka - stdout [kafka@32473 framework="kafka" broker="1" task="a\"b\]c\\d" stream="stdout"] Caught "é" (kafka.X)
    "#]]
    .assert_eq(&shown(Format::Rfc5424, Framing::Counted, 2048, &label(), text));
    expect![[r#"
        <28>Jan  5 12:00:00 host.example kafka/stdout: Caught "é" (kafka.X)
    "#]]
    .assert_eq(&shown(Format::Rfc3164, Framing::Datagram, 2048, &label(), text));
    expect![[r#"
        <28>Jan  5 12:00:00 kafka-executor[7]: text
    "#]]
    .assert_eq(&shown(
        Format::Rfc3164,
        Framing::Datagram,
        2048,
        &Label::new("host", "kafka-executor", Some(7), "log", &[]).local(),
        "text",
    ));
}

// Issue 4: over-long ones are split and marked.
#[test]
fn parts_are_marked() {
    let text = "0123456789".repeat(7);
    let label = Label::new("h", "a", None, "s", &[]);
    expect![[r#"
        <28>1 2026-01-05T12:00:00.123+01:00 h a - s [kafka@32473 part="1/2"] 012345678901234567890123456789012345678901
        <28>1 2026-01-05T12:00:00.123+01:00 h a - s [kafka@32473 part="2/2"] 2345678901234567890123456789
    "#]]
    .assert_eq(&shown(Format::Rfc5424, Framing::Datagram, 120, &label, &text));
    let lines = "0123456789012345678901234567890123\n".repeat(2);
    assert!(shown(Format::Rfc3164, Framing::Datagram, 90, &label, &lines).contains("[part 1/2] 0123"));
}

#[test]
fn fields_of_the_header_are_words() {
    assert_eq!(word("", 10), "-");
    assert_eq!(word("two words é", 10), "two_words_");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    // Whatever a log says: valid UTF-8, within the limit, counted right, and all of it in order.
    #[test]
    fn nothing_is_lost(
        text in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'x')], 0..2000),
        longest in any::<u8>(),
        old in any::<bool>(),
    ) {
        fuzz(&[&[u8::from(old), longest], &text[..]].concat());
    }
}
