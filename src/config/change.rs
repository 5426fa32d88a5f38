//! What a changed configuration means: nothing, a list of changes with their cost, or a refusal.

use std::collections::BTreeSet;

use super::{OnChange, Placement, Service, VARIABLES, ValidationError, overrides};

/// The difference between the stored target and a new configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// They are the same.
    Unchanged,
    /// They differ and the new one may become the target; never empty.
    Changed(Vec<FieldChange>),
    /// The new one may not become the target (S-029, S-046): the old one serves on. Never empty.
    Refused(Vec<ValidationError>),
}

impl Change {
    /// The most that any of the changes costs a running broker; `None` when nothing changed or the change is refused.
    pub fn cost(&self) -> Option<Cost> {
        match self {
            Change::Changed(fields) => fields.iter().map(|field| field.cost).max(),
            Change::Unchanged | Change::Refused(_) => None,
        }
    }
}

/// One setting that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The environment variable.
    pub variable: String,
    /// Its old value as it would be written in the environment; empty where it was not set.
    pub from: String,
    /// Its new value.
    pub to: String,
    /// What it costs a broker to take it over.
    pub cost: Cost,
}

/// What a running broker pays for a change (D31), cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Nothing: the scheduler alone acts on it.
    Scheduler,
    /// An in-place restart of its JVM, same task.
    Restart,
    /// KILL and LAUNCH: artifacts, or what the executor is started with.
    Relaunch,
    /// Another reservation: resources or ports. Not possible once the broker is placed.
    Reservation,
}

/// Compares the stored target with a new configuration. All refusals are named, not only the first.
pub fn diff(old: &Service, new: &Service) -> Change {
    const PORTS: [&str; 2] = ["BROKER_PORT", "API_PORT"];
    let any = new.brokers.placement == Placement::Any;
    let mut changed = Vec::new();
    let mut refused = Vec::new();
    for variable in VARIABLES {
        let Some(value) = variable.stored else { continue };
        let (from, to) = (value(old), value(new));
        if from == to {
            continue;
        }
        let cost = match variable.on_change {
            OnChange::Refused => {
                refused.push(not_supported(variable.name, "Changing", &from, &to));
                continue;
            }
            OnChange::GrowOnly if new.brokers.count < old.brokers.count => {
                refused.push(not_supported(variable.name, "Decreasing", &from, &to));
                continue;
            }
            // More brokers change what the others are told (D28).
            OnChange::GrowOnly if old.kafka_defaults() != new.kafka_defaults() => Cost::Restart,
            // With ANY, ports come out of the offers and these two do nothing (D8).
            OnChange::Reserved if any && PORTS.contains(&variable.name) => Cost::Scheduler,
            OnChange::Process | OnChange::Scheduler | OnChange::GrowOnly => Cost::Scheduler,
            OnChange::Restart => Cost::Restart,
            OnChange::Relaunch => Cost::Relaunch,
            OnChange::Reserved => Cost::Reservation,
        };
        changed.push(FieldChange { variable: variable.name.to_owned(), from, to, cost });
    }
    changed.extend(override_changes(old, new));
    match (refused.is_empty(), changed.is_empty()) {
        (false, _) => Change::Refused(refused),
        (true, false) => Change::Changed(changed),
        (true, true) => Change::Unchanged,
    }
}

fn not_supported(variable: &str, verb: &str, from: &str, to: &str) -> ValidationError {
    ValidationError::new(variable, format!("{verb} this value (from {from} to {to}) is not supported."))
}

fn override_changes(old: &Service, new: &Service) -> Vec<FieldChange> {
    let (old, new) = (&old.kafka.overrides, &new.kafka.overrides);
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| FieldChange {
            variable: overrides::variable(key),
            from: old.get(key).cloned().unwrap_or_default(),
            to: new.get(key).cloned().unwrap_or_default(),
            cost: Cost::Restart,
        })
        .collect()
}
