#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use proptest::prelude::*;

use super::*;

fn texts(chunk: &str, style: Style, rest: Rest) -> (Vec<(&str, u32)>, usize) {
    let mut records = Records::new(chunk.as_bytes(), style, rest);
    let found =
        records.by_ref().map(|record| (std::str::from_utf8(record.text).unwrap(), record.lines)).collect();
    (found, records.at())
}

// Issue 4: severity from the log4j level, time from the line.
#[test]
fn heads() {
    for (line, severity, text, program) in [
        (
            "[2026-11-25 20:46:53,123] INFO started (kafka.server.KafkaServer)",
            Some(Severity::Informational),
            "started (kafka.server.KafkaServer)",
            false,
        ),
        ("[2026-11-25 20:46:53,123] WARN  two blanks", Some(Severity::Warning), " two blanks", false),
        ("[2026-11-25 20:46:53,123] FATAL x", Some(Severity::Critical), "x", false),
        ("[2026-11-25 20:46:53,123] TRACE x", Some(Severity::Debug), "x", false),
        ("[2026-11-25 20:46:53,123] [Controller 1] text", None, "[Controller 1] text", false),
        (
            "[2026-11-25T20:46:53.123+0000][gc,start    ] GC(0) Pause",
            None,
            "[gc,start    ] GC(0) Pause",
            false,
        ),
        ("[2026-11-25T20:46:53.123+0000][warning][gc] x", Some(Severity::Warning), "[warning][gc] x", false),
        (
            "2026-11-23T06:10:00.123456Z  INFO executor::shell: SIGTERM",
            Some(Severity::Informational),
            "executor::shell: SIGTERM",
            true,
        ),
        ("2026-11-23T06:10:00.123456Z ERROR executor: no", Some(Severity::Error), "executor: no", true),
    ] {
        let head = Head::parse(line.as_bytes()).unwrap();
        assert_eq!((head.severity, &line[head.text..], head.program), (severity, text, program), "{line}");
    }
    for line in [
        "",
        "[",
        "[2026]",
        "[Controller 1]",
        "\tat x",
        "2026-11-23T06:10:00Z text",
        "2026-11-23 06:10:00 INFO x",
        "[2026-11-25 20:46:53,123 INFO",
    ] {
        assert_eq!(Head::parse(line.as_bytes()), None, "{line}");
    }
}

const TRACE: &str = "[2026-11-25 20:46:53,123] ERROR Exiting (kafka.Kafka$)\n\
    java.net.BindException: Address already in use\n\tat java.base/x\n\n\t... 12 more\nCaused by: y\n";

// Issue 4: stack traces are one message.
#[test]
fn stack_traces_are_one_message() {
    let next = "[2026-11-25 20:46:54,000] INFO bye (b)\n";
    let chunk = format!("{TRACE}{next}");
    let (found, at) = texts(&chunk, Style::Log, Rest::Coming);
    assert_eq!(found, [(TRACE.trim_end(), 6)], "the last one may go on");
    assert_eq!(at, TRACE.len());
    let (found, at) = texts(&chunk, Style::Log, Rest::Quiet);
    assert_eq!(found, [(TRACE.trim_end(), 6), (next.trim_end(), 1)]);
    assert_eq!(at, chunk.len());
}

#[test]
fn what_has_no_time_is_no_part_of_another() {
    let chunk = "one\ntwo\n\ttab\nthree\r\n[2026-11-25 20:46:54,000] INFO x\nfour\n";
    let (found, _) = texts(chunk, Style::Log, Rest::Quiet);
    assert_eq!(
        found,
        [("one", 1), ("two\n\ttab", 2), ("three", 1), ("[2026-11-25 20:46:54,000] INFO x\nfour", 2)]
    );
}

#[test]
fn on_stderr_only_what_looks_like_a_trace_goes_on() {
    let chunk = "2026-11-23T06:10:00.123456Z  INFO executor: up\nOpenJDK warning: x\n\
                 Exception in thread \"main\" E\n\tat x\nCaused by: F\nlast\n";
    let (found, _) = texts(chunk, Style::Errors, Rest::Quiet);
    let lines: Vec<_> = found.iter().map(|(_, lines)| *lines).collect();
    assert_eq!(lines, [1, 1, 3, 1]);
}

#[test]
fn a_begun_line_waits_for_its_end() {
    let whole = "[2026-11-25 20:46:54,000] INFO x\n";
    for begun in ["[2026-11-25 20:4", "\tat", "x", "[2026-11-25 20:46:54,000] INFO it goes on and on"] {
        let chunk = format!("{whole}{begun}");
        assert_eq!(
            texts(&chunk, Style::Log, Rest::Quiet),
            (vec![(whole.trim_end(), 1)], whole.len()),
            "{begun}"
        );
    }
    assert_eq!(texts("begun", Style::Log, Rest::Quiet), (vec![], 0));
    assert_eq!(texts("begun", Style::Log, Rest::Nothing), (vec![("begun", 1)], 5));
    assert_eq!(texts("", Style::Log, Rest::Nothing), (vec![], 0));
    assert_eq!(texts("\n", Style::Log, Rest::Nothing), (vec![("", 1)], 1));
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"[2026-11-25 20:46:53,123] INFO text (logger)\n".to_vec()),
        Just(b"2026-11-23T06:10:00.123456Z  WARN executor: text\n".to_vec()),
        Just(b"\tat some.where\n".to_vec()),
        Just(b"Caused by: something\n".to_vec()),
        Just(b"\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(|mut bytes| {
            bytes.push(b'\n');
            bytes
        }),
    ]
}

proptest! {
    // Nothing is lost or doubled, in whatever pieces a file is read.
    #[test]
    fn pieces_do_not_matter(
        lines in proptest::collection::vec(line(), 0..30),
        seed in any::<u8>(),
    ) {
        let file = lines.concat();
        fuzz(&[&[seed], &file[..]].concat());
        // And where nothing ends the last line.
        fuzz(&[&[seed], &file[..file.len().saturating_sub(1)]].concat());
    }
}
