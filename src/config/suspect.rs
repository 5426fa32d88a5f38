//! Names in the environment that look like settings of ours but are not.

use std::collections::BTreeMap;

use super::{VARIABLES, overrides};

/// Beginnings that only our settings have. (`MESOS_`, `KAFKA_` and `PORT` belong to others too.)
const OURS: [&str; 10] = [
    "API_JWT_",
    "API_TLS_",
    "API_TOKEN",
    "BROKER_",
    "FRAMEWORK_",
    "SCHEDULER_",
    "KAFKA_CLIENT_",
    "KAFKA_SCHEDULER_",
    "RECOVERY_",
    "ROLLOUT_",
];

/// A warning for each name of `env` that is probably a mistake: it would otherwise be ignored in silence.
pub(super) fn warnings(env: &BTreeMap<String, String>) -> Vec<String> {
    env.keys().filter(|name| !is_known(name)).filter_map(|name| warning(name)).collect()
}

fn is_known(name: &str) -> bool {
    name.starts_with(overrides::PREFIX) || VARIABLES.iter().any(|v| v.name == name)
}

fn warning(name: &str) -> Option<String> {
    let upper = name.to_uppercase().replace(['-', '.'], "_");
    if near_prefix(&upper) {
        return Some(format!("{name} is not a setting and is ignored: is {}<KEY> meant?", overrides::PREFIX));
    }
    let distance = |known: &str| strsim::damerau_levenshtein(&upper, known);
    let nearest = VARIABLES.iter().min_by_key(|v| distance(v.name)).map(|v| v.name)?;
    // Short names of the world's (PORT, HOSTNAME, USER) are near to ours by chance.
    let near = distance(nearest) <= 2 && name.len() >= 8 && name != "HOSTNAME";
    if near {
        Some(format!("{name} is not a setting and is ignored: is {nearest} meant?"))
    } else if OURS.iter().any(|prefix| upper.starts_with(prefix)) {
        Some(format!("{name} is not a setting and is ignored: kafka-scheduler --variables lists them all"))
    } else {
        None
    }
}

/// Whether `upper` begins almost, but not quite, like an override.
fn near_prefix(upper: &str) -> bool {
    let length = overrides::PREFIX.len();
    (length - 1..=length + 1)
        .filter_map(|end| upper.get(..end))
        .any(|start| strsim::damerau_levenshtein(start, overrides::PREFIX) <= 1)
}
