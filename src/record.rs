//! State ⇄ stored records: one JSON record per fact, so that a change rewrites only itself.
//!
//! | key | content |
//! |---|---|
//! | `schema` | version of all the others; never changes meaning |
//! | `framework` | our id at Mesos |
//! | `target` | which configuration is wanted |
//! | `configs/<uuid>` | a whole service configuration; immutable |
//! | `brokers/<n>` | home, task (with what it runs and the restart under way), failures, the generation wanted, of one broker |
//! | `incidents/<n>/<uuid>` | one end of a broker's JVM (D45); a whole one may replace a short one |
//! | `released/<uuid>` | a home let go, its reservation not yet returned for sure |

mod schema;

use std::{collections::BTreeMap, sync::Arc};

use api::{ids::BrokerId, incident::Incident};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    broker::{Broker, ConfigId, HomeId},
    event::{Batch, Records, Write},
    incident::Incidents,
    state::Stored,
};

/// What the keys of incidents begin with.
const INCIDENTS: &str = "incidents/";

/// Why stored records are not usable.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Written by another version.
    #[error("the stored state has schema {found}; this version reads {}", schema::VERSION)]
    Schema {
        /// What was found.
        found: u32,
    },
    /// A record does not parse.
    #[error("stored record {key:?} is not readable")]
    Unreadable {
        /// Which.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A record that must be there is not, or one is there that means nothing.
    #[error("the stored state is incomplete: {0}")]
    Incomplete(String),
}

/// All records of a state.
pub fn all(stored: &Stored) -> Records {
    let mut records = but_incidents(stored);
    for (broker, incidents) in &stored.incidents {
        records.extend(incidents.iter().map(|incident| (incident_key(*broker, incident), json(&**incident))));
    }
    records
}

fn incident_key(broker: BrokerId, incident: &Incident) -> String {
    format!("{INCIDENTS}{broker}/{}", incident.id)
}

/// Takes away what [`but_incidents`] leaves out.
pub fn without_incidents(records: &mut Records) {
    records.retain(|key, _| !key.starts_with(INCIDENTS));
}

/// What to write so that incidents of `before` become those of `after`. Each is a hundred times as long as any other record,
/// and all of them together would be made anew with every change: so these are compared before they are made.
pub fn incident_changes(
    before: &BTreeMap<BrokerId, Incidents>,
    after: &BTreeMap<BrokerId, Incidents>,
) -> Batch {
    let all = |of: &BTreeMap<BrokerId, Incidents>| -> BTreeMap<String, Arc<Incident>> {
        let each = |(broker, incidents): (&BrokerId, &Incidents)| -> Vec<_> {
            incidents.iter().map(|incident| (incident_key(*broker, incident), Arc::clone(incident))).collect()
        };
        of.iter().flat_map(each).collect()
    };
    if before == after {
        return Batch::default();
    }
    let (before, after) = (all(before), all(after));
    let puts = after
        .iter()
        .filter(|(key, incident)| before.get(*key) != Some(incident))
        .map(|(key, incident)| Write::Put { key: key.clone(), value: json(&**incident) });
    let deletes =
        before.keys().filter(|key| !after.contains_key(*key)).map(|key| Write::Delete { key: key.clone() });
    Batch(puts.chain(deletes).collect())
}

/// All records of a state but those of incidents.
pub fn but_incidents(stored: &Stored) -> Records {
    let mut records = Records::new();
    let mut put = |key: String, value: Vec<u8>| records.insert(key, value);
    put("schema".to_owned(), json(&schema::current()));
    put("target".to_owned(), json(&stored.target));
    if let Some(id) = &stored.framework_id {
        put("framework".to_owned(), json(id));
    }
    for (id, config) in &stored.configs {
        put(format!("configs/{}", id.0), json(config));
    }
    for (id, broker) in &stored.brokers {
        put(format!("brokers/{id}"), json(broker));
    }
    for (id, released) in &stored.released {
        put(format!("released/{}", id.0), json(released));
    }
    records
}

/// What to write so that records of `before` become records of `after`.
pub fn changes(before: &Records, after: &Records) -> Batch {
    let puts = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| Write::Put { key: key.clone(), value: value.clone() });
    let deletes =
        before.keys().filter(|key| !after.contains_key(*key)).map(|key| Write::Delete { key: key.clone() });
    Batch(puts.chain(deletes).collect())
}

/// The stored state, or `None` where nothing was ever stored.
pub fn restore(records: &Records) -> Result<Option<Stored>, RestoreError> {
    let Some(stored) = records.get("schema") else {
        return match records.keys().next() {
            None => Ok(None),
            Some(key) => Err(RestoreError::Incomplete(format!("record {key:?} is there, but no schema"))),
        };
    };
    let found = parse::<schema::Schema>("schema", stored)?.version;
    if found != schema::VERSION {
        return Err(RestoreError::Schema { found });
    }
    let target = records
        .get("target")
        .ok_or_else(|| RestoreError::Incomplete("record \"target\" is missing".to_owned()))?;
    let mut stored = Stored {
        framework_id: records.get("framework").map(|value| parse("framework", value)).transpose()?,
        target: parse("target", target)?,
        configs: BTreeMap::new(),
        brokers: BTreeMap::new(),
        released: BTreeMap::new(),
        incidents: BTreeMap::new(),
    };
    for (key, value) in records {
        match key.split_once('/') {
            Some(("configs", id)) => {
                stored.configs.insert(ConfigId(uuid(key, id)?), parse(key, value)?);
            }
            Some(("brokers", _)) => {
                let broker: Broker = parse(key, value)?;
                stored.brokers.insert(broker.id, broker);
            }
            Some(("incidents", _)) => {
                let incident: Incident = parse(key, value)?;
                stored.incidents.entry(incident.broker).or_default().restore(incident);
            }
            Some(("released", id)) => {
                stored.released.insert(HomeId(uuid(key, id)?), parse(key, value)?);
            }
            None if ["schema", "target", "framework"].contains(&key.as_str()) => {}
            _ => return Err(RestoreError::Incomplete(format!("record {key:?} means nothing here"))),
        }
    }
    if !stored.configs.contains_key(&stored.target) {
        let message = format!("configuration {}, the target, is missing", stored.target.0);
        return Err(RestoreError::Incomplete(message));
    }
    let count = stored.configs[&stored.target].brokers.count;
    if let Some(missing) = (0..count).map(BrokerId).find(|id| !stored.brokers.contains_key(id)) {
        return Err(RestoreError::Incomplete(format!("record \"brokers/{missing}\" is missing")));
    }
    Ok(Some(stored))
}

/// Entry point for a fuzzer: whatever stands in one record of a sound state, restoring ends.
pub fn fuzz(bytes: &[u8]) {
    let (key, value) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let key = String::from_utf8_lossy(key).into_owned();
    let schema = json(&schema::current());
    let _no_panic = restore(&Records::from([("schema".to_owned(), schema), (key, value.to_vec())]));
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Proof: every map in a record has text keys, and no `Serialize` of ours returns an error.
    #[expect(clippy::unwrap_used, reason = "proof above")]
    serde_json::to_vec(value).unwrap()
}

fn parse<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, RestoreError> {
    serde_json::from_slice(value).map_err(|source| RestoreError::Unreadable { key: key.to_owned(), source })
}

fn uuid(key: &str, text: &str) -> Result<Uuid, RestoreError> {
    text.parse().map_err(|_| RestoreError::Incomplete(format!("record {key:?} is not named by a uuid")))
}
