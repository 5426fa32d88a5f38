#![allow(clippy::unwrap_used)] // a failed unwrap is a failed test

use super::*;

fn stamp(text: &str) -> Stamp {
    Stamp::parse(text.as_bytes()).unwrap().0
}

fn shown(zones: &mut Zones, text: &str) -> String {
    let stamp = stamp(text);
    let offset =
        zones.offset(&stamp).map_or("Z".to_owned(), |offset| String::from_utf8(offset.to_vec()).unwrap());
    format!("{}{offset}", std::str::from_utf8(stamp.text()).unwrap())
}

#[test]
fn times_of_lines() {
    for (text, length, time, zone) in [
        ("2026-11-25 20:46:53,123] INFO", 23, "2026-11-25T20:46:53.123", Zone::Local),
        ("2026-11-25T20:46:53.123+0200][gc", 28, "2026-11-25T20:46:53.123", Zone::Fixed(*b"+02:00")),
        ("2026-11-25T20:46:53.123-05:30]", 29, "2026-11-25T20:46:53.123", Zone::Fixed(*b"-05:30")),
        ("2026-11-25T20:46:53.123456789Z  INFO", 30, "2026-11-25T20:46:53.123456", Zone::Utc),
        ("2026-11-25 20:46:53", 19, "2026-11-25T20:46:53", Zone::Local),
        ("2026-11-25 20:46:53, and on", 19, "2026-11-25T20:46:53", Zone::Local),
        ("2026-11-25 20:46:53+2", 19, "2026-11-25T20:46:53", Zone::Local),
    ] {
        let (stamp, used) = Stamp::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (used, std::str::from_utf8(stamp.text()).unwrap(), stamp.zone()),
            (length, time, zone),
            "{text}"
        );
    }
    for text in [
        "",
        "2026-11-25",
        "2026-13-25 20:46:53",
        "2026-11-25 24:46:53",
        "2026-11-25_20:46:53",
        "x026-11-25 20:46:53",
    ] {
        assert_eq!(Stamp::parse(text.as_bytes()), None, "{text}");
    }
}

// Issue 4: the time of a message is the line's.
#[test]
fn offsets_of_local_times() {
    let mut zones = Zones::new(TimeZone::get("Europe/Berlin").unwrap());
    assert_eq!(shown(&mut zones, "2026-01-15 12:00:00,5"), "2026-01-15T12:00:00.5+01:00");
    assert_eq!(shown(&mut zones, "2026-07-15 12:00:00"), "2026-07-15T12:00:00+02:00");
    assert_eq!(shown(&mut zones, "2026-07-15 12:00:00Z"), "2026-07-15T12:00:00Z");
    assert_eq!(shown(&mut zones, "2026-02-31 12:00:00"), "2026-02-31T12:00:00+01:00", "no such day");
    // Half past two comes twice on this day; which one it was, the clock says.
    for (now, offset) in [("2026-10-25T00:31:00Z", "+02:00"), ("2026-10-25T01:31:00Z", "+01:00")] {
        let mut zones = Zones::new(TimeZone::get("Europe/Berlin").unwrap());
        zones.set_now(now.parse().unwrap());
        assert_eq!(shown(&mut zones, "2026-10-25 02:30:00"), format!("2026-10-25T02:30:00{offset}"));
    }
}

#[test]
fn now_and_local() {
    let mut zones = Zones::new(TimeZone::get("Asia/Kolkata").unwrap());
    zones.set_now("2026-07-15T12:00:00.25Z".parse().unwrap());
    let now = zones.now();
    assert_eq!(now.text(), b"2026-07-15T17:30:00.250");
    assert_eq!(now.zone(), Zone::Fixed(*b"+05:30"));
    let mut local = |text| String::from_utf8(zones.local(&stamp(text)).0.to_vec()).unwrap();
    assert_eq!(local("2026-07-15 12:00:01"), "2026-07-15T12:00");
    assert_eq!(local("2026-07-15 12:00:01Z"), "2026-07-15T17:30");
    assert_eq!(local("2026-07-15 20:00:01-0100"), "2026-07-16T02:30");
}
