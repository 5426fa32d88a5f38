//! Parameters of a request: each known and given once, and every mistake said.

use std::collections::{BTreeMap, btree_map::Entry};

use axum::{extract::Query, http::Uri};

use super::ApiError;

/// The parameters of a query string, of those that are `known`; other mistakes go to `errors`.
pub(super) fn pairs(
    query: &str,
    known: &[&str],
    errors: &mut Vec<String>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let unreadable =
        |reason: String| ApiError::parameter(format!("the query string cannot be read: {reason}"));
    let uri: Uri = format!("/?{query}").parse().map_err(|error| unreadable(format!("{error}")))?;
    let Query(list) = Query::<Vec<(String, String)>>::try_from_uri(&uri)
        .map_err(|rejection| unreadable(rejection.body_text()))?;
    let mut given = BTreeMap::new();
    for (key, value) in list {
        if !known.contains(&key.as_str()) {
            errors.push(format!("there is no parameter {key:?}; there are {}", known.join(", ")));
            continue;
        }
        match given.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(entry) => {
                errors.push(format!("the parameter {} is given more than once", entry.key()));
            }
        }
    }
    Ok(given)
}

/// What was read, where nothing was wrong with it.
pub(super) fn whole<T>(read: Option<T>, errors: Vec<String>) -> Result<T, ApiError> {
    match read {
        Some(read) if errors.is_empty() => Ok(read),
        _ => Err(ApiError::parameter(errors.join("; "))),
    }
}

/// `true` or `false`; what is not given is false.
pub(super) fn flag(given: &BTreeMap<String, String>, key: &str, errors: &mut Vec<String>) -> bool {
    match given.get(key).map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(text) => {
            errors.push(format!("{key} is {text:?}; true or false is expected"));
            false
        }
    }
}
