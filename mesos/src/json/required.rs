//! Search for required fields that are not set.

use prost_reflect::{Cardinality, DynamicMessage, ReflectMessage as _, Value};

use super::Problem;
use super::read::join;
use super::write::key_text;

/// Adds a problem for each required field missing in `message` or anything inside it.
pub(super) fn find(message: &DynamicMessage, path: &str, problems: &mut Vec<Problem>) {
    for field in message.descriptor().fields() {
        if field.cardinality() == Cardinality::Required && !message.has_field(&field) {
            let path = join(path, field.name());
            // A value that is there but wrong has been reported already.
            if !problems.iter().any(|problem| problem.path == path) {
                problems.push(Problem { path, what: "the field is required".to_owned() });
            }
        }
    }
    for (field, value) in message.fields() {
        value_of(value, &join(path, field.name()), problems);
    }
}

fn value_of(value: &Value, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Message(message) => find(message, path, problems),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                if let Value::Message(message) = item {
                    find(message, &format!("{path}[{index}]"), problems);
                }
            }
        }
        Value::Map(entries) => {
            for (key, item) in entries {
                if let Value::Message(message) = item {
                    find(message, &format!("{path}[{:?}]", key_text(key)), problems);
                }
            }
        }
        _ => {}
    }
}
