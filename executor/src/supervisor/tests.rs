//! Both halves of the table: what each state does with an event that means something to it, and that every other
//! event changes nothing.

use expect_test::Expect;

use super::*;
use crate::contract::{
    Problems,
    tests::{good, layer},
};
use crate::diagnosis::Evidence;

mod chance;
mod illegal;
mod incidents;
mod restart;
mod shutdown;
mod start;
mod stop;

const TASK: &str = "broker-1__11111111-2222-4333-8444-555555555555";

/// A supervisor, its clock, and what it said.
struct Script {
    supervisor: Supervisor,
    now: Duration,
    said: String,
    /// What is found when the JVM ends; `None`: the world does not answer by itself.
    evidence: Option<Evidence>,
}

impl Script {
    fn new() -> Self {
        let mut script = Self {
            supervisor: Supervisor::default(),
            now: Duration::ZERO,
            said: String::new(),
            evidence: Some(Evidence::default()),
        };
        script.on(Event::Subscribed { killing: true });
        script
    }

    /// One that has come as far as `state`.
    fn at(state: &str) -> Self {
        let mut script = Self::new();
        if state == "restarting" {
            script = Self::at("running");
            script.on(restart(3));
            script.on(Event::Prepared(Ok(secs(18))));
            assert_eq!(script.supervisor.state(), state);
            script.said.clear();
            return script;
        }
        let way = ["idle", "preparing", "starting", "running", "stopping", "done"];
        let steps: [Vec<Event>; 6] = [
            vec![],
            vec![launch()],
            vec![
                Event::Prepared(Ok(secs(18))),
                Event::Registration(Registered::Nobody),
                Event::Spawned(Ok(42)),
            ],
            vec![Event::Session(7), Event::Ready(Ok(()))],
            vec![kill(None)],
            vec![exited(How::Code(143)), Event::Swept { left: 0 }],
        ];
        for (name, events) in way.iter().zip(steps) {
            events.into_iter().for_each(|event| script.on(event));
            assert_eq!(script.supervisor.state(), *name);
            if *name == state {
                script.said.clear();
                return script;
            }
        }
        panic!("no state {state}")
    }

    fn on(&mut self, event: Event) {
        let effects = self.supervisor.handle(self.now, event);
        for effect in &effects {
            self.said.push_str(&line(effect));
            self.said.push('\n');
        }
        if effects.contains(&Effect::Examine)
            && let Some(evidence) = self.evidence.clone()
        {
            self.on(Event::Examined(Box::new(evidence)));
        }
    }

    fn after(&mut self, time: Duration, event: Event) {
        self.now += time;
        self.on(event);
    }

    fn check(&mut self, events: impl IntoIterator<Item = Event>, expect: Expect) {
        events.into_iter().for_each(|event| self.on(event));
        expect.assert_eq(&format!("{}-> {}\n", self.said, self.supervisor.state()));
        self.said.clear();
    }
}

fn line(effect: &Effect) -> String {
    match effect {
        Effect::Update(update) => {
            let mut line = format!("{:?}: {}", update.state, update.message);
            if let Some(healthy) = update.healthy {
                line.push_str(&format!(" [healthy {healthy}]"));
            }
            if let Some(reason) = update.reason {
                line.push_str(&format!(" [{reason:?}]"));
            }
            for (name, value) in &update.labels {
                line.push_str(&format!(" {name}={value}"));
            }
            if let Some(incident) = &update.incident {
                line.push_str(&format!(" [incident {}]", incident.cause));
            }
            line
        }
        Effect::Prepare(contract) if contract.generation == good().generation => "Prepare".to_owned(),
        Effect::Prepare(contract) => format!("Prepare {}", contract.generation),
        Effect::Refuse(refusal) => {
            let Refusal { task, config_id, generation, reason } = &**refusal;
            format!("Refuse {task} {config_id} {generation}: {reason}")
        }
        Effect::Tell(incident) => format!("Tell {}: {}", incident.cause, incident.summary),
        other => format!("{other:?}"),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn launch() -> Event {
    Event::Launch(Box::new(Launch { task: TASK.to_owned(), contract: Ok(good()), grace: Some(secs(60)) }))
}

/// A changed configuration, of this generation.
fn restart(generation: u64) -> Event {
    let config_id = uuid::Uuid::from_u128(u128::from(generation));
    let mut contract = api::launch::LaunchContract { config_id, generation, ..good() };
    contract.layers.push(layer("KAFKA_OVERRIDE", &[("log.retention.hours", &generation.to_string())]));
    Event::Restart { task: task(), contract: Box::new(contract) }
}

fn task() -> api::ids::TaskId {
    TASK.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn kill(grace: Option<u64>) -> Event {
    Event::Kill { task: TASK.to_owned(), grace: grace.map(secs) }
}

fn shutdown() -> Event {
    Event::Shutdown { reason: "the agent asks".to_owned(), grace: secs(4) }
}

fn exited(how: How) -> Event {
    Event::Exited(how)
}

fn examined() -> Event {
    Event::Examined(Box::default())
}

fn acknowledged() -> Event {
    Event::Acknowledged { task: TASK.to_owned() }
}

fn other(owner: &str) -> Event {
    Event::Registration(Registered::Other { owner: owner.to_owned() })
}
