//! What rsyslogd understands.

use std::fs;

use serde_json::Value;
use syslog::{Format, Style};

use crate::{
    PATIENCE, append, follow, options,
    server::{Rsyslogd, Way},
    wait_for,
};

const TRACE: &str = "Exiting Kafka due to fatal exception (kafka.Kafka$)\n\
    java.net.BindException: Address already in use\n\tat java.base/sun.nio.ch.Net.bind0(Native Method)";

/// As rsyslogd shows control characters.
fn shown(text: &str) -> String {
    text.replace('\n', "#012").replace('\t', "#011")
}

fn text<'a>(message: &'a Value, field: &str) -> &'a str {
    message[field].as_str().unwrap()
}

/// All ways and formats: severity, time, structured data and text, as rsyslogd wrote them.
fn arrives(way: Way, format: Format) {
    let server = Rsyslogd::started(way);
    let path = server.path("stdout");
    let long = "é0123456789".repeat(2_000);
    append(
        &path,
        &format!(
            "[2026-07-25 20:46:53,123] INFO started \"é\" (kafka.server.KafkaServer)\n\
             [2026-07-25 20:46:54,000] FATAL {TRACE}\n\
             [2026-07-25T20:46:55.500+0200][gc,start] GC(0) Pause\n\
             [2026-07-25 20:46:56,000] WARN {long}\n"
        ),
    );
    let authorities = server.authorities();
    let shipper =
        follow(options(server.target(), format, authorities.as_deref(), 1 << 20), &path, Style::Log);
    let is_whole = |messages: &[Value]| {
        messages.iter().skip(3).map(|message| text(message, "text").matches('é').count()).sum::<usize>()
            == 2_000
    };
    let messages = wait_for("all parts", || Some(server.messages()).filter(|messages| is_whole(messages)));
    let summary = shipper.finish(PATIENCE);
    assert_eq!(summary.dropped, 0);
    assert_eq!(server.messages().len(), messages.len(), "each goes once");

    // local3 is 19.
    let expected = [
        ("158", "2026-07-25T20:46:53.123", "started \"é\" (kafka.server.KafkaServer)".to_owned()),
        ("154", "2026-07-25T20:46:54", shown(TRACE)),
        ("158", "2026-07-25T20:46:55.500+02:00", "[gc,start] GC(0) Pause".to_owned()),
    ];
    let old = format == Format::Rfc3164 || way == Way::Unix;
    for (message, (priority, time, expect)) in messages.iter().zip(expected) {
        assert_eq!(text(message, "pri"), priority, "{message}");
        // Neither offset nor fraction are in the old format.
        let stamp = text(message, "time");
        if old {
            let offset = time.len() > 23;
            assert!(offset || stamp.get(5..19) == time.get(5..19), "{stamp} is not {time}");
            assert_eq!(text(message, "tag"), "kafka/stdout:", "{message}");
            assert_eq!(text(message, "text").trim_start(), expect);
        } else {
            assert!(stamp.starts_with(time), "{stamp} is not {time}");
            assert_eq!((text(message, "app"), text(message, "id")), ("kafka", "stdout"));
            assert_eq!(
                text(message, "data"),
                r#"[kafka@32473 framework="kafka" broker="1" task="broker-1__\"9\]\\" config="c7" stream="stdout"]"#
            );
            assert_eq!(text(message, "text"), expect);
        }
        if way != Way::Unix {
            let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
            assert_eq!(text(message, "host"), host.trim());
        }
    }
    // The long one: marked parts, that together are what it was.
    let parts = &messages[3..];
    let mut joined = String::new();
    for (index, part) in parts.iter().enumerate() {
        assert_eq!(text(part, "pri"), "156");
        let mark = if old {
            format!("[part {}/{}] ", index + 1, parts.len())
        } else {
            format!(" part=\"{}/{}\"]", index + 1, parts.len())
        };
        let piece = text(part, "text");
        if old {
            joined.push_str(piece.trim_start().strip_prefix(mark.as_str()).unwrap());
        } else {
            assert!(text(part, "data").ends_with(&mark), "{part}");
            joined.push_str(piece);
        }
    }
    assert!(parts.len() > 2 && joined == long, "{} parts", parts.len());
}

// S-009, D24, D44
#[test]
fn udp() {
    arrives(Way::Udp, Format::Rfc5424);
    arrives(Way::Udp, Format::Rfc3164);
}

// S-009, D24, D44
#[test]
fn tcp() {
    arrives(Way::Tcp, Format::Rfc5424);
    arrives(Way::Tcp, Format::Rfc3164);
}

// S-009, D24, D44
#[test]
fn tls() {
    arrives(Way::Tls, Format::Rfc5424);
}

// S-009, D24, D44: RFC 3164 whatever is asked for.
#[test]
fn unix() {
    arrives(Way::Unix, Format::Rfc5424);
}

// D24: the executor's own lines, among a JVM's errors.
#[test]
fn lines_of_the_executor() {
    let server = Rsyslogd::started(Way::Tcp);
    let path = server.path("stderr");
    append(
        &path,
        "2026-07-25T20:46:53.123456Z  WARN executor::shell: SIGTERM\nOpenJDK 64-Bit Server VM warning: x\n",
    );
    let shipper = follow(options(server.target(), Format::Rfc5424, None, 1 << 20), &path, Style::Errors);
    let messages = server.when(2);
    let fields = |message: &Value| {
        ["pri", "time", "app", "process", "text"].map(|field| text(message, field).to_owned())
    };
    let expect = ["156", "2026-07-25T20:46:53.123456Z", "kafka-executor", "77", "executor::shell: SIGTERM"];
    assert_eq!(fields(&messages[0]), expect.map(str::to_owned));
    assert_eq!((text(&messages[1], "app"), text(&messages[1], "process")), ("kafka", "-"));
    shipper.finish(PATIENCE);
}

// D24: a server that is not the one of its certificate, or has one of a stranger, gets nothing.
#[test]
fn a_stranger_gets_nothing() {
    let (server, stranger) = (Rsyslogd::started(Way::Tls), Rsyslogd::new(Way::Tls));
    let path = server.path("stdout");
    append(&path, "one line\n");
    let wrong = stranger.authorities();
    let mut wrongly = options(server.target(), Format::Rfc5424, wrong.as_deref(), 1 << 20);
    let shipper = follow(wrongly.clone(), &path, Style::Log);
    wait_for("two refusals", || (shipper.counters().errors() >= 2).then_some(()));
    // Its name is localhost, no address.
    let target = server.target().to_string().replace("localhost", "127.0.0.1");
    let authorities = server.authorities();
    wrongly = options(target.parse().unwrap(), Format::Rfc5424, authorities.as_deref(), 1 << 20);
    shipper.configure(wrongly);
    let before = shipper.counters().errors();
    wait_for("two more", || (shipper.counters().errors() >= before + 2).then_some(()));
    assert!(server.messages().is_empty());
    assert_eq!((shipper.counters().connections(), shipper.counters().shipped()), (0, 0));
    shipper.configure(options(server.target(), Format::Rfc5424, authorities.as_deref(), 1 << 20));
    assert_eq!(text(&server.when(1)[0], "text"), "one line");
    shipper.finish(PATIENCE);
}
