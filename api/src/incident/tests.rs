use expect_test::expect;

use super::*;
use crate::rest::golden;

fn crash() -> Incident {
    Incident {
        id: Uuid::from_u128(5),
        broker: BrokerId(1),
        task: TaskId { broker: BrokerId(1), uuid: Uuid::from_u128(9) },
        at: 1_700_000_000_000,
        cause: Cause::JvmCrash,
        summary: "the JVM crashed".to_owned(),
        asked: None,
        end: End::Signal(6),
        uptime_ms: 61_000,
        config_id: Some(Uuid::from_u128(7)),
        generation: 3,
        memory: Some(Memory { oom_kills: 0, limit: Some(1 << 30) }),
        disks: vec![Disk { path: "data".to_owned(), free: 10, total: 100 }],
        crash: Some(CrashFile { name: "hs_err_pid4.log".to_owned(), head: vec!["# SIGSEGV".to_owned()] }),
        stdout: vec!["[2026-01-01] INFO started".to_owned()],
        stderr: vec!["Aborted".to_owned()],
        whole: true,
    }
}

// D45
#[test]
fn the_shape() {
    golden(
        &crash(),
        &expect![[
            r##"{"asked":null,"at":1700000000000,"broker":"1","cause":"jvm_crash","config_id":"00000000-0000-0000-0000-000000000007","crash":{"head":["# SIGSEGV"],"name":"hs_err_pid4.log"},"disks":[{"free":10,"path":"data","total":100}],"end":{"signal":6},"generation":3,"id":"00000000-0000-0000-0000-000000000005","memory":{"limit":1073741824,"oom_kills":0},"stderr":["Aborted"],"stdout":["[2026-01-01] INFO started"],"summary":"the JVM crashed","task":"broker-1__00000000-0000-0000-0000-000000000009","uptime_ms":61000,"whole":true}"##
        ]],
    );
}

// D45
#[test]
fn the_list() {
    let incident = Incident { crash: None, memory: None, disks: Vec::new(), config_id: None, ..crash() };
    golden(
        &crate::rest::IncidentList { incidents: vec![incident] },
        &expect![[
            r#"{"incidents":[{"asked":null,"at":1700000000000,"broker":"1","cause":"jvm_crash","config_id":null,"crash":null,"disks":[],"end":{"signal":6},"generation":3,"id":"00000000-0000-0000-0000-000000000005","memory":null,"stderr":["Aborted"],"stdout":["[2026-01-01] INFO started"],"summary":"the JVM crashed","task":"broker-1__00000000-0000-0000-0000-000000000009","uptime_ms":61000,"whole":true}]}"#
        ]],
    );
}

// What a later executor adds, or leaves out, does not cost the incident.
#[test]
fn an_incident_of_another_version_is_read() {
    let text = r#"{"id":"00000000-0000-0000-0000-000000000005","broker":"1","task":"broker-1__00000000-0000-0000-0000-000000000009",
        "at":1,"cause":"cosmic_rays","summary":"x","end":{"code":1},"uptime_ms":2,"whole":false,"colour":"red"}"#;
    let read: Incident = serde_json::from_str(text).unwrap();
    assert_eq!((read.cause, read.end, read.stdout.len()), (Cause::Unexplained, End::Code(1), 0));
}

#[test]
fn causes_are_told_apart_by_name() {
    let names: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    assert_eq!(names.len(), Cause::ALL.len());
    for cause in Cause::ALL {
        assert_eq!(cause.as_str().parse(), Ok(*cause));
    }
}

// D45: the newest lines stay, and what is left out is said.
#[test]
fn it_fits_where_it_must() {
    let long = |start: &str| (0..200).map(|n| format!("{start} {n} \"{}\"", "é\n".repeat(200))).collect();
    let mut incident = crash();
    (incident.stdout, incident.stderr) = (long("out"), long("err"));
    incident.crash.as_mut().unwrap().head = vec!["x".repeat(1000); 100];
    incident.summary = "é".repeat(5000);
    incident.asked = Some("y".repeat(5000));
    for limit in [WHOLE_LIMIT, SHORT_LIMIT] {
        let cut = incident.clone().within(limit);
        assert!(cut.size() <= limit, "{} > {limit}", cut.size());
        assert!(!cut.whole);
    }
    let whole = incident.clone().within(WHOLE_LIMIT);
    assert!(whole.stdout.last().unwrap().starts_with("out 199"));
    assert!(whole.stderr.last().unwrap().starts_with("err 199"));
    assert_eq!(crash().within(SHORT_LIMIT), crash(), "what fits is left as it is");
}
