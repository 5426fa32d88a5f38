//! JSON bodies of requests: bounded, each key known, and every mistake said at once.

use axum::body::{self, Body};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ApiError;
use api::rest::ErrorCode;

/// Longest body, in bytes: some ten thousand partitions with their replicas.
pub(super) const LIMIT: usize = 1 << 20;
/// Longest value repeated in a message.
const SHOWN: usize = 100;

/// An object of which keys are taken until none is left.
#[derive(Debug)]
pub(super) struct Fields {
    /// Where in the body it is, with a dot at the end.
    place: String,
    given: Map<String, Value>,
    known: Vec<&'static str>,
}

/// The body of a request.
pub(super) async fn read(body: Body) -> Result<Value, ApiError> {
    // The client hung up, or sent more than we read; whoever still listens sent more.
    let bytes = body::to_bytes(body, LIMIT).await.map_err(|_| {
        ApiError::new(ErrorCode::RequestTooLarge, format!("the request's body has more than {LIMIT} bytes"))
    })?;
    if bytes.is_empty() {
        return Err(ApiError::parameter("the body is empty; a JSON object is expected"));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::parameter(format!("the body is no JSON: {error}")))
}

impl Fields {
    /// The object `value` at `place` in the body.
    pub(super) fn of(value: Value, place: &str, errors: &mut Vec<String>) -> Self {
        let place = if place.is_empty() { String::new() } else { format!("{place}.") };
        let given = match value {
            Value::Object(given) => given,
            other => {
                let name = if place.is_empty() { "the body" } else { place.trim_end_matches('.') };
                errors.push(format!("{name} is {}; an object is expected", short(&other)));
                Map::new()
            }
        };
        Self { place, given, known: Vec::new() }
    }

    /// Takes the value of `key`, if there is one; `what` is expected.
    pub(super) fn take<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        what: &str,
        errors: &mut Vec<String>,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.given.remove(key)?;
        let text = short(&value);
        let read = serde_json::from_value(value);
        read.map_err(|_| errors.push(format!("{}{key} is {text}; {what} is expected", self.place))).ok()
    }

    /// The same of a key that must be there.
    pub(super) fn need<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        what: &str,
        errors: &mut Vec<String>,
    ) -> Option<T> {
        let before = errors.len();
        let value = self.take(key, what, errors);
        if value.is_none() && errors.len() == before {
            errors.push(format!("{}{key} is missing; {what} is expected", self.place));
        }
        value
    }

    /// Says which keys are left, that nobody knows.
    pub(super) fn end(self, errors: &mut Vec<String>) {
        for key in self.given.keys() {
            let place = &self.place;
            errors.push(format!(
                "there is no {place}{}; there are {}",
                short(&key.as_str().into()),
                self.known.join(", ")
            ));
        }
    }
}

/// Nothing, or all that is wrong.
pub(super) fn all(errors: Vec<String>) -> Result<(), ApiError> {
    if errors.is_empty() { Ok(()) } else { Err(ApiError::parameter(errors.join("; "))) }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use serde_json::json;

    use super::*;

    // D16: every mistake at once.
    #[test]
    fn every_mistake() {
        let mut errors = Vec::new();
        let body = json!({"a": 1, "b": "x", "c": null, "d": [1, -2], "e": true});
        let mut fields = Fields::of(body, "", &mut errors);
        assert_eq!(fields.take::<u32>("a", "a number", &mut errors), Some(1));
        assert_eq!(fields.take::<u32>("b", "a number", &mut errors), None);
        assert_eq!(fields.take::<u32>("c", "a number", &mut errors), None);
        assert_eq!(fields.need::<Vec<u32>>("d", "a list of numbers", &mut errors), None);
        assert_eq!(fields.need::<u32>("f", "a number", &mut errors), None);
        fields.end(&mut errors);
        Fields::of(json!([]), "g[0]", &mut errors).end(&mut errors);
        assert_eq!(
            errors,
            [
                r#"b is "x"; a number is expected"#,
                "c is null; a number is expected",
                "d is [1,-2]; a list of numbers is expected",
                "f is missing; a number is expected",
                r#"there is no "e"; there are a, b, c, d, f"#,
                "g[0] is []; an object is expected",
            ]
        );
        assert_eq!(all(errors[..2].to_vec()).unwrap_err().message.matches("; ").count(), 3);
    }

    #[tokio::test]
    async fn bounded() {
        assert_eq!(read(Body::from("{}")).await.unwrap(), json!({}));
        let error = read(Body::empty()).await.unwrap_err();
        assert!(error.message.starts_with("the body is empty"), "{}", error.message);
        let error = read(Body::from(vec![b' '; LIMIT + 1])).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RequestTooLarge);
        let error = read(Body::from("{\"a\":")).await.unwrap_err();
        assert!(error.message.starts_with("the body is no JSON: EOF"), "{}", error.message);
    }
}
