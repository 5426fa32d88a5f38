//! The illegal half of the table.

use super::*;

#[test]
fn one_task_only() {
    let foreign = || {
        Event::Launch(Box::new(Launch { task: "broker-2__x".to_owned(), contract: Ok(good()), grace: None }))
    };
    for state in ["preparing", "starting", "running", "restarting", "stopping", "done"] {
        let mut script = Script::at(state);
        script.on(launch());
        script.on(foreign());
        let expect = format!(
            "Warn(\"LAUNCH of {TASK}, which is here already: ignored\")\n\
             Failed: this executor has {TASK}: one executor runs one task, once\n"
        );
        assert_eq!((script.said.as_str(), script.supervisor.state()), (expect.as_str(), state));
    }
}

/// The illegal half: in each state every event that means nothing there says nothing and changes nothing.
#[test]
fn overtaken_events_change_nothing() {
    let events: Vec<(&str, Event)> = vec![
        ("Prepared", Event::Prepared(Ok(secs(18)))),
        ("Prepared", Event::Prepared(Err("x".to_owned()))),
        ("Registration", Event::Registration(Registered::Nobody)),
        ("Registration", other("x")),
        ("Spawned", Event::Spawned(Err("x".to_owned()))),
        ("Session", Event::Session(9)),
        ("Ready", Event::Ready(Ok(()))),
        ("Ready", Event::Ready(Err("x".to_owned()))),
        ("Checked", Event::Checked { healthy: false, message: "x".to_owned() }),
        ("Unhealthy", Event::Unhealthy { reason: "x".to_owned(), silent: true }),
        ("Unhealthy", Event::OutOfMemory("x".to_owned())),
        ("Exited", exited(How::Code(0))),
        ("Examined", examined()),
        ("Swept", Event::Swept { left: 0 }),
        ("Forgotten", Event::Forgotten),
        ("Acknowledged", Event::Acknowledged { task: "broker-2__x".to_owned() }),
        ("IncidentStored", Event::IncidentStored { id: uuid::Uuid::nil() }),
        ("Tick", Event::Tick),
    ];
    let legal = |state: &str, event: &str| match state {
        "preparing" => event == "Prepared",
        "starting" => matches!(event, "Ready" | "Checked" | "Unhealthy" | "Exited"),
        "running" => matches!(event, "Checked" | "Unhealthy" | "Exited"),
        "restarting" | "stopping" => event == "Exited",
        _ => false,
    };
    for state in ["idle", "preparing", "starting", "running", "restarting", "stopping", "done"] {
        for (name, event) in &events {
            if legal(state, name) {
                continue;
            }
            let mut script = Script::at(state);
            script.on(event.clone());
            assert_eq!((script.said.as_str(), script.supervisor.state()), ("", state), "{state} + {event:?}");
        }
        let mut script = Script::at(state);
        script.on(Event::Kill { task: "broker-2__x".to_owned(), grace: None });
        assert_eq!(script.said, "Warn(\"KILL for broker-2__x, which is not here: ignored\")\n");
        assert_eq!(script.supervisor.state(), state);
    }
}
