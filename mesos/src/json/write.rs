//! Messages to JSON.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

/// Compact text in declaration order.
pub(super) fn to_string(message: &DynamicMessage) -> String {
    // Serialising fails on a failing writer or a key that is no text; a String never fails and keys are names.
    serde_json::to_string(&Message(message)).unwrap_or_default()
}

/// The same as a value.
pub(super) fn to_value(message: &DynamicMessage) -> serde_json::Value {
    // As above: keys are texts.
    serde_json::to_value(Message(message)).unwrap_or_default()
}

struct Message<'a>(&'a DynamicMessage);

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let descriptor = self.0.descriptor();
        let mut fields: Vec<FieldDescriptor> = descriptor.fields().collect();
        // The last step of a field's path is its place in the declaration; `fields` goes by number.
        fields.sort_by_key(|field| field.path().last().copied());
        let mut map = serializer.serialize_map(None)?;
        for field in &fields {
            if written(self.0, field) {
                map.serialize_entry(
                    field.name(),
                    &Item { kind: field.kind(), value: &self.0.get_field(field) },
                )?;
            }
        }
        map.end()
    }
}

fn written(message: &DynamicMessage, field: &FieldDescriptor) -> bool {
    message.has_field(field)
        || field.cardinality() == Cardinality::Required
        || (has_default(field) && field.containing_oneof().is_none())
}

/// Whether Mesos writes the field when it is unset: its default is explicit and it is not deprecated.
fn has_default(field: &FieldDescriptor) -> bool {
    let raw = field.field_descriptor_proto();
    let deprecated = raw.options.as_ref().is_some_and(|options| options.deprecated());
    raw.default_value.is_some() && !deprecated
}

struct Item<'a> {
    kind: Kind,
    value: &'a Value,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I32(value) => serializer.serialize_i32(*value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::U32(value) => serializer.serialize_u32(*value),
            Value::U64(value) => serializer.serialize_u64(*value),
            Value::F32(value) => double(f64::from(*value), serializer),
            Value::F64(value) => double(*value, serializer),
            Value::String(value) => serializer.serialize_str(value),
            Value::Bytes(value) => serializer.serialize_str(&STANDARD.encode(value)),
            Value::EnumNumber(number) => enumeration(&self.kind, *number, serializer),
            Value::Message(message) => Message(message).serialize(serializer),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    list.serialize_element(&Item { kind: self.kind.clone(), value })?;
                }
                list.end()
            }
            Value::Map(entries) => {
                // Sorted, so that equal messages give equal texts.
                let sorted: BTreeMap<String, &Value> =
                    entries.iter().map(|(key, value)| (key_text(key), value)).collect();
                let mut map = serializer.serialize_map(Some(sorted.len()))?;
                for (key, value) in sorted {
                    map.serialize_entry(&key, &Item { kind: value_kind(&self.kind), value })?;
                }
                map.end()
            }
        }
    }
}

/// JSON has no infinity; Mesos reads and writes it as a text.
fn double<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(value)
    } else if value.is_nan() {
        serializer.serialize_str("NaN")
    } else if value > 0.0 {
        serializer.serialize_str("Infinity")
    } else {
        serializer.serialize_str("-Infinity")
    }
}

fn enumeration<S: Serializer>(kind: &Kind, number: i32, serializer: S) -> Result<S::Ok, S::Error> {
    let Kind::Enum(descriptor) = kind else { return serializer.serialize_i32(number) };
    match descriptor.get_value(number) {
        Some(value) => serializer.serialize_str(value.name()),
        // A value newer than our definitions: the number at least says which.
        None => serializer.serialize_i32(number),
    }
}

fn value_kind(entry: &Kind) -> Kind {
    match entry.as_message() {
        Some(message) if message.is_map_entry() => message.map_entry_value_field().kind(),
        _ => entry.clone(),
    }
}

/// A map key as it stands in JSON.
pub(super) fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
