//! A scheduler with its records, and a Mesos made of literals.

use std::collections::BTreeMap;

use api::{
    ids::{BrokerId, TaskId},
    message::ToExecutor,
};
use kafka::snapshot::Snapshot;
use mesos::{
    resource::{identity, reservation},
    v1::{
        self, TaskState,
        offer::{Operation, operation},
        scheduler::{Call, call},
    },
};
use uuid::Uuid;

use crate::{
    Scheduler,
    config::Settings,
    event::{Batch, Command, Effects, Event, Records, Ticket, Timestamp, Write},
    view::View,
};

pub(super) struct World {
    pub(super) scheduler: Scheduler,
    pub(super) records: Records,
    pub(super) now: Timestamp,
    env: BTreeMap<String, String>,
    offers: u32,
}

/// Settings of the laptop kind with `changes` on top (`NAME=` unsets).
pub(super) fn settings(changes: &str) -> BTreeMap<String, String> {
    let base = "MESOS_MASTER=127.0.0.1:5050 SCHEDULER_STATE_URI=file:///state FRAMEWORK_USER=kafka \
                KAFKA_URI=file:///kafka.tgz EXECUTOR_URI=file:///kafka-executor KAFKA_ZOOKEEPER_URI=127.0.0.1:2181";
    let pairs = base.split_whitespace().chain(changes.split_whitespace());
    pairs.map(|pair| pair.split_once('=').unwrap()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

impl World {
    pub(super) fn new(changes: &str) -> Self {
        let env = settings(changes);
        let service = Settings::from_env(&env).unwrap().service;
        let (scheduler, effects) = Scheduler::restore(service, &Records::new(), 7).unwrap();
        let mut world =
            Self { scheduler, records: Records::new(), now: Timestamp(1_000_000), env, offers: 0 };
        world.commit(&effects.writes);
        world
    }

    fn commit(&mut self, batch: &Batch) {
        for write in &batch.0 {
            match write {
                Write::Put { key, value } => self.records.insert(key.clone(), value.clone()),
                Write::Delete { key } => self.records.remove(key),
            };
        }
    }

    /// One event, committed.
    pub(super) fn handle(&mut self, event: Event) -> Effects {
        let effects = self.scheduler.handle(self.now, event);
        self.commit(&effects.writes);
        effects
    }

    /// The process dies and starts again, with `changes` in its environment.
    pub(super) fn restart(&mut self, changes: &str) -> Effects {
        self.env.extend(settings(changes));
        let service = Settings::from_env(&self.env).unwrap().service;
        let (scheduler, effects) = Scheduler::restore(service, &self.records, 8).unwrap();
        self.scheduler = scheduler;
        self.commit(&effects.writes);
        effects
    }

    pub(super) fn subscribe(&mut self) -> Effects {
        self.handle(Event::Subscribed { framework_id: "F-1".to_owned() })
    }

    pub(super) fn pass(&mut self, millis: u64) -> Effects {
        self.now = self.now.plus(millis);
        self.handle(Event::Tick)
    }

    pub(super) fn offer(&mut self, agent: &str, resources: Vec<v1::Resource>) -> Effects {
        self.offers += 1;
        let offer = offer(&format!("O-{}", self.offers), agent, resources);
        self.handle(Event::Offers(vec![offer]))
    }

    pub(super) fn status(&mut self, id: TaskId, state: TaskState) -> Effects {
        self.handle(Event::Update(Box::new(status(id, state))))
    }

    /// An executor's TASK_RUNNING, which says what runs (D31).
    pub(super) fn runs(&mut self, id: TaskId, (config, generation): (Uuid, u64)) -> Effects {
        let pairs = [("config_id", config.to_string()), ("generation", generation.to_string())];
        let labels = pairs.map(|(key, value)| v1::Label { key: key.to_owned(), value: Some(value) });
        let labels = Some(v1::Labels { labels: labels.into() });
        self.handle(Event::Update(Box::new(v1::TaskStatus { labels, ..status(id, TaskState::TaskRunning) })))
    }

    /// An operator asks for a restart.
    pub(super) fn ask_restart(&mut self, broker: u32, force: bool) -> Effects {
        self.handle(Event::Command(Ticket(1), Command::Restart { broker: BrokerId(broker), force }))
    }

    /// The task of a broker.
    pub(super) fn task(&self, broker: u32) -> TaskId {
        self.scheduler.state().stored.brokers[&BrokerId(broker)].task.as_ref().unwrap().id
    }

    /// Launches `broker` on a new offer, up to TASK_RUNNING, and lets Kafka see all of `alive`.
    pub(super) fn bring_up(&mut self, broker: u32, agent: &str) -> Effects {
        // What the brokers before it took is not offered.
        let ports = format!("cpus:8;mem:16384;disk:40000;ports:[{}-10092]", 9092 + broker);
        let effects = self.offer(agent, resources(&ports));
        assert!(accepted(&effects).is_some(), "{:?}", self.view().plan);
        self.run(broker)
    }

    /// The broker's task comes up.
    pub(super) fn run(&mut self, broker: u32) -> Effects {
        let id = self.task(broker);
        self.status(id, TaskState::TaskStarting);
        self.status(id, TaskState::TaskRunning);
        self.kafka()
    }

    /// Kafka as it is when all that serves is alive and nothing lags.
    pub(super) fn kafka(&mut self) -> Effects {
        let snapshot = self.snapshot();
        self.handle(Event::Kafka(Ok(snapshot)))
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let brokers = self.scheduler.state().stored.brokers.keys().map(|id| (id.0, "h:9092".to_owned()));
        Snapshot {
            taken_at: self.now.0,
            controller: Some(0),
            brokers: brokers.collect(),
            topics: BTreeMap::new(),
        }
    }

    pub(super) fn view(&self) -> View {
        self.scheduler.view(self.now)
    }

    /// `name message` of every broker block.
    pub(super) fn messages(&self) -> Vec<String> {
        self.view().plan.phases[1].blocks.iter().map(|block| block.message.clone()).collect()
    }
}

pub(super) fn status(id: TaskId, state: TaskState) -> v1::TaskStatus {
    v1::TaskStatus {
        task_id: v1::TaskId { value: id.to_string() },
        state: state.into(),
        agent_id: Some(v1::AgentId { value: "A-1".to_owned() }),
        uuid: Some(vec![7; 16]),
        ..Default::default()
    }
}

fn offer(id: &str, agent: &str, resources: Vec<v1::Resource>) -> v1::Offer {
    v1::Offer {
        id: v1::OfferId { value: id.to_owned() },
        framework_id: v1::FrameworkId { value: "F-1".to_owned() },
        agent_id: v1::AgentId { value: agent.to_owned() },
        hostname: format!("{agent}.local"),
        url: Some(v1::Url {
            scheme: "http".to_owned(),
            address: v1::Address { ip: Some("10.0.0.5".to_owned()), port: 5051, ..Default::default() },
            ..Default::default()
        }),
        resources,
        ..Default::default()
    }
}

/// Resources of the text form.
pub(super) fn resources(text: &str) -> Vec<v1::Resource> {
    mesos::resource::parse::resources(text).unwrap().to_vec()
}

/// Room for three brokers.
pub(super) fn plenty() -> Vec<v1::Resource> {
    resources("cpus:8;mem:16384;disk:40000;ports:[9092-10092]")
}

/// The calls of one type.
pub(super) fn calls(effects: &Effects, r#type: call::Type) -> Vec<&Call> {
    effects.calls.iter().filter(|call| call.r#type() == r#type).collect()
}

/// The restarts asked for: the task, and what is to run.
pub(super) fn restarts(effects: &Effects) -> Vec<(TaskId, (Uuid, u64))> {
    let messages = calls(effects, call::Type::Message).into_iter().map(|call| call.message.as_ref().unwrap());
    let restarts = messages.map(|message| {
        let ToExecutor::Restart { task, contract } = serde_json::from_slice(&message.data).unwrap() else {
            panic!("no restart")
        };
        assert_eq!(message.executor_id.value, task.to_string());
        assert_eq!(message.agent_id.value, "A-1");
        (task, (contract.config_id, contract.generation))
    });
    restarts.collect()
}

/// The operations of the one ACCEPT, if there is one.
pub(super) fn accepted(effects: &Effects) -> Option<&[Operation]> {
    match calls(effects, call::Type::Accept).as_slice() {
        [] => None,
        [call] => Some(&call.accept.as_ref().unwrap().operations),
        more => panic!("{} ACCEPTs", more.len()),
    }
}

/// The types of the one ACCEPT's operations.
pub(super) fn operations(effects: &Effects) -> Vec<operation::Type> {
    accepted(effects).unwrap_or_default().iter().map(Operation::r#type).collect()
}

/// What the home of the last fresh ACCEPT looks like in an offer: reserved, with its volume.
pub(super) fn home_in_offer(effects: &Effects) -> Vec<v1::Resource> {
    let [reserve, create, _] = accepted(effects).unwrap() else { panic!("not a fresh launch") };
    let volumes = &create.create.as_ref().unwrap().volumes;
    let plain = |resource: &v1::Resource| {
        !volumes.iter().any(|volume| reservation::without_volume(volume.clone()) == *resource)
    };
    let reserved = &reserve.reserve.as_ref().unwrap().resources;
    let home: Vec<_> = reserved.iter().filter(|r| plain(r)).chain(volumes).cloned().collect();
    assert_eq!(home.iter().filter(|r| identity::is_volume(r)).count(), 1);
    // Mesos adds up what is alike.
    home.into_iter().collect::<mesos::resource::Resources>().to_vec()
}
