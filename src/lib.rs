//! The scheduler of Kafka on Mesos.
//!
//! A functional core in an imperative shell. [`Scheduler::handle`] is a plain function of state, time and event: no
//! clock, chance, IO or `async` inside. `shell` owns all of those.
//!
//! ```text
//!  event ──► absorb (state) ──► decide (state alone) ──► Effects { writes, calls, replies }
//! ```
//!
//! What holds after every step, and is checked under these names by the simulation (`tests/simulation`):
//!
//! - *one live task per broker*;
//! - *no call rests on an unstored write*, *no acknowledge before store*: [`event::Effects`] is ordered by type;
//! - *each offer is answered once*, in the `handle` that brought it;
//! - *at most one broker is down by our hand, and none below min ISR by it*: [`roll`];
//! - *a volume is destroyed only after a denied claim* (later: replace, decommission): [`clean`];
//! - *the state restored from the store equals the state held*: [`record`];
//! - *no reservation leaks once converged*, and *a healed cluster completes its plan*.

pub mod acknowledge;
pub mod backoff;
pub mod broker;
pub mod clean;
pub mod config;
pub mod decide;
pub mod event;
pub mod fetch;
pub mod framework;
pub mod incident;
pub mod kill;
pub mod launch;
pub mod offer;
pub mod plan;
pub mod reconcile;
pub mod record;
pub mod restart;
pub mod roll;
pub mod settle;
pub mod shell;
pub mod state;
mod status;
pub mod suppress;
pub mod view;

use std::collections::BTreeMap;

use api::ids::BrokerId;
use mesos::v1;
use rand::{SeedableRng, rngs::StdRng};
use uuid::Uuid;

use crate::{
    broker::{Broker, Condition, ConfigId},
    config::{Change, Cost, Service, ValidationError},
    event::{Effects, Event, Records, Timestamp},
    record::RestoreError,
    state::{State, Stored},
    view::View,
};

/// The pure scheduler: its state, what was last asked to be stored, and its source of chance.
#[derive(Debug)]
pub struct Scheduler {
    state: State,
    /// `None` only while nothing was stored by this process.
    written: Option<Stored>,
    /// What is stored, but for incidents, which are many and never change.
    records: Records,
    rng: StdRng,
}

/// Where Kafka can be asked, and how soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaQuestion {
    /// `host:port` of brokers that serve.
    pub bootstrap: Vec<String>,
    /// Whether a step waits for the answer.
    pub urgent: bool,
}

impl Scheduler {
    /// The scheduler as its records and its environment's configuration say, and what must be written at once.
    ///
    /// # Errors
    /// When the records cannot be read; nothing may be launched then.
    pub fn restore(service: Service, records: &Records, seed: u64) -> Result<(Self, Effects), RestoreError> {
        let (stored, refused, notes) = match record::restore(records)? {
            None => (first(service), Vec::new(), vec!["nothing stored yet: a new service".to_owned()]),
            Some(stored) => retarget(stored, service),
        };
        let mut scheduler = Self {
            state: State::new(stored, refused),
            written: None,
            records: records.clone(),
            rng: StdRng::seed_from_u64(seed),
        };
        record::without_incidents(&mut scheduler.records);
        let writes = scheduler.changes();
        Ok((scheduler, Effects { writes, notes, ..Effects::default() }))
    }

    /// Folds one event in and decides what to do.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Effects {
        let mut effects = Effects::default();
        let offers = self.state.absorb(now, event, &mut effects);
        decide::decide(&mut self.state, now, offers, &mut self.rng, &mut effects);
        effects.writes = self.changes();
        effects
    }

    /// What operators may see.
    pub fn view(&self, now: Timestamp) -> View {
        view::view(&self.state, now)
    }

    /// How Mesos shall know us (D35); the shell adds its own address.
    pub fn framework_info(&self) -> v1::FrameworkInfo {
        framework::info(self.state.target(), self.state.stored.framework_id.as_deref())
    }

    /// Where the brokers keep their metadata (D27). Does not change while the service lives: the setting is refused.
    pub fn metadata(&self) -> api::launch::Metadata {
        self.state.target().metadata()
    }

    /// Where to ask Kafka for a snapshot; `None` while no broker serves.
    pub fn wants_kafka(&self) -> Option<KafkaQuestion> {
        let serving =
            |broker: &&Broker| broker.live_task().is_some_and(|t| t.condition == Condition::Running);
        let brokers = self.state.stored.brokers.values().filter(serving);
        let bootstrap: Vec<_> =
            brokers.filter_map(|broker| broker.home.as_ref()).map(broker::Home::address).collect();
        let urgent = plan::wanted(&self.state).any(|broker| !plan::is_complete(&self.state, broker));
        (!bootstrap.is_empty()).then_some(KafkaQuestion { bootstrap, urgent })
    }

    /// An incident to be read out of its sandbox, if one is due.
    pub fn wants_incident(&self, now: Timestamp) -> Option<fetch::Fetch> {
        fetch::wanted(&self.state, now)
    }

    /// The state, for views and for those who check it.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn changes(&mut self) -> event::Batch {
        if self.written.as_ref() == Some(&self.state.stored) {
            return event::Batch::default();
        }
        let records = record::but_incidents(&self.state.stored);
        let mut changes = record::changes(&self.records, &records);
        if let Some(written) = &self.written {
            changes.0.extend(record::incident_changes(&written.incidents, &self.state.stored.incidents).0);
        }
        self.records = records;
        self.written = Some(self.state.stored.clone());
        changes
    }
}

/// Namespace of configuration ids (UUIDv5 of the configuration's canonical form), so that they need not be stored to
/// be the same again (D40).
const CONFIG_NAMESPACE: Uuid = Uuid::from_u128(0x6d65_736f_732d_6b61_666b_612d_636f_6e66);

/// The id of a configuration.
pub fn config_id(service: &Service) -> ConfigId {
    ConfigId(Uuid::new_v5(&CONFIG_NAMESPACE, service.fingerprint().as_bytes()))
}

fn first(service: Service) -> Stored {
    let target = config_id(&service);
    let mut stored = Stored {
        framework_id: None,
        target,
        configs: BTreeMap::from([(target, service)]),
        brokers: BTreeMap::new(),
        released: BTreeMap::new(),
        incidents: BTreeMap::new(),
    };
    add_brokers(&mut stored);
    stored
}

/// Makes `service` the target, unless it may not be: then the old one serves on, and the plan shows why (S-046).
fn retarget(mut stored: Stored, service: Service) -> (Stored, Vec<ValidationError>, Vec<String>) {
    // `restore` has seen that the target is there.
    let change = config::diff(&stored.configs[&stored.target], &service);
    let mut notes = Vec::new();
    let refused = match change {
        Change::Unchanged => Vec::new(),
        Change::Refused(errors) => errors,
        Change::Changed(fields) => {
            let errors = cannot_follow(&stored, &fields);
            if errors.is_empty() {
                let list: Vec<_> = fields.iter().map(ToString::to_string).collect();
                notes.push(format!("the configuration changed: {}", list.join(", ")));
                stored.target = config_id(&service);
                stored.configs.insert(stored.target, service);
                add_brokers(&mut stored);
            }
            errors
        }
    };
    notes.extend(refused.iter().map(|error| format!("the new configuration is refused: {error}")));
    (stored, refused, notes)
}

/// Changes that a broker with a home cannot follow: its reservation has one size and fixed ports.
fn cannot_follow(stored: &Stored, fields: &[config::FieldChange]) -> Vec<ValidationError> {
    if stored.brokers.values().all(|broker| broker.home.is_none()) {
        return Vec::new();
    }
    let errors = fields.iter().filter(|field| field.cost == Cost::Reservation).map(|field| ValidationError {
        field: field.variable.clone(),
        message: format!(
            "Changing this value (from {} to {}) is not supported yet once brokers are placed.",
            field.from, field.to
        ),
    });
    errors.collect()
}

fn add_brokers(stored: &mut Stored) {
    let count = stored.configs[&stored.target].brokers.count;
    for id in (0..count).map(BrokerId) {
        stored.brokers.entry(id).or_insert_with(|| Broker::new(id));
    }
}

#[cfg(test)]
mod tests;
