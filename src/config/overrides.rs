//! `KAFKA_OVERRIDE_<UPPER_SNAKE>`: any `server.properties` key but our own (S-071, D37).

use std::collections::BTreeMap;

use super::ValidationError;

/// What every such variable starts with.
pub(super) const PREFIX: &str = "KAFKA_OVERRIDE_";

/// The variable that sets `key`. A key that itself holds a `_` has none.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "_"))
}

/// All overrides among `env`; an empty value is a value here, since Kafka has keys whose useful value is empty.
pub(super) fn read(
    env: &BTreeMap<String, String>,
    errors: &mut Vec<ValidationError>,
) -> BTreeMap<String, String> {
    let mut overrides = BTreeMap::new();
    for (name, value) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let key = rest.to_lowercase().replace('_', ".");
        match check(rest, &key, value) {
            Err(message) => errors.push(ValidationError::new(name, message)),
            Ok(()) if overrides.contains_key(&key) => {
                errors.push(ValidationError::new(name, format!("sets {key} a second time: remove one")));
            }
            Ok(()) => {
                overrides.insert(key, value.clone());
            }
        }
    }
    overrides
}

fn check(rest: &str, key: &str, value: &str) -> Result<(), String> {
    let part_ok =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !rest.split('_').all(part_ok) {
        return Err(format!(
            "{rest:?} names no Kafka property: write its words in upper case with one _ for each dot, such as \
             {PREFIX}LOG_RETENTION_HOURS for log.retention.hours"
        ));
    }
    if let Some(instead) = api::launch::reserved(key) {
        return Err(format!("{key} is set by the service itself and cannot be overridden: {instead}"));
    }
    if value.contains('\0') {
        return Err("must not hold a NUL character".to_owned());
    }
    Ok(())
}
