//! JSON to messages.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use serde_json::Value as Json;

use super::Problem;

/// Reads the whole value as a message of this type; what does not fit goes to `problems`.
pub(super) fn message(
    json: &Json,
    descriptor: MessageDescriptor,
    problems: &mut Vec<Problem>,
) -> DynamicMessage {
    Reader { problems }.message(json, descriptor, "")
}

/// The path of a field inside the message at `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

struct Reader<'a> {
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn wrong(&mut self, path: &str, json: &Json, expected: &str) {
        let path = if path.is_empty() { "message" } else { path };
        let what = format!("{} found, {expected} expected", found(json));
        self.problems.push(Problem { path: path.to_owned(), what });
    }

    fn message(&mut self, json: &Json, descriptor: MessageDescriptor, path: &str) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        let Json::Object(object) = json else {
            self.wrong(path, json, "an object");
            return message;
        };
        for field in descriptor.fields() {
            let Some(json) = object.get(field.name()) else { continue };
            if json.is_null() {
                continue;
            }
            if let Some(value) = self.field(json, &field, &join(path, field.name())) {
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(&mut self, json: &Json, field: &FieldDescriptor, path: &str) -> Option<Value> {
        if field.is_map() {
            return self.map(json, field, path);
        }
        let kind = field.kind();
        if !field.is_list() {
            return self.single(json, &kind, field, path);
        }
        // Mesos takes a bare value for a list of one.
        let Json::Array(items) = json else {
            return self.single(json, &kind, field, path).map(|value| Value::List(vec![value]));
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            if !item.is_null() {
                list.extend(self.single(item, &kind, field, &format!("{path}[{index}]")));
            }
        }
        Some(Value::List(list))
    }

    fn map(&mut self, json: &Json, field: &FieldDescriptor, path: &str) -> Option<Value> {
        let entry = field.kind();
        let entry = entry.as_message()?;
        let value_field = entry.map_entry_value_field();
        let Json::Object(object) = json else {
            self.wrong(path, json, "an object");
            return None;
        };
        let mut map = HashMap::with_capacity(object.len());
        for (key, json) in object {
            if json.is_null() {
                continue;
            }
            let path = format!("{path}[{key:?}]");
            if let Some(value) = self.single(json, &value_field.kind(), &value_field, &path) {
                // All maps of the Mesos API have texts as keys.
                map.insert(MapKey::String(key.clone()), value);
            }
        }
        Some(Value::Map(map))
    }

    fn single(&mut self, json: &Json, kind: &Kind, field: &FieldDescriptor, path: &str) -> Option<Value> {
        let (value, expected) = match kind {
            Kind::Message(descriptor) => {
                return Some(Value::Message(self.message(json, descriptor.clone(), path)));
            }
            Kind::Enum(descriptor) => return self.enumeration(json, descriptor, field, path),
            Kind::String => (json.as_str().map(|text| Value::String(text.to_owned())), "a text"),
            Kind::Bytes => (bytes(json), "a base64 text"),
            Kind::Bool => (boolean(json), "true or false"),
            Kind::Double => (double(json).map(Value::F64), "a number"),
            Kind::Float => (float(json), "a number"),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                (integer(json).map(Value::I32), "a 32-bit integer")
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                (integer(json).map(Value::I64), "a 64-bit integer")
            }
            Kind::Uint32 | Kind::Fixed32 => (integer(json).map(Value::U32), "an unsigned 32-bit integer"),
            Kind::Uint64 | Kind::Fixed64 => (integer(json).map(Value::U64), "an unsigned 64-bit integer"),
        };
        if value.is_none() {
            self.wrong(path, json, expected);
        }
        value
    }

    /// Names only. An unknown name counts as absent, so that newer values do no harm, except in a required field.
    fn enumeration(
        &mut self,
        json: &Json,
        descriptor: &EnumDescriptor,
        field: &FieldDescriptor,
        path: &str,
    ) -> Option<Value> {
        let required = field.cardinality() == prost_reflect::Cardinality::Required;
        let value = json.as_str().and_then(|name| descriptor.get_value_by_name(name));
        if value.is_none() && (required || !json.is_string()) {
            let names: Vec<String> = descriptor.values().map(|value| value.name().to_owned()).collect();
            self.wrong(path, json, &format!("one of {}", names.join(", ")));
        }
        value.map(|value| Value::EnumNumber(value.number()))
    }
}

/// What stands there, short enough for a message.
fn found(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(value) => value.to_string(),
        Json::String(text) => {
            let short: String = text.chars().take(40).collect();
            if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
        }
    }
}

fn bytes(json: &Json) -> Option<Value> {
    let bytes = STANDARD.decode(json.as_str()?).ok()?;
    Some(Value::Bytes(bytes.into()))
}

fn boolean(json: &Json) -> Option<Value> {
    match json {
        Json::Bool(value) => Some(Value::Bool(*value)),
        Json::String(text) => text.parse().ok().map(Value::Bool),
        _ => None,
    }
}

fn double(json: &Json) -> Option<f64> {
    match json {
        Json::Number(value) => value.as_f64(),
        Json::String(text) => match text.as_str() {
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            "NaN" => Some(f64::NAN),
            // The standard parser knows more spellings of infinity than Mesos does.
            text => text.parse().ok().filter(|value: &f64| value.is_finite()),
        },
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the field holds no more; no Mesos message has one")]
fn float(json: &Json) -> Option<Value> {
    double(json).map(|value| Value::F32(value as f32))
}

/// An integer from a number or a decimal text; `5.0` is an integer too, `5.5` is none.
fn integer<T: TryFrom<i128>>(json: &Json) -> Option<T> {
    let wide = match json {
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => i128::from(value),
            (_, Some(value), _) => i128::from(value),
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and inside the range")]
            (_, _, Some(value)) if value.fract() == 0.0 && value.abs() < 1e19 => value as i128,
            _ => return None,
        },
        Json::String(text) => text.parse().ok()?,
        _ => return None,
    };
    T::try_from(wide).ok()
}
